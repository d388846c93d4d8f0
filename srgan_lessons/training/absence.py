"""When the disk of a run goes away under it: Colab's Drive is unmounted, a stick is pulled out.

A folder that is missing would be made again, on the disk that is still there, and be gone with the machine. So a run
remembers which disk it is on, and keeps what it has on this machine until that disk is back.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from srgan_lessons import UserError

DRIVE = Path("/content/drive")  # where Colab mounts a Google Drive


def refuse_unmounted(path: str | Path) -> None:
    """Raises UserError for a place on Colab's Drive while that is not mounted."""
    if Path(path).absolute().is_relative_to(DRIVE) and not os.path.ismount(DRIVE):
        raise UserError(
            f"{path} is on Google Drive, which is not mounted: what is written there now would be lost with this "
            'machine. Mount it first: from google.colab import drive; drive.mount("/content/drive").'
        )


def disk_of(path: Path) -> int | None:
    """The number of the disk (st_dev) that a path is on, or would be on; None where the system does not tell."""
    for place in (path.absolute(), *path.absolute().parents):
        try:
            return os.stat(place).st_dev
        except FileNotFoundError:
            continue
        except OSError:  # a mount whose other end is gone
            return None
    return None


def shelter(path: Path) -> Path:
    """The folder on this machine for checkpoints of a run whose own folder is gone; the same for the same path."""
    digest = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"srgan-lessons-run-{digest}"
