"""For every run of pytest, also one of nbval over the notebooks: each kernel gets sockets that no other can take."""

import importlib.util
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tools"))

from kernels import sockets_in_files

# jsonschema, which nbformat imports, would build the grammars of all internet addresses if it found this package. That
# takes each process 1.5 seconds, and no notebook holds such an address to be checked.
sys.modules.setdefault("rfc3987_syntax", None)

if importlib.util.find_spec("jupyter_client"):
    sockets_in_files()
