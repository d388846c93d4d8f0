"""Two processes with half a batch each train like one process that averages the gradients of the same two halves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from srgan_lessons.datasets import CropSampler, load_photos
from srgan_lessons.images import sample_photos
from srgan_lessons.training import RECIPES
from srgan_lessons.training.checkpoint import read_checkpoint
from srgan_lessons.training.learner import starting_generator
from srgan_lessons.weights import load_network, save_network

SMALL = {"blocks": 2, "channels": 8, "crop": 32, "steps": 5}


def _by_torchrun(arguments: list[str], folder: Path) -> str:
    """What two processes print that torchrun has started."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "srgan_lessons"]
    return _run([*launcher, *arguments])


def _by_forks(arguments: list[str], folder: Path) -> str:
    """What two processes print that are forked from one that has imported torch: in half the time."""
    printed = _run([str(Path(__file__).with_name("several.py")), str(folder), "command", *arguments])
    outputs = json.loads(printed.splitlines()[-1])
    assert [status for status, _ in outputs] == [0, 0], outputs
    return "".join(said for _, said in outputs)


def _run(arguments: list[str]) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=400, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _train_with_two_processes(recipe, init, start, folder):
    arguments = ["train", recipe, "--photos", "samples", "--init", str(init), "--folder", str(folder / "run")]
    arguments += [part for name, value in SMALL.items() for part in (f"--{name}", str(value))]
    assert start(arguments, folder).count(f"recipe {recipe}") == 1  # one writer
    return read_checkpoint(folder / "run" / "checkpoints" / "step_00000005.pt")


def _step(optimizer, halves):
    """Adam on the mean of the gradients of the two halves."""
    optimizer.zero_grad()
    (sum(halves) / 2).backward()
    optimizer.step()


def _train_by_hand(recipe, init):
    torch.manual_seed(0)
    generator, discriminator = starting_generator(recipe, init), recipe.make_discriminator()
    photos, _ = load_photos(sample_photos(), minimum=32, progress=False).split()
    sampler = CropSampler(photos, batch=16, crop=32, seed=0)
    adam_g = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.9, 0.999))
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=1e-4, betas=(0.9, 0.999)) if discriminator else None
    for step in range(5):
        adam = [group for optimizer in (adam_g, adam_d) if optimizer for group in optimizer.param_groups]
        for group in adam:
            group["lr"] = recipe.rate_at(step)
        lr, hr = sampler(step)
        srs, losses = [], []
        for x, y in zip(lr.split(8), hr.split(8), strict=True):
            srs.append(generator(x))
            loss = 4 * F.mse_loss(srs[-1], y)  # measured on [-1, 1]
            if discriminator:
                logits = discriminator(srs[-1])
                loss = loss + 1e-3 * F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
            losses.append(loss)
        _step(adam_g, losses)
        if discriminator:
            losses = []
            for sr, y in zip(srs, hr.split(8), strict=True):
                real, fake = discriminator(y), discriminator(sr.detach())
                loss = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
                losses.append(loss + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)))
            _step(adam_d, losses)
    return generator, discriminator


@pytest.mark.parametrize(("name", "start"), [("srresnet-mse", _by_forks), ("srgan-mse", _by_torchrun)])
def test_two_processes_are_one(tmp_path, name, start):
    """They start from a file that only the first process reads: the other one must get its weights from there."""
    recipe, init = RECIPES[name].change(**SMALL), tmp_path / "init.safetensors"
    # With the run's own seed, every process would draw these weights. With 1 or 3, one of the 100,000 gradients is so
    # close to 0 that Adam turns its rounding errors into a step of up to 4e-5.
    torch.manual_seed(2)
    save_network(init, recipe.make_generator())
    state = _train_with_two_processes(name, init, start, tmp_path)
    generator, discriminator = _train_by_hand(recipe, init)
    for part, network in (("generator", generator), ("discriminator", discriminator)):
        if network is None:
            assert part not in state
            continue
        for key, parameter in network.named_parameters():
            assert torch.allclose(parameter, state[part][key], atol=1e-5), key
    moved = (generator.tail.weight - load_network(init).tail.weight).abs().max()
    assert moved > 1e-4  # the comparison is not one of networks that stood still: ten times its tolerance
