"""A download killed at any moment goes on, and ends with the right file or none.

`python tests/test_killed_downloads.py FOLDER 100` kills a hundred times.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from loopback import Answer, serve, sha256

KILLS = 12
BODY = np.random.default_rng(3).bytes(16_000_000)


def _in_a_child(url: str, target: Path) -> int:
    child = os.fork()
    if child == 0:
        try:
            from srgan_lessons.download import download

            download(url, target, sha256=sha256(BODY), size=len(BODY), progress=False)
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
    return child


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this system lacks")
def test_killed_at_any_moment(tmp_path):
    """In a process of its own: one that has had threads of torch's is not to be forked."""
    environment = os.environ | {"no_proxy": "127.0.0.1"}
    command = [sys.executable, __file__, str(tmp_path), str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KILLS} kills" in done.stdout


def _size(target: Path) -> int:
    part = target.with_name(f"{target.name}.part")
    return part.stat().st_size if part.exists() else 0


def _kill(child: int, target: Path, share: float) -> int:
    """Ends a child when it has so much of what was missing, however quick the machine is. Returns its status."""
    goal = _size(target) + share * (len(BODY) - _size(target))
    while _size(target) < goal:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:  # it was quicker
            return status
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _kill_and_compare(folder: Path, wanted: int) -> None:
    import srgan_lessons.download  # noqa: F401  here, so that no child needs time for it

    dice, kills, files, parts = random.Random(0), 0, 0, 0
    with serve() as site:
        url = site.put("/file", Answer(body=BODY, etag='"one"'))
        while kills < wanted:
            files += 1
            target = folder / f"file{files}.bin"
            while True:
                child = _in_a_child(url, target)
                status = _kill(child, target, dice.uniform(0, 0.5))
                if target.exists():
                    assert target.read_bytes() == BODY, "half a file has the name of a whole one"
                if not os.WIFSIGNALED(status):
                    assert os.WEXITSTATUS(status) == 0
                    break
                kills += 1
                parts += _size(target) > 0
                if kills % 10 == 0 or kills == wanted or target.exists():
                    _, status = os.waitpid(_in_a_child(url, target), 0)
                    assert status == 0
                    break
            assert target.read_bytes() == BODY
            assert [path.name for path in folder.glob(f"{target.name}*")] == [target.name]  # nothing beside it
    assert parts > wanted / 3
    print(f"{kills} kills, {parts} of them with a part on the disk, {files} files compared")


if __name__ == "__main__":
    _kill_and_compare(Path(sys.argv[1]), int(sys.argv[2]))
