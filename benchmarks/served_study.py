"""Lets a class of 26 rate a served study, all at once on the loopback, and kills the server again and again.

    python benchmarks/served_study.py                     26 raters, 50 kills: takes some minutes
    python benchmarks/served_study.py --kills 0           measures the times of an undisturbed server

Each rater does what the page does: it loads the picture, votes, and sends a vote again until it is answered. At random,
a rater loads the page again, repeats a request that was answered, throws an answer away, or votes in a second tab that
does not know of the last vote. Some raters are real pages in chromium (--browsers), which press keys; the others are
coroutines of this process, each of which costs a twentieth of a browser. At the end, each confirmed vote must be in the
files exactly once, and each rater must have rated each picture. Otherwise the exit status is 1.
"""

import argparse
import asyncio
import atexit
import json
import os
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.async_api import Error, async_playwright
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from study_server import StudyServer

from srgan_lessons.files import atomic
from srgan_lessons.rating import Study, Votes

METHODS = ("nearest", "bicubic", "srresnet", "hr")
TROUBLE = ("reloads", "repeated", "lost", "tabs", "again")
PROMISED = {"median": 20, "slowest 1 %": 150, "memory": 250}  # ms, ms, MB


def small_study(folder: Path) -> Study:
    """A study of 40 pictures after the training: 8 images by 4 methods, 5 dummies, 3 repeats and gold items."""
    dice = np.random.default_rng(0)

    def noise() -> np.ndarray:
        return dice.integers(0, 256, (256, 256, 3), dtype=np.uint8)

    versions = {f"i{k}": {method: noise() for method in METHODS} for k in range(8)}
    anchors = {f"a{k}": {"nearest": noise(), "hr": noise()} for k in range(2)}
    return Study.create(versions, None, folder, seed=1, anchors=anchors, repeats=1 / 32, gold=2)


class Rater:
    """A rater as a coroutine. given: the scores of the votes that the server confirmed. seconds: how long each took."""

    def __init__(self, server: StudyServer, name: str, pace: float):
        self.server, self.name, self.pace = server, name, pace
        self.invitation, self.link = server.invitation, server.link  # a server that is just starting has neither
        self.dice = random.Random(name)
        self.seconds: list[float] = []
        self.given: list[int] = []
        self.trouble = dict.fromkeys(TROUBLE, 0)
        self.cookie = self.failed = ""

    async def fetch(self, path: str, body: dict | None = None):
        """Sends a request until it is answered, as the page does: the answer, and the seconds of the last attempt."""
        client, headers = AsyncHTTPClient(), {"Cookie": self.cookie, "Content-Type": "application/json"}
        said = None if body is None else json.dumps({**body, "invitation": self.invitation})
        while True:
            begin = time.perf_counter()
            try:
                address = f"http://127.0.0.1:{self.server.port}{path}"
                method = "GET" if said is None else "POST"
                answer = await client.fetch(address, method=method, body=said, headers=headers, request_timeout=20)
                return answer, time.perf_counter() - begin
            except (OSError, HTTPClientError) as error:
                if isinstance(error, HTTPClientError) and error.code != 599:  # 599: no answer came
                    raise
                self.trouble["again"] += 1
                await asyncio.sleep(0.1 + 0.2 * self.dice.random())

    async def tell(self, message: dict) -> dict:
        answer, _ = await self.fetch("/rate", message)
        return json.loads(answer.body)

    async def run(self) -> None:
        try:
            await self.rate()
        except Exception as error:  # reported at the end, when the others are done
            self.failed = f"{type(error).__name__}: {error}"

    def judge(self, png: bytes) -> int:
        """The score of a picture: a random one."""
        return self.dice.randint(1, 5)

    async def rate(self) -> None:
        page, _ = await self.fetch(f"/{self.invitation}")
        self.cookie = page.headers["Set-Cookie"].split(";")[0]
        state = await self.tell({"do": "name", "name": self.name, "code": ""})
        while state["phase"] != "done":
            if state["phase"] in ("instructions", "break"):
                state = await self.tell({"do": "begin"})
                continue
            if state["phase"] == "paused":
                state = await self.tell({"do": "go_on"})
                continue
            assert state["picture"], state
            picture, _ = await self.fetch(f"/picture/{state['picture']['token']}")
            await asyncio.sleep(self.pace * (0.5 + self.dice.random()))
            what, score = self.dice.random(), self.judge(picture.body)
            if what < 0.04:
                self.trouble["reloads"] += 1
                state = await self.tell({"do": "state"})
                continue
            vote, before = {"do": "vote", "token": state["token"], "score": score}, state["token"]
            answer, took = await self.fetch("/rate", vote)
            state = json.loads(answer.body)
            self.seconds.append(took)
            assert not state["error"], state
            assert state["token"] != before
            self.given.append(score)
            if what > 0.96:
                self.trouble["repeated"] += 1
                state = await self.tell(vote)
            elif what > 0.92:
                self.trouble["lost"] += 1  # as if the answer had never arrived
                state = await self.tell(vote)
            elif what > 0.88:
                self.trouble["tabs"] += 1
                state = await self.tell({**vote, "score": 6 - score})  # a tab that still shows the previous picture


