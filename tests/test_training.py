"""The recipes, the two updates, and the loop: its log, its checkpoints, and what it says when something is wrong."""

import copy
import csv
import dataclasses
import errno
import json
import math
import os
import shutil
import signal
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from srgan_lessons import UserError
from srgan_lessons.datasets.crops import CropSampler
from srgan_lessons.folding import ShuffleLast
from srgan_lessons.images import load_image
from srgan_lessons.losses import OFFLINE_SHARE, content_loss
from srgan_lessons.models import Generator
from srgan_lessons.training import RECIPES, Options, Recipe, find_recipe, learner, loop, report, train
from srgan_lessons.training.checkpoint import RunFolder, read_checkpoint
from srgan_lessons.training.learner import Learner
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.plan import measure
from srgan_lessons.training.steps import average_decay, gan_step, pretrain_step, update_average
from srgan_lessons.weights import load_network, save_network

TINY = Recipe(name="tiny", blocks=1, channels=4, steps=12, batch=4, crop=32)
TINY_GAN = TINY.change(name="tiny-gan", adversarial=1e-3)
QUIET = {"progress": False, "log_every": 4}


@pytest.fixture
def photos():
    random = np.random.default_rng(0)
    smooth = [np.kron(random.integers(0, 256, (6, 7, 3)), np.ones((10, 10, 1))) for _ in range(5)]
    return {f"photo{i}": image.astype(np.uint8) for i, image in enumerate(smooth)}  # 60x70 each


# -- recipes ---------------------------------------------------------------------------------------------------------


def test_recipes_are_the_papers():
    """Sections 3.2 and 3.4: content loss, adversarial weight, updates and rate of the five variants of Table 1."""
    paper = {
        "srresnet-mse": ("mse", 0, 0, 1_000_000, None),
        "srresnet-vgg22": ("vgg22", 0, 2e-8, 1_000_000, None),
        "srgan-mse": ("mse", 1e-3, 0, 200_000, "srresnet-mse"),
        "srgan-vgg22": ("vgg22", 1e-3, 0, 200_000, "srresnet-mse"),
        "srgan-vgg54": ("vgg54", 1e-3, 0, 200_000, "srresnet-mse"),
    }
    for name, expected in paper.items():
        r = RECIPES[name]
        assert (r.content, r.adversarial, r.tv, r.steps, r.starts_from) == expected
        assert (r.network, r.blocks, r.channels, r.batch, r.crop, r.rate) == ("generator", 16, 64, 16, 96, 1e-4)
    assert set(RECIPES) - set(paper) == {"espcn", "srgan-offline"}
    offline = RECIPES["srgan-offline"]  # 1e-3, as in the paper, of a content loss whose shares sum to more than 1
    assert offline.adversarial == pytest.approx(1e-3 * sum(OFFLINE_SHARE.values()))
    assert (offline.content, offline.tv, offline.starts_from) == ("offline", 0, "srresnet-mse")


def test_learning_rates():
    gan = RECIPES["srgan-vgg54"]  # 100,000 updates at 1e-4, then 100,000 at 1e-5
    assert [gan.rate_at(n) for n in (0, 99_999)] == [1e-4, 1e-4]
    assert [gan.rate_at(n) for n in (100_000, 199_999)] == pytest.approx([1e-5, 1e-5])
    assert RECIPES["srresnet-mse"].rate_at(999_999) == 1e-4
    cycle = Recipe(name="x", steps=100, rate=1.0, schedule="one-cycle")
    assert [cycle.rate_at(n) for n in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert cycle.rate_at(55) == pytest.approx(0.5)  # half way down the cosine
    assert 0 < cycle.rate_at(99) < 0.001


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": -1}, "steps is -1"),
        ({"batch": 0}, "batch is 0"),
        *(({"crop": crop}, "multiple of 16") for crop in (40, 0, -16)),
        ({"crop": 192 / 2}, "crop is 96.0; it must be a whole number"),
        ({"rate": math.nan}, "rate is nan"),
        ({"rate": 0.0}, "rate is 0.0"),
        ({"tv": -1e-9}, "tv is -1e-09; it must not be negative"),
        ({"ema": -0.1}, "ema is -0.1"),
        ({"content": "vgg99"}, "vgg54"),
        ({"schedule": "x"}, "one-cycle"),
        ({"ema": 1.0}, "ema"),
        ({"adversarial": -1.0}, "negative"),
        ({"depth": 3}, "no depth"),
    ],
)
def test_a_recipe_is_checked_when_made(settings, words):
    with pytest.raises(UserError, match=words):
        TINY.change(**settings)


