"""Synthetic raters: a class whose true opinion is known, for teaching, tests and planning. They are not real people.

score = method's quality + image's effect + rater's bias + rater's inconsistency x noise, rounded to 1 to 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

from srgan_lessons import UserError
from srgan_lessons.files import counted, shipped
from srgan_lessons.rating.vote import HIDDEN_REFERENCE


@dataclass(frozen=True, kw_only=True)
class Population:
    """The people and pictures that studies are drawn from. All are standard deviations on the scale of 1 to 5.

    bias: of raters' habits of scoring high or low. inconsistency: of a rater's votes on the same stimulus; this is its
    median over raters, and its logarithm has the standard deviation `spread`. image: of what a photo adds to all its
    versions. texture: of what a photo adds to one of its versions. The first three come from the demonstration data of
    P.910's reference code (21 real viewers); the other two are guesses. Raises UserError for a negative number.
    """

    bias: float = 0.3
    inconsistency: float = 0.58
    spread: float = 0.18
    image: float = 0.25
    texture: float = 0.15

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value >= 0):
                raise UserError(f"Population: {name} is a standard deviation, so it cannot be {value}")


DEFAULT = Population()


def true_mean(latent: float, population: Population = DEFAULT) -> float:
    """The mean of all votes that a method of this latent quality would ever get, over all raters and images.

    Rounding to 1 to 5 shifts the mean, because a rater who would like to give 0.2 gives 1. The result is exact except
    for the integral over the raters' inconsistency, which is a Gauss-Hermite sum.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    inconsistency = population.inconsistency * np.exp(population.spread * nodes)
    spread = np.sqrt(population.image**2 + population.texture**2 + population.bias**2 + inconsistency**2)
    # E[score] = 1 + P(score > 1) + P(score > 2) + P(score > 3) + P(score > 4)
    above = sum(norm.sf(edge, loc=latent, scale=np.maximum(spread, 1e-12)) for edge in (1.5, 2.5, 3.5, 4.5))
    return float(1 + (weights * above).sum() / weights.sum())


@lru_cache(maxsize=512)
def latent_mean(mos: float, population: Population = DEFAULT) -> float:
    """The latent quality whose votes, rounded, have the true mean `mos`. For 1 and 5, all raters agree.

    Raises UserError for a MOS outside the scale.
    """
    if not 1 <= mos <= 5:
        raise UserError(f"a MOS is a number from 1 to 5, not {mos}")
    if mos in (1, 5):
        return -1000.0 if mos == 1 else 1000.0
    return float(brentq(lambda latent: true_mean(latent, population) - mos, -60, 66, xtol=1e-10))


def synthetic_scores(
    truth: Mapping[str, float],
    *,
    raters: int = 26,
    images: int = 100,
    seed: int = 0,
    population: Population = DEFAULT,
) -> np.ndarray:
    """The votes of honest raters as (raters, images, methods), whole numbers from 1 to 5.

    truth: method -> true MOS: the mean, after rounding, over all raters and images of the population.
    """
    rng = np.random.default_rng(seed)
    bias, inconsistency = _raters(raters, population, rng)
    stimuli = _stimuli(truth, images, population, rng)
    return _vote(stimuli.ravel(), bias, inconsistency, rng).reshape(raters, images, len(truth))


