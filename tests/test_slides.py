# ruff: noqa: E402 - tools/ is not a package: its folder is put on the path first
"""The decks: what of a lesson is shown and what is said, and in a real browser whether all of it fits on its page."""

import base64
import hashlib
import io
import re
import shutil
import sys
import tarfile
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import build_slides
from build_slides import SlidesError
from lesson_source import LessonError, read_lesson

SOURCES = sorted((ROOT / "notebooks" / "source").glob("*.py"))
LESSON = """\
# %% [markdown] tags=["slide"]
# # Made up
#
# **Claim.** A deck shows all of it.
#
# **Time.** 5 minutes of teaching, 55 minutes of exercises.
#
# **Before.** Nothing.
#
# {{colab_badge}}

# %% tags=["skip"]
import hidden

# %% [markdown] tags=["slide"]
# ## A part
#
# Text with $x^2$.

# %% tags=["fold"]
curves(
    {"a": 1},
    alt="A line that rises.",
)

# %% [markdown] tags=["instructor"]
# **Timing.** Say this aloud.

# %% [markdown] tags=["subslide"]
# ### {{exercise: psnr_y}}

# %% tags=["stub"]
# {{stub: psnr_y}}

# %% tags=["solution"]
# {{solution: psnr_y}}

# %%
psnr_y = check("psnr_y", psnr_y)

# %% [markdown] tags=["slide"]
# ## A long part
LIST

# %%
LINES

# %%
progress()
"""
LESSON = LESSON.replace("LIST", "#\n" + "\n".join(f"# {i}. Item {i} of a long list." for i in range(1, 41)))
LESSON = LESSON.replace("LINES", "\n".join(f"line_{i:03d} = {i}  # {'x' * (i % 100)}" for i in range(100)))
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FIGURE = f'<img src="data:image/png;base64,{PIXEL}" alt="A line that rises." width="900" height="560">'
WIDGET = {build_slides.WIDGET: {"model_id": "1"}, "text/html": FIGURE + "\n" + FIGURE, "text/plain": "[controls]"}

# In a page of 1280 x 720: what stands out of it, and the smallest letters of code, in pixels.
MEASURE = """() => [...document.querySelectorAll('.slides section.page')].map(page => {
    for (let node = page; !node.matches('.slides'); node = node.parentNode) node.style.display = 'block';
    const frame = page.getBoundingClientRect();
    const parts = [...page.querySelectorAll('.block *, .running')].filter(
        part => !part.closest('aside') && !(part.closest('svg') && part.tagName !== 'svg'));
    const out = parts.filter(part => {
        const {left, right, bottom, width} = part.getBoundingClientRect();
        return width && (right > frame.left + 1281 || bottom > frame.top + 721 || left < frame.left - 1);
    });
    const code = parts.filter(part => part.matches('.code pre, .out pre')).map(
        part => parseFloat(getComputedStyle(part).fontSize));
    return {
        figures: [...page.querySelectorAll('img, .block svg[role=img]')].map(
            image => Math.round(image.getBoundingClientRect().width)),
        text: page.innerText, cut: out.map(part => part.outerHTML.slice(0, 200)), code: Math.min(...code, 99),
        notes: [...page.querySelectorAll('aside.notes')].map(note => note.textContent),
    };
})"""


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "01_made_up.py"
    path.write_text(LESSON)
    return read_lesson(path)


@pytest.fixture
def packages(tmp_path, monkeypatch) -> Path:
    """Packages in the place of npm's, with a Reveal that does nothing and a MathJax that is ready at once."""
    contents = {
        "package/dist/reveal.js": "window.Reveal = { initialize: async (settings) => (window.settings = settings) };",
        "package/dist/reveal.css": "",
        "package/dist/theme/white.css": "",
        "package/dist/theme/fonts/source-sans-pro/source-sans-pro.css": "",
        "package/plugin/notes/notes.js": "window.RevealNotes = {};",
        "package/plugin/other.js": "never copied",
        "package/LICENSE": "free",
        "package/es5/tex-svg.js": "MathJax.startup = { promise: Promise.resolve() };",
    }
    folder, table = tmp_path / "packages", {}
    folder.mkdir()
    for name, (_, members) in build_slides.PACKAGES.items():
        with tarfile.open(folder / name, "w:gz") as archive:
            for path, text in contents.items():
                info = tarfile.TarInfo(path)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
        digest = base64.b64encode(hashlib.sha512((folder / name).read_bytes()).digest()).decode()
        table[name] = (digest, members)
    monkeypatch.setattr(build_slides, "PACKAGES", table)
    return folder


