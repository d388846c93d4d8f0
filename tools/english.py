"""Finds the turns of phrase at which native readers of English stumble most often in this project.

    python tools/english.py             checks all that people read: pages, lessons, docstrings, comments, messages
    python tools/english.py docs lab    checks only files whose path contains one of these words

It knows a few patterns, with what to write instead, but no grammar: a text in which it finds nothing may still be bad.
CONTRIBUTING.md has a section on style; its table of pairs, headed "not | but", is not checked. A line that quotes such
a phrase ends with `english: quoted`.
"""

import argparse
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READ = ("*.md", "docs/*.md", "data/*.md", "notebooks/source/*.py", "srgan_lessons/**/*.py", "srgan_lessons/**/*.md")
READ += ("srgan_lessons/rating/web/*", "site/book/*.md", "site/book/static/*", "site/try/*.html", "site/try/*.js")
READ += ("tools/*.py", "tools/slides/*", "benchmarks/*.py", "benchmarks/results/*.md", "tests/*.py", "tests/[bc]*/*.py")
READ += (".github/**/*.yml", "Makefile", "environment.yml")
QUOTED = "english: quoted"

COUNTED = "photos?|images?|pictures?|files?|updates?|threads?|votes?|raters?|methods?|pixels?|lines?|seconds?|minutes?"
RULES = {  # pattern -> what to write
    r"\banew\b": "again, or from the start",
    r"\bshall\b": "should, must or will",
    r"(?<![?\w] )\bWho (?:\w+ ){1,6}(?:gets|has|knows|needs|wants|sees|finds)\b(?![^.]*\?)": "if you ..., you ...",
    r"\b(?:bytes|from|what stands|directly|right) behind\b": "after",
    r"\bbehind the (?:end|first layer|last layer|first line|name|number)\b": "after the ...",
    r"\ba (?:hundredth|thousandth|tenth) (?:level|second|pixel|decibel)\b": "a hundredth of a ...",
    rf"(?<![\d.,:])1 (?:{COUNTED.replace('?', '')})\b": "1 takes no s",
    rf"\b(?:two|three|four|five|several|(?<!x )\d*[2-9]) (?:{COUNTED.replace('s?', '')})(?=[.,;:)])": "a plural",
    r"\b(?:is|are) there already\b": "already exists",
    r"\bholds? the (?:truth|true)\b": "contains the truth",
    r"\bThere after\b": "done in",
    r"\b(?:dropped|replaced|resized|changed|lost|filled|left out)(?: \w+){0,3} in silence\b": "silently",
    r"\beach (?:\d+|two|three|five|ten|few|so many) \w+s\b": "every ten updates",
    r"\bof so many\b": "say how many, or turn the sentence round",
    r"\bwithout a word\b": "without warning",
    r"\b(?:can|could) be had\b": "is available",
    r"(?:^|[.:;] )(?:Possible|Allowed|Needed|Missing|New) (?:are|is)\b": "put the subject first",
    r"\b(?:trainings|informations|softwares|feedbacks)\b": "no plural: training runs, information",
    r"\bbeamer\b": "projector",
    r"\b(?:is|are|was|were) gone on with\b": "continued",
    r"\b[Gg]ives? (?:\w+ ){1,3}free\b": "releases",
}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that people read, with their numbers: all lines of a page; in Python, only comments and strings."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        source = re.sub(r"(?<=\n\| not \| but \|\n)(?:\|.*\n)+", lambda table: "\n" * table[0].count("\n"), source)
        yield from enumerate(source.splitlines(), start=1)
        return
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in kinds:
            yield from enumerate(token.string.splitlines(), start=token.start[0])


def found(path: Path) -> Iterator[str]:
    """The phrases in a file that should not be there, as "path:line: what: what to write"."""
    for number, line in texts(path):
        if QUOTED in line:
            continue
        for pattern, better in RULES.items():
            for match in re.finditer(pattern, line):
                yield f"{path.relative_to(ROOT)}:{number}: {match[0].strip()!r}: {better}"


def pages() -> list[Path]:
    """All files that are checked."""
    files = {path for pattern in READ for path in ROOT.glob(pattern)}
    return sorted(files - {Path(__file__).resolve(), ROOT / "tests" / "test_english.py"})


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="check files whose path contains one of these; all if none is given")
    chosen = parser.parse_args(arguments)
    wanted = [
        path
        for path in pages()
        if not chosen.words or any(word in str(path.relative_to(ROOT)) for word in chosen.words)
    ]
    if not wanted:
        print(
            f"no page, lesson or module has any of these words in its path: {' '.join(chosen.words)}", file=sys.stderr
        )
        return 1
    stumbles = [line for path in wanted for line in found(path)]
    print(*stumbles, sep="\n", end="\n" if stumbles else "")
    return 1 if stumbles else 0


if __name__ == "__main__":
    sys.exit(main())
