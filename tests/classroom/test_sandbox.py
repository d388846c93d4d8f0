"""Answers that never end are stopped, and whatever they change is put back."""
# ruff: noqa: NPY002 - numpy's global random state is what students use

import dataclasses
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings

import nbformat
import numpy as np
import pytest
import torch
from answers import NOTEBOOK, references, run_cell
from nbclient import NotebookClient

from srgan_lessons.classroom import checking, grade, sandbox
from srgan_lessons.exercises import all_exercises
from srgan_lessons.exercises.lesson01.cubic_kernel import cubic_kernel
from srgan_lessons.resize import imresize


@pytest.fixture
def one_second(monkeypatch):
    monkeypatch.setattr(checking, "SECONDS", 1.0)


# --- time ------------------------------------------------------------------------------------------------------------


def endless_loop(x):
    while True:
        pass


def endless_sleep(x):
    time.sleep(1000)


def endless_and_deaf(x):
    while True:
        try:
            time.sleep(0.2)
        except:  # noqa: E722 - what students write
            continue


def endless_torch(x):
    a = torch.ones(200, 200)
    while True:
        a = a @ a


def too_long_and_hides_it(x):
    try:
        while True:
            pass
    except BaseException:
        return cubic_kernel(x)


def endless_print(x):
    while True:
        print("x" * 10_000)


ENDLESS = [endless_loop, endless_sleep, endless_and_deaf, endless_torch, too_long_and_hides_it, endless_print]


@pytest.mark.parametrize("candidate", ENDLESS)
def test_an_endless_answer_is_stopped(candidate, one_second, monkeypatch):
    if candidate in (endless_sleep, endless_and_deaf):  # stopped after `PATIENCE` times that much
        monkeypatch.setattr(checking, "SECONDS", 0.3)
    began, threads = time.monotonic(), threading.active_count()
    verdict = grade("cubic_kernel", candidate)
    assert verdict.message.startswith("not yet. It was stopped in your line ")
    if candidate in (endless_sleep, endless_and_deaf):
        assert "What is it waiting for?" in verdict.message
    else:
        assert "a loop that never ends" in verdict.message
    assert time.monotonic() - began < 30
    assert threading.active_count() == threads
    assert signal.getitimer(signal.ITIMER_REAL)[0] < 600 + 1  # nothing but a test runner's own alarm is left
    assert len(verdict.printed) <= 4000


@pytest.mark.parametrize("candidate", [endless_loop, endless_torch, too_long_and_hides_it, endless_print])
def test_an_endless_answer_is_stopped_outside_the_main_thread(candidate, one_second):
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(grade("cubic_kernel", candidate)))
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert verdicts[0].message.startswith("not yet. It was stopped")
    assert "a loop that never ends" in verdicts[0].message
    assert candidate.__name__ not in {f.f_code.co_name for f in sys._current_frames().values()}


def test_the_limit_is_ten_seconds():
    assert checking.SECONDS == 10


def test_a_busy_machine_costs_an_answer_nothing():
    """Two processes per core, which never rest: computing time is the learner's own, and half the limit is enough."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        began = time.thread_time()
        raised, _ = sandbox.run(lambda: sum(range(3_000_000)), seconds=2 * max(0.05, _alone()))
        assert raised is None, time.thread_time() - began
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def _alone() -> float:
    began = time.thread_time()
    sum(range(3_000_000))
    return time.thread_time() - began


def test_the_judge_is_warm_before_the_clock_runs(monkeypatch):
    """What is slow once, such as an import, is slow with the reference, and not on the learner's time."""
    exercise, calls = all_exercises()["cubic_kernel"], []

    def slow_once(candidate):
        calls.append(candidate)
        began = time.thread_time()
        while len(calls) == 1 and time.thread_time() - began < 0.5:
            pass

    slow = dataclasses.replace(exercise, judge=slow_once)
    monkeypatch.setattr(checking, "all_exercises", lambda: {"cubic_kernel": slow})
    monkeypatch.setattr(checking, "_warm", set())
    monkeypatch.setattr(checking, "SECONDS", 0.25)
    assert grade("cubic_kernel", lambda x: x).passed
    assert calls[0] is exercise.reference


def test_an_alarm_of_someone_else_goes_on():
    rung = []
    handler = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    before = signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        assert grade("cubic_kernel", lambda x: cubic_kernel(x)).passed
        deadline = time.monotonic() + 20
        while not rung and time.monotonic() < deadline:
            time.sleep(0.01)
        assert rung
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *before)


@pytest.mark.parametrize("in_main_thread", [True, False])
def test_a_strike_never_lands_outside_the_answer(in_main_thread):
    """Answers that end just when their time does: each is stopped or not, and nothing is raised afterwards."""

    def busy():
        end = time.perf_counter() + 0.005
        while time.perf_counter() < end:
            pass

    outcomes = []

    def many():
        for _ in range(200):
            raised, _ = sandbox.run(busy, seconds=0.005)
            outcomes.append(type(raised).__name__)
            sum(range(1000))  # where a late strike would land

    if in_main_thread:
        many()
    else:
        thread = threading.Thread(target=many)
        thread.start()
        thread.join(60)
    assert len(outcomes) == 200
    assert set(outcomes) <= {"NoneType", "TimeLimit"}


