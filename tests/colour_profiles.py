"""Profiles with the primaries of P3, written by the numbers of their definition: no file comes with every system."""

import struct

# Primaries adapted to D50 (Apple's Display P3; SMPTE RP 431-2 with the white point D65), and the curve of sRGB
PRIMARIES = {
    "rXYZ": (0.51512, 0.24120, -0.00105),
    "gXYZ": (0.29198, 0.69225, 0.04189),
    "bXYZ": (0.15710, 0.06657, 0.78407),
}
CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def p3(gamma: float | None = None) -> bytes:
    """An ICC profile of version 4 (ICC.1:2010): Display P3, or with a plain power in place of sRGB's curve."""
    text = "P3".encode("utf-16-be")
    mluc = b"mluc" + bytes(4) + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(text), 28) + text
    tags = {"desc": mluc, "cprt": mluc, "wtpt": b"XYZ " + bytes(4) + _fixed(0.9642, 1, 0.8249)}
    tags |= {name: b"XYZ " + bytes(4) + _fixed(*xyz) for name, xyz in PRIMARIES.items()}
    kind, numbers = (3, CURVE) if gamma is None else (0, (gamma,))
    curve = b"para" + bytes(4) + struct.pack(">HH", kind, 0) + _fixed(*numbers)
    tags |= dict.fromkeys(("rTRC", "gTRC", "bTRC"), curve)
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name.encode() + struct.pack(">II", at + len(body), len(data))
        body += data
    content = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(">I4sI4s4s4s", 128 + len(content), b"    ", 0x04200000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _fixed(0.9642, 1, 0.8249)
    return header + bytes(128 - len(header)) + content
