"""The package's front door: `import srgan_lessons as sl`, four functions, and pictures in whatever form they come."""

import copy
import csv
import inspect
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import srgan_lessons as sl
from srgan_lessons import UserError
from srgan_lessons.datasets import load_photos
from srgan_lessons.files import shipped
from srgan_lessons.folding import foldable
from srgan_lessons.images import check_image, load_image, sample_photos, save_image, to_image, to_tensor
from srgan_lessons.metrics import psnr
from srgan_lessons.models import ESPCN, Generator
from srgan_lessons.resize import imresize
from srgan_lessons.training import Recipe
from srgan_lessons.upscaling import upscale_file, upscale_many
from srgan_lessons.weights import save_network, shipped_weights

PACKAGE = Path(sl.__file__).parent
PHOTO = np.ascontiguousarray(sample_photos()["astronaut"][40:72, 180:228])  # 32 x 48


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- the door --------------------------------------------------------------------------------------------------------


def test_the_import_brings_nothing_heavy_and_still_shows_what_there_is():
    code = (
        "import sys, srgan_lessons as sl; print(sorted({'torch', 'numpy', 'PIL', 'skimage'} & set(sys.modules)), "
        "set(sl.__all__) <= set(dir(sl)))"
    )
    assert run(code) == "[] True"


def test_each_name_is_the_room_s_own_function():
    from srgan_lessons import evaluation, training, upscaling, weights

    assert sl.load is weights.load_network
    assert sl.upscale is upscaling.upscale
    assert sl.train is training.train
    assert sl.evaluate is evaluation.evaluate
    assert sorted(sl.__all__) == ["UserError", "__version__", "evaluate", "load", "train", "upscale"]
    with pytest.raises(AttributeError, match=r"module 'srgan_lessons' has no attribute 'enlarge'"):
        _ = sl.enlarge


def test_recipes_and_options_need_no_torch():
    """Settings are read by the command line, which answers at once."""
    code = (
        "import sys; from srgan_lessons.training import RECIPES, Options, find_recipe; "
        "print(find_recipe('srgan-vgg54').content, Options().precision, 'torch' in sys.modules)"
    )
    assert run(code) == "vgg54 auto False"


# --- load ------------------------------------------------------------------------------------------------------------


def test_load_gives_a_network_that_enlarges():
    net = sl.load("srgan")
    lr = torch.rand(2, 3, 9, 7)
    sr = net(lr)
    assert isinstance(net, Generator)
    assert sr.shape == (2, 3, 36, 28)


def test_a_loaded_network_says_what_it_is():
    about = sl.load("srgan").about
    assert (about.name, about.scale, about.halo, about.recipe) == ("srgan", 4, 40, "srgan-offline")
    assert about.parameters == 1_547_350  # the paper's network
    assert about.network == "generator blocks=16 channels=64"
    assert about.card == (PACKAGE / "weights" / "srgan.md").read_text(encoding="utf-8")
    assert str(about) == "srgan: generator blocks=16 channels=64, 1,547,350 parameters, x4, halo 40, srgan-offline"
    with pytest.raises(AttributeError):
        about.name = "other"
    espcn = sl.load("espcn")
    assert (espcn.about.halo, espcn.about.parameters) == (4, 37_200)
    assert copy.deepcopy(espcn).about == espcn.about


def test_a_loaded_network_enlarges_whole_photos_as_fast_as_its_name():
    """What lets it take pictures is no reason to compute it unfolded."""
    net = sl.load("srgan")
    assert foldable(net)
    assert np.array_equal(sl.upscale(PHOTO, net), sl.upscale(PHOTO, "srgan"))
    net.register_forward_hook(lambda *_: None)
    assert not foldable(net)


def test_own_weights_have_no_card(tmp_path):
    save_network(tmp_path / "mine.safetensors", ESPCN())
    about = sl.load(tmp_path / "mine.safetensors").about
    assert (about.name, about.recipe, about.card) == ("mine", None, None)
    assert str(about) == "mine: espcn, 37,200 parameters, x4, halo 4"
    with pytest.raises(UserError, match="srgan"):
        sl.load("nothing")


@pytest.mark.parametrize("name", shipped_weights())
def test_each_shipped_network_has_a_recipe_and_a_card(name):
    about = sl.load(name).about
    assert about.recipe
    assert about.card.startswith(f"# {name}\n")


# --- a picture in whatever form --------------------------------------------------------------------------------------


@pytest.fixture
def forms(tmp_path) -> dict[str, object]:
    """The same picture, as people have it."""
    save_image(tmp_path / "photo.png", PHOTO)
    return {
        "array": PHOTO,
        "path": tmp_path / "photo.png",
        "name": str(tmp_path / "photo.png"),
        "PIL": Image.fromarray(PHOTO),
        "opened": Image.open(tmp_path / "photo.png"),
    }


