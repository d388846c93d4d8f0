"""Runs the command line: `python -m srgan_lessons`, or `torchrun -m srgan_lessons` for several processes."""

from srgan_lessons.cli import main

raise SystemExit(main())
