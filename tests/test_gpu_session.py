"""The quarter of an hour on a GPU, rehearsed: a stage ends in time with its weights, and what comes back is small."""

import argparse
import tarfile
import time

import numpy as np
import pytest
from loading import TOOLS, load

from srgan_lessons.images import save_image
from srgan_lessons.weights import load_network


@pytest.fixture(scope="module")
def session():
    return load(TOOLS / "gpu_session.py")


@pytest.fixture
def options(tmp_path):
    numbers = np.random.default_rng(0)
    (tmp_path / "data" / "BSDS500" / "test").mkdir(parents=True)
    for number in range(4):
        photo = np.kron(numbers.integers(0, 256, (8, 8, 3)), np.ones((12, 12, 1))).astype(np.uint8)  # 96x96
        save_image(tmp_path / "data" / "BSDS500" / "test" / f"{number}.png", photo)
    for name in ("work", "out"):
        (tmp_path / name).mkdir()
    folders = {name: tmp_path / name for name in ("data", "work", "out")}
    return argparse.Namespace(**folders, tiny=True, start="scratch", crop=96, batch=16, until=0.0)


def test_a_stage_ends_in_time_with_its_weights(session, options, capsys):
    """Measured, planned in seconds, said before it begins, trained; then packed."""
    began = time.time()
    options.until = began + 12
    assert session.fit(options, "srresnet", "scratch") == 0
    assert time.time() < options.until + session.PACKING
    said = capsys.readouterr().out
    assert said.index("updates of 4 crops of 32 in") < said.index('"val_psnr"') < said.index("finished")
    assert session.pack(options) == 0
    packed = sorted(path.name for path in options.out.iterdir())
    assert "srresnet.safetensors" in packed
    assert len(packed) <= 8
    assert all(path.stat().st_size < 16 * 2**20 for path in options.out.iterdir())
    assert load_network(options.out / "srresnet.safetensors").tail.in_channels == session.TINY["channels"]
    with tarfile.open(options.out / "runs-work.tar.gz") as archive:
        names = archive.getnames()
    assert {"srresnet/settings.json", "srresnet/log.csv"} <= set(names)
    assert any(name.endswith(".png") for name in names)


def test_a_stage_without_time_says_so(session, options):
    from srgan_lessons import UserError

    options.until = time.time() + 0.5
    with pytest.raises(UserError, match="too short for srresnet-mse"):
        session.fit(options, "srresnet", "scratch")


def test_a_stage_that_fails_ends_nothing(session, options, capsys):
    """The call goes on with the next stage and names the failed ones at its end."""
    options.call, options.seconds, options.srgan = "second", 5.0, None
    run = session.Session(options)
    run.call("breaks", ["false"], 5)
    run.call("speaks", ["echo", "hello"], 5)
    run.call("hangs", ["sleep", "60"], 0.5)
    assert run.failed == ["breaks", "hangs"]
    said = capsys.readouterr().out
    assert "breaks: failed" in said
    assert "hello" in said
    assert "hangs: out of time" in said
    assert (options.work / "speaks.txt").read_text() == "hello\n"
