"""How consistent a rater's votes are. Raters see this at the end."""

import statistics
from collections import defaultdict
from dataclasses import dataclass

from srgan_lessons.files import counted, plural
from srgan_lessons.rating.vote import Vote
from srgan_lessons.rating.votes import Votes

GOLD_TOLERANCE = 1  # how many steps of the scale an obvious score may be off
ONE_BUTTON, FEW = 0.15, 5  # a variance below 0.15 over 5 or more scores means that one button was clicked


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """How consistent one rater's votes are with each other.

    votes: how many in the main phase. median_seconds: time per vote. repeats: pictures seen twice; same and near: how
    many of them got the same score, and the same within one step; difference: mean |first - second|, in steps. gold,
    gold_passed: hidden items with an obvious score, and how many were scored within one step of it. anchors,
    anchors_passed: the same for the training. variance: of the scores (n - 1). one_button: True if that is under 0.15
    over five or more scores.
    """

    votes: int
    median_seconds: float | None
    repeats: int
    same: int
    near: int
    difference: float | None
    gold: int
    gold_passed: int
    anchors: int
    anchors_passed: int
    variance: float | None
    one_button: bool

    @property
    def text(self) -> str:
        """These figures as sentences."""
        lines = [f"You gave {self.votes} rating" + ("s that count" if self.votes != 1 else " that counts")]
        lines[0] += f", each in about {self.median_seconds:.1f} s." if self.median_seconds is not None else "."
        if self.repeats:
            lines.append(
                f"{_pictures(self.repeats)} shown twice: {_times(self.same)} you gave the same score, "
                f"{_times(self.near)} the same or a neighbouring one. "
                f"On average, the two scores are {self.difference:.1f} steps apart."
            )
        if self.gold:
            passed = f"{self.gold_passed} of {self.gold}"
            lines.append(f"{_pictures(self.gold)} obvious, and you scored {passed} as expected.")
        if self.anchors:
            were = plural(self.anchors_passed, "was", "were")
            lines.append(
                f"In the training, {self.anchors_passed} of {counted(self.anchors, 'score')} {were} as expected."
            )
        if self.one_button:
            lines.append("Nearly all your scores are the same: such votes cannot tell the methods apart.")
        return "\n".join(lines)


def _pictures(count: int) -> str:
    return "1 picture was" if count == 1 else f"{count} pictures were"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def consistency(votes: Votes) -> Consistency:
    """The consistency of one rater's votes. Dummies do not count; gold items count only as gold."""
    counted = votes.effective()
    main = [vote for vote in counted if vote.phase == "main"]
    rated = [(vote, vote.score) for vote in main if vote.gold_expected is None and vote.score is not None]
    by_stimulus: dict[str, dict[int, int]] = defaultdict(dict)
    for vote, score in rated:
        by_stimulus[vote.stimulus][vote.repeat] = score
    apart = [abs(scores[0] - scores[1]) for scores in by_stimulus.values() if len(scores) == 2]
    gold = [vote for vote in main if vote.gold_expected is not None]
    anchors = [vote for vote in counted if vote.phase == "training"]
    variance = statistics.variance(score for _, score in rated) if len(rated) > 1 else None
    return Consistency(
        votes=len(main),
        median_seconds=statistics.median(vote.response_ms for vote in main) / 1000 if main else None,
        repeats=len(apart),
        same=apart.count(0),
        near=sum(steps <= 1 for steps in apart),
        difference=statistics.mean(apart) if apart else None,
        gold=len(gold),
        gold_passed=sum(_near(vote) for vote in gold),
        anchors=len(anchors),
        anchors_passed=sum(_near(vote) for vote in anchors),
        variance=variance,
        one_button=variance is not None and len(rated) >= FEW and variance < ONE_BUTTON,
    )


def _near(vote: Vote) -> bool:
    if vote.score is None or vote.gold_expected is None:
        return False
    return abs(vote.score - vote.gold_expected) <= GOLD_TOLERANCE
