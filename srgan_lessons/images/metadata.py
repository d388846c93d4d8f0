"""What a picture file contains besides its pixels: EXIF (date, camera, place) and the resolution in dots per inch.

EXIF is kept as the bytes that the camera wrote, including entries that no reader understands. Only orientation and size
are set again, because they no longer apply to the enlarged picture (EXIF 2.32, 4.6). In a TIFF, some entries would
describe its pixels, so it keeps only a few.
"""

import math
import struct
from collections.abc import Iterator

from PIL import Image

ORIENTATION, EXIF_IFD = 0x0112, 0x8769
WIDTHS, HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)  # many phones write the size into the first directory, too
HEADER = b"Exif\0\0"
# What is kept when a TIFF is read or written. Its tags are its EXIF, and others would describe its pixels. Kept are
# description, make, model, software, date, artist and copyright; also the directories Exif and GPS.
_TOLD = (270, 271, 272, 305, 306, 315, 33432)
_FOLDERS = (EXIF_IFD, 0x8825)


def orientation(image: Image.Image) -> int:
    """How an opened picture must be turned, 1 to 8. It is 1 (not at all) if the file says nothing, or nonsense."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # for odd entries, Pillow raises almost anything; the pixels may still be readable
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def read_exif(image: Image.Image) -> bytes | None:
    """The EXIF of a loaded picture, or None if there is none or it cannot be read."""
    try:
        found = image.info.get("exif") or _told(image.getexif())
    except Exception:
        return None
    if not isinstance(found, bytes) or not found:
        return None
    return found if found.startswith(HEADER) else HEADER + found


def for_tiff(exif: bytes) -> bytes | None:
    """The entries that a TIFF can keep among its tags, or None. For odd entries, Pillow may raise almost anything."""
    there = Image.Exif()
    there.load(exif)
    if any(tag in there and not isinstance(there[tag], str) for tag in _TOLD):
        raise ValueError("an entry that must be a text is something else")
    return _told(there)


def _told(there: Image.Exif) -> bytes | None:
    kept = Image.Exif()
    for tag in _TOLD:
        if isinstance(there.get(tag), str):
            kept[tag] = there[tag]
    for tag in _FOLDERS:
        if inner := there.get_ifd(tag):
            kept.get_ifd(tag).update(inner)
            kept[tag] = dict(inner)
    return kept.tobytes() if len(kept) else None


def read_dpi(image: Image.Image) -> tuple[float, float] | None:
    """Dots per inch (x, y); None if the file does not say, or says something that cannot be written."""
    try:
        x, y = (float(value) for value in image.info["dpi"])
    except Exception:  # missing, a single number, or a division by zero
        return None
    return (x, y) if all(math.isfinite(value) and 1 <= value <= 65535 for value in (x, y)) else None


def renewed(exif: bytes, height: int, width: int) -> bytes:
    """The same EXIF for an upright picture of that size. Entries that cannot be understood stay as they are."""
    data = bytearray(exif)
    new = {ORIENTATION: 1} | dict.fromkeys(WIDTHS, width) | dict.fromkeys(HEIGHTS, height)
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[6:8]))
    if order is None or len(data) < 14:
        return exif
    first = struct.unpack_from(order + "I", data, 10)[0]
    for tag, place in _entries(data, order, first):
        if tag in new:
            _set(data, order, place, new[tag])
        elif tag == EXIF_IFD:
            for inner, inside in _entries(data, order, struct.unpack_from(order + "I", data, place + 8)[0]):
                if inner in new:
                    _set(data, order, inside, new[inner])
    return bytes(data)


def _entries(data: bytearray, order: str, offset: int) -> Iterator[tuple[int, int]]:
    """Tag and place of each entry of a directory that begins `offset` bytes after the TIFF header."""
    start = len(HEADER) + offset
    if start + 2 > len(data):
        return
    for k in range(struct.unpack_from(order + "H", data, start)[0]):
        place = start + 2 + 12 * k
        if place + 12 > len(data):
            return
        yield struct.unpack_from(order + "H", data, place)[0], place


def _set(data: bytearray, order: str, place: int, value: int) -> None:
    """Writes one number into an entry: as a 16-bit number if it fits, otherwise as a 32-bit one."""
    short = value < 65536
    packed = struct.pack(order + "HI", 3 if short else 4, 1) + struct.pack(
        order + ("HH" if short else "I"), value, *([0] if short else [])
    )
    data[place + 2 : place + 12] = packed
