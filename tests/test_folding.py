"""The folded generator computes what the generator computes, whole and in pieces."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from srgan_lessons.folding import Folded, ShuffleLast, before_shuffle, crop, foldable
from srgan_lessons.models import ESPCN, Generator
from srgan_lessons.training import Recipe
from srgan_lessons.training.learner import Learner
from srgan_lessons.training.machine import Machine
from srgan_lessons.upscaling import upscale
from srgan_lessons.weights import load_network

SIZES = [(1, 1), (1, 5), (7, 13), (30, 21)]


def generator(blocks: int = 3, channels: int = 8) -> Generator:
    """With statistics, factors, biases and slopes that are nobody's defaults."""
    torch.manual_seed(blocks)
    network = Generator(blocks, channels)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.3, 0.5)
    return network.eval()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("blocks", [1, 3])
def test_it_equals_the_generator(blocks, size):
    network, x = generator(blocks), torch.rand(2, 3, *size)
    with torch.inference_mode():
        assert torch.allclose(Folded(network)(x), network(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["srgan", "srresnet"])
def test_it_equals_the_trained_networks(name):
    network, x = load_network(name), torch.rand(1, 3, 23, 18)
    with torch.inference_mode():
        assert torch.allclose(Folded(network)(x), network(x), rtol=0, atol=1e-5)


def test_the_last_convolution_before_the_shuffle_in_double_precision():
    conv = generator(1, 4).double().tail
    weight, bias = before_shuffle(conv)
    x = torch.rand(2, 16, 5, 6, dtype=torch.float64)
    folded = nn.functional.pixel_shuffle(nn.functional.conv2d(x, weight, bias, padding=2), 2)
    assert torch.allclose(folded, conv(nn.functional.pixel_shuffle(x, 2)), rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", SIZES)
def test_in_training_the_shuffle_can_come_last(size):
    """Same pictures and same gradients, with BatchNorm's statistics of the batch, in double precision."""
    network, x = generator(2, 8).double().train(), torch.rand(2, 3, *size, dtype=torch.float64)
    hr = torch.rand(2, 3, 4 * size[0], 4 * size[1], dtype=torch.float64)
    found = []
    for way in (network, ShuffleLast(network)):
        sr = way(x)
        found.append((sr, *torch.autograd.grad((sr - hr).square().mean(), list(network.parameters()))))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-13)
    assert dict(ShuffleLast(network).named_parameters()).keys() == {
        f"generator.{n}" for n, _ in network.named_parameters()
    }


@pytest.mark.parametrize("spare", [(0, 0, 0, 0), (99, 99, 99, 99), (99, 0, 0, 99), (0, 99, 5, 0), (1, 2, 3, 4)])
def test_a_piece_equals_what_it_is_of_the_whole(spare):
    """99: a halo, where the picture goes on. Fewer than a halo: there the picture ends, as at a border."""
    network = generator()
    beyond = [17 if pixels == 99 else 0 for pixels in spare]  # what the piece does not have of the picture
    spare = [min(pixels, network.halo) for pixels in spare]
    top, bottom, left, right = (a + b for a, b in zip(beyond, spare, strict=True))
    image = torch.rand(1, 3, top + 6 + bottom, left + 8 + right)
    with torch.inference_mode():
        expected = crop(network(image), [4 * pixels for pixels in (top, bottom, left, right)])  # (1, 3, 24, 32)
        assert torch.allclose(Folded(network)(crop(image, beyond), spare), expected, rtol=0, atol=1e-5)


def test_one_pixel_less_would_show():
    """The negative control: where the layers to come are said to look at one pixel less, pieces are wrong."""
    network = generator()
    halo = network.halo
    x = torch.rand(1, 3, 2 * halo + 20, 2 * halo + 20)
    spare = (halo, halo, halo, halo)
    folded = Folded(network)
    with torch.inference_mode():
        expected = network(x)[..., 4 * halo : -4 * halo, 4 * halo : -4 * halo]
        assert torch.allclose(folded(x, spare), expected, rtol=0, atol=1e-5)
        folded.halo = halo - 1
        assert (folded(x, spare) - expected).abs().max() > 1e-3


def test_no_more_of_the_halo_is_computed_than_the_next_layers_need():
    """The first layer uses up 4 of the paper's 40 pixels, each block 2, and the trunk's end 1: three are left."""
    network = Generator(blocks=16, channels=4)
    folded, seen = Folded(network), []
    for part in (folded.head, *folded.blocks, folded.trunk_end, folded.upsample, folded.tail):
        part.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[-2:])))
    folded(torch.rand(1, 3, 40 + 6 + 40, 40 + 9 + 7), (40, 40, 40, 7))  # on the right, the picture ends after 7
    needed = [40, 40, *range(34, 2, -2), 3]  # head, 16 blocks, the trunk's end, then what enlarges
    expected = [(n + 6 + n, n + 9 + min(7, n)) for n in needed]
    assert seen == [*expected, tuple(2 * side for side in expected[-1])]


