"""The networks: ESPCN (Shi et al. 2016), and the generator and discriminator of SRGAN (Ledig et al. 2017, Figure 4).

Images go in and come out in [0, 1]. Nothing is clamped here: in training, a clamp would stop the gradient.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from srgan_lessons import UserError

SCALE = 4


@dataclass(frozen=True, kw_only=True)
class About:
    """Describes a network that was loaded from a file.

    name: of shipped weights, of the file, or of the run's folder. network: its kind and size in words. halo: LR pixels
    on each side that an output pixel depends on. recipe: the recipe that trained it, if the file says so. card: data,
    training, results and weaknesses, in Markdown; only shipped weights have one.
    """

    name: str
    network: str
    parameters: int
    scale: int
    halo: int
    recipe: str | None = None
    card: str | None = None

    def __str__(self) -> str:
        trained = f", {self.recipe}" if self.recipe else ""
        size = f"{self.parameters:,} parameters, x{self.scale}, halo {self.halo}"
        return f"{self.name}: {self.network}, {size}{trained}"


class ESPCN(nn.Module):
    """Three convolutions at low resolution, then pixel shuffle (Shi et al. 2016, section 2.2; arXiv 1609.05158).

    Maps (N, 3, h, w) in [0, 1] to (N, 3, 4h, 4w). Works on RGB; the original works on luma.
    """

    halo = 4  # LR pixels on each side that an output pixel depends on: 2 + 1 + 1
    about: About  # only if the network was loaded from a file

    def __init__(self, *, icnr: bool = False):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 64, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(64, 32, 3, padding=1),
            nn.Tanh(),
        )
        self.upsample = nn.Sequential(nn.Conv2d(32, 3 * SCALE**2, 3, padding=1), nn.PixelShuffle(SCALE))
        if icnr:
            convolution: Any = self.upsample[0]
            icnr_(convolution.weight, SCALE)
            nn.init.zeros_(convolution.bias)  # a different bias for each pixel of a tile would show as a pattern

    def forward(self, x: Tensor) -> Tensor:  # (N, 3, h, w), in [0, 1]
        x = self.body(x)  # (N, 32, h, w)
        return self.upsample(x)  # (N, 3, 4h, 4w), about [0, 1]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a skip connection around them (paper, Figure 4).

    Maps (N, channels, h, w) to the same shape. The last BatchNorm comes before the sum: the block learns what to add.
    """

    def __init__(self, channels: int = 64):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),  # BatchNorm has the bias
            nn.BatchNorm2d(channels),
            nn.PReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:  # (N, 64, h, w)
        return x + self.body(x)  # (N, 64, h, w)


