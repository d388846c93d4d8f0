"""In which order a rater sees the stimuli.

An order depends on the study's seed and the rater's name alone, so that it is the same on every machine. It is random
within four rules:

- Two versions of one image never follow each other; where there are images enough, three others come between.
- Each image passes through all its methods in a Latin square: a study is cut into as many rounds as there are methods,
  in each round an image is seen once, and the methods are seen about equally often. So no method meets fresher raters.
- After each method, each other comes about equally often (first-order carry-over): a picture looks better after a bad
  one.
- A repeat comes half a session after the first showing.
"""

import random
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from srgan_lessons import UserError

T = TypeVar("T")
# Weight of a balanced carry-over against balanced parts of the session: 2 helps the first, hardly costs the second.
CARRY = 2.0
NEAR = 3  # between two versions of one image come this many others, where there are images enough


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is shown at one place of an order.

    stimulus: neutral name. repeat: 0 for the first showing, 1 for the repeat. gold_expected: 1 or 5 for an item whose
    score is obvious, else None.
    """

    stimulus: str
    image: str
    method: str
    repeat: int = 0
    gold_expected: int | None = None


def main_order(places: Sequence[Place], gold: Sequence[Place], repeats: int, *seeds: Hashable) -> list[Place]:
    """The order of the main phase: `places` once each, `repeats` of them again, and the gold items among them.

    seeds: what the order depends on, for example the study's seed and the rater's name. Raises UserError where no order
    can keep two versions of an image apart.
    """
    dice = _dice("main", *seeds)
    timed = _rounds(places, dice)
    timed += _repeats(timed, repeats, dice)
    timed += [((k + dice.random()) / len(gold), place) for k, place in enumerate(_shuffled(gold, dice))]
    return _sequence(sorted(timed, key=lambda pair: pair[0]), dice)


def calibration_order(places: Sequence[Place], *seeds: Hashable) -> list[Place]:
    """The anchors in an order of their own. With a single anchor image its versions do follow each other."""
    dice = _dice("calibration", *seeds)
    if len({place.image for place in places}) < 2:
        return _shuffled(places, dice)
    return _sequence(_rounds(places, dice), dice)


def dummy_order(
    places: Sequence[Place], count: int, *seeds: Hashable, before: str | None, after: Sequence[str]
) -> list[Place]:
    """About `count` stimuli that warm a rater up: different methods and images as far as there are enough.

    before: the image that was shown last, if any. after: the images that come next; the first of them never follows a
    version of itself. With two images one dummy more may be needed for that.
    """
    dice = _dice("dummies", *seeds)
    chosen: list[Place] = []  # built from the last dummy to the first
    methods, images = Counter[str](), Counter[str](after[:NEAR])
    following = after[0] if after else None
    while count and (len(chosen) < count or chosen[-1].image == before):
        last = len(chosen) >= count - 1
        free = [place for place in places if place.image != following and not (last and place.image == before)]
        free = free or [place for place in places if place.image != following]
        best = min(_shuffled(free, dice), key=lambda place: (methods[place.method], images[place.image]))
        methods[best.method] += 1
        images[best.image] += 1
        following = best.image
        chosen.append(best)
    return chosen[::-1]


def seeded_order(items: Sequence[T], *seeds: Hashable) -> list[T]:
    """The items in an order drawn from the seeds."""
    return _shuffled(items, _dice("order", *seeds))


def check_possible(images: Iterable[str]) -> None:
    """Raises UserError where these showings, one image name each, cannot be put in a row without neighbours alike."""
    counts = Counter(images)
    image, most = counts.most_common(1)[0]
    if 2 * most > counts.total() + 1:
        raise UserError(
            f"of {counts.total()} pictures {most} are versions of the image {image!r}: two of them would have to "
            "follow each other, which makes raters compare instead of judge. Add more images."
        )


def _dice(*seeds: Hashable) -> random.Random:
    # Of random.Random only random() is used: it is promised to give the same numbers in every version of Python.
    return random.Random("\x1f".join(map(str, seeds)))


def _shuffled(items: Sequence[T], dice: random.Random) -> list[T]:
    return [item for _, item in sorted(((dice.random(), k), item) for k, item in enumerate(items))]


def _rounds(places: Sequence[Place], dice: random.Random) -> list[tuple[float, Place]]:
    """Each place with a time in [0, 1).

    Images with the same number of versions share a Latin square: with M methods, image i is seen in round r of M with
    method (row of the image + symbol of the round) modulo M. Rows, symbols and methods are drawn again for each rater.
    """
    by_image: dict[str, dict[str, Place]] = defaultdict(dict)
    for place in places:
        by_image[place.image][place.method] = place
    squares: dict[tuple[str, ...], list[str]] = defaultdict(list)  # methods -> images
    for image, versions in by_image.items():
        squares[tuple(sorted(versions))].append(image)
    timed: list[tuple[float, Place]] = []
    for methods, images in sorted(squares.items()):
        size = len(methods)
        order, symbols = _shuffled(methods, dice), _shuffled(range(size), dice)
        images = _shuffled(sorted(images), dice)
        rows: list[int] = []
        while len(rows) < len(images):
            rows += _shuffled(range(size), dice)
        for number, symbol in enumerate(symbols):
            for k, which in enumerate(_shuffled(range(len(images)), dice)):
                method = order[(rows[which] + symbol) % size]
                time = (number + (k + dice.random()) / len(images)) / size
                timed.append((time, by_image[images[which]][method]))
    return sorted(timed, key=lambda pair: pair[0])


def _repeats(timed: list[tuple[float, Place]], count: int, dice: random.Random) -> list[tuple[float, Place]]:
    """Second showings, half a study after the first; of images and methods about equally often."""
    first_half = _shuffled([pair for pair in timed if pair[0] < 0.5], dice)
    methods, images = Counter[str](), Counter[str]()
    chosen = []
    for _ in range(min(count, len(first_half))):
        pair = min(first_half, key=lambda pair: (images[pair[1].image], methods[pair[1].method]))
        first_half.remove(pair)
        time, place = pair
        methods[place.method] += 1
        images[place.image] += 1
        chosen.append((time + 0.5, replace(place, repeat=1)))
    return chosen


class _Balance:
    """How often each method was shown, and shown after each other, beside its share."""

    def __init__(self, methods: Sequence[str]):
        self.share = {method: count / len(methods) for method, count in Counter(methods).items()}
        self.shown, self.followed = Counter[str](), Counter[tuple[str, str]]()
        self.previous: str | None = None
        self.count = 0

    def excess(self, method: str) -> float:
        """How far the method is ahead of its share so far; the lower, the more it is due."""
        ahead = self.shown[method] - self.share[method] * self.count
        if self.previous is None:
            return ahead
        return ahead + CARRY * (self.followed[self.previous, method] - self.share[method] * self.shown[self.previous])

    def show(self, method: str) -> None:
        if self.previous is not None:
            self.followed[self.previous, method] += 1
        self.shown[method] += 1
        self.previous = method
        self.count += 1


def _sequence(timed: list[tuple[float, Place]], dice: random.Random) -> list[Place]:
    """Places near their times, neighbours of different images, methods balanced.

    Step by step the best of the next few is taken; one that has waited long goes first.
    """
    left = Counter(place.image for _, place in timed)
    check_possible(left.elements())
    balance = _Balance([place.method for _, place in timed])
    window = max(min(2 * len(balance.share), len(timed) // 4), len(timed) // 20, 3)
    recent: deque[str] = deque(maxlen=max(1, min(NEAR, (len(left) - 1) // 2)))  # images
    waiting = [(k, place) for k, (_, place) in enumerate(timed)]
    order: list[Place] = []
    seen: dict[str, int] = {}  # stimulus -> where it was shown first
    while waiting:
        previous = order[-1].image if order else None
        # An image that fills every second place of the rest must come now, or its versions would meet at the end.
        most = max(left, key=left.__getitem__)
        pressing = most if 2 * left[most] > len(waiting) else previous
        if pressing != previous:
            free = [item for item in waiting if item[1].image == pressing][:window]
        else:
            free = [item for item in waiting[:window] if item[1].image != previous]
            free = free or [next(item for item in waiting if item[1].image != previous)]
        excess = {method: balance.excess(method) for method in {place.method for _, place in free}}
        scored = [
            (
                len(order) - seen.get(place.stimulus, -len(timed)) < len(timed) // 4,  # too soon for a repeat
                place.image in recent,
                number > len(order) - window,  # has not waited long
                excess[place.method],
                dice.random(),
                (number, place),
            )
            for number, place in free
        ]
        best = min(scored, key=lambda entry: entry[:-1])[-1]
        waiting.remove(best)
        place = best[1]
        # Whichever of two showings comes first is the first.
        order.append(replace(place, repeat=int(place.stimulus in seen and place.gold_expected is None)))
        seen.setdefault(place.stimulus, len(order) - 1)
        left[place.image] -= 1
        recent.append(place.image)
        balance.show(place.method)
    return order