@pytest.mark.parametrize("form", ["array", "path", "name", "PIL", "opened"])
def test_a_picture_is_accepted_in_each_form(form, forms):
    picture = forms[form]
    assert np.array_equal(check_image(picture), PHOTO)
    assert torch.equal(to_tensor(picture), to_tensor(PHOTO))
    assert np.array_equal(imresize(picture, 1 / 4), imresize(PHOTO, 1 / 4))
    assert psnr(picture, PHOTO) == math.inf
    assert np.array_equal(sl.upscale(picture, "bicubic"), imresize(PHOTO, 4))
    espcn = sl.load("espcn")
    with torch.inference_mode():
        assert torch.equal(espcn(picture), espcn(to_tensor(PHOTO)))


def test_what_is_no_picture_is_told():
    with pytest.raises(UserError, match=r"a picture is a PIL image, a file's path, or uint8 .* got a dict"):
        check_image({})
    with pytest.raises(UserError, match=r"no\.png is not a file\. Check the name"):
        sl.upscale("no.png", "bicubic")
    with pytest.raises(UserError, match=r"float32.* use \(255 \* image\)\.round\(\)\.astype\(np\.uint8\)"):
        sl.upscale(PHOTO / np.float32(255), "bicubic")
    for floats in (torch.rand(1, 3, 8, 8, requires_grad=True), torch.rand(3, 8, 8).bfloat16()):  # numpy reads neither
        with pytest.raises(UserError, match=rf"this tensor is {floats.dtype}.*images\.to_image"):
            sl.upscale(floats, "bicubic")
    with pytest.raises(UserError, match=r"to_image takes a tensor; got a ndarray"):
        to_image(PHOTO / 255)
    for other in ([[1, 2], [3]], ["a.png", "b.png"], b"a.png"):
        with pytest.raises(UserError, match=rf"a file's path.* got a {type(other).__name__}"):
            sl.upscale(other, "bicubic")
    with pytest.raises(UserError, match=r"has 0 x 5 pixels"):
        sl.upscale(Image.new("RGB", (0, 5)), "bicubic")
    with pytest.raises(UserError, match="got a dict"):
        sl.load("espcn")({})


@pytest.mark.parametrize(
    ("mode", "colour"),
    [("RGBA", True), ("L", False), ("LA", False), ("1", False), ("P", True), ("YCbCr", True), ("CMYK", True)],
)
def test_pil_images_of_other_kinds(mode, colour):
    """As Pillow converts them; the shape is always (H, W, 3)."""
    image = Image.fromarray(PHOTO).convert(mode)
    pixels = check_image(image)
    assert pixels.shape == PHOTO.shape
    assert pixels.dtype == np.uint8
    assert (pixels[..., 0] != pixels[..., 2]).any() == colour
    if mode in ("RGBA", "CMYK"):  # which lose nothing
        assert np.array_equal(pixels, PHOTO)


@pytest.mark.parametrize("mode", ["F", "I", "I;16"])
def test_pil_images_without_a_white_are_refused(mode):
    with pytest.raises(UserError, match=rf"mode {mode}.*path"):
        check_image(Image.new(mode, (8, 8)))


def test_a_pil_image_is_turned_upright_as_its_file_is(tmp_path):
    image = Image.fromarray(PHOTO)
    exif = image.getexif()
    exif[274] = 6  # EXIF 2.32: turn right
    for name in ("turned.png", "turned.tiff", "turned.webp"):
        image.save(tmp_path / name, exif=exif, **({"lossless": True} if name.endswith("webp") else {}))
        assert np.array_equal(load_image(tmp_path / name), np.rot90(PHOTO, -1))
        with Image.open(tmp_path / name) as opened:
            assert np.array_equal(check_image(opened), np.rot90(PHOTO, -1))


def test_a_pil_image_of_a_cut_off_file(tmp_path):
    save_image(tmp_path / "photo.png", sample_photos()["astronaut"])
    data = (tmp_path / "photo.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with Image.open(tmp_path / "cut.png") as opened, pytest.raises(UserError, match=r"cut\.png.*cut off"):
        check_image(opened)


# --- train, evaluate -------------------------------------------------------------------------------------------------


def test_train_takes_a_recipe_s_name_and_pictures_of_each_form(tmp_path, monkeypatch):
    monkeypatch.setenv("SRGAN_LESSONS_FAST", "1")
    photos = {name: photo[:128, :128] for name, photo in list(sample_photos().items())[:3]}
    save_image(tmp_path / "photo.png", photos["chelsea"] if "chelsea" in photos else next(iter(photos.values())))
    mixed = dict(
        zip(photos, (*list(photos.values())[:1], *map(Image.fromarray, list(photos.values())[1:])), strict=True)
    )
    result = sl.train("espcn", mixed, run=tmp_path / "run", progress=False)
    assert result.finished
    assert sl.load(tmp_path / "run" / "weights.safetensors").about.recipe == "espcn"
    with pytest.raises(UserError, match=r"unknown recipe 'esrgan'; known: espcn"):
        sl.train("esrgan", mixed)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("steps", r"setting of the recipe.*find_recipe\(NAME\)\.change\(steps=3\)"),
        ("step", "no option step; it has seed, .*minutes"),
    ],
)
def test_train_says_where_a_setting_belongs(name, words):
    with pytest.raises(UserError, match=words):
        sl.train("espcn", {"a": np.zeros((64, 64, 3), np.uint8)}, **{name: 3})


