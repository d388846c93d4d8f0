"""The catalogue, the pictures to train on, and the wall between training and benchmark images."""

import errno
import importlib
import importlib.util
import io
import json
import os
import re
import shutil
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from loopback import Answer, sha256
from PIL import Image

from srgan_lessons import UserError, datasets
from srgan_lessons.files import shipped
from srgan_lessons.images import load_image, sample_photos

# the modules; in the package two functions have the names of modules
catalogue_module = importlib.import_module("srgan_lessons.datasets.catalogue")
leakage = importlib.import_module("srgan_lessons.datasets.leakage")
verification = importlib.import_module("srgan_lessons.datasets.verification")
decoding = importlib.import_module("srgan_lessons.datasets.decoding")
store_module = importlib.import_module("srgan_lessons.datasets.store")
photos_module = importlib.import_module("srgan_lessons.datasets.photos")
downloads = importlib.import_module("srgan_lessons.download")

DATA = os.environ.get("SRGAN_LESSONS_DATA")
with_data = pytest.mark.skipif(not DATA, reason="SRGAN_LESSONS_DATA does not say where the benchmark sets are")


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def noise(seed: int, height: int = 120, width: int = 100) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


# --- the catalogue as it is shipped -----------------------------------------------------------------------------------


def test_the_catalogue_is_complete_and_well_formed():
    sets = datasets.catalogue()
    assert {name: len(data_set.files) for name, data_set in sets.items()} == {
        "Set5": 10,
        "Set14": 28,
        "BSD100": 200,
        "BSDS500": 400,
        "SunHays80": 80,
        "DIV2K": 900,
    }
    assert {name for name, data_set in sets.items() if data_set.role == "benchmark"} == set(leakage.BENCHMARKS)
    for data_set in sets.values():
        assert data_set.role in ("benchmark", "training")
        assert all((data_set.description, data_set.licence, data_set.citation, data_set.home.startswith("https://")))
        paths = [file.path for file in data_set.files]
        assert len(set(paths)) == len(paths)
        assert all(path.startswith(data_set.name + "/") and ".." not in path for path in paths)
        for item in (*data_set.singles, *data_set.archives):
            assert re.fullmatch(r"https://[\w.]+/[\w./-]+\.(png|jpg|zip)", item.url)
            if data_set.name == "SunHays80":  # no hash is published; sizes in pixels are
                assert item.sha256 is None
                assert max(item.pixels) == 1024
                assert item.pixels[0] % 8 == item.pixels[1] % 8 == 0  # they were cut for x8
            else:
                assert re.fullmatch("[0-9a-f]{64}", item.sha256)
                assert item.size > 500
    for data_set in sets.values():  # raw files of a commit, so that they cannot change
        for file in data_set.singles:
            assert re.match(r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/", file.url)


def test_div2k_is_the_published_archives():
    train, valid = datasets.find("DIV2K").archives
    assert (train.size, train.md5) == (3_530_603_713, "bdc2d9338d4e574fe81bf7d158758658")
    assert valid.md5 == "9fcdda83005c5e5997799b69f955ff88"
    assert (train.files[0].path, train.files[-1].path) == ("DIV2K/train/0001.png", "DIV2K/train/0800.png")
    assert (valid.files[0].path, valid.files[-1].path) == ("DIV2K/valid/0801.png", "DIV2K/valid/0900.png")
    assert datasets.find("DIV2K").download_bytes == train.size + valid.size


def test_bsds500_is_never_val():
    assert datasets.find("BSDS500").folders == ("BSDS500/train", "BSDS500/test")
    assert not [file for file in datasets.find("BSDS500").files if "/val/" in file.url or "/val/" in file.path]


def test_an_unknown_set_is_answered_with_the_known_ones(tmp_path):
    for ask in (datasets.find, datasets.get, datasets.verify, datasets.training_folders):
        with pytest.raises(UserError, match=r"no data set named Set6\. Known data sets: Set5, Set14, BSD100, BSDS500"):
            ask("Set6")


@with_data
@pytest.mark.parametrize(("name", "count"), [("Set5", 10), ("Set14", 28), ("BSD100", 200), ("BSDS500", 400)])
def test_the_published_files_have_the_catalogues_hashes(name, count):
    found = datasets.verify(name, progress=False)
    assert len(found.ok) == count
    assert found.passed
    assert f"{count} have the published SHA-256" in found.report()


# --- get and verify, with a small catalogue and a server on the loopback ----------------------------------------------


@pytest.fixture
def tiny(site, monkeypatch):
    """A set with three files of known hash, one of unknown, and an archive of two; `.files` has what is published."""
    files = {f"{i}.png": png(noise(i)) for i in range(4)}
    for name, data in files.items():
        site.put(f"/x_{name}", Answer(body=data))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for number in (1, 2):
            archive.writestr(f"Tiny_train/{number:04}.png", png(noise(10 + number)))
    site.put("/tiny.zip", Answer(body=zipped.getvalue()))
    data = zipped.getvalue()
    known = [[name, sha256(files[name]), len(files[name])] for name in list(files)[:3]]
    hashes = {"sha256": sha256(data), "md5": "", "size": len(data)}
    entry = {
        "role": "training",
        **dict.fromkeys(("description", "licence", "citation", "home"), "-"),
        "parts": [
            {"folder": "HR", "url": site.url + "/x_{stem}.png", "files": known},
            {"folder": "", "url": site.url + "/x_{stem}.png", "files": [["3.png", None, None, 100, 120]]},
            {"folder": "train", "archive": site.url + "/tiny.zip", "first": "0001.png", "last": "0002.png", **hashes},
        ],
    }
    tiny = catalogue_module._read_set("Tiny", entry)
    monkeypatch.setattr(catalogue_module, "_catalogue", lambda: {"Tiny": tiny})
    return files


def test_get_fetches_verifies_and_does_it_once(site, tiny, tmp_path):
    found = datasets.get("Tiny", tmp_path, progress=False)
    assert found.passed
    assert found.ok == ["Tiny/HR/0.png", "Tiny/HR/1.png", "Tiny/HR/2.png"]
    assert found.noted == ["Tiny/3.png", "Tiny/train/0001.png", "Tiny/train/0002.png"]
    assert "3 have the SHA-256 noted at their first download; none is published" in found.report()
    assert (load_image(tmp_path / "Tiny/train/0002.png") == noise(12)).all()
    here = sorted(path.relative_to(tmp_path / "Tiny").as_posix() for path in (tmp_path / "Tiny").rglob("*.*"))
    assert here == ["3.png", "HR/0.png", "HR/1.png", "HR/2.png", "SHA256SUMS.json", "train/0001.png", "train/0002.png"]
    assert len(site.seen) == 5
    assert datasets.get("Tiny", tmp_path, progress=False).passed
    assert len(site.seen) == 5


def test_verify_names_what_is_missing_wrong_and_not_of_the_set(site, tiny, tmp_path):
    datasets.get("Tiny", tmp_path, progress=False)
    folder = tmp_path / "Tiny"
    (folder / "HR/0.png").unlink()
    (folder / "HR/1.png").write_bytes(tiny["1.png"][:-100])  # cut off
    (folder / "HR/2.png").write_bytes(tiny["1.png"])  # another picture
    (folder / "3.png").write_bytes(png(noise(99)))  # the noted hash is held
    (folder / "train/0001.png").write_bytes(b"")
    (folder / "HR/extra.jpg").write_bytes(b"?")
    found = datasets.verify("Tiny", tmp_path, progress=False)
    assert not found.passed
    assert found.missing == ["Tiny/HR/0.png"]
    assert list(found.wrong) == ["Tiny/HR/1.png", "Tiny/HR/2.png", "Tiny/3.png", "Tiny/train/0001.png"]
    assert found.strays == ["Tiny/HR/extra.jpg"]
    for text in (
        "1 more picture is not",
        "MISSING: 1: Tiny/HR/0.png",
        "WRONG: Tiny/3.png: its SHA256 is",
        "data get Tiny",
        "extra.jpg",
    ):
        assert text in found.report()
    mended = datasets.get("Tiny", tmp_path, progress=False)
    assert mended.passed
    assert mended.replaced == ["Tiny/HR/1.png", "Tiny/HR/2.png", "Tiny/3.png", "Tiny/train/0001.png"]
    assert "4 were wrong and have been fetched again" in mended.report()
    (folder / "HR/1.png").write_bytes(b"?")
    assert "  1 was wrong and has been fetched again" in datasets.get("Tiny", tmp_path, progress=False).report()
    assert {path: (folder / "HR" / path).read_bytes() for path in ("0.png", "1.png", "2.png")} == {
        path: tiny[path] for path in ("0.png", "1.png", "2.png")
    }


def test_a_file_without_a_published_hash_is_held_by_the_one_of_its_first_download(site, tiny, tmp_path):
    datasets.get("Tiny", tmp_path, progress=False)
    (tmp_path / "Tiny/3.png").unlink()
    site.put("/x_3.png", Answer(body=png(noise(99))))
    with pytest.raises(UserError, match=f"wrong bytes.*not {sha256(tiny['3.png'])}"):
        datasets.get("Tiny", tmp_path, progress=False)
    assert not (tmp_path / "Tiny/3.png").exists()


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (lambda data: data[:-200], "cannot be decoded"),
        (lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:], "cannot be decoded"),  # caught by the CRC-32
        (lambda data: b"<html>", "cannot be decoded"),
        (lambda data: png(noise(3, 120, 104)), "104 x 120 pixels, not 100 x 120"),
    ],
)
def test_a_file_without_a_published_hash_is_decoded_and_measured(site, tiny, tmp_path, sent, why):
    site.put("/x_3.png", Answer(body=sent(tiny["3.png"])))
    with pytest.raises(UserError, match=why):
        datasets.get("Tiny", tmp_path, progress=False)
    assert not list((tmp_path / "Tiny").glob("3.png*"))
    assert not (tmp_path / "Tiny/SHA256SUMS.json").exists()


