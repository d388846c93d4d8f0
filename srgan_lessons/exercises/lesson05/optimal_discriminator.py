"""Exercise 5.1: the best discriminator."""

import itertools

import numpy as np
import torch
from torch import Tensor

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array, finite


def optimal_discriminator(p, q):
    seen = p + q > 0
    # SOLUTION
    share = p / (p + q)  # (n,)
    return torch.where(seen, share, 0.5)
    # STUB
    # share = ...  # 1. of all samples that fall here, the share of the real ones
    # return torch.where(seen, share, ...)  # 2. and where nothing ever falls?
    # END


def judge(candidate) -> None:
    p = torch.tensor([0.8, 0.3, 0.1, 0.0, 1.5, 0.25, 0.4, 3e-6])  # (8,): densities may be larger than 1
    q = torch.tensor([0.2, 0.3, 0.7, 0.6, 0.05, 1.75, 0.1, 1e-6])  # (8,)
    with np.errstate(all="ignore"):
        value = call(candidate, p, q)
    _name_division(value, p, q)
    nan = (
        "There is NaN or infinity where p or q is 0. No logarithm is needed, and no division by p or q alone: the "
        "share is p / (p + q)."
    )
    result = finite(as_array, value, tuple(p.shape), says=nan)
    right = (p / (p + q)).numpy()
    if np.abs(result - right).max() > 1e-5:
        recognise(result, _optimum_slips(p, q), within=1e-5)
        _name_constant(result, p, q)
        show_smallest(
            candidate,
            optimal_discriminator,
            [
                tuple(torch.tensor([number]) for number in pair)
                for pair in ((0.3, 0.1), (0.1, 0.3), (0.0, 2.0), (3.0, 1.0), (1.0, 4.0))
            ],
            advice="Of all samples that fall there, what share is real?",
        )
        place = int(np.argmax(np.abs(result - right)))
        raise NotYet(
            f"Where p is {p[place]:.2g} and q is {q[place]:.2g}, you return {result[place]:.3g}; {right[place]:.3g} is "
            "expected. Of all samples that fall there, what share is real?"
        )
    p, q = torch.tensor([0.5, 0.0, 0.0, 2.0]), torch.tensor([0.5, 0.0, 1.0, 0.0])  # nothing falls on the second place
    value = call(candidate, p, q)
    empty = np.asarray(value.detach() if isinstance(value, Tensor) else value, dtype=float).ravel()
    if len(empty) == 4 and np.isnan(empty[1]):
        raise NotYet(
            "This is right, except where p and q are both 0: there, you return NaN, because 0 / 0 is NaN. Return 0.5 "
            "there."
        )
    empty = as_array(value, (4,))
    if abs(empty[3] - 1) > 1e-5:
        raise NotYet(
            f"Where q is 0 and p is not, you return {empty[3]:.3g}. Only real samples fall there, so 1 is expected. "
            "Return 0.5 only where both are 0."
        )
    if abs(empty[1] - 0.5) > 1e-5:
        raise NotYet(
            f"This is right, except where p and q are both 0: there, you return {empty[1]:.3g}. Nothing is known "
            "there: 0.5 is expected."
        )


def _name_division(value: object, p: Tensor, q: Tensor) -> None:
    """Raises NotYet if p is divided by something else, such as p - q, or if the sum has no brackets.

    The result may contain NaN.
    """
    if not isinstance(value, Tensor | np.ndarray) or tuple(value.shape) != tuple(p.shape):
        return
    found = np.asarray(torch.as_tensor(value).detach(), dtype=float)
    unbracketed = {"p / p + q": p / p + q, "p / q + p": p / q + p, "q / p + q": q / p + q, "q / q + p": q / q + p}
    slips = {
        f"The sum has no brackets: {formula} divides first, and adds afterwards. Write p / (p + q).": outcome
        for formula, outcome in unbracketed.items()
    }
    minus = "Divide by their sum, p + q: all samples that fall there."
    slips |= {
        f"p is divided by the difference, p - q. {minus}": p / (p - q),
        f"p is divided by the difference, q - p. {minus}": p / (q - p),
        "This is (p + q) / p: the share is upside down. Write p / (p + q).": (p + q) / p,
    }
    for message, outcome in slips.items():
        finite_only = outcome.nan_to_num(0.5)
        if any(np.allclose(found, seen, rtol=1e-5, atol=1e-5, equal_nan=True) for seen in (outcome, finite_only)):
            raise NotYet(message)


