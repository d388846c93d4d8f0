"""Random crops, cut, turned and reduced on the training device.

All photos are decoded and kept in the device's memory, so nothing is read, decoded or copied while the network trains.
If a GPU's memory is too small for them, a thread cuts the parts that the next batches need; see staging.py.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from srgan_lessons import UserError
from srgan_lessons.datasets.album import as_album, as_tensor
from srgan_lessons.datasets.staging import Staging
from srgan_lessons.resize import MARGIN, training_pair, training_taps

BLOCK = 64  # updates whose random numbers are drawn together and copied to the device together


class CropSampler:
    """Batches of LR and HR crops: `sampler(step)` -> lr (N, 3, crop/4, crop/4), hr (N, 3, crop, crop), in [0, 1].

    A batch depends only on the seed and the step. So nothing has to be saved in order to continue after a break, and
    several processes that share a batch (process `rank` of `world`) need not communicate. The crops of a batch come
    from different images if there are enough images (paper, section 3.2). Each crop is mirrored and turned in one of
    eight ways, then reduced by 4 exactly as `imresize` reduces the whole image, to the levels of an 8-bit file. The
    turns and the rounding are ours; the paper does not mention them.

    images: name -> uint8 (H, W, 3). Raises UserError for another type of array, for a picture smaller than the crop,
    or if there is none.
    """

    def __init__(
        self,
        images: Mapping[str, np.ndarray],
        *,
        batch: int = 16,
        crop: int = 96,
        seed: int = 0,
        device: str | torch.device = "cpu",
        rank: int = 0,
        world: int = 1,
    ):
        if not images:
            raise UserError("there are no pictures to cut crops from")
        album = as_album(images)
        for name, image in album.items():
            if min(image.shape[:2]) < crop:
                height, width = image.shape[:2]
                raise UserError(f"{name} is {width}x{height} pixels, smaller than the crop of {crop}; leave it out")
        if crop % 4 or batch % world:
            raise UserError(
                f"crop ({crop}) must be a multiple of 4, and batch ({batch}) a multiple of the number of processes "
                f"({world})"
            )
        self.batch, self.crop, self.seed = batch, crop, seed
        self.rank, self.world, self.device = rank, world, torch.device(device)
        places = torch.tensor(list(album.places.values()))  # (M, 3): first pixel, height, width
        self.sizes = places[:, 1:]  # (M, 2)
        self.pixels = as_tensor(album.pixels)  # (all pixels, 3), uint8
        first, height, width = places.unbind(1)  # (M,) each
        spans = (first, height, width)
        self.staged = self.pixels.nbytes > room_for_photos(self.device)
        if self.staged:  # the device then holds windows of photos, each treated as a small photo
            self._staging = Staging(self._drawn, self.pixels, spans, crop, batch // world, self.device)
            self.pixels, spans = self._staging.pixels, self._staging.spans
        self.pixels = self.pixels.to(self.device)
        self.first, self.height, self.width = (each.to(self.device) for each in spans)
        # A recorded CUDA graph reads these tensors by their addresses, so they must live as long as the sampler. A
        # cache would free them once pictures of many other sizes had been resampled.
        self.taps = training_taps(crop, self.device)
        self._block: tuple[int, Tensor] | None = None

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        return self.cut(self.places(step))

    def places(self, step: int) -> Tensor:
        """Where this process cuts at this step, (N, 4) integers on the device: image, top, left, one of eight turns."""
        return self._staging.places(step) if self.staged else self._drawn(step)

    @property
    def whereabouts(self) -> str:
        """Says in words where the photos are kept."""
        if self.staged:
            return "crops are cut in advance on the CPU: the photos need more than half of the GPU's free memory"
        return f"{self.pixels.nbytes / 1e9:.2f} GB in the GPU's memory" if self.device.type == "cuda" else ""

    def _drawn(self, step: int) -> Tensor:
        """As `places`, but always in the photos themselves. It is on the CPU if `pixels` has only windows of them."""
        number, row = divmod(step, BLOCK)
        if self._block is None or self._block[0] != number:
            block = self._draw(number)
            self._block = (number, block if self.staged else block.to(self.device, non_blocking=True))
        share = self.batch // self.world
        return self._block[1][row, self.rank * share : (self.rank + 1) * share]

    def _draw(self, number: int) -> Tensor:
        """The places of BLOCK updates, (BLOCK, batch, 4).

        Photos are dealt like cards: each of them comes up once before any of them comes up again. Only the few that
        would not fill a whole batch sit out that deal.
        """
        count, needed = len(self.sizes), BLOCK * self.batch
        deal = count - count % self.batch if count >= self.batch else count  # whole batches of distinct images
        begin = number * needed  # how many photos were dealt in the blocks before
        deals = [self._shuffled(k)[:deal] for k in range(begin // deal, (begin + needed - 1) // deal + 1)]
        image = torch.cat(deals)[begin % deal :][:needed]  # (needed,)
        generator = torch.Generator().manual_seed(2 * (self.seed * 1_000_003 + number))
        room = self.sizes[image] - self.crop + 1  # (needed, 2): number of possible first rows and columns
        corner = (torch.rand(needed, 2, generator=generator, dtype=torch.float64) * room).long()
        turn = torch.randint(8, (needed, 1), generator=generator)
        return torch.cat([image[:, None], corner, turn], dim=1).view(BLOCK, self.batch, 4)

    def _shuffled(self, number: int) -> Tensor:
        """All photos in the order of deal `number`, (M,). A deal may continue in the next block."""
        generator = torch.Generator().manual_seed(2 * (self.seed * 1_000_003 + number) + 1)
        return torch.randperm(len(self.sizes), generator=generator)

    def cut(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """The crops at those places, (N, 4) as from `places`. The host never waits, so a CUDA graph can record it."""
        image, top, left, turn = places.view(-1, 4, 1, 1).unbind(1)  # (N, 1, 1) each
        line = torch.arange(-MARGIN, self.crop + MARGIN, device=places.device)  # a crop with its margin
        y, x = line.view(1, -1, 1), line.view(1, 1, -1)
        y = torch.where(turn % 2 == 1, self.crop - 1 - y, y)  # (N, crop + 16, 1): upside down
        x = torch.where(turn // 2 % 2 == 1, self.crop - 1 - x, x)  # (N, 1, crop + 16): mirrored
        swap = turn // 4 == 1  # rows become columns; together with the flips, all quarter turns
        row, column = torch.where(swap, x, y), torch.where(swap, y, x)  # (N, crop + 16, crop + 16)
        height, width = self.height[image], self.width[image]  # (N, 1, 1)
        row = torch.minimum((top + row).clamp(min=0), height - 1)  # outside the photo: its border pixel,
        column = torch.minimum((left + column).clamp(min=0), width - 1)  # as in imresize
        wide = self.pixels[self.first[image] + row * width + column]  # (N, crop + 16, crop + 16, 3), uint8
        lr, hr = training_pair(wide.permute(0, 3, 1, 2).contiguous().float() / 255, self.taps)
        return lr, hr.contiguous(memory_format=torch.channels_last)  # like SR, so that networks see one layout


def room_for_photos(device: torch.device) -> float:
    """How many bytes of photos may be copied to a device: at most half of a GPU's free memory; on a CPU, any number."""
    return torch.cuda.mem_get_info(device)[0] / 2 if device.type == "cuda" else float("inf")
