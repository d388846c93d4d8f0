"""What check and grade say: they survive whatever they are handed, and name what is wrong."""

import copy
import dataclasses
import re
import signal
import sys
import textwrap

import numpy as np
import pytest
import torch
from answers import run_cell
from torch import nn

from srgan_lessons import UserError
from srgan_lessons.classroom import (
    CheckFailed,
    boxes,
    check,
    checking,
    grade,
    hint,
    solution,
    viewers,
)
from srgan_lessons.classroom.explaining import MEANINGS
from srgan_lessons.classroom.progress import load
from srgan_lessons.exercises import all_exercises
from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet, stub_and_solution
from srgan_lessons.exercises.lesson01.cubic_kernel import cubic_kernel
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array, as_number, as_tensor


class Block(torch.nn.Module):
    """The reference of an exercise made up for these tests: a class."""

    def __init__(self, channels):
        super().__init__()
        # SOLUTION
        self.conv = torch.nn.Conv2d(channels, channels, 3, padding=1)
        # STUB
        # self.conv = ...
        # END

    def forward(self, x):
        # SOLUTION
        return x + self.conv(x)
        # STUB
        # return ...
        # END


def _judge_block(candidate):
    x = torch.rand(2, 4, 6, 6)
    as_tensor(call(call(candidate, 4), x), (2, 4, 6, 6))


MISTAKES = (Mistake("41", says="This is 41", ask="What comes next?"), Mistake("43", says="", ask="And before?"))
BLOCK = Exercise(
    name="Block",
    lesson=99,
    place=1,
    title="a block",
    difficulty="easy",
    minutes=1,
    reference=Block,
    judge=_judge_block,
    hints=("one", "two", "three"),
    mistakes=MISTAKES,
)
FIELDS = {field.name: getattr(BLOCK, field.name) for field in dataclasses.fields(BLOCK) if field.init}
ANSWER = Exercise(
    name="answer",
    lesson=99,
    place=2,
    title="a number",
    difficulty="easy",
    minutes=1,
    reference=42,
    source="# SOLUTION\nanswer = 42\n# STUB\n# answer = ...\n# END",
    judge=lambda candidate: recognise(as_number(candidate, "the answer"), {"This is 41.": 41}, within=0.5),
    hints=("one", "two", "three"),
    mistakes=MISTAKES,
)


@pytest.fixture
def two_more(monkeypatch):
    """Two exercises beside the real ones: one asks for a class, one for a number."""
    exercises = all_exercises() | {"Block": BLOCK, "answer": ANSWER}
    monkeypatch.setattr(checking, "all_exercises", lambda: exercises)


# --- what check says and returns -------------------------------------------------------------------------------------


def test_check_returns_the_answer_that_passed_and_prints_one_line(capsys):
    def mine(x):
        return cubic_kernel(x)

    assert check("cubic_kernel", mine) is mine
    assert capsys.readouterr().out == "cubic_kernel: passed.\n"


def test_check_returns_the_reference_and_says_what_is_wrong(capsys):
    assert check("cubic_kernel", lambda x: np.maximum(0, 1 - abs(x))).__wrapped__ is cubic_kernel
    out = capsys.readouterr().out
    assert out.startswith("cubic_kernel: not yet. This is the triangle")
    assert out.endswith('hint("cubic_kernel") helps; the lesson goes on with the reference.\n')
    assert out.count("\n") == 1


@pytest.mark.parametrize("name", ["no_such", "", "CUBIC_KERNEL", 3, None, cubic_kernel])
def test_unknown_name_lists_the_known_ones(name):
    for function in (lambda: check(name, 1), lambda: grade(name, 1), lambda: hint(name), lambda: solution(name)):
        with pytest.raises(UserError, match="cubic_kernel, bicubic_weights, lr_crop, psnr_y"):
            function()


def test_grade_prints_nothing_and_records_nothing(capsys):
    def chatty(x):
        print("something")
        print("more", file=sys.stderr)
        return cubic_kernel(x)

    assert grade("cubic_kernel", chatty).passed
    assert capsys.readouterr() == ("", "")
    assert load() == {}


