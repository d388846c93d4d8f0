"""The resampling that made the benchmarks' LR images, against numbers worked by hand and other programs.

That it gives the published LR images is shown in test_evaluation.py.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from srgan_lessons import UserError
from srgan_lessons.datasets import CropSampler
from srgan_lessons.images import sample_photos, to_image, to_tensor
from srgan_lessons.resize import MARGIN, cubic, downscale, imresize, taps, training_pair, upscale

# cubic(m / 8) * 1024 for m = 1, 3, ..., 15, by hand: 3 m^3 - 40 m^2 + 1024, then -m^3 + 40 m^2 - 512 m + 2048
EIGHTHS = [987, 745, 399, 93, -49, -75, -45, -7]


def photo(name: str = "astronaut", height: int = 128, width: int = 160) -> np.ndarray:
    return np.ascontiguousarray(sample_photos()[name][60 : 60 + height, 100 : 100 + width])


def flat(name: str) -> np.ndarray:
    """A photo of low contrast: no pass overshoots 0..255, where ours is cut after each pass and others' at the end."""
    return sample_photos()[name] // 2 + 64


def batch(*photos: np.ndarray) -> torch.Tensor:
    return torch.cat([to_tensor(p) for p in photos])  # (N, 3, H, W)


def test_the_kernel_is_keys_with_a_half():
    x = torch.tensor([0, 0.5, 1, 1.5, 2, 2.5, -0.5], dtype=torch.float64)
    assert cubic(x).tolist() == [1, 0.5625, 0, -0.0625, 0, 0, 0.5625]
    assert cubic(torch.tensor([0.9, 1.1], dtype=torch.float64)).tolist() == pytest.approx([0.0685, -0.0405])
    assert cubic(torch.arange(1, 16, 2) / 8).mul(1024).tolist() == EIGHTHS


def test_weights_of_a_reduction_by_4_by_hand():
    index, weight = taps(64, 16, 1 / 4)
    assert index[5].tolist() == list(range(14, 30))  # centre 21.5, eight pixels to each side
    assert (weight[5] * 4096).tolist() == [*reversed(EIGHTHS), *EIGHTHS]
    assert index[0].tolist() == [0] * 6 + list(range(10))  # beyond the border: the border pixel


def test_weights_of_an_enlargement_by_4_by_hand():
    index, weight = taps(16, 64, 4)
    assert index[20].tolist()[:4] == [3, 4, 5, 6]  # centre 20.5 / 4 - 0.5 = 4.625
    assert (weight[20] * 1024).tolist()[:4] == [-45, 399, 745, -75]  # 13, 5, 3 and 11 eighths away


@pytest.mark.parametrize(("size", "new_size", "scale"), [(64, 16, 1 / 4), (37, 148, 4), (50, 34, 0.67), (9, 30, 3.3)])
def test_weights_sum_to_one_and_pixels_exist(size, new_size, scale):
    index, weight = taps(size, new_size, scale)
    assert index.shape == weight.shape
    assert len(index) == new_size
    assert index.min() >= 0
    assert index.max() <= size - 1
    assert torch.allclose(weight.sum(dim=1), torch.ones(new_size, dtype=torch.float64), atol=1e-12)


def test_rounding_after_each_pass_and_half_up():
    # One output pixel: the 4 rows, then the 4 columns count 1061, 987, 987, 1061 parts of 4096.
    image = np.zeros((4, 4), np.uint8)
    image[2:, 2:] = 1  # rows: .5 -> 1 in two columns; columns: .5 -> 1. Rounded once at the end: .25 -> 0
    assert imresize(image, 1 / 4).tolist() == [[1]]


def test_rows_come_before_columns():
    image = np.array([[1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]], np.uint8)
    assert imresize(image, 1 / 4).tolist() == [[0]]  # rows: .26 .5 .5 .24 -> 0 1 1 0; columns: .48 -> 0
    assert imresize(image.T, 1 / 4).tolist() == [[1]]  # rows: .74 .74 0 0 -> 1 1 0 0; columns: .5 -> 1


def test_the_border_is_repeated_not_mirrored():
    image = np.zeros((4, 4), np.uint8)
    image[0] = 100  # repeated: 1061 parts of 4096; mirrored, 1024 of them
    assert imresize(image, 1 / 4).tolist() == [[26]]


