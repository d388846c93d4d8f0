"""A small VGG, and a comparison of feature maps."""

import torch
from torch import Tensor, nn

from srgan_lessons.vgg import VGG19, BlurPool


def small_vgg(convs: tuple[int, ...] = VGG19, *, channels: int = 4, blur: bool = False, seed: int = 0) -> nn.Sequential:
    """Frozen layers in a VGG's order, with few channels and random weights.

    convs: the number of convolutions before each pooling. With `blur`, a pooling is two layers, nn.MaxPool2d and
    BlurPool, as in the offline VGG16.
    """
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    inputs = 3
    for count in convs:
        for _ in range(count):
            conv = nn.Conv2d(inputs, channels, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
            assert conv.bias is not None
            nn.init.normal_(conv.bias, std=0.3, generator=generator)
            layers += [conv, nn.ReLU()]
            inputs = channels
        layers += [nn.MaxPool2d(2, stride=1), BlurPool()] if blur else [nn.MaxPool2d(2)]
    return nn.Sequential(*layers).requires_grad_(False)


def same(a: Tensor, b: Tensor) -> bool:
    """True for tensors of the same shape that differ only by rounding."""
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-6)