def test_strict_makes_a_failed_check_an_error(monkeypatch, capsys):
    monkeypatch.setenv("SRGAN_LESSONS_STRICT", "1")
    with pytest.raises(CheckFailed, match=r"cubic_kernel: not yet\. This is the triangle"):
        check("cubic_kernel", lambda x: np.maximum(0, 1 - abs(x)))
    with pytest.raises(CheckFailed, match="This name refers to the course's reference"):
        check("cubic_kernel", cubic_kernel)

    def mine(x):
        return cubic_kernel(x)

    assert check("cubic_kernel", mine) is mine
    monkeypatch.setenv("SRGAN_LESSONS_STRICT", "0")
    assert check("cubic_kernel", None).__wrapped__ is cubic_kernel


def test_what_a_failed_answer_printed_is_shown_at_its_end(capsys):
    def mine(x):
        for number in range(100):
            print("line", number)
        return x

    check("cubic_kernel", mine)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "Your code printed:"
    assert [line.strip() for line in lines[2:]] == [f"line {number}" for number in range(95, 100)]


# --- not done yet ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("candidate", [None, ...])
def test_nothing_there_is_not_done_yet(candidate):
    assert grade("cubic_kernel", candidate).message.startswith("not done yet")


@pytest.mark.parametrize(
    "source",
    [
        "def cubic_kernel(x):\n    raise NotImplementedError",
        "def cubic_kernel(x):\n    raise NotImplementedError('later')",
        "def cubic_kernel(x):\n    return ...",
        "def cubic_kernel(x):\n    x = x.reshape(...)\n    return x",
        "def cubic_kernel(x):\n    near = 1.5 * x**3\n    far = ...\n    return near + far",
        # The stub, with the comments gone and another one added.
        "def cubic_kernel(x):\n    # hm\n    a = -0.5\n    near = ...\n    far = ...\n    return ...",
    ],
)
def test_a_placeholder_left_is_not_done_yet(source):
    assert grade("cubic_kernel", run_cell(source)["cubic_kernel"]).message.startswith("not done yet")


def test_an_ellipsis_in_an_index_is_no_placeholder():
    cell = run_cell("def cubic_kernel(x):\n    return x[..., 0, 0]\n")
    verdict = grade("cubic_kernel", cell["cubic_kernel"])
    assert verdict.message.startswith("not yet. It stopped in your line 2: `return x[..., 0, 0]` with IndexError")


def test_a_stub_that_is_a_class(two_more):
    stub = run_cell(BLOCK.stub)["Block"]
    assert grade("Block", stub).message == "not done yet."
    half = run_cell(BLOCK.stub.replace("self.conv = ...", "self.conv = nn.Conv2d(channels, channels, 3)"))["Block"]
    assert grade("Block", half).message == "not done yet. The result is `...`, the placeholder."
    assert grade("Block", Block).passed


def test_an_exercise_that_asks_for_a_number(two_more, capsys):
    assert grade("answer", run_cell(ANSWER.stub)["answer"]).message == "not done yet."
    assert grade("answer", 42).passed
    assert grade("answer", 41.2).message == "not yet. This is 41."
    assert "type str; numbers are expected" in grade("answer", "42?").message
    solution("answer")
    assert capsys.readouterr().out == "answer = 42\n"


# --- whatever a student hands over -----------------------------------------------------------------------------------


class NeedsArguments:
    def __init__(self, one, two):
        pass


class Hostile:
    """Fails at whatever one may do to it."""

    def __getattribute__(self, name):
        raise RuntimeError("hands off")

    def __call__(self, *args):
        return self

    def __array__(self, *args, **kwargs):
        raise KeyError("no array")

    def __repr__(self):
        raise ValueError("no text")


class SilentError(Exception):
    def __str__(self):
        raise RuntimeError("not even this")


def _raises_silently(x):
    raise SilentError


ANYTHING = [
    0,
    3.5,
    True,
    "psnr",
    b"",
    [],
    {},
    object(),
    np.zeros(3),
    torch.zeros(3),
    np,
    int,
    len,
    print,
    NeedsArguments,
    Hostile(),
    Hostile,
    torch.nn.Identity(),
    torch.nn.Conv2d,
    lambda: 1,
    lambda *a: None,
    lambda *a: "text",
    lambda *a: {},
    lambda *a: [[1], [2, 3]],
    lambda *a: 1j,
    lambda *a: np.array(["a"]),
    lambda *a: np.nan,
    lambda *a: np.full(49, np.inf),
    lambda *a: torch.zeros(2, 3),
    lambda *a: torch.zeros(2, device="meta"),
    lambda *a: (x for x in a),
    lambda *a: Hostile(),
    _raises_silently,
]


