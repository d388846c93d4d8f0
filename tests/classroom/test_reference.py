"""The reference that is handed on is no answer: a check that is run again, in whatever order, knows it."""

import copy
import functools
import importlib
import inspect
import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from answers import NOTEBOOK, run_cell
from nbclient import NotebookClient

from srgan_lessons import models
from srgan_lessons.classroom import check, grade, hint, progress, reference, solution
from srgan_lessons.classroom.gradebook import mark
from srgan_lessons.classroom.progress import NAME, Record, load
from srgan_lessons.classroom.reference import handed_on, marked
from srgan_lessons.exercises import all_exercises
from srgan_lessons.exercises.calling import call, on_cpu
from srgan_lessons.exercises.exercise import Exercise, Mistake
from srgan_lessons.metrics import psnr

progress_file = importlib.import_module("srgan_lessons.classroom.progress")  # the room has a function of that name
ROOT = Path(__file__).resolve().parents[2]
KEPT = "You have solved it before, and that still counts."


@pytest.fixture(params=all_exercises().values(), ids=all_exercises())
def exercise(request) -> Exercise:
    return request.param


@pytest.fixture
def lesson(exercise) -> dict:
    """The names that a lesson knows before an exercise: what it imports, and what was handed on so far."""
    others = [other for other in all_exercises().values() if other.lesson == exercise.lesson and other != exercise]
    return NOTEBOOK | {"check": check, "psnr": psnr} | {other.name: handed_on(other) for other in others}


def check_cell(name: str) -> str:
    return f'{name} = check("{name}", {name})'


# --- what a learner makes of the reference ---------------------------------------------------------------------------


def decorated(handed):
    @functools.wraps(handed)
    def mine(*args, **kwargs):
        return handed(*args, **kwargs)

    return mine


def as_an_object(handed):
    class Mine:
        def __call__(self, *args, **kwargs):
            return handed(*args, **kwargs)

    return Mine()


def inherited(handed):
    class Mine(handed):
        pass

    return Mine


def inherited_and_half_written(handed):
    class Mine(handed):
        def forward(self, x):
            return super().forward(x)

    return Mine


ANY = {
    "the same": lambda handed: handed,
    "taken from a list": lambda handed: [handed][0],
    "copied": copy.copy,
    "copied deeply": copy.deepcopy,
    "pickled": lambda handed: pickle.loads(pickle.dumps(handed)),
}
CALLED = {
    "partial": functools.partial,
    "lambda": lambda handed: lambda *args, **kwargs: handed(*args, **kwargs),
    "decorated": decorated,
    "an object's call": as_an_object,
    "a bound method": lambda handed: as_an_object(handed).__call__,
    "its __wrapped__": inspect.unwrap,
}
CLASSES = {
    "inherited": inherited,
    "inherited, half written": inherited_and_half_written,
    "made by a function": lambda handed: lambda *args: handed(*args),
}
DICTS = {
    "dict()": dict,
    "united": lambda handed: handed | {},
    "unpacked": lambda handed: {**handed},
    "all but one": lambda handed: dict(handed) | {key: plain(handed[key]) for key in list(handed)[:1]},
}


def plain(value):
    return next(kind(value) for kind in (str, int, float) if isinstance(value, kind))


def made_of_the_reference(exercise: Exercise) -> dict:
    cases = dict(ANY)
    if exercise.takes_a_call:
        cases |= CALLED
    if inspect.isclass(exercise.reference):
        cases |= CLASSES
    if isinstance(exercise.reference, dict):
        cases |= DICTS
    return cases


def test_whatever_is_made_of_the_reference_is_not_solved(exercise, capsys):
    handed = {}  # by identity: mostly one object, in each case the same
    for case, make in made_of_the_reference(exercise).items():
        answer = make(check(exercise.name, None))
        capsys.readouterr()
        went_on_with = check(exercise.name, answer)
        out = capsys.readouterr().out
        assert out.startswith(f"{exercise.name}: not done yet. "), case
        assert "the course's reference, handed on so that the lesson can go on. Write your own" in out, case
        assert "You have solved it" not in out, case
        assert load()[exercise.name] == Record(handed_on=True), case
        assert not grade(exercise.name, went_on_with).passed
        handed[id(went_on_with)] = went_on_with
    for went_on_with in handed.values():
        exercise.judge(went_on_with)  # the lesson goes on with what is right, whatever was made of it