def test_a_recipe_names_the_settings_that_its_network_has():
    assert "channels 64" in RECIPES["srresnet-mse"].describe()
    espcn = RECIPES["espcn"].describe()
    assert "channels" not in espcn
    assert "crop 96" in espcn


def test_unknown_recipe_lists_the_known_ones():
    with pytest.raises(UserError, match=r"'srgan'.*srgan-vgg54"):
        find_recipe("srgan")


def test_fast_mode(monkeypatch):
    monkeypatch.setenv("SRGAN_LESSONS_FAST", "1")
    fast = find_recipe("srgan-vgg54")
    assert (fast.blocks, fast.steps, fast.content) == (2, 20, "vgg54")


@pytest.mark.parametrize(
    "bad",
    [
        *({"seed": -1}, {"log_every": 0}, {"keep": 0}, {"minutes": -1.0}, {"checkpoint_minutes": math.inf}),
        *({"seed": 1.5}, {"log_every": 2.5}, {"keep": 1.5}, {"validate_every": 10.0}, {"seed": None}),
        *({"seed": 2**32}, {"validate_every": 0}, {"minutes": 0.0}, {"wait_minutes": math.nan}),
    ],
)
def test_options_are_checked(bad):
    with pytest.raises(UserError, match=next(iter(bad))):
        Options(**bad)
    least = Options(seed=2**32 - 1, log_every=1, validate_every=1, keep=1, minutes=1e-9)
    assert not least.records(Machine("cpu"))
    with pytest.raises(UserError, match="needs a GPU"):
        Options(cuda_graph=True).records(Machine("cpu"))


# -- the updates -----------------------------------------------------------------------------------------------------


def test_moving_average_by_hand():
    average, network = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    for module, value in ((average, 1.0), (network, 3.0)):
        nn.init.constant_(module.weight, value)
    update_average(average, network, 0.75)  # 0.75 x 1 + 0.25 x 3
    assert average.weight.item() == 1.5
    update_average(average, network, 0.75)  # 0.75 x 1.5 + 0.25 x 3
    assert average.weight.item() == 1.875
    assert network.weight.item() == 3.0
    assert [average_decay(0.999, n) for n in (0, 8, 89)] == pytest.approx([0.1, 0.5, 0.909090909])
    assert average_decay(0.999, 10_000_000) == 0.999


def test_moving_average_copies_running_statistics():
    network = Generator(1, 4)
    average = copy.deepcopy(network)
    network(torch.rand(2, 3, 8, 8))
    update_average(average, network, 0.9)
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_learner_s_average_shares_running_statistics():
    """Also after a state was loaded: the averaged network never falls behind, although nothing is copied."""
    images = {"a": np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)}
    one, other = (Learner(TINY, TINY.make_generator(), nn.MSELoss(), Machine("cpu", "fp32")) for _ in range(2))
    one.updates_on(CropSampler(images, batch=2, crop=32))(0)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for trained in (one, other):
        theirs = dict(trained.generator.named_buffers())
        for name, mine in trained.average.named_buffers():
            assert mine is theirs[name]
            assert torch.equal(mine, one.generator.get_buffer(name))


def test_the_discriminator_step_leaves_the_generator_alone():
    """And the generator's step the discriminator: each loss changes one network only."""
    torch.manual_seed(0)
    generator, discriminator = TINY_GAN.make_generator(), TINY_GAN.make_discriminator()

    networks = (generator, discriminator)
    seen = []

    class Recorder:
        """An optimiser that moves nothing and notes which network has gradients when it is asked to."""

        def __init__(self, network):
            self.network, self.param_groups = network, [{"params": list(network.parameters())}]

        def zero_grad(self, *, set_to_none):
            for network in networks:
                network.zero_grad(set_to_none=set_to_none)

        def step(self):
            seen.append([any(p.grad is not None for p in network.parameters()) for network in networks])

    losses = gan_step(
        generator,
        discriminator,
        Recorder(generator),
        Recorder(discriminator),
        nn.MSELoss(),
        torch.rand(4, 3, 8, 8),
        torch.rand(4, 3, 32, 32),
        Machine("cpu"),
    )
    assert seen == [[True, False], [False, True]]
    assert set(losses) == {"content", "adversarial", "discriminator", "d_hr", "d_sr"}
    assert not any(loss.requires_grad for loss in losses.values())


