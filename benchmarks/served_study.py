"""A class of 26 at the served study, all at once on the loopback, while the server is killed again and again.

    python benchmarks/served_study.py                  26 raters, 40 pictures each, 50 kills: some minutes
    python benchmarks/served_study.py --kills 0        the times of a quiet server

Each rater is a thread that does what the page does: it loads the picture, votes, and sends a vote again until it is
answered. At random it loads the page again, repeats a request that was answered, throws an answer away, or votes in a
second tab that has not heard of the last vote. At the end every vote that was confirmed must be in the files, once.
"""

import argparse
import http.client
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from study_server import StudyServer

from srgan_lessons.rating import Study, Votes

LOST = (OSError, http.client.HTTPException)
METHODS = ("nearest", "bicubic", "srresnet", "hr")


def small_study(folder: Path) -> Study:
    """40 pictures after the training: 8 images by 4 methods, 5 dummies, 3 repeats and gold items."""
    dice = np.random.default_rng(0)

    def noise() -> np.ndarray:
        return dice.integers(0, 256, (256, 256, 3), dtype=np.uint8)

    versions = {f"i{k}": {method: noise() for method in METHODS} for k in range(8)}
    anchors = {f"a{k}": {"nearest": noise(), "hr": noise()} for k in range(2)}
    return Study.create(versions, None, folder, seed=1, anchors=anchors, repeats=1 / 32, gold=2)


class Rater(threading.Thread):
    """One browser. confirmed: the tokens of the votes that the server confirmed, with their scores."""

    def __init__(self, server: StudyServer, number: int, pace: float):
        super().__init__()
        self.server, self.name_, self.pace = server, f"rater {number:02d}", pace
        self.invitation = server.invitation
        self.dice = random.Random(number)
        self.seconds: list[float] = []
        self.confirmed: list[int] = []
        self.trouble = {"reloads": 0, "repeated": 0, "lost": 0, "tabs": 0, "again": 0}
        self.failed = ""

    def ask(self, message: dict) -> tuple[dict, float]:
        """Sends until it is answered, as the page does. The state, and the seconds of the try that was answered."""
        while True:
            begin = time.perf_counter()
            try:
                said = {**message, "invitation": self.invitation}
                answer = self.server.ask("POST", "/rate", said, Cookie=self.cookie)
                assert answer.status == 200, answer
                return answer.json, time.perf_counter() - begin
            except LOST:
                self.trouble["again"] += 1
                time.sleep(0.1 + 0.2 * self.dice.random())

    def run(self) -> None:
        try:
            self.rate()
        except Exception as error:
            self.failed = f"{type(error).__name__}: {error}"

    def rate(self) -> None:
        while True:
            try:
                page = self.server.ask("GET", f"/{self.invitation}")
                break
            except LOST:
                time.sleep(0.2)
        self.cookie = page.headers["set-cookie"].split(";")[0]
        state, _ = self.ask({"do": "name", "name": self.name_, "code": ""})
        while state["phase"] != "done":
            if state["phase"] in ("instructions", "break"):
                state, _ = self.ask({"do": "begin"})
                continue
            if state["phase"] == "paused":
                state, _ = self.ask({"do": "go_on"})
                continue
            assert state["picture"], state
            try:
                png = self.server.ask("GET", f"/picture/{state['picture']['token']}", Cookie=self.cookie)
                assert png.status == 200, png
            except LOST:
                state, _ = self.ask({"do": "state"})
                continue
            time.sleep(self.pace * (0.5 + self.dice.random()))
            what, score = self.dice.random(), self.dice.randint(1, 5)
            vote = {"do": "vote", "token": state["token"], "score": score}
            if what < 0.04:
                self.trouble["reloads"] += 1
                state, _ = self.ask({"do": "state"})
                continue
            before = state["token"]
            state, took = self.ask(vote)
            self.seconds.append(took)
            assert not state["error"], state
            assert state["token"] != before
            self.confirmed.append(score)
            if what > 0.96:
                self.trouble["repeated"] += 1
                state, _ = self.ask(vote)
            elif what > 0.92:
                self.trouble["lost"] += 1  # as if the answer had never come
                state, _ = self.ask(vote)
            elif what > 0.88:
                self.trouble["tabs"] += 1
                state, _ = self.ask({**vote, "score": 6 - score})  # of a tab that still shows the picture of before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raters", type=int, default=26)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--pace", type=float, default=0.5, help="seconds a rater looks at a picture, on average")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = small_study(Path(folder) / "study")
        server = StudyServer(study.folder, options=("--port", "0")).start()
        server.options = ()
        raters = [Rater(server, number, arguments.pace) for number in range(arguments.raters)]
        begin = time.perf_counter()
        for rater in raters:
            rater.start()
        killed, memory = 0, 0.0
        dice = random.Random(0)
        while any(rater.is_alive() for rater in raters):
            time.sleep(0.2 + 0.8 * dice.random())
            memory = max(memory, resident(server.process.pid))
            if killed < arguments.kills:
                server.kill()
                server.start()
                killed += 1
        seconds = time.perf_counter() - begin
        server.stop()
        report(study, raters, killed, memory, seconds)


def report(study: Study, raters: list[Rater], killed: int, memory: float, seconds: float) -> None:
    problems = [f"{rater.name_}: {rater.failed}" for rater in raters if rater.failed]
    confirmed = 0
    files = {votes.raters[0]: votes for path in study.votes_folder.glob("*.jsonl") for votes in [Votes.read(path)]}
    for rater in raters:
        rows = files[rater.name_].lines
        confirmed += len(rater.confirmed)
        if [row["score"] for row in rows] != rater.confirmed:
            problems.append(f"{rater.name_}: {len(rater.confirmed)} votes confirmed, {len(rows)} lines on the disk")
        trials = sorted(row["trial"] for row in files[rater.name_].effective() if row["phase"] == "main")
        if trials != list(range(study.trials)):
            problems.append(f"{rater.name_}: not all pictures once")
    took = sorted(1000 * second for rater in raters for second in rater.seconds)
    print(f"{len(raters)} raters, {confirmed} votes, {killed} kills, {seconds:.0f} s")
    print("  ".join(f"{name} {sum(rater.trouble[name] for rater in raters)}" for name in raters[0].trouble))
    print(
        f"a vote: median {statistics.median(took):.1f} ms, 99 % within {took[int(0.99 * len(took))]:.1f} ms, "
        f"slowest {took[-1]:.1f} ms; memory {memory:.0f} MB"
    )
    print("every confirmed vote is on the disk, once" if not problems else "\n".join(problems))
    sys.exit(bool(problems))


def resident(pid: int) -> float:
    """Memory of a process in MB, 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024
    except (OSError, IndexError, ValueError):
        return 0.0


if __name__ == "__main__":
    main()
