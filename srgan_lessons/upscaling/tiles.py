"""Enlarges a picture of any size in tiles.

Each tile is read with a halo: the surrounding pixels on which its result depends. So the tiles' borders never show, and
the memory that the network needs does not grow with the picture.
"""

import copy
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from srgan_lessons import UserError
from srgan_lessons.device import choose_device, is_out_of_memory
from srgan_lessons.folding import Folded, crop, foldable
from srgan_lessons.images import AnyPicture, check_image, to_image
from srgan_lessons.images import to_tensor as image_to_tensor
from srgan_lessons.models import SCALE
from srgan_lessons.precision import computes_in_bf16, full_float32
from srgan_lessons.resize import upscale as bicubic
from srgan_lessons.weights import load_network

METHODS = ("bicubic", "nearest")
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}

# LR pixels along a tile's side. The 16-block generator has a halo of 40 pixels, and most layers compute a part of it.
# Measured on 2 CPU cores for a tile with a halo on each side, on top of the 0.57 GB that importing torch takes:
#   side   64   generator 0.05 GB, keeps 48 % of what it computes    ESPCN 0.01 GB
#         128             0.13 GB        68 %                              0.02 GB
#         192             0.26 GB        77 %                              0.04 GB
#         256             0.44 GB        82 %                              0.06 GB
#         320             0.65 GB        85 %                              0.09 GB
# A side of 256 takes an eighth less processor time than 192; 384 takes no less than 256. A network of this size that
# cannot be folded takes 1.15 GB.
TILE = 256

GREY = torch.tensor([0.299, 0.587, 0.114])  # ITU-R BT.601, full range: the usual grey of 8-bit pictures


class Bicubic(nn.Module):
    """Bicubic enlargement instead of a network. Equals `resize.imresize(image, 4)` bit for bit."""

    halo = 3  # LR pixels that the kernel sees on each side, rounded up

    def forward(self, x: Tensor) -> Tensor:  # (N, 3, h, w), in [0, 1]
        return bicubic(x, SCALE)  # (N, 3, 4h, 4w)


class Nearest(nn.Module):
    """Nearest neighbour instead of a network: each pixel becomes a square of 4 x 4."""

    halo = 0

    def forward(self, x: Tensor) -> Tensor:  # (N, 3, h, w), in [0, 1]
        return x.repeat_interleave(SCALE, dim=2).repeat_interleave(SCALE, dim=3)  # (N, 3, 4h, 4w)


def upscaler(
    weights: str | Path | nn.Module = "srgan",
    *,
    device: str | torch.device | None = None,
    tile: int = TILE,
    precision: str = "fp32",
    progress: bool = False,
) -> Callable[[AnyPicture], np.ndarray]:
    """`upscale` for many pictures: loads the network once, and returns a function that enlarges one picture per call.

    Arguments and errors as in `upscale`.
    """
    check_tile(tile)
    network = prepare(weights, device, precision)
    return lambda image: enlarge(check_image(image), network, tile=tile, progress=progress)


def upscale(
    image: AnyPicture,
    weights: str | Path | nn.Module = "srgan",
    *,
    device: str | torch.device | None = None,
    tile: int = TILE,
    precision: str = "fp32",
    progress: bool = False,
) -> np.ndarray:
    """A picture four times as high and wide: uint8 (4H, 4W, 3).

    image: uint8 (H, W, 3) or (H, W), a PIL image, or the path of a file; `upscale_file` keeps more of a file.
    weights: a name of `weights.shipped_weights()`, the path of a .safetensors file, "bicubic", "nearest", or a network
    that maps (N, 3, h, w) in [0, 1] to (N, 3, 4h, 4w) and has the attribute `halo`; it is copied, not changed.
    device: its name in torch; by default the GPU if there is one, or for a network the device that it is on.
    tile: side of a tile in LR pixels. It changes speed and memory, not the picture. progress: shows a bar over tiles.
    precision: "fp32" gives the same picture on every device. "bf16" is faster for a Generator if the device computes in
    bfloat16; about one pixel in 100,000 is then two levels off, and three in ten are one level off.

    Raises UserError for another kind of array, unknown or unreadable weights, a device that does not exist, a precision
    that the device or the network does not support, and a network without `halo` or of another scale.
    """
    return upscaler(weights, device=device, tile=tile, precision=precision, progress=progress)(image)


def check_tile(tile: int) -> None:
    if not isinstance(tile, int) or tile < 1:
        raise UserError(f"tile must be a whole number of pixels, at least 1; got {tile}")


