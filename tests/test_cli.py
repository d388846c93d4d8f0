"""The command srgan-lessons: each subcommand through main(), its exit codes, and mistakes without tracebacks."""

import argparse
import dataclasses
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import namedtuple
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from trouble import disk, make_read_only

from srgan_lessons import UserError, __version__, classroom, cli, cli_study, doctor, files
from srgan_lessons import surroundings as places
from srgan_lessons.classroom.progress import record
from srgan_lessons.cli import main
from srgan_lessons.cli_settings import given
from srgan_lessons.files import typed
from srgan_lessons.images import load_image, sample_photos, save_image
from srgan_lessons.models import ESPCN
from srgan_lessons.rating import manifest, power
from srgan_lessons.resize import imresize
from srgan_lessons.training import Options, Recipe
from srgan_lessons.weights import save_network, shipped_weights

PHOTO = np.ascontiguousarray(sample_photos()["astronaut"][40:100, 180:260])  # 60 x 80


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch) -> Path:
    """An empty data folder, and a working folder of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def weights(tmp_path) -> str:
    save_network(tmp_path / "espcn.safetensors", ESPCN())
    return str(tmp_path / "espcn.safetensors")


def mistake(capsys, *argv: str) -> str:
    """Runs a command line that must end in an explained mistake; returns the explanation."""
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.startswith("srgan-lessons: ")]  # after a progress bar
    assert len(lines) == 1
    return said[said.index(lines[0]) :]


# The parser


def test_version_and_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"srgan-lessons {__version__}\n"
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in ("doctor", "lab", "data", "train", "evaluate", "upscale", "progress", "export"))


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["paint"],
        ["data"],
        ["data", "get"],
        ["upscale"],
        ["evaluate"],
        ["evaluate", "bicubic", "--protocol", "y"],
        ["train", "espcn", "--steps", "many"],
        ["train", "espcn", "--precision", "fp8"],
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_how(capsys, argv):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert "usage: srgan-lessons" in capsys.readouterr().err


@pytest.mark.parametrize("empty", [["--json", ""], ["--json="], ["--sets", "Set5", ""]])
def test_an_empty_variable_in_the_command_line_is_not_passed_over(capsys, empty):
    """`--json=$FILE` without a FILE would measure for minutes and write nothing."""
    assert "one of the arguments is empty" in mistake(capsys, "evaluate", "bicubic", *empty)


@pytest.mark.parametrize(
    ("argv", "option"),
    [
        ("evaluate bicubic --sets Set5 --sets Set14", "--sets"),
        ("evaluate bicubic --set Set5 --protocol paper --sets Set14", "--sets"),
        ("train espcn --photos a --photos b", "--photos"),
        ("study new --images a --out s --methods bicubic --methods hr", "--methods"),
        ("class new --groups 2 --photos samples --updates 1 2 --updates 3 4", "--updates"),
    ],
)
def test_the_values_of_an_option_given_twice_are_not_lost(capsys, argv, option):
    """argparse would keep only the last ones: the training would silently use half of the photos."""
    with pytest.raises(SystemExit, match="2"):
        main(argv.split())
    assert f"argument {option}: given twice" in capsys.readouterr().err


def test_a_single_value_given_twice_is_the_last_one(capsys, data):
    save_own(data, "Mine", 1)
    assert main(["evaluate", "bicubic", "--sets", "Mine", "--protocol", "both", "--protocol", "paper"]) == 0
    assert "protocol community" not in capsys.readouterr().out


def test_home_is_found_where_the_shell_does_not_look_for_it(capsys, tmp_path, monkeypatch):
    """bash leaves --out=~/results alone, and cmd.exe every ~."""
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    save_image(home / "~draft.png", PHOTO)
    assert main(["upscale", "~/~draft.png", "--out=~/some.results/", "--weights", "bicubic"]) == 0
    assert (home / "some.results" / "~draft_x4.png").is_file()
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("photos", "photos"),
        ("C:\\photos", "C:\\photos"),
        ("Fotos_für_Zoë/x-1.store", "Fotos_für_Zoë/x-1.store"),
        ("my photos", '"my photos"'),
        ("photos(1)", '"photos(1)"'),
        ("R&D", '"R&D"'),
    ],
)
def test_names_that_a_shell_would_misunderstand_are_printed_in_quotation_marks(word, expected):
    assert typed(word) == expected


def test_module_and_command_are_the_same():
    command = [sys.executable, "-m", "srgan_lessons", "upscale", "no.png", "-o", "x.png", "--weights", "bicubic"]
    root = Path(cli.__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 2
    assert done.stderr.startswith("srgan-lessons: ")
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_with_130(capsys, monkeypatch):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", stop)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "srgan-lessons: stopped\n"


def test_an_error_of_ours_keeps_its_traceback(monkeypatch):
    """Only explained mistakes are made short; a bug must stay visible."""

    def fail():
        raise ZeroDivisionError

    monkeypatch.setattr(doctor, "examine", fail)
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


def each_argument(
    parser: argparse.ArgumentParser, path: str = "srgan-lessons"
) -> Iterator[tuple[str, argparse.Action]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from each_argument(below, f"{path} {name}")
        elif action.dest not in ("help", "version"):
            yield path, action


ARGUMENTS = list(each_argument(cli._parser()))


def test_each_argument_says_what_it_is_its_unit_and_its_default():
    assert len(ARGUMENTS) > 100
    bare = [f"{path} {action.dest}" for path, action in ARGUMENTS if not action.help]
    assert bare == []
    optional = [(path, action) for path, action in ARGUMENTS if action.option_strings and not action.required]
    either = {"minutes", "updates"}  # `class new` needs one of them
    silent = [
        f"{path} {action.option_strings[-1]}"
        for path, action in optional
        if "(default: " not in action.help and not (path.endswith("class new") and action.dest in either)
    ]
    assert silent == []
    unnamed = [
        f"{path} {action.option_strings[-1]}"
        for path, action in optional
        if action.nargs != 0 and not action.choices and not action.metavar
    ]
    assert unnamed == [], "a placeholder says which unit the value has"


def option(name: str) -> str:
    return next(action.help for path, action in ARGUMENTS if path.endswith(" train") and name in action.option_strings)


def test_the_options_of_train_are_the_settings_of_recipes_and_runs():
    flags = {
        a.option_strings[0].lstrip("-") for path, a in ARGUMENTS if path == "srgan-lessons train" and a.option_strings
    }
    fields = {field.name.replace("_", "-") for kind in (Recipe, Options) for field in dataclasses.fields(kind)}
    own = {"photos", "folder", "init", "within", "compact", "resume", "threads"}
    assert flags == fields - {"name", "network", "starts-from", "progress"} | own
    assert option("--blocks").endswith("(default: 16)")
    assert (
        "(default: 1200 in espcn; 1000000 in srresnet-mse, srresnet-vgg22; 50000 in srgan-offline; else 200000)"
        in option("--steps")
    )
    assert option("--adversarial").endswith("; 0.00125 in srgan-offline; else 0)")
    assert option("--validate-every").endswith("(default: twenty validations in a run)")
    arguments = cli._parser().parse_args(["train", "espcn", "--rate", "2e-3", "--no-icnr", "--log-every", "7"])
    assert given(arguments, Recipe) == {"rate": 2e-3, "icnr": False}
    assert given(arguments, Options) == {"log_every": 7}


def test_the_help_of_studies_has_the_defaults_of_studies():
    for field in dataclasses.fields(manifest.Settings):
        text = cli_study.STUDY_SETTINGS[field.name][2]
        assert field.default is None or text.endswith(f"(default: {field.default:g})")
    parameters = inspect.signature(power.power_table).parameters
    for name, (_, _, text) in cli_study.POWER_SETTINGS.items():
        assert text.endswith(f"(default: {parameters[name].default:g})")


def test_weights_are_listed_in_the_help():
    for command in ("upscale", "evaluate", "export"):
        helps = [action.help for path, action in ARGUMENTS if path == f"srgan-lessons {command}"]
        assert any(all(name in text for name in shipped_weights()) for text in helps)


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion(capsys, shell):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "upscale" in script
    assert "--log-every" in script or "log-every" in script
    if shell == "bash" and shutil.which("bash"):
        words = "COMP_WORDS=(srgan-lessons upsc); COMP_CWORD=1; _shtab_srgan_lessons; echo ${COMPREPLY[@]}"
        done = subprocess.run(["bash", "-c", f"{script}\n{words}"], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "upscale"


# data


def test_data_list(capsys, data):
    save_own(data, "Mine", 2)
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert str(data) in out
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "0 of 10" in lines["Set5"]  # five HR, five LR
    assert "benchmark" in lines["Set5"]
    assert "training" in lines["BSDS500"]
    assert "2 of 2" in lines["Mine"]


def save_own(data: Path, name: str, count: int) -> None:
    for k in range(count):
        save_image(data / name / "HR" / f"p{k}.png", np.roll(PHOTO, 7 * k, axis=1))


def test_unknown_sets_are_refused(capsys):
    for action in ("get", "verify"):
        message = mistake(capsys, "data", action, "Set6")
        assert "Set6" in message
        assert "Set5" in message  # the known ones are listed
        assert main(["data", action, "Set5", "Set6"]) == 2
        said = capsys.readouterr()
        assert said.out == ""  # nothing is done for Set5 before
        assert "no data set named Set6" in said.err


def test_verify_of_a_set_that_is_not_there_fails(capsys):
    assert main(["data", "verify", "Set5"]) == 1
    assert "Set5" in capsys.readouterr().out


def test_verify_finds_a_changed_picture(capsys, data, benchmark_data):
    (data / "Set5").mkdir()
    for folder in ("HR", "LR_bicubic_x4"):
        (data / "Set5" / folder).mkdir()
        for path in (benchmark_data / "Set5" / folder).glob("*.png"):
            (data / "Set5" / folder / path.name).write_bytes(path.read_bytes())
    assert main(["data", "verify", "Set5"]) == 0
    victim = sorted((data / "Set5" / "HR").glob("*.png"))[0]
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    capsys.readouterr()
    assert main(["data", "verify", "Set5"]) == 1
    assert victim.name in capsys.readouterr().out


def test_a_shared_folder_that_cannot_be_written(capsys, monkeypatch, tmp_path):
    with disk(tmp_path / "disk", 1) as shared:
        (shared / "Set5" / "HR").mkdir(parents=True)
        make_read_only(shared)
        monkeypatch.setenv("SRGAN_LESSONS_DATA", str(shared))
        said = mistake(capsys, "data", "get", "Set5")
    assert "no permission" in said
    assert "Set SRGAN_LESSONS_DATA to a folder of your own" in said


@pytest.mark.skipif(not hasattr(os, "fork") or os.geteuid() != 0, reason="only root can become somebody without a home")
def test_somebody_without_a_home(tmp_path):
    (tmp_path / "said").touch()
    (tmp_path / "said").chmod(0o666)
    said = os.open(tmp_path / "said", os.O_WRONLY)
    child = os.fork()
    if child == 0:
        for name in ("HOME", "SRGAN_LESSONS_DATA"):
            os.environ.pop(name, None)
        os.setuid(54_321)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = open(os.devnull, "w"), open(2, "w", closefd=False)  # noqa: SIM115
        status = main(["data", "list"])
        sys.stderr.flush()
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert "Set SRGAN_LESSONS_DATA to a folder for data sets" in (tmp_path / "said").read_text()


def test_a_reader_that_has_read_enough():
    """`srgan-lessons data list | head -1`, with a head that does not even wait for its line."""
    command = [sys.executable, "-m", "srgan_lessons", "data", "list"]
    root = Path(cli.__file__).parent.parent
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root, text=True)
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) in (0, 141)


# evaluate


def test_evaluate_prints_a_table_and_writes_rows(capsys, data, tmp_path):
    save_own(data, "Mine", 3)
    argv = ["evaluate", "bicubic", "--sets", "Mine", "--protocol", "both", "--json", "rows.json", "--device", "cpu"]
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert "protocol community" in out
    assert "protocol paper" in out
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert len(rows) == 6
    assert {row["image"] for row in rows} == {"p0", "p1", "p2"}
    mean = np.mean([row["psnr"] for row in rows if row["protocol"] == "community"])
    assert f"{mean:.3f}" in out


def test_evaluate_own_weights_and_st_lpips(capsys, data, weights):
    save_own(data, "Mine", 1)
    assert main(["evaluate", weights, "--sets", "Mine", "--stlpips"]) == 0
    assert "ST-LPIPS" in capsys.readouterr().out


def test_evaluate_mistakes(capsys, data):
    assert "Set5" in mistake(capsys, "evaluate", "bicubic", "--sets", "Set5")  # known, and not here
    save_own(data, "Mine", 1)
    assert "lanczos" in mistake(capsys, "evaluate", "lanczos", "--sets", "Mine")


# upscale


def test_upscale_a_file_and_a_folder(capsys, tmp_path, weights):
    save_image(tmp_path / "in" / "a.png", PHOTO)
    save_image(tmp_path / "in" / "b.png", PHOTO[:20])
    assert main(["upscale", "in/a.png", "-o", "big.png", "--weights", "bicubic"]) == 0
    assert capsys.readouterr().out == "big.png\n"
    assert np.array_equal(load_image("big.png"), imresize(PHOTO, 4))
    assert main(["upscale", "in", "-o", "out", "--weights", weights]) == 0
    assert load_image("out/a_x4.png").shape == (240, 320, 3)
    assert load_image("out/b_x4.png").shape == (80, 320, 3)


def test_upscale_alone_writes_beside_the_picture(capsys, tmp_path):
    """`srgan-lessons upscale photo.jpg`, and nothing else."""
    save_image(tmp_path / "in" / "photo.jpg", PHOTO)
    assert main(["upscale", "in/photo.jpg"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == ["weights: srgan", str(Path("in", "photo_x4.png"))]
    assert load_image("in/photo_x4.png").shape == (240, 320, 3)
    before = (tmp_path / "in" / "photo_x4.png").read_bytes()
    assert main(["upscale", "in/photo.jpg", "--weights", "nearest"]) == 0
    assert "kept 1 that already existed" in capsys.readouterr().out
    assert (tmp_path / "in" / "photo_x4.png").read_bytes() == before
    assert main(["upscale", "in/photo.jpg", "--weights", "nearest", "--overwrite"]) == 0
    assert np.array_equal(load_image("in/photo_x4.png"), load_image("in/photo.jpg").repeat(4, 0).repeat(4, 1))


def test_upscale_beside_pictures_of_several_folders(capsys, tmp_path):
    for name in ("a/p.png", "b/p.png", "b/p.jpg"):
        save_image(tmp_path / name, PHOTO[:8, :8])
    assert main(["upscale", "a/p.png", "b/p.png", "--weights", "bicubic"]) == 0
    assert {path.parent.name for path in tmp_path.glob("*/p_x4.png")} == {"a", "b"}
    assert "would both become" in mistake(
        capsys, "upscale", "b/p.png", "b/p.jpg", "--weights", "bicubic", "--overwrite"
    )
    assert "Name one with --out" in mistake(capsys, "upscale", "a", "--weights", "bicubic")
    assert "it would be lost" in mistake(capsys, "upscale", "a/p.png", "a/p_x4.png", "--weights", "bicubic")


def test_upscale_goes_on_after_a_bad_picture(capsys, tmp_path):
    save_image(tmp_path / "in" / "good.png", PHOTO)
    (tmp_path / "in" / "bad.png").write_text("no picture")
    assert main(["upscale", "in", "-o", "out", "--weights", "nearest"]) == 1
    said = capsys.readouterr()
    assert "bad.png was not enlarged" in said.err
    assert "good_x4.png" in said.out
    assert np.array_equal(load_image("out/good_x4.png"), PHOTO.repeat(4, axis=0).repeat(4, axis=1))


def test_upscale_mistakes(capsys, tmp_path):
    save_image(tmp_path / "a.png", PHOTO)
    assert "no.png" in mistake(capsys, "upscale", "no.png", "-o", "x.png", "--weights", "bicubic")
    assert "no weights 'best'" in mistake(capsys, "upscale", "a.png", "-o", "x.png", "--weights", "best")
    torch.save(ESPCN().state_dict(), "w.pth")
    assert "pickle" in mistake(capsys, "upscale", "a.png", "-o", "x.png", "--weights", "w.pth")
    save_image(tmp_path / "x.png", PHOTO)
    assert "x.png" in mistake(capsys, "upscale", "a.png", "-o", "x.png", "--weights", "bicubic")
    assert np.array_equal(load_image("x.png"), PHOTO)  # what was there stays
    assert main(["upscale", "a.png", "-o", "x.png", "--weights", "bicubic", "--overwrite"]) == 0
    half = ("--weights", "bicubic", "--precision", "bf16")
    assert "bf16 is only for the generator" in mistake(capsys, "upscale", "a.png", "-o", "y.png", *half)


# export


def test_export(capsys, tmp_path, weights):
    pytest.importorskip("onnx")
    assert main(["export", weights, "-o", "espcn.onnx"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "espcn.onnx"
    assert (tmp_path / "espcn.onnx").stat().st_size > 50_000
    assert "ending of an ONNX file is .onnx" in mistake(capsys, "export", weights, "-o", "espcn.bin")


# train: what is refused before any training


def test_train_mistakes(capsys, tmp_path):
    assert "srgan-vgg54" in mistake(capsys, "train", "srgan-vgg55")  # the known ones are listed
    assert "steps" in mistake(capsys, "train", "espcn", "--steps", "-1")
    assert "srresnet-mse needs photos" in mistake(capsys, "train", "srresnet-mse")
    assert "--threads is 0" in mistake(capsys, "train", "espcn", "--threads", "0")
    assert "cannot be mixed" in mistake(capsys, "train", "espcn", "--photos", "samples", ".")
    assert "there is no run in runs/espcn" in mistake(capsys, "train", "espcn", "--resume")
    (tmp_path / "empty").mkdir()
    assert "empty" in mistake(capsys, "train", "espcn", "--photos", "empty")
    checkpoints = tmp_path / "runs" / "espcn" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "step_00000010.pt").write_bytes(b"")
    assert "contains a run" in mistake(capsys, "train", "espcn", "--no-resume")


def test_a_run_stopped_before_its_minutes_are_over_is_not_done(monkeypatch):
    """Otherwise the next command of a script would go on with the weights of a run that Ctrl-C ended."""
    monkeypatch.setattr("srgan_lessons.training.loop.train", lambda *_, **__: SimpleNamespace(finished=False))
    assert main(["train", "espcn", "--minutes", "5"]) == 130
    assert main(["train", "espcn", "--minutes", "1e-9"]) == 0


# lab


@pytest.fixture
def started(monkeypatch) -> list[list[str]]:
    """The command lines that would have replaced this process."""
    commands = []
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    monkeypatch.setattr(cli.os, "execv", lambda path, command: commands.append(command))
    return commands


@pytest.mark.parametrize(
    ("edition", "folder"),
    [
        ([], "notebooks"),
        (["--edition", "student"], "notebooks"),
        (["--edition", "solutions"], str(Path("notebooks", "solutions"))),
    ],
)
def test_lab_opens_the_lessons(started, edition, folder):
    main(["lab", "--no-browser", *edition])
    (command,) = started
    assert command[:4] == [sys.executable, "-m", "jupyter", "lab"]
    first = Path(command[4])
    assert first.is_file()
    assert first.name.startswith("00_"), "where the course begins"
    assert str(first.parent).endswith(folder)
    assert "--no-browser" in command


def test_lab_opens_the_first_lesson_and_not_a_copy_of_it(monkeypatch, started, tmp_path):
    package = tmp_path / "site" / "srgan_lessons"
    monkeypatch.setattr(files, "PACKAGE", package)
    lessons = tmp_path / "site" / "notebooks"
    lessons.mkdir(parents=True)
    for name in ("00_start-Copy1.ipynb", "00_start.ipynb", "00_start-Copy2.ipynb", "01_images.ipynb"):
        (lessons / name).write_text("{}")
    main(["lab"])
    assert Path(started[0][4]).name == "00_start.ipynb"


def test_lab_asks_nothing_about_news_and_keeps_other_settings(started):
    """JupyterLab's own reader of settings must find the switch, before those of the learner's machine."""
    main(["lab"])
    first, *others = cli.os.environ["JUPYTER_CONFIG_PATH"].split(cli.os.pathsep)
    assert others == ["mine"]
    hidden = json.loads((Path(first) / "jupyter_server_config.json").read_text())["ContentsManager"]["hide_globs"]
    assert "source" in hidden
    page_config = json.loads((Path(first) / "labconfig" / "page_config.json").read_text())
    assert page_config == {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    code = "from jupyterlab.commands import get_app_info; print(get_app_info()['disabled'])"
    pytest.importorskip("jupyterlab")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "apputils-extension:announcements" in done.stdout


def test_lab_without_the_solutions(capsys, monkeypatch, started, tmp_path):
    """Where an older copy of a wheel's lessons lies in the folder."""
    monkeypatch.setattr("srgan_lessons.files.lessons_folder", lambda: tmp_path / "srgan-lessons")
    assert "it copies the lessons again" in mistake(capsys, "lab", "--edition", "solutions")
    assert started == []