def test_both_updates_descend_the_gradients_of_the_paper_s_equations():
    """Plain SGD with rate 1 moves each weight by its gradient. The losses are written out, with torch's cross-entropy.

    The generator's is equation 3 with the total variation. The discriminator's is equation 2; it judges the pictures of
    before the generator's update.
    """
    lr, hr = torch.rand(4, 3, 8, 8), torch.rand(4, 3, 32, 32)
    machine, content = Machine("cpu", "fp32"), content_loss("mse")
    cross_entropy, yes, no = nn.functional.binary_cross_entropy_with_logits, torch.ones(4, 1), torch.zeros(4, 1)
    smooth = {"total_variation": 1e-3}
    for adversarial, tv, settings in (
        *((0.0, 0.0, {}), (0.0, 1e-3, smooth)),
        *((1e-3, 0.0, {}), (0.5, 1e-3, smooth | {"adversarial": 0.5})),
    ):
        networks = generator, discriminator = TINY.make_generator(), TINY_GAN.make_discriminator()
        sr = generator(lr)
        distance = 4 * (sr - hr).square().mean()  # on [-1, 1]
        down, right = (2 * (moved - sr)[..., :-1, :-1] for moved in (sr.roll(-1, 2), sr.roll(-1, 3)))
        variation = (down**2 + right**2).sqrt().sum() / 4  # images
        real, fake = discriminator(hr), discriminator(sr)
        losses = distance + tv * variation + adversarial * cross_entropy(fake, yes)
        losses = losses, cross_entropy(real, yes) + cross_entropy(discriminator(sr.detach()), no)
        expected = [
            [p - g for p, g in zip(net.parameters(), torch.autograd.grad(loss, list(net.parameters())), strict=True)]
            for net, loss in zip(networks, losses, strict=True)
        ]
        slow = [torch.optim.SGD(network.parameters(), lr=1) for network in networks]
        if adversarial:
            found = gan_step(*networks, *slow, content, lr, hr, machine, **settings)
        else:
            found = pretrain_step(generator, slow[0], content, lr, hr, machine, **settings)
            expected[1] = list(discriminator.parameters())  # stays as it is
        for network, weights in zip(networks, expected, strict=True):
            for mine, theirs in zip(network.parameters(), weights, strict=True):
                assert torch.allclose(mine, theirs, rtol=1e-4, atol=1e-5)
        values = [distance, cross_entropy(fake, yes), losses[1], real.sigmoid().mean(), fake.sigmoid().mean()]
        assert list(found.values()) == pytest.approx([v.item() for v in values[: len(found)]], rel=1e-5)


def test_an_update_has_the_settings_of_its_recipe(monkeypatch):
    """Both weights of the losses, and Adam with beta1 = 0.9 (section 3.2)."""
    asked = []

    def step(*networks, **settings):
        asked.append(settings)
        return gan_step(*networks, **settings)

    monkeypatch.setattr(learner, "gan_step", step)
    recipe = TINY_GAN.change(adversarial=0.5, tv=0.25)
    trained = Learner(recipe, recipe.make_generator(), content_loss("mse"), Machine("cpu", "fp32"))
    images = {"a": np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)}
    update = trained.updates_on(CropSampler(images, batch=2, crop=32))
    for updates in (2, 1):  # the losses of a line are means over the updates since the line before
        for number in range(updates):
            update(number)
        means = dict(zip(trained.losses, (trained.totals / updates).tolist(), strict=True))
        assert trained.mean_losses() == pytest.approx(means)
        trained.forget_losses()
    assert asked == [{"adversarial": 0.5, "total_variation": 0.25}] * 3
    assert {o.param_groups[0]["betas"][0] for o in (trained.optimizer_g, trained.optimizer_d)} == {0.9}


def test_the_size_of_a_checkpoint_is_known_before_it_is_written(monkeypatch, tmp_path):
    """So that a disk without room for two of them, the last and the next, is refused at the start."""
    recipe = TINY_GAN.change(channels=16)
    learner = Learner(recipe, recipe.make_generator(), nn.MSELoss(), Machine("cpu"))
    images = {"a": np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)}
    learner.updates_on(CropSampler(images, batch=2, crop=32))(0)
    torch.save(learner.state_dict(), tmp_path / "state.pt")
    size = (tmp_path / "state.pt").stat().st_size
    assert learner.checkpoint_bytes() == pytest.approx(size, rel=0.02)
    with RunFolder(tmp_path / "run") as folder:
        disk = shutil.disk_usage(tmp_path)
        for free, fits in ((2 * size, True), (2 * size - 1, False)):
            monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: disk._replace(free=free))
            with nullcontext() if fits else pytest.raises(UserError, match=r"too little space.*--folder"):
                folder.check_space(size)


