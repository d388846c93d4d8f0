"""A plugin for pytest: the package as on Windows, as far as another system can show it.

    python -m pytest -p as_on_windows tests/test_files.py ...

The package finds no fcntl, no resource, no fork, no user id, no signals but those of Windows, `os.name` is "nt" and
`sys.platform` "win32" wherever it asks, and processes are spawned. Libraries keep the system that they are on. What
only Windows shows (its paths, its locks, files that cannot be renamed while they are open) is shown by CI's run there.
"""

import errno
import importlib
import multiprocessing
import os
import pkgutil
import signal
import sys
import warnings
from types import ModuleType

HIDDEN = {
    os: {
        "fork",
        "forkpty",
        "geteuid",
        "getuid",
        "sched_getaffinity",
        "sysconf",
        "mkfifo",
        "killpg",
        "setsid",
        "pathconf",
    },
    signal: {"SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGPIPE", "setitimer", "getitimer", "alarm"},
    sys: set(),
}
SAID = {os: {"name": "nt"}, signal: {}, sys: {"platform": "win32"}}


class Hiding(ModuleType):
    """A module of Python's, without what Windows has not."""

    def __init__(self, module: ModuleType):
        super().__init__(module.__name__)
        self.__dict__["_module"] = module
        self.__dict__.update(SAID[module])

    def __getattr__(self, name: str):
        if name in HIDDEN[self._module]:
            raise AttributeError(f"{self.__name__} has no {name} on Windows")
        return getattr(self._module, name)


def hide(module: ModuleType) -> None:
    for name, value in list(vars(module).items()):
        if isinstance(value, ModuleType) and value in HIDDEN:
            setattr(module, name, Hiding(value))


UNIX_ONLY = ("fcntl", "resource")


class NotOnWindows:
    """Refuses modules to the package, and to nobody else."""

    def find_spec(self, name, path=None, target=None):
        if name in UNIX_ONLY and _importer().startswith("srgan_lessons"):
            raise ImportError(f"no {name} on Windows")


class Msvcrt:
    """Windows' way to lock a byte of a file, by what this system has."""

    LK_NBLCK = 2

    @staticmethod
    def locking(file: int, mode: int, count: int) -> None:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PermissionError(errno.EACCES, "Permission denied") from None


def _importer() -> str:
    """The name of the module that imports something just now."""
    frame = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith((__name__, "importlib", "_frozen")):
        frame = frame.f_back
    return "" if frame is None else frame.f_globals.get("__name__", "")


def _hide_all() -> None:
    import filelock  # noqa: F401  libraries take what their system has
    import torch  # noqa: F401

    import srgan_lessons

    there = {name: sys.modules.pop(name) for name in UNIX_ONLY if name in sys.modules}
    refusing = NotOnWindows()
    sys.meta_path.insert(0, refusing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for found in pkgutil.walk_packages(srgan_lessons.__path__, "srgan_lessons."):
            if not found.name.endswith("__main__"):
                hide(importlib.import_module(found.name))
    sys.meta_path.remove(refusing)
    sys.modules.update(there)
    files = importlib.import_module("srgan_lessons.files")
    if files.fcntl is not None:
        raise RuntimeError("the package was imported before this plugin")
    files.msvcrt = Msvcrt
    multiprocessing.set_start_method("spawn", force=True)


_hide_all()  # when the plugin is imported: before the first conftest.py, which imports the package


def pytest_report_header() -> str:
    return "the package as on Windows: no fcntl, no fork, its signals; os.name is nt where it asks"