@pytest.mark.parametrize("name", [n for n, one in all_exercises().items() if inspect.isclass(one.reference)])
def test_objects_that_were_made_before_the_check(name):
    """Objects of the reference that a learner's class hands back."""
    exercise = all_exercises()[name]
    handed = handed_on(exercise)
    made = {}

    class Mine:
        def __new__(cls, *args):
            return made[args]

    while True:  # each time the check asks for one more, it is made beforehand
        try:
            exercise.judge(Mine)
            break
        except KeyError as error:
            made[error.args[0]] = handed(*error.args[0])
    assert "the course's reference" in grade(exercise.name, Mine).message


# --- the order of the cells ------------------------------------------------------------------------------------------


def test_cells_in_every_order(exercise, lesson, capsys):
    """As a kernel runs them, one after the other, in one namespace: what is the learner's own counts, and stays."""
    name = exercise.name

    def said(*cells: str) -> str:
        capsys.readouterr()
        for cell in cells:
            names.update(run_cell(cell, names))
        return capsys.readouterr().out

    names, judge = dict(lesson), check_cell(name)
    with pytest.raises(NameError):
        said(judge)  # from the bottom
    assert load() == {}

    assert "This name refers to" not in said(exercise.stub, judge)  # the untouched lesson
    for again in ([judge], [judge, judge], [f"{name} = {name}", judge], [f"x = [{name}]\n{name} = x[0]", judge]):
        out = said(*again)
        assert "not done yet. This name refers to the course's reference" in out
        assert "passed" not in out
    assert "This name refers to" not in said(exercise.stub, judge)  # Run All, twice
    assert load() == {name: Record(handed_on=True)}
    assert mark(load()[name]) == "r"

    hint(name)
    said(judge)
    assert load()[name] == Record(hints=1, handed_on=True)
    assert mark(load()[name]) == "-"

    for _ in range(2):  # the cell that is solved, its check twice; then all of it again
        assert said(exercise.solution, judge, judge) == f"{name}: passed.\n" * 2
    solved = load()[name]
    assert (solved.solved, solved.hints) == (True, 1)
    assert mark(solved) == "h"

    out = said(exercise.stub, judge, judge)  # after the pass: the stub, and what was handed on for it
    assert out.count("not done yet.") == out.count(KEPT) == 2
    assert KEPT in said(f"{name} = 'wrong'", judge)
    assert load()[name] == solved
    solution(name)
    assert said(exercise.solution, judge) == f"{name}: passed.\n"
    assert (load()[name].solved_at, load()[name].hints) == (solved.solved_at, 1)


def test_in_strict_mode_the_solved_cells_pass_twice_and_the_reference_is_an_error(exercise, lesson, monkeypatch):
    monkeypatch.setenv("SRGAN_LESSONS_STRICT", "1")
    judge = check_cell(exercise.name)
    names = run_cell(f"{exercise.solution}\n\n{judge}\n{judge}", lesson)
    assert not isinstance(names[exercise.name], reference.Mark)
    with pytest.raises(Exception, match="This name refers to the course's reference"):
        check(exercise.name, handed_on(exercise))
    assert load()[exercise.name].solved


def test_what_was_handed_on_is_known_in_another_kernel(tmp_path):
    """Saved and read again, as %store and dill do it."""
    (tmp_path / "saved").write_bytes(pickle.dumps({name: handed_on(one) for name, one in all_exercises().items()}))
    code = (
        "import pickle; from srgan_lessons.classroom import grade\n"
        "saved = pickle.load(open('saved', 'rb'))\n"
        "print(*{grade(name, answer).message for name, answer in saved.items()}, len(saved))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.split(" Write")[0] == (
        "not done yet. This name refers to the course's reference, handed on so that the lesson can go on."
    )
    assert done.stdout.endswith(f"run both cells. {len(all_exercises())}\n")


# --- what is handed on -----------------------------------------------------------------------------------------------