class Browser(Rater):
    """A rater who uses keys at a real page. Its votes are not timed, because it also waits for pictures to be drawn."""

    def __init__(self, server: StudyServer, name: str, pace: float, browser):
        super().__init__(server, name, pace)
        self.browser = browser

    async def rate(self) -> None:
        page = await (await self.browser.new_context(viewport={"width": 1366, "height": 768})).new_page()
        await self.patiently(page, lambda: page.goto(self.link))
        await page.locator(".rater-name").fill(self.name)
        await page.locator(".rater-next").click()
        await page.get_by_text(f"Welcome, {self.name}").wait_for()
        shown = None
        while True:
            ready = """before => { const root = document.querySelector('.rater');
                if (!root) return false;
                const card = root.querySelector('.rater-card');
                if (!card.hidden && card.textContent.startsWith('Thank you')) return 'done';
                if (!card.hidden && card.querySelector('.rater-next:enabled')) return 'next';
                const score = root.querySelector('.rater-score');
                return score && !score.disabled && root.dataset.shown !== before && root.dataset.shown; }"""
            found = await (await page.wait_for_function(ready, arg=shown, timeout=120_000)).json_value()
            if found == "done":
                break
            if found == "next":  # to begin, or to try again if a picture did not arrive
                await page.locator(".rater-next").click()
                shown = None
                continue
            shown, score = found, self.dice.randint(1, 5)
            await asyncio.sleep(0.55)  # the page takes an earlier key for the second half of a double click
            await page.keyboard.press(str(score))
            self.given.append(score)
            if self.dice.random() < 0.05 and len(self.given) > 4:  # at once, while the vote is still on its way
                self.trouble["reloads"] += 1
                await self.patiently(page, page.reload)
                shown = None
        await page.context.close()

    async def patiently(self, page, load) -> None:
        """Loads the page until it appears: if the server is down for a moment, a person would try again, too."""
        while True:
            try:
                await load()
                await page.locator(".rater button").first.wait_for(state="attached", timeout=5000)
                return
            except Error:
                self.trouble["again"] += 1
                await asyncio.sleep(0.3)


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raters", type=int, default=26)
    parser.add_argument("--browsers", type=int, default=2, help="how many of the raters are pages in chromium")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--pace", type=float, default=1.0, help="seconds a rater looks at a picture, on average")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    AsyncHTTPClient.configure(None, max_clients=2 * arguments.raters)
    with tempfile.TemporaryDirectory() as folder:
        study = small_study(Path(folder) / "study")
        server = StudyServer(study.folder, options=("--port", "0")).start()
        server.options = ()
        atexit.register(server.kill)  # however this ends
        pages = arguments.browsers if shutil.which("chromium") else 0
        if pages:
            playwright = await async_playwright().start()
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
        raters: list[Rater] = [Browser(server, f"page {k:02d}", arguments.pace, browser) for k in range(pages)]
        raters += [Rater(server, f"rater {k:02d}", arguments.pace) for k in range(pages, arguments.raters)]
        begin, dice, killed, memory = time.perf_counter(), random.Random(0), 0, 0.0
        tasks = [asyncio.create_task(rater.run()) for rater in raters]
        while not all(task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=0.2 + 0.8 * dice.random(), return_when=asyncio.ALL_COMPLETED)
            memory = max(memory, resident(server.process.pid))
            if killed < arguments.kills:
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
                killed += 1
        seconds = time.perf_counter() - begin
        if pages:
            await browser.close()
            await playwright.stop()
        server.stop()
        lines, right = result(study, raters, killed, memory, seconds)
    if killed < arguments.kills:
        lines.append(f"- **only {killed} kills:** the raters finished too early; use a larger --pace")
        right = False
    print(*lines, sep="\n")
    if arguments.out:
        with atomic(arguments.out) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(not right)


def result(study: Study, raters: list[Rater], killed: int, memory: float, seconds: float) -> tuple[list[str], bool]:
    """The lines of the report, and whether each confirmed vote is on the disk exactly once."""
    problems = [f"{rater.name}: {rater.failed}" for rater in raters if rater.failed]
    found = [Votes.read(path) for path in sorted(study.votes_folder.glob("*.jsonl"))]
    files = {votes.raters[0]: votes for votes in found if votes.lines}
    for rater in raters:
        votes = files.get(rater.name, Votes([]))
        if [vote.score for vote in votes.lines] != rater.given:
            problems.append(f"{rater.name}: {len(rater.given)} votes given, {len(votes.lines)} lines on the disk")
        if sorted(vote.trial for vote in votes if vote.phase == "main") != list(range(study.trials)):
            problems.append(f"{rater.name}: did not rate each picture exactly once")
    took = sorted(1000 * second for rater in raters for second in rater.seconds)
    pages = sum(isinstance(rater, Browser) for rater in raters)
    trouble = ", ".join(f"{name} {sum(rater.trouble[name] for rater in raters)}" for name in TROUBLE)
    promised = ", ".join(f"{name} under {most}" for name, most in PROMISED.items())
    lines = [
        f"# The served study: {len(raters)} raters at once, {killed} kills",
        "",
        f"{platform.system()}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f} at the end), Python "
        f"{platform.python_version()}; made by `benchmarks/served_study.py`.",
        "",
        f"- {len(raters)} raters, {pages} of them pages in chromium; {study.pictures} pictures each; {seconds:.0f} s",
        f"- {sum(len(rater.given) for rater in raters)} votes; {trouble}",
        f"- a vote: median {statistics.median(took):.1f} ms, 99 % within {took[int(0.99 * len(took))]:.1f} ms, slowest "
        f"{took[-1]:.1f} ms; server {memory:.0f} MB (promised on a quiet machine: {promised})",
        *(f"- **wrong:** {problem}" for problem in problems),
    ]
    if not problems:
        lines.append("- every confirmed vote is on the disk exactly once")
    return lines, not problems


def resident(pid: int) -> float:
    """Memory of a process in MB; 0 if the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024
    except (OSError, IndexError, ValueError):
        return 0.0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
