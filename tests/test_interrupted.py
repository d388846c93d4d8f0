"""Trained hours: whatever happens at whatever moment, the same call goes on to the same bits.

Signals, pipes, disks and kernels are real ones.
"""

import csv
import fcntl
import math
import os
import pty
import signal
import subprocess
import sys
import termios
import textwrap
import time
import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from trouble import disk, fill, make_read_only, pipes

from srgan_lessons import UserError
from srgan_lessons.images import save_image
from srgan_lessons.training import Recipe, loop, report, train, validation
from srgan_lessons.training.checkpoint import RunFolder, latest_checkpoint, read_checkpoint
from srgan_lessons.training.machine import Machine

TINY = Recipe(name="tiny", blocks=1, channels=4, steps=12, batch=2, crop=32)
OPTIONS = {"log_every": 2, "validate_every": 6, "checkpoint_minutes": 1e-9}  # a checkpoint after each update
QUIET = OPTIONS | {"progress": False}
MOMENTS = ("first update", "validation", "checkpoint", "log line", "preview", "end")
TROUBLES = ("SIGINT", "SIGTERM", "SIGHUP", "dead pipe", "full disk")
AT = {"first update": 1, "validation": 6, "checkpoint": 5, "log line": 6, "preview": 6, "end": 12}
SOURCES = Path(loop.__file__).parents[2]


def pictures(count: int = 5) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {f"photo{k}": random.integers(0, 256, (48, 56, 3), dtype=np.uint8) for k in range(count)}


