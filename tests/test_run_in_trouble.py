"""Lesson 11's training cell in trouble: Drive full, Drive unmounted, the clock changed, two tabs on one folder.

Each time nothing is lost, to the last bit, and one sentence says what happened and what to do. That a kernel is killed
at random is tried by benchmarks/killed_kernels.py.
"""

import dataclasses
import os
import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from trouble import disk, fill

from srgan_lessons import UserError
from srgan_lessons.classroom.drive import ask_for_drive
from srgan_lessons.datasets import load_photos
from srgan_lessons.training import absence
from srgan_lessons.training.plan import make_plan
from srgan_lessons.training.planned import train_plan

TINY = dict(blocks=1, channels=4, batch=2, crop=16)
QUIET = {"progress": False, "checkpoint_minutes": 60.0}  # a checkpoint at the end of a stage, and of a best network


@pytest.fixture(scope="module")
def photos():
    small = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 3), dtype=np.uint8)
    return load_photos({f"photo {i}": image.repeat(4, 0).repeat(4, 1) for i, image in enumerate(small)}, minimum=16)


@pytest.fixture(scope="module")
def plan(photos):
    made = make_plan("srgan-mse", 60, photos, measuring=0.1, **TINY)  # a busy machine has time enough, too
    stages = [
        dataclasses.replace(stage, recipe=stage.recipe.change(steps=count), validations=2, seconds=60.0)
        for stage, count in zip(made.stages, (4, 12), strict=True)
    ]
    return dataclasses.replace(made, stages=tuple(stages))


@pytest.fixture(autouse=True)
def shelters(tmp_path, monkeypatch):
    """This machine's own disk, where a checkpoint is kept for a while."""
    (tmp_path / "machine").mkdir()
    monkeypatch.setattr(absence.tempfile, "tempdir", str(tmp_path / "machine"))
    return tmp_path / "machine"


@pytest.fixture(scope="module")
def whole(plan, photos, tmp_path_factory):
    """The run that nothing happened to."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole")
    plan.save(folder)
    return train_plan(plan, photos, folder, **QUIET)


def assert_same(outcome, whole) -> None:
    assert outcome.finished
    for name, log in whole.logs.items():
        strip = lambda rows: [{k: v for k, v in row.items() if k != "updates_per_s"} for row in rows]  # noqa: E731
        assert strip(outcome.logs[name]) == strip(log)
        mine, theirs = (load_file(run.folder / name / "weights.safetensors") for run in (outcome, whole))
        assert all(torch.equal(mine[key], theirs[key]) for key in theirs)


def at(name: str, step: int, act):
    """on_report that acts once, after that update of that stage."""
    done = []

    def report(recipe, row):
        if (recipe, row["step"]) == (name, step) and not done:
            done.append(True)
            act()

    return report


# --- Drive -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "step"), [("srresnet-mse", 2), ("srgan-mse", 3), ("srgan-mse", 6)])
def test_drive_is_full(plan, photos, whole, tmp_path, shelters, name, step):
    """The checkpoint goes to this machine; with room again the same call goes on from that very update."""
    with disk(tmp_path / "drive", 2) as drive:
        plan.save(drive)
        fillers = []
        with pytest.raises(
            UserError, match=r"the disk is full.*Nothing is lost: update \d+ is kept.*continues"
        ) as caught:
            train_plan(plan, photos, drive, on_report=at(name, step, lambda: fillers.append(fill(drive))), **QUIET)
        assert len(str(caught.value)) < 600
        (kept,) = shelters.rglob("step_*.pt")
        assert int(kept.stem.split("_")[1]) >= step
        fillers[0].unlink()
        assert_same(train_plan(plan, photos, drive, **QUIET), whole)
        assert list(shelters.rglob("step_*.pt")) == []


@pytest.mark.parametrize(("name", "step"), [("srresnet-mse", 1), ("srgan-mse", 2), ("srgan-mse", 6), ("srgan-mse", 11)])
def test_drive_is_unmounted_midway(plan, photos, whole, tmp_path, shelters, monkeypatch, name, step):
    """The disk is gone under the run, and comes back with what was on it."""
    drive, below = tmp_path / "drive", tmp_path / "below"
    with disk(below, 4):
        drive.mkdir()

        def mount():
            subprocess.run(["mount", "--bind", str(below), str(drive)], check=True)

        def unmount():
            subprocess.run(["umount", "-l", str(drive)], check=True)

        monkeypatch.setattr(absence, "DRIVE", drive)
        mount()
        try:
            folder = drive / "srgan"
            plan.save(folder)
            with pytest.raises(UserError, match=r"is gone: its disk was unmounted .*Nothing is lost: update") as caught:
                train_plan(plan, photos, folder, on_report=at(name, step, unmount), **QUIET)
            assert len(str(caught.value)) < 600
            assert list(drive.iterdir()) == []  # nothing was written in its place: it could not be mounted again
            with pytest.raises(UserError, match="is on Google Drive, which is not mounted"):
                train_plan(plan, photos, folder, **QUIET)
            assert list(drive.iterdir()) == []
            mount()
            resumed = []
            outcome = train_plan(plan, photos, folder, on_report=lambda *row: resumed.append(row), **QUIET)
            assert all(row["step"] > step for recipe, row in resumed if recipe == name)  # no update is made twice
            assert_same(outcome, whole)
        finally:
            subprocess.run(["umount", "-l", str(drive)], check=False, capture_output=True)
    assert list(shelters.rglob("step_*.pt")) == []


def test_what_was_kept_of_another_run_is_left_alone(plan, photos, whole, tmp_path, shelters):
    """The same path, and a run that starts from scratch: it does not continue from what was rescued of the old one."""
    folder = tmp_path / "run"
    kept = absence.shelter(folder / "srresnet-mse") / "step_00000003.pt"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"of another run")
    plan.save(folder)
    assert_same(train_plan(plan, photos, folder, **QUIET), whole)
    assert kept.exists()


def test_drive_is_asked_for_by_a_cell(monkeypatch):
    """A yes gives a folder of the Drive; a no, and another machine than Colab's, a sentence."""
    with pytest.raises(UserError, match="only in Colab"):
        ask_for_drive()
    asked, answer = [], []

    def mount(place):
        asked.append(place)
        if answer:
            raise ValueError("mount failed")

    google, colab = ModuleType("google"), ModuleType("google.colab")
    google.__path__ = []
    colab.__spec__ = type("Spec", (), {"name": "google.colab"})()
    colab.drive = type("drive", (), {"mount": staticmethod(mount)})
    monkeypatch.setitem(sys.modules, "google", google)
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    assert ask_for_drive("mine") == Path("/content/drive/MyDrive/mine")
    assert asked == ["/content/drive"]
    answer.append("no")
    with pytest.raises(UserError, match=r"Drive was not mounted \(mount failed\).*on_drive = False"):
        ask_for_drive()


