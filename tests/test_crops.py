"""Random crops: depend on seed and step alone, cover everything, and are what they say they are."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from srgan_lessons import UserError, resize
from srgan_lessons.datasets import CropSampler, crops, staging
from srgan_lessons.datasets.crops import BLOCK
from srgan_lessons.images import sample_photos, to_image
from srgan_lessons.resize import imresize


def noise(count: int, height: int = 40, width: int = 48) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"n{k}": rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for k in range(count)}


def turned(image: np.ndarray) -> list[np.ndarray]:
    """The eight symmetries of a square, by numpy."""
    return [np.rot90(side, k) for side in (image, image[:, ::-1]) for k in range(4)]


def test_shapes_and_range():
    lr, hr = CropSampler(noise(5), batch=4, crop=32)(0)
    assert (lr.shape, hr.shape) == ((4, 3, 8, 8), (4, 3, 32, 32))
    for images in (lr, hr):
        assert images.dtype == torch.float32
        assert images.min() >= 0
        assert images.max() <= 1
        assert torch.allclose(images * 255, (images * 255).round(), atol=1e-4)  # 8-bit levels
    assert hr.is_contiguous(memory_format=torch.channels_last)  # as the networks return SR


def test_a_batch_depends_on_seed_and_step_alone():
    photos = noise(20)
    steps = [0, 1, BLOCK - 1, BLOCK, 5 * BLOCK + 3]
    forward = {step: CropSampler(photos, crop=32, seed=7).places(step) for step in steps}
    one = CropSampler(photos, crop=32, seed=7)
    torch.manual_seed(99)
    for step in reversed(steps):  # in another order, from one sampler, with another global seed
        assert torch.equal(one.places(step), forward[step])
    assert torch.equal(one(3)[0], CropSampler(photos, crop=32, seed=7)(3)[0])


def test_other_steps_and_seeds_give_other_batches():
    photos = noise(20)
    sampler = CropSampler(photos, crop=32)
    batches = [sampler.places(step) for step in range(3 * BLOCK)]
    batches += [CropSampler(photos, crop=32, seed=seed).places(0) for seed in range(1, 20)]
    assert len({batch.numpy().tobytes() for batch in batches}) == len(batches)


@pytest.mark.parametrize("count", [16, 17, 31, 100])
def test_crops_of_a_batch_come_from_distinct_images(count):
    sampler = CropSampler(noise(count), batch=16, crop=32)
    for step in range(2 * BLOCK + 2):
        assert len(sampler.places(step)[:, 0].unique()) == 16


@pytest.mark.parametrize("count", [1, 3, 10])
def test_fewer_photos_than_crops_are_all_used_equally(count):
    sampler = CropSampler(noise(count), batch=16, crop=32)
    for step in (0, 1, BLOCK):
        uses = torch.bincount(sampler.places(step)[:, 0], minlength=count)
        assert uses.sum() == 16
        assert uses.min() >= 16 // count - 1
        assert uses.max() <= -(-16 // count) + 1


@pytest.mark.parametrize(("count", "batch"), [(48, 16), (96, 8), (40, 4), (600, 4)])
def test_all_photos_are_used_before_one_returns(count, batch):
    """In each epoch, also where epochs and the blocks in which random numbers are drawn do not end together."""
    sampler = CropSampler(noise(count, 32, 32), batch=batch, crop=32)
    steps = count // batch
    orders = []
    for epoch in range(4):
        order = torch.cat([sampler.places(epoch * steps + k)[:, 0] for k in range(steps)])
        assert sorted(order.tolist()) == list(range(count)), epoch
        orders.append(tuple(order.tolist()))
    assert len(set(orders)) == 4  # each epoch in another order


def test_photos_that_fill_no_whole_batch_have_their_turn_too():
    sampler = CropSampler(noise(19), batch=16, crop=32)
    uses = torch.bincount(torch.cat([sampler.places(k)[:, 0] for k in range(400)]), minlength=19)
    assert uses.min() > 0.85 * uses.float().mean()


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_the_eight_symmetries_are_numpy_s_and_all_occur(name):
    """A crop that is as large as the photo shows the photo turned; LR is that turned photo, reduced by imresize."""
    photo = np.ascontiguousarray(sample_photos()[name][100:164, 200:264])
    expected = turned(photo)
    assert len({image.tobytes() for image in expected}) == 8
    sampler = CropSampler({name: photo}, crop=64)
    lr, hr = sampler.cut(torch.tensor([(0, 0, 0, turn) for turn in range(8)]))
    found = []
    for k in range(8):
        which = [n for n, image in enumerate(expected) if np.array_equal(image, to_image(hr[k]))]
        assert len(which) == 1
        found += which
        assert np.array_equal(to_image(lr[k]), imresize(np.ascontiguousarray(expected[which[0]]), 1 / 4))
    assert sorted(found) == list(range(8))
    assert found[0] == 0  # turn 0 leaves the photo as it is
    turns = torch.cat([sampler.places(step)[:, 3] for step in range(BLOCK)])
    assert (torch.bincount(turns, minlength=8) > 0.7 * len(turns) / 8).all()
    assert turns.max() == 7


@pytest.mark.parametrize("turn", range(8))
def test_a_turned_crop_in_the_photo_has_true_neighbours(turn):
    photo = np.ascontiguousarray(sample_photos()["chelsea"][50:150, 100:220])
    places = torch.tensor([(0, top, left, turn) for top, left in ((0, 0), (8, 16), (68, 88), (36, 0))])
    lr, hr = CropSampler({"cat": photo}, crop=32).cut(places)
    for k, (_, top, left, _) in enumerate(places.tolist()):
        inside = photo[top : top + 32, left : left + 32]
        n = next(n for n, image in enumerate(turned(inside)) if np.array_equal(image, to_image(hr[k])))
        rows, columns = np.mgrid[0:100, 0:120]
        where = turned(np.stack([rows, columns], axis=2)[top : top + 32, left : left + 32])[n][0, 0]
        whole = turned(photo)[n]  # the whole photo turned alike
        positions = turned(np.stack([rows, columns], axis=2))[n]
        y, x = np.argwhere((positions == where).all(axis=2))[0]
        reduced = imresize(np.ascontiguousarray(whole), 1 / 4)
        assert np.array_equal(to_image(lr[k]), reduced[y // 4 : y // 4 + 8, x // 4 : x // 4 + 8])


def test_every_corner_can_be_reached():
    photos = {"a": noise(1, 36, 40)["n0"]}
    places = torch.cat([CropSampler(photos, crop=32, batch=16).places(step) for step in range(BLOCK)])
    assert set(places[:, 1].tolist()) == set(range(36 - 32 + 1))
    assert set(places[:, 2].tolist()) == set(range(40 - 32 + 1))


def test_images_of_different_sizes_are_kept_apart():
    """The wide one lies behind the tall one in memory: no crop reads over an image's end."""
    photos = {"tall": np.full((80, 33, 3), 10, np.uint8), "wide": np.full((32, 90, 3), 200, np.uint8)}
    sampler = CropSampler(photos, crop=32)
    for step in range(20):
        image = sampler.places(step)[:, 0]
        lr, hr = sampler(step)
        expected = torch.tensor([10, 200])[image].view(-1, 1, 1, 1) / 255
        assert torch.equal(hr, expected.expand_as(hr))
        assert torch.equal(lr, expected.expand_as(lr))


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_a_batch(world):
    photos = noise(20)
    whole = CropSampler(photos, crop=32, seed=3)
    parts = [CropSampler(photos, crop=32, seed=3, rank=rank, world=world) for rank in range(world)]
    for step in (0, 1, BLOCK + 1):
        lr, hr = whole(step)
        halves = [part(step) for part in parts]
        assert all(len(half[0]) == 16 // world for half in halves)
        assert torch.equal(torch.cat([half[0] for half in halves]), lr)
        assert torch.equal(torch.cat([half[1] for half in halves]), hr)


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_the_taps_live_as_long_as_the_sampler(monkeypatch, compiled):
    """A recorded CUDA graph reads them by their addresses, whatever was resampled since then. No cut asks again."""
    sampler = CropSampler(noise(5), batch=4, crop=32)
    places = sampler.places(3)
    expected = sampler.cut(places)
    for size in range(100, 100 + 4 * 65, 4):  # more than any cache here keeps
        resize.downscale(torch.rand(1, 3, size, 16))

    def refuse(*_):
        raise AssertionError("a cut asked for taps")

    monkeypatch.setattr(resize, "taps", refuse)
    cut = torch.compile(sampler.cut, backend="eager", fullgraph=True) if compiled else sampler.cut
    for mine, theirs in zip(cut(places), expected, strict=True):
        assert torch.equal(mine, theirs)


def test_windows_are_not_copied_before_their_memory_is_ready(monkeypatch):
    """CUDA's streams do not wait for each other by themselves. A torch that notes its calls shows their order."""
    asked = []

    class Stream:
        def __init__(self, name):
            self.name = name

        def wait_stream(self, other):
            asked.append(f"{self.name} waits for {other.name}")

    def noting(name):
        def call(*shape, device=None, pin_memory=None, **options):
            if device:
                asked.append(name)
            return getattr(torch, name)(*shape, **options)

        return call

    class Torch:
        uint8, int64, arange, full = torch.uint8, torch.int64, noting("arange"), noting("full")
        zeros, empty = noting("zeros"), noting("empty")
        cuda = SimpleNamespace(
            Stream=lambda device: Stream("copies"),
            current_stream=lambda device: Stream("updates"),
            Event=lambda blocking: None,
        )

    monkeypatch.setattr(staging, "torch", Torch)
    one = torch.ones(1, dtype=torch.int64)
    photos = torch.zeros(64, 3, dtype=torch.uint8)
    staging.Staging(lambda step: None, photos, (0 * one, 8 * one, 8 * one), 8, 1, torch.device("cuda"))
    assert asked[-1] == "copies waits for updates"
    assert asked.count("zeros") == 2


def test_photos_are_kept_as_bytes():
    sampler = CropSampler(noise(7, 40, 50), crop=32)
    assert sampler.pixels.dtype == torch.uint8
    assert sampler.pixels.numel() == 7 * 40 * 50 * 3


def test_where_photos_are_kept(monkeypatch):
    """In half of a GPU's free memory at most; on a CPU there is no bound, and nothing to say."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (6e9, 80e9))  # free, and all of it
    assert crops.room_for_photos(torch.device("cuda")) == 3e9
    assert crops.room_for_photos(torch.device("cpu")) == float("inf")
    assert CropSampler(noise(2), batch=2, crop=32).whereabouts == ""
    monkeypatch.setattr(crops, "room_for_photos", lambda device: 2 * 40 * 48 * 3 - 1)
    assert "cut in advance on the CPU" in CropSampler(noise(2), batch=2, crop=32).whereabouts
    monkeypatch.setattr(crops, "room_for_photos", lambda device: 2 * 40 * 48 * 3)
    assert not CropSampler(noise(2), batch=2, crop=32).staged


def test_what_cannot_be_cut_is_refused():
    photos = noise(2) | {"small.png": np.zeros((31, 90, 3), np.uint8)}
    with pytest.raises(UserError, match=r"small\.png is 90x31 pixels, smaller than the crop of 32; leave it out"):
        CropSampler(photos, crop=32)
    with pytest.raises(UserError, match="no pictures"):
        CropSampler({})
    for wrong in (np.full((40, 40, 3), 0.5), np.full((40, 40, 3), 300), np.zeros((40, 40, 4), np.uint8)):
        with pytest.raises(UserError, match=r"wrong\.png: a picture must be"):  # as bytes: black, 44, an error of numpy
            CropSampler(noise(2) | {"wrong.png": wrong}, crop=32)
    with pytest.raises(UserError, match=r"crop \(30\) must be a multiple of 4"):
        CropSampler(noise(1), crop=30)
    with pytest.raises(UserError, match=r"batch \(16\) a multiple of the number of processes \(3\)"):
        CropSampler(noise(1), crop=32, world=3)