def test_what_is_handed_on_is_as_good_as_the_reference(exercise):
    handed, given = handed_on(exercise), exercise.reference
    assert isinstance(handed, type(given))
    if exercise.takes_a_call:
        assert handed.__doc__ == given.__doc__
        assert handed is handed_on(exercise)
        assert handed.__name__ == exercise.name
        assert inspect.signature(handed) == inspect.signature(given)
    else:
        assert handed == given
        assert repr(handed) == repr(given)
        assert [type(part).__name__ for part in handed.values()] == [type(part).__name__ for part in given.values()]


def test_a_learner_cannot_change_the_right_answer(capsys):
    diagnoses = check("diagnoses", None)
    diagnoses[1] = "healthy"
    assert all_exercises()["diagnoses"].reference[1] == "no detach"
    assert "This name refers to" in grade("diagnoses", diagnoses).message
    assert check("diagnoses", diagnoses)[1] == "no detach"


@pytest.mark.parametrize(
    "value",
    [42, 2**70, -0.5, 1 + 2j, "yes", b"yes", (1, "two"), [1.5], {3}, {"a": [(1,)], "b": True}],
    ids=lambda value: type(value).__name__,
)
def test_values_of_every_kind_are_known_again_and_equal_ones_are_the_learners_own(value, monkeypatch):
    exercise = made_up(value, monkeypatch)
    handed = check("answer", None)
    assert handed == value
    assert isinstance(handed, type(value))
    for make in (*ANY.values(), lambda handed: marked("answer", handed)):
        assert "the course's reference" in grade("answer", make(handed)).message
    assert grade("answer", copy.deepcopy(value)).passed
    assert handed_on(exercise) is not value


@pytest.mark.parametrize("value", [np.arange(3.0), torch.arange(3.0)], ids=["array", "tensor"])
def test_arrays_and_tensors(value, monkeypatch):
    made_up(value, monkeypatch)
    handed = check("answer", None)
    handed[0] += 0  # still the reference
    for make in (*ANY.values(), lambda handed: handed[:], lambda handed: {"x": [handed]}):
        assert "the course's reference" in grade("answer", make(handed)).message
    assert grade("answer", copy.copy(value)).passed
    handed[1] = 7
    assert value[1] == 1
    assert float((handed * 2)[2]) == 4


@pytest.mark.parametrize("value", [True, None, np.float32(2)], ids=["bool", "None", "float32"])
def test_an_exercise_cannot_ask_for_what_cannot_be_marked(value, monkeypatch):
    with pytest.raises(ValueError, match=f"answer: a reference of type {type(value).__name__} cannot be passed on"):
        made_up(value, monkeypatch)


def made_up(value, monkeypatch) -> Exercise:
    """An exercise whose reference is that value; every value is right."""
    source = "# SOLUTION\nanswer = 1\n# STUB\n# answer = ...\n# END"
    fields = {"title": "t", "difficulty": "easy", "minutes": 1, "hints": ("1", "2", "3"), "lesson": 99, "place": 1}
    fields["mistakes"] = (Mistake("0", says="", ask="?"), Mistake("2", says="", ask="?"))
    exercise = Exercise(name="answer", source=source, reference=value, judge=lambda _: None, **fields)
    monkeypatch.setattr("srgan_lessons.classroom.checking.all_exercises", lambda: {"answer": exercise})
    return exercise


def test_the_packages_own_version_is_no_answer():
    assert grade("ESPCN", models.ESPCN).message == (
        "not done yet. This name refers to srgan_lessons.models.ESPCN, from the package. "
        "Write your own in the cell above and run both cells."
    )


def test_the_reference_of_another_exercise_may_be_used():
    loss = handed_on(all_exercises()["perceptual_loss"])

    def generator_step(generator, discriminator, optimizer, lr, hr):
        sr = generator(lr)
        optimizer.zero_grad()
        loss(sr, hr, discriminator(sr)).backward()
        optimizer.step()
        return sr

    assert grade("generator_step", generator_step).passed
    assert reference.runs["perceptual_loss"]


# --- on another device -----------------------------------------------------------------------------------------------


class OnCuda(torch.Tensor):
    """Stands for a tensor on a GPU: it says so, and does not mix with tensors of the CPU."""

    device = property(lambda self: torch.device("cuda", 0))

    def cpu(self):
        return self.as_subclass(torch.Tensor)

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if any(type(value) is torch.Tensor and value.ndim for value in args):
            raise RuntimeError("Expected all tensors to be on the same device")
        return super().__torch_function__(function, types, args, kwargs)