def _raters(raters: int, population: Population, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Bias and inconsistency of each rater."""
    bias = rng.normal(0, population.bias, raters)
    return bias, population.inconsistency * np.exp(population.spread * rng.standard_normal(raters))


def _stimuli(truth: Mapping[str, float], images: int, population: Population, rng: np.random.Generator) -> np.ndarray:
    """Latent quality of each stimulus (images, methods)."""
    latent = np.array([latent_mean(float(mos), population) for mos in truth.values()])
    of_image = rng.normal(0, population.image, (images, 1))
    return latent + of_image + rng.normal(0, population.texture, (images, len(latent)))


def _vote(quality: np.ndarray, bias: np.ndarray, inconsistency: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each rater's score of each stimulus of this latent quality (n,): (raters, n)."""
    noise = rng.standard_normal((len(bias), len(quality)))
    return np.clip(np.rint(quality + bias[:, None] + inconsistency[:, None] * noise), 1, 5)


def synthetic_votes(
    truth: Mapping[str, float],
    *,
    raters: int = 26,
    images: int = 100,
    seed: int = 0,
    population: Population = DEFAULT,
    clickers: int = 0,
    straight_liners: int = 0,
    swapped: int = 0,
    repeats: float = 0.0,
    gold: int = 0,
    anchors: int = 0,
) -> pd.DataFrame:
    """A whole class's table of votes, as Votes.table() would return it (with the columns that an analysis needs).

    truth: method -> true MOS in the population of honest raters. raters: their number; the last ones are, in this
    order, clickers (any button), straight_liners (always the same button) and swapped (took 1 for the best). repeats:
    share of the stimuli that are shown twice. gold: number of obvious items, alternately 1 and 5. anchors: number of
    pictures in the training, which shows nearest and HR of each. If all raters are honest, the main votes are
    synthetic_scores of the same seed. Raises UserError for numbers with which no study is possible.
    """
    spoilers = clickers + straight_liners + swapped
    if min(len(truth), raters, images) < 1 or min(clickers, straight_liners, swapped) < 0 or spoilers > raters:
        raise UserError(
            f"a study needs methods, images, raters, and no more spoilers than raters: got "
            f"{counted(len(truth), 'method')}, {counted(images, 'image')} and {counted(raters, 'rater')}, with "
            f"{counted(spoilers, 'spoiler')}"
        )
    if not 0 <= repeats <= 1 or min(gold, anchors) < 0:
        raise UserError(
            f"repeats is a share from 0 to 1, gold and anchors are counts; got {repeats}, {gold}, {anchors}"
        )
    rng = np.random.default_rng(seed)
    bias, inconsistency = _raters(raters, population, rng)
    names = [f"img_{k + 1:03d}" for k in range(images)]
    main = pd.MultiIndex.from_product([names, truth], names=["image", "method"]).to_frame(index=False)
    main["quality"] = _stimuli(truth, images, population, rng).ravel()
    rating = _vote(main["quality"].to_numpy(), bias, inconsistency, rng)

    again = main.iloc[np.sort(rng.permutation(len(main))[: round(repeats * len(main))])].assign(repeat=1)
    obvious = [(f"gold_{k + 1:02d}", _EXTREMES[k % 2], 1 + 4 * (k % 2)) for k in range(gold)]
    checks = pd.DataFrame(obvious, columns=["image", "method", "gold_expected"])
    shown = [(f"anchor_{k + 1:02d}", method) for k in range(anchors) for method in _EXTREMES]
    training = pd.DataFrame(shown, columns=["image", "method"]).assign(phase="training")
    for trials in (checks, training):
        trials["quality"] = np.where(trials["method"] == HIDDEN_REFERENCE, 5.6, 0.4)
    trials = pd.concat([part for part in (main, again, checks, training) if len(part)], ignore_index=True)
    checking = _vote(trials["quality"].to_numpy(float)[len(main) :], bias, inconsistency, rng)
    scores = np.hstack([rating, checking])  # (raters, trials)

    honest = raters - spoilers
    people = np.arange(raters)
    clicking = (people >= honest) & (people < honest + clickers)
    straight = (people >= honest + clickers) & (people < honest + clickers + straight_liners)
    upside_down = people >= honest + clickers + straight_liners
    scores[clicking] = rng.integers(1, 6, size=(clickers, len(trials)))
    scores[straight] = rng.integers(2, 5, size=(straight_liners, 1))
    scores[upside_down] = 6 - scores[upside_down]
    return _long(trials, scores)


_EXTREMES = ("nearest", HIDDEN_REFERENCE)  # everybody calls the first bad and the second excellent


def _long(trials: pd.DataFrame, scores: np.ndarray) -> pd.DataFrame:
    """One row per vote, from trials (n rows) and scores (raters, n)."""
    raters, n = scores.shape
    table = pd.concat([trials] * raters, ignore_index=True)
    for name, usual in (("phase", "main"), ("repeat", 0), ("gold_expected", np.nan)):
        table[name] = table[name].fillna(usual) if name in table else usual
    table["rater"] = np.repeat([f"rater_{k + 1:02d}" for k in range(raters)], n)
    table["study"] = "synthetic"
    table["score"] = scores.ravel().astype(int)
    table["repeat"] = table["repeat"].astype(int)
    return table[["study", "rater", "phase", "image", "method", "repeat", "gold_expected", "score"]]


# --- the class that comes with the course ----------------------------------------------------------------------------

EXAMPLE = "example_class/votes.csv"
EXAMPLE_SEED = 2  # the first seed with the paper's order of methods and no honest rater rejected


def paper_mos(dataset: str = "BSD100") -> dict[str, float]:
    """The MOS column of the paper's Table 2: method -> MOS. HR has the name of the hidden reference, "hr".

    Raises UserError for a set that the table does not have.
    """
    table = pd.read_csv(shipped("tables/paper_table2.csv"))
    rows = table[table["set"] == dataset]
    if rows.empty:
        raise UserError(f"the paper's Table 2 has no set {dataset!r}; it has {', '.join(table['set'].unique())}")
    return {HIDDEN_REFERENCE if row.method == "HR" else row.method: float(row.mos) for row in rows.itertuples()}


def make_example_class() -> pd.DataFrame:
    """Draws the shipped class again: 26 synthetic raters, nine versions of 100 images, as in the paper on BSD100.

    The true MOS of the honest population are the paper's. Rater 24 clicks any button, rater 25 always clicks the same
    button, and rater 26 took 1 for the best. There are 5 % repeats, 6 gold items, and a training on 5 pictures.
    """
    return synthetic_votes(
        paper_mos("BSD100"),
        seed=EXAMPLE_SEED,
        clickers=1,
        straight_liners=1,
        swapped=1,
        repeats=0.05,
        gold=6,
        anchors=5,
    )


def example_class() -> pd.DataFrame:
    """The votes of the synthetic class that comes with the course (data/example_class). No real person voted."""
    trials = pd.read_csv(shipped(EXAMPLE))
    names = [name for name in trials.columns if name.startswith("rater_")]
    return _long(trials.drop(columns=names), trials[names].to_numpy().T)


def compact_csv(votes: pd.DataFrame) -> str:
    """A class in which everybody saw the same trials, as CSV with one line per trial and one column per rater."""
    keys = ["phase", "image", "method", "repeat", "gold_expected"]
    order = votes.drop_duplicates(keys)[keys].reset_index(drop=True)
    columns = {rater: own["score"].to_numpy() for rater, own in votes.groupby("rater", sort=True)}
    table = pd.concat([order, pd.DataFrame(columns)], axis=1)
    table["gold_expected"] = table["gold_expected"].astype("Int64")
    return table.to_csv(index=False, lineterminator="\n")
