"""Whole rating sessions in a real JupyterLab in a real browser: by mouse and by keys, with all that happens to people.

What was clicked is written down here, and compared with the file of votes at the end.
"""

import json
import os
import random
import re
import signal
import time
from itertools import count
from math import ceil, floor
from pathlib import Path

import nbformat
import numpy as np
import pytest
from pages import open_notebook, run_all
from PIL import Image
from rating_samples import noise_study
from screens import Screen

from srgan_lessons.rating import Study, Votes
from srgan_lessons.rating.vote import Vote

Error = pytest.importorskip("playwright.sync_api").Error
pytestmark = pytest.mark.timeout(600)

SIZES = [(321, 481), (481, 321), (256, 256)]  # height, width: those of BSD100, and of the anchors
GREY = (128, 128, 128)

# What is shown now: its token, where it is, and whether it can be rated
SHOWN = """() => {
    const box = e => { const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; };
    const root = document.querySelector('.rater');
    const image = root.querySelector('.rater-stage img');
    if (!image || !root.querySelector('.rater-stage').getClientRects().length) return null;
    return {
        number: root.dataset.shown, drawn: !root.querySelector('.rater-score').disabled,
        natural: [image.naturalWidth, image.naturalHeight], box: box(image), stage: box(image.parentElement),
        root: box(root), ratio: devicePixelRatio, src: image.src,
        buttons: [...root.querySelectorAll('.rater-buttons button')].map(box),
        room: box(root.closest('.jp-WindowedPanel-outer')),
    };
}"""

# Of a file of the study: its SHA-256
DIGEST = """async address => {
    const digest = await crypto.subtle.digest('SHA-256', await (await fetch(address)).arrayBuffer());
    return [...new Uint8Array(digest)].map(byte => byte.toString(16).padStart(2, '0')).join('');
}"""

# Another picture than before is there and can be rated; or, after a picture, a page of text
READY = """after => {
    const root = document.querySelector('.rater');
    const image = root && root.querySelector('.rater-stage img');
    if (!image || !root.querySelector('.rater-stage').getClientRects().length)
        return !!after && !!root && !root.querySelector('.rater-card').hidden;
    return root.dataset.shown !== after && !root.querySelector('.rater-score').disabled;
}"""

SCROLL = """() => {
    const widget = document.querySelector('.rater');
    widget.scrollIntoView({block: 'start'});
    const r = widget.getBoundingClientRect();
    return [r.x, r.y];
}"""

REPEAT = """([x, y, times]) => document.addEventListener('click', () => {
    const types = ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click', 'dblclick'];
    for (let k = 1; k <= times; k++)
        setTimeout(() => {
            const there = document.elementFromPoint(x, y);
            for (const type of k % 2 ? types : types.slice(0, 5))
                there?.dispatchEvent(new (type.startsWith('pointer') ? PointerEvent : MouseEvent)(
                    type, {bubbles: true, cancelable: true, composed: true, detail: k + 1, clientX: x, clientY: y}));
        }, 60 * k);
}, {capture: true, once: true})"""

STRIKES = """key => {
    for (let k = 0; k < 3; k++)
        for (const type of ['keydown', 'keyup'])
            document.activeElement.dispatchEvent(new KeyboardEvent(type, {key, bubbles: true, cancelable: true}));
}"""


@pytest.fixture
def study(tmp_path) -> Study:
    """30 pictures to rate."""
    study = noise_study(tmp_path / "study", 9, SIZES, repeats=0.04, gold=2)
    assert study.trials == 30
    return study


