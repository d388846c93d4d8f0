"""The folder of a run: one writer, checkpoints that are whole or not there, and a log that goes on where it stopped.

<run>/settings.json           recipe, seed, machine, versions
<run>/log.csv                 losses, one line every few updates
<run>/checkpoints/*.pt        the last few, and the best by the content loss of held-out pictures
<run>/preview/*.png           bicubic, network, photo
<run>/weights.safetensors     the averaged weights: what is evaluated and published
"""

import csv
import dataclasses
import json
import pickle
import platform
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
import torchvision
from filelock import FileLock, Timeout

from srgan_lessons import UserError, __version__
from srgan_lessons.datasets.catalogue import some
from srgan_lessons.files import atomic, explain_write_error
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.options import Options
from srgan_lessons.training.recipes import Recipe

FORMAT = 2  # of the checkpoint file


class RunFolder:
    """Opens or makes the folder of a run and holds it for this process alone, until `close` or the end of a `with`.

    The lock belongs to the process: when that ends, however it ends, another run can use the folder. Raises UserError
    if another run holds it, if it cannot be written, or if it holds weights that no checkpoint belongs to.
    """

    def __init__(self, path: str | Path, *, keep: int = 2):
        self.path, self.keep = Path(path), keep
        self.checkpoints = self.path / "checkpoints"
        self.log = self.path / "log.csv"
        self.weights = self.path / "weights.safetensors"
        self._unwritten: list[dict[str, Any]] = []  # rows of the log that the disk has not taken yet
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.path / "lock", timeout=0)
            self._lock.acquire()
        except Timeout:
            raise UserError(
                f"another run is training in {self.path}. Wait for it, or choose another folder with --folder."
            ) from None
        except (OSError, NotImplementedError) as error:  # some network file systems have no locks
            if not self._can_write():
                raise UserError(f"the run folder cannot be used: {explain_write_error(self.path, error)}") from None
            warnings.warn(
                f"{self.path} is on a file system without locks: do not start a second run in it", stacklevel=2
            )
        if self.weights.exists() and not self.latest():
            self.close()
            raise UserError(
                f"{self.path} holds weights, but no checkpoint that training could go on from, and a new run would "
                f"replace them. Choose another folder (--folder), and start from these weights if you like (--init "
                f"{self.weights})."
            )

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Releases the folder."""
        self._lock.release()

    def _can_write(self) -> bool:
        try:
            with atomic(self.path / "settings.json.try") as temporary:
                temporary.write_text("")
            (self.path / "settings.json.try").unlink()
        except (UserError, OSError):
            return False
        return True

    def check_space(self, checkpoint: int) -> None:
        """Raises UserError where the disk has no room for one checkpoint of so many bytes and one being written."""
        free = shutil.disk_usage(self.path).free
        if free < 2 * checkpoint:
            raise UserError(
                f"the disk of {self.path} has {free / 1e6:,.0f} MB free, and this run writes checkpoints of "
                f"{checkpoint / 1e6:,.0f} MB, one beside the one before it. Free some space, or choose a folder on "
                "another disk with --folder."
            )

    def latest(self) -> Path | None:
        """The checkpoint of the highest step, or None."""
        found = sorted(self.checkpoints.glob("step_*.pt"))
        return found[-1] if found else None

    def save(self, state: dict[str, Any], *, best: bool = False) -> Path:
        """Writes a checkpoint of state["step"], then removes all but the last `keep`. `best` also becomes best.pt."""
        path = self.checkpoints / f"step_{state['step']:08d}.pt"
        with atomic(path) as temporary:
            torch.save(state, temporary)
            if best:  # before the checkpoint gets its name: a run that goes on from there must find its best
                with atomic(self.checkpoints / "best.pt") as copy:
                    shutil.copyfile(temporary, copy)
        for old in sorted(self.checkpoints.glob("step_*.pt"))[: -self.keep]:
            old.unlink()
        for part in self.checkpoints.glob(".*.part"):  # left by a process that was killed while it wrote
            part.unlink()
        return path

    def write_settings(self, identity: dict[str, Any], options: Options, machine: Machine) -> None:
        """settings.json: what a reader of the results wants to know of the run."""
        settings = identity | {
            "options": dataclasses.asdict(options),
            "machine": machine.name(),
            "precision": machine.precision,
            "processes": machine.world_size,
            "versions": {
                "srgan_lessons": __version__,
                "torch": torch.__version__,
                "torchvision": torchvision.__version__,
                "python": platform.python_version(),
            },
        }
        with atomic(self.path / "settings.json") as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n")

    def rewind_log(self, step: int) -> list[dict[str, float]]:
        """Drops the log's lines after `step`, which will be computed again, and returns those that stay."""
        if not self.log.exists():
            return []
        with open(self.log, newline="") as file:
            lines = list(csv.DictReader(file))
        rows = []
        for line in lines:
            if line["step"] is None or None in line.values():  # cut off by a kill
                continue
            row = {name: float(text) if text else None for name, text in line.items()}
            if row["step"] <= step:
                rows.append(row | {"step": int(row["step"])})
        if rows:
            with atomic(self.log) as temporary, open(temporary, "w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        else:
            self.log.unlink()
        return rows

    def append_log(self, row: dict[str, Any]) -> str | None:
        """Adds a line to the log. Where the disk does not take it, returns why; it is then written with the next line.

        A line of the log is not worth a trained hour, so a failure ends nothing.
        """
        self._unwritten.append(row)
        try:
            with open(self.log, "a", newline="") as file:
                writer = csv.DictWriter(file, list(row))
                if file.tell() == 0:
                    writer.writeheader()
                writer.writerows(self._unwritten)
        except OSError as error:
            return f"{explain_write_error(self.log, error)} Training goes on; the line is written with the next one."
        self._unwritten.clear()
        return None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state in a checkpoint file; nothing in it is run. Raises UserError for a damaged or foreign file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"there is no checkpoint {path}") from None
    except pickle.UnpicklingError as error:
        raise UserError(f"{path} is refused: it holds more than weights and could run code ({error})") from None
    except (RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"the checkpoint {path} is damaged or cut off ({reason}). Delete it: the run then goes on from the one "
            "before it, or from the start if there is none."
        ) from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError(f"{path} is not a checkpoint of this course (or of another version of it)")
    return state