class SubPixelUpsample(nn.Module):
    """Doubles height and width: a convolution computes four pixels for each place, and pixel shuffle lays them out.

    Maps (N, channels, h, w) to (N, channels, 2h, 2w) (paper, Figure 4: k3n256s1, PixelShuffler x2, PReLU).
    """

    def __init__(self, channels: int = 64, *, icnr: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        self.act = nn.PReLU()
        if icnr:
            icnr_(self.conv.weight, 2)
            assert self.conv.bias is not None
            nn.init.zeros_(self.conv.bias)  # a different bias for each pixel of a tile would show as a pattern

    def forward(self, x: Tensor) -> Tensor:  # (N, 64, h, w)
        x = self.conv(x)  # (N, 256, h, w)
        x = self.shuffle(x)  # (N, 64, 2h, 2w)
        return self.act(x)  # (N, 64, 2h, 2w)


class Generator(nn.Module):
    """SRResNet, the generator of SRGAN (paper, section 2.1 and Figure 4), with 1,547,350 parameters.

    The paper gives no number; ours is that of one slope for each PReLU and no bias before a BatchNorm.
    Maps (N, 3, h, w) in [0, 1] to (N, 3, 4h, 4w), about [0, 1]. `icnr` initialises the sub-pixel layers so that the
    untrained network shows no checkerboard (Aitken et al. 2017).
    """

    about: About  # only if the network was loaded from a file

    def __init__(self, blocks: int = 16, channels: int = 64, *, icnr: bool = False):
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.PReLU())
        self.trunk = nn.Sequential(
            *[ResidualBlock(channels) for _ in range(blocks)],
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.upsample = nn.Sequential(SubPixelUpsample(channels, icnr=icnr), SubPixelUpsample(channels, icnr=icnr))
        self.tail = nn.Conv2d(channels, 3, 9, padding=4)

    @property
    def halo(self) -> int:
        """LR pixels on each side that an output pixel sees.

        They are 4 + 2 per block + 1 before the picture is enlarged, then 1 + 1/2 (rounded up to 2) and 4/4.
        """
        blocks = len(self.trunk) - 2
        return 4 + 2 * blocks + 1 + 2 + 1

    def forward(self, x: Tensor) -> Tensor:  # (N, 3, h, w), in [0, 1]
        first = self.head(x)  # (N, 64, h, w)
        x = first + self.trunk(first)  # (N, 64, h, w): the long skip
        x = self.upsample(x)  # (N, 64, 4h, 4w)
        x = self.tail(x)  # (N, 3, 4h, 4w), in [-1, 1]: the paper's range for HR (section 3.2)
        return (x + 1) / 2  # (N, 3, 4h, 4w), in [0, 1]


class Discriminator(nn.Module):
    """Tells real photos from generated images (paper, section 2.1 and Figure 4).

    Maps (N, 3, crop, crop) in [0, 1] to logits (N, 1): above 0 means "real". The paper's sigmoid is in `probability`;
    the losses use the logits, so that they never take the log of 0. Raises UserError for images of another size.
    """

    def __init__(self, crop: int = 96, channels: int = 64):
        super().__init__()
        if crop < 16 or crop % 16:
            raise UserError(f"Discriminator: crop must be a multiple of 16 (it is halved four times); got {crop}")
        self.crop = crop
        c = channels
        self.features = nn.Sequential(
            nn.Conv2d(3, c, 3, padding=1),  # no BatchNorm on the first layer
            nn.LeakyReLU(0.2),
            *conv_block(c, c, stride=2),
            *conv_block(c, 2 * c, stride=1),
            *conv_block(2 * c, 2 * c, stride=2),
            *conv_block(2 * c, 4 * c, stride=1),
            *conv_block(4 * c, 4 * c, stride=2),
            *conv_block(4 * c, 8 * c, stride=1),
            *conv_block(8 * c, 8 * c, stride=2),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(8 * c * (crop // 16) ** 2, 16 * c),
            nn.LeakyReLU(0.2),
            nn.Linear(16 * c, 1),
        )

    def forward(self, x: Tensor) -> Tensor:  # (N, 3, 96, 96), in [0, 1]
        if x.shape[-2:] != (self.crop, self.crop):
            raise UserError(
                f"this Discriminator judges {self.crop}x{self.crop} images, got {tuple(x.shape[-2:])}; "
                "its dense layer is made for one size: crop the images, or make Discriminator(crop=...)"
            )
        x = self.features(2 * x - 1)  # (N, 512, 6, 6); the paper feeds it [-1, 1]
        return self.head(x)  # (N, 1), logits

    def probability(self, x: Tensor) -> Tensor:
        """The paper's D(x): the probability (N, 1) that each image is a real photo. The losses use the logits."""
        return torch.sigmoid(self(x))


def conv_block(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, ...]:
    """A convolution of the discriminator, with BatchNorm and LeakyReLU after it; stride 2 halves height and width."""
    return (
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2),
    )


@torch.no_grad()
def icnr_(weight: Tensor, scale: int) -> Tensor:
    """ICNR initialisation in place (Aitken et al. 2017, arXiv 1707.02937): all pixels of a tile start out equal.

    weight: (C scale^2, inputs, k, k) of the convolution before a PixelShuffle(scale). The shuffled output is then a
    nearest-neighbour enlargement, and no tile shows a pattern.
    """
    outputs = weight.shape[0]
    if outputs % scale**2:
        raise UserError(f"icnr_: {outputs} output channels are not a multiple of {scale}^2")
    one = torch.empty_like(weight[: outputs // scale**2])  # (C, inputs, k, k)
    nn.init.kaiming_uniform_(one, a=5**0.5)  # torch's own initialisation of a convolution
    return weight.copy_(one.repeat_interleave(scale**2, dim=0))  # channel c s^2 + i s + j belongs to tile c


def count_parameters(network: nn.Module) -> int:
    """How many trainable numbers a network has. BatchNorm's running statistics are not trained."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
