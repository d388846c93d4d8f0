"""Tries thousands of broken and forged picture files: each must be read, or refused with a sentence.

    python benchmarks/broken_pictures.py --inputs 20000 --seed 1

It takes the files of tests/picture_kinds.py and changes each at random: it flips bits, overwrites numbers, and cuts
out, repeats or exchanges pieces. Usually, it then corrects the checksums of a PNG, so that the readers look at the
change itself. Each file goes to `read_picture` and, if that succeeds, to `upscale_file`. No exception except UserError
is allowed. The script prints how many files were read and refused, the slowest input, the largest memory, and each
input that did anything else; the exit status is 1 if there is one. An input depends only on its number and the seed, so
`--only 1234 --keep FOLDER` makes it again.
"""

import argparse
import faulthandler
import json
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from picture_kinds import kinds  # noqa: E402

from srgan_lessons import UserError  # noqa: E402

PORTION = 500  # inputs in one process
SLOW, HANGS = 10, 300  # seconds: the limit in processor time; the time by the clock after which the process is ended
NUMBERS = (0, 1, 2, 7, 8, 16, 127, 128, 255, 256, 4096, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def changed(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """The same file with one to four changes."""
    file = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        how, size = chance.randrange(8), len(file)
        if size < 8:
            return bytes(file)
        # Changes in the first bytes have the largest effect
        at = chance.randrange(min(size, 200) if chance.random() < 0.6 else size)
        length = min(chance.choice((1, 2, 4, 8, 32, 256)), size - at)
        if how == 0:
            file[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            file[at : at + length] = chance.randbytes(length)
        elif how == 2:
            number, form = chance.choice(NUMBERS), chance.choice(("<H", ">H", "<I", ">I"))
            packed = struct.pack(form, number & (65535 if form[1] == "H" else 2**32 - 1))
            file[at : at + len(packed)] = packed
        elif how == 3:
            del file[at : at + length]
        elif how == 4:
            file[at:at] = file[at : at + length] * chance.choice((1, 2, 50))
        elif how == 5:
            other = chance.choice(others)
            start = chance.randrange(len(other))
            file[at : at + length] = other[start : start + length]
        elif how == 6:
            del file[chance.randrange(size) :]
        else:
            file[at] = chance.choice((0, 1, 127, 128, 254, 255))
    return bytes(file)


def with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the right checksums, as far as its chunks can be followed."""
    file, at = bytearray(data), 8
    while at + 12 <= len(file):
        length = struct.unpack_from(">I", file, at)[0]
        end = at + 8 + length
        if end + 4 > len(file):
            break
        file[end : end + 4] = struct.pack(">I", zlib.crc32(file[at + 4 : end]))
        at = end + 4
    return bytes(file)


class Inputs:
    """Input number -> (name of the kind, ending, bytes)."""

    def __init__(self, seed: int):
        self.seed = seed
        self.kinds = [(kind.name, kind.ending, kind.make()) for kind in kinds()]
        self.files = [data for _, _, data in self.kinds]

    def __getitem__(self, number: int) -> tuple[str, str, bytes]:
        chance = random.Random(f"{self.seed}/{number}")
        name, ending, data = self.kinds[number % len(self.kinds)]
        broken = changed(data, chance, self.files)
        return name, ending, with_checksums(broken) if ending == ".png" and chance.random() < 0.8 else broken


def look_at(path: Path, folder: Path) -> str:
    """Returns "read", "refused", or what was wrong. Exceptions other than UserError are passed on."""
    from srgan_lessons.images import read_picture, upright_size
    from srgan_lessons.upscaling import upscale_file

    try:
        size = upright_size(path)
        pixels = read_picture(path).rgb
    except UserError as error:
        return "refused" if path.name in str(error) and len(str(error)) < 1000 else f"refused unclearly: {error}"
    if pixels.shape[1::-1] != size:
        return f"{pixels.shape} is not {size}"
    if pixels.shape[0] * pixels.shape[1] < 100_000:
        try:
            upscale_file(path, folder / "out.png", "nearest")
        except UserError as error:
            return f"read, but not enlarged: {error}"
    return "read"


def portion(first: int, count: int, seed: int) -> None:
    """Looks at some inputs in this process; prints a line of JSON before and after each input."""
    warnings.simplefilter("ignore")
    inputs = Inputs(seed)
    import srgan_lessons.upscaling  # noqa: F401  so that the first input does not wait for it

    with tempfile.TemporaryDirectory() as temporary:
        for number in range(first, first + count):
            name, ending, data = inputs[number]
            path = Path(temporary, f"in{ending}")
            path.write_bytes(data)
            print(json.dumps({"number": number, "name": name}), flush=True)
            faulthandler.dump_traceback_later(HANGS, exit=True)
            start = time.process_time()  # processor time, because the machine may be busy
            try:
                outcome = look_at(path, Path(temporary))
            except Exception as error:
                outcome = f"{type(error).__name__}: {error}"
            faulthandler.cancel_dump_traceback_later()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # GB, on Linux
            result = {"outcome": outcome, "seconds": time.process_time() - start, "peak": peak}
            print(json.dumps({"number": number, "name": name} | result), flush=True)


def run(inputs: int, seed: int) -> dict:
    """Tries all inputs, a few hundred in each process. `wrong` has those that neither succeeded nor failed properly."""
    counts, wrong, slowest, peak, done = {"read": 0, "refused": 0}, [], (0.0, None), 0.0, 0
    while done < inputs:
        size = min(PORTION, inputs - done)
        command = [sys.executable, __file__, "--portion", str(done), str(size), "--seed", str(seed)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        last = {"number": done - 1}
        try:
            for line in process.stdout:
                last = json.loads(line)
                if "outcome" not in last:
                    continue
                peak = max(peak, last["peak"])
                slowest = max(slowest, (last["seconds"], last["number"]))
                if last["outcome"] in counts:
                    counts[last["outcome"]] += 1
                else:
                    wrong.append(last)
                if last["seconds"] > SLOW:
                    wrong.append(last | {"outcome": f"took {last['seconds']:.0f} s"})
        finally:
            process.kill()
            process.wait()
        if "outcome" not in last and last["number"] >= done:  # this input killed the process
            wrong.append(last | {"outcome": f"the process ended with {process.returncode}"})
        done = last["number"] + 1 if last["number"] >= done else done + size
    return counts | {"wrong": wrong, "slowest": slowest, "peak": peak}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="make only this input")
    parser.add_argument("--keep", type=Path, help="with --only: the folder into which it is written")
    parser.add_argument("--portion", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.portion:
        portion(*options.portion, options.seed)
        return 0
    if options.only is not None:
        name, ending, data = Inputs(options.seed)[options.only]
        path = (options.keep or Path()) / f"{options.only}-{name}{ending}"
        path.write_bytes(data)
        print(path, look_at(path, path.parent))
        return 0
    start = time.perf_counter()
    found = run(options.inputs, options.seed)
    print(f"{options.inputs} inputs of {len(Inputs(0).kinds)} kinds, seed {options.seed}")
    print(f"read {found['read']}, refused {found['refused']}, anything else {len(found['wrong'])}")
    seconds, number = found["slowest"]
    print(f"slowest {seconds:.1f} s (input {number}), most memory {found['peak']:.2f} GB")
    print(f"{time.perf_counter() - start:.0f} s in all")
    for one in found["wrong"]:
        print(f"input {one['number']}, {one['name']}: {one['outcome']}")
    return int(bool(found["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