def ran(lesson) -> nbformat.NotebookNode:
    """The solved lesson with outputs, as if it had been run."""
    node = build_slides.notebook(lesson, solved=True, outputs={})
    for cell in node.cells:
        if cell.cell_type == "code" and "curves(" in cell.source:
            printed = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in ("one\n", "two\n")]
            cell.outputs = [nbformat.v4.new_output("display_data", data=WIDGET), *printed]
        elif "check(" in cell.source:
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="psnr_y: passed.\n")]
    return node


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_what_is_shown_and_what_is_said(lesson):
    node = build_slides.deck(lesson, ran(lesson))
    kinds = {cell.metadata.slideshow.slide_type: cell.source for cell in node.cells}
    assert set(kinds) == {"slide", "subslide", "skip", "notes", "-"}
    notes = [cell.source for cell in node.cells if cell.metadata.slideshow.slide_type == "notes"]
    assert notes[0] == "**Timing.** Say this aloud."
    assert notes[1].startswith("**Solution.**\n\n```python\ndef psnr_y(")
    skipped = [cell.source for cell in node.cells if cell.metadata.slideshow.slide_type == "skip"]
    assert any("import hidden" in source for source in skipped)
    assert any("check(" in source for source in skipped)
    assert "progress()" in skipped
    shown = [cell for cell in node.cells if cell.metadata.slideshow.slide_type not in ("notes", "skip")]
    text = "\n".join(cell.source for cell in shown)
    assert "def psnr_y(" in text  # the stub
    assert "..." in text
    assert "alt=" not in text
    assert "colab" not in text
    assert "curves(" not in text  # of a folded cell only what it shows is there
    assert "line_001" not in text  # code that is longer than a page is no slide
    (drawn,) = (cell for cell in shown if cell.get("outputs"))
    assert [set(output.get("data", {})) for output in drawn.outputs] == [{"text/html", "text/plain"}, set()]
    assert drawn.outputs[1].text == "one\ntwo\n"


def test_a_run_serves_a_deck_whose_text_has_changed_since(lesson, tmp_path):
    node = ran(lesson)
    path = tmp_path / "01_made_up.py"
    path.write_text(LESSON.replace("# ## A part\n#\n", "# ## A part\n\n# %% [markdown]\n# Another cell.\n#\n"))
    shown = build_slides.deck(read_lesson(path), node).cells
    (drawn,) = (cell for cell in shown if cell.get("outputs") and "check(" not in cell.source)
    assert drawn.outputs[1].text == "one\ntwo\n"


def test_a_run_is_kept_until_the_code_or_the_package_changes(lesson, tmp_path, monkeypatch):
    runs = []

    monkeypatch.setattr(build_slides, "run", lambda node, *, fast, timeout: runs.append("1" if fast else "0"))
    for _ in range(2):
        build_slides.executed(lesson, tmp_path / "executed", full=False)
    assert runs == ["1"]
    build_slides.executed(lesson, tmp_path / "executed", full=True)
    assert runs == ["1", "0"]
    package = tmp_path / "srgan_lessons"
    package.mkdir()
    (package / "changed.py").write_text("1")
    monkeypatch.setattr("build_lessons.ROOT", tmp_path)
    build_slides.executed(lesson, tmp_path / "executed", full=True)
    assert runs == ["1", "0", "0"]


def test_prose_is_said_and_what_is_looked_at_is_shown():
    said = ["A second paragraph.", "*Figure: it rises.*", "A third."]
    shown = ["## A part", "The first paragraph.", "- a list", "**Question.** How many?", "$$y = x$$", "| a | b |"]
    answer = "<details><summary>Answer</summary>\n\nSeven.\n</details>"
    text = "\n\n".join([*shown[:2], *said[:2], *shown[2:], answer, said[2]])
    assert build_slides.shown_and_said(text) == (
        "\n\n".join(shown),
        "\n\n".join([*said[:2], "**Answer.** Seven.", said[2]]),
    )
    exercise = "### Exercise 1.1: it (easy)\n\nWrite it.\n\nExpected: a number.\n\nNo padding."
    assert build_slides.shown_and_said(exercise) == (exercise, "")
    questions = "### Three questions\n\n<details><summary>1. Why?</summary>\n\nSo.\n\nAnd so.\n</details>"
    assert build_slides.shown_and_said(questions) == (questions, "")


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ('show(\n    a,\n    alt="it: a cat",\n)', "show(\n    a,\n)"),
        ('show(\n    a,\n    alt=f"{x} (y)",\n)', "show(\n    a,\n)"),
        ('show(a, b, alt="it")', "show(a, b)"),
        ('show(\n    a, alt="it"\n)', "show(\n    a\n)"),
        ("show(a, alt=alt)", "show(a, alt=alt)"),
        ('alt = "a"', 'alt = "a"'),
    ],
)
def test_descriptions_of_figures_are_not_shown(code, shown):
    assert build_slides._without_alt(code) == shown
    compile(shown, "slide", "exec")


def test_a_deck_asks_the_network_for_nothing(lesson):
    page = build_slides.as_html(build_slides.deck(lesson, ran(lesson)))
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']([^\"']+)", page)
    assert "reveal/dist/reveal.js" in loaded
    assert "mathjax/tex-svg.js" in loaded
    assert [address for address in loaded if re.match(r"(https?:)?//", address)] == []
    assert not re.search(r"@import|url\(['\"]?(https?:)?//|requirejs|import mermaid", page)


# --- npm's packages --------------------------------------------------------------------------------------------------


