"""The networks against the paper's text and Figure 4, and against what can be measured on them."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from srgan_lessons import UserError
from srgan_lessons.models import (
    ESPCN,
    Discriminator,
    Generator,
    ResidualBlock,
    SubPixelUpsample,
    count_parameters,
    icnr_,
)


def convolutions(network: nn.Module) -> list[str]:
    """In the paper's short form: k9n64s1 is 9x9, 64 maps, stride 1."""
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    return [f"k{m.kernel_size[0]}n{m.out_channels}s{m.stride[0]}" for m in convs]


def count(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(m, kind) for m in network.modules())


def test_the_generator_has_the_paper_s_number_of_parameters():
    assert count_parameters(Generator()) == 1_547_350


def test_the_generator_by_hand():
    head, tail = 3 * 64 * 81 + 64 + 1, 64 * 3 * 81 + 3
    block = 2 * (64 * 64 * 9 + 2 * 64) + 1  # two convolutions without bias, two BatchNorms, one PReLU
    after = 64 * 64 * 9 + 2 * 64
    up = 64 * 256 * 9 + 256 + 1
    assert head + 16 * block + after + 2 * up + tail == 1_547_350
    assert count_parameters(Generator(blocks=5)) == head + 5 * block + after + 2 * up + tail


def test_the_generator_is_figure_4():
    network = Generator()
    assert convolutions(network) == ["k9n64s1"] + ["k3n64s1"] * 33 + ["k3n256s1"] * 2 + ["k9n3s1"]
    assert count(network, ResidualBlock) == 16
    assert count(network, nn.BatchNorm2d) == 33
    assert count(network, nn.PReLU) == 1 + 16 + 2
    assert all(m.num_parameters == 1 for m in network.modules() if isinstance(m, nn.PReLU))
    assert not count(network, nn.Tanh)
    kinds = [type(m).__name__ for m in network.trunk[0].body]
    assert kinds == ["Conv2d", "BatchNorm2d", "PReLU", "Conv2d", "BatchNorm2d"]
    kinds = [type(m).__name__ for m in network.upsample[0].children()]
    assert kinds == ["Conv2d", "PixelShuffle", "PReLU"]


def test_the_discriminator_is_figure_4():
    network = Discriminator()
    assert convolutions(network) == [
        "k3n64s1", "k3n64s2", "k3n128s1", "k3n128s2", "k3n256s1", "k3n256s2", "k3n512s1", "k3n512s2",
    ]  # fmt: skip
    kinds = [type(m).__name__ for m in network.features]
    assert kinds == ["Conv2d", "LeakyReLU"] + ["Conv2d", "BatchNorm2d", "LeakyReLU"] * 7
    assert all(m.negative_slope == 0.2 for m in network.modules() if isinstance(m, nn.LeakyReLU))
    assert not count(network, nn.MaxPool2d)
    dense = [(m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)]
    assert dense == [(512 * 6 * 6, 1024), (1024, 1)]


@pytest.mark.parametrize("network", [ESPCN(), Generator(blocks=1, channels=4), Discriminator(32, 4)])
def test_a_convolution_keeps_the_size_or_halves_it(network):
    """Each is padded, so that only a stride of 2 makes the maps smaller."""
    sizes = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda conv, x, y: sizes.append((x[0].shape[-1], y.shape[-1], conv.stride[0])))
    network(torch.rand(2, 3, 32, 32))
    assert len(sizes) == count(network, nn.Conv2d)
    assert all(before == after * stride for before, after, stride in sizes)


def test_the_discriminator_s_parameters_by_hand():
    first = 3 * 64 * 9 + 64
    widths = [64, 64, 128, 128, 256, 256, 512, 512]
    convs = sum(a * b * 9 for a, b in pairwise(widths))
    norms = 2 * sum(widths[1:])
    dense = 512 * 6 * 6 * 1024 + 1024 + 1024 + 1
    assert count_parameters(Discriminator()) == first + convs + norms + dense


def test_espcn_by_hand():
    network = ESPCN()
    assert convolutions(network) == ["k5n64s1", "k3n32s1", "k3n48s1"]
    assert count_parameters(network) == (3 * 64 * 25 + 64) + (64 * 32 * 9 + 32) + (32 * 48 * 9 + 48)


@pytest.mark.parametrize("network", [ESPCN(), Generator(blocks=2, channels=8)])
@pytest.mark.parametrize("size", [(7, 13), (24, 24), (1, 1)])
def test_four_times_any_size(network, size):
    assert network.eval()(torch.rand(2, 3, *size)).shape == (2, 3, 4 * size[0], 4 * size[1])


@pytest.mark.parametrize(
    ("network", "halo"),
    [(ESPCN(), 4), (Generator(blocks=1, channels=4), 10), (Generator(blocks=4, channels=4), 16)],
)
def test_the_halo_is_what_an_output_pixel_sees(network, halo):
    """Measured: the gradient of the four times four pixels that one LR pixel becomes, with respect to all LR pixels."""
    assert network.halo == halo
    network = network.eval().double()
    size = 2 * halo + 7
    middle = size // 2
    lr = torch.rand(1, 3, size, size, dtype=torch.float64, requires_grad=True)
    tile = network(lr)[..., 4 * middle : 4 * middle + 4, 4 * middle : 4 * middle + 4]
    tile.sum().backward()
    seen = lr.grad.abs().sum(dim=(0, 1)) > 0  # (size, size)
    rows, columns = seen.any(dim=1).nonzero().flatten(), seen.any(dim=0).nonzero().flatten()
    for line in (rows, columns):
        assert line.tolist() == list(range(middle - halo, middle + halo + 1))


