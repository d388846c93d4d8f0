"""Folders, names and consoles as people have them: no command ends in a traceback."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from picture_kinds import tiff, tiff_tags
from PIL import Image
from rating_samples import small_study
from safetensors.torch import load_file, save_file

from srgan_lessons import UserError, cli
from srgan_lessons.cli import main
from srgan_lessons.datasets import benchmark, load_photos
from srgan_lessons.files import list_folder
from srgan_lessons.images import load_image, save_image
from srgan_lessons.models import ESPCN
from srgan_lessons.rating.votes import vote_files
from srgan_lessons.weights import load_network, read_metadata, save_network

ROOT = Path(__file__).resolve().parents[1]
NEAREST = ("--weights", "nearest")
NAMES = ("山", "naïve ☕", "a'b\"c", "\u202egnp", "e\u0301")


def picture(seed: int = 0, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def in_a_narrow_console(*arguments: str) -> tuple[int, str]:
    """Runs a command whose output goes through a pipe on Windows, in cp1252: its status, and what it printed."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patched:
        for name, stream in zip(("stdout", "stderr"), streams, strict=True):
            patched.setattr(sys, name, stream)
        status = main(arguments)
        for stream in streams:
            stream.flush()
    return status, "".join(stream.buffer.getvalue().decode("cp1252") for stream in streams)


# --- consoles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_upscale_prints_any_name(tmp_path, name):
    save_image(tmp_path / "in" / f"{name}.png", picture())
    (tmp_path / "in" / f"{name} broken.png").write_text("no picture")
    status, said = in_a_narrow_console("upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out"), *NEAREST)
    assert status == 1
    assert "_x4.png" in said
    assert "broken.png was not enlarged" in said
    assert load_image(tmp_path / "out" / f"{name}_x4.png").shape == (32, 32, 3)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the file system takes text alone for a name")
def test_a_name_that_is_no_text(tmp_path):
    (tmp_path / "in").mkdir()
    save_image(tmp_path / "in" / "a.png", picture())
    os.rename(tmp_path / "in" / "a.png", os.fsencode(tmp_path / "in") + b"/\xff\xfe.png")
    status, said = in_a_narrow_console("upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out"), *NEAREST)
    assert status == 0
    assert os.listdir(os.fsencode(tmp_path / "out")) == [b"\xff\xfe_x4.png"]
    assert "\\udcff\\udcfe_x4.png" in said


def test_a_table_of_a_class_with_any_names(tmp_path):
    for name in NAMES[:2]:
        (tmp_path / f"{name}.json").write_text("{}")  # no export of progress, and named so
    status, said = in_a_narrow_console("progress", str(tmp_path))
    assert status == 1
    assert "\\u5c71.json" in said
    assert "naïve \\u2615.json" in said


def test_merging_votes_in_folders_of_any_name(tmp_path):
    study = small_study(tmp_path / "山")
    votes = tmp_path / "☕"
    votes.mkdir()
    (votes / "a.JSONL").write_text("no vote\n")
    out = str(tmp_path / "all☕.jsonl")
    _, said = in_a_narrow_console("study", "merge", str(votes), "-o", out, "--study", str(study.folder))
    assert "all\\u2615.jsonl" in said


