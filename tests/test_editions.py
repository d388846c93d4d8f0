# ruff: noqa: E402 - tools/ is not a package: its folder is put on the path first
"""The builder of the editions: one source, two notebooks, the same bytes each time, and a lesson's contract held."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import build_lessons
from lesson_rules import problems, stub_lines_missing
from lesson_source import LessonError, read_lesson, repository

from srgan_lessons.exercises import all_exercises

SOURCES = sorted((ROOT / "notebooks" / "source").glob("*.py"))
LESSON_01 = [name for name, exercise in all_exercises().items() if exercise.lesson == 1]
MINUTES = sum(all_exercises()[name].minutes for name in LESSON_01)

FIRST = f"""\
# %% [markdown] tags=["slide"]
# # 01 A lesson made up
#
# **Claim.** Two and two
# are four.
#
# **Time.** {60 - MINUTES} minutes of teaching, {{{{exercise_minutes}}}} minutes of exercises.
#
# **Before.** Nothing.
#
# {{{{colab_badge}}}}
"""
BODY = """\
# %% tags=["check-output", "fragment"]
import numpy as np

from srgan_lessons.resize import imresize

print(2 + 2)
print("shape", imresize(np.zeros((8, 8, 3), np.uint8), 1 / 4).shape)

# %% tags=["check-output"]
np.arange(3)

# %% tags=["check-output"]
print(f"{np.pi:.2f}", end="")
print(" rad")

# %% [markdown]
# ## Exercises, from {{repository}}

# %% [markdown] tags=["instructor"]
# Five minutes.
#
# - Ask the room.
"""
EXERCISE = """\
# %% [markdown]
# ### {{{{exercise: {name}}}}}

# %% tags=["stub"]
# {{{{stub: {name}}}}}

# %% tags=["solution"]
# {{{{solution: {name}}}}}

# %%
{name} = check("{name}", {name})
"""
GOOD = "\n".join([FIRST, BODY, *(EXERCISE.format(name=name) for name in LESSON_01)])


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "notebooks" / "source" / "01_made_up.py"
    path.parent.mkdir(parents=True)
    path.write_text(GOOD)
    return path


def found_in(path: Path, text: str) -> list[str]:
    path.write_text(text)
    try:
        return problems(read_lesson(path))
    except LessonError as error:
        return error.problems


def run(source: Path, *arguments: str) -> int:
    notebooks = source.parents[1]
    return build_lessons.main(list(arguments), notebooks=notebooks, readme_file=notebooks.parent / "README.md")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder notebooks/ with the made-up lesson built, its cells run for real."""
    folder = tmp_path_factory.mktemp("built") / "notebooks"
    (folder / "source").mkdir(parents=True)
    (folder / "source" / "01_made_up.py").write_text(GOOD)
    readme = "# T\n\n<!-- lessons:begin -->\nold\n<!-- lessons:end -->\n\nend\n"
    (folder.parent / "README.md").write_text(readme)
    assert run(folder / "source" / "01_made_up.py") == 0
    return folder


@pytest.fixture
def student(built) -> nbformat.NotebookNode:
    return nbformat.read(built / "01_made_up.ipynb", as_version=4)


@pytest.fixture
def solved(built) -> nbformat.NotebookNode:
    return nbformat.read(built / "solutions" / "01_made_up.ipynb", as_version=4)


def text_of(node: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in node.cells)


# --- the lessons of this project -------------------------------------------------------------------------------------


@pytest.mark.skipif(not SOURCES, reason="no lesson has been moved to notebooks/source yet")
def test_the_built_notebooks_are_what_the_sources_give(capsys):
    status = build_lessons.main(["--check"])
    assert status == 0, capsys.readouterr().err


@pytest.mark.parametrize("exercise", all_exercises().values(), ids=all_exercises())
def test_each_line_of_a_stub_but_placeholders_is_in_the_solution(exercise):
    assert stub_lines_missing(exercise.stub, exercise.solution) == []
    assert "..." in exercise.stub


