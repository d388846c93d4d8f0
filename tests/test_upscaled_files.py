"""Picture files, enlarged: names, folders and formats; what they keep, and what is refused before any work."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_kinds import exif
from PIL import Image, ImageCms, features
from test_upscaling import picture, small_generator

from srgan_lessons import UserError, upscaling
from srgan_lessons.cli import main
from srgan_lessons.images import Picture, load_image, read_picture, save_image, to_tensor
from srgan_lessons.models import ESPCN
from srgan_lessons.resize import imresize
from srgan_lessons.upscaling import Nearest, upscale, upscale_file, upscale_many


def test_a_file_keeps_grey_alpha_and_profile(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = picture(9, 11)
    grey = np.repeat(image[..., :1], 3, axis=2)
    alpha = np.maximum(image[..., 1], 1)  # all visible
    save_image(tmp_path / "a.png", Picture(rgb=grey, alpha=alpha, grey=True, icc_profile=profile))
    upscale_file(tmp_path / "a.png", tmp_path / "b.png", "bicubic", tile=4)
    with Image.open(tmp_path / "b.png") as result:
        assert result.mode == "LA"
        assert result.info["icc_profile"] == profile
        pixels = np.asarray(result)
    assert np.array_equal(pixels[..., 0], imresize(image[..., 0], 4))
    assert np.array_equal(pixels[..., 1], imresize(alpha, 4))


def test_alpha_is_enlarged_by_bicubic_whatever_enlarges_the_colours(tmp_path):
    image = picture(9, 11)
    alpha = np.maximum(image[..., 2], 1)  # all visible
    save_image(tmp_path / "a.png", Picture(rgb=image, alpha=alpha))
    network = small_generator()
    upscale_file(tmp_path / "a.png", tmp_path / "b.png", network)
    result = read_picture(tmp_path / "b.png")
    assert np.array_equal(result.rgb, upscale(image, network))
    assert np.array_equal(result.alpha, imresize(alpha, 4))


def test_a_grey_file_stays_grey_where_the_network_adds_colour(tmp_path):
    image = picture(9, 11)[..., 0]
    save_image(tmp_path / "a.png", image)
    network = small_generator()
    upscale_file(tmp_path / "a.png", tmp_path / "b.png", network)
    with Image.open(tmp_path / "b.png") as result:
        assert result.mode == "L"
        grey = np.asarray(result).astype(float)
    with torch.inference_mode():
        colours = network(to_tensor(image))[0].double()  # (3, H, W)
    assert (colours.amax(dim=0) - colours.amin(dim=0)).max() > 0.01  # it does add colour
    expected = torch.tensordot(torch.tensor([0.299, 0.587, 0.114]).double(), colours, 1).clamp(0, 1) * 255  # BT.601
    assert np.abs(grey - expected.numpy()).max() <= 0.51


def test_an_exif_rotated_photo_comes_out_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(8, 12)).save(tmp_path / "a.png", exif=exif)
    upscale_file(tmp_path / "a.png", tmp_path / "b.png", "nearest")
    assert load_image(tmp_path / "b.png").shape == (48, 32, 3)
    assert np.array_equal(load_image(tmp_path / "b.png")[::4, ::4], load_image(tmp_path / "a.png"))
    with Image.open(tmp_path / "b.png") as result:
        assert result.getexif().get(0x0112, 1) == 1  # not to be turned once more


@pytest.mark.parametrize("weights", ["bicubic", "srgan"])
@pytest.mark.parametrize("hidden", [0, 255, "noise"])
def test_hidden_colours_do_not_bleed_into_the_edge(tmp_path, weights, hidden):
    """A disc of one colour on nothing, laid over pages of several colours, against the disc's colour on each of them.

    With the hidden colours as they are, bicubic is off by up to 51 levels here, and the network by 163.
    """
    y, x = np.mgrid[:40, :40] - 19.5
    alpha = (np.clip(14.5 - np.hypot(y, x), 0, 1) * 255).round().astype(np.uint8)
    colour = np.array([200, 60, 30], np.uint8)
    around = picture(40, 40) if hidden == "noise" else np.full((40, 40, 3), hidden, np.uint8)
    save_image(tmp_path / "a.png", Picture(rgb=np.where(alpha[..., None] > 0, colour, around), alpha=alpha))
    upscale_file(tmp_path / "a.png", tmp_path / "b.png", weights)
    result = read_picture(tmp_path / "b.png")
    share = imresize(alpha, 4)[..., None] / 255
    for page in ([0, 0, 0], [255, 255, 255], [0, 200, 120]):
        shown = result.rgb * (result.alpha[..., None] / 255) + np.array(page) * (1 - result.alpha[..., None] / 255)
        assert np.abs(shown - (colour * share + np.array(page) * (1 - share))).max() <= 25


def test_visible_colours_are_left_and_hidden_ones_become_the_nearest():
    rgb = np.arange(15, dtype=np.uint8).reshape(1, 5, 3)
    alpha = np.array([[0, 1, 0, 0, 255]], np.uint8)
    assert upscaling.files.spread(rgb, alpha)[0, :, 0].tolist() == [3, 3, 3, 12, 12]
    assert np.array_equal(upscaling.files.spread(rgb, alpha * 0), rgb)  # nothing to see, nothing to take it from
    long = np.arange(70, dtype=np.uint8).reshape(1, 70, 1).repeat(3, axis=2)
    seen = np.array([[255] + [0] * 69], np.uint8)
    assert upscaling.files.spread(long, seen)[0, :, 0].tolist() == [0] * 65 + [65, 66, 67, 68, 69]  # 64 pixels far


def photo_with_exif(path, exif: bytes, size=(12, 8)) -> None:
    Image.fromarray(picture(size[1], size[0])).save(path, exif=exif, dpi=(240, 240), quality=95)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".jfif", ".tif", ".webp", ".avif"])
def test_date_camera_and_resolution_are_kept(tmp_path, ending):
    if ending == ".avif" and not features.check("avif"):
        pytest.skip("this version of Pillow has no AVIF")
    exif = Image.Exif()
    exif[0x010F], exif[0x0132], exif[0x0112] = "Camera & Co", "2026:05:04 12:00:00", 6
    exif.get_ifd(0x8769).update({0x9003: "2026:05:04 11:59:59", 0xA002: 12, 0xA003: 8})
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 30.0)})
    photo_with_exif(tmp_path / "a.jpg", exif.tobytes())
    upscale_file(tmp_path / "a.jpg", tmp_path / f"b{ending}", "nearest")
    with Image.open(tmp_path / f"b{ending}") as result:
        assert result.size == (32, 48)  # upright
        told = result.getexif()
        assert told[0x010F] == "Camera & Co"
        assert told[0x0132] == "2026:05:04 12:00:00"
        assert told.get(0x0112, 1) == 1
        assert told.get_ifd(0x8769)[0x9003] == "2026:05:04 11:59:59"
        assert (told.get_ifd(0x8769)[0xA002], told.get_ifd(0x8769)[0xA003]) == (32, 48)
        assert told.get_ifd(0x8825)[1] == "N"
        if ending in (".png", ".jpg", ".jfif", ".tif"):  # WebP and AVIF have no place for it
            assert [float(value) for value in result.info["dpi"]] == pytest.approx([240, 240], rel=1e-3)


def test_odd_exif_is_kept_to_the_byte_but_for_its_orientation(tmp_path):
    photo_with_exif(tmp_path / "a.jpg", exif(6, odd=True))
    upscale_file(tmp_path / "a.jpg", tmp_path / "b.jpg", "nearest")
    with Image.open(tmp_path / "b.jpg") as result:
        assert result.size == (32, 48)
        assert result.info["exif"] == exif(1, odd=True)
    with pytest.warns(UserWarning, match="odd entries"):  # a TIFF cannot take over every one
        upscale_file(tmp_path / "a.jpg", tmp_path / "b.tif", "nearest")
    assert load_image(tmp_path / "b.tif").shape == (48, 32, 3)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize(
    "layout",
    [
        {256: 12, 257: 8},  # width and height: phones
        {256: 12, 257: 8, 258: (8, 8, 8), 262: 2, 277: 3, 284: 1},  # bits, RGB, channels, planes: photo editors
        {259: 6, 262: 6, 266: 2, 273: 8, 278: 8, 279: 99, 284: 2, 322: 16, 323: 16, 530: (2, 2)},  # all that is wrong
    ],
    ids=["phone", "editor", "wrong"],
)
def test_what_exif_says_about_the_pixels_does_not_get_into_the_result(tmp_path, ending, layout):
    """In a TIFF, such entries would say how its pixels are stored."""
    exif = Image.Exif()
    for tag, value in {271: "Camera & Co", **layout}.items():
        exif[tag] = value
    for name, mode in (("colour", "RGB"), ("grey", "L")):
        source, target = tmp_path / f"{name}.png", tmp_path / f"{name}_x4{ending}"
        Image.fromarray(picture(8, 12)).convert(mode).save(source, exif=exif)
        upscale_file(source, target, "nearest")
        made, expected = load_image(target), load_image(source).repeat(4, 0).repeat(4, 1)
        assert np.abs(made.astype(int) - expected).max() <= (80 if ending == ".jpg" else 0)  # noise in a JPEG
        with Image.open(target) as result:
            told = result.getexif()
            assert told[271] == "Camera & Co"
            if 256 in layout:
                assert (told[256], told[257]) == (48, 32)


def test_a_format_without_a_place_for_exif_says_so(tmp_path):
    photo_with_exif(tmp_path / "a.jpg", exif(1))
    with pytest.warns(UserWarning, match="cannot store the picture's EXIF"):
        upscale_file(tmp_path / "a.jpg", tmp_path / "b.bmp", "nearest")


def test_a_tiff_keeps_its_camera_and_loses_what_describes_its_own_pixels(tmp_path):
    tags = {271: "Scanner", 306: "2026:01:02 03:04:05", 274: 6, 282: 300.0, 283: 300.0, 296: 2}
    Image.fromarray(picture(8, 12)).save(tmp_path / "a.tif", tiffinfo=tags)
    upscale_file(tmp_path / "a.tif", tmp_path / "b.png", "nearest")
    with Image.open(tmp_path / "b.png") as result:
        assert result.size == (32, 48)
        assert dict(result.getexif()) == {271: "Scanner", 306: "2026:01:02 03:04:05"}
        assert result.info["dpi"] == pytest.approx((300, 300), rel=1e-3)


@pytest.mark.parametrize("name", ["big.heic", "big.gif", "big.psd", "results.v2"])
def test_an_output_of_an_unknown_ending_is_refused_with_those_that_can_be_written(tmp_path, name):
    save_image(tmp_path / "a.png", picture(5, 6))
    with pytest.raises(UserError, match=r"its ending is not that of .*\.png .*\.webp .*\.tif"):
        upscale_many([tmp_path / "a.png"], tmp_path / name, "nearest", progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]
    outcome = upscale_many([tmp_path / "a.png"], f"{tmp_path / name}/", "nearest", progress=False)
    assert outcome.written == [tmp_path / name / "a_x4.png"]
    outcome = upscale_many([tmp_path / "a.png"], tmp_path / name, "nearest", overwrite=True, progress=False)
    assert outcome.written == [tmp_path / name / "a_x4.png"]  # by now it is a folder


def test_a_folder_s_pictures_of_all_kinds_in_names_of_any_case(tmp_path, capsys):
    folder, names = (
        tmp_path / "in",
        ("a.JFIF", "b.Avif", "c.GIF", "d.jp2", "e.PPM", "f.BMP", "g.TIFF", "h.WebP", "i.png"),
    )
    folder.mkdir()
    kinds = {".jfif": "JPEG", ".jp2": "JPEG2000", ".tiff": "TIFF"}
    for name in names:
        kind = kinds.get(Path(name).suffix.lower(), Path(name).suffix[1:].upper())
        if kind in Image.SAVE or (Image.init() and kind in Image.SAVE):
            Image.fromarray(picture(5, 6)).save(folder / name, format=kind)
    (folder / "j.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (folder / "k.txt").write_text("notes")
    (folder / "l.PSD").write_bytes(b"8BPS")
    assert main(["upscale", str(folder), "-o", str(tmp_path / "out"), "--weights", "nearest"]) == 1
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == sorted(f"{Path(name).stem}_x4.png" for name in names if (folder / name).exists())
    printed = capsys.readouterr()
    assert "not read: 1 .psd, 1 .txt" in printed.out
    assert "j.heic was not enlarged" in printed.err


@pytest.mark.parametrize("letter", ["a", "ä"])
@pytest.mark.parametrize("length", [238, 240, 247, 248, 251])
def test_long_names_are_enlarged_or_refused_before_the_work(tmp_path, letter, length):
    """A name may have 255 bytes; `_x4.png` are three more than `.png`."""
    stem = (letter * 300).encode()[: length // len(letter.encode()) * len(letter.encode())].decode()
    (tmp_path / "in").mkdir()
    save_image(tmp_path / "in" / f"{stem}.png", picture(5, 6))
    save_image(tmp_path / "in" / "b.png", picture(5, 6))
    outcome = upscale_many([tmp_path / "in"], tmp_path / "out", "nearest", progress=False)
    fits = len(f"{stem}_x4.png".encode()) <= 255
    assert len(outcome.written) == 1 + fits
    assert [str(path) for path in outcome.failed] == ([] if fits else [str(tmp_path / "in" / f"{stem}.png")])
    assert all("at most 255 are allowed" in reason for reason in outcome.failed.values())
    network = ESPCN()
    network.register_forward_hook(lambda *_: pytest.fail("the network ran"))
    with pytest.raises(UserError, match="at most 255 are allowed"):
        upscale_file(tmp_path / "in" / "b.png", tmp_path / f"{'x' * 252}.png", network)


def test_patterns_that_no_shell_expanded(tmp_path):
    """The command line of Windows gives *.jpg to the program as it is."""
    for name in ("a.png", "b.png", "c.jpg", "[1].png"):
        save_image(tmp_path / name, picture(5, 6))
    outcome = upscale_many([tmp_path / "?.png", tmp_path / "[1].png"], tmp_path / "out", "nearest", progress=False)
    assert [path.name for path in outcome.written] == ["a_x4.png", "b_x4.png", "[1]_x4.png"]
    save_image(tmp_path / "trip [2026]" / "d.png", picture(5, 6))
    outcome = upscale_many([tmp_path / "trip [2026]" / "*.png"], tmp_path / "out", "nearest", progress=False)
    assert [path.name for path in outcome.written] == ["d_x4.png"]
    with pytest.raises(UserError, match=r"\[a\]\.png is not there"):  # a.png is another file
        upscale_many([tmp_path / "[a].png"], tmp_path / "out", "nearest", progress=False)
    with pytest.raises(UserError, match=r"\*\.gif is not there"):
        upscale_many([tmp_path / "*.gif"], tmp_path / "out", "nearest", progress=False)


def test_whatever_is_wrong_with_one_source_the_others_are_done(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(folder / "pipe.png")  # reading it would wait for ever
    (folder / "folder.png").mkdir()
    save_image(folder / "z.png", picture(5, 6))
    outcome = upscale_many([folder], tmp_path / "out", "nearest", progress=False)
    assert [path.name for path in outcome.written] == ["z_x4.png"]
    assert sorted(path.name for path in outcome.failed) == ["gone.png", "loop.png", "pipe.png"]
    (tmp_path / "out" / "y_x4.png").symlink_to("y_x4.png")
    save_image(tmp_path / "y.png", picture(5, 6))
    outcome = upscale_many([tmp_path / "y.png"], tmp_path / "out", "nearest", progress=False)
    assert len(outcome.written) + len(outcome.failed) == 1


def test_a_picture_that_vanishes_meanwhile_is_named(tmp_path):
    for name in ("a.png", "b.png"):
        save_image(tmp_path / "in" / name, picture(5, 6))
    network = Nearest()
    network.register_forward_hook(lambda *_: (tmp_path / "in" / "b.png").unlink(missing_ok=True))
    outcome = upscale_many([tmp_path / "in"], tmp_path / "out", network, progress=False)
    assert [path.name for path in outcome.written] == ["a_x4.png"]
    assert "not a file" in outcome.failed[tmp_path / "in" / "b.png"]


def test_what_cannot_be_written_is_told_before_the_work(tmp_path):
    save_image(tmp_path / "a.png", Picture(rgb=picture(4, 4), alpha=picture(4, 4)[..., 0]))
    network = ESPCN()
    network.register_forward_hook(lambda *_: pytest.fail("the network ran"))
    with pytest.raises(UserError, match="transparency"):
        upscale_file(tmp_path / "a.png", tmp_path / "b.jpg", network)
    with pytest.raises(UserError, match=r"is the picture to be enlarged"):
        upscale_file(tmp_path / "a.png", tmp_path / "." / "a.png", network)


def test_many_files_and_folders(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("one.png", "two.jpg"):
        save_image(tmp_path / "in" / name, picture(5, 6))
    (tmp_path / "in" / ".hidden.png").write_text("left alone")
    (tmp_path / "in" / "notes.txt").write_text("left alone")
    save_image(tmp_path / "three.png", picture(5, 6))
    outcome = upscale_many([tmp_path / "in", tmp_path / "three.png"], tmp_path / "out", "nearest", progress=False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one_x4.png", "three_x4.png", "two_x4.png"]
    assert sorted(outcome.written) == sorted((tmp_path / "out").iterdir())
    assert outcome.failed == {}


def test_one_bad_picture_is_named_and_the_others_are_done(tmp_path):
    save_image(tmp_path / "a.png", picture(5, 6))
    (tmp_path / "b.png").write_text("not a picture")
    save_image(tmp_path / "c.png", picture(5, 6))
    sources = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    outcome = upscale_many(sources, tmp_path / "out", "bicubic", progress=False)
    assert [path.name for path in outcome.written] == ["a_x4.png", "c_x4.png"]
    assert list(outcome.failed) == [tmp_path / "b.png"]
    assert "not a picture" in outcome.failed[tmp_path / "b.png"]


def test_a_picture_whose_tiles_do_not_fit_into_memory_does_not_stop_the_others(tmp_path):
    class Greedy(ESPCN):
        def forward(self, x):
            if x.shape[3] > 30:
                torch.empty(2**50)  # four petabytes
            return super().forward(x)

    for name, width in (("a", 8), ("b", 40), ("c", 8)):
        save_image(tmp_path / f"{name}.png", picture(5, width))
    sources = [tmp_path / f"{name}.png" for name in "abc"]
    outcome = upscale_many(sources, tmp_path / "out", Greedy(), device="cpu", progress=False)
    assert [path.name for path in outcome.written] == ["a_x4.png", "c_x4.png"]
    reason = outcome.failed[tmp_path / "b.png"]
    assert re.search(r"computer's memory is too small for tiles of 40 .*\(tile=20\)\.$", reason)


def test_the_same_call_does_what_is_missing(tmp_path):
    """After an interruption, and with one photo more. What is there stays as it is."""
    for name in ("a.png", "b.png"):
        save_image(tmp_path / "in" / name, picture(5, 6))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.fromarray(picture(8, 12)).save(tmp_path / "in" / "c.jpg", exif=exif)
    upscale_many([tmp_path / "in"], tmp_path / "out", "nearest", progress=False)
    (tmp_path / "out" / "b_x4.png").unlink()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    save_image(tmp_path / "in" / "new.png", picture(7, 6))
    outcome = upscale_many([tmp_path / "in"], tmp_path / "out", "nearest", progress=False)
    assert [path.name for path in outcome.written] == ["b_x4.png", "new_x4.png"]
    assert [path.name for path in outcome.there] == ["a_x4.png", "c_x4.png"]
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    outcome = upscale_many([tmp_path / "in"], tmp_path / "out", "nearest", overwrite=True, progress=False)
    assert (len(outcome.written), outcome.there) == (4, [])


def test_a_stranger_in_a_result_s_place_is_not_taken_for_it(tmp_path):
    save_image(tmp_path / "in" / "a.png", picture(5, 6))
    for stranger in (b"", b"half a picture", (tmp_path / "in" / "a.png").read_bytes()):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "a_x4.png").write_bytes(stranger)
        with pytest.raises(
            UserError,
            match=r"a_x4\.png already exists, and it is not four times as wide and "
            r"high as .*a\.png",
        ):
            upscale_many([tmp_path / "in"], tmp_path / "out", "nearest", progress=False)
        assert (tmp_path / "out" / "a_x4.png").read_bytes() == stranger


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_a_terminated_command_leaves_no_part_behind(tmp_path):
    """SIGTERM in the middle of writing; the same command then does the rest."""
    save_image(tmp_path / "in" / "a.png", picture(5, 6))
    save_image(tmp_path / "in" / "b.png", picture(900, 900))  # noise: its PNG takes a while
    command = [sys.executable, "-m", "srgan_lessons", "upscale", tmp_path / "in", "-o", tmp_path / "out"]
    command = [*command, "--weights", "nearest"]
    root = Path(upscaling.__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not list((tmp_path / "out").glob(".b_x4.png.*.part")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)
    process.terminate()
    assert process.wait(timeout=60) == 128 + 15
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a_x4.png"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "kept 1 that already existed; --overwrite replaces them" in done.stdout
    assert load_image(tmp_path / "out" / "b_x4.png").shape == (3600, 3600, 3)


def test_one_file_to_a_named_file_and_what_is_refused_before_any_work(tmp_path):
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    for seed, path in enumerate((one, two)):
        save_image(path, picture(5, 6, seed))
    (tmp_path / "other").mkdir()
    (tmp_path / "empty").mkdir()
    save_image(tmp_path / "other" / "ONE.png", picture(5, 6))
    upscale_many([one], tmp_path / "big.jpg", "nearest", progress=False)
    assert load_image(tmp_path / "big.jpg").shape == (20, 24, 3)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    for sources, out, reason in (
        ([one], tmp_path / "big.jpg", "already exists"),
        ([one, two], tmp_path / "both.png", "Name a folder"),
        ([one, tmp_path / "other" / "ONE.png"], tmp_path / "out", "would both become"),
        ([one, one], tmp_path / "out", r"one\.png is given twice"),
        ([one, tmp_path], tmp_path / "out", r"one\.png is given twice"),
        ([one], one, "would be lost"),
        ([tmp_path / "nothing.png"], tmp_path / "out", "not there"),
        ([tmp_path / "empty"], tmp_path / "out", "no pictures"),
        ([tmp_path / "other"], tmp_path / "other", "Choose another"),
        ([], tmp_path / "out", "no picture to enlarge"),
    ):
        with pytest.raises(UserError, match=reason):
            upscale_many(sources, out, "nearest", progress=False)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    upscale_many([two], tmp_path / "big.jpg", "nearest", overwrite=True, progress=False)
    assert (tmp_path / "big.jpg").read_bytes() != before[tmp_path / "big.jpg"]


def test_an_input_named_like_a_result_is_not_overwritten(tmp_path):
    save_image(tmp_path / "a.png", picture(5, 6))
    save_image(tmp_path / "a_x4.png", picture(5, 6))
    with pytest.raises(UserError, match="would be lost"):
        upscale_many([tmp_path / "a.png", tmp_path / "a_x4.png"], tmp_path, "nearest", overwrite=True)