@pytest.mark.parametrize("name", ["cubic_kernel", "bicubic_weights", "lr_crop", "psnr_y", "Block"])
@pytest.mark.parametrize("number", range(len(ANYTHING)))  # pytest itself would trip over some of them
def test_anything_gets_a_verdict(name, number, two_more):
    verdict = grade(name, ANYTHING[number])
    assert not verdict.passed
    assert verdict.message.startswith(("not yet. ", "not done yet"))


def test_what_was_expected_is_said(two_more):
    message = grade("cubic_kernel", 3).message
    assert message == (
        "not yet. Expected a function cubic_kernel(x), got int 3. Hand over cubic_kernel itself, without calling it."
    )
    assert "a class Block(channels)" in grade("Block", Block(4)).message
    assert "missing" in grade("cubic_kernel", NeedsArguments).message
    assert "It is called as cubic_kernel(x)." in grade("cubic_kernel", NeedsArguments).message


def test_parameters_in_another_order_are_named():
    def in_another_order(chances, answers):
        return (chances.view(-1, 1, 1, 1) * answers).sum(dim=0)

    def right_by_place(chances, answers):  # its names are misleading, but its result is right
        return (answers.view(-1, 1, 1, 1) * chances).sum(dim=0)

    def other_names(p, images):
        return (p.view(-1, 1, 1, 1) * images).sum(dim=0)

    said = (
        "The parameters of your mse_answer are in another order: it is called with (answers, chances), but yours takes"
    )
    assert f"{said} (chances, answers). " in grade("mse_answer", in_another_order).message
    assert grade("mse_answer", right_by_place).passed
    assert "another order" not in grade("mse_answer", other_names).message
    assert "another order" not in grade("mse_answer", lambda answers, chances: answers[0]).message


def test_a_judge_that_fails_by_itself_says_so(monkeypatch):
    def broken(candidate):
        return [][0]

    fields = FIELDS | {"judge": broken}
    monkeypatch.setattr(checking, "all_exercises", lambda: {"Block": Exercise(**fields)})
    assert "IndexError" in grade("Block", Block).message


def test_the_students_line_is_shown_also_where_the_crash_is_deeper():
    source = """
def helper(a, b):
    return torch.cat([a, b])

def cubic_kernel(x):
    y = torch.from_numpy(x)
    return helper(y, y[None])   # shapes do not fit
"""
    message = grade("cubic_kernel", run_cell(source)["cubic_kernel"]).message
    assert "in your line 3: `return torch.cat([a, b])` with RuntimeError: " in message


