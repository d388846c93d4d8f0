"""Several processes of one command: they start alike, refuse what differs, and none waits for ever."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from srgan_lessons import UserError, processes
from srgan_lessons.class_table.cells import Cell
from srgan_lessons.class_table.handout import Handout
from srgan_lessons.class_table.homework import plan_of
from srgan_lessons.datasets import Photos
from srgan_lessons.training.plan import Plan
from srgan_lessons.training.planned import train_plan, train_within

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this system lacks")


def play(scenario: str, folder: Path) -> dict:
    script = Path(__file__).with_name("several.py")
    command = [sys.executable, str(script), scenario, str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=500, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_gradients_are_means_over_the_processes(tmp_path):
    """1 and 2 become 1.5 in both: a sum would still train with Adam, which divides by the gradient's size."""
    found = play("gradients", tmp_path)
    assert [status for status, _ in found] == [0, 0], found
    assert [json.loads(said) for _, said in found] == [[[[1.5, 3.0, 4.5]], [6.0], None]] * 2


def test_only_the_main_process_has_a_run_folder(tmp_path):
    """The others get checkpoint and weights from it; from one store, or each with photos in memory: the same bits."""
    found = play("checkpoint", tmp_path)
    assert [[status for status, _ in part] for part in found["outputs"]] == [[0, 0]] * 4, found["outputs"]
    assert found["stopped"]
    assert not found["none"]
    assert len(set(found["digests"])) == 1
    assert "mapped from the store" in found["outputs"][0][0][1]
    assert found["outputs"][0][0][1].count("recipe tiny-gan") == 1
    assert "recipe" not in found["outputs"][0][1][1]


def test_processes_that_differ_are_refused(tmp_path):
    found = play("differs", tmp_path)
    words = {
        "seed": "process 1 has seed 1 (process 0: 0)",
        "recipe": "process 1 has rate 0.002 (process 0: 0.001)",
        "photos": "process 1 has other training pictures: 1 gone (p5), 1 new (other)",
        "log_every": "process 1 has log_every 4 (process 0: 3)",
        "precision": "process 1 has precision 'fp16' (process 0: 'fp32')",
        "missing": "process 1 of 2: ",
        "init": "nothing.safetensors",
    }
    for name, text in words.items():
        (first, said), (second, also) = found[name]
        assert (first, second) == (2, 2), (name, said, also)
        assert text in said + also, (name, said, also)
        assert (said + also).count("UserError") == 1  # one of them speaks
    assert found["steps"] == [[]]  # nothing was trained


def test_none_waits_for_ever(tmp_path):
    found = play("ends", tmp_path)
    (status, said), (other, _) = found["elsewhere"]
    assert (status, other) == (2, 2)
    assert "at update 9, but process 0 is on" in said
    (status, said), _ = found["hangs"]
    assert status == 1
    assert "process 0 of 2 has made no update for 0.1 minutes, so it ends" in said
    (status, said), (other, _) = found["killed"]
    assert (status, other) == (2, -9)
    assert "process 0 of 2 has lost the others" in said
    (status, _), (other, said) = found["main"]
    assert (status, other) == (-9, 2)
    assert "process 1 of 2 has lost the others" in said
    assert [status for status, _ in found["after"]] == [0, 0], found["after"]


def test_all_stop_after_the_update_in_which_one_was_asked_to(tmp_path):
    """torchrun kills its workers 30 s after a SIGTERM, and a line of the log may be further away than that."""
    found = play("asked", tmp_path)
    assert [[status for status, _ in part] for part in found["outputs"]] == [[0, 0]] * 3, found["outputs"]
    assert "stopped after update 4;" in found["outputs"][0][0][1]
    assert "continuing after update 4" in found["outputs"][1][0][1]
    assert len(set(found["digests"])) == 1


def test_killed_at_any_moment(tmp_path):
    """Whichever process is killed, all go on from the last checkpoint to the weights of an undisturbed run."""
    found = play("kills", tmp_path)
    assert found["kills"] >= 20
    assert found["under_way"] > 5  # the others met a run that had no checkpoint yet
    assert len(set(found["digests"])) == 1
    assert len(found["digests"]) > 1


def test_shares_of_a_folder_are_enlarged(tmp_path):
    """Results, output and exit status as of one process; called again, only what is missing is made."""
    found = play("upscale", tmp_path)
    status, said = found["alone"]
    assert status == 1  # for the bad picture
    assert [status for status, _ in found["two"]] == [1, 1]
    assert found["same"]
    lines = {line.replace("/one/", "/two/") for line in said.splitlines() if "tile" not in line}
    assert lines - set("".join(text for _, text in found["two"][:1]).splitlines()) <= {""}
    assert found["two"][1][1].strip() == ""
    again = found["again"][0][1]
    assert "p2_x4.png" in again
    assert "kept 5 that already existed" in again


def test_plans_are_for_one_process(monkeypatch, tmp_path):
    """Also a class's cell, which is a plan: its processes would shut each other out of the folder."""
    cell = Cell(content="mse", weight=0)
    handout = Handout(groups={"1": (cell, 0)}, updates=(1, 1), settings={}, photos={}, source="")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for call in (
        lambda: train_within("espcn", 1, tmp_path),
        lambda: plan_of(handout, "1", Photos(images={}), tmp_path / "run"),
        lambda: train_plan(Plan(minutes=1, stages=(), machine="", request={}), {}, tmp_path / "run"),
    ):
        with pytest.raises(UserError, match=r"is for one process: start it without torchrun\. For several, .*--steps"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_one_process_talks_to_nobody():
    assert (processes.rank(), processes.world_size()) == (0, 1)
    assert processes.gather(3) == [3]
    assert processes.from_main({"a": 1}) == {"a": 1}
    with processes.Watch(0.0) as watch:
        assert not watch._thread.is_alive()
