"""Runs notebooks in kernels whose sockets no other program can take.

jupyter_client looks for five free ports and releases them before the new kernel binds them. Beside other kernels one of
them is now and then taken by then, and the kernel dies (2 of 811, started eight at a time). A socket in a file has no
such race. Windows has none, and keeps the ports.
"""

import functools
import itertools
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

TOOLS = Path(__file__).resolve().parent


@functools.cache  # once: wrapping the wrapped function again would do nothing more
def sockets_in_files() -> None:
    """From now on, each kernel that this process starts gets sockets in files, where the system has them."""
    if os.name != "posix":
        return
    from jupyter_client.manager import KernelManager

    with_ports = KernelManager.__init__
    folder = tempfile.TemporaryDirectory(prefix="kernels-")  # short: the path of a socket has at most 104 characters
    numbers = itertools.count()

    def with_files(manager: KernelManager, *args: Any, **settings: Any) -> None:
        place = {"transport": "ipc", "ip": os.path.join(folder.name, str(next(numbers)))}
        with_ports(manager, *args, **(place | settings))

    KernelManager.__init__ = with_files  # type: ignore[method-assign]


def run(node: "NotebookNode", *, fast: bool, timeout: int) -> None:
    """Runs a notebook of solutions in place, in an empty folder, with this checkout's package.

    fast: with the settings of SRGAN_LESSONS_FAST=1; timeout: seconds for a cell. Raises nbclient's CellExecutionError.
    """
    from nbclient import NotebookClient

    sockets_in_files()
    path = os.pathsep.join(filter(None, [str(TOOLS.parent), str(TOOLS), os.environ.get("PYTHONPATH")]))
    env = {"SRGAN_LESSONS_STRICT": "1", "SRGAN_LESSONS_FAST": "1" if fast else "0", "PYTHONPATH": path}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(node, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": folder}})
        client.execute(env=os.environ | env)


def is_progress(output: Mapping[str, Any]) -> bool:
    """Whether an output of a cell only says how far a computation is: a bar of tqdm, or the line of `waiting`."""
    data = output.get("data", {})
    page, text = str(data.get("text/html", "")), str(data.get("text/plain", ""))
    done = re.search(r">[^<>]*: done in \d+ s<", page)
    return bool("<progress" in page or done or re.match(r"[^|\n]*\d+%\|", text))
