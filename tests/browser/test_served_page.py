"""The rating page on its own, in a real browser: pixels, keys, reloads, two tabs, a server that is killed."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rating_samples import noise_study
from screens import Screen
from study_server import StudyServer

from srgan_lessons.rating import Study, Votes
from srgan_lessons.rating.server import WEB

pytest.importorskip("tornado")
pytest.importorskip("segno")
Error = pytest.importorskip("playwright.sync_api").Error

pytestmark = pytest.mark.timeout(300)
GREY = (128, 128, 128)
SIZES = [(97, 151), (160, 120), (128, 128)]  # height, width: odd, even, and that of the anchors

PLACE = """() => {
    const root = document.querySelector('.rater'), image = root.querySelector('.rater-stage img');
    if (!image || !image.complete) return null;
    const box = image.getBoundingClientRect();
    return {token: root.dataset.shown, x: box.x * devicePixelRatio, y: box.y * devicePixelRatio,
        size: [image.naturalWidth, image.naturalHeight], shown: [box.width, box.height], src: image.src,
        ratio: devicePixelRatio};
}"""


@pytest.fixture
def study(tmp_path) -> Study:
    """18 pictures to rate."""
    return noise_study(tmp_path / "study", 6, SIZES, repeats=0, gold=0)


@pytest.fixture
def server(study):
    server = StudyServer(study.folder, options=("--port", "0")).start()
    yield server
    server.stop()


def join(browser, server, name: str, **context):
    page = browser.new_context(**{"viewport": {"width": 1366, "height": 768}, **context}).new_page()
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.goto(server.link)
    page.locator(".rater-name").fill(name)
    page.locator(".rater-next").click()
    page.get_by_text(f"Welcome, {name}").wait_for()
    return page


def wait(page, after: str | None = None) -> dict | None:
    """What is shown, once it is another picture than before and can be rated; None for a page of text."""
    try:
        page.wait_for_function(
            """after => { const r = document.querySelector('.rater');
                const text = !r.querySelector('.rater-card').hidden && !r.querySelector('.rater-card button')?.disabled;
                const image = r.querySelector('.rater-stage img');
                return (after !== null && text) || (image && r.dataset.shown && r.dataset.shown !== after &&
                    !r.querySelector('.rater-score').disabled); }""",
            arg=after,
            timeout=30_000,
            polling=50,
        )
    except Error:
        keep(page, "stuck")
        pytest.fail(f"still showing {after}: {page.locator('.rater').evaluate('e => e.outerHTML')[:3000]}")
    page.wait_for_timeout(520)  # within half a second a click is the rest of a double click
    return page.evaluate(PLACE) if page.locator(".rater-stage").is_visible() else None


def keep(page, name: str) -> None:
    if wanted := os.environ.get("SRGAN_LESSONS_SCREENSHOTS"):
        page.screenshot(path=Path(wanted) / f"served_{name}.png")


def differing_pixels(screen: Screen, shown: dict, fetch) -> int:
    """How many pixels of the screen differ from those of the file, where the picture is."""
    real = np.asarray(Image.open(io.BytesIO(fetch(shown["src"]))).convert("RGB"))
    seen = screen.pixels()
    x, y = round(shown["x"]), round(shown["y"])
    assert abs(shown["x"] - x) < 0.02, "the corner lies on a pixel of the screen"
    assert abs(shown["y"] - y) < 0.02
    cut = seen[y : y + real.shape[0], x : x + real.shape[1]]
    assert cut.shape == real.shape
    for v, u in ((y - 4, x + 40), (y + 40, x - 4), (y + 40, x + real.shape[1] + 3), (y + real.shape[0] + 3, x + 40)):
        assert tuple(seen[v, u]) == GREY
    return int((cut != real).any(axis=2).sum())


def test_a_pixel_of_the_picture_is_a_pixel_of_the_screen(browser, tmp_path):
    """Between two kinds of screen the rater pauses, so each begins with a picture that it draws for the first time."""
    study = noise_study(tmp_path / "study", 12, SIZES, repeats=0, gold=0)
    server = StudyServer(study.folder, options=("--port", "0")).start()
    try:
        page = join(browser, server, "Ada")
        screen = Screen(page)
        for ratio in (1, 1.1, 1.25, 1.5, 1.75, 2, 2.625, 3):
            screen.change(round(1366 / ratio), round(900 / ratio), ratio)
            page.locator(".rater-next").click()
            shown, sizes = wait(page), set()
            while not sizes >= {(151, 97), (120, 160)}:
                assert shown["ratio"] == pytest.approx(ratio)
                assert differing_pixels(screen, shown, lambda src: page.request.get(src).body()) == 0
                sizes.add(tuple(shown["size"]))
                page.keyboard.press("3")
                shown = wait(page, shown["token"])
            page.locator(".rater-pause").click()
            page.get_by_text("Paused").wait_for()
        rows = Votes.read(study.votes_folder).lines
        assert {row.device_pixel_ratio for row in rows} == {1, 1.1, 1.25, 1.5, 1.75, 2, 2.625, 3}
        for row in rows:
            stimulus = study.stimuli[row.stimulus]
            assert row.width * row.device_pixel_ratio == pytest.approx(stimulus.width, abs=0.01)
            assert row.height * row.device_pixel_ratio == pytest.approx(stimulus.height, abs=0.01)
        assert page.wrong == []
        page.context.close()
    finally:
        server.stop()


def test_a_whole_session_with_all_that_happens(browser, server, study):
    page = join(browser, server, "Änna")
    cookies = page.context.cookies()
    assert [cookie["httpOnly"] for cookie in cookies] == [True]
    keep(page, "instructions")
    page.locator(".rater-next").click()
    shown, pressed = wait(page), []
    step = 0
    while shown is not None:
        score = 1 + (step * 7) % 5
        button = page.locator(f".rater-score-{score}")
        if step == 4:  # a double click is one vote
            button.dblclick()
        elif step == 6:
            page.keyboard.press("Backspace")
            pressed.append(None)
            shown = wait(page, shown["token"])
            step += 1
            continue
        elif step == 8:  # paused, and on
            page.locator(".rater-pause").click()
            page.get_by_text("Paused").wait_for()
            page.locator(".rater-next").click()
            again = wait(page)
            assert again["token"] == shown["token"]
            button.click()
        elif step == 10:  # the page is loaded again
            page.reload()
            again = wait(page)
            assert again["token"] == shown["token"]
            page.keyboard.press(str(score))
        elif step == 12:  # a second tab votes; the first shows then what is next
            tab = page.context.new_page()
            tab.goto(server.link)
            there = wait(tab, "")
            if there is None:  # the first tab is hidden now, and has paused
                tab.locator(".rater-next").click()
                there = wait(tab)
            tab.keyboard.press(str(score))
            wait(tab, there["token"])
            tab.close()
            pressed.append(score)
            page.bring_to_front()
            page.reload()
            shown = wait(page, "")
            if shown is None:
                page.locator(".rater-next").click()
                shown = wait(page)
            step += 1
            continue
        elif step == 14:  # the server is killed, and the vote given meanwhile arrives after its start
            server.kill()
            page.keyboard.press(str(score))
            page.get_by_text("No connection").wait_for()
            keep(page, "no_connection")
            server.options = ()
            server.start()
        elif step == 16:  # killed, and the page closed before the vote could be sent
            server.kill()
            page.keyboard.press(str(score))
            page.wait_for_timeout(300)
            context = page.context
            page.close()
            server.start()
            page = context.new_page()
            page.goto(server.link)
        else:
            page.keyboard.press(str(score))
        pressed.append(score)
        shown = wait(page, shown["token"])
        step += 1
    assert page.get_by_text("Thank you, Änna").is_visible()
    assert page.get_by_text("You have rated all 23 pictures").is_visible()
    keep(page, "done")
    rows = Votes.read(study.votes_folder).lines
    assert [row.score for row in rows] == pressed
    main = [row.trial for row in Votes.read(study.votes_folder).effective() if row.phase == "main"]
    assert main == list(range(18))
    page.context.close()


@pytest.mark.parametrize("policy", ["any", "large"])
def test_a_phone_is_told_or_refused(browser, study, policy):
    server = StudyServer(study.folder, options=("--port", "0", "--screens", policy)).start()
    try:
        phone = {"viewport": {"width": 390, "height": 844}, "screen": {"width": 390, "height": 844},
                 "device_scale_factor": 3, "has_touch": True, "is_mobile": True}  # fmt: skip
        if policy == "large":
            page = browser.new_context(**phone).new_page()
            page.goto(server.link)
            page.get_by_text("Please use a larger screen").wait_for()
            keep(page, "phone_refused")
            assert page.locator(".rater-name").count() == 0
        else:
            page = join(browser, server, "Phone", **phone)
            keep(page, "phone_instructions")
            page.locator(".rater-next").click()
            shown = wait(page)
            keep(page, "phone")
            assert page.get_by_text("On this screen the pictures look very small").is_visible()
            assert shown["shown"][0] == pytest.approx(shown["size"][0] / 3)
            page.locator(".rater-score-2").tap()
            wait(page, shown["token"])
            row = Votes.read(study.votes_folder).lines[0]
            assert (row.score, row.device_pixel_ratio, row.screen_width) == (2, 3, 390)
        page.context.close()
    finally:
        server.stop()


def test_zoom_in_the_middle_is_noticed_and_the_picture_stays_at_1_to_1(browser, server, study):
    page = join(browser, server, "Zoom")
    page.locator(".rater-next").click()
    shown = wait(page)
    change = {"width": 1092, "height": 614, "deviceScaleFactor": 1.25, "mobile": False}
    page.context.new_cdp_session(page).send("Emulation.setDeviceMetricsOverride", change)
    page.get_by_text("The zoom or the screen has changed").wait_for()
    page.keyboard.press("4")
    wait(page, shown["token"])
    row = Votes.read(study.votes_folder).lines[0]
    stimulus = study.stimuli[row.stimulus]
    assert row.device_pixel_ratio == 1.25
    assert row.width * 1.25 == pytest.approx(stimulus.width, abs=0.01)
    page.context.close()


def test_a_lost_answer_is_asked_for_again_and_counts_once(browser, server, study):
    page = join(browser, server, "Lossy")
    lost = []

    def lose(route):
        if "vote" in (route.request.post_data or "") and len(lost) % 2 == 0:
            lost.append(route.fetch())  # the server has it; the answer is lost
            route.abort()
        else:
            lost.append(None) if "vote" in (route.request.post_data or "") else None
            route.continue_()

    page.route("**/rate", lose)
    page.locator(".rater-next").click()
    shown = wait(page)
    for score in (1, 2, 3):
        page.keyboard.press(str(score))
        shown = wait(page, shown["token"])
    assert [row.score for row in Votes.read(study.votes_folder).lines] == [1, 2, 3]
    assert len(lost) == 6
    page.context.close()


def test_a_page_that_is_left_open_shows_that_the_study_is_closed_and_the_result(browser, server):
    """As the last page of a rater says: nobody has to load it again."""
    page = join(browser, server, "Ada")
    ada, bea = server.join(None), server.join("Bea")
    ada.cookie = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())
    for client in (ada, bea):
        client.tell({"do": "begin"})
        while client.state["picture"]:
            client.vote(1 + client.state["done"] % 5)
    page.reload()
    page.get_by_text("Thank you, Ada").wait_for()
    port, secret = server.instructor.rstrip("/").split(":")[-1].split("/")
    server.ask("POST", f"/{secret}/close", {}, port=int(port))
    page.get_by_text("The study is closed").wait_for()
    page.get_by_text("You and the class").wait_for(timeout=200_000)
    assert page.locator(".rater-result tbody tr").count() == 3
    assert page.wrong == []
    page.context.close()


@pytest.mark.parametrize(
    ("raters", "closed", "says"),
    [
        (1, False, "1 rater: 1 rating, 0 done, 0 not heard from for 90 s"),
        (2, False, "2 raters: 2 rating, 0 done, 0 not heard from for 90 s"),
        (1, True, "1 rater, 0 done. Closed: no more votes are accepted."),
    ],
)
def test_the_instructors_page_counts_its_raters(browser, raters, closed, says):
    one = {"name": "Anna", "phase": "main", "done": 3, "of": 24, "pace": None, "away": 1}
    state = {"title": "t", "raters": [one] * raters, "closed": closed, "links": [], "reported": False, "problem": ""}
    page = browser.new_page()

    def answer(route):
        name = route.request.url.rsplit("/", 1)[1]
        page_or_script = {"path": WEB / name} if (WEB / name).is_file() else {"json": state}
        route.fulfill(**page_or_script)

    page.route("http://class.invalid/**", answer)
    page.goto("http://class.invalid/live.html")
    page.get_by_text(says, exact=True).wait_for(timeout=5000)
    page.close()
