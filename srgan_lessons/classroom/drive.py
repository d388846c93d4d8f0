"""Google Drive, which keeps a run when Colab closes the session. It is asked for by a cell, never assumed."""

import importlib.util
from pathlib import Path

from srgan_lessons import UserError
from srgan_lessons.training.absence import DRIVE


def ask_for_drive(folder: str = "srgan") -> Path:
    """Asks for the learner's Google Drive, in Colab, and returns a folder of that name in it.

    Colab shows a window in which the learner says yes or no. Raises UserError for a no, and outside Colab.
    """
    try:
        there = importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:  # no package google at all
        there = False
    if not there:
        raise UserError("Google Drive can be asked for in Colab alone. Here any folder is kept: set on_drive = False.")
    from google.colab import drive

    try:
        drive.mount(str(DRIVE))
    except Exception as error:  # whatever Colab raises for a no: ValueError, MessageError, ...
        raise UserError(
            f"Drive was not mounted ({error}). Run the cell again and allow it, or set on_drive = False: the run is "
            "then on this machine alone, and gone when Colab closes it."
        ) from None
    return DRIVE / "MyDrive" / folder
