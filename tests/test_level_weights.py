"""tools/level_weights.py takes away what a generator adds to every picture, and changes nothing but three biases."""

import numpy as np
import pytest
import torch
from loading import TOOLS, load
from torch import nn

from srgan_lessons.images import sample_photos
from srgan_lessons.models import Generator


@pytest.fixture(scope="module")
def tool():
    return load(TOOLS / "level_weights.py")


@pytest.fixture(scope="module")
def pairs(tool):
    return tool.crops([photo for name, photo in sample_photos().items() if min(photo.shape[:2]) < 700], seed=3)


class Nearest(nn.Module):
    """Nearest neighbour, with a pattern on top."""

    def __init__(self, pattern: torch.Tensor):  # (3, 4, 4)
        super().__init__()
        self.pattern = pattern

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        return lr.repeat_interleave(4, 2).repeat_interleave(4, 3) + self.pattern.repeat(1, *lr.shape[2:])


def test_a_pattern_is_found_by_kind_and_channel(tool, pairs):
    lr, hr = pairs
    planted = torch.linspace(-0.02, 0.03, 48).reshape(3, 4, 4)
    found = tool.pattern(Nearest(planted), lr, hr) - tool.pattern(Nearest(torch.zeros(3, 4, 4)), lr, hr)
    assert torch.allclose(found, planted.double(), atol=1e-6)


def test_the_pattern_by_numpy(tool, pairs):
    lr, hr = pairs
    sr = lr.repeat_interleave(4, 2).repeat_interleave(4, 3)
    residual = (sr - hr).double().numpy()[:, :, 32:-32, 32:-32]
    expected = [[[residual[:, c, y::4, x::4].mean() for x in range(4)] for y in range(4)] for c in range(3)]
    assert np.allclose(tool.pattern(Nearest(torch.zeros(3, 4, 4)), lr, hr).numpy(), expected, atol=1e-7)


def test_levelling_removes_it_by_three_biases_alone(tool, pairs):
    lr, hr = (side[:3] for side in pairs)
    torch.manual_seed(0)
    network = Generator(blocks=1, channels=8).eval()
    tool.level(network, lr, hr)
    hr = network(lr).detach()  # so nothing is wrong with it but what follows
    with torch.no_grad():
        network.upsample[1].conv.bias += 0.001 * torch.randn(32)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = tool.pattern(network, lr, hr).abs().max()
    assert found > 1e-4
    tool.level(network, lr, hr)
    assert tool.pattern(network, lr, hr).abs().max() < 0.1 * found
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"upsample.0.conv.bias", "upsample.1.conv.bias", "tail.bias"}
