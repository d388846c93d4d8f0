"""A small VGG, its layers by number and by name, and a comparison of feature maps."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from srgan_lessons.vgg import VGG19, BlurPool


def small_vgg(
    convs: tuple[int, ...] = VGG19, *, channels: int = 4, blur: bool = False, norm: bool = False, seed: int = 0
) -> nn.Sequential:
    """Frozen layers in a VGG's order, with few channels and random weights.

    convs: the number of convolutions before each pooling. With `blur`, a pooling is two layers, nn.MaxPool2d and
    BlurPool, as in the offline VGG16. With `norm`, each convolution is followed by a BatchNorm in evaluation mode.
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
            layers += [conv, nn.BatchNorm2d(channels, eps=1).eval(), nn.ReLU()] if norm else [conv, nn.ReLU()]
            inputs = channels
        layers += [nn.MaxPool2d(2, stride=1), BlurPool()] if blur else [nn.MaxPool2d(2)]
    return nn.Sequential(*layers).requires_grad_(False)


def counts(layers: nn.Sequential) -> Iterator[tuple[int, int, int]]:
    """(index, pool, conv) of each layer.

    pool is the number of the next pooling; conv is the number of convolutions since the last one.
    """
    pool, conv = 1, 0
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.MaxPool2d):
            pool, conv = pool + 1, 0
        elif isinstance(layer, nn.Conv2d):
            conv += 1
        yield index, pool, conv


def relus(layers: nn.Sequential) -> dict[tuple[int, int], int]:
    """The index of each phi(i, j) that `layers` has, in order: (i, j) -> index."""
    return {(pool, conv): index for index, pool, conv in counts(layers) if isinstance(layers[index], nn.ReLU)}


def place(layers: nn.Sequential, index: int) -> str:
    """A layer in words: "layer 7, convolution 2 before pooling 2"."""
    _, pool, conv = list(counts(layers))[index]
    if isinstance(layers[index], nn.Conv2d):
        return f"layer {index}, convolution {conv} before pooling {pool}"
    if isinstance(layers[index], nn.ReLU):
        return f"layer {index}, the ReLU of phi({pool}, {conv})"
    if isinstance(layers[index], nn.BatchNorm2d):
        return f"layer {index}, the BatchNorm of convolution {conv} before pooling {pool}"
    return f"layer {index}, pooling {pool - 1}"


def same(a: Tensor, b: Tensor) -> bool:
    """True for tensors of the same shape that differ only by rounding."""
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-6)
