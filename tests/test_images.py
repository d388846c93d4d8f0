"""Picture files of every kind come out right, or are refused with a reason."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms, features

from srgan_lessons import UserError, images
from srgan_lessons.images import (
    Picture,
    check_image,
    check_target,
    load_image,
    read_picture,
    sample_photos,
    save_image,
    to_image,
    to_tensor,
)
from srgan_lessons.metrics import psnr

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def png(path, depth: int, colour: int, rows: np.ndarray, *extra: tuple[bytes, bytes]):
    """A PNG written byte by byte, for kinds that Pillow cannot write. rows: (H, numbers in a row)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    big_endian = rows.astype(">u2" if depth == 16 else "u1")
    data = b"".join(b"\0" + row.tobytes() for row in big_endian)
    header = struct.pack(">IIBBBBB", rows.shape[1] // channels, rows.shape[0], depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))
    return path


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".webp"])
def test_lossless_formats_give_back_what_was_saved(tmp_path, rgb, ending):
    save_image(tmp_path / f"a{ending}", rgb)
    assert np.array_equal(load_image(tmp_path / f"a{ending}"), rgb)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{ending}"]  # no temporary file stays


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_grey_alpha_and_profile_survive(tmp_path, rgb, ending):
    grey = np.repeat(rgb[..., :1], 3, axis=2)
    picture = Picture(rgb=grey, alpha=rgb[..., 1], grey=True, icc_profile=SRGB)
    save_image(tmp_path / f"a{ending}", picture)
    back = read_picture(tmp_path / f"a{ending}")
    assert back.grey
    assert back.icc_profile == SRGB
    assert np.array_equal(back.rgb, grey)
    assert np.array_equal(back.alpha, rgb[..., 1])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path, rgb, orientation):
    # EXIF 2.32, 4.6.4: where the stored image's row 0 and column 0 belong in the upright picture.
    stored = {
        1: rgb,
        2: rgb[:, ::-1],
        3: rgb[::-1, ::-1],
        4: rgb[::-1],
        5: rgb.transpose(1, 0, 2),
        6: rgb.transpose(1, 0, 2)[::-1],
        7: rgb.transpose(1, 0, 2)[::-1, ::-1],
        8: rgb.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(load_image(tmp_path / "a.png"), rgb)


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
def test_colours_under_full_transparency_are_saved_too(tmp_path, rgb, ending):
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    alpha[:3] = 255
    save_image(tmp_path / f"a{ending}", Picture(rgb=rgb, alpha=alpha))
    back = read_picture(tmp_path / f"a{ending}")
    assert np.array_equal(back.rgb, rgb)
    assert np.array_equal(back.alpha, alpha)


def test_palette(tmp_path, rgb):
    indexed = Image.fromarray(rgb).quantize(16)
    indexed.save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert np.array_equal(picture.rgb, np.asarray(indexed.convert("RGB")))
    assert (picture.alpha, picture.grey) == (None, False)


def test_palette_with_transparency(tmp_path, rgb):
    indexed = Image.fromarray(rgb).quantize(16)
    indexed.save(tmp_path / "a.png", transparency=bytes([0, 100] + [255] * 14))
    index = np.asarray(indexed)
    picture = read_picture(tmp_path / "a.png")
    assert np.array_equal(picture.alpha, np.where(index == 0, 0, np.where(index == 1, 100, 255)))
    assert np.array_equal(picture.rgb, np.asarray(indexed.convert("RGB")))


def test_one_bit(tmp_path, rgb):
    bits = rgb[..., 0] > 127
    Image.fromarray(bits).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.grey
    assert np.array_equal(picture.rgb[..., 0], bits * np.uint8(255))


def test_16_bit_grey(tmp_path):
    levels = np.array([[0, 128, 129, 257, 32767, 65535]])  # / 257: 0, .498, .502, 1, 127.498, 255
    with pytest.warns(UserWarning, match="16 bits"):
        picture = read_picture(png(tmp_path / "a.png", 16, 0, levels))
    assert picture.grey
    assert picture.rgb[0, :, 0].tolist() == [0, 0, 1, 1, 127, 255]


def test_16_bit_grey_with_a_transparent_level(tmp_path):
    levels = np.array([[1000, 1001, 40000]])
    with pytest.warns(UserWarning, match="16 bits"):
        picture = read_picture(png(tmp_path / "a.png", 16, 0, levels, (b"tRNS", struct.pack(">H", 1001))))
    assert picture.alpha.tolist() == [[255, 0, 255]]


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_colour_and_alpha(tmp_path, colour, channels):
    values = np.random.default_rng(1).integers(0, 65536, (5, 7 * channels))
    with pytest.warns(UserWarning, match="16 bits"):
        picture = read_picture(png(tmp_path / "a.png", 16, colour, values))
    pixels = values.reshape(5, 7, channels) / 257
    assert picture.grey == (colour == 4)
    assert np.abs(picture.rgb - pixels[..., : 1 if colour == 4 else 3]).max() <= 1
    if colour != 2:
        assert np.abs(picture.alpha - pixels[..., -1]).max() <= 1
    else:
        assert picture.alpha is None


def test_16_bit_colour_with_a_transparent_colour(tmp_path):
    """All 16 bits decide which pixel has that colour, though only 8 of them are kept."""
    values = np.array([[0, 5000, 10000, 0, 5001, 10000]])
    path = png(tmp_path / "a.png", 16, 2, values, (b"tRNS", struct.pack(">HHH", 0, 5000, 10000)))
    with pytest.warns(UserWarning, match="16 bits"):
        picture = read_picture(path)
    assert picture.alpha.tolist() == [[0, 255]]
    assert picture.rgb.tolist() == [[[0, 19, 39], [0, 19, 39]]]  # 5000 / 257 = 19.46, 10000 / 257 = 38.91


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_16_bit_tiff(tmp_path, photometric):
    levels = np.random.default_rng(2).integers(0, 65536, (5, 7), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric=photometric)
    with pytest.warns(UserWarning, match="16 bits"):
        picture = read_picture(tmp_path / "a.tif")
    black_is_zero = levels if photometric == "minisblack" else 65535 - levels
    assert np.array_equal(picture.rgb[..., 0], np.floor(black_is_zero / 257 + 0.5))


def test_16_bit_colour_tiff_warns(tmp_path):
    values = np.random.default_rng(3).integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    with pytest.warns(UserWarning, match="16 bits"):
        picture = read_picture(tmp_path / "a.tif")
    assert np.abs(picture.rgb - values / 257).max() <= 1


@pytest.mark.parametrize(
    ("cmyk", "rgb"), [((0, 0, 0, 0), (255,) * 3), ((0, 0, 0, 255), (0,) * 3), ((0, 255, 255, 0), (255, 0, 0))]
)
def test_cmyk_jpeg(tmp_path, cmyk, rgb):
    Image.new("CMYK", (16, 16), cmyk).save(tmp_path / "a.jpg", quality=95)
    pixels = load_image(tmp_path / "a.jpg").astype(int)
    assert np.abs(pixels - rgb).max() <= 3


def test_cmyk_with_a_profile_that_is_none(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", icc_profile=b"no profile")
    with pytest.warns(UserWarning, match="colour profile"):
        picture = read_picture(tmp_path / "a.jpg")
    assert picture.icc_profile is None
    assert np.abs(picture.rgb.astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("ending", [".gif", ".webp", ".tif", ".png"])
def test_several_frames_are_refused(tmp_path, rgb, ending):
    frames = [Image.fromarray(rgb), Image.fromarray(255 - rgb)]
    frames[0].save(tmp_path / f"a{ending}", save_all=True, append_images=frames[1:])
    with pytest.raises(UserError, match="2 frames"):
        read_picture(tmp_path / f"a{ending}")


def test_the_photo_of_a_phones_multi_picture_jpeg_is_read(tmp_path):
    photo, gain_map = Image.new("RGB", (32, 16), (200, 0, 0)), Image.new("RGB", (16, 8))
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[gain_map])
    with pytest.warns(UserWarning, match="multi-picture"):
        pixels = load_image(tmp_path / "a.jpg")
    assert pixels.shape == (16, 32, 3)
    assert np.abs(pixels.astype(int) - (200, 0, 0)).max() <= 3


def test_floating_point_and_lab_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "f.tif", np.zeros((4, 4), np.float32))
    with pytest.raises(UserError, match="floating-point"):
        read_picture(tmp_path / "f.tif")
    Image.new("LAB", (4, 4)).save(tmp_path / "l.tif")
    with pytest.raises(UserError, match="Lab"):
        read_picture(tmp_path / "l.tif")


def test_what_is_no_picture(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("not a picture")
    for name, reason in (("empty.png", "empty"), ("text.png", "not a picture"), ("none.png", "not a file")):
        with pytest.raises(UserError, match=f"{name}.*{reason}"):
            read_picture(tmp_path / name)
    with pytest.raises(UserError, match="not a file"):
        read_picture(tmp_path)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif", ".bmp"])
def test_a_file_cut_off_anywhere_is_a_clear_error(tmp_path, ending):
    photo = sample_photos()["chelsea"][:64, :64]
    save_image(tmp_path / f"whole{ending}", photo)
    whole = (tmp_path / f"whole{ending}").read_bytes()
    for share in (0.0005, 0.001, 0.005, 0.02, 0.1, 0.3, 0.5, 0.8, 0.95):
        (tmp_path / f"part{ending}").write_bytes(whole[: max(1, int(len(whole) * share))])
        with pytest.raises(UserError, match="part"):
            read_picture(tmp_path / f"part{ending}")


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (40_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_small_file_that_says_to_be_huge_is_refused(tmp_path, width, height):
    data = bytearray(png(tmp_path / "a.png", 8, 0, np.zeros((1, 1))).read_bytes())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(UserError, match=r"too large.*made to fill the memory|too large to be opened safely"):
        read_picture(tmp_path / "a.png")


def test_pillows_own_limit_does_not_hold(tmp_path, monkeypatch, rgb):
    """It ends at 178 million pixels, and an enlarged photo of 12 million has 192. For others it stays."""
    save_image(tmp_path / "a.png", rgb)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # of 54
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read_picture(tmp_path / "a.png").rgb, rgb)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(tmp_path / "a.png")


def test_a_picture_larger_than_the_memory_is_refused(tmp_path, monkeypatch, rgb):
    save_image(tmp_path / "a.png", rgb)
    monkeypatch.setattr(images.reading, "memory", lambda: 400.0)  # bytes
    with pytest.raises(UserError, match="of memory"):
        read_picture(tmp_path / "a.png")


def test_why_a_file_is_not_known(tmp_path):
    for name, data, reason in (
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(40), "pip install pillow-heif|damaged"),
        ("a.tif", b"II*\0" + struct.pack("<I", 8) + bytes(60), "begins like a TIFF file"),
        ("a.psd", b"8BPS" + bytes(60), "PNG, JPEG, WebP, AVIF, HEIC"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=reason):
            read_picture(tmp_path / name)


def test_a_heic_picture_is_read_where_its_package_is(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    colours = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    pillow_heif.from_pillow(Image.fromarray(colours)).save(tmp_path / "a.heic", quality=-1, chroma=444)
    assert np.abs(load_image(tmp_path / "a.heic").astype(int) - colours).max() <= 4


def test_targets_that_cannot_hold_the_picture(tmp_path):
    check_target(tmp_path / "a.png", 70_000, 70_000, alpha=True, profile=True)
    for name, about, reason in (
        ("a.gif", {}, "ending .gif"),
        ("a", {}, "none"),
        ("a.jpg", {"alpha": True}, "transparency"),
        ("a.bmp", {"alpha": True}, "transparency"),
        ("a.bmp", {"profile": True}, "colour profile"),
    ):
        with pytest.raises(UserError, match=reason):
            check_target(tmp_path / name, 10, 10, **about)
    with pytest.raises(UserError, match="65500 pixels"):
        check_target(tmp_path / "a.jpg", 1, 65501)
    with pytest.raises(UserError, match="16383 pixels"):
        check_target(tmp_path / "a.webp", 16384, 1)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        save_image(tmp_path / "folder.png", np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize(("ending", "side"), [(".jpg", 65500), (".webp", 16383)])
def test_the_longest_sides_are_those_that_the_formats_take(tmp_path, ending, side):
    save_image(tmp_path / f"a{ending}", np.zeros((1, side, 3), np.uint8))
    assert load_image(tmp_path / f"a{ending}").shape == (1, side, 3)
    with pytest.raises((OSError, ValueError)):
        Image.new("RGB", (side + 1, 1)).save(io.BytesIO(), format={".jpg": "JPEG", ".webp": "WEBP"}[ending])


def test_a_failed_write_leaves_the_old_file(tmp_path, rgb, monkeypatch):
    save_image(tmp_path / "a.png", rgb)
    before = (tmp_path / "a.png").read_bytes()

    def full_disk(self, path, **options):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(UserError, match="disk is full"):
        save_image(tmp_path / "a.png", 255 - rgb)
    assert (tmp_path / "a.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_arrays_and_tensors(rgb):
    tensor = to_tensor(rgb)
    assert tensor.shape == (1, 3, 6, 9)
    assert tensor.dtype == torch.float32
    assert tensor[0, 1, 2, 3].item() == pytest.approx(rgb[2, 3, 1] / 255)
    assert np.array_equal(to_image(tensor), rgb)
    assert np.array_equal(to_image(tensor[0]), rgb)
    levels = torch.tensor([-1.0, 0.5 / 255, 0.49 / 255, 2.0]).expand(3, 1, 4)
    assert to_image(levels)[0, :, 0].tolist() == [0, 1, 0, 255]
    assert np.array_equal(check_image(rgb[..., 0]), np.stack([rgb[..., 0]] * 3, axis=-1))


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8)]
)
def test_arrays_that_are_no_pictures(wrong):
    with pytest.raises(UserError, match="must be"):
        check_image(wrong)


@pytest.mark.parametrize(
    ("numbers", "advice"),
    [((0, 1.01), r"in \[0, 1\] use \(255"), ((0, 255), "pass it as it was"), ((), r"in \[0, 1\] use")],
)
def test_a_picture_that_was_converted_too_early_gets_its_own_advice(numbers, advice):
    """A network's output may pass 1 a little; 0 to 255 was uint8 before."""
    with pytest.raises(UserError, match=advice):
        check_image(np.resize(np.array(numbers, np.float64), (4, 4, 3)) if numbers else np.zeros((0, 4, 3)))


def test_tensors_that_are_no_picture():
    for shape in ((2, 3, 4, 4), (1, 1, 4, 4), (4, 4)):
        with pytest.raises(UserError, match="one picture"):
            to_image(torch.zeros(shape))
    levels = torch.full((3, 16, 16), 100, dtype=torch.uint8)  # clipped to 1, all of it would be white
    for use in (to_image, lambda tensor: psnr(tensor, tensor // 2)):
        with pytest.raises(UserError, match=r"torch\.uint8\. Divide levels 0\.\.255 by 255"):
            use(levels)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "gif", "avif"])
def test_a_pil_image_that_turns_out_to_be_damaged_or_closed(tmp_path, kind):
    """Pillow decodes when the pixels are first needed, and raises errors of many types."""
    if kind == "avif" and not features.check("avif"):
        pytest.skip("this version of Pillow has no AVIF")
    whole, opened = io.BytesIO(), 0
    Image.fromarray(sample_photos()["chelsea"][:64, :64]).save(whole, kind)
    for share in (0.5, 0.8, 0.95):
        part = io.BytesIO(whole.getvalue()[: int(share * len(whole.getvalue()))])
        try:
            image = Image.open(part)
        except OSError:
            continue
        opened += 1
        with pytest.raises(UserError, match="closed, damaged or cut off"):
            check_image(image)
    assert opened or kind in ("webp", "tiff")  # in these, opening already fails
    image = Image.open(whole)
    image.close()
    with pytest.raises(UserError, match=r"closed, damaged or cut off.*Open it again"):
        check_image(image)


def test_sample_photos():
    photos = sample_photos()
    assert len(photos) == 14
    for photo in photos.values():
        assert photo.dtype == np.uint8
        assert photo.shape[2] == 3
        assert min(photo.shape[:2]) >= 300
    photos["camera"][:] = 0
    assert sample_photos()["camera"].max() > 0  # what a lesson paints on is its own copy
