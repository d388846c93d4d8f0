"""The folder of a run: one writer, checkpoints that are complete or absent, and a log that continues where it stopped.

<run>/settings.json           recipe, seed, machine, versions
<run>/log.csv                 losses, one line every few updates
<run>/checkpoints/*.pt        the last few, and the best on the held-out pictures (see Validation.criterion)
<run>/preview/*.png           bicubic, network, photo
<run>/weights.safetensors     the averaged weights: what is evaluated and published
"""

import csv
import dataclasses
import errno
import hashlib
import io
import itertools
import json
import os
import pickle
import platform
import shutil
import socket
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, SoftFileLock, Timeout
from torch import nn

from srgan_lessons import UserError, __version__, processes
from srgan_lessons.datasets.catalogue import some
from srgan_lessons.files import atomic, explain_write_error
from srgan_lessons.training.absence import disk_of, refuse_unmounted, shelter
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.options import Options
from srgan_lessons.training.recipes import Recipe
from srgan_lessons.weights import read_metadata, save_network

FORMAT = 2  # of the checkpoint file


class RunFolder:
    """Opens or creates the folder of a run and locks it for this process, until `close` or the end of a `with`.

    The lock belongs to the process: once the process ends, however it ends, another run can use the folder. A log
    without a checkpoint is kept under another name, `log_before_1.csv`. Raises UserError if another run has locked the
    folder, if the folder cannot be written to, or if it contains weights without a checkpoint.
    """

    def __init__(self, path: str | Path, *, keep: int = 2):
        self.path, self.keep = Path(path), keep
        self.checkpoints = self.path / "checkpoints"
        self.log = self.path / "log.csv"
        self.weights = self.path / "weights.safetensors"
        self.put_aside: Path | None = None  # the new name of a log that had no checkpoint
        self._columns: list[str] = []  # of the log, if it has any
        self._unwritten: list[dict[str, Any]] = []  # rows of the log that could not be written yet
        self._disk: int | None = None
        self._strange: set[Path] = set()  # files kept on this machine for another run with the same path
        refuse_unmounted(self.path)
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.path / "lock", timeout=0)
            locked = acquire(self._lock)
        except Timeout:
            raise UserError(
                f"another run is training in {self.path}. Wait for it, or choose another folder with --folder."
            ) from None
        except (OSError, NotImplementedError) as error:  # some network file systems have no locks
            if not self._can_write():
                why = explain_write_error(self.path, error) if isinstance(error, OSError) else str(error)
                raise UserError(f"the run folder cannot be used: {why}") from None
            locked = False
        if locked:
            self._clear_parts()
        else:
            warnings.warn(
                f"{self.path} is on a file system without locks, so a second run in it cannot be detected: "
                "do not start one",
                stacklevel=2,
            )
        self._disk = disk_of(self.path)
        try:
            self._bring_back()
        except UserError:
            self.close()
            raise
        if self.weights.exists() and not self.latest():
            self.close()
            raise UserError(
                f"{self.path} contains weights but no checkpoint to continue from, and a new run would overwrite the "
                f"weights. Choose another folder (--folder). To start from these weights, add --init {self.weights}."
            )

    def _clear_parts(self) -> None:
        """Removes what killed processes left half written. We hold the lock, so nobody else is writing."""
        for folder in (self.path, self.checkpoints, self.path / "preview"):
            for part in folder.glob(".*.part"):
                with suppress(OSError):
                    part.unlink()

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Releases the folder."""
        if self._disk is not None and not self.is_gone():
            self._fetch_previews()
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
        """Raises UserError if the disk has no room for two checkpoints of that many bytes: the last and the next."""
        free = shutil.disk_usage(self.path).free
        if free < 2 * checkpoint:
            raise UserError(
                f"the disk of {self.path} has too little space: {free / 1e6:,.0f} MB are free. A checkpoint needs "
                f"{checkpoint / 1e6:,.0f} MB, and the next one is written while the last one still exists. Free some "
                "space, or choose a folder on another disk with --folder."
            )

    def latest(self) -> Path | None:
        """The checkpoint to continue from: the one with the highest step, otherwise best.pt, otherwise None."""
        return latest_checkpoint(self.path)

    def save(self, state: dict[str, Any], *, best: bool = False) -> Path:
        """Writes a checkpoint of state["step"], then removes all but the last `keep`. best: also writes best.pt."""
        path = self.checkpoints / f"step_{state['step']:08d}.pt"
        with atomic(path) as temporary:
            with open(temporary, "wb") as file:  # from a name alone, torch would hide why it could not write
                try:
                    torch.save(state, file)
                except RuntimeError as error:
                    raise _disk_error(error) or error from None
            if best:  # before the checkpoint gets its name: a run that continues from it must find its best.pt
                with atomic(self.checkpoints / "best.pt") as copy:
                    shutil.copyfile(temporary, copy)
        for old in sorted(self.checkpoints.glob("step_*.pt"))[: -self.keep]:
            with suppress(OSError):  # if it cannot be removed now, it is removed after the next save
                old.unlink()
        return path

    def publish(self, average: nn.Module, recipe: str, step: int) -> None:
        """Writes the averaged weights of that update. Its checkpoint is written first: a kill loses no update."""
        save_network(self.weights, average, recipe=recipe, updates=str(step))

    def publishes(self, step: int) -> bool:
        """Whether the averaged weights of that update are on the disk."""
        try:
            return read_metadata(self.weights).get("updates") == str(step)
        except UserError:
            return False

    def is_gone(self) -> bool:
        """Whether the folder's disk has been unmounted since the folder was opened."""
        return disk_of(self.path) != self._disk

    def rescue(self, state: dict[str, Any], *, best: bool, why: str) -> UserError:
        """Keeps a checkpoint on this machine if the folder cannot store it. Opening the folder again fetches it.

        why: the reason, as a sentence. Returns the error to raise. Raises UserError if this machine's disk cannot store
        it either.
        """
        content = state | {"rescued": {"best": best, "rows": self._unwritten}}
        with atomic(shelter(self.path) / f"step_{state['step']:08d}.pt") as temporary, open(temporary, "wb") as file:
            try:
                torch.save(content, file)
            except RuntimeError as error:
                raise _disk_error(error) or error from None
        return UserError(
            f"{why} Nothing is lost: update {state['step']:,} is kept on this machine for now. When the disk is "
            "back, run the same cell or command: it continues from that update."
        )

    def _bring_back(self) -> None:
        """Fetches what `rescue` kept, if it is newer than the folder's own. Leaves it alone if there is no run yet."""
        if not (self.path / "settings.json").exists():
            self._strange = set(shelter(self.path).rglob("*"))
            return
        for kept in sorted(shelter(self.path).glob("step_*.pt")):
            latest = self.latest()
            if not latest or latest.stem == "best" or kept.stem > latest.stem:
                state = read_checkpoint(kept)
                rescued = state.pop("rescued")
                self.save(state, best=rescued["best"])
                self.rewind_log(state["step"])
                self.append_log(rescued["rows"])
            kept.unlink()
        self._fetch_previews()

    def _fetch_previews(self) -> None:
        """Moves previews that were kept on this machine into the folder. Those that cannot be moved stay here."""
        for kept in set((shelter(self.path) / "preview").glob("update_*.png")) - self._strange:
            with suppress(OSError, UserError):
                with atomic(self.path / "preview" / kept.name) as temporary:
                    shutil.copyfile(kept, temporary)
                kept.unlink()

    def write_settings(self, identity: dict[str, Any], options: Options, machine: Machine) -> None:
        """Writes settings.json: what a reader of the results wants to know about the run."""
        settings = identity | {
            "options": dataclasses.asdict(options),
            "machine": machine.name(),
            "precision": machine.precision,
            "processes": machine.world_size,
            "versions": {
                "srgan_lessons": __version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
        }
        with atomic(self.path / "settings.json") as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n")

    def rewind_log(self, step: int) -> list[dict[str, float]]:
        """Removes the log's lines after `step`, which will be computed again, and returns those that stay.

        Columns of an older version stay, too. A log without a checkpoint belongs to another run and is renamed.
        """
        if not self.log.exists():
            return []
        rows = [row for row in self._read_log() if row["step"] <= step]
        if not self.latest():
            number = next(n for n in itertools.count(1) if not (self.path / f"log_before_{n}.csv").exists())
            self.put_aside = self.log.rename(self.path / f"log_before_{number}.csv")
        elif rows:
            self._rewrite_log(rows)
        else:
            self.log.unlink()
        return rows

    def _read_log(self) -> list[dict[str, Any]]:
        """The complete lines of the log, without any that were cut off by a kill or are not rows of numbers."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        rows = []
        for line in csv.DictReader(line for line in lines if line.endswith("\n")):
            try:
                if None not in line and None not in line.values():
                    row: dict[str, Any] = {name: float(text) if text else None for name, text in line.items()}
                    rows.append(row | {"step": int(row["step"])})
            except (ValueError, TypeError, KeyError):
                continue
        return rows

    def _rewrite_log(self, rows: list[dict[str, Any]]) -> None:
        self._columns = list(dict.fromkeys(name for row in rows for name in row))
        with atomic(self.log) as temporary:
            temporary.write_text(_as_csv(self._columns, rows, header=True), encoding="utf-8", newline="")

    def append_log(self, rows: list[dict[str, Any]]) -> str | None:
        """Adds rows to the log. If they cannot be written, returns the reason; the next call writes them, too.

        A line of the log is not worth an hour of training, so a failure does not end the run.
        """
        self._unwritten += rows
        if not self._unwritten:
            return None
        try:
            new = [name for row in self._unwritten for name in row if self._columns and name not in self._columns]
            if new:  # another version, with other columns, started the log
                self._rewrite_log(self._read_log() + self._unwritten)
            else:
                self._append()
        except OSError as error:
            return explain_write_error(self.log, error)
        except UserError as error:
            return str(error)
        self._unwritten.clear()
        return None

    def _append(self) -> None:
        """Writes all unwritten rows at once. If only part of them fits, the file is cut back to its old length."""
        columns = self._columns or list(self._unwritten[0])
        with open(self.log, "ab", buffering=0) as file:
            before = os.fstat(file.fileno()).st_size
            data = _as_csv(columns, self._unwritten, header=before == 0).encode()
            try:
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file.fileno(), before)
                raise
        self._columns = columns


def acquire(lock: FileLock) -> bool:
    """Acquires a lock, or returns False if the file system has no locks.

    A soft lock does not count, because it outlives a killed process. Raises Timeout if another process holds the lock.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # filelock's own warning: RunFolder says what it means for the run
        lock.acquire()
    if isinstance(lock, SoftFileLock):
        lock.release()
        return False
    return True


def _disk_error(error: BaseException | None) -> OSError | None:
    """The error that the disk raised. torch's writer is closed after that, and raises another error on top of it."""
    while error is not None and not isinstance(error, OSError):
        error = error.__context__
    return error


def _as_csv(columns: list[str], rows: list[dict[str, Any]], *, header: bool) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def latest_checkpoint(run: Path) -> Path | None:
    """The checkpoint that a run in this folder continues from, or None. See `RunFolder.latest`."""
    checkpoints = run / "checkpoints"
    found = [*checkpoints.glob("best.pt"), *sorted(checkpoints.glob("step_*.pt"))]
    return found[-1] if found else None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state in a checkpoint file. No code in it is run. Raises UserError for a damaged or foreign file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"there is no checkpoint {path}") from None
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} was refused: it contains more than weights and could run code ({error}). Delete it if you do "
            "not know where it comes from."
        ) from None
    except Exception as error:  # for a damaged file torch raises almost anything, even IndexError and TypeError
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        others = any(other != path for other in path.parent.glob("*.pt"))
        advice = (
            "Delete it: the run then continues from the one before it."
            if others
            else "There is no other one: start again in another folder (--folder), from this run's weights if there "
            f"are any (--init {path.parent.parent / 'weights.safetensors'})."
        )
        raise UserError(f"the checkpoint {path} is damaged or incomplete ({reason}). {advice}") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError(
            f"{path} is not a checkpoint of this version of the course. Choose another folder with --folder."
        )
    return state