def test_a_state_is_taken_into_a_run_with_other_options():
    """Adam's moments come from the state; that the rate is a tensor, as a CUDA graph needs it, stays this run's own."""

    def learner(**options):
        return Learner(TINY_GAN, TINY_GAN.make_generator(), nn.MSELoss(), Machine("cpu"), **options)

    plain = learner()
    images = {"a": np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)}
    plain.updates_on(CropSampler(images, batch=2, crop=32))(0)
    state = plain.state_dict()
    graphed = learner(graphed=True)
    graphed.load_state_dict(state)
    for optimizer, theirs in ((graphed.optimizer_g, plain.optimizer_g), (graphed.optimizer_d, plain.optimizer_d)):
        assert optimizer.param_groups[0]["capturable"]
        assert isinstance(optimizer.param_groups[0]["lr"], torch.Tensor)
        for mine, other in zip(optimizer.state.values(), theirs.state.values(), strict=True):
            assert torch.equal(mine["exp_avg_sq"], other["exp_avg_sq"])
            assert mine["step"] == 1
    back = learner()
    back.load_state_dict(graphed.state_dict())
    assert not back.optimizer_g.param_groups[0]["capturable"]
    assert isinstance(back.optimizer_g.param_groups[0]["lr"], float)


def test_a_run_with_a_cuda_graph_goes_on_with_its_schedule(monkeypatch):
    """A recorded update reads the rate from one tensor; after a resume, that is still the tensor which is set."""
    monkeypatch.setattr(learner, "GraphedUpdate", lambda update, machine: update)  # this test needs no GPU
    recipe = TINY_GAN.change(schedule="one-cycle", steps=12)
    images = {"a": np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)}
    sampler = CropSampler(images, batch=2, crop=32)

    def recorded():
        torch.manual_seed(0)
        return Learner(recipe, recipe.make_generator(), nn.MSELoss(), Machine("cpu"), graphed=True)

    whole, part, resumed = recorded(), recorded(), recorded()
    whole_update, part_update = whole.updates_on(sampler), part.updates_on(sampler)
    for step in range(12):
        whole_update(step)
    for step in range(6):
        part_update(step)
    resumed.load_state_dict(copy.deepcopy(part.state_dict()))
    update = resumed.updates_on(sampler)
    for step in range(6, 12):
        update(step)
        for optimizer in (resumed.optimizer_g, resumed.optimizer_d):
            assert optimizer.param_groups[0]["lr"].item() == pytest.approx(recipe.rate_at(step))
    for mine, theirs in zip(resumed.generator.parameters(), whole.generator.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_machine_says_what_is_not_there():
    with pytest.raises(UserError, match="fp32"):
        Machine("cpu", "int8")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no GPU"):
            Machine("cuda")


def test_fp16_leaves_out_an_update_that_overflows():
    """Weights and moments stay, and the scaler halves its factor; the network whose gradients are numbers learns."""
    machine = Machine("cpu", "fp16")
    learner = Learner(TINY_GAN, TINY_GAN.make_generator(), nn.MSELoss(), machine)
    images = {"a": np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)}
    update = learner.updates_on(CropSampler(images, batch=2, crop=32))
    update(0)
    before = copy.deepcopy(learner.state_dict())
    spoil = next(learner.generator.parameters()).register_hook(lambda gradient: gradient * math.inf)
    update(1)
    spoil.remove()
    after = learner.state_dict()
    names = [name for name, _ in learner.generator.named_parameters()]
    assert all(torch.equal(before["generator"][name], after["generator"][name]) for name in names)
    assert after["scaler"]["scale"] == before["scaler"]["scale"] / 2
    for then, now in zip(*(state["optimizer_g"]["state"].values() for state in (before, after)), strict=True):
        assert torch.equal(then["exp_avg"], now["exp_avg"])
        assert torch.equal(then["exp_avg_sq"], now["exp_avg_sq"])
    assert not torch.equal(before["discriminator"]["head.3.weight"], after["discriminator"]["head.3.weight"])
    update(2)
    assert not torch.equal(before["generator"][names[0]], learner.generator.state_dict()[names[0]])


