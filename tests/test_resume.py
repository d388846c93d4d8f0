"""A run killed at any moment goes on to the weights of a run that was never stopped, bit for bit.

`python tests/test_resume.py FOLDER 100` kills a hundred times.
"""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from srgan_lessons.cli import main
from srgan_lessons.training import Recipe, train
from srgan_lessons.training.checkpoint import RunFolder, read_checkpoint

KILLS = 24
RECIPE = Recipe(name="tiny-gan", blocks=1, channels=4, steps=24, batch=4, crop=32, adversarial=1e-3, schedule="drop")
OPTIONS = {"progress": False, "log_every": 10, "checkpoint_minutes": 0.0005}  # 30 ms: kills meet many saves


def _photos():
    numbers = np.random.default_rng(1)
    return {f"photo{i}": numbers.integers(0, 256, (48, 56, 3), dtype=np.uint8) for i in range(6)}


def _in_a_child(folder, photos) -> int:
    """Trains in a forked process, which may be killed without hurting the test."""
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            train(RECIPE, photos, run=folder, **OPTIONS)
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
    return child


def _undisturbed(folder, photos) -> None:
    """Trains in a forked process to the end."""
    _, status = os.waitpid(_in_a_child(folder, photos), 0)
    assert status == 0


def _same(a, b, where=""):
    """Equal to the last bit, through dicts, lists and tensors."""
    assert type(a) is type(b), where
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            _same(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            _same(x, y, f"{where}/{index}")
    else:
        assert a == b, where


def _losses(folder):
    with open(folder / "log.csv") as file:
        return [{k: v for k, v in row.items() if k != "updates_per_s"} for row in csv.DictReader(file)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this system lacks")
def test_killed_at_any_moment(tmp_path):
    """In a process of its own: one that has had threads cannot be forked and train."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KILLS} kills" in done.stdout


def _kill_and_compare(tmp_path, photos, wanted=KILLS):
    train(RECIPE, photos, run=tmp_path / "whole", **OPTIONS)
    began = time.monotonic()
    _undisturbed(tmp_path / "clock", photos)
    usual = time.monotonic() - began
    expected = read_checkpoint(_latest(tmp_path / "whole"))
    dice, kills, runs, cut_short = random.Random(0), 0, 0, 0
    while kills < wanted:
        runs += 1
        folder = tmp_path / f"run{runs}"
        while True:
            child = _in_a_child(folder, photos)
            time.sleep(dice.uniform(0.02, 0.6) * usual)
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status):  # it had finished before
                assert os.WEXITSTATUS(status) == 0
                break
            kills += 1
            cut_short += any((folder / "checkpoints").glob(".*.part")) if folder.exists() else 0
            if kills % 12 == 0:  # let this run come to its end, then begin another
                _undisturbed(folder, photos)
                break
        _same(expected, read_checkpoint(_latest(folder)))
        assert _losses(folder) == _losses(tmp_path / "whole")
        _same(_published(tmp_path / "whole"), _published(folder))
    print(f"{kills} kills, {cut_short} of them in the middle of a save, {runs} runs compared")


def _latest(path):
    folder = RunFolder(path)
    folder.close()
    return folder.latest()


def _published(path):
    return load_file(path / "weights.safetensors")


TRAIN = ["train", "espcn", "--photos", "samples", "--threads", "1"]


def _cli(*arguments):
    command = [sys.executable, "-m", "srgan_lessons", *TRAIN, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _wait_for(path, process, *, above=0, seconds=120):
    """Until there is a checkpoint of a step above that one; returns its step."""
    until = time.monotonic() + seconds
    while True:
        steps = [int(file.stem.removeprefix("step_")) for file in path.glob("step_*.pt")]
        if max(steps, default=0) > above:
            return max(steps)
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < until, f"no checkpoint above step {above} appeared"
        time.sleep(0.02)


def test_the_command_line_killed_interrupted_and_resumed(tmp_path, capsys):
    """SIGKILL, then Ctrl-C, then to the end; and once without a break: the same file."""
    small = ["--steps", "300", "--batch", "4", "--crop", "32", "--checkpoint-minutes", "0.001"]
    assert main([*TRAIN, "--folder", str(tmp_path / "whole"), *small]) == 0

    run = ["--folder", str(tmp_path / "run"), *small]
    checkpoints = tmp_path / "run" / "checkpoints"
    killed = _cli(*run)
    step = _wait_for(checkpoints, killed)
    killed.kill()
    killed.communicate()

    assert main([*TRAIN, *run, "--no-resume"]) == 2
    assert "--no-resume would overwrite" in capsys.readouterr().err

    interrupted = _cli(*run)
    _wait_for(checkpoints, interrupted, above=step)  # the loop is under way, and far from its end
    interrupted.send_signal(signal.SIGINT)
    output, _ = interrupted.communicate(timeout=120)
    assert interrupted.returncode == 130, output
    assert "the same command continues from here" in output
    assert _latest(tmp_path / "run").stem != "step_00000300"

    last = _cli(*run, "--resume")
    output, _ = last.communicate(timeout=300)
    assert last.returncode == 0, output
    assert "Traceback" not in output
    _same(_published(tmp_path / "whole"), _published(tmp_path / "run"))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_resume_in_half_precision(tmp_path, precision):
    """fp16 has a scaler too, which goes on with its factor and its count of good updates."""
    recipe, options = RECIPE.change(steps=12), OPTIONS | {"device": "cpu", "precision": precision}
    train(recipe, _photos(), run=tmp_path / "whole", **options)
    assert not train(recipe, _photos(), run=tmp_path / "parts", minutes=1e-9, **options).finished
    assert train(recipe, _photos(), run=tmp_path / "parts", **options).finished
    whole, parts = (read_checkpoint(_latest(tmp_path / name)) for name in ("whole", "parts"))
    _same(whole, parts)
    assert (whole["scaler"].get("_growth_tracker") == 12) == (precision == "fp16")


def test_resume_without_a_run(tmp_path, capsys):
    assert main([*TRAIN, "--folder", str(tmp_path / "none"), "--resume"]) == 2
    assert "no run in" in capsys.readouterr().err


if __name__ == "__main__":
    torch.set_num_threads(1)
    _kill_and_compare(Path(sys.argv[1]), _photos(), *map(int, sys.argv[2:]))