def test_lab_where_nothing_can_be_written(capsys, monkeypatch, started, tmp_path):
    """A wheel's lessons are copied to the folder one is in; a checkout's are where they are."""
    (tmp_path / "package" / "notebooks").mkdir(parents=True)
    with disk(tmp_path / "disk", 1) as small:
        (small / "lessons").mkdir()
        make_read_only(small)
        monkeypatch.chdir(small)
        with monkeypatch.context() as patched:
            patched.setattr("srgan_lessons.files.PACKAGE", tmp_path / "package")
            patched.setattr("srgan_lessons.files.lessons_folder", files.lessons_folder)
            said = mistake(capsys, "lab")
            assert "no permission" in said
            assert "Change to a folder that you can write to (cd)" in said
        monkeypatch.setattr("srgan_lessons.files.lessons_folder", lambda: small / "lessons")
        main(["lab"])
        assert f"{small / 'lessons'} cannot be written: to keep work, copy it" in capsys.readouterr().err
        monkeypatch.chdir(tmp_path)
    assert len(started) == 1


def test_lab_takes_no_half_a_copy_for_the_lessons(monkeypatch, tmp_path):
    (tmp_path / "package" / "notebooks").mkdir(parents=True)
    (tmp_path / "package" / "notebooks" / "00.ipynb").write_text("{}")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("srgan_lessons.files.PACKAGE", tmp_path / "package")

    (tmp_path / "package" / "notebooks" / "z.ipynb").symlink_to("nowhere")  # copying ends in the middle with an error
    with pytest.raises(UserError, match="the lessons could not be copied to the current folder"):
        files.lessons_folder()
    assert list((tmp_path / "here").iterdir()) == []
    (tmp_path / "package" / "notebooks" / "z.ipynb").unlink()
    assert (files.lessons_folder() / "00.ipynb").exists()