def test_the_projects_address_is_the_same_everywhere():
    """pyproject.toml is the one place to change it: the builder writes the notebooks, this test finds the rest."""
    owner, name = repository().removeprefix("https://github.com/").split("/")
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/**/*.ipynb")]
    files += [*ROOT.glob("srgan_lessons/**/*.py"), *ROOT.glob(".github/**/*.yml"), *SOURCES]
    for file in files:
        for other in re.findall(rf"github(?:\.com)?/([\w.-]+)/{name}\b", file.read_text(encoding="utf-8")):
            assert other == owner, f"{file}: {other}/{name} is not {repository()}"
    for file in SOURCES:
        assert repository() not in file.read_text(encoding="utf-8"), f"{file}: write {{{{repository}}}} instead"


# --- what is built ---------------------------------------------------------------------------------------------------


def test_student_edition_has_stubs_and_no_solutions(student):
    text = text_of(student)
    for name in LESSON_01:
        assert all_exercises()[name].stub in text
        assert all_exercises()[name].solution not in text
    assert "Five minutes" not in text
    assert "{{" not in text


def test_solutions_edition_has_solutions_and_notes(solved):
    text = text_of(solved)
    for name in LESSON_01:
        assert all_exercises()[name].solution in text
        assert all_exercises()[name].stub not in text
    assert "> **For the instructor.** Five minutes.\n>\n> - Ask the room." in text
    assert solved.cells[0].source.startswith("# 01 A lesson made up: solutions\n\n> The exercises are solved here")


def test_exercises_are_numbered_in_headings(student):
    first = all_exercises()[LESSON_01[0]]
    assert f"### Exercise 1.1: {first.title} ({first.difficulty}, {first.minutes} minutes)" in text_of(student)


def test_only_marked_cells_keep_output_and_count(student, solved):
    for node in (student, solved):
        code = [cell for cell in node.cells if cell.cell_type == "code"]
        marked = [cell for cell in code if "nbval-check-output" in cell.metadata.get("tags", [])]
        assert "NBVAL_CHECK_OUTPUT" not in text_of(node), "the learner is to see no markers"
        assert [cell.execution_count for cell in marked] == [2, 3, 4]
        assert marked[0].outputs == [{"output_type": "stream", "name": "stdout", "text": "4\nshape (2, 2, 3)\n"}]
        assert marked[1].outputs[0].data == {"text/plain": "array([0, 1, 2])"}
        assert marked[1].outputs[0].execution_count == 3
        assert marked[2].outputs[0].text == "3.14 rad\n"
        for cell in code:
            if cell not in marked:
                assert cell.outputs == []
                assert cell.execution_count is None


def test_metadata(student, solved):
    for node in (student, solved):
        assert node.metadata.colab == {"gpuType": "T4", "provenance": []}
        assert node.metadata.accelerator == "GPU"
        assert node.metadata.kernelspec.name == "python3"
        assert "widgets" not in node.metadata
    assert student.cells[0].metadata == {"slideshow": {"slide_type": "slide"}}
    assert student.cells[2].metadata == {"slideshow": {"slide_type": "fragment"}, "tags": ["nbval-check-output"]}


ASKED = """
# %% [markdown] answers=["9"]
# **Question.** What is 3 times 3?

# %% tags=["check-output"]
print("product:", 3 * 3)

# %% tags=["fold", "check-output"]
print("folded:", 3 * 3)
assert 3 * 3 == 9

# %% [markdown]
# Nine.

# %% tags=["check-output"]
print("product:", 3 * 3)
"""


