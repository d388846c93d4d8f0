"""The order in which a rater sees the stimuli.

An order depends only on the study's seed and the rater's name, so it is the same on every machine. It is random, but
follows four rules:

- Two versions of one image never follow each other; if there are enough images, three others come between them.
- Each image goes through all its methods in a Latin square: a study has as many rounds as there are methods; in each
  round, every image is seen once, and the methods about equally often. So raters are equally fresh for all methods.
- Every method follows every other about equally often (first-order carry-over), because a picture looks better after a
  bad one.
- A repeat comes half a session after the first showing.
"""

import random
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from srgan_lessons import UserError

T = TypeVar("T")
# Weight of balanced carry-over against balanced parts of the session: 2 helps the first and hardly harms the second.
CARRY = 2.0
NEAR = 3  # how many others come between two versions of one image, if there are enough images


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is shown at one place in an order.

    stimulus: its neutral name. repeat: 0 for the first showing, 1 for the repeat. gold_expected: 1 or 5 for an item
    whose score is obvious, otherwise None.
    """

    stimulus: str
    image: str
    method: str
    repeat: int = 0
    gold_expected: int | None = None


def main_order(places: Sequence[Place], gold: Sequence[Place], repeats: int, *seeds: Hashable) -> list[Place]:
    """The order of the main phase: each of `places` once, `repeats` of them again, and the gold items in between.

    seeds: what the order depends on, for example the study's seed and the rater's name. Raises UserError if no order
    can keep two versions of an image apart.
    """
    dice = _dice("main", *seeds)
    timed = _rounds(places, dice)
    timed += _repeats(timed, repeats, dice)
    timed += [((k + dice.random()) / len(gold), place) for k, place in enumerate(_shuffled(gold, dice))]
    return _sequence(sorted(timed, key=lambda pair: pair[0]), dice)


def calibration_order(places: Sequence[Place], *seeds: Hashable) -> list[Place]:
    """The anchors, in their own order. If there is only one anchor image, its versions do follow each other."""
    dice = _dice("calibration", *seeds)
    if len({place.image for place in places}) < 2:
        return _shuffled(places, dice)
    return _sequence(_rounds(places, dice), dice)


def dummy_order(
    places: Sequence[Place], count: int, *seeds: Hashable, before: str | None, after: Sequence[str]
) -> list[Place]:
    """About `count` stimuli to warm a rater up, with different methods and images as far as possible.

    before: the image that was shown last, if any. after: the images that come next; the first of them never follows a
    version of itself. With two images, this may need one more dummy.
    """
    dice = _dice("dummies", *seeds)
    chosen: list[Place] = []  # built backwards, from the last dummy
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
    """Raises UserError if every order shows some image twice in a row. images: the image name of each showing."""
    counts = Counter(images)
    image, most = counts.most_common(1)[0]
    if 2 * most > counts.total() + 1:
        raise UserError(
            f"of {counts.total()} pictures, {most} are versions of the image {image!r}: two of them would have to "
            "follow each other, which makes raters compare instead of judge. Add more images."
        )


def _dice(*seeds: Hashable) -> random.Random:
    # Only random() of random.Random is used: Python promises that it gives the same numbers in every version.
    return random.Random("\x1f".join(map(str, seeds)))


def _shuffled(items: Sequence[T], dice: random.Random) -> list[T]:
    return [item for _, item in sorted(((dice.random(), k), item) for k, item in enumerate(items))]


def _rounds(places: Sequence[Place], dice: random.Random) -> list[tuple[float, Place]]:
    """Gives each place a time in [0, 1).

    Images with the same number of versions share a Latin square: with M methods, round r of M shows image i with method
    (row of the image + symbol of the round) modulo M. Rows, symbols and methods are drawn again for each rater.
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
    """Second showings, half a study after the first; images and methods are repeated about equally often."""
    early = max(count, sum(time < 0.5 for time, _ in timed))  # half of an odd number of places may be rounded up
    first_half = _shuffled(timed[:early], dice)
    methods, images = Counter[str](), Counter[str]()
    chosen = []
    for _ in range(count):
        pair = min(first_half, key=lambda pair: (images[pair[1].image], methods[pair[1].method]))
        first_half.remove(pair)
        time, place = pair
        methods[place.method] += 1
        images[place.image] += 1
        chosen.append((time + 0.5, replace(place, repeat=1)))
    return chosen


class _Balance:
    """How often each method was shown, in all and after each other method, compared with its share."""

    def __init__(self, methods: Sequence[str]):
        self.share = {method: count / len(methods) for method, count in Counter(methods).items()}
        self.shown, self.followed = Counter[str](), Counter[tuple[str, str]]()
        self.previous: str | None = None
        self.count = 0

    def excess(self, method: str) -> float:
        """How far the method is ahead of its share so far. The lower the value, the sooner it should come."""
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
    """Puts places near their times, so that neighbours show different images and the methods are balanced.

    Each step takes the best of the next few places; a place that has waited long goes first.
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
        # An image that fills every second remaining place must come now, or its versions would meet at the end.
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
        # Of two showings, the later one is the repeat, even if it was planned as the first.
        order.append(replace(place, repeat=int(place.stimulus in seen and place.gold_expected is None)))
        seen.setdefault(place.stimulus, len(order) - 1)
        left[place.image] -= 1
        recent.append(place.image)
        balance.show(place.method)
    return order
