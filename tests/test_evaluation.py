"""Benchmark tables against the golden numbers, and what evaluation refuses."""

import csv
import json
import math

import numpy as np
import pytest

from srgan_lessons import UserError
from srgan_lessons.datasets import benchmark
from srgan_lessons.evaluation import SETS, Mean, Row, Table, evaluate, paper_table
from srgan_lessons.files import data_root, shipped
from srgan_lessons.images import Picture, load_image, sample_photos, save_image
from srgan_lessons.metrics import PROTOCOLS, psnr, ssim
from srgan_lessons.models import ESPCN
from srgan_lessons.resize import imresize
from srgan_lessons.stlpips import STLPIPS
from srgan_lessons.upscaling import upscale
from srgan_lessons.upscaling.files import find_results
from srgan_lessons.weights import save_network

MISSING = [name for name in SETS if not (data_root() / name / "HR").is_dir()]
needs_sets = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not in {data_root()} (SRGAN_LESSONS_DATA)")


def read_table(name: str) -> list[dict[str, str]]:
    with open(shipped(f"tables/{name}.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def own_sets(tmp_path, monkeypatch):
    """Two sets of one's own: "mine" with LR images, "odd" without and of sizes that 4 does not divide."""
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path))
    photos = sample_photos()
    for name, photo in (("a", photos["chelsea"][:64, :80]), ("b", photos["camera"][100:164, 200:264])):
        save_image(tmp_path / "mine" / "HR" / f"{name}.png", photo)
        save_image(tmp_path / "mine" / "LR_bicubic_x4" / f"{name}.png", imresize(photo, 1 / 4))
    save_image(tmp_path / "odd" / "HR" / "c.png", photos["coffee"][:67, :61])
    return tmp_path


# --- with the benchmark sets ---


@pytest.fixture(scope="module")
def tables():
    return {method: evaluate(method, SETS, "both", progress=False) for method in ("nearest", "bicubic")}


@needs_sets
@pytest.mark.parametrize("cell", read_table("golden"), ids=lambda c: f"{c['set']}-{c['method']}-{c['protocol']}")
def test_golden_table(tables, cell):
    mean = tables[cell["method"]].mean(cell["set"], cell["protocol"])
    assert mean.images == {"Set5": 5, "Set14": 14, "BSD100": 100}[cell["set"]]
    assert mean.psnr == pytest.approx(float(cell["psnr"]), abs=0.001)
    assert mean.ssim == pytest.approx(float(cell["ssim"]), abs=0.0002)


@needs_sets
@pytest.mark.parametrize(
    "cell", [r for r in read_table("paper_table2") if r["method"] in ("nearest", "bicubic")], ids=str
)
def test_the_protocol_paper_meets_the_papers_table_2(tables, cell):
    mean = tables[cell["method"]].mean(cell["set"], "paper")
    assert mean.psnr == pytest.approx(float(cell["psnr"]), abs=0.0145)  # .0135, where the paper rounds to .01
    assert mean.ssim == pytest.approx(float(cell["ssim"]), abs=0.0012)


@needs_sets
def test_the_text_has_the_papers_numbers_beside_ours(tables):
    community, paper = tables["bicubic"].text.split("protocol paper")
    assert "28.418" in community
    assert "28.43 / 0.8211" not in community
    assert "28.434" in paper
    assert "28.43 / 0.8211" in paper
    assert "BSD100: 100 images, LR as published" in paper


@needs_sets
def test_published_lr_images_are_reproduced_bit_for_bit():
    images = [image for name in SETS for image in benchmark(name)]
    differing = [str(i.hr) for i in images if not np.array_equal(imresize(load_image(i.hr), 1 / 4), load_image(i.lr))]
    assert (len(images), differing) == (119, [])


@needs_sets
@pytest.mark.parametrize(("method", "distance"), [("bicubic", 0.326), ("nearest", 0.175)])
def test_stlpips_of_set5(method, distance):
    pytest.importorskip("stlpips_pytorch", reason='the extra "offline" is not installed')
    table = evaluate(method, ["Set5"], stlpips=True, progress=False)
    assert table.mean("Set5").stlpips == pytest.approx(distance, abs=0.001)
    assert f"{table.mean('Set5').stlpips:.4f}" in table.text
    assert STLPIPS("alex").layers[0].weight.shape == (64, 3, 11, 11)


