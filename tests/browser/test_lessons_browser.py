"""Each student notebook in a real JupyterLab in a real browser: all cells run and print what the notebook says, figures
are seen, controls work. As learners do, we open them one after the other in the same window.
"""

import os
import re
import shutil
import time
from pathlib import Path

import nbformat
import pytest
from pages import open_notebook, run_all
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))

pytestmark = pytest.mark.timeout(600)

# Not those of the rating widget, which has tests of its own: it keeps pictures hidden until they are to be rated.
FIGURES = """() => [...document.querySelectorAll('.jp-OutputArea img, .jp-OutputArea svg[role=img]')].filter(
    image => !image.closest('.rater')).map(image => ({
        alt: image.alt ?? image.getAttribute('aria-label'), width: image.naturalWidth ?? image.viewBox.baseVal.width,
        shown: image.getBoundingClientRect().width}))"""
FIGURE = "img, svg[role=img]"
CLIPPED = """() => [...document.querySelectorAll(
    '.jp-Notebook table, .jp-OutputArea img, .jp-OutputArea svg[role=img]')].filter(element => {
    const room = element.closest('.jp-RenderedHTMLCommon, .jp-OutputArea-output, .widget-html');
    return room && element.getBoundingClientRect().right > room.getBoundingClientRect().right + 2;
}).map(element => element.alt || element.outerHTML.slice(0, 200))"""

# Of the cells whose output is kept in the notebook
PRINTED = """() => window.jupyterapp.shell.currentWidget.context.model.toJSON().cells
    .filter(cell => cell.metadata.tags?.includes('nbval-check-output'))
    .map(cell => cell.outputs.flatMap(output => output.text ?? output.data['text/plain']).join(''))"""


def test_an_error_in_a_folded_cell_is_noticed(lab, page):
    """What the other tests take for granted: that they notice an error."""
    folded = nbformat.v4.new_code_cell("assert 1 + 1 == 3, 'arithmetic'", metadata={"jupyter": {"source_hidden": True}})
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("print('first')"), folded, nbformat.v4.new_code_cell("print('last')")],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, lab.folder / "folded.ipynb")
    open_notebook(page, "folded.ipynb")
    with pytest.raises(AssertionError, match="AssertionError: arithmetic"):
        run_all(page)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_learner_sees_what_the_lesson_promises(notebook, lab, page, tmp_path):
    shutil.copy(notebook, lab.folder)
    page.set_viewport_size({"width": 1400, "height": 1000})
    try:
        open_notebook(page, notebook.name)
        run_all(page)
        assert page.evaluate(PRINTED) == printed(notebook)
        figures = page.evaluate(FIGURES)
        assert figures, "the lesson shows no figure"
        for figure in figures:
            assert figure["alt"].strip(), "a figure without alt text"
            assert figure["width"] > 50, f"an empty figure: {figure['alt']}"
            assert figure["shown"] > 50, f"a figure that is not seen: {figure['alt']}"
        assert page.evaluate(CLIPPED) == []
        assert "Traceback" not in "\n".join(page.locator(".jp-Notebook .jp-OutputArea").all_inner_texts())
        code = notebook.read_text(encoding="utf-8")
        for calls, use in (
            (r"\bupload_photo\(", upload),  # first: what it shows may have a slider of its own
            (r"\bcompare\(", move_sliders),
            (r"\b(play|zoom)\(", move_controls),
            (r"\b\w+_film\(", play_films),
        ):
            assert use(page, tmp_path) or not re.search(calls, code), f"{use.__name__} found nothing to use"
    finally:
        if wanted := os.environ.get("SRGAN_LESSONS_SCREENSHOTS"):
            page.screenshot(path=Path(wanted) / f"{notebook.stem}.png")


def printed(notebook: Path) -> list[str]:
    """The outputs that are kept in a notebook."""
    cells = nbformat.read(notebook, as_version=4).cells
    kept = [cell.outputs for cell in cells if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert all(kept)
    return ["".join(o.text if "text" in o else o.data["text/plain"] for o in outputs) for outputs in kept]


def move_sliders(page, folder: Path) -> int:
    """Each before/after slider moves the edge between its pictures. Returns how many there were."""
    count = 0
    for figure in page.locator("figure.compare").all():
        figure.scroll_into_view_if_needed()
        assert figure.bounding_box()["height"] <= 601
        slider = figure.get_by_role("slider")
        place = slider.bounding_box()
        y = place["y"] + place["height"] / 2
        page.mouse.move(place["x"] + place["width"] / 2, y)
        page.mouse.down()
        page.mouse.move(place["x"] + 0.2 * place["width"], y, steps=3)
        page.mouse.up()
        assert abs(int(slider.get_attribute("aria-valuenow")) - 20) <= 1
        slider.press("ArrowRight")
        now = int(slider.get_attribute("aria-valuenow"))
        assert abs(now - 22) <= 1
        clip = figure.locator(".after").evaluate("image => image.style.clipPath")
        assert abs(float(re.findall(r"([\d.]+)%", clip)[-1]) - now) < 1
        count += 1
    return count


def play_films(page, folder: Path) -> int:
    """Each film moves when Play is pressed, and has no Play button where less motion is asked for."""
    count = 0
    for figure in page.locator("figure.film").all():
        slider, button = figure.locator("input[type=range]"), figure.locator("button")
        slider.evaluate("slider => { slider.value = 0; slider.oninput(); }")
        before = figure.locator(".moving").inner_html()
        button.click()
        page.wait_for_timeout(1500)
        button.click()
        assert int(slider.input_value()) > 0
        assert figure.locator(".moving").inner_html() != before
        page.emulate_media(reduced_motion="reduce")
        assert not button.is_visible()
        page.emulate_media(reduced_motion="no-preference")
        count += 1
    return count


def move_controls(page, folder: Path) -> int:
    """The first control of each figure that has some redraws it. Returns how many there were."""
    count = 0
    for output in page.locator(".jp-OutputArea-output:has(.widget-dropdown, .widget-hslider)").all():
        control = output.locator(".widget-dropdown, .widget-hslider").first
        figure = output.locator(".widget-html-content").last
        before = figure.inner_html()
        if control.locator("select").count():
            control.locator("select").select_option(index=1)
        else:
            handle = control.locator(".noUi-handle")
            at_the_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
            handle.press("ArrowLeft" if at_the_end else "ArrowRight")
        until = time.monotonic() + 60
        while (figure.inner_html() == before or not figure.locator(FIGURE).count()) and time.monotonic() < until:
            time.sleep(0.2)
        assert figure.inner_html() != before, "the figure did not follow its control"
        assert figure.locator(FIGURE).count()
        count += 1
    return count


def upload(page, folder: Path) -> int:
    """Each upload button takes a photo and shows something made of it. Returns how many there were."""
    count = 0
    photo = folder / "my photo.png"
    Image.linear_gradient("L").resize((60, 48)).convert("RGB").save(photo)
    for output in page.locator(".jp-OutputArea-output:has(.jupyter-widget-upload, .widget-upload)").all():
        with page.expect_file_chooser() as chooser:
            output.locator("button").first.click()
        chooser.value.set_files(photo)
        output.locator(FIGURE).first.wait_for(timeout=60_000)
        count += 1
    return count