def test_lab_beside_a_checkout_opens_the_lessons_of_the_checkout(monkeypatch, started, tmp_path):
    """`git clone` calls its folder srgan-lessons, as the copy of a wheel's lessons is called."""
    lesson = tmp_path / "srgan-lessons" / "notebooks" / "00_start.ipynb"
    lesson.parent.mkdir(parents=True)
    lesson.write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("srgan_lessons.files.PACKAGE", tmp_path / "site-packages" / "srgan_lessons")
    main(["lab"])
    assert started[0][4] == str(lesson)


def test_lab_without_jupyterlab(capsys, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "jupyterlab" else find(name, *a))
    assert 'pip install "srgan-lessons[notebooks]"' in mistake(capsys, "lab")


# progress


def test_progress_of_a_class(capsys, tmp_path):
    record("psnr_y", solved=True)
    classroom.progress(export="class/anna.json")
    (tmp_path / "class" / "ben.json").write_text("{")
    capsys.readouterr()
    assert main(["progress", "class", "--csv", "class.csv"]) == 1
    said = capsys.readouterr()
    assert any(line.startswith("anna ") for line in said.out.splitlines())
    assert "class/ben.json is not a file of progress" in said.err
    assert "Traceback" not in said.err
    assert (tmp_path / "class.csv").read_text().count("anna,") > 15
    assert main(["progress", "class/anna.json"]) == 0