@pytest.fixture(autouse=True)
def signals_as_in_a_terminal():
    """Whoever started the tests may ignore signals, as nohup ignores SIGHUP, and processes inherit that."""
    before = {n: signal.signal(n, signal.SIG_DFL) for n in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The run that nothing happened to."""
    torch.set_num_threads(1)
    return train(TINY, pictures(), run=tmp_path_factory.mktemp("whole") / "run", **QUIET).folder


def same(a, b) -> bool:
    """Equal to the last bit, through dicts and lists."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "log.csv", newline="") as file:
        return [{name: text for name, text in row.items() if name != "updates_per_s"} for row in csv.DictReader(file)]


def assert_same_run(folder: Path, whole: Path) -> None:
    assert same(*(read_checkpoint(latest_checkpoint(run)) for run in (folder, whole)))
    assert same(*(load_file(run / "weights.safetensors") for run in (folder, whole)))
    assert rows(folder) == rows(whole)
    assert [path for path in folder.rglob("*.part")] == []
    assert {path.name for path in (folder / "preview").iterdir()} == {p.name for p in (whole / "preview").iterdir()}


def at_the_moment(moment: str, act, monkeypatch) -> None:
    """Calls `act` once, in the middle of that."""
    done = []

    def once():
        if not done:
            done.append(moment)
            act()

    if moment == "first update":
        updates_on = loop.Learner.updates_on

        def acting(learner, sampler, **options):
            update = updates_on(learner, sampler, **options)
            return lambda step: (once(), update(step))

        monkeypatch.setattr(loop.Learner, "updates_on", acting)
    elif moment == "checkpoint":
        save = torch.save

        def half(state, file):
            if state["step"] == AT[moment]:
                file.write(b"half a checkpoint")
                file.flush()
                once()
                file.seek(0)
            save(state, file)

        monkeypatch.setattr(torch, "save", half)
    elif moment == "validation":
        validate = validation.Validation.__call__
        monkeypatch.setattr(validation.Validation, "__call__", lambda *a: (once(), validate(*a))[1])
    elif moment == "preview":
        save = validation.save_image
        monkeypatch.setattr(validation, "save_image", lambda *a: (once(), save(*a)))
    elif moment == "log line":
        append = RunFolder.append_log

        def line(folder, new):
            if any(row["step"] == AT[moment] for row in new):
                once()
            return append(folder, new)

        monkeypatch.setattr(RunFolder, "append_log", line)
    else:
        publish = RunFolder.publish

        def last(folder, average, recipe, step):
            if step == AT[moment]:
                once()
            publish(folder, average, recipe, step)

        monkeypatch.setattr(RunFolder, "publish", last)


# -- the table: six moments, five troubles -----------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_same_call_goes_on_bit_for_bit(tmp_path, monkeypatch, whole, moment, trouble):
    with ExitStack() as stack:
        folder, options = tmp_path / "run", QUIET
        if trouble == "dead pipe":
            act, options = stack.enter_context(pipes()), OPTIONS
        elif trouble == "full disk":
            folder = stack.enter_context(disk(tmp_path / "disk", 1)) / "run"
            act = lambda: fill(tmp_path / "disk")  # noqa: E731
        else:
            act = lambda: signal.raise_signal(getattr(signal, trouble))  # noqa: E731
        with monkeypatch.context() as patched, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a preview that the disk did not take
            at_the_moment(moment, act, patched)
            if trouble == "full disk":
                with pytest.raises(UserError, match=r"was not written: the disk is full"):
                    train(TINY, pictures(), run=folder, **options)
                (tmp_path / "disk" / "filler").unlink()
                latest = latest_checkpoint(folder)
                assert (0 if latest is None else read_checkpoint(latest)["step"]) >= AT[moment] - 1
            else:
                run = train(TINY, pictures(), run=folder, **options)
                later = moment not in ("first update", "end")  # what was begun is finished, and one more update made
                assert run.step == (TINY.steps if trouble == "dead pipe" else AT[moment] + later)
                assert read_checkpoint(latest_checkpoint(folder))["step"] == run.step  # nothing is lost
        assert train(TINY, pictures(), run=folder, **QUIET).finished
        assert_same_run(folder, whole)


# -- signals -----------------------------------------------------------------------------------------------------------


def stopped_by(folder: Path, *numbers: int):
    """A run that gets these signals, one after the other, when it has written a line of its log."""
    sent = []

    def send(row):
        if not sent:
            sent.extend(numbers)
            for number in numbers:
                signal.raise_signal(number)

    return train(TINY, pictures(), run=folder, on_report=send, **QUIET)


@pytest.mark.parametrize(
    "names",
    [("SIGUSR1",), ("SIGUSR1", "SIGTERM"), ("SIGHUP", "SIGHUP"), ("SIGINT", "SIGTERM"), ("SIGTERM", "SIGINT")],
)
def test_signals_of_job_systems_and_terminals(tmp_path, whole, names):
    """Slurm's warning and then its end; a terminal that closes, of which kernel and shell tell; Ctrl-C in torchrun."""
    before = [signal.getsignal(getattr(signal, name)) for name in names]
    run = stopped_by(tmp_path / "run", *(getattr(signal, name) for name in names))
    assert (run.step, run.finished) == (3, False)  # the update at hand is made
    assert [signal.getsignal(getattr(signal, name)) for name in names] == before
    assert train(TINY, pictures(), run=tmp_path / "run", **QUIET).finished
    assert_same_run(tmp_path / "run", whole)


def test_a_second_ctrl_c_ends_at_once_and_saves_what_there_is(tmp_path, whole):
    with pytest.raises(KeyboardInterrupt):
        stopped_by(tmp_path / "run", signal.SIGINT, signal.SIGINT)
    assert latest_checkpoint(tmp_path / "run").name == "step_00000002.pt"
    assert train(TINY, pictures(), run=tmp_path / "run", **QUIET).finished
    assert_same_run(tmp_path / "run", whole)


def test_a_second_ctrl_c_inside_a_save(tmp_path, monkeypatch, whole):
    with monkeypatch.context() as patched:
        at_the_moment("checkpoint", lambda: [signal.raise_signal(signal.SIGINT) for _ in range(2)], patched)
        with pytest.raises(KeyboardInterrupt):
            train(TINY, pictures(), run=tmp_path / "run", **QUIET)
    assert latest_checkpoint(tmp_path / "run").name == "step_00000004.pt"
    assert list((tmp_path / "run").rglob("*.part")) == []
    assert train(TINY, pictures(), run=tmp_path / "run", **QUIET).finished
    assert_same_run(tmp_path / "run", whole)


def test_nohup_stays_what_it_is(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert stopped_by(tmp_path / "run", signal.SIGHUP).finished
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_a_callback_raises_costs_nothing(tmp_path, whole):
    def draw(row):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(
            TINY,
            pictures(),
            run=tmp_path / "run",
            on_report=draw,
            **OPTIONS | {"progress": False, "checkpoint_minutes": 60.0},
        )
    assert latest_checkpoint(tmp_path / "run").name == "step_00000002.pt"
    assert train(TINY, pictures(), run=tmp_path / "run", **QUIET).finished
    assert_same_run(tmp_path / "run", whole)


# -- the command, in a terminal and in a pipe --------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path) -> list[str]:
    """A command line that trains for as long as it is let, and makes no checkpoint unasked."""
    for name, image in pictures().items():
        save_image(tmp_path / "photos" / f"{name}.png", image)
    small = ["--blocks", "1", "--channels", "4", "--batch", "2", "--crop", "32", "--steps", "1000000"]
    options = ["--threads", "1", "--log-every", "1", "--validate-every", "1000000", "--checkpoint-minutes", "600"]
    program = [sys.executable, "-m", "srgan_lessons", "train", "srresnet-mse", "--photos", str(tmp_path / "photos")]
    return [*program, "--folder", str(tmp_path / "run"), *small, *options]


def wait_for_updates(folder: Path, process: subprocess.Popen) -> None:
    until = time.monotonic() + 120
    while not (folder / "log.csv").exists() or not rows(folder):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)


def test_ctrl_c_ends_tee_too(tmp_path, command):
    """In `train ... 2>&1 | tee train.log` Ctrl-C ends both, and tee is the quicker one."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=SOURCES)
    wait_for_updates(tmp_path / "run", process)
    process.stdout.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    step = read_checkpoint(latest_checkpoint(tmp_path / "run"))["step"]
    assert step == int(rows(tmp_path / "run")[-1]["step"])


def test_a_closed_terminal(tmp_path, command):
    """The kernel tells the run of it, and so does the shell: two SIGHUP, and nowhere to write to."""
    terminal, own = pty.openpty()
    termios.tcsetwinsize(own, (40, 120))
    process = subprocess.Popen(
        command,
        **dict.fromkeys(("stdin", "stdout", "stderr"), own),
        cwd=SOURCES,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(own)
    shown = b""
    while b"update/s" not in shown and len(shown) < 100_000:
        shown += os.read(terminal, 4096)
    assert b"update/s" in shown  # the bar
    os.close(terminal)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 130
    step = read_checkpoint(latest_checkpoint(tmp_path / "run"))["step"]
    assert step >= int(rows(tmp_path / "run")[-1]["step"])


def test_without_a_terminal_there_is_a_line_now_and_then(tmp_path, capsys, monkeypatch):
    options = OPTIONS | {"checkpoint_minutes": 60.0}
    train(TINY, pictures(), run=tmp_path / "a", **options)
    said = capsys.readouterr()
    assert "update" not in said.err  # no bar
    assert "update " not in said.out.replace("last update ", "")
    monkeypatch.setattr(report, "SELDOM", 0.0)
    train(TINY, pictures(), run=tmp_path / "b", **options)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("update ")]
    assert len(lines) == 6
    assert lines[2].startswith("update 6 of 12, ")
    assert "content" in lines[2]
    assert report.SELDOM == 0.0
    monkeypatch.undo()
    assert report.SELDOM * 1440 >= 86400  # at most one a minute, 1,440 a day


# -- a kernel ----------------------------------------------------------------------------------------------------------


def test_the_stop_button_stops_the_queue(tmp_path):
    """Run All: the training cell ends with an error, those behind it do not run, and the same cell goes on."""
    manager_module = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    manager, client = manager_module.start_new_kernel(cwd=str(SOURCES))
    setup = f"""
        import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]
        from test_interrupted import TINY, pictures
        from srgan_lessons.training import train
        recipe = TINY.change(steps=40_000)
    """
    training = f"""
        options = dict(progress=False, log_every=1, validate_every=99_999)
        tell = lambda row: print("row", row["step"]) if row["step"] < 3 else None
        run = train(recipe, pictures(), run={str(tmp_path / "run")!r}, on_report=tell, **options)
    """
    try:
        client.execute_interactive(textwrap.dedent(setup), timeout=120, output_hook=lambda message: None)
        first = client.execute(textwrap.dedent(training))
        queued = client.execute("print('this cell ran')")
        while True:
            message = client.get_iopub_msg(timeout=120)
            if message["msg_type"] == "stream" and "row" in message["content"]["text"]:
                break
        manager.interrupt_kernel()
        replies = {}
        while not {first, queued} <= replies.keys():
            reply = client.get_shell_msg(timeout=120)
            replies[reply["parent_header"]["msg_id"]] = reply["content"]
        assert replies[first]["status"] == "error"
        assert replies[first]["ename"] == "KeyboardInterrupt"
        assert "saved" in replies[first]["evalue"]
        assert replies[queued]["status"] == "aborted"
        step = read_checkpoint(latest_checkpoint(tmp_path / "run"))["step"]
        assert step == int(rows(tmp_path / "run")[-1]["step"])
        again = textwrap.dedent(training).replace("40_000", "") + f"\nassert run.finished and run.step == {step} + 2"
        shorter = f"recipe = recipe.change(steps={step} + 2)\n"
        assert client.execute_interactive(shorter + again, timeout=120)["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


# -- disks -------------------------------------------------------------------------------------------------------------


def test_a_line_of_the_log_that_the_disk_refuses(tmp_path, capsys, whole):
    """/dev/full refuses as a full disk does. The line is written with the next one, and the run goes on."""
    log, aside = tmp_path / "run" / "log.csv", tmp_path / "aside.csv"

    def refuse(row):
        if row["step"] == 4:
            log.rename(aside)
            log.symlink_to("/dev/full")
        if row["step"] == 8:
            log.unlink()
            aside.rename(log)

    run = train(TINY, pictures(), run=tmp_path / "run", on_report=refuse, **OPTIONS)
    assert run.finished
    said = capsys.readouterr().out
    assert (
        said.count("Training goes on; this line of the log will be written together with the next one.") == 2
    )  # after updates 6 and 8
    assert rows(tmp_path / "run") == rows(whole)


def test_a_log_that_stays_refused_to_the_end(tmp_path, capsys):
    def refuse(row):
        if row["step"] == 4:
            (tmp_path / "run" / "log.csv").unlink()
            (tmp_path / "run" / "log.csv").symlink_to("/dev/full")

    run = train(TINY, pictures(), run=tmp_path / "run", on_report=refuse, **OPTIONS)
    assert run.finished
    assert len(run.log) == 6
    assert "The last lines of the log are missing; the weights are complete." in capsys.readouterr().out


def test_a_line_that_fits_in_part_leaves_whole_lines(tmp_path):
    with disk(tmp_path / "disk", 1) as small:
        folder = RunFolder(small)
        row = {"step": 1, "note": "x" * 3000}
        assert folder.append_log([row]) is None
        fill(small)
        assert "the disk is full" in folder.append_log([row | {"step": 2}])  # 1,000 bytes of it would have gone in
        assert (small / "log.csv").read_bytes().endswith(b"x\r\n")
        (small / "filler").unlink()
        assert folder.append_log([row | {"step": 3}]) is None
        folder.close()
        assert [row["step"] for row in rows(small)] == ["1", "2", "3"]


def test_a_disk_that_cannot_be_written(tmp_path):
    with disk(tmp_path / "disk", 1) as small:
        make_read_only(small)
        with pytest.raises(UserError, match=r"run folder cannot be used.*no permission.*Choose another folder"):
            train(TINY, pictures(), run=small / "run", **QUIET)


NO_LOCKS = """
    import errno, os, sys, warnings
    import torch._dynamo  # the first optimiser imports it: here it is done once, and not in each process
    from test_interrupted import QUIET, TINY, pictures
    from trouble import refuse
    from srgan_lessons.download import _claim
    from srgan_lessons.rating.votefile import VoteFile
    from srgan_lessons.training import train
    from pathlib import Path

    def died(row):
        if row["step"] == 4:
            os._exit(0)  # as a kill ends it: nothing is cleared away

    def child(error, folder, **options):
        if not refuse("flock", error):
            return 77
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run = train(TINY, pictures(), run=folder / "run", **QUIET, **options)
            VoteFile(folder / "votes" / "a.jsonl").close()
            with _claim(folder / "file"):
                pass
        texts = [str(warning.message) for warning in caught]
        assert len(texts) == 2 and all("a file system without locks" in text for text in texts), texts
        return 0 if run.finished else 1

    for error in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):  # 37, 38, 95
        folder = Path(sys.argv[1]) / str(error)
        folder.mkdir()
        for options in ({"on_report": died}, {}):
            pid = os.fork()
            if pid == 0:
                os._exit(child(error, folder, **options))
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if status:
                sys.exit(status)