def check_same_run(state: dict[str, Any], expected: dict[str, Any], path: Path) -> None:
    """Raises UserError unless the checkpoint belongs to a run with the same recipe, seed and pictures.

    More (or fewer) steps are allowed if the learning rate does not depend on their number. Pictures are the same if
    their pixels are, whatever their names.
    """
    now = dict(expected["recipe"])
    then = {field.name: field.default for field in dataclasses.fields(Recipe)} | state["recipe"]  # with newer fields
    if then["name"] != now["name"]:
        raise UserError(
            f"{path} belongs to a run of {then['name']}, not of {now['name']}. Choose another folder with --folder."
        )
    if now["schedule"] == "constant":
        then.pop("steps"), now.pop("steps")
    differs = [f"{name} {then.get(name)!r} then, {now.get(name)!r} now" for name in now if then.get(name) != now[name]]
    if state["seed"] != expected["seed"]:
        differs.append(f"seed {state['seed']} then, {expected['seed']} now")
    # Held-out pictures count, too: a new photo can move another from one side to the other. Older states lack them.
    known = ("photos", "held_out") if "held_out" in state else ("photos",)
    differs += _other_photos(*({k: v for name in known for k, v in run[name].items()} for run in (state, expected)))
    if differs:
        raise UserError(
            f"{path} belongs to a run with other settings: {'; '.join(differs)}. Use those settings to continue it, or "
            "start a new run in another folder (--folder). To start from its weights, add --init."
        )


