"""PSNR and SSIM under both protocols, weave and tint, against hand calculations, scikit-image and the golden table."""

import csv
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from skimage.metrics import structural_similarity

from srgan_lessons import UserError
from srgan_lessons.files import shipped
from srgan_lessons.images import load_image, sample_photos, to_tensor
from srgan_lessons.metrics import daala_window, luma, psnr, ssim, tint, weave
from srgan_lessons.resize import imresize


def pair(height: int = 64, width: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """A photo, and what is left of it after a reduction by 4 and an enlargement."""
    hr = np.ascontiguousarray(sample_photos()["astronaut"][40 : 40 + height, 150 : 150 + width])
    return imresize(imresize(hr, 1 / 4), 4)[:height, :width], hr


def colour(*rgb: int, size: int = 20) -> np.ndarray:
    return np.full((size, size, 3), rgb, np.uint8)


@pytest.mark.parametrize(
    ("rgb", "bt601", "bt709"),
    [
        ((0, 0, 0), 16, 16),
        ((255, 255, 255), 235, 235),
        ((255, 0, 0), 81, 63),  # 16 + 65.481; 16 + 219 x 0.2126 = 62.56
        ((0, 255, 0), 145, 173),  # 16 + 128.553 = 144.55; 16 + 219 x 0.7152 = 172.63
        ((0, 0, 255), 41, 32),  # 16 + 24.966 = 40.97; 16 + 219 x 0.0722 = 31.81
        ((128, 128, 128), 126, 126),  # 16 + 219 x 128 / 255 = 125.93
    ],
)
def test_luma_of_pure_colours_by_hand(rgb, bt601, bt709):
    assert (luma(colour(*rgb)) == bt601).all()
    assert (luma(colour(*rgb), protocol="paper") == bt709).all()


def test_luma_of_an_array_a_tensor_and_a_grey_picture():
    image = pair()[1]
    assert np.array_equal(luma(image), luma(to_tensor(image)))
    assert np.array_equal(luma(image), luma(to_tensor(image)[0]))
    grey = image[..., 1]
    assert np.array_equal(luma(grey), luma(np.stack([grey] * 3, axis=2)))
    assert luma(image).dtype == np.float64
    assert luma(image).shape == image.shape[:2]


def test_floats_are_rounded_to_8_bits_first():
    nearly = torch.full((3, 20, 20), 99.6 / 255)
    assert np.array_equal(luma(nearly), luma(colour(100, 100, 100)))
    assert np.array_equal(luma(nearly + 7), luma(colour(255, 255, 255)))


@pytest.mark.parametrize("protocol", ["community", "paper"])
def test_psnr_by_hand(protocol):
    black, white = colour(0, 0, 0), colour(255, 255, 255)
    assert psnr(black, white, protocol=protocol) == pytest.approx(20 * math.log10(255 / 219), abs=1e-12)
    spot = black.copy()
    spot[10, 10] = 255  # one pixel of 12 x 12 that count is wrong by 219
    assert psnr(spot, black, protocol=protocol) == pytest.approx(10 * math.log10(255**2 / (219**2 / 144)), abs=1e-9)


def test_psnr_of_red_tells_the_protocols_apart():
    red, black = colour(255, 0, 0), colour(0, 0, 0)
    assert psnr(red, black) == pytest.approx(20 * math.log10(255 / 65), abs=1e-9)
    assert psnr(red, black, protocol="paper") == pytest.approx(20 * math.log10(255 / 47), abs=1e-9)


def test_four_pixels_at_each_border_do_not_count():
    hr = colour(90, 90, 90)
    sr = hr.copy()
    sr[:4], sr[-4:], sr[:, :4], sr[:, -4:] = 0, 255, 0, 255
    assert psnr(sr, hr) == math.inf
    assert ssim(sr, hr, protocol="paper") == pytest.approx(1, abs=1e-12)
    for place in ((4, 10), (-5, 10), (10, 4), (10, -5)):
        just_inside = hr.copy()
        just_inside[place] = 255
        assert psnr(just_inside, hr) < 40
    assert psnr(sr, hr, border=0) < 20
    assert psnr(sr, hr, border=3) < math.inf


@pytest.mark.parametrize("protocol", ["community", "paper"])
def test_equal_images(protocol):
    image = pair()[1]
    assert psnr(image, image, protocol=protocol) == math.inf
    assert ssim(image, image, protocol=protocol) == pytest.approx(1, abs=1e-12)


def test_community_ssim_is_scikit_image_s_in_the_valid_region():
    sr, hr = pair()
    a, b = luma(sr)[4:-4, 4:-4], luma(hr)[4:-4, 4:-4]
    _, whole = structural_similarity(
        a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    expected = whole[5:-5, 5:-5].mean()
    assert 0.3 < expected < 0.95
    assert ssim(sr, hr) == pytest.approx(expected, abs=1e-7)
    assert ssim(hr, sr) == pytest.approx(expected, abs=1e-7)


def test_the_paper_s_window_by_hand():
    # height 256: sigma 1.5, t = sqrt(pi/2) 1.5 / 256 = .00734, n = floor(1.5 sqrt(-2 ln t)) = floor(4.70)
    assert daala_window(256).tolist() == [2, 9, 28, 55, 68, 55, 28, 9, 2]
    # height 512: sigma 3, t = .01469, n = floor(3 x 2.905); the rounded weights sum to 256 + 2, the centre gives way
    sides = [math.floor(256 / (math.sqrt(2 * math.pi) * 3) * math.exp(-k * k / 18) + 0.5) for k in range(1, 9)]
    window = daala_window(512)
    assert window.tolist() == [*reversed(sides), 256 - 2 * sum(sides), *sides]
    assert daala_window(20).tolist() == [256]  # sigma 0.12: one pixel
    assert daala_window(36_000).tolist() == [256]  # sigma 211: each weight rounds to 0, and the centre gets the rest


def test_paper_ssim_by_its_definition():
    """The map written out pixel by pixel, window cut off at the border."""
    sr, hr = pair(140, 40)
    a, b = luma(sr, protocol="paper")[4:-4, 4:-4], luma(hr, protocol="paper")[4:-4, 4:-4]  # 132 x 32
    line = daala_window(a.shape[0])
    n = len(line) // 2
    assert n == 2
    total = weights = 0.0
    for y in range(a.shape[0]):
        for x in range(a.shape[1]):
            rows = range(max(0, y - n), min(a.shape[0], y + n + 1))
            columns = range(max(0, x - n), min(a.shape[1], x + n + 1))
            w = np.outer([line[r - y + n] for r in rows], [line[c - x + n] for c in columns])
            p, q = (image[rows.start : rows.stop, columns.start : columns.stop] for image in (a, b))
            mean_p, mean_q = (np.average(image, weights=w) for image in (p, q))
            var_p, var_q = np.average((p - mean_p) ** 2, weights=w), np.average((q - mean_q) ** 2, weights=w)
            cov = np.average((p - mean_p) * (q - mean_q), weights=w)
            c1, c2 = 2.55**2, 7.65**2
            value = (2 * mean_p * mean_q + c1) * (2 * cov + c2)
            value /= (mean_p**2 + mean_q**2 + c1) * (var_p + var_q + c2)
            total, weights = total + value * w.sum(), weights + w.sum()
    assert ssim(sr, hr, protocol="paper") == pytest.approx(total / weights, abs=1e-10)


@pytest.mark.parametrize("protocol", ["community", "paper"])
def test_arrays_and_tensors_give_the_same(protocol):
    sr, hr = pair()
    for metric in (psnr, ssim):
        expected = metric(sr, hr, protocol=protocol)
        assert metric(to_tensor(sr), to_tensor(hr), protocol=protocol) == expected
        assert metric(to_tensor(sr)[0], hr, protocol=protocol) == expected


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_what_cannot_be_measured_is_refused(metric):
    image = colour(1, 2, 3, size=30)[:20]
    with pytest.raises(UserError, match="unknown protocol 'y'; known: community, paper"):
        metric(image, image, protocol="y")
    with pytest.raises(UserError, match="differ in size: 20x30 and 24x24"):
        metric(image, colour(1, 2, 3, size=24))
    with pytest.raises(UserError, match="border of 10 pixels leaves nothing of 20x30"):
        metric(image, image, border=10)
    with pytest.raises(UserError, match="border of -1"):
        metric(image, image, border=-1)
    with pytest.raises(UserError):
        metric(image / 255, image)  # a float array: its range is not known
    with pytest.raises(UserError, match="not numbers"):
        metric(torch.full((3, 20, 20), math.nan), image)  # of a network that has diverged; it would count as black


def test_an_image_smaller_than_the_window():
    small = colour(1, 2, 3, size=30)[:18]  # 10 x 22 within the border
    with pytest.raises(UserError, match="11x11 window does not fit into 10x22"):
        ssim(small, small)
    assert ssim(small, small, protocol="paper") == 1
    fits = colour(1, 2, 3, size=19)
    assert ssim(fits, fits) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("protocol", ["community", "paper"])
def test_bicubic_on_set5_meets_the_golden_table(benchmark_data, protocol):
    values = []
    for hr_path in sorted((benchmark_data / "Set5" / "HR").glob("*.png")):
        hr, lr = load_image(hr_path), load_image(benchmark_data / "Set5" / "LR_bicubic_x4" / hr_path.name)
        sr = imresize(lr, 4)
        values.append((psnr(sr, hr, protocol=protocol), ssim(sr, hr, protocol=protocol)))
    assert len(values) == 5
    with open(shipped("tables/golden.csv"), newline="") as file:
        cells = {(row["set"], row["method"], row["protocol"]): row for row in csv.DictReader(file)}
    golden = cells["Set5", "bicubic", protocol]
    decibels, similarity = np.mean(values, axis=0)
    assert decibels == pytest.approx(float(golden["psnr"]), abs=1e-3)
    assert similarity == pytest.approx(float(golden["ssim"]), abs=2e-4)


# Weave and tint


def scipy_weave(image: np.ndarray) -> float:
    y = image.astype(float).mean(axis=-1)
    y = (y - uniform_filter(y, 9))[16:-16, 16:-16]
    height, width = (n // 4 * 4 for n in y.shape)
    return y[:height, :width].reshape(height // 4, 4, width // 4, 4).mean(axis=(0, 2)).std()


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "motorcycle"])
def test_the_weave_is_scipy_s(name):
    image = sample_photos()[name][:-3, :-1]  # no multiples of 4
    assert weave(image) == pytest.approx(scipy_weave(image), rel=1e-9)
    assert weave(image) < 0.6  # photos have none but by chance


def test_the_weave_of_a_pattern_by_hand():
    """Columns 100 and 106 in turns: 3 levels beside their mean. Of the 9 columns of a mean, 5 are alike."""
    flat = np.full((60, 64, 3), 100, np.uint8)
    assert weave(flat) == 0
    stripes = flat.copy()
    stripes[:, ::2] += 6
    assert weave(stripes) == pytest.approx(3 - 3 / 9)
    assert weave(np.roll(stripes, 1, axis=1)) == pytest.approx(3 - 3 / 9)
    red = flat.copy()
    red[:, ::2, 0] += 6
    assert weave(red) == pytest.approx((3 - 3 / 9) / 3)
    moving = flat.copy()
    moving[:, ::3] += 6  # period 3: each kind of pixel has its share (28 columns of the 32 that count)
    assert weave(moving) < 0.2 * weave(stripes)
    photo = sample_photos()["chelsea"]
    woven = np.clip(photo.astype(int) + np.where(np.arange(photo.shape[1]) % 4 < 2, 3, -3)[:, None], 0, 255)
    assert weave(woven.astype(np.uint8)) > 2


def test_the_tint_by_hand():
    image = colour(100, 150, 200)
    assert tint(image, image) == 0
    assert tint(colour(101, 147, 200), image) == 3
    half = image.copy()
    half[:10, :, 2] += 5
    assert tint(half, image) == pytest.approx(2.5)
    assert tint(image, half) == pytest.approx(2.5)
    assert tint(image[::-1, ::-1], image) == 0


def test_pictures_without_a_weave_or_a_tint_are_refused():
    assert weave(colour(1, 2, 3, size=36)) == 0
    with pytest.raises(UserError, match="needs at least 36x36 pixels; this picture has 35x40"):
        weave(np.zeros((35, 40, 3), np.uint8))
    with pytest.raises(UserError, match="differ in size: 20x20 and 24x24"):
        tint(colour(1, 2, 3), colour(1, 2, 3, size=24))
    for metric in (weave, lambda image: tint(image, image)):
        with pytest.raises(UserError, match="must be uint8"):
            metric(np.zeros((40, 40, 3)))
        with pytest.raises(UserError, match="must be of shape"):
            metric(np.zeros((0, 40, 3), np.uint8))