# -- a run -----------------------------------------------------------------------------------------------------------


def test_a_run_leaves_what_it_promises(tmp_path, photos):
    run = train(TINY_GAN, photos, run=tmp_path / "run", validate_every=6, **QUIET)
    assert run.finished
    assert run.step == 12
    with open(tmp_path / "run" / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [4, 6, 8, 12]
    assert all(math.isfinite(float(row[name])) for row in rows for name in ("content", "adversarial", "discriminator"))
    assert [bool(row["val_psnr"]) for row in rows] == [False, True, False, True]
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["recipe"] == dataclasses.asdict(TINY_GAN)
    assert settings["versions"]["torch"] == torch.__version__
    preview = load_image(tmp_path / "run" / "preview" / "update_00000012.png")
    assert preview.shape == (48, 3 * 64, 3)  # bicubic, network, photo; 60x70 cut to multiples of 16
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert "step_00000012.pt" in names
    assert "best.pt" in names
    published = load_network(tmp_path / "run" / "weights.safetensors").state_dict()
    for name, tensor in run.network.state_dict().items():
        assert torch.equal(tensor, published[name])


def test_shuffled_pairs_are_the_negative_control(tmp_path, photos):
    """With them the best answer is one colour, the mean of all photos, and the network can learn no more than that."""
    recipe = TINY.change(network="espcn", steps=200, batch=8, rate=3e-3, schedule="one-cycle", icnr=True)
    true, shuffled = (
        train(recipe.change(shuffled=s), photos, run=tmp_path / str(s), validate_every=200, **QUIET).log[-1]
        for s in (False, True)
    )
    assert shuffled["val_psnr"] < true["val_psnr"] - 3
    with pytest.raises(UserError, match="batch of at least 2"):
        recipe.change(shuffled=True, batch=1)


def test_a_checkpoint_from_before_a_setting_existed(tmp_path, photos):
    train(TINY, photos, run=tmp_path, minutes=1e-6, **QUIET)
    path = RunFolder.latest(_folder(tmp_path))
    state = read_checkpoint(path)
    del state["recipe"]["shuffled"]
    torch.save(state, path)
    assert train(TINY, photos, run=tmp_path, **QUIET).finished
    with pytest.raises(UserError, match="shuffled False then, True now"):
        train(TINY.change(shuffled=True), photos, run=tmp_path, **QUIET)


def test_each_row_of_the_log_is_reported(tmp_path, photos):
    rows = []
    run = train(TINY, photos, run=tmp_path, on_report=rows.append, validate_every=12, **QUIET)
    assert [row["step"] for row in rows] == [4, 8, 12]
    assert rows == run.log


def test_the_speed_is_that_of_the_updates_since_the_clock_was_started(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(report.time, "perf_counter", lambda: now[0])
    reporter = report.Reporter(TINY, Options(progress=False), Machine("cpu"), None, None, first=7)
    for seconds, updates in ((2.0, 3), (0.5, 1)):
        for _ in range(updates):
            reporter.count()
        now[0] += seconds
        assert reporter.speed() == updates / seconds
        reporter.start_clock()


def test_the_weights_can_be_read_by_others(tmp_path, photos):
    """As any file that this user writes: not by the owner alone."""
    run = train(TINY, photos, run=tmp_path / "run", **QUIET)
    (tmp_path / "plain").write_bytes(b"")
    assert (run.folder / "weights.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_training_lowers_the_loss(tmp_path, photos):
    """Negative control: with a vanishing learning rate it does not."""
    recipe = TINY.change(steps=150, network="espcn", rate=3e-3)
    learned = train(recipe, photos, run=tmp_path / "a", progress=False, log_every=10).log
    idle = train(recipe.change(rate=1e-12), photos, run=tmp_path / "b", progress=False, log_every=10).log
    assert learned[-1]["content"] < 0.5 * learned[0]["content"]
    assert idle[-1]["content"] > 0.8 * idle[0]["content"]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("recipe", [TINY, TINY_GAN], ids=["mse", "gan"])
def test_half_precision_learns_what_fp32_learns(tmp_path, photos, recipe, precision):
    """On a CPU half precision is slow, but it rounds and scales as on a GPU."""
    whole, half = (
        train(recipe, photos, run=tmp_path / name, device="cpu", precision=name, **QUIET)
        for name in ("fp32", precision)
    )
    for a, b in zip(whole.log, half.log, strict=True):
        assert a["content"] == pytest.approx(b["content"], rel=0.01)
        assert a["content"] != b["content"], "it was computed in fp32"
    assert all(p.dtype == torch.float32 for p in half.network.parameters())


def test_minutes_stop_and_the_same_call_goes_on(tmp_path, photos):
    whole = train(TINY, photos, run=tmp_path / "whole", **QUIET)
    part = train(TINY, photos, run=tmp_path / "parts", minutes=1e-6, **QUIET)
    assert not part.finished
    assert part.step < 12
    for _ in range(12):
        part = train(TINY, photos, run=tmp_path / "parts", minutes=1e-6, **QUIET)
    assert part.finished
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, part.network.state_dict()[name])


def test_a_finished_run_is_not_trained_again(tmp_path, photos):
    first = train(TINY, photos, run=tmp_path, **QUIET)
    second = train(TINY, photos, run=tmp_path, **QUIET)
    assert second.step == 12
    assert len(second.log) == len(first.log)


def test_the_last_checkpoints_are_kept(tmp_path, photos):
    train(TINY, photos, run=tmp_path, checkpoint_minutes=1e-9, keep=3, **QUIET)
    names = sorted(path.name for path in (tmp_path / "checkpoints").glob("step_*"))
    assert names == ["step_00000010.pt", "step_00000011.pt", "step_00000012.pt"]


def test_start_from_weights(tmp_path, photos):
    gan = TINY_GAN.change(starts_from="tiny")
    with pytest.raises(UserError, match=r"starts from the weights of tiny.*--init scratch"):
        train(gan, photos, run=tmp_path / "a", **QUIET)
    source = TINY.make_generator()
    save_network(tmp_path / "tiny.safetensors", source)
    still = gan.change(rate=1e-12, steps=1)
    run = train(still, photos, run=tmp_path / "b", init=tmp_path / "tiny.safetensors", **QUIET)
    assert torch.allclose(run.network.tail.weight, source.tail.weight, atol=1e-9)
    with pytest.raises(UserError, match=r"channels=4.*, and tiny-gan trains .*channels=8.*\(--channels 4\)"):
        train(gan.change(channels=8), photos, run=tmp_path / "c", init=tmp_path / "tiny.safetensors", **QUIET)
    assert train(still, photos, run=tmp_path / "c", init=tmp_path / "tiny.safetensors", **QUIET).finished
    with pytest.raises(UserError, match=r"of espcn, and tiny-gan trains generator.*No option makes them fit"):
        train(gan, photos, run=tmp_path / "d", init="espcn", **QUIET)


def test_the_discriminator_cannot_share_an_odd_batch(monkeypatch, tmp_path, photos):
    monkeypatch.setattr(Machine, "__init__", _two_processes)
    with pytest.raises(UserError, match="2 processes"):
        train(TINY.change(batch=3), photos, run=tmp_path, **QUIET)


def test_a_process_with_one_crop_has_nothing_to_shuffle(monkeypatch, tmp_path, photos):
    monkeypatch.setattr(Machine, "__init__", _two_processes)
    with pytest.raises(
        UserError, match=r"batch of 2 gives each of the 2 processes only 1\. Choose a --batch of at least 4"
    ):
        train(TINY.change(batch=2, shuffled=True), photos, run=tmp_path, **QUIET)


def _two_processes(self, *_, **__):
    self.world_size, self.rank = 2, 0


# -- trouble ---------------------------------------------------------------------------------------------------------


def test_not_a_number_stops_the_run_and_keeps_the_checkpoint(tmp_path, photos):
    train(TINY, photos, run=tmp_path, minutes=1e-6, **QUIET)
    before = {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    weights = (tmp_path / "weights.safetensors").read_bytes()
    state = read_checkpoint(RunFolder.latest(_folder(tmp_path)))
    state["generator"]["tail.bias"].fill_(math.nan)  # as a diverged update would leave it
    path = tmp_path / "checkpoints" / "step_00000002.pt"
    torch.save(state | {"step": 2}, path)
    with pytest.raises(UserError, match=r"content loss is no longer a number.*--rate"):
        train(TINY, photos, run=tmp_path, checkpoint_minutes=1e-9, **QUIET)
    path.unlink()
    assert {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()} == before
    assert (tmp_path / "weights.safetensors").read_bytes() == weights


def test_weights_that_are_no_numbers_are_not_saved(monkeypatch, tmp_path, photos):
    """The loss may still be a number when a weight is none any more: it is that of the update before."""
    update = loop.Learner.updates_on

    def breaking(learner, sampler, **options):
        step_at = update(learner, sampler, **options)

        def step(number):
            step_at(number)
            learner.discriminator.head[-1].bias.data.fill_(math.nan)

        return step

    monkeypatch.setattr(loop.Learner, "updates_on", breaking)
    with pytest.raises(UserError, match=r"weights of the discriminator are no longer numbers.*No checkpoint.*--rate"):
        train(TINY_GAN, photos, run=tmp_path, checkpoint_minutes=1e-9, **QUIET)
    assert not (tmp_path / "weights.safetensors").exists()
    assert not any((tmp_path / "checkpoints").iterdir())


def _folder(path):
    folder = RunFolder(path)
    folder.close()
    return folder


def test_the_discriminator_needs_two_numbers_for_a_variance(tmp_path, photos):
    """It reduces a crop of 16 pixels to one: for one crop in a batch, BatchNorm stopped with a traceback."""
    recipe = TINY.change(adversarial=1e-3, crop=16, batch=1)
    for call in (lambda: train(recipe, photos, run=tmp_path / "run", **QUIET), lambda: measure(recipe, photos)):
        with pytest.raises(
            UserError, match=r"at least 2 crops in each process, and the batch is 1. Choose .* least 2\."
        ):
            call()
    with pytest.raises(UserError, match=r"batch of 2 gives each of the 2 processes only 1\..*or fewer processes"):
        recipe.change(batch=2).check_share(2)
    recipe.change(batch=4).check_share(2)
    assert train(recipe.change(crop=32, steps=2), photos, run=tmp_path / "32", **QUIET).finished
    assert train(recipe.change(batch=2, steps=2), photos, run=tmp_path / "2", **QUIET).finished


def test_out_of_memory_names_the_batch_that_fits(monkeypatch, tmp_path, photos):
    forward = ShuffleLast.forward

    def small_memory(self, x):
        if x.shape[0] > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return forward(self, x)

    monkeypatch.setattr(ShuffleLast, "forward", small_memory)
    with pytest.raises(UserError, match=r"batch of 16 does not fit.*--batch 2"):
        train(TINY.change(batch=16), photos, run=tmp_path, **QUIET)
    monkeypatch.setattr(ShuffleLast, "forward", lambda self, x: small_memory(self, x.repeat(2, 1, 1, 1))[: len(x)])
    with pytest.raises(UserError, match=r"batch of 8 does not fit.*--batch 1"):
        train(TINY.change(batch=8), photos, run=tmp_path / "c", **QUIET)
    monkeypatch.setattr(ShuffleLast, "forward", lambda self, x: small_memory(self, x.repeat(9, 1, 1, 1)))
    with pytest.raises(UserError, match="not even a batch of 1"):
        train(TINY.change(batch=8), photos, run=tmp_path / "b", **QUIET)


def test_two_runs_in_one_folder(tmp_path, photos):
    first = RunFolder(tmp_path)
    with pytest.raises(UserError, match="another run is training"):
        train(TINY, photos, run=tmp_path, **QUIET)
    first.close()
    assert train(TINY, photos, run=tmp_path, **QUIET).finished


def test_a_folder_that_cannot_be_written(tmp_path, photos):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="run folder cannot be used"):
        train(TINY, photos, run=tmp_path / "file" / "run", **QUIET)


def test_full_disk_keeps_what_there_is(monkeypatch, tmp_path, photos):
    train(TINY, photos, run=tmp_path, minutes=1e-6, **QUIET)
    before = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())

    def full(state, file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match="disk is full"):
        train(TINY, photos, run=tmp_path, **QUIET)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == before
    monkeypatch.undo()
    assert train(TINY, photos, run=tmp_path, **QUIET).finished


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_a_checkpoint_cut_off(tmp_path, photos, kept):
    train(TINY, photos, run=tmp_path, **QUIET)
    path = tmp_path / "checkpoints" / "step_00000012.pt"
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.raises(UserError, match=r"step_00000012.pt is damaged or incomplete.*Delete it"):
        train(TINY, photos, run=tmp_path, **QUIET)


class _Evil:
    def __reduce__(self):
        return os.mkdir, ("was-run",)


def test_a_pickle_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "evil": _Evil()}, tmp_path / "x.pt")
    with pytest.raises(UserError, match="refused"):
        read_checkpoint(tmp_path / "x.pt")
    assert not (tmp_path / "was-run").exists()
    torch.save({"epoch": 3}, tmp_path / "y.pt")
    with pytest.raises(UserError, match="not a checkpoint of this version of the course"):
        read_checkpoint(tmp_path / "y.pt")