def check_processes(identity: dict[str, Any], options: Options, machine: Machine) -> None:
    """Raises UserError, in all processes of a run, if one of them would not train the same as the main process."""
    mine = {
        **identity["recipe"],
        "seed": identity["seed"],
        "precision": machine.precision,
        "device": machine.device.type,
        "log_every": options.log_every,  # how often processes consult each other
        "srgan_lessons": __version__,
        "torch": torch.__version__,
    }
    everybody = processes.gather(mine)
    photos = processes.gather(_photos_hash(identity))
    sets: list[dict[str, str]] = [{}] * machine.world_size
    if len(set(photos)) > 1:  # only then are their names needed
        sets = processes.gather(identity["photos"] | identity["held_out"])
    wrong = []
    for number in range(1, machine.world_size):
        differs = [
            f"{name} {value!r} (process 0: {everybody[0][name]!r})"
            for name, value in everybody[number].items()
            if value != everybody[0][name]
        ]
        if photos[number] != photos[0]:
            differs += _other_photos(sets[0], sets[number]) or ["the same training pictures in a different order"]
        if differs:
            wrong.append(f"process {number} has {'; '.join(differs)}")
    if wrong:
        error = UserError(
            f"the processes of this run differ from process 0: {'. '.join(wrong)}. Give all of them the same command, "
            "the same photos, and the same versions of the course and of torch."
        )
        error.told = machine.rank != 0
        raise error


