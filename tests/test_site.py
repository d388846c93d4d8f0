# ruff: noqa: E402 - tools/ is not a package: its folder is put on the path first
"""What the site is made of, without Sphinx: links, terms, docstrings, the command line, figures with controls."""

import ast
import dataclasses
import importlib
import inspect
import math
import re
import sys
from pathlib import Path
from typing import Annotated

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import browser
import build_site
import check_site
import site_controls
import site_docstrings
import site_lessons
import site_reference

from srgan_lessons.losses import MSELoss
from srgan_lessons.settings import Setting
from srgan_lessons.upscaling import Bicubic, Nearest

LESSONS = ("01_images_and_scale", "04_training_srresnet")
PAGES = {ROOT / "docs" / "results.md": "guide/results.md", ROOT / "CHANGELOG.md": "changelog.md"}


# --- links and terms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "led"),
    [
        ("[a](results.md)", "[a](results.md)"),
        ("[a](../CHANGELOG.md#unreleased)", "[a](../changelog.md#unreleased)"),
        ("[a](../LICENSE)", f"[a]({build_site.repository()}/blob/main/LICENSE)"),
        ("[a](../data)", f"[a]({build_site.repository()}/tree/main/data)"),
        ("![a cat](figures/crops.png)", "![a cat](../figures/crops.png)"),
        ("[a](https://example.org/x)", "[a](https://example.org/x)"),
        ("[![b](figures/crops.png)](results.md)", "[![b](figures/crops.png)](results.md)"),
    ],
)
def test_links_of_a_guide_lead_to_pages_or_to_github(written, led):
    assert build_site.linked(written, ROOT / "docs" / "using.md", "guide/using.md", PAGES) == led


def test_a_link_that_leads_nowhere_stops_the_build():
    with pytest.raises(build_site.SiteError, match=r"docs/using\.md: the link to nothing\.md leads nowhere"):
        build_site.linked("[a](nothing.md)", ROOT / "docs" / "using.md", "guide/using.md", PAGES)


def test_every_link_of_every_guide_can_be_led():
    pages = build_site.places()
    for file, place in pages.items():
        if file.suffix == ".md":
            build_site.linked(file.read_text(encoding="utf-8"), file, place, pages)


def test_terms_are_linked_once_and_never_in_code_links_headings_or_formulas():
    glossary = ":::{glossary}\nHR\n  a\n\nLPIPS\n  b\n\nST-LPIPS\n  c\n:::"
    link = build_site.link_terms(build_site.words_of_glossary(glossary))
    text = "# HR\n`HR` [HR](x) $HR$ and HR, HR.\n\n    HR\nST-LPIPS"
    assert link(text) == "# HR\n`HR` [HR](x) $HR$ and {term}`HR`, HR.\n\n    HR\n{term}`ST-LPIPS`"
    assert link("HR, LPIPS") == "HR, {term}`LPIPS`"


def test_a_card_has_the_chart_of_the_theme_that_the_reader_chose():
    """<picture> would follow the system, not the button of the page."""
    lessons = [build_site.read_lesson(ROOT / "notebooks" / "source" / f"{name}.py") for name in LESSONS]
    photo, chart = build_site.cards(lessons).split("</li>")[:2]
    assert re.findall(r'lesson_(\w+)\.webp"[^>]*?(?: class="([\w-]+)")?>', photo) == [("01", "")]
    shown = [("04", "only-light"), ("04_dark", "only-dark")]
    assert re.findall(r'lesson_(\w+)\.webp"[^>]*?(?: class="([\w-]+)")?>', chart) == shown


def test_the_glossary_explains_the_words_of_the_field():
    terms = build_site.words_of_glossary((ROOT / "site" / "book" / "glossary.md").read_text(encoding="utf-8"))
    assert {"HR", "LR", "SR", "MOS", "PSNR", "SSIM", "LPIPS", "ST-LPIPS", "residual block", "content loss"} <= set(
        terms
    )


def test_every_guide_stands_in_a_list_of_contents():
    index = (ROOT / "site" / "book" / "index.md").read_text(encoding="utf-8")
    listed = {match[1] or match[2] for match in re.finditer(r"^(?:guide/(\w+)|.* <guide/(\w+)>)$", index, re.MULTILINE)}
    assert listed == {file.stem for file in (ROOT / "docs").glob("*.md")}