"""


def test_file_systems_without_locks(tmp_path):
    """A warning for runs and votes, and a run that was killed there does not shut the next one out."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCES), str(Path(__file__).parent)])}
    program = [sys.executable, "-c", textwrap.dedent(NO_LOCKS), str(tmp_path)]
    done = subprocess.run(program, env=environment | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("this system cannot refuse a system call (seccomp)")
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*/run/weights.safetensors"))) == 3


# -- what already exists -----------------------------------------------------------------------------------------------


def test_weights_without_checkpoints_are_not_replaced(tmp_path):
    folder = train(TINY, pictures(), run=tmp_path / "run", **QUIET).folder
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(
        UserError,
        match=r"no checkpoint.*would overwrite the weights.*--folder.*--init "
        r".*weights\.safetensors",
    ):
        train(TINY, pictures(), run=folder, **QUIET)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    advised = train(TINY, pictures(), run=tmp_path / "other", init=folder / "weights.safetensors", **QUIET)
    assert advised.finished


def test_the_best_checkpoint_is_one_to_go_on_from(tmp_path, whole):
    folder = train(TINY, pictures(), run=tmp_path / "run", **QUIET).folder
    for path in (folder / "checkpoints").glob("step_*"):
        path.unlink()
    assert train(TINY, pictures(), run=folder, **QUIET).finished
    assert_same_run(folder, whole)


def test_a_log_without_a_checkpoint_is_kept_under_another_name(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.csv").write_text("step,content\n2,0.5\n")
    (tmp_path / "run" / "log_before_1.csv").write_text("another")
    train(TINY, pictures(), run=tmp_path / "run", **OPTIONS)
    assert "came from a run without a checkpoint" in capsys.readouterr().out
    assert (tmp_path / "run" / "log_before_1.csv").read_text() == "another"
    assert (tmp_path / "run" / "log_before_2.csv").read_text() == "step,content\n2,0.5\n"


def test_a_log_of_an_older_version(tmp_path, whole):
    """It had another column, and lacked one; and its last line was cut off."""
    folder = tmp_path / "run"
    train(TINY, pictures(), run=folder, minutes=1e-9, **OPTIONS | {"log_every": 1, "progress": False})
    row = rows(folder)[0]
    older = {name: text for name, text in row.items() if name != "val_tint"} | {
        "updates_per_s": "7",
        "loss_of_old": "0.25",
    }
    (folder / "log.csv").write_text(",".join(older) + "\n" + ",".join(older.values()) + "\n2,0.00")
    train(TINY, pictures(), run=folder, **OPTIONS | {"log_every": 1, "progress": False})
    found = rows(folder)
    assert [int(row["step"]) for row in found] == list(range(1, 13))
    assert found[0]["loss_of_old"] == "0.25"
    assert found[0]["content"] == row["content"]
    assert all(math.isfinite(float(row["val_tint"])) for row in found if row["val_psnr"])
    for mine, theirs in zip(found[1::2], rows(whole), strict=True):
        assert {name: text for name, text in mine.items() if name != "loss_of_old" and name != "content"} == {
            name: text for name, text in theirs.items() if name != "content"
        }


def test_another_measure_of_the_best_begins_anew(tmp_path):
    """ST-LPIPS of about 0.2 would never be beaten by a content loss that is a thousand times as large."""
    folder = train(TINY, pictures(), run=tmp_path / "run", minutes=1e-9, **QUIET).folder
    path = latest_checkpoint(folder)
    state = read_checkpoint(path)
    for criterion, best in (("val_content", 1e-9), ("val_stlpips", 1e-9)):
        torch.save(state | {"criterion": criterion, "best": best}, path)
        (folder / "checkpoints" / "best.pt").unlink(missing_ok=True)
        train(TINY.change(steps=12), pictures(), run=folder, **QUIET)
        assert (folder / "checkpoints" / "best.pt").exists() == (criterion == "val_stlpips")
        for old in (folder / "checkpoints").glob("step_*"):
            if old != path:
                old.unlink()


@pytest.mark.parametrize("schedule", ["constant", "drop", "one-cycle"])
def test_weights_older_than_the_checkpoint_are_written_again(tmp_path, schedule):
    """A kill between the last checkpoint and its weights. The checkpoint stays, with the rate of its last update."""
    recipe = TINY.change(schedule=schedule)
    folder = train(recipe, pictures(), run=tmp_path / "run", minutes=1e-9, **QUIET).folder
    old = (folder / "weights.safetensors").read_bytes()
    train(recipe, pictures(), run=folder, **QUIET)
    checkpoint = latest_checkpoint(folder).read_bytes()
    weights = {name: tensor.clone() for name, tensor in load_file(folder / "weights.safetensors").items()}
    (folder / "weights.safetensors").write_bytes(old)
    assert train(recipe, pictures(), run=folder, **QUIET).finished
    assert same(load_file(folder / "weights.safetensors"), weights)
    assert latest_checkpoint(folder).read_bytes() == checkpoint


def test_a_damaged_checkpoint_and_none_beside_it(tmp_path):
    """The advice is one that the next call takes."""
    folder = train(TINY, {"only": pictures()["photo0"]}, run=tmp_path / "run", **QUIET | {"keep": 1}).folder
    latest_checkpoint(folder).write_bytes(b"")
    with pytest.raises(UserError, match=r"damaged.*start again in another folder.*--init .*weights\.safetensors"):
        train(TINY, pictures(), run=folder, **QUIET)


# -- photos, rates and processes ---------------------------------------------------------------------------------------


def test_photos_by_another_path(tmp_path, whole):
    for name, image in pictures().items():
        save_image(tmp_path / "first" / f"{name}.png", image)
    assert not train(TINY, tmp_path / "first", run=tmp_path / "run", minutes=1e-9, **QUIET).finished
    (tmp_path / "first").rename(tmp_path / "renamed")
    for path in list((tmp_path / "renamed").iterdir()):  # and in another order
        path.rename(tmp_path / "renamed" / f"{9 - int(path.stem[-1])}.png")
    assert train(TINY, tmp_path / "renamed", run=tmp_path / "run", **QUIET).finished
    assert rows(tmp_path / "run") == rows(whole)


def test_which_photos_are_new_and_which_are_gone(tmp_path):
    """Of a photo that is only held out now, or no longer, nothing is said."""
    photos = pictures(24)
    train(TINY, dict(list(photos.items())[:20]), run=tmp_path / "run", minutes=1e-9, **QUIET)
    for more in range(20, 24):
        with pytest.raises(UserError, match=rf"other training pictures: 1 new \(photo{more}\)\."):
            train(
                TINY,
                dict([*list(photos.items())[:20], (f"photo{more}", photos[f"photo{more}"])]),
                run=tmp_path / "run",
                **QUIET,
            )
    fewer = {name: photos[name] for name in list(photos)[1:21]}
    with pytest.raises(UserError, match=r"1 gone \(photo0\), 1 new \(photo20\)"):
        train(TINY, fewer, run=tmp_path / "run", **QUIET)


def test_the_advice_after_no_number_works(tmp_path):
    """A learning rate that is far too high, and then what the refusal says."""
    wild = TINY.change(rate=1e30, ema=0.5)
    save = {"checkpoint_minutes": 60.0, "validate_every": 100, "progress": False, "log_every": 1}
    train(TINY.change(steps=4), pictures(), run=tmp_path / "good", **save)
    with pytest.raises(
        UserError, match=r"no longer a number.*No checkpoint was written yet.*--folder.*--rate"
    ) as refusal:
        train(wild, pictures(), run=tmp_path / "wild", **save)
    assert "--init" not in str(refusal.value)  # there is nothing to start from
    path = latest_checkpoint(tmp_path / "good")
    state = read_checkpoint(path)
    state["generator"]["tail.bias"].fill_(math.nan)
    torch.save(state, path)
    weights = tmp_path / "good" / "weights.safetensors"
    with pytest.raises(UserError, match="no longer a number") as refusal:
        train(TINY, pictures(), run=tmp_path / "good", **save)
    assert f"--init {weights}" in str(refusal.value)
    with pytest.raises(UserError, match=r"rate 0.0001 then, 1e-05 now.*--folder.*--init"):
        train(TINY.change(rate=1e-5), pictures(), run=tmp_path / "good", **save)
    assert train(TINY.change(rate=1e-5), pictures(), run=tmp_path / "new", init=weights, **save).finished


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ({"RANK": "1"}, r"RANK is 1, but with WORLD_SIZE 1 it must be from 0 to 0.*unset"),
        ({"WORLD_SIZE": "2"}, r"WORLD_SIZE is 2.*MASTER_ADDR.*unset"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, r"MASTER_ADDR.*unset"),
        ({"WORLD_SIZE": "two"}, r"WORLD_SIZE is 'two'.*unset WORLD_SIZE"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0x"}, "not found.*unset"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "taken"}, "not found.*unset"),
    ],
)
def test_what_torchrun_left_in_the_environment(monkeypatch, left, words):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
            monkeypatch.delenv(name, raising=False)
        for name, value in left.items():
            monkeypatch.setenv(name, str(taken.getsockname()[1]) if value == "taken" else value)
        with pytest.raises(UserError, match=words):
            Machine("cpu")
