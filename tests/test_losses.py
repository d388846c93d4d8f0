"""Content, adversarial and perceptual loss, against numbers worked by hand."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from srgan_lessons import UserError, losses
from srgan_lessons.images import load_image, sample_photos, to_tensor
from srgan_lessons.losses import (
    VGGLoss,
    adversarial_loss,
    content_loss,
    discriminator_loss,
    mse_loss,
    perceptual_loss,
    phase_loss,
    total_variation,
)
from srgan_lessons.models import Discriminator, Generator
from srgan_lessons.resize import downscale, imresize, upscale
from srgan_lessons.settings import CONTENT
from srgan_lessons.stlpips import STLPIPS
from srgan_lessons.vgg import normalise, offline_features, random_features

TERMS = ("mse", "random", "offline", "offline-vgg22", "stlpips", "phase", "adversarial", "tv")


def crops(size: int = 48) -> torch.Tensor:
    pictures = sample_photos()
    return torch.cat([to_tensor(pictures[name][80 : 80 + size, 170 : 170 + size]) for name in ("astronaut", "coffee")])


@pytest.mark.parametrize("term", TERMS)
def test_each_loss_alone_reaches_each_parameter_of_the_generator(term):
    generator = Generator(channels=8)  # all 16 blocks
    hr = crops().requires_grad_()
    sr = generator(downscale(hr.detach()))
    if term == "adversarial":
        loss = adversarial_loss(Discriminator(crop=48, channels=4)(sr))
    elif term == "tv":
        loss = total_variation(sr)
    elif term == "phase":
        loss = phase_loss(sr, hr)
    else:
        loss = content_loss(term)(sr, hr)
    loss.backward()
    assert loss.ndim == 0
    assert loss > 0
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name
    assert hr.grad is None


@pytest.mark.parametrize("name", ["mse", "random", "offline", "offline-vgg22", "stlpips"])
def test_a_loss_is_zero_for_equal_images_and_its_networks_are_not_trained(name):
    loss = content_loss(name)
    assert isinstance(loss, nn.Module)
    assert loss(crops(), crops()).item() == 0
    assert not any(p.requires_grad for p in loss.parameters())


# Content


def test_mse_is_measured_on_the_paper_s_range():
    sr, hr = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    assert mse_loss(sr, hr).item() == pytest.approx(4 * F.mse_loss(sr, hr).item(), rel=1e-6)
    assert mse_loss(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)).item() == 4
    assert torch.equal(content_loss("mse")(sr, hr), mse_loss(sr, hr))


def test_the_vgg_loss_by_hand():
    """1/12.75 scales the features, so their squared distance is scaled by its square (paper, section 3.2)."""
    sr, hr = crops(32).flip(0), crops(32)
    network = random_features(5, 4)
    layers = list(network.layers)
    a, b = normalise(sr), normalise(hr)
    for layer in layers:
        a, b = layer(a), layer(b)
    expected = (((a / 12.75) - (b / 12.75)) ** 2).mean()
    assert expected > 0
    assert VGGLoss("random")(sr, hr).item() == pytest.approx(expected.item(), rel=1e-5)
    assert pytest.approx(0.006151, abs=1e-6) == losses.VGG19_SCALE**2  # "about 0.006 times", says the paper


@pytest.mark.parametrize(("name", "place"), [("vgg22", (2, 2)), ("vgg54", (5, 4))])
def test_the_paper_s_losses_take_the_paper_s_maps(monkeypatch, name, place):
    asked = []

    def paper_features(i, j):
        asked.append((i, j))
        return random_features(i, j)

    monkeypatch.setitem(losses._FEATURES, name, (paper_features, *losses._FEATURES[name][1:]))
    loss = content_loss(name)
    assert asked == [place]
    assert loss.factor == pytest.approx(1 / 12.75**2)


def test_the_paper_s_losses_are_torchvision_s_vgg19():
    assert all(losses._FEATURES[name][0] is losses.paper_features for name in ("vgg22", "vgg54"))
    assert losses._FEATURES["offline-vgg22"][0] is losses.offline_features
    assert losses._FEATURES["offline-vgg22"][1] == (2, 2)


@torch.no_grad()
def test_offline_losses_have_the_size_of_the_mse_loss(benchmark_data):
    """On bicubic images, averaged; the factors were measured on 75 photos, this looks at five."""
    paths = sorted((benchmark_data / "BSDS500" / "train" / "HR").glob("*.png"))[::40]
    paths = paths or sorted((benchmark_data / "BSD100" / "HR").glob("*.png"))[::20]
    pairs = []
    for path in paths:
        hr = load_image(path)[60:188, 60:188]
        pairs.append((to_tensor(imresize(imresize(hr, 1 / 4), 4)), to_tensor(hr)))
    mse = sum(mse_loss(sr, hr).item() for sr, hr in pairs)
    for name in ("offline-vgg22", "stlpips"):
        loss = content_loss(name)
        assert 0.5 < sum(loss(sr, hr).item() for sr, hr in pairs) / mse < 2, name
    fine, factor = offline_features(1, 2), losses.OFFLINE_FACTOR["offline-vgg12"]
    assert 0.5 < factor * sum(F.mse_loss(fine(sr), fine(hr)).item() for sr, hr in pairs) / mse < 2


@torch.no_grad()
def test_the_offline_loss_by_hand():
    hr = crops()
    sr = upscale(downscale(hr)) + 0.02
    coarse, fine = (offline_features(i, 2) for i in (2, 1))
    expected = 0.55 * 3.37 * F.mse_loss(coarse(sr), coarse(hr)) + 0.35 * 5.38 * F.mse_loss(fine(sr), fine(hr))
    expected = expected + 0.35 * mse_loss(sr, hr) + 60 * phase_loss(sr, hr)
    assert content_loss("offline")(sr, hr).item() == pytest.approx(expected.item(), rel=1e-5)
    expected = 0.0386 * STLPIPS("vgg")(sr, hr).sum() / 2  # two images
    assert content_loss("stlpips")(sr, hr).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_offline_loss_never_asks_for_a_value():
    """So that it can be compiled whole and recorded in a CUDA graph. Tensors on "meta" have no values to ask for."""
    loss = content_loss("offline")
    hr = crops().requires_grad_()
    sr = upscale(downscale(hr.detach())).requires_grad_()
    whole = torch.compile(loss, backend="eager", fullgraph=True)  # an error where Python would have to step in
    assert whole(sr, hr).item() == pytest.approx(loss(sr, hr).item(), rel=1e-6)
    nowhere = copy.deepcopy(loss).to("meta")
    nowhere(sr.detach().to("meta").requires_grad_(), hr.detach().to("meta")).backward()
    with torch.autocast("cpu", torch.bfloat16):
        half = loss(sr, hr)
    half.backward()
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(loss(sr, hr).item(), rel=0.02)
    assert sr.grad.isfinite().all()
    assert hr.grad is None


# Patterns and tints


def middles() -> torch.Tensor:
    """The middle of five photos, (5, 3, 96, 96)."""
    pictures = [sample_photos()[name] for name in ("astronaut", "chelsea", "coffee", "rocket", "motorcycle")]
    corners = [((image.shape[0] - 96) // 2, (image.shape[1] - 96) // 2) for image in pictures]
    return torch.cat([to_tensor(i[y : y + 96, x : x + 96]) for i, (y, x) in zip(pictures, corners, strict=True)])


def six_levels(pattern: torch.Tensor) -> torch.Tensor:
    """The pattern in each photo, with a root mean square of 6 grey levels, (5, 3, 96, 96)."""
    pattern = pattern.expand(5, 3, 96, 96)
    return pattern * (6 / 255) / pattern.square().mean().sqrt()


def white_noise() -> torch.Tensor:
    """Grey, as the patterns are: coloured noise costs less in the features."""
    return six_levels(torch.randn(5, 1, 96, 96, generator=torch.Generator().manual_seed(0)))


PLACE = torch.arange(96)
PATTERNS = {
    "checkerboard, period 2": (PLACE[:, None] + PLACE) % 2 * 2.0 - 1,
    "stripes, period 4": torch.tensor([1.0, 1, -1, -1])[PLACE % 4],
    "brighter": torch.ones(1),
    "tint": torch.tensor([1.0, 0, -1]).view(3, 1, 1),
}


@torch.no_grad()
def test_what_a_fixed_pattern_and_a_tint_cost():
    hr = middles()
    offline, features = content_loss("offline"), content_loss("offline-vgg22")

    def costs(change: torch.Tensor) -> np.ndarray:
        """By phi(2, 2) alone, by the offline loss without its phase means, and by the whole of it."""
        sr = hr + change
        whole = offline(sr, hr).item()
        return np.array([features(sr, hr).item(), whole - 60 * phase_loss(sr, hr).item(), whole])

    noise = costs(white_noise())
    measured = {
        "checkerboard, period 2": (0.199, 0.443, 29.3),
        "stripes, period 4": (0.912, 1.04, 29.7),
        "brighter": (0.00506, 0.213, 29.1),
        "tint": (0.0731, 0.324, 29.2),
    }
    for name, expected in measured.items():
        change = six_levels(PATTERNS[name])
        assert change.square().mean().item() == pytest.approx(white_noise().square().mean().item(), rel=1e-5)
        relative = costs(change) / noise
        assert relative[2] >= 1, name
        assert relative.tolist() == pytest.approx(expected, rel=0.03), name


def test_the_phase_loss_by_its_definition():
    random = np.random.default_rng(0)
    sr, hr = random.random((2, 2, 3, 11, 14), dtype=np.float32)
    total = 0.0
    for crop in range(2):
        for channel in range(3):
            for row in range(4):
                for column in range(4):
                    kind = (crop, channel, slice(row, 8, 4), slice(column, 12, 4))  # 11x14 is cut to 8x12
                    total += (2 * sr[kind].astype(float) - 2 * hr[kind]).mean() ** 2
    found = phase_loss(torch.from_numpy(sr), torch.from_numpy(hr))
    assert found.item() == pytest.approx(total / (2 * 3 * 16), rel=1e-5)
    last = torch.from_numpy(sr).to(memory_format=torch.channels_last)
    assert phase_loss(last, torch.from_numpy(hr)).item() == pytest.approx(found.item(), rel=1e-5)
    with pytest.raises(UserError, match="4 pixels a side; this image has 14x3"):
        phase_loss(torch.zeros(1, 3, 3, 14), torch.zeros(1, 3, 3, 14))


def test_each_window_has_its_own_phase_means():
    """Two patterns that cancel out over the whole image, and not in a window of 48 pixels; the rest is left out."""
    hr = torch.full((1, 3, 103, 97), 0.5)
    stripes = 6 / 255 * torch.tensor([1.0, 1, -1, -1])[torch.arange(97) % 4]
    sign = torch.where(torch.arange(103) < 48, 1.0, -1.0)[:, None]
    woven = phase_loss(hr + sign * stripes, hr).item()
    assert woven == pytest.approx((2 * 6 / 255) ** 2, rel=1e-5)
    beyond = hr.clone()
    beyond[..., 96:, :] = beyond[..., 96:] = 0
    assert phase_loss(beyond, hr).item() == 0


def test_a_fixed_pattern_has_its_whole_energy_in_the_phase_means_and_a_texture_next_to_none():
    hr = middles()
    energy = mse_loss(hr + white_noise(), hr).item()
    for name, pattern in PATTERNS.items():
        assert phase_loss(hr + six_levels(pattern), hr).item() == pytest.approx(energy, rel=1e-3), name
    # stripes of period 4.4 drift through all phases, and grain has none; chance leaves 1/144 of it
    drifting = torch.sin(2 * math.pi * PLACE / 4.4)
    assert phase_loss(hr + six_levels(drifting), hr).item() < 0.01 * energy
    assert phase_loss(hr + white_noise(), hr).item() == pytest.approx(energy / 144, rel=0.3)
    bicubic = upscale(downscale(hr))
    assert phase_loss(bicubic, hr).item() < 2 / 144 * mse_loss(bicubic, hr).item()


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(UserError, match="unknown content loss 'vgg33'; known: mse, vgg22, vgg54, offline, "):
        content_loss("vgg33")
    with pytest.raises(UserError, match="unknown features 'mse'; known: vgg22"):
        VGGLoss("mse")
    assert set(losses._FEATURES) == set(CONTENT) - {"mse", "offline", "stlpips"}


def test_without_weights_there_is_an_error_and_no_random_network(tmp_path, monkeypatch):
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path))
    monkeypatch.setattr("srgan_lessons.vgg.importlib.util.find_spec", lambda name: None)
    for name in ("offline-vgg22", "stlpips"):
        with pytest.raises(UserError, match="There are two ways to get one"):
            content_loss(name)


# Adversarial


def test_adversarial_loss_by_hand():
    assert adversarial_loss(torch.zeros(4, 1)).item() == pytest.approx(math.log(2))
    logits = torch.tensor([[2.0], [-1.0]])
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(1))) / 2
    assert adversarial_loss(logits).item() == pytest.approx(expected, rel=1e-6)


def test_discriminator_loss_by_hand():
    assert discriminator_loss(torch.zeros(4, 1), torch.zeros(4, 1)).item() == pytest.approx(2 * math.log(2))
    real, fake = torch.tensor([[2.0], [0.5]]), torch.tensor([[-1.0], [0.25]])
    expected = -(torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(fake)).log().mean()).item()
    assert discriminator_loss(real, fake).item() == pytest.approx(expected, rel=1e-6)
    assert discriminator_loss(torch.full((2, 1), 9.0), torch.full((2, 1), -9.0)) < 1e-3  # right on both


@pytest.mark.parametrize("size", [200.0, -200.0])
def test_extreme_logits_where_sigmoid_and_log_break(size):
    fake = torch.full((3, 1), size, requires_grad=True)
    loss = adversarial_loss(fake)
    loss.backward()
    assert loss.item() == max(0, -size)  # -log sigmoid(-200) = 200
    assert torch.allclose(fake.grad, torch.full((3, 1), -1 / 3 if size < 0 else 0.0))
    assert discriminator_loss(-fake.detach(), fake.detach()).item() == 2 * max(0, size)
    if size < 0:  # the textbook way
        assert torch.sigmoid(fake).log().neg().mean().item() == math.inf


def test_losses_are_computed_in_float32():
    logits = torch.tensor([[12.0]], dtype=torch.bfloat16)
    assert adversarial_loss(logits).dtype == torch.float32
    assert adversarial_loss(logits).item() == pytest.approx(math.log1p(math.exp(-12)), rel=1e-4)
    assert discriminator_loss(logits, logits).dtype == torch.float32
    sr, hr = torch.rand(2, 1, 3, 8, 8).bfloat16()
    for found, expected in (
        (mse_loss(sr, hr), mse_loss(sr.float(), hr.float())),
        (phase_loss(sr, hr), phase_loss(sr.float(), hr.float())),
        (total_variation(sr), total_variation(sr.float())),
    ):
        assert found.dtype == torch.float32
        assert torch.equal(found, expected)


def test_the_perceptual_loss_is_equation_3():
    content, adversarial = torch.tensor(0.25), torch.tensor(3.0)
    assert perceptual_loss(content, adversarial).item() == pytest.approx(0.253)
    assert perceptual_loss(content, adversarial, weight=0.1).item() == pytest.approx(0.55)


# Total variation


def test_total_variation_of_a_ramp_by_hand():
    """Each step to the right is 0.1 of [0, 1], so 0.2 of [-1, 1]; 4 x 5 places with a pixel below and to the right."""
    ramp = (torch.arange(6) * 0.1).expand(1, 3, 5, 6)
    assert total_variation(ramp).item() == pytest.approx(3 * 4 * 5 * 0.2, rel=1e-5)
    assert total_variation(ramp.transpose(2, 3)).item() == pytest.approx(3 * 4 * 5 * 0.2, rel=1e-5)
    both = ramp[..., :5] + 2 * ramp[..., :5].transpose(2, 3)  # 0.2 to the right, 0.4 down
    assert total_variation(both).item() == pytest.approx(3 * 4 * 4 * math.hypot(0.2, 0.4), rel=1e-5)


def test_total_variation_is_a_mean_over_the_batch():
    image = torch.rand(1, 3, 8, 8)
    assert total_variation(image.repeat(5, 1, 1, 1)).item() == pytest.approx(total_variation(image).item(), rel=1e-5)


def test_a_flat_image_has_no_variation_and_a_finite_gradient():
    flat = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    total_variation(flat).backward()
    assert total_variation(flat).item() < 1e-3
    assert flat.grad.isfinite().all()