def test_a_checkpoint_of_another_run(tmp_path, photos):
    train(TINY, photos, run=tmp_path, minutes=1e-6, **QUIET)
    with pytest.raises(UserError, match="a run of tiny, not of tiny-gan"):
        train(TINY_GAN, photos, run=tmp_path, **QUIET)
    with pytest.raises(UserError, match="channels 4 then, 8 now"):
        train(TINY.change(channels=8), photos, run=tmp_path, **QUIET)
    with pytest.raises(UserError, match="seed 0 then, 1 now"):
        train(TINY, photos, run=tmp_path, seed=1, **QUIET)
    with pytest.raises(UserError, match="other training pictures"):
        train(TINY, dict(list(photos.items())[:3]), run=tmp_path, **QUIET)
    longer = train(TINY.change(steps=14), photos, run=tmp_path, **QUIET)  # its learning rate is constant
    assert longer.step == 14


def test_ctrl_c_during_a_save(monkeypatch, tmp_path, photos):
    """The first Ctrl-C lets the save finish and stops; what was saved is whole and goes on."""
    whole = train(TINY, photos, run=tmp_path / "whole", **QUIET)
    before = signal.getsignal(signal.SIGINT)  # a job that a shell runs in the background ignores it
    save, interrupted = torch.save, []

    def interrupting(state, file):
        file.write(b"half a checkpoint")
        if not interrupted:
            interrupted.append(state["step"])
            os.kill(os.getpid(), signal.SIGINT)
        file.seek(0)
        save(state, file)

    monkeypatch.setattr(torch, "save", interrupting)
    run = train(TINY, photos, run=tmp_path / "run", checkpoint_minutes=1e-9, **QUIET)
    assert interrupted == [1]
    assert not run.finished
    assert run.step == 2  # one more update, then it sees the request
    assert signal.getsignal(signal.SIGINT) is before
    run = train(TINY, photos, run=tmp_path / "run", **QUIET)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, run.network.state_dict()[name])


