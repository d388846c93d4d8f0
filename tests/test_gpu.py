"""What only a GPU can show: half precision, the recorded update, and that the host never waits inside a step."""

import numpy as np
import pytest
import torch

from srgan_lessons.datasets import CropSampler
from srgan_lessons.resize import imresize
from srgan_lessons.training import Recipe, train
from srgan_lessons.training.machine import Machine, has_bf16
from srgan_lessons.training.steps import gan_step, pretrain_step

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU, and torch sees none here")

SMALL = Recipe(name="small", blocks=2, channels=16, steps=60, batch=8, crop=32, rate=1e-3)
SMALL_GAN = SMALL.change(name="small-gan", adversarial=1e-3)
QUIET = {"progress": False, "log_every": 20}


@pytest.fixture
def photos():
    numbers = np.random.default_rng(2)
    coarse = [numbers.integers(0, 256, (8, 9, 3)) for _ in range(10)]
    return {f"photo{i}": np.kron(c, np.ones((12, 12, 1))).astype(np.uint8) for i, c in enumerate(coarse)}


def test_low_resolution_is_exact_on_the_gpu(photos):
    """A crop of a whole photo, so that the reduction of the photo by `imresize` is the reference."""
    photo = photos["photo0"][:96, :96]
    sampler = CropSampler({"photo": photo}, batch=1, crop=96, device="cuda")
    lr, _ = sampler.cut(torch.tensor([[0, 0, 0, 0]], device="cuda"))
    levels = (lr[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
    assert (levels == imresize(photo, 1 / 4)).all()


@pytest.mark.parametrize("recipe", [SMALL, SMALL_GAN], ids=["mse", "gan"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_precision_trains(tmp_path, photos, recipe, precision):
    if precision == "bf16" and not has_bf16():
        pytest.skip("this GPU has no bf16")
    run = train(recipe, photos, run=tmp_path, device="cuda", precision=precision, **QUIET)
    assert run.log[-1]["content"] < run.log[0]["content"]


@pytest.mark.parametrize("recipe", [SMALL, SMALL_GAN], ids=["mse", "gan"])
@pytest.mark.parametrize("option", ["compile", "cuda_graph"])
def test_faster_ways_learn_the_same(tmp_path, photos, recipe, option):
    plain = train(recipe, photos, run=tmp_path / "a", device="cuda", precision="fp32", **QUIET)
    faster = train(recipe, photos, run=tmp_path / "b", device="cuda", precision="fp32", **{option: True}, **QUIET)
    for a, b in zip(plain.log, faster.log, strict=True):
        assert a["content"] == pytest.approx(b["content"], rel=1e-2)


@pytest.mark.parametrize("options", [{}, {"cuda_graph": True}, {"precision": "fp16"}], ids=str)
def test_resume(tmp_path, photos, options):
    options = QUIET | {"device": "cuda", "precision": "fp32"} | options
    whole = train(SMALL_GAN, photos, run=tmp_path / "whole", **options)
    train(SMALL_GAN, photos, run=tmp_path / "parts", minutes=0.02, **options)
    parts = train(SMALL_GAN, photos, run=tmp_path / "parts", **options)
    assert parts.log[-1]["content"] == pytest.approx(whole.log[-1]["content"], abs=1e-3)


def test_the_host_never_waits_inside_a_step(photos):
    machine = Machine("cuda", "auto")
    sampler = CropSampler(photos, batch=8, crop=32, device="cuda")
    generator, discriminator = (machine.prepare(n) for n in (SMALL.make_generator(), SMALL_GAN.make_discriminator()))
    adam_g, adam_d = (torch.optim.Adam(n.parameters(), fused=True) for n in (generator, discriminator))

    def steps(step):
        lr, hr = sampler(step)
        pretrain_step(generator, adam_g, torch.nn.MSELoss(), lr, hr, machine)
        gan_step(generator, discriminator, adam_g, adam_d, torch.nn.MSELoss(), lr, hr, machine)

    for step in range(3):
        steps(step)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in range(3, 6):
            steps(step)
    finally:
        torch.cuda.set_sync_debug_mode("default")