def test_folded_cells_are_closed_in_jupyterlab_and_in_colab(source):
    source.write_text(GOOD + ASKED + '\n# %% tags=["fold"]\nbars({"a": 1}, xlabel="x", alt="One bar.")\n')
    node = build_lessons.notebook(read_lesson(source), solved=False, outputs={})
    first = node.cells[1]
    closed = [cell for cell in node.cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert [cell.source.splitlines()[0] for cell in closed] == [
        "# @title Run this first. In Colab it fetches the course; nothing that Colab has installed changes.",
        "# @title Checked: what the text says",
        "# @title Figure",
    ]
    assert closed[0] == first
    assert all(cell.metadata.cellView == "form" for cell in closed)


@pytest.mark.parametrize("answers", ['["9"]', "[]"])
def test_below_a_question_the_student_edition_does_not_show_what_comes_out(source, answers):
    """Also below one whose answer only a run can tell, `answers=[]`."""
    source.write_text(GOOD + ASKED.replace('["9"]', answers).replace("assert 3 * 3 == 9\n", ""))
    lesson = read_lesson(source)
    assert problems(lesson) == []
    printed = {"output_type": "stream", "name": "stdout", "text": "product: 9\n"}
    outputs = {cell.number: [printed] for cell in lesson.cells if "check-output" in cell.tags}
    shown = {}
    for solved in (False, True):
        node = build_lessons.notebook(lesson, solved=solved, outputs=outputs)
        shown[solved] = [
            len(cell.outputs) for cell in node.cells if cell.cell_type == "code" and "3 * 3" in cell.source
        ]
    assert shown == {False: [0, 0, 1], True: [1, 1, 1]}


def test_cell_ids_are_numbered_and_shared_by_both_editions(student, solved):
    ids = [[cell.id for cell in node.cells] for node in (student, solved)]
    for some in ids:
        assert len(set(some)) == len(some)
        assert some == sorted(some)
        assert all(re.fullmatch(r"01-made-up-\d{3}", one) for one in some)
    there = {cell.id: cell.source for cell in solved.cells[1:]}
    assert all(there[cell.id] == cell.source for cell in student.cells[1:] if cell.id in there)


def test_a_very_long_name_still_gives_valid_ids(source):
    long = source.with_name("01_" + "a" * 90 + ".py")
    long.write_text(GOOD)
    node = build_lessons.notebook(read_lesson(long), solved=False, outputs={})
    assert max(len(cell.id) for cell in node.cells) <= 64


def test_colab_badge_and_first_code_cell(student, solved):
    place = repository().removeprefix("https://github.com/")
    for node in (student, solved):
        link = f"(https://colab.research.google.com/github/{place}/blob/main/notebooks/01_made_up.ipynb)"
        assert link in node.cells[0].source
        assert "[Read it on the site](https://srgan-lessons.github.io/srgan-lessons/lessons/01_made_up.html)" in (
            node.cells[0].source
        )
        first = node.cells[1].source
        assert f'    %pip install -q "srgan-lessons[offline] @ git+{repository()}"\n' in first
        assert 'if "google.colab" in sys.modules:' in first


def test_the_first_code_cell_installs_in_colab_alone(student, monkeypatch):
    """The cell as IPython turns it into Python, in a namespace with and without Colab's module."""
    from IPython.core.inputtransformer2 import TransformerManager

    code = TransformerManager().transform_cell(student.cells[1].source)
    ran = []

    class Shell:
        def run_line_magic(self, name, line):
            ran.append(f"{name} {line}")

    exec(code, {"get_ipython": Shell})
    assert ran == []
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    exec(code, {"get_ipython": Shell})
    assert ran == [f'pip install -q "srgan-lessons[offline] @ git+{repository()}"']


def test_readme_gets_its_list(built):
    text = (built.parent / "README.md").read_text()
    assert text.startswith('# T\n\n<!-- lessons:begin -->\n<img src="docs/figures/front/lesson_')
    assert 'align="left"' in text  # words flow around pictures, also on a phone
    assert "[01 A lesson made up](notebooks/01_made_up.ipynb)** [![Open in Colab]" in text
    assert '/01_made_up.ipynb)<br>Two and two are four.<br clear="left"><br>\n' in text
    assert text.endswith("<!-- lessons:end -->\n\nend\n")
    assert "old" not in text


def test_building_again_gives_the_same_bytes_and_runs_nothing(built, monkeypatch):
    def fail(lesson):
        raise AssertionError("it was run again")

    files = [built / "01_made_up.ipynb", built / "solutions" / "01_made_up.ipynb", built.parent / "README.md"]
    before = [file.read_bytes() for file in files]
    monkeypatch.setattr(build_lessons, "executed_outputs", fail)
    for file in files[:1]:
        file.unlink()
    assert run(built / "source" / "01_made_up.py", "--check") == 1  # one is missing
    assert not files[0].exists()
    assert run(built / "source" / "01_made_up.py") == 0
    assert [file.read_bytes() for file in files] == before
    assert run(built / "source" / "01_made_up.py", "--check") == 0


def test_running_again_gives_the_same_bytes(built):
    before = (built / "01_made_up.ipynb").read_bytes()
    assert run(built / "source" / "01_made_up.py", "--execute") == 0
    assert (built / "01_made_up.ipynb").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("print(2 + 2)", "print(2 + 3)", "are from other code"),
        ("Two and two", "Three and one", "differs from what its source gives"),
    ],
)
def test_check_finds_a_source_that_was_changed(built, tmp_path, capsys, old, new, says):
    folder = tmp_path / "notebooks"
    shutil.copytree(built, folder)
    source = folder / "source" / "01_made_up.py"
    source.write_text(source.read_text().replace(old, new))
    before = {file: file.read_bytes() for file in folder.rglob("*.ipynb")}
    assert run(source, "--check") == 1
    assert says in capsys.readouterr().err
    assert {file: file.read_bytes() for file in folder.rglob("*.ipynb")} == before