def test_no_flipped_bit_gets_past_the_crc(tmp_path):
    y, x = np.mgrid[:64, :64]
    image = np.stack([2 * x + y, 3 * y, x + y], axis=-1).astype(np.uint8)
    data, silent = png(image), 0
    for place in range(33, len(data) - 12):  # behind the header, before the end marker
        broken = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        (tmp_path / "broken.png").write_bytes(broken)
        with pytest.raises(UserError, match="cannot be decoded"):
            verification._check_picture(tmp_path / "broken.png", (64, 64))
        with suppress(OSError, SyntaxError):
            silent += (np.asarray(Image.open(io.BytesIO(broken))) != image).any()
    assert silent > 0  # decoding alone does not notice all of them


def test_a_picture_that_was_put_there_by_hand_is_called_unverified(site, tiny, tmp_path):
    (tmp_path / "Tiny").mkdir()
    (tmp_path / "Tiny/3.png").write_bytes(tiny["3.png"])
    found = datasets.verify("Tiny", tmp_path, progress=False)
    assert found.unverified == ["Tiny/3.png"]
    assert "1 can be read, but there is no SHA-256 to compare it with" in found.report()


def test_an_archive_is_unpacked_again_if_pictures_are_missing(site, tiny, tmp_path):
    datasets.get("Tiny", tmp_path, progress=False)
    (tmp_path / "Tiny/train/0002.png").unlink()
    site.seen.clear()
    assert datasets.get("Tiny", tmp_path, progress=False).passed
    assert [seen.path for seen in site.seen] == ["/tiny.zip"]


