"""Files made to attack: each is refused with a sentence, nothing in it is run, and nothing is written outside."""

import json
import os
import pickle
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from loopback import Answer
from rating_rows import values
from rating_samples import small_study
from safetensors.torch import save_file

from srgan_lessons import UserError
from srgan_lessons.classroom.progress import read_export
from srgan_lessons.datasets.unzip import unzip_safely
from srgan_lessons.datasets.verification import SUMS, _read_sums
from srgan_lessons.download import download
from srgan_lessons.images import read_picture
from srgan_lessons.models import ESPCN
from srgan_lessons.rating import Study
from srgan_lessons.rating.manifest import MANIFEST, manifest_hash
from srgan_lessons.rating.votefile import VoteFile
from srgan_lessons.rating.votes import read_file
from srgan_lessons.training.checkpoint import read_checkpoint
from srgan_lessons.training.plan import read_plan
from srgan_lessons.weights import load_network

DEEP = "[" * 200_000  # as deep as no reader of JSON goes


class Strike:
    """What a pickle can hold: a call. It would leave a file behind."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def safetensors(path: Path, header: bytes, *, length: int | None = None, data: bytes = b"") -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


def tensor(start: int, end: int, shape: list[int], kind: str = "F32") -> bytes:
    return json.dumps({"a": {"dtype": kind, "shape": shape, "data_offsets": [start, end]}}).encode()


def about(path: Path, network: str) -> Path:
    save_file({"a": torch.zeros(1)}, path, metadata={"network": network})
    return path


WEIGHTS: dict[str, Callable[[Path], Path]] = {
    "a pickle": lambda at: torch.save({"a": Strike(at / "struck")}, at / "w.pt") or at / "w.pt",
    "a pickle under another name": lambda at: (
        torch.save({"a": Strike(at / "struck")}, at / "w.safetensors") or at / "w.safetensors"
    ),
    "a bare pickle under another name": lambda at: (
        (at / "w.safetensors").write_bytes(pickle.dumps(Strike(at / "struck"))) and at / "w.safetensors"
    ),
    "a header of 9 exabytes": lambda at: safetensors(at / "w.safetensors", b"{}", length=2**63 - 1),
    "a header longer than the file": lambda at: safetensors(at / "w.safetensors", b"{}", length=10**6),
    "a header that is too deep": lambda at: safetensors(at / "w.safetensors", DEEP.encode()),
    "numbers beyond the file": lambda at: safetensors(at / "w.safetensors", tensor(0, 2**40, [2**38])),
    "numbers that end before they begin": lambda at: safetensors(
        at / "w.safetensors", tensor(8, 0, [2]), data=bytes(8)
    ),
    "a shape that is not that of its bytes": lambda at: safetensors(
        at / "w.safetensors", tensor(0, 4, [2**31, 2**31]), data=bytes(4)
    ),
    "a network of a billion blocks": lambda at: about(
        at / "w.safetensors", '{"kind": "generator", "blocks": 1000000000, "channels": 64}'
    ),
    "a description that is too deep": lambda at: about(at / "w.safetensors", DEEP),
    "a network named by code": lambda at: about(at / "w.safetensors", '{"kind": "__import__(\'os\').abort()"}'),
}


@pytest.mark.parametrize("attack", WEIGHTS)
def test_weights(tmp_path, attack):
    path = WEIGHTS[attack](tmp_path)
    with pytest.raises(UserError, match=path.name):
        load_network(path)
    assert not (tmp_path / "struck").exists()


CHECKPOINTS: dict[str, Callable[[Path, Path], object]] = {
    "a call": lambda path, mark: torch.save({"format": 1, "network": Strike(mark)}, path),
    "a call without an archive": lambda path, mark: path.write_bytes(pickle.dumps({"format": Strike(mark)})),
    "a call in the old form": lambda path, mark: torch.save(Strike(mark), path, _use_new_zipfile_serialization=False),
    "an endless nesting": lambda path, mark: path.write_bytes(b"\x80\x02" + b"(" * 200_000 + b"."),
    "an archive without a pickle": lambda path, mark: zipfile.ZipFile(path, "w").writestr("x", "y"),
}


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("attack", CHECKPOINTS)
def test_checkpoints(tmp_path, attack):
    CHECKPOINTS[attack](tmp_path / "step_00000001.pt", tmp_path / "struck")
    with pytest.raises(UserError, match=r"was refused|is damaged or incomplete"):
        read_checkpoint(tmp_path / "step_00000001.pt")
    assert not (tmp_path / "struck").exists()


def member(
    name: str, *, link: bool = False, size: int | None = None, encrypted: bool = False, data: bytes = b"x" * 100
) -> Callable[[Path], None]:
    """Makes a zip with that one member. size: how large it says to be."""

    def make(path: Path) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = ((stat.S_IFLNK if link else stat.S_IFREG) | 0o777) << 16
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(info, "/etc/passwd" if link else data)
        forged = bytearray(path.read_bytes())
        at = forged.index(b"PK\1\2")  # the central directory
        if size is not None:
            forged[at + 24 : at + 28] = struct.pack("<I", size)
        forged[at + 8] |= int(encrypted)
        path.write_bytes(forged)

    return make


ZIPS = {
    "a way up": member("../../outside.png"),
    "a way up with backslashes": member("..\\..\\outside.png"),
    "a path from the root": member("/tmp/outside.png"),
    "a drive": member("C:\\outside.png"),
    "a link": member("a.png", link=True),
    "more than it says": member("a.png", data=bytes(50_000_000), size=100),
    "a secret": member("a.png", encrypted=True),
}


@pytest.mark.parametrize("attack", ZIPS)
def test_zips(tmp_path, attack):
    inside = tmp_path / "here" / "there"
    inside.mkdir(parents=True)
    ZIPS[attack](inside / "a.zip")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=r"a\.zip|not complete|disk"):
        unzip_safely(inside / "a.zip", inside / "out", progress=False)
    assert [path for path in sorted(tmp_path.rglob("*")) if path.is_file() and path not in before] == []
    assert not Path("/tmp/outside.png").exists()


def forged(folder: Path, **changes) -> Path:
    """A study whose manifest was changed by somebody who can compute its hash too."""
    study = small_study(folder)
    manifest = json.loads((study.folder / MANIFEST).read_text(encoding="utf-8"))
    for name, change in changes.items():
        change(manifest[name]) if callable(change) else manifest.__setitem__(name, change)
    manifest["hash"] = manifest_hash(manifest)
    (study.folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return study.folder


STUDIES: dict[str, dict] = {
    "a stimulus outside": {"stimuli": lambda stimuli: stimuli[0].update(name="../../secret.png")},
    "a stimulus at the root": {"stimuli": lambda stimuli: stimuli[0].update(name="/etc/passwd")},
    "stimuli that are none": {"stimuli": 7},
    "a stimulus without a hash": {"stimuli": lambda stimuli: stimuli[0].pop("sha256")},
    "settings that are none": {"settings": {"repeats": "a"}},
}


@pytest.mark.parametrize("attack", STUDIES)
def test_studies(tmp_path, attack):
    (tmp_path / "secret.png").write_bytes(b"secret")
    folder = forged(tmp_path / "given", **STUDIES[attack])
    with pytest.raises(UserError):
        Study.open(folder)


TEXTS: dict[str, Callable[[Path], object]] = {
    "a study that is too deep": lambda at: ((at / MANIFEST).write_text(DEEP), Study.open(at)),
    "an export that is too deep": lambda at: ((at / "a.json").write_text(DEEP), read_export(at / "a.json")),
    "a plan that is too deep": lambda at: ((at / "plan.json").write_text(DEEP), read_plan(at)),
    "hashes that are too deep": lambda at: ((at / SUMS).write_text(DEEP), _read_sums(at)),
    "votes through a link to a device": lambda at: ((at / "v.jsonl").symlink_to("/dev/zero"), VoteFile(at / "v.jsonl")),
}


@pytest.mark.parametrize("attack", TEXTS)
def test_texts(tmp_path, attack):
    with pytest.raises(UserError, match=tmp_path.name):
        TEXTS[attack](tmp_path)


def test_votes_that_are_none_are_left_out(tmp_path):
    """Of a file of votes each line stands for itself: the forged ones are named, the true ones are read."""
    forgeries = [DEEP, '{"a":' * 100_000, '{"score": ' + "9" * 5000 + "}", '{"score": NaN}', "\x00" * 100]
    (tmp_path / "v.jsonl").write_bytes("\n".join(forgeries).encode() + b"\n" + json.dumps(values(0)).encode() + b"\n")
    rows, problems = read_file(tmp_path / "v.jsonl")
    assert (len(rows), len(problems)) == (1, len(forgeries))


def bomb() -> bytes:
    """A PNG of 3 kB that would unpack to 900 million pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(10**6)))]
    chunks = [(len(d), k, d, zlib.crc32(k + d)) for k, d in [*parts, (b"IEND", b"")]]
    packed = (struct.pack(">I", n) + k + d + struct.pack(">I", crc) for n, k, d, crc in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_a_picture_that_would_fill_the_memory(tmp_path):
    (tmp_path / "a.png").write_bytes(bomb())
    with pytest.raises(UserError, match="made to fill the memory"):
        read_picture(tmp_path / "a.png")


def test_a_server_that_sends_more_than_it_said(site, tmp_path):
    url = site.put("/file", Answer(body=b"x" * 200_000))
    with pytest.raises(UserError):
        download(url, tmp_path / "a.bin", size=1000, progress=False)
    assert not (tmp_path / "a.bin").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="making links takes rights there")
def test_a_link_in_a_results_place_is_not_followed(tmp_path):
    """What is written replaces the link; the file that it leads to stays."""
    from srgan_lessons.weights import save_network

    (tmp_path / "precious").write_text("mine")
    os.symlink(tmp_path / "precious", tmp_path / "w.safetensors")
    save_network(tmp_path / "w.safetensors", ESPCN())
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "w.safetensors").is_symlink()


def test_there_are_many_of_them():
    assert sum(map(len, (WEIGHTS, CHECKPOINTS, ZIPS, STUDIES, TEXTS))) + 5 + 3 >= 40  # votes by line, and single ones