def test_results_stay_within_8_bits():
    edge = np.repeat(np.array([[0, 0, 0, 255, 255, 255]], np.uint8), 6, axis=0)
    large = imresize(edge, 4)  # overshoots on both sides of the edge
    assert large[:, :2].max() == 0
    assert large[:, -2:].min() == 255
    assert (np.diff(large[12].astype(int))[8:15] >= 0).all()


@pytest.mark.parametrize("scale", [1 / 4, 1 / 3, 0.6, 1, 2.5, 4])
def test_a_constant_image_stays_constant(scale):
    for level in (0, 1, 127, 255):
        assert (imresize(np.full((21, 30, 3), level, np.uint8), scale) == level).all()


@pytest.mark.parametrize(
    ("size", "scale", "expected"), [((5, 6), 1 / 4, (2, 2)), ((25, 24), 1 / 5, (5, 5)), ((7, 9), 1 / 3, (3, 3))]
)
def test_sizes_are_rounded_up(size, scale, expected):
    assert imresize(np.zeros((*size, 3), np.uint8), scale).shape == (*expected, 3)


def test_grey_stays_two_dimensional_and_equals_a_channel():
    image = photo()
    grey = imresize(image[..., 1], 1 / 4)
    assert grey.dtype == np.uint8
    assert np.array_equal(grey, imresize(image, 1 / 4)[..., 1])


def test_scale_one_and_the_input_stay_as_they_are():
    image = photo()
    before = image.copy()
    assert np.array_equal(imresize(image, 1), image)
    imresize(image, 1 / 4)
    assert np.array_equal(image, before)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_a_scale_that_is_not_positive(scale):
    with pytest.raises(UserError, match="scale must be a positive number"):
        imresize(photo(), scale)


def test_another_type_of_array():
    with pytest.raises(UserError):
        imresize(photo().astype(np.float32) / 255, 0.5)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("factor", [2, 4])
def test_tensors_equal_arrays_bit_for_bit(name, factor):
    image = sample_photos()[name]
    image = image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4]
    assert np.array_equal(to_image(downscale(to_tensor(image), factor)), imresize(image, 1 / factor))
    small = imresize(image, 1 / 4)
    assert np.array_equal(to_image(upscale(to_tensor(small), factor)), imresize(small, factor))


@pytest.mark.parametrize(
    "form", [torch.Tensor.double, lambda x: x.to(memory_format=torch.channels_last), torch.Tensor.float]
)
def test_batches_of_any_form_equal_arrays_bit_for_bit(form):
    photos = [photo("astronaut"), photo("coffee"), photo("chelsea")]
    lr = downscale(form(batch(*photos)))
    assert lr.shape == (3, 3, 32, 40)
    for tensor, image in zip(lr, photos, strict=True):
        assert np.array_equal(to_image(tensor), imresize(image, 1 / 4))
    assert torch.equal(lr, (lr * 255).round() / 255)  # on the levels of an 8-bit file


def test_autocast_changes_nothing():
    images = batch(photo())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(downscale(images), downscale(images.double()).float())