def test_warnings_show_no_source_lines(tmp_path):
    """Ours say what was done; Pillow's remarks on odd metadata name no file and are left out."""
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "a.png")  # 16 bits
    # A TIFF whose width stands there twice, on which Pillow remarks
    tags = tiff_tags((4, 4), 8, 1) | {256: (3, [4, 4])}
    (tmp_path / "b.tif").write_bytes(tiff([bytes(16)], tags))
    with pytest.warns(UserWarning, match="Metadata Warning"):
        load_image(tmp_path / "b.tif")
    command = [
        sys.executable,
        "-W",
        "default",
        "-m",
        "srgan_lessons",
        "upscale",
        tmp_path / "a.png",
        tmp_path / "b.tif",
    ]
    done = subprocess.run(
        [*command, "-o", tmp_path / "out", *NEAREST], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert f"srgan-lessons: {tmp_path / 'a.png'}: 16 bits a channel were reduced to 8" in done.stderr
    assert ".py" not in done.stderr
    assert "Metadata" not in done.stderr


def test_errors_of_the_system_and_too_little_memory_are_sentences(monkeypatch, capsys):
    for error, words in (
        (OSError(5, "Input/output error", "photo.png"), "Input/output error: 'photo.png'"),
        (MemoryError(), "more memory than there is"),
        (ImportError("libtorch_python.so: failed to map segment from shared object"), "more memory than there is"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "more memory than there is"),
    ):
        monkeypatch.setattr(cli, "_doctor", lambda arguments, error=error: (_ for _ in ()).throw(error))
        assert main(["doctor"]) == 2
        assert words in capsys.readouterr().err
    monkeypatch.setattr(cli, "_doctor", lambda arguments: (_ for _ in ()).throw(RuntimeError("a fault of ours")))
    with pytest.raises(RuntimeError, match="a fault of ours"):
        main(["doctor"])


# --- endings in any case, and what is not looked at ------------------------------------------------------------------


def test_a_set_of_one_s_own_is_measured_as_a_whole(tmp_path):
    hr, lr = tmp_path / "Mine" / "HR", tmp_path / "Mine" / "LR_bicubic_x4"
    for name in ("A.PNG", "b.png", "c.jpg"):
        save_image(hr / name, picture(size=32))
    assert [item.name for item in benchmark("Mine", tmp_path)] == ["A", "b", "c"]
    for name in ("A.png", "b.PNG"):
        save_image(lr / name, picture(size=8))
    with pytest.raises(UserError, match=r"only one of them has c\."):
        benchmark("Mine", tmp_path)
    save_image(lr / "c.Png", picture(size=8))
    assert [item.lr.name for item in benchmark("Mine", tmp_path)] == ["A.png", "b.PNG", "c.Png"]
    save_image(hr / "A.jpg", picture(size=32))
    with pytest.raises(UserError, match=r"A.* would be the same image, 'A'"):
        benchmark("Mine", tmp_path)


def test_votes_and_exports_are_found_in_any_case(tmp_path):
    (tmp_path / "a.JSONL").write_text("")
    assert [path.name for path in vote_files(tmp_path)] == ["a.JSONL"]


# --- links, rights, files that vanish --------------------------------------------------------------------------------


def as_nobody(work: Callable[[], str]) -> str:
    """What `work` gives to a user without rights. Root may read everything, so root becomes nobody, in a child."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no users of that kind")
    if os.geteuid() != 0:
        return work()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            os.write(write, work().encode())
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read, "rb") as file:
        return file.read().decode()


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are private."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    for path in folder.rglob("*"):
        path.chmod(0o700) if path.is_dir() else None
    shutil.rmtree(folder)


def test_what_lies_in_a_folder_that_one_may_not_enter(public):
    save_image(public / "shut" / "a.png", picture(0, 100))
    (public / "shut").chmod(0)

    def upscale() -> str:
        from srgan_lessons.upscaling import upscale_many

        return str(upscale_many([public / "shut" / "a.png"], public / "out", "nearest", progress=False).failed)

    assert "a.png cannot be read: no permission" in as_nobody(upscale)

    def command() -> str:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            status = main(["progress", str(public / "shut" / "progress.json")])
        return f"{status} {said.getvalue()}"

    path = public / "shut" / "progress.json"
    expected = f"2 srgan-lessons: {path}: no permission to read or write it. Ask its owner, or choose another place."
    assert as_nobody(command).strip() == expected


def test_folders_and_files_without_permission(public):
    save_image(public / "open" / "a.png", picture(0, 100))
    save_image(public / "open" / "b.png", picture(1, 100))
    save_image(public / "open" / "shut" / "c.png", picture(2, 100))
    (public / "open" / "b.png").chmod(0)
    (public / "open" / "shut").chmod(0)

    def upscale() -> str:
        from srgan_lessons.upscaling import upscale_many

        outcome = upscale_many([public / "open"], public / "out", "nearest", progress=False)
        return f"{[path.name for path in outcome.written]} {list(outcome.failed.values())}"

    said = as_nobody(upscale)
    assert said.startswith("['a_x4.png'] ")
    assert "b.png cannot be read: no permission" in said

    def train() -> str:
        return load_photos(public / "open", progress=False).report()

    said = as_nobody(train)
    assert said.startswith("1 picture,")
    assert "b.png cannot be read: no permission" in said
    assert "shut cannot be read: no permission" in said

    def refusal(call: Callable[[], object]) -> str:
        try:
            call()
        except UserError as error:
            return str(error)
        return "nothing was said"

    for call in (lambda: list_folder(public / "open" / "shut"), lambda: vote_files(public / "open" / "shut")):
        assert "shut cannot be read: no permission" in as_nobody(lambda call=call: refusal(call))


def test_links_that_lead_back_to_themselves(tmp_path):
    save_image(tmp_path / "in" / "a.png", picture(0, 100))
    (tmp_path / "in" / "loop.png").symlink_to("loop.png")
    (tmp_path / "in" / "up").symlink_to("..")
    (tmp_path / "ring").symlink_to("ring")
    photos = load_photos(tmp_path / "in", progress=False)
    assert list(photos.images) == ["in/a.png"]
    assert "leads back to itself" in photos.left_out["in/loop.png"]
    for call in (lambda: load_photos(tmp_path / "ring"), lambda: vote_files(tmp_path / "ring")):
        with pytest.raises(UserError, match="ring"):
            call()


# --- weights of wrapped networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_weights_of_a_wrapped_network_are_taken(tmp_path, prefix):
    plain, wrapped = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_network(plain, ESPCN())
    state = {f"{prefix}{name}": tensor for name, tensor in load_file(plain).items()}
    save_file(state, wrapped, metadata=read_metadata(plain))
    for name, tensor in load_network(wrapped).state_dict().items():
        assert np.array_equal(tensor, load_file(plain)[name])
    state["body"] = state.pop(next(iter(state)))
    save_file(state, wrapped, metadata=read_metadata(plain))
    with pytest.raises(UserError, match=r"begin with .*, which .* puts before names, but others do not \(body\)"):
        load_network(wrapped)


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("command", ["upscale a.png -o b.png --weights nearest", "train espcn --photos samples"])
def test_a_memory_of_one_and_a_half_gigabytes(tmp_path, command):
    """It may be enough or not, by the version of torch; what comes is a result or a sentence."""
    save_image(tmp_path / "a.png", np.zeros((3000, 3000, 3), np.uint8))
    program = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({1_500_000_000},) * 2)\n"
    program += "import sys; from srgan_lessons.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    steps = ["--steps", "2"] if command.startswith("train") else []
    done = subprocess.run(
        [sys.executable, "-c", program, *command.split(), *steps],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or "more memory than there is" in done.stderr
