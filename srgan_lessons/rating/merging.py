"""Merges the files of a class: it takes only votes of one study, each of them once, and keeps all raters apart."""

import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from srgan_lessons import UserError
from srgan_lessons.files import counted
from srgan_lessons.rating.study import Study
from srgan_lessons.rating.vote import Vote, as_line
from srgan_lessons.rating.votefile import name_key
from srgan_lessons.rating.votes import Votes, left_out, read_file, vote_files


def merge(files: str | Path | Iterable[str | Path], study: Study | str | Path) -> Votes:
    """The votes of all files (or of all `*.jsonl` in folders and their subfolders) that belong to the study.

    Exact copies of a line are used once, and counted in `copies`, because a file may come in an older and a newer
    version. Damaged lines, scores out of range, and stimuli that the study does not have are left out, and reported in
    `problems` and by a warning. Two raters with the same name, that is, files with different votes for the same trials,
    are reported and kept apart: the second becomes "name [2]".

    Raises UserError if a file contains votes of another study or does not exist.
    """
    study = study if isinstance(study, Study) else Study.open(study)
    problems: list[str] = []
    contents: list[tuple[Path, list[Vote]]] = []
    for path in vote_files(files):
        lines, wrong = read_file(path)
        problems += wrong
        contents.append((path, _of_study(path, lines, study, problems)))
    if not any(given for _, given in contents):
        problems.append("there are no votes in these files")
    merged: list[Vote] = []
    copies = 0
    # name -> the people with this name; for each person, the lines used so far
    people: dict[str, list[dict[str, Vote]]] = {}
    for path, given in contents:
        by_rater: dict[str, list[Vote]] = {}
        for vote in given:
            by_rater.setdefault(vote.rater, []).append(vote)
        for rater, theirs in by_rater.items():
            known = people.setdefault(rater, [])
            clashes = [_clash(list(person.values()), theirs) for person in known]
            number = next((k for k, clash in enumerate(clashes) if not clash), len(known))
            if number == len(known):
                known.append({})
            if number:
                problems.append(_two_of_one_name(path, rater, number, clashes[0]))
            for vote in theirs:
                line = as_line(vote)
                if line in known[number]:
                    copies += 1
                    continue
                known[number][line] = vote
                merged.append(vote if number == 0 else replace(vote, rater=f"{rater} [{number + 1}]"))
    problems += [f"{path}: left out, because it is not a vote file (*.jsonl)" for path in left_out(files)]
    problems += _alike([vote.rater for vote in merged])
    for problem in problems:
        warnings.warn(problem, stacklevel=2)
    return Votes(merged, problems, copies)


def _alike(raters: Iterable[str]) -> list[str]:
    """A question for each set of names that differ only in spaces, or in the case or width of letters."""
    spellings: dict[str, list[str]] = {}
    for rater, count in sorted(Counter(raters).items()):
        spellings.setdefault(name_key(rater), []).append(f"{rater!r} ({counted(count, 'line')})")
    return [
        f"one person or several? {' and '.join(names)} are counted as {len(names)} raters. If this is one person, "
        "keep one of the files, or leave a name out: study report --exclude NAME"
        for names in spellings.values()
        if len(names) > 1
    ]


def _of_study(path: Path, given: list[tuple[int, Vote]], study: Study, problems: list[str]) -> list[Vote]:
    others = [number for number, vote in given if vote.study != study.hash]
    if others:
        other = next(vote.study for _, vote in given if vote.study != study.hash)
        raise UserError(
            f"{path} contains votes of another study: {len(others)} of {len(given)} lines; the first is line "
            f"{others[0]} (study {other[:12]}..., not {study.hash[:12]}... in {study.folder}). Leave the file out."
        )
    kept = []
    for number, vote in given:
        stimulus = study.stimuli.get(vote.stimulus)
        if stimulus is None:
            problems.append(f"{path}: line {number} was left out: the study has no stimulus {vote.stimulus!r}")
        elif (stimulus.image, stimulus.method) != (vote.image, vote.method):
            problems.append(
                f"{path}: line {number} was left out: the stimulus {stimulus.name} is {stimulus.method} of "
                f"{stimulus.image}, not {vote.method} of {vote.image}"
            )
        else:
            kept.append(vote)
    return kept


def _clash(first: list[Vote], second: list[Vote]) -> list[tuple]:
    """Trials for which two sets of lines under the same name have different votes.

    A trial of the main phase has one vote over all sessions; a dummy or training trial has one in each session.
    """

    def votes(given: list[Vote]) -> dict[tuple, set[str]]:
        found: dict[tuple, set[str]] = {}
        for vote in given:
            _, session, phase, trial = vote.key
            found.setdefault((phase, trial if phase == "main" else (session, trial)), set()).add(as_line(vote))
        return found

    a, b = votes(first), votes(second)
    # One may be an older version of the other; then the other contains all its lines.
    return [key for key in a.keys() & b.keys() if not (a[key] <= b[key] or b[key] <= a[key])]


def _two_of_one_name(path: Path, rater: str, number: int, clash: list[tuple]) -> str:
    return (
        f"two raters are named {rater!r}: {path} and the files before it have different votes for {len(clash)} of the "
        f"same trials. Its votes are kept under {rater + f' [{number + 1}]'!r}. If this is one person who began twice, "
        "leave one file out"
    )