def test_only_what_decks_need_is_unpacked(packages, tmp_path):
    build_slides.unpack(packages, tmp_path / "out")
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"reveal/dist/reveal.js", "reveal/plugin/notes/notes.js", "mathjax/tex-svg.js", "reveal/LICENSE"} <= files
    assert not any("other" in name for name in files)


def test_another_package_is_refused(packages, tmp_path):
    name = next(iter(build_slides.PACKAGES))
    with open(packages / name, "ab") as file:
        file.write(b"more")
    with pytest.raises(SlidesError, match=r"is not the package it should be: its SHA-512 differs"):
        build_slides.unpack(packages, tmp_path / "out")
    (packages / name).unlink()
    with pytest.raises(SlidesError, match=r"is missing; `npm pack reveal\.js@5\.2\.1` makes it"):
        build_slides.unpack(packages, tmp_path / "out")


@pytest.mark.parametrize("npm", [None, "echo 'npm error network: nobody there' >&2; exit 1"])
def test_without_npm_or_network_it_says_what_to_do(npm, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    if npm:
        (tmp_path / "bin" / "npm").write_text(f"#!/bin/sh\n{npm}\n")
        (tmp_path / "bin" / "npm").chmod(0o755)
    with pytest.raises(SlidesError) as caught:
        build_slides.fetch(tmp_path / "npm")
    said = str(caught.value)
    assert "npm pack reveal.js@5.2.1 mathjax@3.2.2" in said
    assert "make slides REVEAL=FOLDER" in said
    assert ("nobody there" in said) == bool(npm)


def test_the_command_explains_mistakes(capsys, tmp_path):
    assert build_slides.main(["77", "--out", str(tmp_path)]) == 1
    assert "no such lesson. The lessons are: 00_start_here" in capsys.readouterr().err
    assert build_slides.main(["00", "--out", str(tmp_path), "--reveal", str(tmp_path)]) == 1
    assert "is missing; `npm pack" in capsys.readouterr().err


# --- in a browser ----------------------------------------------------------------------------------------------------


def laid_out(browser, page: str, packages: Path, folder: Path) -> list[dict]:
    """The pages of a deck as a browser without a network lays them out, at 1280 x 720."""
    folder.mkdir(exist_ok=True)
    build_slides.unpack(packages, folder)
    shutil.copy(ROOT / "tools" / "slides" / "deck.js", folder)
    (folder / "deck.html").write_text(page, encoding="utf-8")
    window = browser.new_page(viewport={"width": 1280, "height": 720})
    asked, errors = [], []
    window.on("request", lambda request: asked.append(request.url))
    window.on("pageerror", lambda error: errors.append(str(error)))
    try:
        window.goto((folder / "deck.html").as_uri())
        window.wait_for_function("document.body.dataset.laidOut && window.settings", timeout=120_000)
        assert window.evaluate("[settings.width, settings.height, settings.margin]") == [1280, 720, 0]
        pages = window.evaluate(MEASURE)
    finally:
        window.close()
    assert errors == []
    assert [address for address in asked if not address.startswith(("file:", "data:"))] == []
    return pages


class TestPages:
    def test_a_long_lesson_goes_on_over_pages_and_loses_nothing(self, browser, lesson, packages, tmp_path):
        page = build_slides.as_html(build_slides.deck(lesson, ran(lesson)))
        pages = laid_out(browser, page, packages, tmp_path / "deck")
        text = "\n".join(page["text"] for page in pages)
        for i in range(1, 41):
            assert len(re.findall(rf"\bItem {i} of", text)) == 1
        assert len(pages) >= 3 + 2
        for page in pages:
            assert page["cut"] == []
            assert page["code"] >= 16
        figures = [page["figures"] for page in pages if page["figures"]]
        assert len(figures) == 2
        assert all(len(widths) == 1 and 800 < widths[0] < 1180 for widths in figures)  # 900 in the lesson
        part = [page for page in pages if page["text"].startswith("A part")]  # also as the title of what goes on
        assert len(part) == 2
        assert "Text with" in part[0]["text"], "what is asked stands on the page of the figure"
        assert part[0]["figures"]
        assert [["Say this aloud" in note for note in page["notes"]] for page in part] == [[True]] * 2
        (exercise,) = (page for page in pages if page["text"].startswith("Exercise 1."))
        assert ["Solution." in note for note in exercise["notes"]] == [True]

    @pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
    def test_every_lesson_fits_on_its_pages(self, source, browser, packages, tmp_path):
        """The lessons as they are built, without their figures, which are fitted to the room that there is."""
        try:
            lesson = read_lesson(source)
        except LessonError as error:
            pytest.fail(str(error))
        solved = ROOT / "notebooks" / "solutions" / f"{source.stem}.ipynb"
        node = build_slides.deck(lesson, nbformat.read(solved, as_version=4))
        pages = laid_out(browser, build_slides.as_html(node), packages, tmp_path / "deck")
        assert len(pages) > 10
        assert [page["cut"] for page in pages if page["cut"]] == []
        assert min(page["code"] for page in pages) >= 16
        assert any(page["notes"] for page in pages), "no notes for the speaker"
        assert all(page["text"].strip() for page in pages), "an empty page"
