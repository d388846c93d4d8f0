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


@pytest.fixture(scope="module")
def play(tmp_path_factory):
    """play(scenario): what it finds. One process plays them all, because importing torch takes longer than most."""
    scenarios = ["gradients", "checkpoint", "differs", "ends", "asked", "kills", "upscale"]
    script, folder = Path(__file__).with_name("several.py"), tmp_path_factory.mktemp("several")
    command = [sys.executable, str(script), str(folder), *scenarios]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=500, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    played = json.loads(done.stdout.splitlines()[-1])

    def play(scenario: str):
        assert not isinstance(played[scenario], str), played[scenario]  # the traceback of a scenario that failed
        return played[scenario]

    return play


def test_gradients_are_means_over_the_processes(play):
    """1 and 2 become 1.5 in both: a sum would still train with Adam, which divides by the gradient's size."""
    found = play("gradients")
    assert [status for status, _ in found] == [0, 0], found
    assert [json.loads(said) for _, said in found] == [[[[1.5, 3.0, 4.5]], [6.0], None]] * 2


def test_only_the_main_process_has_a_run_folder(play):
    """The others get checkpoint and weights from it; from one store, or each with photos in memory: the same bits."""
    found = play("checkpoint")
    assert [[status for status, _ in part] for part in found["outputs"]] == [[0, 0]] * 4, found["outputs"]
    assert found["stopped"]
    assert not found["none"]
    assert len(set(found["digests"])) == 1
    assert "mapped from the store" in found["outputs"][0][0][1]
    assert found["outputs"][0][0][1].count("recipe tiny-gan") == 1
    assert "recipe" not in found["outputs"][0][1][1]


def test_processes_that_differ_are_refused(play):
    found = play("differs")
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


def test_none_waits_for_ever(play):
    found = play("ends")
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


def test_all_stop_after_the_update_in_which_one_was_asked_to(play):
    """torchrun kills its workers 30 s after a SIGTERM, and a line of the log may be further away than that."""
    found = play("asked")
    assert [[status for status, _ in part] for part in found["outputs"]] == [[0, 0]] * 3, found["outputs"]
    assert "stopped after update 4;" in found["outputs"][0][0][1]
    assert "continuing after update 4" in found["outputs"][1][0][1]
    assert len(set(found["digests"])) == 1


def test_killed_at_any_moment(play):
    """Whichever process is killed, all go on from the last checkpoint to the weights of an undisturbed run."""
    found = play("kills")
    assert found["kills"] >= 20
    assert found["under_way"] > 5  # the others met a run that had no checkpoint yet
    assert len(set(found["digests"])) == 1
    assert len(found["digests"]) > 1


def test_shares_of_a_folder_are_enlarged(play):
    """Results, output and exit status as of one process; called again, only what is missing is made."""
    found = play("upscale")
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
