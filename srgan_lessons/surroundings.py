"""Where the course runs: in Colab, Kaggle, Binder, Codespaces, VS Code or conda, or on your own machine."""

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What differs from place to place.

    told_by: environment variables, of which the place sets one. files: what happens to files. gpu: how to get a GPU.
    pip: how to install packages there. shows_notebooks: whether it needs no JupyterLab.
    """

    name: str
    told_by: tuple[str, ...] = ()
    files: str = "what you write stays on this machine"
    gpu: str = "lessons run on the CPU; for full training open the lesson in Colab, which lends GPUs"
    pip: str = "pip install"
    shows_notebooks: bool = False


COLAB = Surroundings(
    name="Colab",
    told_by=("COLAB_RELEASE_TAG", "COLAB_GPU"),
    files="files are gone when the session ends; keep a run in Drive, as lesson 11 does",
    gpu="choose Runtime > Change runtime type > T4 GPU",
    pip="!pip install",
    shows_notebooks=True,
)
KAGGLE = Surroundings(
    name="Kaggle",
    told_by=("KAGGLE_KERNEL_RUN_TYPE",),
    files="only /kaggle/working is kept, and only with Save Version",
    gpu="choose Settings > Accelerator > GPU in the notebook's menu",
    pip="!pip install",
    shows_notebooks=True,
)
BINDER = Surroundings(
    name="Binder",
    told_by=("BINDER_SERVICE_HOST", "BINDER_LAUNCH_HOST", "BINDER_REPO_URL"),
    files="files are gone after some minutes of inactivity; download what you want to keep",
    gpu="Binder has none, and little memory; for training open the lesson in Colab, which lends GPUs",
)
CODESPACES = Surroundings(
    name="Codespaces",
    told_by=("CODESPACES",),
    files="files stay until the codespace is deleted; push or download what you want to keep",
    gpu="Codespaces has none; for full training open the lesson in Colab, which lends GPUs",
)
VS_CODE = Surroundings(name="VS Code", told_by=("VSCODE_PID", "VSCODE_IPC_HOOK_CLI", "VSCODE_GIT_IPC_HANDLE"))
PLAIN = Surroundings(name="this machine")
PLACES = (COLAB, KAGGLE, BINDER, CODESPACES, VS_CODE)  # Codespaces is also VS Code: the first match counts


def surroundings(environment: Mapping[str, str] = os.environ) -> Surroundings:
    """The place where this process runs, judged by its environment variables."""
    found = (place for place in PLACES if any(environment.get(name) for name in place.told_by))
    return next(found, PLAIN)


def packages_from(environment: Mapping[str, str] = os.environ) -> str:
    """Where this Python's packages are: in a conda environment, a virtual environment, or the system's folders."""
    if (prefix := environment.get("CONDA_PREFIX")) and os.path.realpath(sys.prefix) == os.path.realpath(prefix):
        return f"conda environment {environment.get('CONDA_DEFAULT_ENV') or prefix}"
    if sys.prefix != sys.base_prefix:
        return f"virtual environment {sys.prefix}"
    return f"no environment: Python's own folders, {sys.prefix}"


def system() -> str:
    """The operating system in one word: Linux, Windows or macOS."""
    return {"Darwin": "macOS"}.get(platform.system(), platform.system())