def test_check_finds_a_notebook_that_was_edited_and_one_without_a_source(built, tmp_path, capsys):
    folder = tmp_path / "notebooks"
    shutil.copytree(built, folder)
    student = folder / "01_made_up.ipynb"
    student.write_text(student.read_text().replace("Nothing.", "A lot."))
    shutil.copy(student, folder / "07_left_over.ipynb")
    assert run(folder / "source" / "01_made_up.py", "--check") == 1
    err = capsys.readouterr().err
    assert "01_made_up.ipynb: differs from what its source gives" in err
    assert "07_left_over.ipynb: has no source" in err


def test_nbval_passes_what_was_built_and_notices_another_output(built, tmp_path):
    folder = tmp_path / "notebooks"
    shutil.copytree(built, folder)
    student, other = folder / "01_made_up.ipynb", folder / "02_other_output.ipynb"
    other.write_text(student.read_text().replace("shape (2, 2, 3)", "shape (2, 2, 4)"))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "--nbval-current-env",
        "-q",
        "-rA",
        "-p",
        "no:cacheprovider",
        "-p",
        "conftest",
    ]
    command += [f"--rootdir={folder}", "-c", "/dev/null", student, other]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}  # for conftest.py
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, env=environment)
    assert re.findall(r"FAILED (\S+)", ran.stdout) == ["02_other_output.ipynb::Cell"]
    assert "shape (2, 2, 4)" in ran.stdout
    assert len(re.findall(r"PASSED 01_made_up.ipynb", ran.stdout)) == 4 + 2 * len(LESSON_01)


# --- what is refused -------------------------------------------------------------------------------------------------


def test_the_good_lesson_is_good(source):
    assert found_in(source, GOOD) == []
    assert found_in(source, GOOD + ASKED) == []
    folded = "3?\n#\n# <details><summary>Answer</summary>\n#\n# 9\n# </details>"
    assert found_in(source, GOOD + ASKED.replace("3?", folded)) == []


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