WHOLE = "A whole number is needed here"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x: torch.zeros(3, 2).view(1.5, 4), WHOLE),
        (lambda x: torch.zeros((4 / 2, 3)), WHOLE),
        (lambda x: torch.eye(4 / 2), WHOLE),
        (lambda x: list(range(3))[2 / 2], WHOLE),
        (lambda x: torch.arange(3)[2 / 2], WHOLE),
        (lambda x: np.arange(3)[2 / 2], WHOLE),
        (lambda x: torch.max(torch.zeros(3), 0.0), "To limit a tensor by a number, use clamp."),
        (lambda x: torch.clamp(0.5, 0, 1), 'what it takes is listed after "expected one of"'),
        (lambda x: {"a": "bc"}["a"]["b"], "string indices must be integers"),
        (lambda x: torch.full(3, 0.5), "must be tuple of ints, not int"),
        (lambda x: torch.zeros(3).astype("float32"), "does it belong to another type?"),
        (lambda x: x.permute(0), "numpy.ndarray has no `permute`"),
        (lambda x: torch.arange(3).mean(), "convert them, as in x.float()."),
        (lambda x: torch.nn.functional.avg_pool2d(torch.zeros(1, 1, 4, 4).byte(), 2), "convert them, as in x.float()."),
        (lambda x: torch.arange(3).std(), "convert them, as in x.float()."),
        (lambda x: np.sum(x, dim=0), "no argument called `dim`. (numpy says axis"),
        (lambda x: [2, 1].sort()[0], "What comes before [...] is None."),
        (lambda x: len([2, 1].sort()), "A value is None here."),
        (lambda x: 1 + [2, 1].sort(), "One of the two values is None."),
        (lambda x: nn.Sequential([nn.Tanh()]), "not a list of them: put a * before the list."),
        (lambda x: nn.Sequential(nn.Tanh() for _ in x), "make a list of them and put a * before it"),
        (lambda x: nn.Sequential(nn.Tanh), "A layer is missing its brackets"),
        (lambda x: nn.Conv2d(1, 1, 3) * 2, "* does not copy a layer."),
        (lambda x: 2 * nn.Conv2d(1, 1, 3), "* does not copy a layer."),
        (lambda x: torch.zeros(3) + nn.Sequential(nn.Tanh()), "only what it returns is one: call it"),
        (lambda x: nn.Sequential(nn.Tanh()) + torch.zeros(3), "only what it returns is one: call it"),
        (lambda x: nn.BatchNorm2d(1)(torch.zeros(1, 4, 4)), "but this is a single image, (C, h, w)."),
        (lambda x: nn.Tanh().weights, "the weights of a network are network.parameters()."),
        (lambda x: torch.optim.Adam([torch.zeros(1)], rate=1e-3), "They call the learning rate lr: write lr=rate."),
        (lambda x: copy.deepcopy(nn.Tanh().parameters()), "A network's state_dict() can."),
        (lambda x: round(x), "For an array, use np.round."),
        (lambda x: int(x), "x.astype(float) converts all of them."),
        (lambda x: x > 0 & x < 1, "each comparison needs brackets"),
        (lambda x: x > 0.5 & (x < 1), "each comparison needs brackets"),
        (lambda x: torch.from_numpy(x) > 0 | torch.from_numpy(x) < 1, "each comparison needs brackets"),
        (lambda x: x.sum() > 0.5 & True, "each comparison needs brackets"),
    ],
)
def test_what_an_error_of_torch_and_numpy_means(answer, says):
    message = grade("cubic_kernel", answer).message
    assert message.startswith("not yet. It stopped in your line ")
    said = message.rpartition("` with ")[2]  # the line that is quoted is one of those above, and holds the words itself
    assert says in said
    assert (WHOLE in said) == (says == WHOLE), message


def test_a_long_line_of_the_student_is_cut():
    cell = run_cell(f"def cubic_kernel(x):\n    return x + [{'1, ' * 500}]\n")
    message = grade("cubic_kernel", cell["cubic_kernel"]).message
    assert "in your line 2: `return x + [1, 1," in message
    assert " ...` with " in message
    assert len(message) < 800


def test_each_meaning_has_the_groups_that_its_text_shows():
    for pattern, text in MEANINGS.items():
        assert text.format(*["x"] * re.compile(pattern).groups)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there():
    message = grade("cubic_kernel", lambda x: torch.zeros(3).cuda()).message
    assert "Torch can use no GPU here." in message


def test_an_endless_recursion():
    cell = run_cell("def cubic_kernel(x):\n    return cubic_kernel(x)\n")
    message = grade("cubic_kernel", cell["cubic_kernel"]).message
    assert message == "not yet. It calls itself endlessly in your line 2: `return cubic_kernel(x)`."


def test_sys_exit_does_not_end_python():
    cell = run_cell("import sys\ndef cubic_kernel(x):\n    sys.exit(1)\n")
    assert grade("cubic_kernel", cell["cubic_kernel"]).message == (
        "not yet. It ends Python in your line 3: `sys.exit(1)`. Return a result instead."
    )


def test_input_does_not_wait():
    cell = run_cell("def cubic_kernel(x):\n    return input()\n")
    assert "nobody is there to answer during a check" in grade("cubic_kernel", cell["cubic_kernel"]).message


def test_keyboard_interrupt_passes_through_and_leaves_all_as_it_was():
    def interrupted(x):
        torch.manual_seed(5)
        raise KeyboardInterrupt

    before, handler = torch.get_rng_state(), signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt):
        grade("cubic_kernel", interrupted)
    assert torch.equal(torch.get_rng_state(), before)
    assert signal.getsignal(signal.SIGALRM) is handler


def test_an_answer_cannot_change_the_judges_inputs():
    def zeros_its_inputs(sr, hr):
        sr[:] = 0
        hr[:] = 0
        return 30.0

    assert "It changes one of its arguments: `sr` is not the same" in grade("psnr_y", zeros_its_inputs).message
    assert grade("psnr_y", lambda sr, hr: 30.0).message.startswith("not yet. The PSNR is")
    given = [np.ones(2), [torch.ones(2)], (np.ones(1),)]
    with pytest.raises(NotYet, match="`a` is not the same afterwards"):
        call(lambda a, b, c: (a.fill(0), b[0].zero_(), c[0].fill(0)), *given)
    assert given[0].sum() == 2
    assert given[1][0].sum() == 2
    assert given[2][0].sum() == 1


