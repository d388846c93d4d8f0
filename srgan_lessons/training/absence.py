"""What a run does when its disk disappears: Colab's Drive is unmounted, or a USB stick is pulled out.

Without this module, the missing folder would be created again on the machine's own disk, and be lost with the machine.
So a run remembers which disk it is on. If that disk disappears, the run keeps its results on this machine until the
disk is back.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from srgan_lessons import UserError

DRIVE = Path("/content/drive")  # where Colab mounts a Google Drive


def refuse_unmounted(path: str | Path) -> None:
    """Raises UserError for a path on Colab's Drive while the Drive is not mounted."""
    if Path(path).absolute().is_relative_to(DRIVE) and not os.path.ismount(DRIVE):
        raise UserError(
            f"{path} is on Google Drive, which is not mounted: what is written there now would be lost with this "
            'machine. Mount it first: from google.colab import drive; drive.mount("/content/drive").'
        )


def disk_of(path: Path) -> int | None:
    """The number of the disk (st_dev) that a path is on, or would be on; None if the system does not say."""
    for place in (path.absolute(), *path.absolute().parents):
        try:
            return os.stat(place).st_dev
        except FileNotFoundError:
            continue
        except OSError:  # a mount whose server is gone
            return None
    return None


def shelter(path: Path) -> Path:
    """The folder on this machine for checkpoints of a run whose own folder is gone. It depends only on the path."""
    digest = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"srgan-lessons-run-{digest}"