BAD = {
    "placeholder": (changed("{{repository}}", "{{repositry}}"), "unknown placeholder {{repositry}}"),
    "tag": (changed('"fragment"', '"fragmnt"'), "unknown tag fragmnt; known: check-output"),
    "two slide tags": (changed('"fragment"', '"fragment", "slide"'), "at most one of the slide tags"),
    "no title": (changed("# # 01 A", "# 01 A"), "a title"),
    "no claim": (changed("**Claim.**", "Claim:"), "the one claim"),
    "no minutes": (changed("minutes of teaching", "min of teaching"), "30 minutes of teaching"),
    "nothing before": (changed("**Before.**", "Before."), "what learners must know beforehand"),
    "no badge": (changed("{{colab_badge}}", "none"), "the badge"),
    "minutes of exercises": (
        changed("{{exercise_minutes}} minutes of ex", "7 minutes of ex"),
        f"they take {MINUTES} together",
    ),
    "too long": (changed(f"{60 - MINUTES} minutes", f"{61 - MINUTES} minutes"), "minutes are more than 60"),
    "heading": (changed("## Exercises", "#### Exercises"), "this heading jumps from level 1 to level 4"),
    "a number alone": (changed("# Five minutes.", "# It takes five or\n# 6."), "takes the line 6. for a list"),
    "second title": (changed("## Exercises", "# Exercises"), "a second title"),
    "heading in a note": (changed("# - Ask", "# ## Ask"), "a note for the instructor has no headings"),
    "note in code": (
        changed('# %% [markdown] tags=["instructor"]\n# Five', '# %% tags=["instructor"]\n# Five'),
        "is a markdown cell",
    ),
    "not python": (changed("print(2 + 2)", "print(2 +* 2)"), "this is not Python"),
    "long cell": (changed("print(2 + 2)", "print(2 + 2)\n" * 41), "lines, more than 40"),
    "many cells": (GOOD + "\n# %%\nx = 1\n" * 50, "open cells, more than 60"),
    "few compared": (changed('# %% tags=["check-output"]', "# %%"), "2 cells have the tag check-output"),
    "compared text": (
        changed("# %% [markdown]\n# ## Ex", '# %% [markdown] tags=["check-output"]\n# ## Ex'),
        "for code cells",
    ),
    "unknown exercise": (
        changed('check("psnr_y"', 'check("psnr_x"'),
        "check('psnr_x', ...): lesson 01 has no such exercise",
    ),
    "unchecked exercise": (changed('psnr_y = check("psnr_y", psnr_y)', "x = 1"), "psnr_y is checked 0 times"),
    "stub elsewhere": (
        changed('psnr_y = check("psnr_y", psnr_y)', 'x = 1\n\n# %%\npsnr_y = check("psnr_y", psnr_y)'),
        "right above check('psnr_y', ...)",
    ),
    "stub of another": (changed("{{stub: psnr_y}}", "{{stub: lr_crop}}"), "right above check('psnr_y', ...)"),
    "no such stub": (changed("{{stub: psnr_y}}", "{{stub: psnr_x}}"), "no such exercise; it has: cubic_kernel"),
    "stub in text": (changed("# Five minutes.", "# {{stub: psnr_y}}"), "must be alone in a code cell"),
    "stub without solution": (GOOD + '\n# %% tags=["stub"]\nx = ...\n', "a stub must be followed by its solution"),
    "solution without stub": (GOOD + '\n# %% tags=["solution"]\nx = 1\n', "must come right after its stub"),
    "line of a stub": (
        GOOD + '\n# %% tags=["stub"]\ny = 2  # two\nx = ...\n\n# %% tags=["solution"]\ny = 3\nx = 1\n',
        "this line of the stub is not in the solution: y = 2  # two",
    ),
    "picture": (changed("# Five minutes.", "# ![](x.png)"), "a picture without alt text"),
    "plain figure": (
        GOOD + "\n# %%\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\n",
        "begins with `*Figure: ...*`",
    ),
    "text before": ("x = 1\n" + GOOD, "the file must begin with `# %%`"),
    "a number of the answer": (GOOD + ASKED.replace("3 * 3)", "9)", 1), "'9' gives away the answer to the question"),
    "an assertion below a question": (
        GOOD + ASKED.replace('print("product:"', "assert 3 * 3\nprint(", 1),
        "below a question, `assert` gives the result away",
    ),
    "an answer in the same cell": (GOOD + ASKED.replace("3?", "3?\n#\n# It is 9."), "in the same cell: '9'"),
    "a question without its answers": (
        GOOD + ASKED.replace(' answers=["9"]', ""),
        "a question must list what would give",
    ),
    "folded text": (changed("# %% [markdown]\n# ## Ex", '# %% [markdown] tags=["fold"]\n# ## Ex'), "fold is for code"),
    "folded check": (
        changed("# %%\npsnr_y = check", '# %% tags=["fold"]\npsnr_y = check'),
        "a folded cell must not check",
    ),
    "empty cell": (GOOD + "\n# %%\n", "this cell is empty"),
}