def _name_constant(result: np.ndarray, p: Tensor, q: Tensor) -> None:
    """Raises NotYet if a small number is added to p + q, and perhaps to p as well."""
    for digits, top, below in itertools.product(range(1, 10), (0, 1), (1, 2)):
        small = 10.0**-digits
        if np.allclose(result, ((p + top * small) / (p + q + below * small)).numpy(), rtol=0, atol=1e-5):
            raise NotYet(
                f"1e-{digits} is added to the densities. It changes the share, most of all where they are small: even "
                "for p = 3e-6 and q = 1e-6, it must be 0.75. Divide by p + q alone, and put 0.5 where p + q is 0."
            )


def _optimum_slips(p: Tensor, q: Tensor) -> dict[str, Tensor]:
    share = p / (p + q)
    half = torch.tensor(0.5)
    small = torch.where(p + q > 1e-3, share, half)
    return {
        "Where both densities are small, you return 0.5. Small is not nothing: return 0.5 only where both are exactly "
        "0.": small,
        "Where one of the two is 0, you return 0.5. That is only for places where both are 0; where only one is 0, the "
        "share is 0 or 1.": (torch.where((p > 0) & (q > 0), share, half)),
        "You return 0.5 wherever samples fall. Are the two branches of torch.where swapped? torch.where(seen, a, b) "
        "takes a where `seen` is True.": torch.full_like(p, 0.5),
        "p and q are divided by their sums first. They are densities at some places, and each place counts for itself: "
        "p / (p + q).": p / p.sum() / (p / p.sum() + q / q.sum()),
        "The share is computed from the sum over all places. Each place counts for itself: p / (p + q).": p
        / (p + q).sum(),
        "This is the share of the generated ones. D is the probability of *real*.": 1 - share,
        "This is the ratio p / q, the odds. It can be larger than 1; a probability is the share of p in p + q.": p / q,
        "p is divided by the larger of the two. Divide by p + q, all samples that fall there.": p / torch.maximum(p, q),
        "This is the density p. It says how often a real sample falls there, not what share of all samples is real.": (
            p
        ),
        "This is 1 where a real sample is more likely, and 0 elsewhere. That is a verdict; D gives a probability.": (
            (p > q).float()
        ),
        "This is 1 where a real sample is at least as likely, and 0 elsewhere. That is a verdict; D gives a "
        "probability.": ((p >= q).float()),
        "This is 1 where a real sample is more likely, 0 where it is less likely, and 0.5 in between. That is a "
        "verdict; D gives a probability.": torch.heaviside(p - q, half),
        "This is p - q. Both kinds of samples fall there: what *share* of them is real?": p - q,
        "This is (p - q) / (p + q), which lies between -1 and 1. A share lies between 0 and 1: p / (p + q).": (
            (p - q) / (p + q)
        ),
        "This is (q - p) / (p + q), which lies between -1 and 1. A share lies between 0 and 1: p / (p + q).": (
            (q - p) / (p + q)
        ),
        "This is the sigmoid of p - q, or the softmax of p and q. Both expect logarithms: the logit is log p - log "
        "q.": torch.sigmoid(p - q),
        "This is the sigmoid of p / q, without the log. The sigmoid expects the logit, log p - log q.": torch.sigmoid(
            p / q
        ),
        "This is the mean of p and q. What share of p + q is real?": (p + q) / 2,
        "This is half of the share. Divide p by p + q, not by twice as much.": share / 2,
        "The densities are squared: p * p is compared with q * q. The densities themselves say how many samples fall "
        "there.": (p**2 / (p**2 + q**2)),
    }


EXERCISE = Exercise(
    name="optimal_discriminator",
    lesson=5,
    place=1,
    title="the best discriminator",
    difficulty="easy",
    minutes=4,
    reference=optimal_discriminator,
    judge=judge,
    hints=(
        "Imagine a thousand real and a thousand generated samples. How many of each fall near x, if the densities "
        "there are 0.3 and 0.1?",
        "Near x, real and generated samples come in the ratio p to q. All of them together are p + q. What share is p?",
        "share = p / (p + q). Where both are 0, this is 0 / 0, or NaN; torch.where(seen, share, 0.5) puts 0.5 there.",
    ),
    mistakes=(
        Mistake("q / (p + q)", says="share of the generated ones", ask="Where all samples are real, what must D say?"),
        Mistake(
            "0 where nothing falls",
            says="Nothing is known there",
            ask="There is no evidence for either side: which number says so?",
        ),
    ),
)