def moved(value, to=lambda tensor: tensor.as_subclass(OnCuda)):
    """What an answer gives back, on the GPU."""
    if isinstance(value, torch.Tensor):
        return to(value)
    if type(value) in (list, tuple):
        return type(value)(moved(part, to) for part in value)
    if type(value) is dict:
        return {key: moved(part, to) for key, part in value.items()}
    return value


@pytest.mark.parametrize("name", [n for n, one in all_exercises().items() if inspect.isfunction(one.reference)])
def test_answers_on_a_gpu_are_judged(name):
    exercise = all_exercises()[name]
    verdict = grade(exercise.name, lambda *args, **kwargs: moved(exercise.reference(*args, **kwargs)))
    assert verdict.passed, verdict.message


def test_the_stand_in_for_a_gpu_is_one():
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(2) + moved(torch.ones(2))
    assert moved([torch.ones(2)])[0].device.type == "cuda"


def test_an_answer_that_mixes_devices_is_told_what_to_do():
    def psnr_y(sr, hr):
        return torch.from_numpy(sr) - moved(torch.ones(sr.shape))

    message = grade("psnr_y", psnr_y).message
    assert "Expected all tensors to be on the same device" in message
    assert message.endswith("Your answer is judged on the CPU: use the device of the input, as in x.device.")


def test_tensors_without_numbers():
    message = grade("psnr_y", lambda sr, hr: torch.zeros((), device="meta")).message
    assert message == 'not yet. There is a tensor on the device "meta": it has a shape, but no numbers.'


def test_what_is_on_the_cpu_stays_the_same_object():
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    for value in (torch.ones(2), [torch.ones(2)], {"x": (torch.ones(2),)}, layer, optimizer, None, "text"):
        assert on_cpu(value) is value
        assert call(lambda value=value: value) is value


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
def test_networks_and_optimisers_that_an_answer_moves_to_a_gpu(exercise):
    def there(value):
        if isinstance(value, torch.nn.Module):
            return value.cuda()
        return moved(value, torch.Tensor.cuda)

    def mine(*args, **kwargs):
        return there(exercise.reference(*map(there, args), **kwargs))

    verdict = grade(exercise.name, mine if exercise.takes_a_call else exercise.reference.copy())
    assert verdict.passed, verdict.message


# --- two notebooks, and names that a learner takes -------------------------------------------------------------------


def record_forty(me: str, other: str) -> None:
    Path(me).touch()
    while not Path(other).exists():
        time.sleep(0.001)
    for number in range(40):
        progress_file.record(f"{me}{number}", solved=True)


def test_two_notebooks_on_one_progress_file_lose_nothing(tmp_path, capfd):
    """In two processes, forked where that is the system's way: they need not import the package again."""
    both = [multiprocessing.Process(target=record_forty, args=names) for names in (("a", "b"), ("b", "a"))]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert capfd.readouterr().err == ""
    assert set(load()) == {f"{who}{number}" for who in "ab" for number in range(40)}
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, "a", "b"]


def test_a_notebook_that_holds_the_progress_file_for_ever(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress_file, "WAIT", 0.1)
    monkeypatch.setattr(progress_file, "_unwritten", {})
    with progress_file._alone_with(tmp_path / NAME):
        hint("psnr_y")
        captured = capsys.readouterr()
        assert "Hint 1 of 3" in captured.out
        assert "is in use by another notebook" in captured.err
    hint("lr_crop")
    assert set(load()) == {"psnr_y", "lr_crop"}


def run_kernel(folder: Path, *cells: str) -> list[str]:
    """What each cell of a new kernel in that folder says, boxes as their text; an error as its last line."""
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(node, timeout=120, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    client.execute(env=os.environ | {"PYTHONPATH": path})

    def said(output) -> str:
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}\n"
        return output.text if output.output_type == "stream" else output.data["text/plain"] + "\n"

    return ["".join(map(said, cell.outputs)) for cell in node.cells]