# --- without ---


def test_the_means_of_a_table_by_hand():
    """ST-LPIPS has a mean only where every image was measured with it."""
    values = [("a", 20.0, 0.5, 0.1), ("a", 30.0, 0.7, 0.3), ("b", 40.0, 0.9, None), ("b", math.inf, 1.0, 0.0)]
    rows = [
        Row(set=name, image=str(k), protocol="paper", psnr=decibels, ssim=similarity, stlpips=distance)
        for k, (name, decibels, similarity, distance) in enumerate(values)
    ]
    assert Table(method="x", rows=tuple(rows), notes=()).means == [
        Mean(set="a", protocol="paper", images=2, psnr=25.0, ssim=0.6, stlpips=0.2),
        Mean(set="b", protocol="paper", images=2, psnr=math.inf, ssim=0.95, stlpips=None),
    ]


def test_rows_are_what_the_metrics_say(own_sets):
    table = evaluate("bicubic", ["mine"], "both", progress=False)
    assert [(row.image, row.protocol) for row in table.rows] == [(i, p) for i in "ab" for p in PROTOCOLS]
    for row in table.rows:
        hr = load_image(own_sets / "mine" / "HR" / f"{row.image}.png")
        sr = imresize(imresize(hr, 1 / 4), 4)
        assert row.psnr == psnr(sr, hr, protocol=row.protocol)
        assert row.ssim == ssim(sr, hr, protocol=row.protocol)
    values = [row.psnr for row in table.rows if row.protocol == "paper"]
    assert table.mean("mine", "paper").psnr == pytest.approx(sum(values) / 2)
    with pytest.raises(UserError, match=r"There are results for: mine \(community\), mine \(paper\)"):
        table.mean("Set5")


def test_lr_is_made_where_none_is_published(own_sets):
    table = evaluate("nearest", ["odd"], progress=False)
    hr = load_image(own_sets / "odd" / "HR" / "c.png")[:64, :60]
    assert table.rows[0].psnr == psnr(upscale(imresize(hr, 1 / 4), "nearest"), hr)
    assert "odd: 1 image, LR made from HR by imresize(HR, 1/4); 1 HR image cut to a multiple of 4" in str(table)


def test_weights_networks_and_functions_give_the_same(own_sets):
    network = ESPCN()
    save_network(own_sets / "w.safetensors", network)
    rows = [
        evaluate(method, ["mine"], progress=False).rows
        for method in (
            network,
            own_sets / "w.safetensors",
            str(own_sets / "w.safetensors"),
            lambda lr: upscale(lr, network),
        )
    ]
    assert rows[0] == rows[1] == rows[2] == rows[3]
    assert evaluate(network, ["mine"], progress=False).method == "ESPCN"


def test_limit_is_said_in_the_table(own_sets):
    table = evaluate("bicubic", ["mine"], limit=1, progress=False)
    assert [row.image for row in table.rows] == ["a"]
    assert "NOT ALL IMAGES" in table.text
    assert "the first 1 of 2 images" in table.text
    assert "NOT ALL" not in evaluate("bicubic", ["mine"], limit=2, progress=False).text


def test_json(own_sets):
    table = evaluate("bicubic", ["mine"], "both", progress=False)
    table.write_json(own_sets / "out.json")
    content = json.loads((own_sets / "out.json").read_text())
    assert content["method"] == "bicubic"
    assert [(r["image"], r["protocol"], r["psnr"]) for r in content["rows"]] == [
        (row.image, row.protocol, row.psnr) for row in table.rows
    ]
    assert [mean["images"] for mean in content["means"]] == [2, 2]


def test_equal_images_have_an_infinite_psnr_and_json_holds_null(own_sets):
    hr = {photo.shape: photo for photo in (load_image(p) for p in (own_sets / "mine" / "HR").iterdir())}
    table = evaluate(lambda lr: hr[(4 * lr.shape[0], 4 * lr.shape[1], 3)], ["mine"], progress=False)
    assert math.isinf(table.mean("mine").psnr)
    assert table.mean("mine").ssim == 1
    assert json.loads(table.to_json())["means"][0]["psnr"] is None


