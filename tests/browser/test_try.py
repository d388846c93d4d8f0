"""The page on which one's own photo is enlarged, in a real browser: real files go in, what comes out is compared."""

import functools
import http.server
import importlib.util
import io
import json
import re
import shutil
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from srgan_lessons.images import read_picture, sample_photos
from srgan_lessons.metrics import psnr
from srgan_lessons.resize import imresize
from srgan_lessons.upscaling import upscale, upscale_file

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "site"
NETWORKS = ("bicubic", "espcn", "srresnet", "srgan")
sys.path.insert(0, str(ROOT / "tools"))

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not (SITE / "node_modules" / "onnxruntime-web").is_dir(),
        reason="onnxruntime-web is not there: npm ci --prefix site",
    ),
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime", "onnxscript")),
        reason="onnx, onnxruntime or onnxscript is not installed",
    ),
]


class Server(http.server.ThreadingHTTPServer):
    """As plain as GitHub Pages: files and byte ranges, no headers of its own. Notes what was asked for."""

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), functools.partial(Files, directory=str(folder)))
        self.asked: list[tuple[str, str | None]] = []  # path, and range
        self.cut: int | None = None  # large files end after so many bytes
        self.address = f"http://127.0.0.1:{self.server_port}/try/"


class Files(http.server.SimpleHTTPRequestHandler):
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".webp": "image/webp",
    }

    def log_message(self, *arguments) -> None:
        pass

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if not self.path.endswith(".bin"):
            return super().do_GET()
        content = Path(self.translate_path(self.path)).read_bytes()
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
        end = min(len(content), self.server.cut or len(content))
        if end < len(content):
            self.server.cut = None  # only once
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:end])
        self.close_connection = True


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    from build_try import build

    folder = tmp_path_factory.mktemp("site")
    build(folder)
    server = Server(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def visitor(browser, server):
    """A browser profile in which the page has been opened: its service worker is there, and it is isolated.

    Its dividers do not glide: each result would be drawn a hundred times.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.goto(server.address)
    until(page, "self.crossOriginIsolated", 20)
    page.problems = problems
    yield page
    context.close()


def until(page, condition: str, seconds: float = 60):
    """Waits for a JavaScript expression. Playwright's own way is to evaluate a string, which the page forbids."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if value := page.evaluate(condition):
                return value
        except Exception as error:  # the page is being loaded again
            if "context" not in str(error) and "navigat" not in str(error):
                raise
        page.wait_for_timeout(100)
    said = page.evaluate("['trouble', 'status'].map((id) => document.getElementById(id).innerText)")
    pytest.fail(f"{condition} did not come true; the page says: {said}")


def set_to(page, question: str, network: str) -> None:
    page.check(f"[value={question}]")
    page.check(f"[value={network}]")


def give(page, content: bytes | Path, name: str = "photo.png") -> None:
    page.evaluate("document.querySelector('#save').hidden = true")
    if isinstance(content, Path):
        name, content = content.name, content.read_bytes()
    page.set_input_files("#choose", {"name": name, "mimeType": "", "buffer": content})


def result(page) -> np.ndarray | None:
    """The PNG that the page offers, when it does: uint8 (H, W, channels)."""
    until(page, "!document.querySelector('#save').hidden || !document.querySelector('#trouble').hidden")
    assert page.locator("#trouble").is_hidden(), page.inner_text("#trouble")
    with page.expect_download() as download:
        page.click("#save")
    return Path(download.value.path())


def png(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "png", **options)
    return file.getvalue()


def sixteen_bits(array: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, (H, W, 3) in 0..65535: Pillow writes none."""
    height, width = array.shape[:2]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def display_p3() -> bytes:
    """A colour profile as phones write it: that of sRGB with other primaries (SMPTE EG 432-1, adapted to D50)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    name = "sRGB built-in".encode("utf-16-be")
    start = profile.index(name)
    profile[start : start + len(name)] = "Display P3   ".encode("utf-16-be")
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for tag, xyz in primaries.items():
        entry = profile.index(tag)  # ICC.1:2022, 7.3: signature, offset, size; 10.31: 8 bytes, then three s15Fixed16
        offset = struct.unpack_from(">I", profile, entry + 4)[0]
        struct.pack_into(">3i", profile, offset + 8, *(round(value * 65536) for value in xyz))
    return bytes(profile)


def pictures() -> dict[str, tuple[str, bytes]]:
    """Ten files of the kinds that go wrong: name -> file name, content."""
    photos = sample_photos()
    face, cat = photos["astronaut"][80:97, 195:216], photos["chelsea"][100:113, 125:140]
    rng = np.random.default_rng(0)
    logo = np.dstack([cat, np.where(np.hypot(*np.mgrid[-6:7, -7:8]) < 5, 255, 0)]).astype(np.uint8)
    logo[logo[..., 3] == 0, :3] = 0
    logo[5:8, :, 3] //= 2
    turned, jpeg, grey, gif = Image.Exif(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    turned[0x0112] = 6
    Image.fromarray(face).save(jpeg, "jpeg", exif=turned, quality=95)
    Image.fromarray(photos["camera"][60:77, 200:219, 0]).save(grey, "jpeg")
    frames = [Image.fromarray(picture).quantize(64) for picture in (face, face[::-1])]
    frames[0].save(gif, "gif", save_all=True, append_images=frames[1:])
    webp = io.BytesIO()
    Image.fromarray(cat).save(webp, "webp", lossless=True)
    return {
        "a photo": ("photo.png", png(face)),
        "noise": ("noise.png", png(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8))),
        "turned": ("phone.jpg", jpeg.getvalue()),
        "grey": ("grey.jpg", grey.getvalue()),
        "transparent": ("logo.png", png(logo)),
        "16 bits": ("deep.png", sixteen_bits(cat.astype(np.uint16) * 257)),
        "animated": ("moving.gif", gif.getvalue()),
        "WebP": ("cat.webp", webp.getvalue()),
        "one pixel": ("dot.png", png(np.uint8([[[200, 100, 50]]]))),
        "a line": ("line.png", png(rng.integers(0, 256, (300, 1, 3), dtype=np.uint8))),
    }


def decoded(page, name: str, content: bytes) -> np.ndarray:
    """What the page reads of a file: RGBA, uint8 (H, W, 4)."""
    code = """async ([name, bytes]) => {
        const { openPhoto, readPixels } = await import('./photo.js');
        const photo = await openPhoto(new File([Uint8Array.from(bytes)], name));
        const { width, height } = photo.bitmap;
        const { pixels } = await readPixels(photo, { x: 0, y: 0, width, height });
        return [height, width, [...pixels]];
    }"""
    height, width, pixels = page.evaluate(code, [name, list(content)])
    return np.uint8(pixels).reshape(height, width, 4)


def wrong(page, file: Path, network: str, source: Path, folder: Path) -> int:
    """How many levels the page's result is off, at most, from that of the package for the pixels in `source`."""
    expected = folder / "expected.png"
    upscale_file(source, expected, network)
    ours, theirs = Image.open(file), Image.open(expected)
    assert (ours.size, ours.mode) == (theirs.size, theirs.mode)
    return int(np.abs(np.asarray(ours).astype(int) - np.asarray(theirs)).max())


@pytest.mark.parametrize("network", NETWORKS)
def test_what_it_downloads_is_what_the_package_makes(visitor, tmp_path, network):
    off = {}
    for number, (kind, (name, content)) in enumerate(pictures().items()):
        pixels = decoded(visitor, name, content)
        grey = kind == "grey"
        if not grey and pixels[..., 3].min() == 255:
            pixels = pixels[..., :3]
        source = tmp_path / f"{number}.png"
        Image.fromarray(pixels[..., 0] if grey else pixels).save(source)
        if kind not in ("transparent", "turned", "grey"):  # what has no place in the file, and what decoders differ in
            (tmp_path / name).write_bytes(content)
            if kind not in ("16 bits", "animated"):  # the package warns of the one and refuses the other
                assert np.array_equal(read_picture(tmp_path / name).rgb, pixels), kind
        set_to(visitor, "enlarge", network)
        give(visitor, content, name)
        off[kind] = wrong(visitor, result(visitor), network, source, tmp_path)
    assert {kind: levels for kind, levels in off.items() if levels > 1} == {}
    assert visitor.problems == []


def test_a_photo_lies_as_it_was_taken(visitor, tmp_path):
    """EXIF orientation 1 to 8: turned as the package turns it, but for what JPEG decoders differ in."""
    photo = sample_photos()["chelsea"][100:132, 120:168]
    for orientation in range(1, 9):
        exif, path = Image.Exif(), tmp_path / f"{orientation}.jpg"
        exif[0x0112] = orientation
        Image.fromarray(photo).save(path, exif=exif, quality=95, subsampling=0)
        seen, expected = decoded(visitor, path.name, path.read_bytes())[..., :3], read_picture(path).rgb
        assert seen.shape == expected.shape, orientation
        assert np.abs(seen.astype(int) - expected).max() <= 3, orientation


def test_tiles_do_not_show(visitor, tmp_path):
    """Several tiles of one shape, shifted inwards at the border, give what the package makes in tiles of its own."""
    photo = tmp_path / "photo.png"
    for network, box in (("espcn", np.s_[:180, :190]), ("srgan", np.s_[100:124, 60:240])):
        photo.write_bytes(png(sample_photos()["chelsea"][box]))
        set_to(visitor, "enlarge", network)
        give(visitor, photo)
        tiles = until(visitor, "/of (\\d+) tiles/.exec(document.querySelector('#status').innerText)?.[1]")
        assert int(tiles) > 1
        assert wrong(visitor, result(visitor), network, photo, tmp_path) <= 1


def test_the_plan_of_tiles(visitor):
    """Each pixel once, from a tile that sees a whole halo around it, or the picture's border; the middle first."""
    code = """async (sizes) => {
        const { plan } = await import('./tiles.js');
        return sizes.map((size) => plan(...size));
    }"""
    sizes = [[w, h, halo, limit] for w, h in ((1, 1), (100, 80), (101, 700), (1182, 886), (4096, 256))
             for halo, limit in ((0, 64), (4, 100), (40, 176), (40, 120))]  # fmt: skip
    for (width, height, halo, limit), plan in zip(sizes, visitor.evaluate(code, sizes), strict=True):
        count = np.zeros((height, width), int)
        away = []
        for tile in plan["tiles"]:
            x, y, left, top, right, bottom = (tile[key] for key in ("x", "y", "left", "top", "right", "bottom"))
            assert 0 <= x <= width - plan["width"]
            assert 0 <= y <= height - plan["height"]
            assert left - x >= halo or x == left == 0
            assert top - y >= halo or y == top == 0
            assert x + plan["width"] - right >= halo or x + plan["width"] == right == width
            assert y + plan["height"] - bottom >= halo or y + plan["height"] == bottom == height
            count[top:bottom, left:right] += 1
            away.append(np.hypot(left + right - width, top + bottom - height))
        assert (count == 1).all()
        assert max(plan["width"], plan["height"]) <= limit
        assert away == sorted(away)


def test_resizing_and_psnr_are_those_of_the_package(visitor):
    code = """async ([height, width, a, b]) => {
        const { imresize, psnr } = await import('./resize.js');
        const [x, y] = [a, b].map((p) => Uint8ClampedArray.from(p));
        return [...[1 / 4, 4].map((scale) => [...imresize(x, width, height, 4, scale)]), psnr(x, y, width, height)];
    }"""
    rng = np.random.default_rng(1)
    for height, width in ((4, 4), (36, 52), (12, 8)):
        a, b = rng.integers(0, 256, (2, height, width, 4), dtype=np.uint8)
        a[: height // 2] = a[: height // 2] // 128 * 255  # overshoots at both ends
        small, large, db = visitor.evaluate(code, [height, width, *(p.ravel().tolist() for p in (a, b))])
        assert np.array_equal(np.uint8(small).reshape(height // 4, width // 4, 4)[..., :3], imresize(a[..., :3], 1 / 4))
        assert np.array_equal(np.uint8(large).reshape(4 * height, 4 * width, 4)[..., :3], imresize(a[..., :3], 4))
        if min(height, width) > 8:
            assert db == pytest.approx(psnr(a[..., :3], b[..., :3]), abs=1e-9)
        else:
            assert db is None or np.isnan(db)  # nothing is left inside the border


def test_the_truth_beside_the_guess(visitor):
    hr = sample_photos()["chelsea"][98:201, 120:223]  # 103 x 103: three rows and columns too many
    set_to(visitor, "truth", "espcn")
    give(visitor, png(hr))
    sr = np.asarray(Image.open(result(visitor)))
    hr = hr[:100, :100]
    lr = imresize(hr, 1 / 4)
    assert np.abs(sr.astype(int) - upscale(lr, "espcn")).max() <= 1
    said = re.search(r"bicubic ([\d.]+) dB, ESPCN ([\d.]+) dB", visitor.inner_text("#status"))
    assert float(said[1]) == pytest.approx(psnr(imresize(lr, 4), hr), abs=0.006)
    assert float(said[2]) == pytest.approx(psnr(sr, hr), abs=0.006)
    assert visitor.locator("#compare .compare-label").all_inner_texts() == ["bicubic", "ESPCN", "original"]


def test_transparent_pixels_make_no_fringe(visitor):
    """A red disc on nothing, stored as red on black: all of the enlarged disc is red."""
    logo = np.zeros((20, 20, 4), np.uint8)
    logo[np.hypot(*np.mgrid[-10:10, -10:10]) < 7] = (220, 30, 30, 255)
    for network in ("bicubic", "espcn"):
        set_to(visitor, "enlarge", network)
        give(visitor, png(logo))
        rgba = np.asarray(Image.open(result(visitor))).astype(int)
        assert rgba.shape == (80, 80, 4)
        assert {0, 255} < set(rgba[..., 3].ravel()), "no soft edge"
        assert np.abs(rgba[rgba[..., 3] > 0][:, :3] - [220, 30, 30]).max() <= 6


def test_the_profile_of_a_phone_is_kept(visitor, tmp_path):
    """Display P3: the numbers stay as they are, and so does the profile that says what they mean."""
    profile = display_p3()
    photo = sample_photos()["chelsea"][100:120, 120:150]
    for ending in ("png", "jpg"):
        path = tmp_path / f"p3.{ending}"
        Image.fromarray(photo).save(path, icc_profile=profile, quality=95, subsampling=0)
        set_to(visitor, "enlarge", "bicubic")
        give(visitor, path)
        saved = Image.open(result(visitor))
        assert saved.info["icc_profile"] == profile
        expected = imresize(read_picture(path).rgb, 4)
        assert np.abs(np.asarray(saved).astype(int) - expected).max() <= {"png": 1, "jpg": 4}[ending]


TROUBLES = {
    "letter.txt": (b"Dear Sir or Madam", "is not a picture"),
    "nothing.png": (b"", "is empty"),
    "IMG_1.HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "Most Compatible"),
    "half.png": (png(np.zeros((64, 64, 3), np.uint8))[:60], "damaged or cut-off PNG"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_what_is_no_picture_is_said_to_be_none(visitor, name):
    content, sentence = TROUBLES[name]
    give(visitor, content, name)
    until(visitor, "!document.querySelector('#trouble').hidden")
    assert name in visitor.inner_text("#trouble")
    assert sentence in visitor.inner_text("#trouble")


def test_what_is_not_taken_from_a_file_is_said(visitor):
    files = pictures()
    set_to(visitor, "enlarge", "bicubic")
    for kind, sentence in (("16 bits", "16 bits per channel became 8"), ("animated", "only its first picture is used")):
        give(visitor, files[kind][1], files[kind][0])
        result(visitor)
        assert sentence in visitor.inner_text("#notes")
    for kind in ("a photo", "WebP", "grey"):  # the WebP is lossless, and a single picture
        give(visitor, files[kind][1], files[kind][0])
        result(visitor)
        assert visitor.locator("#notes li").count() == 0, kind


def test_damage_beside_the_pixels_is_passed_over_as_browsers_do(visitor):
    """A profile that cannot be unpacked, and fill bytes before a marker (ITU-T T.81, B.1.1.2)."""
    photo = sample_photos()["chelsea"][100:124, 120:150]
    profile = b"iCCPicc\0\0no zlib stream"
    chunk = struct.pack(">I", len(profile) - 4) + profile + struct.pack(">I", zlib.crc32(profile))
    content = png(photo)
    set_to(visitor, "enlarge", "bicubic")
    give(visitor, content[:33] + chunk + content[33:])
    assert np.array_equal(np.asarray(Image.open(result(visitor))), imresize(photo, 4))
    grey = pictures()["grey"][1]
    give(visitor, grey[:2] + b"\xff\xff" + grey[2:], "grey.jpg")
    assert Image.open(result(visitor)).mode == "L"


def test_too_small_to_be_shrunk(visitor):
    set_to(visitor, "truth", "bicubic")
    give(visitor, png(np.zeros((3, 9, 3), np.uint8)))
    until(visitor, "!document.querySelector('#trouble').hidden")
    assert "at least 4 pixels" in visitor.inner_text("#trouble")


def test_a_large_photo_gets_a_frame_and_a_measured_time(visitor):
    set_to(visitor, "enlarge", "espcn")
    give(visitor, png(np.tile(sample_photos()["chelsea"], (3, 3, 1))))  # 900 x 1353
    until(visitor, "/takes about .* judging by the first tile/.test(document.querySelector('#estimate').innerText)")
    part = visitor.locator(".frame")
    before = part.bounding_box()
    part.focus()
    visitor.keyboard.press("ArrowRight")
    assert part.bounding_box()["x"] > before["x"]
    visitor.locator(".size input").fill("100")
    width, height = map(int, re.match(r"(\d+) × (\d+)", visitor.inner_text("#part")).groups())
    assert 0.99 * 2**20 < width * height <= 2**20
    visitor.locator(".size input").fill("0")
    visitor.click("#start")
    size = Image.open(result(visitor)).size
    assert f"become {size[0]} × {size[1]}" in visitor.inner_text("#part")


def test_a_line_of_5000_pixels_is_cut_to_what_a_canvas_holds(visitor):
    set_to(visitor, "enlarge", "bicubic")
    line = np.random.default_rng(2).integers(0, 256, (5000, 1, 3), dtype=np.uint8)
    give(visitor, png(line))
    visitor.locator("#chooser").wait_for()
    visitor.locator(".size input").fill("100")
    visitor.click("#start")
    assert Image.open(result(visitor)).size == (4, 4 * 4096)


def test_cancel_another_network_another_photo(visitor):
    """Each of them ends what is computed, at once, and what comes then is right.

    The photo has many small tiles, because the browser computes the current one to its end.
    """
    photo = png(np.tile(sample_photos()["chelsea"][:16, :400], (1, 4, 1)))
    set_to(visitor, "enlarge", "srgan")
    give(visitor, photo)
    until(visitor, "/tile/.test(document.querySelector('#status').innerText)")
    begun = time.monotonic()
    visitor.click("#cancel")
    assert "Cancelled" in visitor.inner_text("#status")
    assert time.monotonic() - begun < 1
    visitor.wait_for_timeout(1500)  # for a tile that must not come
    assert "Cancelled" in visitor.inner_text("#status")
    give(visitor, photo)
    until(visitor, "/tile/.test(document.querySelector('#status').innerText)")
    visitor.check("[value=espcn]")
    assert Image.open(result(visitor)).size == (6400, 64)
    assert "with ESPCN" in visitor.inner_text("#status")
    visitor.check("[value=srgan]")
    until(visitor, "/tile/.test(document.querySelector('#status').innerText)")
    visitor.check("[value=bicubic]")
    result(visitor)
    other = sample_photos()["coffee"][:20, :24]
    give(visitor, png(other))
    assert np.array_equal(np.asarray(Image.open(result(visitor))), imresize(other, 4))
    assert visitor.problems == []


def test_the_photo_that_was_chosen_last_is_shown(browser, server):
    """A photo that takes long to open, or is still being read, does not disturb the one that was chosen after it."""
    context = browser.new_context(reduced_motion="reduce", service_workers="block")
    page = context.new_page()
    page.goto(server.address)
    page.evaluate("""() => {
        const { createImageBitmap, setTimeout } = globalThis;
        globalThis.createImageBitmap = async (file) => {
            if (file.name === 'slow.png') await new Promise((resolve) => setTimeout(resolve, 1500));
            return createImageBitmap(file);
        };
        globalThis.setTimeout = (f, ms) => setTimeout(f, ms ?? 300); // the pauses between strips
    }""")
    slow, quick = (png(sample_photos()[name][:20, :24]) for name in ("chelsea", "coffee"))
    shown = imresize(sample_photos()["coffee"][:20, :24], 4)
    set_to(page, "enlarge", "bicubic")
    give(page, slow, "slow.png")
    give(page, quick, "quick.png")
    assert np.array_equal(np.asarray(Image.open(result(page))), shown)
    page.wait_for_timeout(2500)
    assert page.get_attribute("#save", "download") == "quick_x4_bicubic.png"
    set_to(page, "truth", "bicubic")
    give(page, png(np.tile(sample_photos()["chelsea"], (4, 2, 1))), "large.png")  # 1200 x 902: three strips
    until(page, "document.querySelector('#status').innerText.startsWith('Reading')")
    give(page, slow, "quick.png")
    page.wait_for_timeout(2500)
    result(page)
    context.close()


def test_a_coarse_clock_does_not_hide_the_estimate(browser, server):
    """Browsers that protect against fingerprinting round times to a tenth of a second, so a tile may take none."""
    context = browser.new_context(reduced_motion="reduce", service_workers="block")
    page = context.new_page()
    code = (SITE / "try" / "worker.js").read_text(encoding="utf-8") + "\nperformance.now = () => 0;\n"
    page.route("**/worker.js", lambda route: route.fulfill(body=code, content_type="text/javascript"))
    page.goto(server.address)
    set_to(page, "enlarge", "espcn")
    give(page, png(sample_photos()["chelsea"]))
    until(page, "document.querySelector('#estimate').innerText.includes('about 1 second on this device')")
    context.close()


def test_another_network_leaves_the_frame_where_it_is(visitor):
    set_to(visitor, "enlarge", "espcn")
    give(visitor, png(sample_photos()["chelsea"]))
    visitor.locator("#chooser").wait_for()
    visitor.locator(".size input").fill("0")
    visitor.locator(".frame").focus()
    for _ in range(3):
        visitor.keyboard.press("ArrowLeft")
    chosen = visitor.locator(".frame").get_attribute("style"), visitor.inner_text("#part")
    for network, sentence in (("bicubic", "a moment"), ("espcn", "first tile"), ("srresnet", "first tile")):
        visitor.check(f"[value={network}]")
        until(visitor, f"document.querySelector('#estimate').innerText.includes('{sentence}')")
        assert (visitor.locator(".frame").get_attribute("style"), visitor.inner_text("#part")) == chosen
    assert visitor.problems == []


def test_the_page_stays_responsive(visitor):
    """The longest block of the main thread while it computes. The best of several: a busy machine may be slow once."""
    visitor.evaluate("""() => {
        globalThis.blocks = [];
        new PerformanceObserver((list) => blocks.push(...list.getEntries().map((entry) => entry.duration)))
            .observe({ type: 'longtask' });
    }""")
    visitor.emulate_media(reduced_motion="no-preference")
    set_to(visitor, "enlarge", "espcn")
    longest = []
    for _ in range(4):
        visitor.evaluate("blocks.length = 0")
        give(visitor, png(sample_photos()["chelsea"][:300, :330]))
        result(visitor)
        longest.append(max(visitor.evaluate("blocks"), default=0))
        if longest[-1] < 100:
            break
    else:
        pytest.fail(f"blocks of {longest} ms")
    visitor.emulate_media(reduced_motion="reduce")


def test_nothing_is_asked_for_after_loading_and_never_of_others(browser, server):
    """First visit: page, runtime, networks. Then nothing more; then, without a network, all of it once more."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page = context.new_page()
    foreign: list[str] = []
    context.on("request", lambda r: foreign.append(r.url) if not r.url.startswith((server.address, "blob:")) else None)
    server.asked.clear()
    page.goto(server.address)
    until(page, "self.crossOriginIsolated", 20)
    assert not [path for path, _ in server.asked if path.endswith(".bin")], "a model is loaded before it is needed"
    set_to(page, "enlarge", "espcn")
    photo = png(sample_photos()["chelsea"][100:113, 125:140])
    give(page, photo)
    first = np.asarray(Image.open(result(page)))
    until(page, "!document.querySelector('#local').hidden")
    server.asked.clear()
    for network in NETWORKS:
        set_to(page, "enlarge", network)
        give(page, photo)
        result(page)
    own = {"/try/sw.js", "/try/files.js"}  # by the browser itself: is there a newer service worker?
    assert {path for path, _ in server.asked} <= own
    server.asked.clear()
    context.set_offline(True)
    page.reload()
    until(page, "self.crossOriginIsolated", 20)
    assert page.evaluate("[...document.images].slice(0, 3).every((image) => image.naturalWidth === 888)")
    set_to(page, "enlarge", "espcn")
    give(page, photo)
    assert np.array_equal(np.asarray(Image.open(result(page))), first)
    assert {path for path, _ in server.asked} <= own
    assert foreign == []
    assert page.evaluate("document.cookie + localStorage.length + sessionStorage.length") == "00"
    context.close()


def test_a_download_goes_on_where_it_stopped(browser, server):
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(server.address)
    until(page, "self.crossOriginIsolated", 20)
    server.asked.clear()
    server.cut = 1_000_000
    set_to(page, "enlarge", "espcn")
    give(page, png(sample_photos()["chelsea"][100:124, 120:150]))
    result(page)
    ranges = [wanted for path, wanted in server.asked if path.endswith(".bin") and wanted]
    assert len(ranges) == 1
    assert 0 < int(re.search(r"\d+", ranges[0])[0]) <= 1_000_000
    context.close()


def test_the_first_moment(browser, server):
    """Little to load, nothing that jumps, and a slider that moves once, but not where motion is not wanted."""
    divider = "document.querySelector('#sample .compare-line')?.style.left"
    for motion in ("no-preference", "reduce"):
        context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion=motion)
        page = context.new_page()
        page.add_init_script("""
            globalThis.shift = 0;
            new PerformanceObserver((list) => { for (const entry of list.getEntries()) shift += entry.value; })
                .observe({ type: 'layout-shift', buffered: true });""")
        bytes_here = []
        page.on("response", lambda r, seen=bytes_here: seen.append(r.url))
        page.goto(server.address)
        until(page, "self.crossOriginIsolated", 20)
        places = set()
        for _ in range(70):
            page.wait_for_timeout(40)
            places.add(page.evaluate(divider))
        assert (len(places) > 3) == (motion == "no-preference"), places
        assert page.evaluate("shift") < 0.01
        folder = Path(server.RequestHandlerClass.keywords["directory"])
        names = {url.removeprefix(server.address) or "index.html" for url in bytes_here}
        assert sum((folder / "try" / name).stat().st_size for name in names) < 300_000
        context.close()


def test_the_slider_by_keyboard(visitor):
    visitor.reload()
    visitor.wait_for_timeout(3500)
    first, second = visitor.locator("#sample input").all()
    assert first.get_attribute("aria-label") == "Divider between bicubic and SRResNet"
    first.focus()
    before = int(first.input_value())
    visitor.keyboard.press("ArrowRight")
    assert int(first.input_value()) > before
    visitor.keyboard.press("End")
    assert (first.input_value(), second.input_value()) == ("1000", "1000")
    assert visitor.evaluate("document.querySelector('#sample .compare-layer').style.clipPath") == "inset(0px)"


def test_where_there_is_no_webassembly(browser, server):
    context = browser.new_context(reduced_motion="reduce", service_workers="block")
    page = context.new_page()
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(server.address)
    photo = sample_photos()["chelsea"][100:124, 120:150]
    give(page, png(photo))
    until(page, "!document.querySelector('#trouble').hidden")
    assert "no WebAssembly" in page.inner_text("#trouble")
    page.check("[value=bicubic]")
    assert np.array_equal(np.asarray(Image.open(result(page))), imresize(photo, 4))
    context.close()


def test_a_gpu_that_is_lost_or_does_not_work(browser, server):
    """The page believes in a GPU, the runtime finds none: the picture is made by the processor, and is the same."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.add_init_script("""Object.defineProperty(Navigator.prototype, 'gpu', {
        value: { requestAdapter: async () => ({}) }, configurable: true });""")
    page.goto(server.address)
    until(page, "self.crossOriginIsolated", 20)
    server.asked.clear()
    photo = sample_photos()["chelsea"][100:124, 120:150]
    set_to(page, "enlarge", "espcn")
    give(page, png(photo))
    assert np.abs(np.asarray(Image.open(result(page))).astype(int) - upscale(photo, "espcn")).max() <= 1
    assert [path for path, _ in server.asked if "webgpu-" in path]
    context.close()


def test_axe_finds_no_serious_violation(browser, server):
    axe = SITE / "node_modules" / "axe-core" / "axe.min.js"
    context = browser.new_context(bypass_csp=True, reduced_motion="reduce", service_workers="block")
    page = context.new_page()
    page.goto(server.address)
    set_to(page, "truth", "bicubic")
    give(page, png(np.tile(sample_photos()["chelsea"], (4, 4, 1))))
    page.locator("#chooser").wait_for()
    page.click("#start")
    result(page)
    page.add_script_tag(path=axe)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        violations = page.evaluate("axe.run()")["violations"]
        found = [rule for rule in violations if rule["impact"] in ("serious", "critical")]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == [], scheme
    context.close()


def test_types():
    if shutil.which("node") is None:
        pytest.skip("no node on the PATH")
    checker = SITE / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run(["node", checker, "--project", SITE / "try"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_page_is_small_and_its_links_lead_somewhere():
    lines = [line.strip() for path in (SITE / "try").glob("*.js") for line in path.read_text("utf-8").splitlines()]
    assert len([line for line in lines if line and not line.startswith(("//", "/*", "*"))]) < 900  # of code
    page = (SITE / "try" / "index.html").read_text(encoding="utf-8")
    linked = re.findall(r"(?:\.\./lessons|notebooks)/(\w+)\.(?:html|ipynb)", page)
    assert len(linked) > 6
    assert [name for name in linked if not (ROOT / "notebooks" / f"{name}.ipynb").is_file()] == []
    lock = json.loads((SITE / "package-lock.json").read_text(encoding="utf-8"))
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
