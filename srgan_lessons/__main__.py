"""`python -m srgan_lessons`, and what `torchrun -m srgan_lessons` starts."""

from srgan_lessons.cli import main

raise SystemExit(main())