def test_it_is_a_copy_and_takes_no_random_numbers():
    network = generator()
    before = copy.deepcopy(network.state_dict())
    state = torch.get_rng_state()
    folded = Folded(network.train())
    assert foldable(network)
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    x = torch.rand(1, 3, 6, 6)
    with torch.no_grad():
        expected = folded(x)
        for parameter in network.parameters():
            parameter.zero_()
        assert torch.equal(folded(x), expected)
        network.load_state_dict(before)
    assert not any(parameter.requires_grad for parameter in folded.parameters())


def test_other_networks_run_as_they_are():
    """A subclass, an exchanged part or a hook would be lost in folding."""

    class Darker(Generator):
        def forward(self, x):
            return super().forward(x) / 2

    class Other(nn.Module):
        halo = 0

        def forward(self, x):
            return x.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)

    exchanged, hooked = generator(), generator()
    exchanged.trunk[0].body[2] = nn.ReLU()
    calls = []
    hooked.trunk[1].register_forward_hook(lambda *_: calls.append(1))
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    for network in (ESPCN(), Darker(2, 8), Other(), exchanged, hooked):
        assert not foldable(network)
        assert upscale(image, network, device="cpu").shape == (36, 44, 3)
    assert calls
    assert foldable(generator())


def test_bfloat16_is_used_between_the_first_and_the_last_layer():
    folded = Folded(generator(), torch.bfloat16)
    assert folded.head.weight.dtype == folded.tail.weight.dtype == torch.float32
    assert folded.blocks[0][0].weight.dtype == folded.upsample_end.weight.dtype == torch.bfloat16
    assert folded(torch.rand(1, 3, 5, 5)).dtype == torch.float32


def test_a_generator_of_several_gpus_is_folded_too():
    """There `Machine.prepare` turns each BatchNorm into a SyncBatchNorm, which computes the same in evaluation."""
    plain, x = generator(), torch.rand(2, 3, 7, 13)
    synced = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(plain))
    assert foldable(synced)
    with torch.inference_mode():
        assert torch.allclose(ShuffleLast(synced)(x), plain(x), rtol=0, atol=1e-6)
        assert torch.allclose(Folded(synced)(x), plain(x), rtol=0, atol=1e-5)
    half = generator()
    half.trunk[0] = nn.SyncBatchNorm.convert_sync_batchnorm(half.trunk[0])
    assert not foldable(half)  # nothing in the package makes such a network


def test_updates_on_several_gpus_shuffle_last(monkeypatch):
    prepare = Machine.prepare
    convert = nn.SyncBatchNorm.convert_sync_batchnorm
    monkeypatch.setattr(Machine, "prepare", lambda self, network: convert(prepare(self, network)))
    recipe = Recipe(name="tiny", blocks=1, channels=4, steps=1)
    learner = Learner(recipe, recipe.make_generator(), nn.MSELoss(), Machine("cpu"))
    assert isinstance(learner.shuffled_last, ShuffleLast)
    assert isinstance(learner.generator.trunk[-1], nn.SyncBatchNorm)
