"""Times each step of a class from `study new` to the report, as people do it, with three commands and one link.

    python benchmarks/whole_class.py --out benchmarks/results/whole_class.md
    python benchmarks/whole_class.py --shots build/class       also takes pictures of each page on three screens

The study has ten photos that come with scikit-image, enlarged by four methods. The raters are coroutines that know
which method they see, and so have an opinion. One more rater is a page in chromium, and the script takes
screenshots of it. The instructor closes the study on the instructor's page, and the report is then made.
"""

import argparse
import asyncio
import atexit
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.async_api import async_playwright
from served_study import Rater
from study_server import StudyServer
from tornado.httpclient import AsyncHTTPClient

from srgan_lessons.files import atomic
from srgan_lessons.images.samples import sample_photos
from srgan_lessons.rating import Study, Votes

METHODS = {"nearest": 1.5, "bicubic": 2.4, "espcn": 3.0, "hr": 4.5}  # and what the raters think of them
PHOTOS = ("astronaut", "brick", "camera", "coffee", "coins", "grass", "gravel", "moon", "retina", "motorcycle")
SCREENS = ((1366, 768), (1280, 720), (390, 844))


class Person(Rater):
    """A rater with an opinion of each method, and a bias."""

    def __init__(self, server: StudyServer, name: str, pace: float, study: Study):
        super().__init__(server, name, pace)
        self.method = {stimulus.sha256: stimulus.method for stimulus in study.stimuli.values()}
        self.bias = self.dice.gauss(0, 0.3)

    def judge(self, png: bytes) -> int:
        quality = METHODS[self.method[hashlib.sha256(png).hexdigest()]]
        return min(5, max(1, round(quality + self.bias + self.dice.gauss(0, 0.6))))


class Watch:
    """Records the steps and how many seconds they took."""

    def __init__(self):
        self.lines, self.since = [], time.perf_counter()

    def __call__(self, step: str) -> None:
        now = time.perf_counter()
        self.lines.append(f"| {step} | {now - self.since:.1f} |")
        print(self.lines[-1], flush=True)
        self.since = now


async def shoot(page, folder: Path | None, name: str) -> None:
    """Saves pictures of a page on three screens, and then restores its size."""
    if folder is None:
        return
    for width, height in SCREENS:
        await page.set_viewport_size({"width": width, "height": height})
        await asyncio.sleep(0.3)  # until the page has adapted to the new size
        await page.screenshot(path=folder / f"{name}_{width}x{height}.png")
    await page.set_viewport_size(dict(zip(("width", "height"), SCREENS[0], strict=True)))
    await asyncio.sleep(0.3)


async def at_the_page(page, link: str, shots: Path | None) -> None:
    """One rater who uses mouse and keys: opens the link, types a name, presses Start, rates."""
    await page.goto(link)
    await page.locator(".rater-name").wait_for()
    await shoot(page, shots, "1_name")
    await page.locator(".rater-name").fill("Änne")
    await page.locator(".rater-next").click()
    await page.get_by_text("Welcome, Änne").wait_for()
    await shoot(page, shots, "2_start")
    await page.locator(".rater-next").click()
    ready = """before => { const root = document.querySelector('.rater');
        if (root.querySelector('.rater-card').textContent.startsWith('Thank you')) return 'done';
        const score = root.querySelector('.rater-score');
        return score && !score.disabled && root.dataset.shown !== before && root.dataset.shown; }"""
    shown = None
    for count in range(1000):
        shown = await (await page.wait_for_function(ready, arg=shown)).json_value()
        if shown == "done":
            break
        await asyncio.sleep(0.52)
        if count in (0, 12):
            await shoot(page, shots, "3_example" if count == 0 else "4_picture")
        if count == 13:
            await page.locator(".rater-pause").click()
            await page.get_by_text("Paused").wait_for()
            await shoot(page, shots, "5_paused")
            await page.locator(".rater-next").click()
            await page.locator(".rater-score:enabled").first.wait_for()
            await asyncio.sleep(0.52)
        await page.keyboard.press(str(2 + count % 3))
    await shoot(page, shots, "6_done")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raters", type=int, default=25, help="raters besides the one at a page")
    parser.add_argument("--pace", type=float, default=0.5, help="seconds a rater looks at a picture, on average")
    parser.add_argument("--out", type=Path, help="also write the times to this file")
    parser.add_argument(
        "--shots", type=Path, metavar="FOLDER", help="save pictures of the pages, and a PDF of the report"
    )
    arguments = parser.parse_args()
    if arguments.shots:
        arguments.shots.mkdir(parents=True, exist_ok=True)
    AsyncHTTPClient.configure(None, max_clients=2 * arguments.raters)
    with tempfile.TemporaryDirectory() as home:
        photos, folder = Path(home) / "photos", Path(home) / "study"
        photos.mkdir()
        for name in PHOTOS:
            Image.fromarray(sample_photos()[name]).save(photos / f"{name}.png")
        watch = Watch()
        command = [sys.executable, "-m", "srgan_lessons", "study", "new", "--images", str(photos), "--out", str(folder)]
        subprocess.run([*command, "--crop", "384", "--methods", *METHODS], check=True)
        watch("`study new`: 10 photos by 4 methods, with the metrics")
        server = StudyServer(folder, options=("--port", "0")).start()
        atexit.register(server.kill)  # however this ends
        watch("`study serve`, until it prints the link")
        study = Study.open(folder)
        people = [Person(server, f"rater {k:02d}", arguments.pace, study) for k in range(arguments.raters)]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            size = dict(zip(("width", "height"), SCREENS[0], strict=True))
            page, leader = [await (await browser.new_context(viewport=size)).new_page() for _ in range(2)]
            await leader.goto(server.instructor)
            tasks = [asyncio.create_task(person.run()) for person in people]
            await asyncio.sleep(2)
            await shoot(leader, arguments.shots, "7_instructor")
            await at_the_page(page, server.link, arguments.shots)
            await asyncio.gather(*tasks)
            watch(f"{arguments.raters + 1} raters, {study.pictures} pictures each (at the script's pace)")
            leader.on("dialog", lambda dialog: asyncio.create_task(dialog.accept()))
            await leader.locator("#close").click()
            await leader.locator("#report").wait_for(timeout=300_000)
            watch("*Close the study*, until the report is ready")
            await shoot(leader, arguments.shots, "8_closed")
            await page.reload()
            await page.get_by_text("You and the class").wait_for()
            await shoot(page, arguments.shots, "9_result")
            await leader.goto(server.instructor.rstrip("/") + "/report/report.html")
            await leader.get_by_text("Mean opinion scores").wait_for()
            await shoot(leader, arguments.shots, "10_report")
            if arguments.shots:
                await leader.pdf(path=arguments.shots / "report.pdf", format="A4")
            await browser.close()
        failed = [f"{person.name}: {person.failed}" for person in people if person.failed]
        votes = Votes.read(study.votes_folder)
        main_votes = sum(vote.phase == "main" for vote in votes)
        server.stop()
    if failed or main_votes != (arguments.raters + 1) * study.trials:
        sys.exit(f"{main_votes} votes of {(arguments.raters + 1) * study.trials}; {'; '.join(failed)}")
    if arguments.out:
        head = ["# A class from `study new` to the report", "", "Made by `benchmarks/whole_class.py`.", ""]
        with atomic(arguments.out) as temporary:
            table = "\n".join([*head, "| step | seconds |", "|---|---|", *watch.lines])
            temporary.write_text(table + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