def test_an_archive_needs_room_for_itself_and_its_pictures(site, tiny, tmp_path, monkeypatch):
    size = catalogue_module._catalogue()["Tiny"].archives[0].size
    usage = type("usage", (), {"free": 2 * size})  # not the 2.2 sizes that are asked for
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda path: usage)
    for name in ("0.png", "1.png", "2.png", "3.png"):
        path = tmp_path / "Tiny" / ("" if name == "3.png" else "HR") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiny[name])
    with pytest.raises(UserError, match="free disk"):
        datasets.get("Tiny", tmp_path, progress=False)
    assert site.seen == []


@pytest.mark.parametrize("stopped", ["while downloading", "before unpacking", "while unpacking"])
def test_a_stopped_archive_needs_room_only_for_what_is_missing(site, tiny, tmp_path, monkeypatch, stopped):
    """A disk that just has the room at the beginning also has it after a break, when there is less of it."""
    datasets.get("Tiny", tmp_path, progress=False)
    archive = catalogue_module._catalogue()["Tiny"].archives[0]
    first, second = (tmp_path / file.path for file in archive.files)
    zipped, content = tmp_path / "Tiny" / "tiny.zip", site.pages["/tiny.zip"][-1].body
    second.unlink()
    if stopped != "while unpacking":
        first.unlink()
    if stopped == "while downloading":
        zipped.with_name("tiny.zip.part").write_bytes(content[: len(content) // 2])
    else:
        zipped.write_bytes(content)
    there = sum(path.stat().st_size for path in (first, zipped, zipped.with_name("tiny.zip.part")) if path.exists())
    usage = type("usage", (), {"free": int(2.2 * archive.size) + 1 - there})
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda path: usage)
    assert datasets.get("Tiny", tmp_path, progress=False).passed


def test_a_file_that_may_not_be_read_does_not_hide_what_is_known_of_the_others(site, tiny, tmp_path, monkeypatch):
    """In a folder that a whole class uses, some files may belong to somebody else."""
    datasets.get("Tiny", tmp_path, progress=False)
    closed, hidden = (tmp_path / "Tiny" / "HR" / name for name in ("1.png", "2.png"))
    whole = verification.Remote.fault

    def fault(remote, path):
        if path == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return whole(remote, path)

    def stat(path, **options):  # of a file in a folder that may only be listed
        if Path(path) == hidden:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, **options)

    real = os.stat
    monkeypatch.setattr(verification.Remote, "fault", fault)
    monkeypatch.setattr(os, "stat", stat)
    found = datasets.verify("Tiny", tmp_path, progress=False)
    assert found.missing == ["Tiny/HR/2.png"]
    assert list(found.wrong) == ["Tiny/HR/1.png"]
    assert "cannot be read: no permission" in found.report()
    assert [row.present for row in datasets.status(tmp_path)] == [5]