def test_the_papers_column_is_there_only_for_its_sets_and_long_names_fit(own_sets):
    (own_sets / "mine").rename(own_sets / "mine-with-a-long-name")
    table = evaluate("bicubic", ["mine-with-a-long-name", "odd"], "both", progress=False)
    assert "Table 2" not in table.text
    head, *rows = [line for line in table.text.splitlines() if line.startswith(("set ", "mine-", "odd "))][:3]
    assert {len(row) for row in rows} == {len(head)}


def test_one_bad_picture_is_an_error(own_sets):
    (own_sets / "mine" / "HR" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(UserError, match=r"b\.png"):
        evaluate("bicubic", ["mine"], progress=False)


def test_lr_of_another_picture_is_an_error(own_sets):
    save_image(own_sets / "mine" / "LR_bicubic_x4" / "b.png", np.zeros((15, 16, 3), np.uint8))
    with pytest.raises(UserError, match=r"b\.png has 16 x 15 pixels.*not a pair"):
        evaluate("bicubic", ["mine"], progress=False)


def test_pictures_too_small_to_measure_are_named(own_sets):
    for size, reason in ((3, "at least 4 x 4"), (8, "leaves nothing"), (16, "window")):
        save_image(own_sets / "tiny" / "HR" / "t.png", np.zeros((size, size, 3), np.uint8))
        with pytest.raises(UserError, match=rf"t\.png.*{reason}"):
            evaluate("bicubic", ["tiny"], progress=False)


def test_functions_that_return_no_picture(own_sets):
    with pytest.raises(UserError, match=r"on a: a picture must be uint8"):
        evaluate(lambda lr: lr / 255, ["mine"], progress=False)
    with pytest.raises(UserError, match=r"on a: the result has the shape \(16, 20, 3\), and HR has \(64, 80, 3\)"):
        evaluate(lambda lr: lr, ["mine"], progress=False)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"method": "srcnn9"}, "no weights 'srcnn9'"),
        ({"sets": []}, "at least one"),
        ({"sets": ["mine", "mine"]}, "each only once"),
        ({"sets": ["Set5"]}, "Set5 is not here.*data get Set5"),
        ({"protocol": "y"}, "known: community, paper, both"),
        ({"limit": 0}, "limit must be a whole number of images, 1 or more"),
        ({"limit": 1.5}, "limit must be a whole number of images, 1 or more"),
        ({"method": None}, "weights are a name or the path of a file, not NoneType"),
        ({"sets": ["mine/"]}, r"mine/ is a path\. A set is given by its name"),
        ({"sets": ["set5"]}, "no set named set5; its name is Set5"),
    ],
)
def test_bad_arguments(own_sets, arguments, reason):
    with pytest.raises(UserError, match=reason):
        evaluate(**{"method": "bicubic", "sets": ["mine"], "progress": False} | arguments)


def test_the_papers_tables():
    assert [(r.psnr, r.ssim, r.mos) for r in paper_table(2) if (r.set, r.method) == ("BSD100", "SRGAN")] == [
        (25.16, 0.6688, 3.56)
    ]
    assert [r.mos for r in paper_table(2) if r.method == "HR"] == [4.32, 4.32, 4.46]
    assert [r.psnr for r in paper_table(2) if r.method == "HR"] == [None] * 3
    assert (len(paper_table(1)), len(paper_table(2))) == (10, 27)
    for row in paper_table(1):  # the variants that both tables hold
        name = {"SRResNet-MSE": "SRResNet", "SRGAN-VGG54": "SRGAN"}.get(row.method)
        same = [r for r in paper_table(2) if (r.set, r.method) == (row.set, name)]
        assert all((r.psnr, r.ssim, r.mos) == (row.psnr, row.ssim, row.mos) for r in same)
    with pytest.raises(UserError, match="1 and 2"):
        paper_table(3)


# --- pictures that other programs made ---


