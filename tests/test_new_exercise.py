"""tools/new_exercise.py begins an exercise that works as it stands, and replaces nothing."""

from pathlib import Path

import pytest
from loading import TOOLS, load

ROOT = Path(__file__).resolve().parents[1]
FILES = ("srgan_lessons/exercises/lesson07/best_weight.py", "tests/exercises/lesson07/test_best_weight.py")


@pytest.fixture
def tool(tmp_path, monkeypatch):
    module = load(TOOLS / "new_exercise.py")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True)
    return module


def test_what_it_writes_is_an_exercise(tool, tmp_path, capsys):
    tool.main(["7", "best_weight"])
    exercise = load(tmp_path / FILES[0]).EXERCISE
    assert (exercise.lesson, exercise.place, exercise.name) == (7, 5, "best_weight")
    assert exercise.stub == "def best_weight(x):\n    return ...  # 1. twice x"
    exercise.judge(exercise.reference)
    printed = capsys.readouterr().out
    assert all(text in printed for text in (*FILES, "{{stub: best_weight}}"))
    compile((tmp_path / FILES[1]).read_text(), FILES[1], "exec")


def test_nothing_is_replaced(tool, tmp_path):
    (tmp_path / FILES[1]).write_text("mine")
    with pytest.raises(SystemExit, match="already exists"):
        tool.main(["7", "best_weight"])
    assert (tmp_path / FILES[1]).read_text() == "mine"
    assert not (tmp_path / FILES[0]).exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["7", "best-weight"], "not a valid Python name"),
        (["7", "lambda"], "not a valid Python name"),
        (["0", "best_weight"], "no exercises"),
        (["7", "psnr_y"], "already"),
    ],
)
def test_what_cannot_be_an_exercise_is_refused(tool, arguments, says):
    with pytest.raises(SystemExit, match=says):
        tool.main(arguments)