def test_broken_links_are_found(tmp_path, monkeypatch):
    (tmp_path / "a.html").write_text('<a href="b.html#here">x</a><a href="b.html#gone">x</a><img src="no.png">')
    (tmp_path / "b.html").write_text('<p id="here"></p><a href="https://example.org">x</a><a href="try/">x</a>')
    assert check_site.broken_links(tmp_path, without=["try/"]) == ["a.html: b.html#gone", "a.html: no.png"]
    assert "b.html: try/" in check_site.broken_links(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "a.html: b.html#gone" in check_site.broken_links(Path())


def test_what_the_check_needs_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(check_site, "SITE", tmp_path)
    assert check_site.main([]) == 1
    assert "index.html is missing. Run: make site" in capsys.readouterr().err
    (tmp_path / "index.html").touch()
    monkeypatch.setattr(check_site, "AXE", tmp_path / "axe.min.js")
    assert check_site.main([]) == 1
    assert "axe.min.js is missing. Run: npm ci --prefix site" in capsys.readouterr().err


def test_a_package_that_the_build_needs_is_named(monkeypatch):
    monkeypatch.setattr(build_site, "find_spec", lambda name: None if name == "furo" else name)
    with pytest.raises(build_site.SiteError, match="furo not installed"):
        build_site.sphinx()


def test_a_browser_is_looked_for_on_the_path_and_then_asked_for(monkeypatch, tmp_path):
    class Playwright:
        class chromium:
            executable_path = str(tmp_path / "fetched")
            launch = staticmethod(lambda executable_path, args: executable_path)

    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="needs a browser"):
        browser.launched(Playwright)
    (tmp_path / "fetched").touch()
    assert browser.launched(Playwright) == str(tmp_path / "fetched")
    (tmp_path / "google-chrome").touch()
    monkeypatch.setattr(browser.shutil, "which", lambda name: str(tmp_path / name) if name == "google-chrome" else None)
    assert browser.launched(Playwright) == str(tmp_path / "google-chrome")


# --- the reference ---------------------------------------------------------------------------------------------------


def test_a_docstring_gets_a_line_for_each_parameter_and_for_its_errors():
    def psnr(sr, hr, *, border=4): ...

    lines = [
        "PSNR in dB.",
        "",
        "sr, hr: one image each, as in `luma`. border: cut from",
        "each side. Raises UserError where.",
        "",
    ]
    site_docstrings.to_rst(None, "function", "psnr", psnr, None, lines)
    assert [line for line in lines if line] == [
        "PSNR in dB.",
        "* **sr**, **hr**: one image each, as in ``luma``.",
        "* **border**: cut from each side.",
        "* **Raises** UserError where.",
    ]


def test_a_docstring_keeps_its_examples_and_means_no_markup():
    lines = ["Weights w_ of 2 * x | y, and a note: not a parameter.", "", "    for i in x:", "        draw(i)", ""]
    site_docstrings.to_rst(None, "function", "f", test_broken_links_are_found, None, lines)
    assert lines[0] == r"Weights w\_ of 2 \* x \| y, and a note: not a parameter."
    assert lines[2:6] == ["::", "", "    for i in x:", "        draw(i)"]


def test_types_of_settings_are_plain_and_the_docstring_says_what_they_are():
    @dataclasses.dataclass(kw_only=True)
    class Made:
        steps: Annotated[int, Setting("updates", "UPDATES")] = 3
        device: Annotated[str | None, Setting("cpu or cuda", none="a GPU if there is one")] = None
        name: str

    site_docstrings.describe(Made)
    assert str(inspect.signature(Made)) == "(*, steps: int = 3, device: str | None = None, name: str) -> None"
    lines = ["How it is made.", ""]
    site_docstrings.to_rst(None, "class", "Made", Made, None, lines)
    assert [line for line in lines if line] == [
        "How it is made.",
        "* **steps**: updates",
        "* **device**: cpu or cuda (None: a GPU if there is one)",
    ]


def test_a_default_that_is_made_for_each_object_is_shown_as_dots():
    shown = site_docstrings.readable(None, "class", "f", None, None, "(*, a: list = <factory>)", "")
    assert shown == ("(*, a: list = ...)", "")
    assert site_docstrings.readable(None, "module", "m", None, None, None, None) == (None, None)


@pytest.mark.parametrize("module", [MSELoss, Bicubic, Nearest])
def test_a_module_without_a_constructor_takes_no_arguments(module):
    """Its inherited signature is (*args: Any, **kwargs: Any), but torch refuses all of them."""
    given = str(inspect.signature(module))
    assert site_docstrings.readable(None, "class", "M", module, None, given, "") == ("()", "")
    module()
    with pytest.raises(TypeError):
        module(1)


def test_no_network_or_loss_shows_arguments_that_it_does_not_take():
    shown = [name for rooms in site_reference.ROOMS.values() for room in rooms for name in site_reference.modules(room)]
    found = {}
    for module in map(importlib.import_module, shown):
        for name, thing in vars(module).items():
            if inspect.isclass(thing) and issubclass(thing, torch.nn.Module) and thing.__module__.startswith("srgan"):
                given = str(inspect.signature(thing))
                found[name] = site_docstrings.readable(None, "class", name, thing, None, given, "")[0]
    assert len(found) > 5
    assert [name for name, given in found.items() if "*" in given.replace("*, ", "")] == []


