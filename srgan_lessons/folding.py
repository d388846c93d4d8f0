"""The generator in fewer steps: the same function, computed faster.

The last pixel shuffle can swap places with the convolution after it, even in training. Once a network is trained,
BatchNorm and the convolution before it can be merged (Jacob et al. 2018, arXiv 1712.05877, section 3.2), and only the
needed part of a tile is computed. The results do not change, except for rounding.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.images import take_pictures
from srgan_lessons.models import Generator

WHOLE = (0, 0, 0, 0)  # no spare pixels


class Folded(nn.Module):
    """A trained Generator in evaluation mode, folded. Maps (N, 3, h, w) in [0, 1] to (N, 3, 4h, 4w), about [0, 1].

    It is a copy on the CPU, in float32, and cannot be trained. Its `halo` is that of the Generator. If `dtype` is
    torch.bfloat16, all layers compute in it except the first and the last, which read and write the colours.
    """

    def __init__(self, generator: Generator, dtype: torch.dtype = torch.float32):
        super().__init__()
        layers: Any = generator  # nn.Sequential does not declare the types of its layers
        *blocks, last, norm = layers.trunk
        first, second = layers.upsample
        self.halo = generator.halo
        self.head = _Conv(layers.head[0].weight, layers.head[0].bias, slope=layers.head[1].weight)
        self.blocks = nn.ModuleList(_Block(block.body) for block in blocks)
        self.trunk_end = _Conv(*_without_norm(last, norm))
        self.upsample = _Conv(first.conv.weight, first.conv.bias, slope=first.act.weight)
        self.upsample_end = _Conv(second.conv.weight, second.conv.bias, slope=second.act.weight)
        weight, bias = before_shuffle(generator.tail)
        self.tail = _Conv(weight / 2, (bias + 1) / 2)  # from the paper's [-1, 1] to [0, 1]
        self.dtype = dtype
        for part in (self.blocks, self.trunk_end, self.upsample, self.upsample_end):
            part.to(dtype)
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor, spare: Sequence[int] = WHOLE) -> Tensor:  # (N, 3, h, w), in [0, 1]
        """Enlarges a piece of a picture and leaves out the spare pixels around it.

        The spare pixels are the halo: they are only read because the results of the other pixels depend on them.
        spare: how many LR pixels are spare at the top, bottom, left and right. `halo` of them are enough on each side;
        at the picture's border there are fewer, or none. The result is
        (N, 3, 4 (h - top - bottom), 4 (w - left - right)).
        """
        x = self.head(x).to(self.dtype)  # (N, 64, h, w)
        skip, skip_spare = x, spare
        needed = self.halo - 4  # spare pixels that the remaining layers look at
        for block in self.blocks:
            needed -= 2
            # The sum makes a copy in any case, so leaving out pixels that are no longer needed costs nothing.
            x = _crop_to(needed, x, spare) + _crop_to(needed, block(x), spare)  # (N, 64, h', w'), smaller each time
            spare = [min(pixels, needed) for pixels in spare]
        needed -= 1
        x = _crop_to(needed, skip, skip_spare) + _crop_to(needed, self.trunk_end(x), spare)  # (N, 64, h', w')
        spare = [min(pixels, needed) for pixels in spare]
        del skip
        x = F.pixel_shuffle(self.upsample(x), 2)  # (N, 64, 2h', 2w')
        x = self.upsample_end(x)  # (N, 256, 2h', 2w'): not yet shuffled
        x = self.tail(x.float())  # (N, 12, 2h', 2w')
        x = crop(x, [2 * pixels for pixels in spare])  # (N, 12, 2 (h - top - bottom), 2 (w - left - right))
        return F.pixel_shuffle(x, 2)


class ShuffleLast(nn.Module):
    """A Generator that shuffles its pixels after the last convolution instead of before it, with the same parameters.

    Maps (N, 3, h, w) in [0, 1] to (N, 3, 4h, 4w), about [0, 1], and passes gradients on as the Generator does. A 9x9
    convolution with 3 outputs leaves most of a GPU's tensor cores idle. The 5x5 convolution with 12 outputs, on a grid
    with a quarter of the places, took a quarter of the time on an H100.
    """

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:  # (N, 3, h, w), in [0, 1]
        network = self.generator
        first = network.head(x)  # (N, 64, h, w)
        x = first + network.trunk(first)  # (N, 64, h, w)
        layers: Any = network.upsample
        enlarge, enlarge_last = layers
        x = enlarge_last.conv(enlarge(x))  # (N, 256, 2h, 2w)
        x = enlarge_last.act(x)  # one slope for all maps, so the order of PReLU and shuffle makes no difference
        weight, bias = before_shuffle(network.tail)
        filled = -len(bias) % 8  # tensor cores need a multiple of eight outputs
        x = F.conv2d(x, F.pad(weight, [0] * 7 + [filled]), F.pad(bias, [0, filled]), padding=2)  # (N, 16, 2h, 2w)
        x = F.pixel_shuffle(x[:, : len(bias)], 2)  # (N, 3, 4h, 4w), in [-1, 1]
        x = x.contiguous(memory_format=torch.channels_last)  # on a GPU, the shuffle loses the layout
        return (x + 1) / 2  # (N, 3, 4h, 4w), in [0, 1]


def foldable(network: nn.Module) -> TypeGuard[Generator]:
    """Whether a network is a Generator as models.py makes it: not a subclass, with no part replaced and no hook added.

    Two things are allowed. The hook `take_pictures` of a loaded network does nothing to the tensors that are passed
    here. If all BatchNorm layers are SyncBatchNorm, the run has several GPUs; weights and statistics are the same.
    """
    if type(network) is not Generator:
        return False
    hooks = [h for m in network.modules() for h in (*m._forward_hooks.values(), *m._forward_pre_hooks.values())]
    if any(hook is not take_pictures for hook in hooks):
        return False
    with torch.device("meta"):
        plain = Generator(len(network.trunk) - 2, getattr(network.tail, "in_channels", 64))
        return repr(network) in (repr(plain), repr(nn.SyncBatchNorm.convert_sync_batchnorm(plain)))


def crop(x: Tensor, sides: Sequence[int]) -> Tensor:
    """x without `sides` rows and columns at the top, bottom, left and right: a view of (N, C, h, w), no copy."""
    if not any(sides):
        return x
    top, bottom, left, right = sides
    return x[..., top : x.shape[2] - bottom, left : x.shape[3] - right]


def _crop_to(needed: int, x: Tensor, spare: Sequence[int]) -> Tensor:
    """x with only the spare pixels that are needed."""
    return crop(x, [max(0, pixels - needed) for pixels in spare])


class _Conv(nn.Conv2d):
    """A convolution with bias that keeps height and width. If a slope is given, PReLU follows, in place."""

    def __init__(self, weight: Tensor, bias: Tensor, slope: Tensor | None = None):
        outputs, inputs, size, _ = weight.shape
        super().__init__(inputs, outputs, size, padding=size // 2, device="meta")  # the weights are given, not drawn
        self.weight, self.bias = (
            nn.Parameter(tensor.detach().to("cpu", torch.float32, copy=True)) for tensor in (weight, bias)
        )
        self.slope = None if slope is None else slope.item()

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        if self.slope is None:
            return x
        # PReLU has one slope for all channels. Exporters take twice as long with an operation in place
        return F.leaky_relu(x, self.slope, inplace=not torch.compiler.is_compiling())


class _Block(nn.Sequential):
    """The body of a residual block: convolution, PReLU, convolution. `Folded` adds the skip, cropping x first."""

    def __init__(self, body: Iterable[Any]):
        conv, norm, act, second_conv, second_norm = body
        super().__init__(
            _Conv(*_without_norm(conv, norm), slope=act.weight),
            _Conv(*_without_norm(second_conv, second_norm)),
        )


def _without_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias, float64, of one convolution that equals a convolution without bias followed by BatchNorm."""
    assert norm.running_mean is not None, "as models.py makes it"
    assert norm.running_var is not None
    mean, variance, gamma, beta = (
        tensor.detach().cpu().double() for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    factor = gamma / (variance + norm.eps).sqrt()  # (C,)
    return conv.weight.detach().cpu().double() * factor[:, None, None, None], beta - mean * factor


def before_shuffle(conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Turns a 9x9 convolution after PixelShuffle(2) into a 5x5 convolution before it that does the same.

    Returns the weight (4 C, 4 inputs, 5, 5) and the bias of the 5x5 convolution. Each output channel becomes four, one
    for each pixel of a 2x2 tile. A pixel sees 4 pixels to each side, which are 2 places on the grid before the shuffle.
    Together these 5x5 places have 10x10 pixels, so the 9x9 kernel does not reach one row and one column of them; which
    ones depends on the pixel's position in the tile. Pixels outside the picture are zero on both grids. Gradients pass
    from the result to the weights of `conv`.
    """
    assert conv.bias is not None  # as models.py makes it
    kernel = conv.weight  # (C, inputs, 9, 9)
    tile = [F.pad(kernel, [j, 1 - j, i, 1 - i]) for i in (0, 1) for j in (0, 1)]  # 4 times (C, inputs, 10, 10)
    wide = torch.stack(tile, dim=1).unflatten(4, (5, 2)).unflatten(3, (5, 2))  # (C, 4, inputs, 5, 2, 5, 2)
    weight = wide.permute(0, 1, 2, 4, 6, 3, 5)  # (C, 4, inputs, 2, 2, 5, 5): input channels in the shuffle's order
    outputs, inputs = kernel.shape[:2]
    return weight.reshape(4 * outputs, 4 * inputs, 5, 5), conv.bias.repeat_interleave(4)
