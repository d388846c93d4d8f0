"""Measures how much of a check's time limit the slowest right answers use, each in a new process beside two busy ones.

    python benchmarks/slowest_answer.py

First it grades all right answers of tests/exercises/learners in one process. Then it grades the slowest ones again
under the conditions of a learner's first check of the day: in a new process, on a busy machine. It counts what the
limit counts: seconds of computing, after the judge has been warmed up.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import common

TESTS = Path(__file__).resolve().parents[1] / "tests"
BUSY = "while True: pass"


def graded(name: str, code: str) -> float:
    """The seconds of computing in which the answer was judged. Raises RuntimeError if it does not pass."""
    from answers import NOTEBOOK, references, run_cell

    from srgan_lessons.classroom import checking
    from srgan_lessons.exercises import all_exercises
    from srgan_lessons.metrics import psnr

    known = NOTEBOOK | references(all_exercises()[name].lesson)
    known |= {"psnr": psnr, "perceptual_loss": all_exercises()["perceptual_loss"].reference}
    answer, took, run = run_cell(code, known)[name], [], checking.sandbox.run

    def timed(function, *, seconds):
        began = time.thread_time()
        result = run(function, seconds=seconds)
        took.append(time.thread_time() - began)
        return result

    checking.sandbox.run = timed
    verdict = checking.grade(name, answer)
    checking.sandbox.run = run
    if not verdict.passed:
        raise RuntimeError(f"{name}: {verdict.message}")
    return took[-1]


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--slowest", type=int, default=5, help="how many answers to grade in a new process")
    parser.add_argument("--one", help="an answer as JSON, [exercise, code]: for the new processes")
    options = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    if options.one:
        print(graded(*json.loads(options.one)))
        return
    from learners import ANSWERS

    from srgan_lessons.classroom.checking import SECONDS

    say = common.Printed(options.out)
    rights = [(name, what, code) for name, answers in ANSWERS.items() for kind, what, _, code in answers if kind == "R"]
    times = [graded(name, code) for name, _, code in rights]
    slowest = sorted(zip(times, rights, strict=True), reverse=True)[: options.slowest]
    say(f"{len(rights)} right answers; seconds of computing (the limit is {SECONDS:.0f}):")
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2)]
    try:
        for warm, (name, what, code) in slowest:
            command = [sys.executable, __file__, "--one", json.dumps([name, code])]
            began = time.monotonic()
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            first = float(out.split()[-1])
            say(
                f"{name}, {what}: {warm:.2f} s after other answers, {first:.2f} s in a new process beside two busy "
                f"ones ({first / SECONDS:.0%} of the limit; {time.monotonic() - began:.0f} s by the clock)"
            )
    finally:
        for process in busy:
            process.kill()


if __name__ == "__main__":
    main()