# --- the clock -------------------------------------------------------------------------------------------------------


def test_a_clock_that_is_changed_changes_nothing(plan, photos, whole, tmp_path, monkeypatch):
    """The time of day jumps by years, both ways, at each look; files get dates in no order."""
    jumps = random.Random(0)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: max(0.0, real() + jumps.choice((-1, 1)) * 3e7 * jumps.random()))
    plan.save(tmp_path / "run")

    def stir():
        for number, path in enumerate(sorted((tmp_path / "run").rglob("*.pt"))):
            os.utime(path, (1e9 - number, 1e9 - number))

    stop = at("srgan-mse", 7, lambda: (stir(), os.kill(os.getpid(), 2)))
    stopped = train_plan(plan, photos, tmp_path / "run", on_report=stop, **QUIET)
    assert not stopped.finished
    stir()
    assert_same(train_plan(plan, photos, tmp_path / "run", **QUIET), whole)


# --- two tabs --------------------------------------------------------------------------------------------------------


def test_two_tabs_on_one_folder(plan, photos, whole, tmp_path):
    """The second tab is told, from the first line to the last update of the first one, and changes nothing."""
    refused = []

    def second_tab(*row):
        other = dataclasses.replace(plan, machine="another measurement")
        before = (tmp_path / "plan.json").read_bytes()
        with pytest.raises(UserError, match=r"another tab or program is training in .*this one has changed nothing"):
            train_plan(other, photos, tmp_path, **QUIET)
        assert (tmp_path / "plan.json").read_bytes() == before
        refused.append(row)

    plan.save(tmp_path)
    assert_same(train_plan(plan, photos, tmp_path, on_report=second_tab, **QUIET), whole)
    assert len(refused) >= 16  # of both stages


def test_a_second_kernel_is_told_too_and_may_begin_when_the_first_was_killed(plan, photos, whole, tmp_path):
    """Another process holds the folder; if it is killed without warning, it leaves nothing that locks others out."""
    plan.save(tmp_path)
    code = f"""
        import time
        from pathlib import Path
        from srgan_lessons.training.planned import _alone
        with _alone(Path({str(tmp_path)!r})):
            print("held", flush=True)
            time.sleep(600)
    """
    other = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another tab or program"):
            train_plan(plan, photos, tmp_path, **QUIET)
    finally:
        other.kill()
        other.wait()
    assert_same(train_plan(plan, photos, tmp_path, **QUIET), whole)
