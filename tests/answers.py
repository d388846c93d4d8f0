"""How the tests of an exercise are written: right and wrong answers, as students write them.

answers = Answers("psnr_y", sentences="...")

@answers.right
def one_liner(sr, hr): ...

@answers.wrong(says="16 to 235")
def full_range(sr, hr): ...

TestAnswers = answers.tests()
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
from learners import ANSWERS, UNSEEN
from sentences import text_of, unheeded

from srgan_lessons.classroom import grade
from srgan_lessons.exercises import all_exercises
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
    """The answers to one exercise."""

    name: str
    sentences: str = ""  # of its text, with the wrong answers that do not heed them: see tests/sentences.py
    rights: list[tuple[str, Any]] = field(default_factory=list)  # what it is called here, answer
    wrongs: list[tuple[str, Any, str]] = field(default_factory=list)  # ..., words that the message must have

    def right(self, answer: Any) -> Any:
        """Declares an answer written differently from the solution, which must pass."""
        self.rights.append((_called(answer, self.rights), answer))
        return answer

    def wrong(self, *, says: str) -> Callable[[Any], Any]:
        """Declares a wrong answer, and words with which the check must name its error."""

        def add(answer: Any) -> Any:
            self.wrongs.append((_called(answer, self.wrongs), answer, says))
            return answer

        return add

    def tests(self) -> type:
        """The tests: stub and wrong answers fail and are told why, solution and right ones pass; enough of each."""
        exercise = all_exercises()[self.name]
        rights, wrongs, sentences = self.rights, self.wrongs, self.sentences

        class TestAnswers:
            def test_enough_answers(self):
                assert len(rights) >= 1
                assert len({(called, says) for called, _, says in wrongs}) >= 4

            def test_what_the_teacher_is_told_is_tested(self):
                """docs/teaching.md quotes these words: the check of a wrong answer here has them."""
                for mistake in exercise.mistakes:
                    assert any(mistake.says in says for *_, says in wrongs), f"no wrong answer expects {mistake.says!r}"
                    assert mistake.ask.endswith((".", "?"))

            def test_each_sentence_of_the_text_has_a_wrong_answer_that_does_not_heed_it(self):
                known = {called for called, *_ in wrongs}
                known |= {what for kind, what, *_ in ANSWERS.get(exercise.name, []) if kind != "R"}
                known -= {what for name, what in UNSEEN if name == exercise.name}
                assert unheeded(text_of(exercise.name), sentences, known) == []

            def test_untouched_stub_is_not_done_yet(self):
                stub = run_cell(exercise.stub, NOTEBOOK | references(exercise.lesson))[exercise.name]
                verdict = grade(exercise.name, stub)
                assert not verdict.passed
                assert "not done yet" in verdict.message

            def test_solution_as_shown_passes(self):
                shown = run_cell(exercise.solution, NOTEBOOK | references(exercise.lesson))[exercise.name]
                assert grade(exercise.name, shown).passed, grade(exercise.name, shown).message
                exercise.judge(exercise.reference)  # as check sees it, it is no answer: classroom/test_reference.py

            @pytest.mark.parametrize("answer", [r[1] for r in rights], ids=[r[0] for r in rights])
            def test_right_answer_passes(self, answer: Any):
                verdict = grade(exercise.name, answer)
                assert verdict.passed, verdict.message

            @pytest.mark.parametrize(("answer", "says"), [w[1:] for w in wrongs], ids=[w[0] for w in wrongs])
            def test_wrong_answer_is_told_why(self, answer: Any, says: str):
                verdict = grade(exercise.name, answer)
                assert not verdict.passed
                assert says.lower() in verdict.message.lower()
                assert "fault of the course" not in verdict.message

        return TestAnswers


def references(lesson: int) -> dict[str, Any]:
    """A lesson's references by name: later exercises may use what earlier ones made."""
    return {name: exercise.reference for name, exercise in all_exercises().items() if exercise.lesson == lesson}