@pytest.mark.parametrize(("text", "says"), BAD.values(), ids=BAD)
def test_a_bad_lesson_is_refused_with_file_and_line(source, text, says):
    found = found_in(source, text)
    assert any(says in one for one in found), found
    assert all(re.match(r".*01_made_up\.py:\d+: ", one) for one in found)


def test_the_line_is_the_one_in_the_file(source):
    text = GOOD + "\n# %% [markdown]\n# fine\n#\n# ##### too deep\n"
    (one,) = found_in(source, text)
    number = text.splitlines().index("# ##### too deep") + 1
    assert one == f"{source}:{number}: this heading jumps from level 3 to level 5"


def test_headings_in_fenced_code_do_not_count(source):
    assert found_in(source, GOOD + "\n# %% [markdown]\n# ```\n# ##### a comment\n# ```\n") == []


def test_figures_that_are_described(source, monkeypatch):
    described = "\n# %%\nimport matplotlib.pyplot as plt\nplt.plot([1])\n\n# %% [markdown]\n# *Figure: a line.*\n"
    assert found_in(source, GOOD + described) == []
    from srgan_lessons import classroom

    def show_line(image, *, alt):
        """Stands for a figure helper of the classroom."""

    monkeypatch.setattr(classroom, "show_line", show_line, raising=False)
    use = "\n# %%\nfrom srgan_lessons.classroom import show_line\n\nshow_line(1{})\n"
    assert found_in(source, GOOD + use.format(', alt="a line"')) == []
    (one,) = found_in(source, GOOD + use.format(""))
    assert 'show_line(...) needs alt="what the figure shows"' in one


def test_a_lesson_that_fails_is_not_written(source, capsys):
    source.write_text(changed("print(2 + 2)", "print(2 + undefined)"))
    assert run(source) == 1
    number = source.read_text().splitlines().index('# %% tags=["check-output", "fragment"]') + 1
    assert f"01_made_up.py:{number}: this cell failed: NameError" in capsys.readouterr().err
    assert not list(source.parents[1].rglob("*.ipynb"))


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ([], "this cell prints nothing"),
        ([nbformat.v4.new_output("stream", name="stderr", text="careful")], "this cell outputs stderr"),
        ([nbformat.v4.new_output("display_data", data={"text/html": "x"})], "this cell outputs display_data"),
        (
            [nbformat.v4.new_output("execute_result", data={"text/plain": "1", "image/png": "x"})],
            "outputs execute_result",
        ),
    ],
)
def test_marked_cells_that_cannot_be_compared_are_refused(source, outputs, says):
    lesson = read_lesson(source)
    with pytest.raises(LessonError, match=rf"01_made_up.py:\d+: check-output: .*{says}"):
        build_lessons._comparable(lesson, lesson.cells[2], outputs)


def test_an_unknown_lesson_on_the_command_line(source, capsys):
    assert run(source, "42") == 1
    assert re.search("no such lesson .*The lessons are: 01_made_up", capsys.readouterr().err)


def test_a_badly_named_source(source):
    bad = source.rename(source.with_name("lesson-one.py"))
    with pytest.raises(LessonError, match="a lesson needs a name like"):
        read_lesson(bad)