def test_modules_and_optimisers_are_handed_over_as_they_are():
    layer = torch.nn.Linear(1, 1)
    assert call(lambda module: module, layer) is layer
    assert call(lambda parameter: parameter, layer.weight) is layer.weight


# --- declaring exercises ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"difficulty": "fiendish"},
        {"minutes": 0},
        {"hints": ("one", "two")},
        {"hints": ("one", "two", " ")},
        {"source": "def Block(:"},
        {"source": "class Other: ..."},
        {"source": "class Block: ..."},
        {"mistakes": ()},
        {"reference": 3, "source": ""},
    ],
)
def test_an_exercise_is_checked_when_it_is_made(change):
    with pytest.raises(ValueError, match="Block"):
        Exercise(**FIELDS | change)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("# SOLUTION\nx = 1", "without # END"),
        ("# STUB\n# x = ...\n# SOLUTION\nx = 1\n# END", "# SOLUTION cannot follow # STUB"),
        ("x = 1\n# END", "# END cannot follow unmarked lines"),
        ("# STUB\nx = 1\n# END", "all lines must be comments"),
    ],
)
def test_a_marker_without_its_partner_is_refused(source, says):
    with pytest.raises(ValueError, match=says):
        stub_and_solution(source)


def test_stub_and_solution_stand_in_one_source():
    source = """
        def f(x):  # (N,)
            # SOLUTION
            if x:
                y = 1
            # STUB
            # y = ...  # 1. one
            # if ...:
            #     pass
            # END
            return y
        """
    stub, solution = stub_and_solution(textwrap.dedent(source))
    assert stub == "def f(x):  # (N,)\n    y = ...  # 1. one\n    if ...:\n        pass\n    return y"
    assert solution == "def f(x):  # (N,)\n    if x:\n        y = 1\n    return y"


def test_readers_of_results():
    assert as_number(torch.tensor([2.5], requires_grad=True)) == 2.5
    assert as_number(np.float32(1)) == 1
    assert as_array(torch.zeros(2, dtype=torch.bfloat16)).dtype == np.float32
    with pytest.raises(NotYet, match=r"has the shape \(2,\); \(3,\) is expected"):
        as_array([1, 2], (3,))
    with pytest.raises(NotYet, match="NaN"):
        as_array([1, np.nan])
    with pytest.raises(NotYet, match="type ndarray; a tensor is expected"):
        as_tensor(np.zeros(2))
    x = torch.ones(1, requires_grad=True) * 2
    assert as_tensor(x).requires_grad


# --- what a notebook shows -------------------------------------------------------------------------------------------


def test_in_a_notebook_a_failed_check_is_a_box_with_a_button_for_hints(monkeypatch):
    shown = []
    monkeypatch.setattr(boxes, "live", lambda: True)
    monkeypatch.setattr(viewers, "show_widget", lambda widget, still, text: shown.append((widget, still, text)))

    def mine(x):
        print("<here>")
        return np.maximum(0, 1 - abs(x))

    check("cubic_kernel", mine)
    [(widget, still, text)] = shown
    page, button, screen = widget.children
    assert page.value == still
    assert "\N{BALLOT X} Not yet" in still
    assert "This is the triangle" in still
    assert "&lt;here&gt;" in still
    assert text.startswith("cubic_kernel: not yet. This is the triangle")
    hints = all_exercises()["cubic_kernel"].hints
    for number in range(1, len(hints) + 1):
        assert button.description == f"Hint {number} of 3"
        button.click()
        assert screen.value.count("<li>") == number
        assert load()["cubic_kernel"].hints == number, "a hint that was seen is counted"
    assert button.disabled


def test_the_three_verdicts_differ_without_colour():
    said = {boxes.verdict("x", message) for message in ("passed.", "not yet. `a < b`", "not done yet.")}
    words = [re.search(r"<strong[^>]*>(\S+) ([^<]+)<", page).groups() for page in said]
    assert len({sign for sign, _ in words}) == len({word for _, word in words}) == 3
    assert any("<code>a &lt; b</code>" in page for page in said)