def test_a_broken_table_of_hashes_is_named(site, tiny, tmp_path):
    (tmp_path / "Tiny").mkdir()
    (tmp_path / "Tiny/SHA256SUMS.json").write_text("[1, 2")
    with pytest.raises(UserError, match=r"SHA256SUMS\.json cannot be read.*Delete it"):
        datasets.verify("Tiny", tmp_path, progress=False)


# --- status and benchmark ---------------------------------------------------------------------------------------------


def test_status_counts_what_is_there_and_lists_sets_of_ones_own(tmp_path):
    (tmp_path / "Mine/HR").mkdir(parents=True)
    (tmp_path / "Mine/HR/a.png").write_bytes(png(noise(0)))
    (tmp_path / "SunHays80").mkdir()
    (tmp_path / "SunHays80/img_001.jpg").write_bytes(b"?")
    (tmp_path / "Set5/HR").mkdir(parents=True)
    size = datasets.find("Set5").files[0].size
    (tmp_path / "Set5/HR/img_001.png").write_bytes(bytes(size))  # name and size are looked at
    (tmp_path / "Set5/HR/img_002.png").write_bytes(b"short")
    rows = {row.name: row for row in datasets.status(tmp_path)}
    assert (rows["Set5"].present, rows["Set5"].total, rows["Set5"].role) == (1, 10, "benchmark")
    assert rows["Set5"].megabytes == pytest.approx(0.92, abs=0.01)
    assert rows["SunHays80"].note == "no SHA-256 is published; 1 other picture in its folder"
    assert rows["DIV2K"].megabytes == pytest.approx(3979.6, abs=0.1)
    assert rows["DIV2K"].licence.startswith("academic research only")
    assert (rows["Mine"].role, rows["Mine"].present) == ("own", 1)


def test_a_missing_benchmark_says_where_it_was_looked_for_and_how_to_get_it(tmp_path):
    with pytest.raises(UserError) as error:
        datasets.benchmark("Set5", tmp_path)
    for text in (str(tmp_path / "Set5" / "HR"), "SRGAN_LESSONS_DATA", "srgan-lessons data get Set5"):
        assert text in str(error.value)
    with pytest.raises(UserError, match=r"Urban100 is not here.*or get one of Set5, Set14, BSD100"):
        datasets.benchmark("Urban100", tmp_path)
    with pytest.raises(UserError, match="BSDS500 is a training set"):
        datasets.benchmark("BSDS500", tmp_path)


def test_a_set_of_ones_own_needs_no_lr(tmp_path):
    (tmp_path / "Mine/HR").mkdir(parents=True)
    for name in ("b.png", "a.png", "._a.png", "notes.txt"):
        (tmp_path / "Mine/HR" / name).write_bytes(b"-")
    hr = tmp_path / "Mine/HR"
    assert datasets.benchmark("Mine", tmp_path) == [("a", hr / "a.png", None), ("b", hr / "b.png", None)]
    lr = tmp_path / "Mine/LR_bicubic_x4"
    lr.mkdir()
    (lr / "a.png").write_bytes(b"-")
    with pytest.raises(UserError, match=r"must contain the same file names, but only one of them has b\."):
        datasets.benchmark("Mine", tmp_path)
    (lr / "b.png").write_bytes(b"-")
    assert datasets.benchmark("Mine", tmp_path)[1] == ("b", hr / "b.png", lr / "b.png")