def test_half_precision_is_widened_first():
    images = batch(photo()).bfloat16()
    assert torch.equal(downscale(images), downscale(images.float()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("tf32", [False, True])
def test_a_gpu_gives_the_same_bits(tf32, monkeypatch):
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", tf32)
    images = batch(photo("astronaut"), photo("coffee"))
    assert torch.equal(downscale(images.cuda()).cpu(), downscale(images))
    assert torch.equal(upscale(images.cuda()).cpu(), upscale(images))


def test_pillow_agrees_away_from_the_borders():
    # Pillow has the same kernel; it goes columns first, in fixed point, and cuts the kernel off at the border.
    image = flat("coffee")[:400, :600]
    theirs = np.asarray(Image.fromarray(image).resize((150, 100), Image.Resampling.BICUBIC)).astype(int)
    difference = np.abs(imresize(image, 1 / 4) - theirs)[2:-2, 2:-2]
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.2
    small = image[100:150, 100:180]
    theirs = np.asarray(Image.fromarray(small).resize((320, 200), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(imresize(small, 4) - theirs)[8:-8, 8:-8].max() <= 1


def test_torch_agrees_away_from_the_borders():
    images = batch(flat("astronaut"))
    theirs = F.interpolate(images, scale_factor=1 / 4, mode="bicubic", antialias=True).clamp(0, 1)
    difference = (downscale(images) - theirs).abs() * 255
    assert difference[..., 2:-2, 2:-2].max() <= 1.2  # two roundings to whole levels, which torch does not do
    assert difference.max() > 2.5  # near them torch cuts the kernel off


def test_float_images_are_rounded_to_8_bits_first():
    images = torch.full((1, 3, 8, 8), 100.49 / 255)
    assert torch.equal(downscale(images), torch.full((1, 3, 2, 2), 100 / 255))
    corner = torch.zeros(1, 3, 4, 4)
    corner[..., 2:, 2:] = 0.6 / 255  # becomes 1, and the reduced pixel too; as it is, it would vanish
    assert (downscale(corner) * 255).unique().tolist() == [1]
    assert downscale(images + 10).max() == 1
    assert downscale(images - 10).min() == 0


@pytest.mark.parametrize("size", [(30, 32), (32, 31)])
def test_a_size_that_is_not_a_multiple_of_the_factor(size):
    with pytest.raises(UserError, match=rf"{size[0]}x{size[1]} is not a multiple of 4; crop the image first"):
        downscale(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("images", [torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(3, 8, 8)])
def test_another_kind_of_tensor(images):
    with pytest.raises(UserError, match=r"expected float \(N, C, H, W\)"):
        downscale(images)


def places_of(image: np.ndarray, crop: int, step: int) -> list[tuple[int, int]]:
    height, width = image.shape[:2]
    return [(top, left) for top in range(0, height - crop + 1, step) for left in range(0, width - crop + 1, step)]


@pytest.mark.parametrize(("height", "width"), [(96, 112), (93, 110)])
def test_a_crop_s_lr_is_that_region_of_the_whole_photo_s(height, width):
    """Everywhere, crops at the photo's border too, also where the photo's size is no multiple of 4."""
    image = photo("chelsea", height, width)
    whole = imresize(image, 1 / 4)
    sampler = CropSampler({"cat": image}, crop=32)
    corners = places_of(image, 32, 4)
    lr, hr = sampler.cut(torch.tensor([(0, top, left, 0) for top, left in corners]))
    assert lr.shape == (len(corners), 3, 8, 8)
    for k, (top, left) in enumerate(corners):
        assert np.array_equal(to_image(hr[k]), image[top : top + 32, left : left + 32])
        assert np.array_equal(to_image(lr[k]), whole[top // 4 : top // 4 + 8, left // 4 : left // 4 + 8]), (top, left)


def test_a_crop_that_is_cut_first_has_false_borders():
    image = photo("chelsea")
    whole = imresize(image, 1 / 4)
    cut_first = imresize(image[32:64, 40:72], 1 / 4).astype(int)
    wrong = cut_first != whole[8:16, 10:18]
    assert wrong.mean() > 0.3
    assert not wrong[2:-2, 2:-2].any()  # what a margin of 2 LR pixels cures


def test_a_call_without_gradients_does_not_spoil_a_later_one_with_them():
    """Weights are kept for the next call with the same sizes. Rounding to levels makes the gradient zero."""
    images = torch.rand(1, 3, 28, 44)
    with torch.inference_mode():
        expected = upscale(images), downscale(images)
    images.requires_grad_()
    for resized, known in zip((upscale(images), downscale(images)), expected, strict=True):
        assert torch.equal(resized, known)
        resized.sum().backward()
        assert not images.grad.any()


def test_training_pair_trims_its_margin():
    image = photo()
    wide = to_tensor(image)[..., :112, :112]
    lr, hr = training_pair(wide)
    assert lr.shape == (1, 3, 24, 24)
    assert torch.equal(hr, wide[..., MARGIN : MARGIN + 96, MARGIN : MARGIN + 96])
    assert np.array_equal(to_image(lr), imresize(image, 1 / 4)[2:26, 2:26])