def test_progress_of_nobody(capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "there is no .json file in this folder" in mistake(capsys, "progress", "empty")
    assert main(["progress", "no.json"]) == 1  # what is wrong with a file is said for each


# doctor


def findings() -> dict[str, tuple[str, str]]:
    return {finding.topic: (finding.state, finding.text) for finding in doctor.examine()}


def test_doctor_on_this_machine(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for topic in ("place", "packages", "Python", "torch", "CPU", "GPU", "disk", "Set5", "VGG19", "VGG16", "ipywidgets"):
        assert any(topic == line[5:].split()[0] for line in out.splitlines()), topic
    assert "FAIL" not in out


def test_doctor_looks_for_every_package_that_the_lessons_need():
    extra = tomllib.loads((Path(cli.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    named = [re.match(r"[\w-]+", one)[0] for one in extra["project"]["optional-dependencies"]["notebooks"]]
    assert set(named) - {"segno"} == set(doctor.NOTEBOOKS)  # which draws the QR code of a study
    assert set(doctor.NOTEBOOKS) <= findings().keys()


@pytest.mark.parametrize(("cores", "said"), [(1, "1 core, torch uses 1 thread,"), (2, "2 cores, torch uses 2 thr")])
def test_doctor_counts_in_english(monkeypatch, cores, said):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    assert findings()["CPU"][1].startswith(said)


def test_doctor_without_anything_says_how_to_get_it(data, monkeypatch):
    monkeypatch.setattr("srgan_lessons.vgg.importlib.util.find_spec", lambda name: None)
    found = findings()
    assert found["Set5"] == ("--", "0 of 10 files: srgan-lessons data get Set5")
    assert found["VGG19"][0] == "--"
    assert "548 MB" in found["VGG19"][1]
    assert found["VGG16"] == ("--", 'offline network not here: pip install "srgan-lessons[offline]"')
    (data / "weights").mkdir()
    (data / "weights" / "vgg19_features.safetensors").write_bytes(b"")
    assert findings()["VGG19"][0] == "OK"


def test_doctor_sees_a_package_that_does_not_import(monkeypatch):
    """torchvision beside a torch that it was not built for is installed, and of no use."""
    really = doctor.importlib.import_module

    def breaking(name, *rest):
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
        return really(name, *rest)

    monkeypatch.setattr(doctor.importlib, "import_module", breaking)
    state, text = findings()["torchvision"]
    assert state == "FAIL"
    assert "cannot be imported (RuntimeError: operator torchvision::nms does not exist)" in text


def test_doctor_sees_a_full_disk(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(10**12, 10**12, 10**9))
    assert findings()["disk"][0] == "--"
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(10**12, 0, 10**12))
    state, text = findings()["disk"]
    assert state == "OK"
    assert text.startswith("1000 GB free")


def test_doctor_without_the_drive_of_the_data_folder(monkeypatch):
    """On Windows, D: has no parent: where a USB disk was pulled out, the search for a folder must end."""
    monkeypatch.setattr(Path, "exists", lambda path: False)
    ((state, topic, text),) = doctor._room()
    assert (state, topic) == ("--", "disk")
    assert "or set SRGAN_LESSONS_DATA to another folder" in text


def test_doctor_sees_a_data_folder_that_cannot_be_used(data, monkeypatch):
    really = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **rest: mode != os.W_OK and really(path, mode, **rest))
    state, text = findings()["disk"]
    assert (state, text) == (
        "--",
        f"{data} cannot be written: to download data, set SRGAN_LESSONS_DATA to another folder",
    )
    monkeypatch.undo()
    (data / "file").write_text("a file")
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(data / "file"))
    assert findings()["disk"] == ("--", f"{data / 'file'} is a file: set SRGAN_LESSONS_DATA to a folder")


@pytest.mark.parametrize(("bf16", "expected"), [(True, "fp32, fp16, bf16"), (False, "no bf16")])
def test_doctor_sees_gpus_and_their_precisions(monkeypatch, bf16, expected):
    card = namedtuple("card", "name total_memory")("Tesla T4", 15 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    monkeypatch.setattr("srgan_lessons.precision.computes_in_bf16", lambda device: bf16)
    state, text = findings()["GPU"]
    assert state == "OK"
    assert "Tesla T4, 15 GiB" in text
    assert expected in text


def test_doctor_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert findings()["GPU"][0] == "--"
    assert "open the lesson in Colab" in findings()["GPU"][1]
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert findings()["GPU"][1].endswith("pip install --force-reinstall torch torchvision")
    monkeypatch.setattr(doctor, "system", lambda: "Windows")
    assert findings()["GPU"][1].endswith('PyTorch\'s page "Get Started" shows for Windows, Pip and CUDA')


TOLD = {
    "Colab": {"COLAB_RELEASE_TAG": "release-colab_2026"},
    "Kaggle": {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"},
    "Binder": {"BINDER_SERVICE_HOST": "10.0.0.1"},
    "Codespaces": {"CODESPACES": "true", "VSCODE_PID": "7", "TERM_PROGRAM": "vscode"},
    "VS Code": {"VSCODE_PID": "7"},
    "this machine": {},
}


@pytest.fixture
def nowhere(monkeypatch):
    """Without the variables that the machine of these tests may have."""
    for place in places.PLACES:
        for name in place.told_by:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)


@pytest.mark.parametrize("place", TOLD)
def test_doctor_knows_its_surroundings_and_each_line_names_the_next_step(nowhere, monkeypatch, place):
    for name, value in TOLD[place].items():
        monkeypatch.setenv(name, value)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(10**12, 10**12, 10**9))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("srgan_lessons.vgg.importlib.util.find_spec", lambda name: None)
    real = doctor.version

    def version(name):
        if name == "ipywidgets":
            raise PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", version)
    found = findings()
    assert found["place"][1].startswith(f"{place}, ")
    missing = {topic: text for topic, (state, text) in found.items() if state == "--"}
    assert {"GPU", "disk", "Set5", "VGG19", "VGG16", "ipywidgets"} <= missing.keys()
    steps = (
        "srgan-lessons data get",
        "pip install",
        "choose ",
        "open the lesson in Colab",
        "free some space",
        "downloaded",
    )
    assert [text for text in missing.values() if not any(step in text for step in steps)] == []
    notebook = place in ("Colab", "Kaggle")
    assert ("choose " in missing["GPU"]) == notebook
    assert ("!pip install" in missing["VGG16"]) == notebook
    # the extra would bring JupyterLab, and with it other versions of what Colab has
    assert ("jupyterlab" in found) != notebook
    assert missing["ipywidgets"].endswith("!pip install ipywidgets" if notebook else '"srgan-lessons[notebooks]"')


def test_doctor_knows_conda_and_virtual_environments(nowhere, monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/opt/conda/envs/srgan-lessons")
    assert findings()["packages"][1].startswith("virtual environment")
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda/envs/srgan-lessons")
    monkeypatch.setenv("CONDA_DEFAULT_ENV", "srgan-lessons")
    assert findings()["packages"] == ("OK", "conda environment srgan-lessons")
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda")  # another environment is active than the one that runs
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert findings()["packages"][1].startswith("no environment")


def test_doctor_with_an_old_python_and_a_missing_package(capsys, monkeypatch):
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.9.1")
    monkeypatch.setattr(doctor.platform, "python_version_tuple", lambda: ("3", "9", "1"))
    real = doctor.version

    def version(name):
        if name in ("tqdm", "ipywidgets"):
            raise PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", version)
    found = findings()
    assert found["Python"] == ("FAIL", "3.9.1: the course needs 3.11 or newer; make an environment with it")
    assert found["tqdm"] == ("FAIL", "not installed: pip install srgan-lessons")
    assert found["ipywidgets"][0] == "--"
    assert main(["doctor"]) == 1
    assert "FAIL tqdm" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["torch", "numpy"])
def test_doctor_needs_nothing_that_it_looks_for(missing):
    """In an interpreter that cannot import the package, doctor still reports to the end."""
    code = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
from srgan_lessons.cli import main
sys.exit(main(["doctor"]))
"""
    root = Path(cli.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert f"No module named '{missing}" in done.stdout
    assert done.stdout.splitlines()[-1][5:].startswith("matplotlib")  # the last line is there


def test_user_errors_are_one_kind():
    assert issubclass(UserError, ValueError)