def test_the_paper_s_generator_sees_40_pixels_to_each_side():
    assert Generator().halo == 4 + 2 * 16 + 1 + 2 + 1


def test_the_generator_works_in_the_paper_s_range():
    """The last convolution gives [-1, 1]: -1 leaves as 0, 0 as a half, 1 as 1."""
    network = Generator(blocks=1, channels=4).eval()
    with torch.no_grad():
        network.tail.weight.zero_()
        for bias, expected in ((-1, 0), (0, 0.5), (1, 1), (3, 2)):  # nothing is clamped
            network.tail.bias.fill_(bias)
            assert torch.equal(network(torch.rand(1, 3, 5, 5)), torch.full((1, 3, 20, 20), float(expected)))


@pytest.mark.parametrize("start", [-4.0, 4.0])
def test_gradients_flow_where_the_output_is_outside_the_range(start):
    for network in (Generator(blocks=1, channels=4), ESPCN()):
        last = network.tail if isinstance(network, Generator) else network.upsample[0]
        nn.init.constant_(last.bias, start)
        sr = network(torch.rand(2, 3, 6, 6))
        assert ((sr < 0) | (sr > 1)).all()
        sr.mean().backward()
        assert last.bias.grad.abs().min() > 0


def test_a_residual_block_adds_to_what_comes_in():
    block = ResidualBlock(4).eval()
    nn.init.zeros_(block.body[-1].weight)
    x = torch.randn(2, 4, 5, 6)
    assert torch.equal(block(x), x)  # no activation after the sum


def test_the_long_skip_goes_around_the_whole_trunk():
    network = Generator(blocks=2, channels=4).eval()
    nn.init.zeros_(network.trunk[-1].weight)  # the trunk adds nothing
    lr = torch.rand(1, 3, 5, 6)
    expected = (network.tail(network.upsample(network.head(lr))) + 1) / 2
    assert torch.equal(network(lr), expected)


def blocks_are_flat(images: torch.Tensor, scale: int) -> bool:
    """Whether each tile of scale x scale pixels has one colour: a nearest-neighbour enlargement."""
    return torch.allclose(images, F.interpolate(images[..., ::scale, ::scale], scale_factor=scale), atol=1e-6)


def test_icnr_makes_a_nearest_neighbour_enlargement():
    x = torch.randn(1, 6, 9, 9)
    assert blocks_are_flat(SubPixelUpsample(6, icnr=True)(x), 2)
    assert not blocks_are_flat(SubPixelUpsample(6)(x), 2)
    assert not blocks_are_flat(ESPCN()(x[:, :3]), 4)
    assert not blocks_are_flat(Generator(1, 6).upsample[1](x), 2)


@pytest.mark.parametrize("icnr", [True, False])
def test_an_untrained_network_shows_a_checkerboard_only_without_icnr(icnr):
    espcn = ESPCN(icnr=icnr)
    assert blocks_are_flat(espcn(torch.rand(1, 3, 9, 9)), 4) is icnr
    generator = Generator(blocks=1, channels=4, icnr=icnr).eval()
    for layer in generator.upsample:
        assert blocks_are_flat(layer(torch.rand(1, 4, 9, 9)), 2) is icnr


def test_icnr_by_hand():
    weight = torch.zeros(8, 3, 3, 3)
    icnr_(weight, 2)
    assert all(torch.equal(weight[0], weight[k]) for k in range(4))  # the four pixels of a tile of channel 0
    assert all(torch.equal(weight[4], weight[k]) for k in range(4, 8))
    assert not torch.equal(weight[0], weight[4])
    many = icnr_(torch.zeros(256, 12, 3, 3), 2)
    bound = (1 / 108) ** 0.5  # torch's own initialisation: uniform up to 1 / sqrt(inputs)
    assert 0.99 * bound < many.abs().max() <= bound
    with pytest.raises(UserError, match="6 output channels are not a multiple of 2\\^2"):
        icnr_(torch.zeros(6, 3, 3, 3), 2)


def test_logits_and_probability():
    network = Discriminator(crop=16, channels=4).eval()
    nn.init.constant_(network.head[-1].bias, -3.0)
    x = torch.rand(5, 3, 16, 16)
    logits = network(x)
    assert logits.shape == (5, 1)
    assert logits.max() < 0  # no sigmoid inside
    assert torch.allclose(network.probability(x), 1 / (1 + torch.exp(-logits)))


def test_the_discriminator_is_fed_the_paper_s_range():
    network = Discriminator(crop=16, channels=4)
    seen = []
    network.features.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(torch.stack([torch.zeros(3, 16, 16), torch.ones(3, 16, 16)]))
    assert seen[0][0].unique().tolist() == [-1]
    assert seen[0][1].unique().tolist() == [1]


def test_sizes_that_the_discriminator_cannot_judge():
    with pytest.raises(UserError, match="judges 32x32 images, got \\(48, 32\\)"):
        Discriminator(crop=32, channels=4)(torch.rand(1, 3, 48, 32))
    for crop in (100, 0, 8, -16):
        with pytest.raises(UserError, match=f"multiple of 16.*got {crop}"):
            Discriminator(crop=crop)


def test_running_statistics_are_not_parameters():
    assert count_parameters(nn.BatchNorm2d(10)) == 20
    frozen = nn.Linear(3, 4).requires_grad_(False)
    assert count_parameters(nn.Sequential(frozen, nn.Linear(4, 2))) == 10