def test_a_folder_of_pictures_is_measured_like_a_network(own_sets, tmp_path):
    """Bicubic's own, under three of the usual names: the same numbers."""
    for item, name in zip(benchmark("mine"), ("a_x4.png", "b_x4_SR.PNG"), strict=True):
        save_image(tmp_path / "others" / name, upscale(load_image(item.lr), "bicubic"))
    save_image(tmp_path / "others" / "zebra_out.png", sample_photos()["coins"])  # of another set
    found = evaluate(str(tmp_path / "others"), ["mine"], "both", progress=False)
    known = evaluate("bicubic", ["mine"], "both", progress=False)
    assert found.rows == known.rows
    assert found.notes == (f"mine: 2 images, pictures as they are in {tmp_path / 'others'}",)

    save_image(tmp_path / "sets" / "odd" / "c_out.png", load_image(tmp_path / "odd" / "HR" / "c.png")[:64, :60])
    save_image(tmp_path / "sets" / "mine" / "a.png", load_image(tmp_path / "others" / "a_x4.png"))
    save_image(tmp_path / "sets" / "mine" / "bx4.JFIF", load_image(tmp_path / "others" / "b_x4_SR.PNG"))
    both = evaluate(tmp_path / "sets", ["mine", "odd"], progress=False)
    assert math.isinf(both.mean("odd").psnr)
    assert "1 of them is a JPEG file, whose losses are measured too" in both.text
    assert both.rows[0] == next(row for row in known.rows if row.protocol == "community")


def test_images_whose_own_names_end_like_those_of_results(tmp_path):
    for name in ("cat_x4", "cat_out_x4", "max4x_SR", "Cafe\u0301_x4", "dog_x4_SR"):  # e and an accent
        save_image(tmp_path / f"{name}.png", sample_photos()["coins"][:4, :4])
    found = find_results(tmp_path, ["cat", "cat_out", "max4x", "Caf\u00e9", "dog", "ma"])  # one character
    assert {name: [path.stem for path in paths] for name, paths in found.items()} == {
        "cat": ["cat_x4"],
        "cat_out": ["cat_out_x4"],
        "max4x": ["max4x_SR"],
        "Caf\u00e9": ["Cafe\u0301_x4"],
        "dog": ["dog_x4_SR"],
        "ma": [],
    }


def test_names_in_capitals(tmp_path):
    """As some programs for Windows write them. Where capitals tell images apart, they count."""
    for name in ("CAT_X4", "Dog", "IMG_1_sr", "Img_1", "img_2"):
        save_image(tmp_path / f"{name}.PNG", sample_photos()["coins"][:4, :4])
    found = find_results(tmp_path, ["cat", "dog", "IMG_1", "img_1", "Img_2", "IMG_2"])
    assert {name: [path.stem for path in paths] for name, paths in found.items()} == {
        "cat": ["CAT_X4"],
        "dog": ["Dog"],
        "IMG_1": ["IMG_1_sr"],
        "img_1": [],
        "Img_2": [],
        "IMG_2": [],
    }


def test_pictures_that_do_not_fit_are_named(own_sets, tmp_path):
    folder = tmp_path / "others"
    a, b = (load_image(item.hr) for item in benchmark("mine"))
    save_image(folder / "a_x4.png", a)
    save_image(folder / "b_esrgan.png", b)

    def refused(words):
        with pytest.raises(UserError, match=words):
            evaluate(folder, ["mine"], progress=False)

    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"a_out\.png; no picture is there\.$"):
        evaluate(tmp_path / "empty", ["mine"], progress=False)
    refused(r"1 of the 2 images of mine is missing in .*: b\. .*b_x4\.png.*found: a_x4\.png, b_esrgan\.png\. Rename")
    (folder / "b_esrgan.png").rename(folder / "b_SR.png")
    save_image(folder / "a.png", a)
    refused(r"has 2 pictures of a: a\.png, a_x4\.png.*move the others to another folder")
    (folder / "a.png").unlink()
    save_image(folder / "b_SR.png", b[:60])
    refused(r"b_SR\.png has 64 x 60 pixels, but .*b\.png has 64 x 64.*Enlarge the set's LR image by 4")
    alpha = np.full(b.shape[:2], 255, np.uint8)
    alpha[0, 0] = 254  # one pixel, and hardly
    save_image(folder / "b_SR.png", Picture(rgb=b, alpha=alpha))
    refused(r"b_SR\.png has transparent parts")


def test_a_folder_does_not_hide_a_method_or_a_run(own_sets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bicubic").mkdir()
    assert evaluate("bicubic", ["mine"], progress=False).notes[0].endswith("LR as published")
    save_network(tmp_path / "run" / "weights.safetensors", ESPCN())
    with pytest.raises(UserError, match=r"Its weights are run/weights\.safetensors"):
        evaluate("run", ["mine"], progress=False)