def test_an_accent_that_is_stored_in_two_ways_is_one_name(tmp_path):
    """Some programs write é as one character, others as e and an accent."""
    hr, lr = (
        tmp_path / "Mine" / folder / f"{name}.png"
        for folder, name in (("HR", "Caf\u00e9"), ("LR_bicubic_x4", "Cafe\u0301"))
    )
    for path in (hr, lr):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"-")
    assert datasets.benchmark("Mine", tmp_path) == [("Caf\u00e9", hr, lr)]


@with_data
def test_a_benchmark_must_be_whole(tmp_path):
    shutil.copytree(Path(DATA) / "Set5", tmp_path / "Set5")
    assert [image.name for image in datasets.benchmark("Set5", tmp_path)] == [f"img_00{i}" for i in range(1, 6)]
    shutil.copy(tmp_path / "Set5/HR/img_001.png", tmp_path / "Set5/HR/baby.png")
    with pytest.raises(UserError, match=r"contains baby\.png, which does not belong to Set5\. Move it to"):
        datasets.benchmark("Set5", tmp_path)
    shutil.copy(tmp_path / "Set5/HR/img_001.png", tmp_path / "Set5/HR/bird.png")
    with pytest.raises(UserError, match=r"baby\.png, bird\.png, which do not belong to Set5\. Move them to"):
        datasets.benchmark("Set5", tmp_path)
    (tmp_path / "Set5/HR/bird.png").unlink()
    (tmp_path / "Set5/HR/baby.png").unlink()
    (tmp_path / "Set5/HR/img_003.png").unlink()
    with pytest.raises(UserError, match=r"lacks img_003\.png"):
        datasets.benchmark("Set5", tmp_path)


def test_training_folders_are_whole_or_refused(tmp_path):
    with pytest.raises(UserError, match="Set5 is a benchmark"):
        datasets.training_folders("Set5", tmp_path)
    with pytest.raises(UserError, match=r"train has 0 of 200 pictures.*data get BSDS500"):
        datasets.training_folders("BSDS500", tmp_path)
    (tmp_path / "SunHays80").mkdir()
    for i in range(80):
        (tmp_path / f"SunHays80/{i}.jpg").write_bytes(b"-")  # saved again in another format: good enough to train on
    assert datasets.training_folders("SunHays80", tmp_path) == [tmp_path / "SunHays80"]
    (tmp_path / "SunHays80/.trash").mkdir()
    (tmp_path / "SunHays80/7.jpg").rename(tmp_path / "SunHays80/.trash/7.jpg")  # `load_photos` does not look there
    with pytest.raises(UserError, match=r"SunHays80 has 79 of 80 pictures"):
        datasets.training_folders("SunHays80", tmp_path)


# --- photos -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Three good pictures, one of them in a folder below, and everything that can be wrong with others."""
    root = tmp_path / "pictures"
    (root / "below").mkdir(parents=True)
    (root / ".hidden").mkdir()
    Image.fromarray(noise(0)).save(root / "b.png")
    Image.fromarray(noise(1)).save(root / "below" / "a.JPG", "JPEG")
    Image.fromarray(noise(2)).save(root / "c.webp", lossless=True)
    (root / "cut.png").write_bytes(png(noise(3))[:-5000])
    (root / "empty.png").write_bytes(b"")
    (root / "text.png").write_text("this is no picture")
    (root / "small.png").write_bytes(png(noise(4, 95, 200)))
    (root / "twin.png").write_bytes((root / "b.png").read_bytes())
    (root / "notes.txt").write_text("-")
    (root / "raw.heic").write_bytes(b"-")
    (root / "._b.png").write_bytes(b"-")
    (root / ".hidden" / "d.png").write_bytes(png(noise(5)))
    return root


