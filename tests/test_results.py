"""docs/results.md says what data/results/ says, and data/results/ what the shipped weights give."""

import csv
import json
from pathlib import Path
from statistics import fmean

import pytest
from loading import TOOLS, load

from srgan_lessons.datasets import benchmark
from srgan_lessons.evaluation import evaluate
from srgan_lessons.files import shipped
from srgan_lessons.images import load_image, sample_photos
from srgan_lessons.metrics import psnr, tint, weave
from srgan_lessons.resize import imresize
from srgan_lessons.upscaling import upscale
from srgan_lessons.weights import shipped_weights

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def results():
    return load(TOOLS / "results.py")


def test_the_page_is_up_to_date(results):
    page = results.PAGE.read_text(encoding="utf-8")
    assert results.filled(page) == page, "run: python tools/results.py write"
    with pytest.raises(SystemExit, match="0 blocks named paper"):
        results.filled(page.replace("begin paper", "begin papers"))


def test_the_curves_of_all_runs_are_drawn(results, monkeypatch, tmp_path):
    monkeypatch.setattr(results, "FIGURES", tmp_path)
    results.draw_curves()
    assert min(load_image(tmp_path / "curves.png").shape[:2]) > 300


def test_all_shipped_weights_are_measured_on_all_images(results):
    for name in ("nearest", "bicubic", *shipped_weights()):
        found = json.loads((results.MEASURED / f"{name}.json").read_text())
        assert found["whole"]
        assert len(found["rows"]) == 2 * 119
        assert f"{results.NAMES[name]}, ours" in results.PAGE.read_text(encoding="utf-8")


def test_nearest_and_bicubic_are_the_golden_numbers(results):
    with open(ROOT / "data" / "tables" / "golden.csv", newline="") as file:
        for row in csv.DictReader(file):
            mean = results._means(row["protocol"])[row["method"]][row["set"]]
            assert mean["psnr"] == pytest.approx(float(row["psnr"]), abs=1e-3)
            assert mean["ssim"] == pytest.approx(float(row["ssim"]), abs=2e-4)


@pytest.mark.parametrize("name", shipped_weights())
def test_the_shipped_weights_give_the_numbers_of_the_page(results, benchmark_data, name):
    mean = evaluate(name, ["Set5"], progress=False).mean("Set5")
    assert mean.psnr == pytest.approx(results._means("community")[name]["Set5"]["psnr"], abs=2e-3)


def test_the_shipped_generators_weave_no_more_than_photos_do_by_chance(results, benchmark_data):
    with open(results.MEASURED / "faults.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    methods = ("HR", "srresnet", "srgan")
    assert [(row["image"], row["method"]) for row in rows] == [
        (f"img_{number:03}", method) for number in range(1, 11) for method in methods
    ]
    mean = {method: fmean(float(row["weave"]) for row in rows if row["method"] == method) for method in methods}
    assert mean["srresnet"] < mean["HR"]
    assert mean["srgan"] < 0.2  # grey levels
    image = benchmark("Set14")[1]
    kept = next(row for row in rows if (row["image"], row["method"]) == (image.name, "srgan"))
    sr = upscale(image.lr, "srgan", device="cpu")
    assert weave(sr) == pytest.approx(float(kept["weave"]), abs=5e-3)
    assert tint(sr, image.hr) == pytest.approx(float(kept["tint"]), abs=1e-2)


def test_the_control_learns_nothing_that_helps(results):
    with open(results.MEASURED / "control.csv", newline="") as file:
        psnr = {row["pairs"]: float(row["psnr"]) for row in csv.DictReader(file)}
    bicubic = results._means("community")["bicubic"]["Set5"]["psnr"]
    assert psnr["true"] > bicubic + 0.3
    assert psnr["shuffled"] < bicubic - 10


def test_the_ablations_are_whole_and_say_what_the_page_says(results):
    with open(results.MEASURED / "ablations.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [(change, name) for change in results.ABLATIONS for name in ("Set5", "Set14")]
    assert [(row["change"], row["set"]) for row in rows] == expected
    psnr, ssim = ({row["change"]: float(row[key]) for row in rows if row["set"] == "Set14"} for key in ("psnr", "ssim"))
    base, *seeds = (value for change, value in psnr.items() if change.startswith(("4 blocks", "the same from")))
    spread = max(base, *seeds) - min(base, *seeds)
    assert spread < 0.2
    for dearer in ("1 block", "16 channels", "500 updates", "learning rate 1e-4, constant, as in the paper"):
        assert psnr[dearer] < base - 2 * spread
    constant = psnr["learning rate 1e-3, constant"]
    assert psnr["learning rate 1e-3, constant, without the moving average of the weights"] < constant - 1
    larger = "64 channels"
    assert psnr[larger] < base
    assert ssim[larger] == max(ssim.values())


def test_the_film_of_srgan_s_first_updates_begins_with_the_shipped_srresnet():
    """Its log names each picture, and update 0 is what `srresnet` makes of scikit-image's cat."""
    folder = shipped("runs") / "srgan_first_updates"
    with open(folder / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(path.stem for path in folder.glob("*.webp")) == [f"{int(row['step']):04}" for row in rows]
    cat = sample_photos()["chelsea"][:300, :448]
    sr = upscale(imresize(cat, 1 / 4), "srresnet")
    assert psnr(sr, cat) == pytest.approx(float(rows[0]["psnr"]), abs=1e-3)
    assert psnr(load_image(folder / "0000.webp"), sr[52:188, 92:228]) > 45  # dB; WebP is lossy
    assert psnr(load_image(folder / "0800.webp"), sr[52:188, 92:228]) < 35
