"""Crops of photos that do not fit into a GPU's memory: cut in advance by a thread, copied during the updates."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from srgan_lessons.resize import MARGIN

AHEAD = 16  # batches; with 16 crops of 96 pixels each they take 10 MB on the CPU and 10 MB on the GPU


class Staging:
    """The parts of the photos that the next batches need, on the device.

    A window is a crop with its margin, not yet turned: (side, side, 3), uint8. A thread cuts windows out of the photos
    into pinned memory, AHEAD batches before they are needed. They are copied to the device on a separate stream, while
    the GPU is still busy with updates. On the device a window is treated as a small photo: the same code cuts the crop
    out of it, at the places that `places` returns.

    draw: step -> (N, 4) places in the photos, on the CPU. photos: uint8 (all pixels, 3), on the CPU. spans: first
    pixel, height and width of each photo, (M,) each. pixels: uint8 (pixels of AHEAD x N windows, 3), on the device.
    """

    def __init__(
        self,
        draw: Callable[[int], Tensor],
        photos: Tensor,
        spans: tuple[Tensor, Tensor, Tensor],
        crop: int,
        share: int,
        device: torch.device,
    ):
        self.draw, self.photos, self.share = draw, photos, share
        self.first, self.height, self.width = spans
        self.side = side = crop + 2 * MARGIN
        self.line = torch.arange(-MARGIN, crop + MARGIN)
        cuda = device.type == "cuda"
        area = share * side * side
        self.pixels = torch.zeros(AHEAD * area, 3, dtype=torch.uint8, device=device)
        self._places = torch.zeros(AHEAD, share, 4, dtype=torch.int64, device=device)
        self._host = torch.empty(AHEAD, area, 3, dtype=torch.uint8, pin_memory=cuda)
        self._host_places = torch.empty(AHEAD, share, 4, dtype=torch.int64, pin_memory=cuda)
        self.spans = (  # first pixel, height and width of the windows: (AHEAD x N,) each
            side * side * torch.arange(AHEAD * share, device=device),
            torch.full((AHEAD * share,), side, device=device),
            torch.full((AHEAD * share,), side, device=device),
        )
        self.device, self.stream = device, torch.cuda.Stream(device) if cuda else None
        if self.stream:  # which would otherwise not wait until the zeros above are written, and might copy too early
            self.stream.wait_stream(torch.cuda.current_stream(device))
        events = [[torch.cuda.Event(blocking=True) for _ in range(AHEAD)] for _ in range(2)] if cuda else [[], []]
        self._copied, self._used = events  # for each slot: windows copied; updates that use them done
        self._thread = ThreadPoolExecutor(1, "crops")
        self._cuts: dict[int, Future] = {}  # step -> the job that cuts its windows
        self._last: int | None = None

    def places(self, step: int) -> Tensor:
        """The places of that step's crops in `pixels`: (N, 4) on the device."""
        if self._last is not None and step != self._last + 1:  # the steps start again somewhere else
            self._stop()
        if self.stream and self._last is not None:
            self._used[self._last % AHEAD].record()  # everything that uses the last batch is queued by now
        for later in range(step, step + AHEAD - 1):
            if later not in self._cuts:
                self._cut_soon(later)
        slot = step % AHEAD
        self._cuts.pop(step).result()
        part = slice(slot * len(self._host[0]), (slot + 1) * len(self._host[0]))
        if self.stream:
            self.stream.wait_event(self._used[slot])  # until the update AHEAD steps ago is done with it
            with torch.cuda.stream(self.stream):
                self.pixels[part].copy_(self._host[slot], non_blocking=True)
                self._places[slot].copy_(self._host_places[slot], non_blocking=True)
                self._copied[slot].record()
            torch.cuda.current_stream(self.device).wait_event(self._copied[slot])
        else:
            self.pixels[part].copy_(self._host[slot])
            self._places[slot].copy_(self._host_places[slot])
        self._last = step
        return self._places[slot]

    def _cut_soon(self, step: int) -> None:
        """Asks the thread for the windows of a step. It does not use CUDA, so a graph can be recorded meanwhile."""
        if self.stream:
            self._copied[step % AHEAD].synchronize()  # pinned memory is free again after its last copy
        self._cuts[step] = self._thread.submit(self._cut, step)

    def _cut(self, step: int) -> None:
        slot = step % AHEAD
        places = self.draw(step)  # (N, 4)
        image, top, left, turn = places.unbind(1)  # (N,)
        row = (top[:, None] + self.line).clamp(min=0).minimum(self.height[image, None] - 1)  # (N, side)
        column = (left[:, None] + self.line).clamp(min=0).minimum(self.width[image, None] - 1)
        pixel = (self.first[image, None] + row * self.width[image, None])[:, :, None] + column[:, None]
        torch.index_select(self.photos, 0, pixel.flatten(), out=self._host[slot])
        here = self._host_places[slot]
        here[:, 0] = torch.arange(slot * self.share, (slot + 1) * self.share)
        here[:, 1:3] = MARGIN
        here[:, 3] = turn

    def _stop(self) -> None:
        """Discards what was cut for steps that will not be made."""
        for cut in self._cuts.values():
            if not cut.cancel():
                cut.result()
        self._cuts.clear()
