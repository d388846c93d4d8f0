"""How the tests of a lesson's exercises are written: right and wrong answers, as students write them.

answers = Answers(lesson=1)

@answers.right("psnr_y")
def one_liner(sr, hr): ...

@answers.wrong("psnr_y", says="16 to 235")
def full_range(sr, hr): ...

TestLesson01 = answers.tests()
"""

import copy
import linecache
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from srgan_lessons.classroom import grade
from srgan_lessons.classroom.exercises import all_exercises
from srgan_lessons.classroom.judging import Exercise
from srgan_lessons.losses import mse_loss
from srgan_lessons.resize import imresize

# What a lesson's own cells have imported and defined before its exercises.
NOTEBOOK = {"np": np, "torch": torch, "nn": torch.nn, "F": F, "imresize": imresize, "copy": copy, "mse_loss": mse_loss}


def run_cell(source: str, names: dict[str, Any] | None = None) -> dict[str, Any]:
    """Runs source as a notebook's kernel runs a cell: compiled on its own, its text kept in linecache."""
    filename = f"<ipython-input-{random.randrange(10**9)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    names = dict(NOTEBOOK if names is None else names)
    exec(compile(source, filename, "exec"), names)
    return names


def _called(answer: Any, before: list[tuple]) -> str:
    """A name for a test: of a function its own, of a value a number. A repr may differ from one process to the next."""
    return getattr(answer, "__name__", f"value_{len(before)}")


@dataclass
class Answers:
    """The answers to the exercises of one lesson."""

    lesson: int
    rights: list[tuple[str, str, Any]] = field(default_factory=list)  # exercise, what it is called here, answer
    wrongs: list[tuple[str, str, Any, str]] = field(default_factory=list)  # ..., words that the message must have

    def right(self, name: str) -> Callable[[Any], Any]:
        """Declares an answer written differently from the solution, which must pass."""

        def add(answer: Any) -> Any:
            self.rights.append((name, _called(answer, self.rights), answer))
            return answer

        return add

    def wrong(self, name: str, *, says: str) -> Callable[[Any], Any]:
        """Declares a wrong answer, and words with which the check must name its error."""

        def add(answer: Any) -> Any:
            self.wrongs.append((name, _called(answer, self.wrongs), answer, says))
            return answer

        return add

    def tests(self) -> type:
        """The tests: stubs fail, solutions pass, right answers pass, wrong ones are told why; enough of each."""
        mine = {name: exercise for name, exercise in all_exercises().items() if exercise.lesson == self.lesson}
        rights, wrongs = self.rights, self.wrongs

        class TestAnswers:
            def test_at_least_three_exercises(self):
                assert len(mine) >= 3

            @pytest.mark.parametrize("exercise", mine.values(), ids=mine)
            def test_enough_answers(self, exercise: Exercise):
                assert [name for name, *_ in rights].count(exercise.name) >= 1
                assert len({(called, says) for name, called, _, says in wrongs if name == exercise.name}) >= 4

            @pytest.mark.parametrize("exercise", mine.values(), ids=mine)
            def test_untouched_stub_is_not_done_yet(self, exercise: Exercise):
                stub = run_cell(exercise.stub, NOTEBOOK | references(mine))[exercise.name]
                verdict = grade(exercise.name, stub)
                assert not verdict.passed
                assert "not done yet" in verdict.message

            @pytest.mark.parametrize("exercise", mine.values(), ids=mine)
            def test_solution_as_shown_passes(self, exercise: Exercise):
                shown = run_cell(exercise.solution, NOTEBOOK | references(mine))[exercise.name]
                assert grade(exercise.name, shown).passed, grade(exercise.name, shown).message
                exercise.judge(exercise.reference)  # as check sees it, it is no answer: tests/lessons/test_reference.py

            @pytest.mark.parametrize(("name", "called", "answer"), rights, ids=[f"{r[0]}-{r[1]}" for r in rights])
            def test_right_answer_passes(self, name: str, called: str, answer: Any):
                assert name in mine
                verdict = grade(name, answer)
                assert verdict.passed, verdict.message

            @pytest.mark.parametrize(
                ("name", "called", "answer", "says"), wrongs, ids=[f"{w[0]}-{w[1]}" for w in wrongs]
            )
            def test_wrong_answer_is_told_why(self, name: str, called: str, answer: Any, says: str):
                assert name in mine
                verdict = grade(name, answer)
                assert not verdict.passed
                assert says.lower() in verdict.message.lower()
                assert "fault of the course" not in verdict.message

        return TestAnswers


def references(exercises: dict[str, Exercise]) -> dict[str, Any]:
    """The references by name: in a lesson, later exercises may use what earlier ones made."""
    return {name: exercise.reference for name, exercise in exercises.items()}
