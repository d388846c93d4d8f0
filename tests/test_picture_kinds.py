"""Each kind of picture file is read as its standard says, and enlarged so; or it is refused with the true reason."""

import sys
from pathlib import Path

import numpy as np
import pytest
from picture_kinds import BLOCK, kinds
from PIL import features

from srgan_lessons import UserError
from srgan_lessons.images import read_picture
from srgan_lessons.upscaling import upscale_file

KINDS = kinds()


def test_the_matrix_has_many_cells():
    assert len(KINDS) >= 320
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def _apart(kind, found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference in levels. Of lossy formats with coarse colours the middles of the blocks count."""
    apart = np.abs(found.astype(float) - expected)
    if kind.name in ("jpeg-420", "jpeg-422", "webp-lossy", "tiff-jpeg"):
        apart = apart[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK]
    return apart.max()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_of_file(tmp_path, kind):
    if kind.ending == ".avif" and not features.check("avif"):
        pytest.skip("this version of Pillow has no AVIF")
    source, result = tmp_path / f"a{kind.ending}", tmp_path / "b.png"
    source.write_bytes(kind.make())
    if kind.rgb is None:
        with pytest.raises(UserError, match=kind.refused):
            upscale_file(source, result, "nearest")
        assert not result.exists()
        return
    picture = read_picture(source)
    assert picture.grey == (kind.rgb.ndim == 2)
    assert picture.rgb.shape[:2] == kind.rgb.shape[:2]
    expected = np.repeat(kind.rgb[..., None], 3, axis=2) if kind.rgb.ndim == 2 else kind.rgb
    seen = np.ones(expected.shape[:2], bool) if kind.alpha is None else kind.alpha > 0
    assert _apart(kind, picture.rgb, np.where(seen[..., None], expected, picture.rgb)) <= kind.off
    assert (picture.alpha is None) == (kind.alpha is None)
    if kind.alpha is not None:
        assert _apart(kind, picture.alpha, kind.alpha) <= kind.off

    upscale_file(source, result, "nearest")
    enlarged = read_picture(result)
    sharp = np.repeat(np.repeat(picture.rgb, 4, axis=0), 4, axis=1)  # each pixel a square of 4 x 4
    seen = np.repeat(np.repeat(seen, 4, axis=0), 4, axis=1)
    assert np.array_equal(enlarged.rgb[seen], sharp[seen])
    assert enlarged.grey == picture.grey


@pytest.mark.filterwarnings("ignore")
def test_broken_files_are_read_or_refused_with_a_sentence(tmp_path, monkeypatch):
    """A small part of benchmarks/broken_pictures.py, which does this 24,000 times: one input of each kind."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "benchmarks"))
    import broken_pictures

    inputs, outcomes = broken_pictures.Inputs(seed=2), {}
    for number in range(len(KINDS)):
        name, ending, data = inputs[number]
        path = tmp_path / f"in{ending}"
        path.write_bytes(data)
        outcomes[f"{number} {name}"] = broken_pictures.look_at(path, tmp_path)
    assert set(outcomes.values()) == {"read", "refused"}, outcomes
    sys.modules.pop("broken_pictures")
