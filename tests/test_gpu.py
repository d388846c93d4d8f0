"""What only a GPU can show: half precision, the recorded update, and that the host never waits inside a step."""

import signal

import numpy as np
import pytest
import torch

from srgan_lessons import UserError
from srgan_lessons.datasets import CropSampler, crops
from srgan_lessons.images import sample_photos
from srgan_lessons.losses import MSELoss
from srgan_lessons.precision import computes_in_bf16
from srgan_lessons.resize import imresize
from srgan_lessons.training import Recipe, train
from srgan_lessons.training.graph import GraphedUpdate
from srgan_lessons.training.learner import Learner
from srgan_lessons.training.machine import Machine
from srgan_lessons.upscaling import upscale

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU, and torch sees none here")

SMALL = Recipe(name="small", blocks=2, channels=16, steps=60, batch=8, crop=32, rate=1e-3)
SMALL_GAN = SMALL.change(name="small-gan", adversarial=1e-3)
QUIET = {"progress": False, "log_every": 20}
STOP = 30  # updates before a run is stopped: the recording of a CUDA graph is made before that


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
    if precision == "bf16" and not computes_in_bf16(torch.device("cuda")):
        pytest.skip("this GPU has no bf16")
    run = train(recipe, photos, run=tmp_path, device="cuda", precision=precision, **QUIET)
    assert run.log[-1]["content"] < 0.6 * run.log[0]["content"]  # on CPUs .37 to .44; .99 if the rate is nearly 0


@pytest.mark.parametrize("recipe", [SMALL, SMALL_GAN], ids=["mse", "gan"])
@pytest.mark.parametrize(
    "options", [{"compile": True}, {"cuda_graph": True}, {"compile": True, "cuda_graph": True}], ids=str
)
def test_faster_ways_learn_the_same(tmp_path, photos, recipe, options):
    common = QUIET | {"device": "cuda", "precision": "fp32"}
    plain = train(recipe, photos, run=tmp_path / "a", cuda_graph=False, **common)
    faster = train(recipe, photos, run=tmp_path / "b", **({"cuda_graph": False} | options), **common)
    for a, b in zip(plain.log, faster.log, strict=True):
        assert a["content"] == pytest.approx(b["content"], rel=1e-2)


@pytest.mark.parametrize("graphed", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_resume(tmp_path, photos, graphed, precision):
    if precision == "bf16" and not computes_in_bf16(torch.device("cuda")):
        pytest.skip("this GPU has no bf16")
    options = QUIET | {"device": "cuda", "precision": precision, "cuda_graph": graphed}
    recipe = SMALL_GAN.change(schedule="one-cycle")  # so that a rate that is no longer set would show
    whole = train(recipe, photos, run=tmp_path / "whole", **options)

    def interrupt(row):
        if row["step"] >= STOP:
            signal.raise_signal(signal.SIGINT)

    part = train(recipe, photos, run=tmp_path / "parts", on_report=interrupt, **(options | {"log_every": STOP}))
    assert STOP <= part.step < recipe.steps
    parts = train(recipe, photos, run=tmp_path / "parts", **options)
    assert parts.log[-1]["content"] == pytest.approx(whole.log[-1]["content"], abs=1e-3)


@pytest.mark.parametrize("graphed", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("recipe", [SMALL, SMALL_GAN], ids=["mse", "gan"])
def test_the_host_never_waits_inside_an_update(photos, recipe, precision, graphed):
    if precision == "bf16" and not computes_in_bf16(torch.device("cuda")):
        pytest.skip("this GPU has no bf16")
    machine = Machine("cuda", precision)
    learner = Learner(recipe, recipe.make_generator(), MSELoss(), machine, graphed=graphed)
    update = learner.updates_on(CropSampler(photos, batch=8, crop=32, device=machine.device))
    for step in range(20):  # the recording is made, and the next 44 updates' random numbers are there
        update(step)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in range(20, 30):
            update(step)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(np.isfinite(value) for value in learner.mean_losses().values())


def test_a_gpu_that_is_not_there():
    with pytest.raises(UserError, match="there is no such GPU"):
        Machine(f"cuda:{torch.cuda.device_count()}")


def test_a_picture_is_the_same_on_gpu_and_cpu():
    """In full float32; TF32 would move pixels by several levels."""
    lr = imresize(sample_photos()["chelsea"], 1 / 4)
    there, here = (upscale(lr, "srresnet", device=device).astype(int) for device in ("cuda", "cpu"))
    assert np.abs(there - here).max() <= 1
    assert (there != here).mean() < 0.001


@pytest.mark.parametrize("graphed", [False, True], ids=["eager", "graph"])
def test_windows_in_pinned_memory_give_the_same_crops(photos, monkeypatch, graphed):
    """As where photos do not fit into the GPU's memory: the same bits, also inside a recorded update."""
    plain = CropSampler(photos, batch=8, crop=32, device="cuda")
    monkeypatch.setattr(crops, "room_for_photos", lambda device: 0)
    staged = CropSampler(photos, batch=8, crop=32, device="cuda")
    assert staged.staged
    assert staged._staging._host.is_pinned()
    found = torch.zeros(8, 3, 32, 32, device="cuda")
    show = lambda places: found.copy_(staged.cut(places)[1])  # noqa: E731
    if graphed:
        show = GraphedUpdate(show, Machine("cuda"))
    for step in range(100):
        show(staged.places(step))
        assert torch.equal(found, plain(step)[1]), step