@pytest.mark.parametrize("photos", [[PHOTO, PHOTO[::-1]], PHOTO, Image.fromarray(PHOTO), None])
def test_train_says_how_pictures_are_given(photos):
    with pytest.raises(UserError, match=rf"a dict of pictures with names.*got a {type(photos).__name__}"):
        sl.train("espcn", photos, device="cpu")


@pytest.mark.parametrize("weights", [None, ESPCN(), 3])
def test_load_says_what_weights_are(weights):
    with pytest.raises(UserError, match=rf"the path of a file, not {type(weights).__name__}"):
        sl.load(weights)


def test_a_broken_network_makes_no_black_picture():
    network = ESPCN()
    torch.nn.init.constant_(next(network.parameters()), math.nan)
    for call in (sl.upscale, lambda picture, net: sl.upscale(Image.fromarray(picture).convert("L"), net)):
        with pytest.raises(UserError, match="not numbers"):
            call(PHOTO, network)


def test_home_is_found_wherever_a_path_is_given(tmp_path, monkeypatch):
    """As `load` finds it; a folder named ~ would surprise."""
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(home / "data"))
    save_image("~/photos/a.png", PHOTO)
    assert np.array_equal(sl.upscale("~/photos/a.png", "nearest"), PHOTO.repeat(4, 0).repeat(4, 1))
    upscale_file("~/photos/a.png", "~/large.png", "nearest")
    with pytest.raises(UserError, match="is the picture to be enlarged"):
        upscale_file("~/photos/a.png", "~/photos/a.png", "nearest")
    assert upscale_many(["~/photos"], "~/many", "nearest", progress=False).written == [home / "many" / "a_x4.png"]
    assert len(load_photos("~/photos", minimum=16)) == len(load_photos(["~/photos"], minimum=16)) == 1
    save_image(home / "data" / "Mine" / "HR" / "a.png", PHOTO)
    table = sl.evaluate("~/photos", "Mine", progress=False)
    assert table.mean("Mine").psnr == math.inf
    table.write_json("~/table.json")
    assert sorted(path.name for path in home.iterdir()) == ["data", "large.png", "many", "photos", "table.json"]
    assert list(work.iterdir()) == []


def test_train_still_takes_a_recipe():
    assert inspect.signature(sl.train, eval_str=True).parameters["recipe"].annotation == str | Recipe


def test_evaluate(benchmark_data, monkeypatch):
    """Bicubic on Set5, community protocol: data/tables/golden.csv."""
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(benchmark_data))
    table = sl.evaluate("bicubic", ["Set5"], progress=False)
    with open(shipped("tables/golden.csv"), newline="") as file:
        golden = {(row["set"], row["protocol"], row["method"]): row for row in csv.DictReader(file)}
    assert table.mean("Set5").psnr == pytest.approx(float(golden["Set5", "community", "bicubic"]["psnr"]), abs=5e-5)


# --- types -----------------------------------------------------------------------------------------------------------


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.slow
def test_a_type_checker_sees_the_four_functions(tmp_path):
    """What is imported when used is not lost on editors."""
    (tmp_path / "user.py").write_text(
        "import srgan_lessons as sl\n\n"
        'net = sl.load("srgan")\n'
        "reveal_type(net.about.halo)\n"
        'reveal_type(sl.upscale("photo.jpg", net))\n'
        'reveal_type(sl.train("espcn", "photos").finished)\n'
        'reveal_type(sl.evaluate("srgan", ["Set5"]).text)\n'
        "sl.upscale(3)\n"
    )
    pytest.importorskip("mypy")
    # As `make lint` checks the package itself, in its folder: with other options, what it has just found is not used.
    command = [sys.executable, "-m", "mypy", "-p", "srgan_lessons", "-m", "user"]
    environment = os.environ | {"MYPYPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=PACKAGE.parent, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    revealed = [line.split('"')[1] for line in lines if "Revealed type" in line]
    assert [name.partition("[")[0] for name in revealed] == ["int", "numpy.ndarray", "bool", "str"], done.stdout
    assert any("user.py:8" in line and 'incompatible type "int"' in line for line in lines), done.stdout