def test_a_bad_picture_is_named_and_left_out(folder):
    photos = datasets.load_photos(folder, progress=False)
    assert list(photos.images) == ["pictures/b.png", "pictures/below/a.JPG", "pictures/c.webp"]
    assert (photos.images["pictures/b.png"] == noise(0)).all()
    assert (photos.images["pictures/c.webp"] == noise(2)).all()
    assert photos.images["pictures/below/a.JPG"].dtype == np.uint8
    reasons = {
        "pictures/cut.png": "damaged or cut off",
        "pictures/empty.png": "is empty",
        "pictures/raw.heic": "is not a picture that can be read here",
        "pictures/small.png": "200 x 95 pixels; each side needs at least 96",
        "pictures/text.png": "not a picture",
        "pictures/twin.png": "same pixels as pictures/b.png",
    }
    assert list(photos.left_out) == list(reasons)
    for name, reason in reasons.items():
        assert reason in photos.left_out[name]
    assert photos.not_pictures == {".txt": 1}
    report = photos.report()
    assert report.startswith("3 pictures, 0.0 megapixels; 6 left out:")
    assert all(name in report for name in (*reasons, "1 .txt"))
    assert len(photos) == 3


def test_the_smallest_side_can_be_chosen(folder):
    assert "pictures/small.png" in datasets.load_photos(folder, minimum=95, progress=False).images
    with pytest.raises(UserError, match="minimum is 0"):
        datasets.load_photos(folder, minimum=0)