class Rater:
    """Drives the page, and writes down what it rates: (phase, score), the score None for an undo."""

    def __init__(self, page, lab, study: Study, names: list, *, guard: int = 500, size=(1280, 720)):
        self.page, self.lab, self.study, self.pressed, self.guard = page, lab, study, [], guard + 10
        self.name, self.screen = f"{study.folder.parent.name}.ipynb", Screen(page)
        self.screen.change(*size)
        code = "import os\nfrom srgan_lessons.rating import RatingWidget, transport\nprint('kernel', os.getpid())\n"
        code += f"transport.GUARD = {guard}\n"
        code += "\n".join(f"display(RatingWidget({str(study.folder)!r}, {name!r}))" for name in names)
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(code), nbformat.v4.new_markdown_cell("A cell below.")],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        content = {"type": "notebook", "format": "json", "content": json.loads(nbformat.writes(notebook))}
        self.lab.api("PUT", f"api/contents/{self.name}", content)
        open_notebook(page, self.name)
        self.run()

    def run(self) -> None:
        run_all(self.page)
        self.page.wait_for_selector(".rater button", timeout=60_000)
        self.scroll()

    def restart_kernel(self) -> None:
        self.page.locator(".lm-MenuBar-itemLabel", has_text="Kernel").click()
        self.page.locator('.lm-Menu-item[data-command="kernelmenu:restart"]').click()
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()
        self.page.locator("text=/\\| (Restarting|Unknown|Connecting)/").first.wait_for(timeout=60_000)

    def text(self) -> str:
        return self.page.locator(".rater-card").first.inner_text()

    def wait(self, after: str | None = None) -> dict | None:
        """What is shown, once that is another picture than before and can be rated; None for a page after a picture."""
        try:
            self.page.wait_for_function(READY, arg=after, timeout=60_000, polling=50)
        except Error:
            keep(self.page, "stuck")
            shown = self.page.evaluate(SHOWN)
            pytest.fail(f"still showing {after}: {shown and shown | {'src': None}}")
        if self.page.evaluate(SHOWN) is not None:
            self.page.wait_for_timeout(self.guard)  # before it a click is the rest of a double click
        return self.page.evaluate(SHOWN)

    def button(self, name: str):
        return self.page.locator(f".rater-{name}:visible").first

    def reload(self) -> dict:
        """Saves the notebook, loads the page again, and scrolls to the widget. What is shown then."""
        with self.page.expect_response(lambda answer: answer.request.method == "PUT" and self.name in answer.url):
            self.page.keyboard.press("Control+s")
        self.page.reload()
        self.page.wait_for_selector(".rater button", timeout=90_000)
        self.wait()
        self.scroll()
        return self.wait()

    def height(self) -> float:
        return self.page.locator(".rater").bounding_box()["height"]

    def scroll(self) -> None:
        """To the widget: JupyterLab shows the top of a notebook that it opens, and the end of one that it runs.

        JupyterLab puts its page together bit by bit, which moves what is in it: until it rests, a person scrolls again.
        """
        place, since = None, time.monotonic()
        while time.monotonic() - since < 0.5:
            now = self.page.evaluate(SCROLL)
            if now != place:
                place, since = now, time.monotonic()
            self.page.wait_for_timeout(50)

    def click(self, name: str, times: int = 1) -> None:
        """Clicks where the button is, however the page changes under the mouse meanwhile.

        The first click is the mouse's. The page itself repeats it every 60 ms: between clicks that are sent to it one
        by one a busy machine may take so long that they are no double click.
        """
        box = self.button(name).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.evaluate(REPEAT, [x, y, times - 1])
        self.page.mouse.click(x, y)

    def rate(self, shown: dict, score: int | None, act) -> dict | None:
        """Does `act`, which gives the score (None: takes the last back), and waits for what comes then."""
        self.pressed.append(score)
        act()
        return self.wait(shown["number"])

    def rows(self) -> list[Vote]:
        files = list(self.study.votes_folder.glob("*.jsonl"))
        assert len(files) == 1
        return Votes.read(files[0]).lines


def picture_lies_as_it_must(shown: dict) -> None:
    """At 1:1, centred, nothing cut off."""
    x, y, width, height = shown["box"]
    left, top, room, high = shown["stage"]
    ratio = shown["ratio"]
    assert [width * ratio, height * ratio] == pytest.approx(shown["natural"], abs=0.01)
    assert abs((x - left) - (left + room - x - width)) <= 1
    assert abs((y - top) - (top + high - y - height)) <= 1
    for part in (shown["box"], *shown["buttons"]):
        frame = shown["room"]
        assert all(part[k] >= frame[k] for k in (0, 1)), (part, frame)
        assert all(part[k] + part[k + 2] <= frame[k] + frame[k + 2] for k in (0, 1)), (part, frame)


