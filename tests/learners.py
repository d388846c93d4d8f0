"""Answers written from the student edition alone, without a look at the judges or at each other, in four rounds:
exercises/learners/lessonNN.txt, lessonNN_more.txt and, of two rounds, lessonNN_blind.txt.

A file has `@name` for each exercise, and below it

    R what it is                                a right answer; its code follows, indented
    C what it is ;; words                       a wrong answer, its code; words: a pattern that the message must have
    W what it is ;; words ;; old => new ;; ...  a wrong answer: the solution with some of its text replaced
    E what it is ;; words ;; old => new ;; ...  the same, of the right answer "base" of that file
"""

import re
from pathlib import Path

from srgan_lessons.exercises import all_exercises

UNSEEN = {  # why they pass
    (
        "bt500_rejects",
        "strictly farther",
    ): "where a vote is exactly 2 s away, it hangs on n or n - 1 in s: both are right",
}


def read() -> dict[str, list[tuple[str, str, str, str]]]:
    """Exercise -> (kind, what it is, words of the message, code)."""
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    for path in sorted((Path(__file__).parent / "exercises" / "learners").glob("*.txt")):
        name, blocks = "", []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("@"):
                name = line[1:]
            elif line[:2] in ("R ", "C ", "W ", "E "):
                blocks.append((name, line, []))
            elif line.startswith("    "):
                blocks[-1][2].append(line[4:])
        bases = {name: "\n".join(code) for name, head, code in blocks if head == "R base"}
        for name, head, code in blocks:
            what, *parts = re.split(r" ;; ?", head[2:])
            text = "\n".join(code) or (bases[name] if head[0] == "E" else all_exercises()[name].solution)
            for edit in parts[1:]:
                old, new = (part.replace("\\n", "\n") for part in (edit + " ").split(" => ", 1))
                assert old in text, f"{name}, {what}: {old!r} is not in what it changes"
                text = text.replace(old, new[:-1])
            found.setdefault(name, []).append((head[0], what, parts[0] if parts else "", text))
    return found


ANSWERS = read()
