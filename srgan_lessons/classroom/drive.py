"""Google Drive, which keeps a run when Colab closes the session. It is used only if a cell asks for it."""

import importlib.util
from pathlib import Path

from srgan_lessons import UserError
from srgan_lessons.training.absence import DRIVE


def ask_for_drive(folder: str = "srgan") -> Path:
    """In Colab, asks for access to the learner's Google Drive, and returns the path of this folder in it.

    Colab shows a window in which the learner agrees or refuses. Raises UserError if the learner refuses, and outside
    Colab.
    """
    try:
        there = importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:  # there is no package google at all
        there = False
    if not there:
        raise UserError("Google Drive is available only in Colab. Here, every folder is kept: set on_drive = False.")
    from google.colab import drive

    try:
        drive.mount(str(DRIVE))
    except Exception as error:  # whatever Colab raises for a refusal: ValueError, MessageError, ...
        raise UserError(
            f"Drive was not mounted ({error}). Run the cell again and allow it, or set on_drive = False: the run is "
            "then kept only on this machine, and is lost when Colab closes it."
        ) from None
    return DRIVE / "MyDrive" / folder