def check_same_run(state: dict[str, Any], expected: dict[str, Any], path: Path) -> None:
    """Raises UserError unless the checkpoint belongs to a run with the same recipe, seed and pictures.

    More (or fewer) steps are allowed where the learning rate does not depend on their number. Pictures are the same
    where their pixels are, whatever they are called.
    """
    now = dict(expected["recipe"])
    then = {field.name: field.default for field in dataclasses.fields(Recipe)} | state["recipe"]  # younger settings
    if then["name"] != now["name"]:
        raise UserError(
            f"{path} belongs to a run of {then['name']}, not of {now['name']}. Choose another folder with --folder."
        )
    if now["schedule"] == "constant":
        then.pop("steps"), now.pop("steps")
    differs = [f"{name} {then.get(name)!r} then, {now.get(name)!r} now" for name in now if then.get(name) != now[name]]
    if state["seed"] != expected["seed"]:
        differs.append(f"seed {state['seed']} then, {expected['seed']} now")
    differs += _other_photos(state["photos"], expected["photos"])
    if differs:
        raise UserError(
            f"{path} belongs to a run with other settings: {'; '.join(differs)}. Go on with those settings, or start a "
            "new run in another folder (--folder), from its weights if you like (--init)."
        )


def _other_photos(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """What differs between two sets of training pictures, each SHA-256 of the pixels -> name; [] if nothing does."""
    gone = [then[hash] for hash in then.keys() - now.keys()]
    new = [now[hash] for hash in now.keys() - then.keys()]
    parts = [f"{len(names)} {what} ({some(sorted(names))})" for what, names in (("gone", gone), ("new", new)) if names]
    return [f"other training pictures: {', '.join(parts)}"] if parts else []
