"""A plugin for pytest: the package as on Windows, as far as another system can show it.

    python -m pytest -p as_on_windows tests/test_files.py ...

The package finds no fcntl, no fork, no user id, no signals but those of Windows, `os.name` is "nt" and `sys.platform`
"win32" wherever it asks, and processes are spawned. Libraries keep the system that they are on. What only Windows shows
(its paths, its locks, files that cannot be renamed while they are open) is shown by CI's run there.
"""

import importlib
import multiprocessing
import os
import pkgutil
import signal
import sys
import warnings
from types import ModuleType

import pytest

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


class Finder:
    """Each module of the package that is imported sees the hidden modules from its first line's end on."""

    def __init__(self):
        sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        if name == "fcntl" and _asked_by_us():
            raise ImportError("no fcntl on Windows")
        return None


def _asked_by_us() -> bool:
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("srgan_lessons."):
            return True
        frame = frame.f_back
    return False


def pytest_configure(config: pytest.Config) -> None:
    import filelock  # noqa: F401  libraries take what their system has
    import torch  # noqa: F401

    fcntl = sys.modules.pop("fcntl", None)
    finder = Finder()
    import srgan_lessons

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for found in pkgutil.walk_packages(srgan_lessons.__path__, "srgan_lessons."):
            if not found.name.endswith("__main__"):
                hide(importlib.import_module(found.name))
    sys.meta_path.remove(finder)
    if fcntl is not None:
        sys.modules["fcntl"] = fcntl
    from srgan_lessons import files

    assert files.fcntl is None
    multiprocessing.set_start_method("spawn", force=True)


def pytest_report_header() -> str:
    return "the package as on Windows: no fcntl, no fork, its signals; os.name is nt where it asks"
