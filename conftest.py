"""For every run of pytest, also one of nbval over the notebooks: each kernel gets sockets that no other can take.

jupyter_client looks for five free ports and releases them before the new kernel binds them. Beside other kernels one of
them is now and then taken by then, and the kernel dies (2 of 811, started eight at a time). A socket in a file has no
such race. Windows has none, and keeps the ports.
"""

import importlib.util
import itertools
import os
import tempfile
from typing import Any

if os.name == "posix" and importlib.util.find_spec("jupyter_client"):
    from jupyter_client.manager import KernelManager

    _with_ports = KernelManager.__init__
    _folder = tempfile.TemporaryDirectory(prefix="kernels-")  # short: the path of a socket has at most 104 characters
    _numbers = itertools.count()

    def _with_files(manager: KernelManager, *args: Any, **settings: Any) -> None:
        place = {"transport": "ipc", "ip": os.path.join(_folder.name, str(next(_numbers)))}
        _with_ports(manager, *args, **(place | settings))

    KernelManager.__init__ = _with_files  # type: ignore[method-assign]