def check_run_is_here(path: Path) -> None:
    """Raises UserError, in all processes, if a process other than the main one has this run, or more of it.

    torchrun's rendezvous decides which machine hosts the main process. It is not always the machine named first.
    """
    latest = latest_checkpoint(path)
    step = -1 if latest is None else int(latest.stem.removeprefix("step_")) if latest.stem != "best" else 0
    everybody = processes.gather((step, socket.gethostname()))
    furthest, host = max(everybody, key=lambda found: found[0])
    if furthest > everybody[0][0]:
        error = UserError(
            f"the run in {path} is on {host}, at update {furthest:,}, but process 0 is on {everybody[0][1]}, which has "
            f"{'none' if everybody[0][0] < 0 else f'update {everybody[0][0]:,}'}. Copy the folder there, or choose a "
            "--folder on a disk that both share. To choose the first machine yourself, give torchrun --node_rank 0 "
            "--master_addr HOST --master_port 29500 instead of --rdzv_... options."
        )
        error.told = processes.rank() != 0
        raise error


def _photos_hash(identity: dict[str, Any]) -> str:
    """One hash of all training and held-out pictures and their order."""
    return hashlib.sha256(json.dumps([list(identity["photos"]), list(identity["held_out"])]).encode()).hexdigest()


def _other_photos(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """What differs between two sets of training pictures, or []. Each set maps the SHA-256 of the pixels to a name."""
    gone = [then[hash] for hash in then.keys() - now.keys()]
    new = [now[hash] for hash in now.keys() - then.keys()]
    parts = [f"{len(names)} {what} ({some(sorted(names))})" for what, names in (("gone", gone), ("new", new)) if names]
    return [f"other training pictures: {', '.join(parts)}"] if parts else []