def test_a_lesson_in_a_kernel_its_checks_twice_and_after_a_restart(tmp_path):
    """The set-up, stub and check cells of lesson 07 as they stand in the notebook."""
    built = nbformat.read(next((ROOT / "notebooks").glob("07_*.ipynb")), as_version=4)
    cells = [cell.source for cell in built.cells if cell.cell_type == "code"]
    setup = cells[0]
    imports = "import torch\nimport torch.nn.functional as F\nfrom srgan_lessons.losses import mse_loss"
    names = [name for name, exercise in all_exercises().items() if exercise.lesson == 7]
    places = [next(k for k, cell in enumerate(cells) if cell.startswith(check_cell(name))) for name in names]
    # Of a check cell the first line: what follows shows the answer at work, with what the lesson has made before.
    untouched = []
    for place, name in zip(places, names, strict=True):
        untouched += [cells[place - 1], check_cell(name), check_cell(name)]
    mine = all_exercises()["perceptual_loss"].solution
    judge = check_cell("perceptual_loss")

    first = run_kernel(tmp_path, setup, imports, *untouched, *untouched, mine, judge, judge, "progress()")
    assert not any("Error" in text for text in first)
    for place in range(2, 2 + len(untouched) * 2, 3):
        assert "not done yet." in first[place + 1]
        assert "This name refers to" not in first[place + 1]
        assert "not done yet. This name refers to the course's reference" in first[place + 2]
    assert first[-3:-1] == ["perceptual_loss: passed.\n"] * 2
    assert f"\n1 of {len(all_exercises())} solved." in first[-1]

    second = run_kernel(tmp_path, setup, judge, imports, *untouched, "progress()")
    assert second[1].startswith("NameError: name 'perceptual_loss' is not defined")
    text = "".join(second)
    assert text.count("not done yet. This name refers to") == len(names)
    assert text.count(KEPT) == 2
    assert "passed" not in text
    assert f"\n1 of {len(all_exercises())} solved." in second[-1]
    rows = {line.split()[0]: line.split()[2:] for line in second[-1].splitlines() if " of 3" in line}
    assert rows["perceptual_loss"][0] == "yes"
    assert rows["generator_step"] == ["no", "0", "of", "3", "handed", "on"]


def test_names_that_a_learner_takes(tmp_path):
    begin = "from srgan_lessons.classroom import check, hint, progress, setup, solution\ndevice = setup()"
    stub, mine = all_exercises()["rate_at"].stub, "import numpy as np\n" + all_exercises()["rate_at"].solution
    printed = run_kernel(
        tmp_path,
        begin,
        "np = torch = F = nn = device = math = 'mine'",
        f"{stub}\n{check_cell('rate_at')}\n{check_cell('rate_at')}\nhint('rate_at')",
        f"{mine}\n{check_cell('rate_at')}\nprogress()",
        "check = 3",
        check_cell("rate_at"),
        "progress = 1",
        begin,
        check_cell("rate_at"),
        "hint = 1",
    )
    assert printed[1] == ""
    assert printed[2].count("not done yet.") == 2
    assert "Hint 1 of 3" in printed[2]
    assert printed[3].startswith("rate_at: passed.\n")
    assert printed[4] == (
        "check is now a variable of yours, and the cells below call it. Give yours another name; "
        "this line brings the course's function back: from srgan_lessons.classroom import check\n"
    )
    assert printed[5] == "TypeError: 'int' object is not callable\n"
    assert printed[6].startswith("progress is now a variable of yours")
    assert printed[8] == "rate_at: passed.\n"
    assert printed[9].count("is now a variable of yours") == 1


def test_the_table_of_progress(capsys):
    check("psnr_y", None)
    check("lr_crop", None)
    check("lr_crop", lambda photo, top, left, size: all_exercises()["lr_crop"].reference(photo, top, left, size))
    solution("cubic_kernel")
    check("cubic_kernel", None)
    capsys.readouterr()
    progress()
    rows = {line.split()[0]: line.split()[2:] for line in capsys.readouterr().out.splitlines() if " of 3" in line}
    assert rows["psnr_y"] == ["no", "0", "of", "3", "handed", "on"]
    assert rows["lr_crop"] == ["yes", "0", "of", "3"]
    assert rows["cubic_kernel"] == ["no", "0", "of", "3", "seen"]