def prepare(weights: str | Path | nn.Module, device: str | torch.device | None, precision: str = "fp32") -> nn.Module:
    """The network, ready to enlarge: on its device, in evaluation mode and this precision. A Generator is folded."""
    if precision not in PRECISIONS:
        raise UserError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
    if isinstance(weights, nn.Module):
        _halo(weights)
        first = next(weights.parameters(), torch.empty(0))
        network: nn.Module = weights
        place = first.device if device is None else choose_device(device)
    elif weights in METHODS:
        network, place = {"bicubic": Bicubic, "nearest": Nearest}[str(weights)](), torch.device("cpu")
    else:
        network, place = load_network(weights), choose_device(device)
    if precision == "bf16" and not foldable(network):
        raise UserError("precision bf16 is only for the generator of models.py, which is faster in it. Leave it out.")
    if precision == "bf16" and not computes_in_bf16(place):
        raise UserError(f"precision bf16: the device {place} does not compute in bfloat16. Leave it out.")
    network = Folded(network, PRECISIONS[precision]) if foldable(network) else copy.deepcopy(network).eval().float()
    # With channels_last the generator is 1.3 times as fast on a CPU, and gains more on GPUs with tensor cores.
    return network.to(place).to(memory_format=torch.channels_last)


def _halo(network: nn.Module) -> int:
    """How many LR pixels on each side an output pixel depends on. Raises UserError if a network does not say."""
    halo = getattr(network, "halo", None)
    if not isinstance(halo, int):
        raise UserError(
            f"{type(network).__name__} has no attribute `halo`, the number of LR pixels on each side that an output "
            "pixel depends on. Set it, as models.ESPCN does; for a 3x3 convolution it is 1."
        )
    return halo


@torch.inference_mode()
def tiles(image: np.ndarray, network: nn.Module, tile: int) -> Iterator[tuple[int, int, Tensor]]:
    """Yields the enlarged picture in pieces: top and left edge in HR pixels, and float (1, 3, h, w), not yet clipped.

    At the picture's border a tile gets no halo: the network pads there by itself, as it does for a whole picture.
    """
    height, width = image.shape[:2]
    device = next(network.parameters(), torch.empty(0)).device
    halo = _halo(network)
    for top, bottom in _cuts(height, tile):
        for left, right in _cuts(width, tile):
            y, x = max(0, top - halo), max(0, left - halo)  # where the piece with its halo begins
            spare = (top - y, min(halo, height - bottom), left - x, min(halo, width - right))  # the halo's widths
            piece = image_to_tensor(image[y : bottom + halo, x : right + halo])  # (1, 3, h, w)
            result = _run(network, piece.to(device, memory_format=torch.channels_last), spare)
            yield SCALE * top, SCALE * left, result  # (1, 3, 4 (bottom - top), 4 (right - left))


def _run(network: nn.Module, piece: Tensor, spare: tuple[int, int, int, int]) -> Tensor:
    """Enlarges (1, 3, h, w), without its spare pixels at the top, bottom, left and right."""
    with full_float32():
        try:
            if isinstance(network, Folded):
                return network(piece, spare)
            result = network(piece)  # (1, 3, 4h, 4w)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            top, bottom, left, right = spare
            side = max(piece.shape[2] - top - bottom, piece.shape[3] - left - right)
            whose, other = ("GPU", ", or the CPU") if piece.is_cuda else ("computer", "")
            raise UserError(
                f"the {whose}'s memory is too small for tiles of {side} pixels. Choose smaller ones "
                f"(tile={max(1, side // 2)}){other}."
            ) from None
    if result.shape != (1, 3, SCALE * piece.shape[2], SCALE * piece.shape[3]):
        raise UserError(f"the network turned {tuple(piece.shape)} into {tuple(result.shape)}; scale 4 is expected")
    return crop(result, [SCALE * pixels for pixels in spare])


def _cuts(size: int, tile: int) -> list[tuple[int, int]]:
    """Cuts 0..size into parts of at most `tile` pixels that are as equal as possible."""
    count = math.ceil(size / tile)
    edges = [size * k // count for k in range(count + 1)]
    return list(pairwise(edges))


def enlarge(image: np.ndarray, network: nn.Module, *, tile: int, progress: bool, grey: bool = False) -> np.ndarray:
    """uint8 (H, W, 3) -> uint8 (4H, 4W, 3). With `grey`, the network's colours are converted to grey, (4H, 4W)."""
    height, width = image.shape[:2]
    enlarged = np.empty((SCALE * height, SCALE * width, 1 if grey else 3), np.uint8)
    total = len(_cuts(height, tile)) * len(_cuts(width, tile))
    for top, left, piece in tqdm(tiles(image, network, tile), total=total, unit="tile", disable=not progress):
        if piece.isnan().any():  # to_image would make it black
            raise UserError(
                "the network's result contains values that are not numbers (NaN). Its weights are broken: load them "
                "again, or train again."
            )
        if grey:
            piece = torch.einsum("nchw,c->nhw", piece, GREY.to(piece)).expand(3, -1, -1)  # (3, h, w), all equal
        pixels = to_image(piece)  # (h, w, 3)
        enlarged[top : top + len(pixels), left : left + pixels.shape[1]] = pixels[..., : enlarged.shape[2]]
    return enlarged[..., 0] if grey else enlarged
