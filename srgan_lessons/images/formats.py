"""The kinds of picture files: the endings of their names, and the limits of each kind."""

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

from PIL import Image, features

from srgan_lessons.files import list_folder

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]  # on other systems it is a module

# Pillow's names of the formats that are read, with the endings of their files.
READABLE = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),  # .mpo: several JPEGs in one file; phones name it .jpg
    "WEBP": (".webp",),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif"),  # with the package pillow-heif, if it is installed
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2", ".j2k", ".jpf", ".jpx"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "DIB": (),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
SUFFIXES = tuple(ending for endings in READABLE.values() for ending in endings)

# Ending -> Pillow's name of the format that is written.
_JPEG = dict.fromkeys((".jpg", ".jpeg", ".jfif"), "JPEG")
WRITABLE = {".png": "PNG", **_JPEG, ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}
if features.check("avif"):  # from Pillow 11.3 on
    WRITABLE[".avif"] = "AVIF"

# The most pixels that a picture may have. A photo of 67 million pixels becomes this large, and must be readable again.
MOST_PIXELS = 2**30

# The longest side, in pixels, that a format or Pillow's writer for it allows.
LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383, "AVIF": 32768}
# The largest picture, in pixels, that readers of a format accept. AVIF: libavif's limit.
LARGEST = {"AVIF": 2**28}
# Formats whose addresses within a file have 32 bits.
FOUR_GIGABYTES = ("BMP", "TIFF")


def add_heif() -> None:
    """Teaches Pillow to read HEIC, if the package pillow-heif is installed."""
    if "HEIF" not in Image.OPEN:
        with suppress(ImportError, OSError):  # OSError: a library that it needs is missing
            import pillow_heif

            pillow_heif.register_heif_opener()


def why_unknown(head: bytes) -> str:
    """What to do about a file that no reader recognises, judging by its first bytes."""
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"heim", b"heis"):
        return "It is a HEIC picture, which the package pillow-heif reads: pip install pillow-heif. Or save it as JPEG."
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return "It is an AVIF picture, which this version of Pillow does not read: pip install -U pillow."
    return f"PNG, JPEG, WebP, AVIF, HEIC, TIFF, JPEG 2000, GIF, BMP and PPM can be read. {SAVE_AS}"


SAVE_AS = "Save it as PNG or JPEG."


def is_picture(path: Path) -> bool:
    """Whether a file's name has the ending of a readable picture, in upper or lower case."""
    return path.suffix.lower() in SUFFIXES


def pictures_in(folder: str | Path) -> list[Path]:
    """The picture files of a folder, sorted, without hidden ones. Raises UserError if the folder cannot be read."""
    return [path for path in list_folder(folder) if is_picture(path) and not os.path.isdir(path)]


def endings(paths: list[Path]) -> str:
    """How many files there are with each ending: "2 .psd, 1 .txt"."""
    counts = Counter(path.suffix.lower() or "(no ending)" for path in paths)
    return ", ".join(f"{count} {ending}" for ending, count in sorted(counts.items()))


def memory() -> float:
    """Bytes of RAM that this process may use; infinity if the system does not say."""
    if resource is None:
        return float("inf")
    limits = [float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # a container's share: cgroup 2 and 1
        path = Path("/sys/fs/cgroup", name)
        text = path.read_text().strip() if path.is_file() else "max"
        limits += [float(text)] if text != "max" else []
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)  # `ulimit -d`
    return min(limits + ([float(soft)] if soft != resource.RLIM_INFINITY else []))