def test_pages_are_mended_for_screen_readers():
    items, others = "<dd><em>a</em>,</dd>\n<dd>b,</dd>\n", "<dl>\n<dt>x</dt><dd>y</dd></dl>"
    mended = items.replace("dd>", "li>")
    page = build_site.mended(f"<dt>f<dl>\n{items}</dl>\n</dt>{others}")
    assert page == f'<dt>f<ul class="parameters">\n{mended}</ul>\n</dt>{others}'
    assert 'aria-level="2"' in build_site.mended('<p class="caption" role="heading">')
    assert build_site.mended('<summary aria-label="Toggle hidden content">') == "<summary>"
    assert build_site.mended('<p class="collapsed">Show the outputs</p>') == '<p class="collapsed">Show the answer</p>'


def test_every_public_module_has_its_place_in_the_reference():
    shown = "".join(site_reference.api_pages().values())
    apart = {"doctor", "endings", "surroundings", "exercises", "jupyter"}  # the command line has its own page
    for path in (ROOT / "srgan_lessons").rglob("*.py"):
        parts = path.relative_to(ROOT / "srgan_lessons").with_suffix("").parts
        if parts[0] in apart or parts[0].startswith("cli") or path.stem.startswith("_"):
            continue
        public = [
            one
            for one in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(one, ast.FunctionDef | ast.ClassDef)
        ]
        if any(not one.name.startswith("_") for one in public):
            module, room = ".".join(("srgan_lessons", *parts)), f"automodule:: srgan_lessons.{parts[0]}\n"
            assert f"automodule:: {module}\n" in shown or room in shown


def test_every_command_has_a_section():
    page = site_reference.command_page()
    for command in ("train", "evaluate", "upscale", "data get", "study serve"):
        assert f"# `srgan-lessons {command}`\n" in page
    assert "| `-o OUT, --out OUT`" in page or "| `-o, --out OUT`" in page


# --- lessons ---------------------------------------------------------------------------------------------------------


def test_controls_are_thinned_until_all_settings_can_be_drawn():
    controls = {"photo": ["b", "a"], "down": [50, *range(0, 50, 5), *range(55, 101, 5)], "size": [64, 32, 96]}
    kept = site_controls.thinned(controls, most=24)
    assert math.prod(map(len, kept.values())) <= 24
    assert kept["photo"] == ["b", "a"]
    assert 50 in kept["down"]
    assert kept["down"] == sorted(kept["down"])
    assert 64 in kept["size"]


@pytest.mark.parametrize(
    ("data", "left_out"),
    [
        ({"text/plain": "  0%|          | 0/36 [00:00<?, ?picture/s]", site_lessons.WIDGET: {}}, True),  # tqdm's widget
        ({"text/plain": "metrics:   0%|          | 0/8 [00:00<?, ?image/s]", site_lessons.WIDGET: {}}, True),
        ({"text/html": '<div>training&ensp;<progress value="1" max="9"></progress></div>', "text/plain": "[x]"}, True),
        ({"text/html": "<div>training, 2 runs: done in 8 s</div>", "text/plain": "[x]"}, True),
        ({"text/html": "<p>srgan: ended at update 8 of 9</p>", "text/plain": "[x]"}, False),
        ({"text/plain": "62 % | 38 %"}, False),
    ],
)
def test_a_page_shows_no_progress_of_computations(data, left_out, tmp_path):
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    assert (site_lessons._shown([output], tmp_path) == []) == left_out


@pytest.mark.parametrize("columns", [10**9, 76])
def test_pictures_move_out_of_a_page_without_loss(tmp_path, columns):
    import numpy as np
    from PIL import Image

    from srgan_lessons.classroom.figures import data_url, png

    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    start, encoded = data_url(png(picture)).split(",")
    lines = "\n".join(encoded[at : at + columns] for at in range(0, len(encoded), columns))
    page = f'<img src="{start},{lines}">'
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": page}}
    (shown,) = site_lessons._shown([output], tmp_path)
    (file,) = (tmp_path / "pictures").iterdir()
    assert shown.data["text/html"] == f'<img loading="lazy" src="../pictures/{file.name}">'
    assert (np.asarray(Image.open(file).convert("RGB")) == picture).all()


def test_a_lesson_page_hides_answers_and_leads_to_solutions(tmp_path):
    import nbformat

    lesson = build_site.read_lesson(site_lessons.sources()[1])
    site_lessons.write(lesson, {}, tmp_path, lambda text: text)
    student, solved = (
        nbformat.read(tmp_path / place / f"{lesson.stem}.ipynb", as_version=4) for place in ("lessons", "solutions")
    )
    links = [word for cell in student.cells for word in cell.source.split() if word.startswith("solution](#")]
    targets = [cell.source for cell in solved.cells if cell.source.startswith("(solution-")]
    assert len(links) == len(targets) >= 3
    assert [link[len("solution](#") :].rstrip(",)") for link in links] == [
        target[1:].split(")")[0] for target in targets
    ]
    assert any("hide-output" in cell.metadata.get("tags", []) for cell in student.cells)
    assert "colab-badge.svg" not in student.cells[0].source
    assert "Open in Colab" in student.cells[0].source