def picture_is_as_it_must_be(rater: Rater, shown: dict) -> None:
    """At 1:1, centred, nothing cut off; and bit for bit, on grey."""
    picture_lies_as_it_must(shown)
    page, ratio = rater.page, shown["ratio"]
    digest = page.evaluate(DIGEST, shown["src"])
    (name,) = (stimulus.name for stimulus in rater.study.stimuli.values() if stimulus.sha256 == digest)
    real = np.asarray(Image.open(rater.study.path(name)))
    rows, columns = real.shape[:2]
    for _ in range(10):  # the page may still move: JupyterLab adds its bars one by one, later on a busy machine
        # What scrolls begins at a whole pixel of the screen, though it may be said to begin between two
        x, y = (edge * ratio for edge in page.evaluate(SHOWN)["box"][:2])
        seen = rater.screen.pixels()
        places = [(u, v) for u in {floor(x + 0.01), ceil(x - 0.01)} for v in {floor(y + 0.01), ceil(y - 0.01)}]
        exact = [(u, v) for u, v in places if np.array_equal(seen[v : v + rows, u : u + columns], real)]
        if exact:
            break
        page.wait_for_timeout(300)
    else:
        keep(page, "other_pixels")
        u, v = places[0]
        cut = seen[v : v + rows, u : u + columns]
        wrong = int((cut != real).any(axis=2).sum()) if cut.shape == real.shape else cut.shape
        pytest.fail(f"the picture at {x}, {y} is not shown bit for bit: {wrong} pixels differ")
    u, v = exact[0]
    for row, column in ((v - 6, u + columns // 2), (v + rows // 2, u - 6), (v + rows // 2, u + columns + 6)):
        assert tuple(seen[row, column]) == GREY


def keep(page, name: str) -> None:
    if wanted := os.environ.get("SRGAN_LESSONS_SCREENSHOTS"):
        page.screenshot(path=Path(wanted) / f"rating_{name}.png")


def file_holds_what_was_pressed(rater: Rater) -> list[dict]:
    rows = rater.rows()
    assert [row.score for row in rows] == rater.pressed
    votes = Votes.read(rater.study.votes_folder).effective()
    main = [row for row in votes if row.phase == "main"]
    assert [row.trial for row in main] == list(range(30))
    order = rater.study.order(main[0].rater)
    assert [row.stimulus for row in main] == [place.stimulus for place in order]
    for row in rows:
        if row.score is not None:
            stimulus = rater.study.stimuli[row.stimulus]
            shown = [row.width * row.device_pixel_ratio, row.height * row.device_pixel_ratio]
            assert shown == pytest.approx([stimulus.width, stimulus.height], abs=0.01)
            assert rater.guard - 10 <= row.response_ms < 60_000
    return rows


def test_a_whole_session_by_mouse(lab, page, study):
    rater = Rater(page, lab, study, ["anna"], guard=200)
    assert "Welcome, anna" in rater.text()
    keep(page, "instructions")
    cells = page.locator(".jp-Cell").count()
    rater.click("next", 2)
    shown, dice = rater.wait(), random.Random(1)
    sides, stages = set(), set()
    for step in count():
        if shown is None:
            break
        if step < 8 or step in (13, 16, 25):  # these come after a pause, a reload and a restart
            picture_is_as_it_must_be(rater, shown)
        if step < 20:
            picture_lies_as_it_must(shown)
            sides.add(tuple(shown["natural"]))
            stages.add(tuple(round(a - b) for a, b in zip(shown["stage"], shown["root"], strict=True)))
        score = dice.randint(1, 5)
        if step == 6:
            assert (
                rater.button(f"score-{score}").inner_text()
                == f"{score} {('bad', 'poor', 'fair', 'good', 'excellent')[score - 1]}"
            )
            keep(page, "mouse_1280x720")
        if step == 11:  # taken back by a double click, which takes one back
            shown = rater.rate(shown, None, lambda: rater.click("undo", 2))
        elif step == 12:
            before = page.evaluate(DIGEST, shown["src"])
            rater.click("pause", 2)
            assert rater.wait(shown["number"]) is None
            assert "Paused" in rater.text()
            rater.click("next", 2)
            shown = rater.wait()
            assert page.evaluate(DIGEST, shown["src"]) == before
            continue
        elif step == 15:  # the page is loaded again while the kernel lives
            before = page.evaluate(DIGEST, shown["src"])
            shown = rater.reload()
            assert page.evaluate(DIGEST, shown["src"]) == before
            continue
        elif step == 24:  # the kernel is restarted
            given = len(rater.rows())
            rater.restart_kernel()
            rater.run()
            assert "Welcome back, anna" in rater.text()
            assert len(rater.rows()) == given
            rater.click("next")
            shown = rater.wait()
            continue
        else:  # once, twice, four times
            times = (1, 2, 4)[step % 3]
            shown = rater.rate(shown, score, lambda score=score, times=times: rater.click(f"score-{score}", times))
    assert len(sides) == 3
    assert len(stages) == 1, "the page jumps between pictures"
    assert "Thank you, anna" in rater.text()
    assert "You gave 30 ratings that count" in rater.text()
    assert page.locator(".jp-Cell").count() == cells, "a double click went through to JupyterLab"
    assert str(next(study.votes_folder.glob("*.jsonl"))) in rater.text()
    keep(page, "closing")
    rows = file_holds_what_was_pressed(rater)
    assert {row.device_pixel_ratio for row in rows if row.score} == {1}
    assert [row.phase for row in rows].count("dummy") == 5 + 3


def test_a_whole_session_by_keys(lab, page, study):
    rater = Rater(page, lab, study, [None], guard=100, size=(1920, 1080))
    field = page.locator(".rater-name")
    field.click()
    page.keyboard.type("<b>Bert & 3</b>")  # with a digit, which is no vote here
    page.keyboard.press("Enter")
    page.get_by_text("Welcome, <b>Bert & 3</b>").wait_for()
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.innerText") != "Start":
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    shown, dice = rater.wait(), random.Random(2)
    cells = page.locator(".jp-Cell").count()
    for step in count():
        if shown is None:
            break
        score = dice.randint(1, 5)
        if step in (2, 3, 20):
            picture_is_as_it_must_be(rater, shown)
        if step == 3:
            keep(page, "keys_1920x1080")
        if step == 5:  # Tab to a button, and Enter or Space
            for _ in range(1 + score):
                page.keyboard.press("Tab")
            shown = rater.rate(shown, score, lambda: page.keyboard.press("Enter"))
        elif step == 6:
            for _ in range(1 + score):
                page.keyboard.press("Tab")
            shown = rater.rate(shown, score, lambda: page.keyboard.press("Space"))
        elif step == 9:
            shown = rater.rate(shown, None, lambda: page.keyboard.press("Backspace"))
        elif step == 12:  # elsewhere keys are not taken: neither in another cell nor in its text
            page.locator(".jp-MarkdownCell").first.click()
            page.keyboard.press("Backspace")
            page.keyboard.press("Enter")
            page.locator(".jp-MarkdownCell .cm-content").first.click()
            page.keyboard.type("12345")
            page.keyboard.press("Control+Enter")
            page.wait_for_timeout(800)
            assert "12345" in page.locator(".jp-MarkdownCell").first.inner_text()
            assert page.evaluate(SHOWN)["number"] == shown["number"]
            page.mouse.click(shown["stage"][0] + 8, shown["stage"][1] + 8)  # the grey field
            shown = rater.rate(shown, score, lambda score=score: page.keyboard.press(str(score)))
        elif step == 15:
            shown = rater.reload()
            page.mouse.click(shown["stage"][0] + 8, shown["stage"][1] + 8)
            continue
        elif step == 18:  # a page at 125 %
            rater.screen.change(1536, 864, 1.25)
            page.get_by_text("The zoom or the screen has changed").wait_for()
            shown = rater.rate(shown, score, lambda score=score: page.keyboard.press(str(score)))
            rater.screen.change(1920, 1080)  # back, and this picture has seen a change, too
            page.get_by_text("The zoom or the screen has changed").wait_for()
            shown = rater.rate(shown, score, lambda score=score: page.keyboard.press(str(score)))
            page.get_by_text("The zoom or the screen has changed").wait_for(state="hidden")
        elif step == 24:
            rater.restart_kernel()
            rater.run()
            page.locator(".rater-name").fill("<b>Bert & 3</b>")
            rater.click("next")
            page.get_by_text("Welcome back, <b>Bert & 3</b>").wait_for()
            rater.click("next")
            shown = rater.wait()
            continue
        elif step % 2:  # the key is held

            def hold(score=score) -> None:
                page.keyboard.down(str(score))
                page.keyboard.down(str(score))  # as the system repeats it
                page.keyboard.up(str(score))

            shown = rater.rate(shown, score, hold)
        else:  # struck three times, quicker than any hand, however busy the machine
            shown = rater.rate(shown, score, lambda score=score: page.evaluate(STRIKES, str(score)))
    assert "Thank you, <b>Bert & 3</b>" in rater.text()
    rows = file_holds_what_was_pressed(rater)
    ratios = [row.device_pixel_ratio for row in rows if row.score]
    assert (ratios.count(1.25), ratios.count(1)) == (1, len(ratios) - 1)
    # JupyterLab did with the keys nothing of its own
    assert page.locator(".jp-Cell").count() == cells
    assert page.locator(".jp-CodeCell").count() == 1


def test_two_widgets_on_one_page(lab, page, study):
    Rater(page, lab, study, ["a", "b"], guard=50, size=(1280, 1500))
    page.wait_for_function("document.querySelectorAll('.rater button').length === 2")
    first, second = page.locator(".rater").all()
    for widget in (first, second):
        widget.locator(".rater-next").click()
        widget.locator(".rater-score-1:enabled").wait_for()
    page.wait_for_timeout(300)  # for a vote that must not come

    def head(widget) -> str:
        return widget.locator(".rater-head").inner_text()

    page.keyboard.press("2")  # the focus is in the second
    second.get_by_text("Example 2 of 4").wait_for()
    page.wait_for_timeout(300)  # for a vote that must not come
    first.locator(".rater-score-4").click()
    first.get_by_text("Example 2 of 4").wait_for()
    page.wait_for_timeout(300)  # for a vote that must not come
    page.keyboard.press("5")  # now in the first
    first.get_by_text("Example 3 of 4").wait_for()
    page.wait_for_timeout(300)  # for a vote that must not come
    assert (head(first)[:9], head(second)[:9]) == ("Example 3", "Example 2")
    page.keyboard.press("Backspace")
    first.get_by_text("Example 2 of 4").wait_for()
    rows = Votes.read(study.votes_folder).lines
    assert sorted((row.rater, row.trial, row.score or 0) for row in rows) == [
        ("a", 0, 4), ("a", 1, 0), ("a", 1, 5), ("b", 0, 2),
    ]  # fmt: skip


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")
def test_a_kernel_that_does_not_answer_is_said_to_be_silent(lab, page, study):
    rater = Rater(page, lab, study, ["c"])
    rater.click("next")
    shown = rater.wait()
    kernel = int(re.search(r"kernel (\d+)", page.locator(".jp-CodeCell").inner_text())[1])
    os.kill(kernel, signal.SIGSTOP)
    try:
        rater.click("score-3")
        page.wait_for_timeout(300)
        rater.click("score-5")  # of an impatient rater
        page.get_by_text("The notebook's kernel does not answer").wait_for(timeout=15_000)
        keep(page, "silent")
        box, top, bottom = page.locator(".rater-silence").bounding_box(), shown["room"][1], 720
        assert top <= box["y"] < box["y"] + box["height"] < bottom
        assert rater.rows() == []
    finally:
        os.kill(kernel, signal.SIGCONT)
    rater.wait(shown["number"])
    assert page.get_by_text("The notebook's kernel does not answer").is_hidden()
    assert [row.score for row in rater.rows()] == [3]


def test_a_pixel_of_the_picture_is_a_pixel_of_the_screen(lab, page, study):
    """Between two kinds of screen the rater pauses, so each begins with a picture that it draws for the first time."""
    rater = Rater(page, lab, study, ["r"], guard=50)
    for ratio in (1, 1.25, 1.5, 2, 3):
        rater.screen.change(round(1400 / min(ratio, 1.5)), round(1300 / min(ratio, 1.5)), ratio)
        rater.scroll()
        rater.click("next")
        shown, sides = rater.wait(), set()
        while not sides >= {(481, 321), (321, 481)}:
            assert shown["ratio"] == ratio
            picture_is_as_it_must_be(rater, shown)
            sides.add(tuple(shown["natural"]))
            shown = rater.rate(shown, 3, lambda: page.keyboard.press("3"))
        rater.click("pause")
        assert rater.wait(shown["number"]) is None
    assert {row.device_pixel_ratio for row in rater.rows()} == {1, 1.25, 1.5, 2, 3}


def test_start_is_seen_without_scrolling_on_a_small_laptop(lab, page, study):
    rater = Rater(page, lab, study, ["small"], size=(1366, 768))
    box = rater.button("next").bounding_box()
    keep(page, "start_1366x768")
    assert 0 < box["y"] < box["y"] + box["height"] < 768