def test_the_clock_of_a_thread_that_has_ended_is_not_read(monkeypatch):
    died = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: died.append(failure.exc_value))

    def answered_just_in_time():
        with sandbox._watcher(1e-4):
            time.sleep(1e-4)

    for _ in range(1500):
        thread = threading.Thread(target=answered_just_in_time)
        thread.start()
        thread.join()
    time.sleep(0.1)  # for the last watcher
    assert died == []


# --- state -----------------------------------------------------------------------------------------------------------


def test_everything_is_left_as_it_was():
    torch.set_num_threads(2)
    before_python, before_numpy, before_torch = random.getstate(), np.random.get_state()[1], torch.get_rng_state()
    folder = os.getcwd()

    def careless(x):
        random.seed(1), np.random.seed(1), torch.manual_seed(1)
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.set_grad_enabled(False)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        torch.set_float32_matmul_precision("medium")
        np.seterr(all="ignore")
        sys.setrecursionlimit(5000)
        os.chdir("/")
        warnings.simplefilter("error")
        return x

    errors, precision = np.geterr(), torch.get_float32_matmul_precision()
    filters, recursion, out = list(warnings.filters), sys.getrecursionlimit(), sys.stdout
    grade("cubic_kernel", careless)
    assert random.getstate() == before_python
    assert np.array_equal(np.random.get_state()[1], before_numpy)
    assert torch.equal(torch.get_rng_state(), before_torch)
    assert torch.get_default_dtype() == torch.float32
    assert torch.zeros(1).device.type == "cpu"
    assert torch.is_grad_enabled()
    assert torch.get_num_threads() == 2
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_float32_matmul_precision() == precision
    assert np.geterr() == errors
    assert sys.getrecursionlimit() == recursion
    assert os.getcwd() == folder
    assert list(warnings.filters) == filters
    assert sys.stdout is out


def test_gradients_are_on_inside_and_stay_off_outside():
    seen = []
    with torch.no_grad():
        grade("cubic_kernel", lambda x: seen.append(torch.is_grad_enabled()))
        assert not torch.is_grad_enabled()
    assert seen == [True]


SETTINGS = {
    "inference mode": torch.inference_mode,
    "half precision": lambda: torch.autocast("cpu", torch.bfloat16),
    "another device": lambda: torch.device("meta"),
}


@pytest.mark.parametrize("how", SETTINGS)
@pytest.mark.parametrize("name", ["ResidualBlock", "conv_block", "content_loss", "generator_step"])
def test_what_a_notebook_has_set_changes_no_verdict(name, how):
    exercise = all_exercises()[name]
    answer = run_cell(exercise.solution, NOTEBOOK | references(exercise.lesson))[name]
    with SETTINGS[how]():
        verdict = grade(name, answer)
        assert torch.zeros(1).device.type == ("meta" if how == "another device" else "cpu")
    assert torch.zeros(1).device.type == "cpu"
    assert verdict.passed, verdict.message


def test_a_division_by_0_is_no_error_while_an_answer_is_judged():
    def without_if(sr, lr):
        return 10 * np.log10(255**2 / np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2))

    with np.errstate(all="raise"):
        assert grade("consistency", without_if).passed
        assert np.geterr()["divide"] == "raise"


def test_the_same_answer_gets_the_same_verdict():
    def by_chance(x):
        return x + np.random.rand() + torch.rand(1).item() + random.random()

    assert grade("cubic_kernel", by_chance) == grade("cubic_kernel", by_chance)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
def test_the_gpus_random_state_is_left_as_it_was():
    torch.cuda.manual_seed(7)
    before = torch.cuda.get_rng_state()
    grade("cubic_kernel", lambda x: torch.rand(3, device="cuda").sum() + torch.cuda.manual_seed(1))
    assert torch.equal(torch.cuda.get_rng_state(), before)


# --- in a kernel -----------------------------------------------------------------------------------------------------


def test_in_a_notebooks_kernel(tmp_path):
    """An endless loop in a cell ends, the crash's line is that of the cell, and the kernel goes on."""
    graded = "print(grade('cubic_kernel', cubic_kernel).message)"
    cells = [
        "from srgan_lessons.classroom import check, checking, grade\nchecking.SECONDS = 1.0",
        all_exercises()["cubic_kernel"].stub + "\ncubic_kernel = check('cubic_kernel', cubic_kernel)",
        "def cubic_kernel(x):\n    n = 0\n    while True:\n        n += 1\n" + graded,
        "def cubic_kernel(x):\n    return x @ x.reshape(7, 7)\n" + graded,
        "class cubic_kernel:\n    def __init__(self, x):\n        self.y = x.nothing\n" + graded,
        "print(6 * 7)",
    ]
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(node, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = [
        "".join(o.text if o.output_type == "stream" else o.data["text/plain"] for o in cell.outputs)
        for cell in node.cells
    ]
    assert printed[1].startswith("cubic_kernel: not done yet.")
    assert "It was stopped in your line " in printed[2]
    assert "in your line 2: `return x @ x.reshape(7, 7)` with ValueError" in printed[3]
    assert "in your line 3: `self.y = x.nothing` with AttributeError" in printed[4]
    assert printed[5] == "42\n"
