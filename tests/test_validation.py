"""Held-out pictures: what is measured on them, and by what the best checkpoint is chosen."""

import numpy as np
import pytest
import torch
from torch import nn

from srgan_lessons import vgg
from srgan_lessons.evaluation import STLPIPSDistance
from srgan_lessons.images import load_image, sample_photos, to_image, to_tensor
from srgan_lessons.losses import content_loss, mse_loss
from srgan_lessons.metrics import psnr, tint, weave
from srgan_lessons.resize import downscale, upscale
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.recipes import Recipe
from srgan_lessons.training.validation import FIGURES, Validation, middle

PLAIN = Recipe(name="plain", steps=1)
GAN = PLAIN.change(name="gan", adversarial=1e-3)


class Bicubic(nn.Module):
    """Enlarges, tints, and notes how it was called."""

    def __init__(self, red: float = 0.0):
        super().__init__()
        self.red, self.seen = red, []

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        self.seen.append((torch.is_autocast_enabled("cpu"), torch.backends.cudnn.benchmark, torch.is_grad_enabled()))
        return upscale(lr) + self.red * torch.tensor([1.0, 0, 0]).view(3, 1, 1)


def held_out() -> dict[str, np.ndarray]:
    pictures = sample_photos()
    return {"a": pictures["astronaut"][:70, 100:200], "b": pictures["chelsea"][80:150, 150:230]}  # of two shapes


def validation(recipe: Recipe, pictures=None, machine: Machine | None = None) -> Validation:
    return Validation(pictures or held_out(), recipe, content_loss("mse"), machine or Machine("cpu", "fp32"))


def test_the_figures_are_means_over_the_rounded_pictures(tmp_path):
    measure = validation(GAN)
    scores = measure(Bicubic(red=0.1), tmp_path / "preview.png")
    assert tuple(scores) == measure.names == FIGURES
    distance, found = STLPIPSDistance(torch.device("cpu")), []
    for picture in held_out().values():
        height, width = (side // 16 * 16 for side in picture.shape[:2])
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        hr = picture[top : top + height, left : left + width]
        sr = Bicubic(red=0.1)(downscale(to_tensor(hr)))
        image = to_image(sr)
        content = mse_loss(sr, to_tensor(hr)).item()
        found.append([psnr(image, hr), content, weave(image), tint(image, hr), distance(image, hr)])
    assert list(scores.values()) == pytest.approx(np.mean(found, axis=0).tolist(), rel=1e-5)
    assert 15 < scores["val_tint"] < 30
    preview = load_image(tmp_path / "preview.png")
    assert preview.shape == (64 + 64, 3 * 96, 3)
    assert np.array_equal(preview[:64, 192:], held_out()["a"][3:67, 2:98])


def test_the_best_checkpoint_of_a_gan_is_chosen_by_st_lpips():
    assert validation(GAN).criterion == "val_stlpips"
    assert validation(PLAIN).criterion == "val_content"
    assert validation(PLAIN).names == FIGURES[:-1]
    assert validation(PLAIN).note == ""
    assert validation(GAN).note == ""


def test_without_weights_content_chooses_and_a_note_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path))
    monkeypatch.setattr(vgg.importlib.util, "find_spec", lambda name: None)
    measure = validation(GAN)
    assert measure.criterion == "val_content"
    assert measure.note.startswith("val_stlpips is not measured, and val_content chooses the best checkpoint: the offl")
    assert tuple(measure(Bicubic(), tmp_path / "preview.png")) == measure.names == FIGURES[:-1]
    assert validation(PLAIN).note == ""  # it asks for none


def test_pictures_too_small_for_a_figure(tmp_path):
    small = held_out() | {"small": sample_photos()["coffee"][100:140, 100:200]}  # 32 rows are left
    measure = validation(GAN, small)
    assert measure.note == "val_weave is not measured: a held-out picture has only 32 pixels on a side"
    assert tuple(measure(Bicubic(), tmp_path / "preview.png")) == ("val_psnr", "val_content", "val_tint", "val_stlpips")
    tiny = validation(GAN, {"tiny": sample_photos()["coffee"][100:120, 100:200]})  # 16 rows
    assert tiny.names == ("val_psnr", "val_content", "val_tint")
    assert tiny.criterion == "val_content"
    assert "val_stlpips is not measured: a held-out picture has only 16 pixels" in tiny.note


def test_sizes_at_the_bounds(tmp_path):
    """At least 48 pixels for a weave and at most 384 in all, the middle; a preview shows three pictures."""
    rows, columns = np.mgrid[:401, :500]
    large = np.stack([rows % 256, columns % 256, columns // 256], axis=2).astype(np.uint8)
    assert middle(large).shape == (384, 384, 3)
    assert middle(large)[0, 0].tolist() == [8, 58, 0]  # (401 - 384) // 2 rows and (500 - 384) // 2 columns left out
    assert middle(large)[-1, -1].tolist() == [(8 + 383) % 256, (58 + 383) % 256, 1]
    photo = sample_photos()["coffee"]
    four = {name: photo[100 + k : 148 + k, 200:264] for k, name in enumerate("abcd")}
    measure = validation(PLAIN, four)
    assert "val_weave" in measure.names
    measure(Bicubic(), tmp_path / "preview.png")
    preview = load_image(tmp_path / "preview.png")
    assert preview.shape == (3 * 48, 3 * 64, 3)
    assert np.array_equal(preview[-48:, 128:], four["c"])


def test_the_network_runs_in_the_run_s_precision_and_the_metrics_in_float32(tmp_path):
    seen = []

    class Content(nn.Module):
        def forward(self, sr, hr):
            seen.append((sr.dtype, torch.is_autocast_enabled("cpu")))
            return mse_loss(sr, hr)

    network = Bicubic()
    measure = Validation(held_out(), PLAIN, Content(), Machine("cpu", "bf16"))
    before = torch.backends.cudnn.benchmark
    with torch.backends.cudnn.flags(enabled=True, benchmark=True):  # as while training on a GPU
        measure(network, tmp_path / "preview.png")
        assert torch.backends.cudnn.benchmark
    assert torch.backends.cudnn.benchmark == before
    assert network.seen == [(True, False, False)] * 2
    assert seen == [(torch.float32, False)] * 2