def test_tensorboard(tmp_path, photos):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(TINY, photos, run=tmp_path, tensorboard=True, **QUIET)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("content")] == [row["step"] for row in run.log]
    assert events.Scalars("content")[-1].value == pytest.approx(run.log[-1]["content"])


def test_a_single_photo_trains_without_validation(tmp_path, photos, capsys):
    run = train(TINY, {"only": photos["photo0"]}, run=tmp_path, keep=1, **QUIET | {"progress": True})
    assert "\n1 checkpoint of 0 MB is kept; " in capsys.readouterr().out
    assert run.finished
    assert run.log[-1]["val_psnr"] is None


def test_compiled_networks_train_like_the_plain_ones(tmp_path, photos):
    recipe = TINY.change(network="espcn", steps=3, rate=1e-3)
    plain = train(recipe, photos, run=tmp_path / "a", progress=False)
    compiled = train(recipe, photos, run=tmp_path / "b", compile=True, progress=False)
    for name, tensor in plain.network.state_dict().items():
        assert torch.allclose(tensor, compiled.network.state_dict()[name], atol=1e-5)


def test_espcn_beats_bicubic_on_set5(tmp_path, benchmark_data):
    """The course's first promise: trained on the photos that come with scikit-image, 0.3 dB above bicubic on Set5."""
    from srgan_lessons.evaluation import evaluate
    from srgan_lessons.images import sample_photos

    run = train(RECIPES["espcn"], sample_photos(), run=tmp_path, progress=False)
    ours = evaluate(run.network, ["Set5"], progress=False).mean("Set5").psnr
    assert ours > 28.4177 + 0.3  # the golden number of bicubic


def test_the_loop_reads_losses_only_when_it_reports(monkeypatch, tmp_path, photos):
    """No host sync inside the step: a loss becomes a number once per line of the log."""
    reads = []
    for name in ("item", "tolist", "__bool__", "__float__", "cpu", "numpy"):
        read = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda self, read=read, name=name: reads.append(name) or read(self))
    monkeypatch.setattr(loop._Training, "_save", lambda self, *, best: None)
    train(TINY_GAN, {"only": photos["photo0"]}, run=tmp_path, progress=False, log_every=6)  # and nothing to validate
    assert reads == ["tolist"] * 2  # two lines, all numbers of each at once
