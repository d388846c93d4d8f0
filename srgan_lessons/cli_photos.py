"""Photos as they are named on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING

from srgan_lessons import UserError

if TYPE_CHECKING:
    import numpy as np

SAMPLES = "samples"  # the photos that come with scikit-image


def named_photos(names: list[str] | None, recipe: str) -> "list[Path] | dict[str, np.ndarray]":
    """What `--photos` names, for `load_photos`: a list of folders, or the sample photos themselves.

    names: folders and names of training sets, or only SAMPLES. recipe: for the message if nothing is named. Raises
    UserError if photos are needed but not named, and if SAMPLES is mixed with folders.
    """
    from srgan_lessons.datasets import catalogue, training_folders
    from srgan_lessons.images import sample_photos

    if names is None and recipe == "espcn":
        names = [SAMPLES]
    if names is None:
        raise UserError(
            f"{recipe} needs photos: --photos FOLDER, or --photos BSDS500 after `srgan-lessons data get BSDS500`; "
            f"--photos {SAMPLES} uses the few that come with scikit-image"
        )
    if SAMPLES in names:
        if len(names) > 1:
            raise UserError(f"--photos {SAMPLES} cannot be mixed with folders")
        return sample_photos()
    folders: list[Path] = []
    for name in names:
        folders += training_folders(name) if name in catalogue() and not Path(name).is_dir() else [Path(name)]
    return folders