def test_several_folders_and_overlapping_ones(folder):
    names = list(datasets.load_photos([folder / "below", folder], progress=False).images)
    assert names == ["pictures/b.png", "pictures/below/a.JPG", "pictures/c.webp"]
    other = folder.parent / "more"
    other.mkdir()
    Image.fromarray(noise(7)).save(other / "b.png")
    names = list(datasets.load_photos([folder, other], progress=False).images)
    assert names == ["more/b.png", "pictures/b.png", "pictures/below/a.JPG", "pictures/c.webp"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_followed_but_not_round_and_round(folder):
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    Image.fromarray(noise(7)).save(elsewhere / "e.png")
    (folder / "link").symlink_to(elsewhere)
    (folder / "loop").symlink_to(folder)
    photos = datasets.load_photos(folder, progress=False)
    assert list(photos.images) == ["pictures/b.png", "pictures/below/a.JPG", "pictures/c.webp", "pictures/link/e.png"]
    assert not [name for name in photos.left_out if "loop" in name]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.timeout(60)
def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo(folder / "pipe.png")
    photos = datasets.load_photos(folder, progress=False)
    assert len(photos) == 3
    assert "not a file" in photos.left_out["pictures/pipe.png"]


def test_the_sizes_of_very_large_pictures_and_of_heic_are_known(folder):
    """Memory and disk are reserved by them. Pillow's own limit is 179 million pixels; phones make 200 million."""
    large = bytearray(png(noise(0)))
    large[16:24] = struct.pack(">II", 16320, 12240)  # PNG standard, IHDR, which ends with its CRC
    large[29:33] = struct.pack(">I", zlib.crc32(large[12:29]))
    (folder / "large.png").write_bytes(large)
    sizes = {"large.png": (16320, 12240), "b.png": (100, 120), "cut.png": (100, 120), "text.png": (0, 0)}
    if importlib.util.find_spec("pillow_heif"):
        import pillow_heif

        Image.OPEN.pop("HEIF", None)  # as when nothing has been read before
        pillow_heif.from_pillow(Image.fromarray(noise(8, 300, 200))).save(folder / "raw.heic")
        sizes["raw.heic"] = (200, 300)
    assert decoding.decoded_sizes({name: folder / name for name in sizes}) == sizes


def test_folders_on_several_drives(folder, monkeypatch):
    """Windows has no folder above two drives: pictures are then named in full, so that no two have the same name."""

    def commonpath(paths):
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr(os.path, "commonpath", commonpath)
    photos = datasets.load_photos([folder, folder / "below"], progress=False)
    assert list(photos.images) == [(folder / name).as_posix() for name in ("b.png", "below/a.JPG", "c.webp")]
    assert store_module.cached_path([folder], {}).suffix == ".store"


def test_no_pictures_at_all(tmp_path):
    with pytest.raises(UserError, match=r"nowhere does not exist"):
        datasets.load_photos(tmp_path / "nowhere")
    (tmp_path / "file.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"file\.png is a file, not a folder"):
        datasets.load_photos(tmp_path / "file.png")
    with pytest.raises(UserError, match=r"no usable picture in .*\n.*file\.png is empty"):
        datasets.load_photos(tmp_path, progress=False)
    with pytest.raises(UserError, match="no folder was given"):
        datasets.load_photos([])
    with pytest.raises(UserError, match="no usable picture in the pictures given"):
        datasets.load_photos({}, progress=False)


def test_arrays_by_name(folder):
    samples = sample_photos()
    photos = datasets.load_photos({**samples, "tiny": noise(0, 10, 10), "float": noise(1) / 255}, progress=False)
    assert set(photos.images) == set(samples)  # none of scikit-image's photos is taken for a benchmark image
    assert set(photos.left_out) == {"tiny", "float"}
    assert "uint8" in photos.left_out["float"]


def test_pictures_that_do_not_fit_go_to_a_store(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path / "data"))
    plain = datasets.load_photos(folder, progress=False)
    assert plain.store is None
    assert not (tmp_path / "data").exists()
    monkeypatch.setattr(photos_module, "memory", lambda: 2 * 2.5 * noise(0).nbytes)  # half of it holds two of three
    photos = datasets.load_photos(folder, progress=False)
    assert photos.store.parent == tmp_path / "data" / "stores"
    assert f"mapped from the store {photos.store}" in photos.report()
    assert (photos.hashes, photos.left_out, photos.not_pictures) == (plain.hashes, plain.left_out, plain.not_pictures)
    assert all((photos.images[name] == image).all() for name, image in plain.images.items())
    with pytest.warns(UserWarning, match="more than half of this machine's memory"):  # arrays are in memory anyway
        datasets.load_photos(dict(plain.images), progress=False)


@pytest.mark.parametrize(("count", "held_out"), [(2, 1), (20, 1), (40, 2), (150, 8), (199, 10), (300, 10)])
def test_one_picture_in_twenty_is_held_out(count, held_out):
    photos = datasets.Photos(images={str(i): noise(i, 4, 4) for i in range(count)})
    training, validation = photos.split()
    assert len(validation) == held_out
    assert set(training) | set(validation) == set(photos.images)
    assert not set(training) & set(validation)


def test_the_split_depends_on_the_pixels_alone():
    images = [noise(i, 4, 4) for i in range(50)]
    _, held_out = datasets.Photos(images={f"{i}": image for i, image in enumerate(images)}).split(validation=5)
    _, again = datasets.Photos(images={f"{i}": image for i, image in enumerate(reversed(images))}).split(validation=5)
    assert len(held_out) == 5
    assert {image.tobytes() for image in held_out.values()} == {image.tobytes() for image in again.values()}
    smaller = datasets.Photos(images={"a": images[0].reshape(2, 8, 3), "b": images[0]})
    assert len(smaller.split()[1]) == 1  # the same bytes in another shape are another picture


def test_a_single_picture_cannot_be_held_out():
    one = datasets.Photos(images={"a": noise(0)})
    with pytest.warns(UserWarning, match="no validation"):
        assert [list(part) for part in one.split()] == [["a"], []]
    assert [list(part) for part in one.split(validation=0)] == [["a"], []]  # asked for: no warning
    large = datasets.Photos(images={"a": np.zeros((500, 600, 3), np.uint8)})
    assert large.report() == "1 picture, 0.3 megapixels\n  in memory: 0.9 MB"
    for number in (1, -1):
        with pytest.raises(UserError, match=f"validation is {number}"):
            one.split(validation=number)


# --- training and benchmark images apart ------------------------------------------------------------------------------


def paint(prints: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture of (width, height) that shows nothing but a perceptual hash, as 8 x 8 grey fields."""
    fields = np.clip(128 + 20 * prints, 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(fields).resize(size, Image.Resampling.NEAREST).convert("RGB"))


def test_a_benchmark_image_among_the_pictures_is_an_error_that_names_it(tmp_path):
    known = datasets.benchmark_hashes()
    assert len(known) == 119
    (tmp_path / "BSDS500/val").mkdir(parents=True)
    Image.fromarray(noise(0)).save(tmp_path / "BSDS500/val/1.png")
    Image.fromarray(paint(known["BSD100 img_003"], (481, 321))).save(tmp_path / "BSDS500/val/3096.jpg")
    said = r"1 picture is a benchmark image: .*BSDS500/val/3096\.jpg is BSD100 img_003.*Take such pictures out"
    with pytest.raises(UserError, match=said):
        datasets.load_photos(tmp_path / "BSDS500", progress=False)
    Image.fromarray(paint(known["Set5 img_002"], (64, 48))).save(tmp_path / "BSDS500/val/2.png")
    with pytest.raises(UserError, match="2 pictures are benchmark images"):  # too small to train on, and still named
        datasets.load_photos(tmp_path / "BSDS500", progress=False)


def test_a_correlation_of_four_fifths_is_the_bound():
    known = datasets.benchmark_hashes()["Set14 img_003"]
    for correlation, found in ((0.801, "Set14 img_003"), (0.799, None)):
        assert datasets.find_benchmark(known * correlation / np.mean(known**2)) == found


def test_a_flat_picture_resembles_nothing():
    flat = datasets.perceptual_hash(np.full((200, 300, 3), 90, np.uint8))
    assert (flat == 0).all()
    assert datasets.find_benchmark(flat) is None


def test_a_perceptual_hash_does_not_know_size_brightness_contrast_or_colour():
    photo = sample_photos()["chelsea"]
    prints = datasets.perceptual_hash(photo)
    assert prints.shape == (8, 8)
    assert leakage.similarity(prints, prints) == (prints**2).mean() == pytest.approx(1, abs=0.01)
    half = np.asarray(Image.fromarray(photo).reduce(2))
    grey = np.asarray(Image.fromarray(photo).convert("L").convert("RGB"))
    for other in (half, grey, (photo * 0.7 + 40).astype(np.uint8)):
        assert leakage.similarity(prints, datasets.perceptual_hash(other)) > 0.99
    assert leakage.similarity(prints, datasets.perceptual_hash(photo[:, ::-1])) < 0.8  # mirrored: another picture


@with_data
def test_the_shipped_hashes_are_those_of_the_benchmark_images():
    assert json.loads(shipped("benchmark_hashes.json").read_text()) == leakage.make_hashes(DATA)


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


VARIANTS = {
    "as it is": lambda image: image,
    "JPEG 90": lambda image: jpeg(image, 90),
    "JPEG 30": lambda image: jpeg(image, 30),
    "11 pixels cut off at the right": lambda image: image.crop((0, 0, image.width - 11, image.height)),
    "11 pixels cut off at the bottom": lambda image: image.crop((0, 0, image.width, image.height - 11)),
    "cut at both, JPEG 90": lambda image: jpeg(image.crop((0, 0, image.width - 11, image.height - 11)), 90),
    "cut all around": lambda image: image.crop((5, 5, image.width - 5, image.height - 5)),
    "one pixel more, as in BSDS500/val": lambda image: jpeg(
        Image.fromarray(np.pad(np.asarray(image), ((0, 1), (0, 1), (0, 0)), mode="edge")), 95
    ),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC),
    "grey": lambda image: image.convert("L").convert("RGB"),
}


@with_data
@pytest.mark.parametrize("variant", VARIANTS)
def test_all_119_benchmark_images_are_caught(variant):
    caught = {}
    for name in leakage.BENCHMARKS:
        for path in (Path(DATA) / name / "HR").glob("*.png"):
            changed = VARIANTS[variant](Image.open(path).convert("RGB"))
            caught[f"{name} {path.stem}"] = datasets.find_benchmark(datasets.perceptual_hash(np.asarray(changed)))
    assert len(caught) == 119
    twins = {"Set5 img_004", "Set14 img_006"}  # the same head, in two sizes
    wrong = {name: found for name, found in caught.items() if found != name and {name, found} != twins}
    assert wrong == {}


@with_data
def test_the_training_sets_hold_one_benchmark_image_which_is_left_out():
    folders = [folder for name in ("BSDS500", "SunHays80") for folder in datasets.training_folders(name)]
    photos = datasets.load_photos(folders, progress=False)
    assert len(photos) == 479
    assert list(photos.left_out) == ["BSDS500/train/302003.jpg"]
    assert "shows the same as Set5 img_005" in photos.left_out["BSDS500/train/302003.jpg"]
    known = np.stack(list(datasets.benchmark_hashes().values()))  # (119, 8, 8)
    closest = max((known * datasets.perceptual_hash(image)).mean(axis=(1, 2)).max() for image in photos.images.values())
    assert closest < 0.7  # the bound is 0.8: the next best of 57,000 pairs is far from it


@with_data
def test_the_known_overlap_is_excused_for_the_published_file_alone(tmp_path):
    Image.open(Path(DATA) / "BSDS500/train/302003.jpg").save(tmp_path / "302003.png")
    with pytest.raises(UserError, match=r"302003\.png is Set5 img_005"):
        datasets.load_photos(tmp_path, progress=False)


@with_data
def test_benchmark_sets_cannot_be_trained_on():
    for name, count in (("Set5", 10), ("Set14", 28), ("BSD100", 200)):  # HR and LR
        with pytest.raises(UserError, match=f"{count} pictures are benchmark images"):
            datasets.load_photos(Path(DATA) / name, progress=False)
