"""What a picture file says beside its pixels: EXIF (date, camera, place) and the resolution in dots per inch.

EXIF is kept as the bytes that the camera wrote, entries included that no reader understands; only what is no longer
true of the enlarged picture, its orientation and its size, is set again (EXIF 2.32, 4.6).
"""

import math
import struct
from collections.abc import Iterator

from PIL import Image

ORIENTATION, WIDTH, HEIGHT, EXIF_IFD = 0x0112, 0xA002, 0xA003, 0x8769
HEADER = b"Exif\0\0"
# Of a TIFF, whose own tags are its EXIF: description, make, model, software, date, artist, copyright; Exif and GPS.
_TOLD = (270, 271, 272, 305, 306, 315, 33432)
_FOLDERS = (EXIF_IFD, 0x8825)


def orientation(image: Image.Image) -> int:
    """How an opened picture is to be turned: 1 to 8; 1, as it is, where that is not told or makes no sense."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # of odd entries Pillow raises nearly anything; pixels that can be read do not depend on them
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def read_exif(image: Image.Image) -> bytes | None:
    """The EXIF of a loaded picture, or None where there is none, or none that can be read."""
    try:
        found = image.info.get("exif") or _from_tags(image)
    except Exception:
        return None
    if not isinstance(found, bytes) or not found:
        return None
    return found if found.startswith(HEADER) else HEADER + found


def _from_tags(image: Image.Image) -> bytes | None:
    there, kept = image.getexif(), Image.Exif()
    for tag in _TOLD:
        if isinstance(there.get(tag), str):
            kept[tag] = there[tag]
    for tag in _FOLDERS:
        if inner := there.get_ifd(tag):
            kept.get_ifd(tag).update(inner)
            kept[tag] = dict(inner)
    return kept.tobytes() if len(kept) else None


def read_dpi(image: Image.Image) -> tuple[float, float] | None:
    """Dots per inch, where the file tells any that a file can hold."""
    try:
        x, y = (float(value) for value in image.info["dpi"])
    except Exception:  # missing, one number, a fraction by zero
        return None
    return (x, y) if all(math.isfinite(value) and 1 <= value <= 65535 for value in (x, y)) else None


def renewed(exif: bytes, height: int, width: int) -> bytes:
    """The same EXIF of a picture that is upright and has so many pixels. What cannot be understood stays as it is."""
    data = bytearray(exif)
    new = {ORIENTATION: 1, WIDTH: width, HEIGHT: height}
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[6:8]))
    if order is None or len(data) < 14:
        return exif
    first = struct.unpack_from(order + "I", data, 10)[0]
    for tag, place in _entries(data, order, first):
        if tag == ORIENTATION:
            _set(data, order, place, new[tag])
        elif tag == EXIF_IFD:
            for inner, inside in _entries(data, order, struct.unpack_from(order + "I", data, place + 8)[0]):
                if inner in (WIDTH, HEIGHT):
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
    """Writes one number into an entry: as a 16-bit number if it fits, else as a 32-bit one."""
    short = value < 65536
    packed = struct.pack(order + "HI", 3 if short else 4, 1) + struct.pack(
        order + ("HH" if short else "I"), value, *([0] if short else [])
    )
    data[place + 2 : place + 12] = packed
