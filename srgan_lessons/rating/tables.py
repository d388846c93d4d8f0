"""The table of votes, one row per vote: what it must contain, which rows count as rated, and how it becomes scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from srgan_lessons import UserError
from srgan_lessons.rating.vote import COLUMNS, PHASES, REQUIRED, SCALE


def check_votes(votes: pd.DataFrame) -> pd.DataFrame:
    """A checked copy of a table of votes: names as text, scores as whole numbers from 1 to 5, one study.

    The columns rater, image, method and score are required; `COLUMNS` lists all that are allowed. Raises UserError for
    something that is not a table, a table without rows, missing or unknown columns, empty names, scores outside the
    scale (with their rows), unknown phases, two studies in one table, and a picture that one person rated twice without
    the second vote being marked as a repeat.
    """
    if not isinstance(votes, pd.DataFrame):
        raise UserError(
            f"votes must be a pandas table with one row per vote, not {type(votes).__name__}; see Votes.table()"
        )
    missing = [name for name in REQUIRED if name not in votes.columns]
    if missing:
        raise UserError(f"the table of votes has no column {_names(missing)}; it has {_names(votes.columns)}")
    unknown = [name for name in votes.columns if name not in COLUMNS]
    if unknown:
        raise UserError(
            f"the table of votes has unknown columns: {_names(unknown)}. Drop or rename them; known: {_names(COLUMNS)}"
        )
    if votes.empty:
        raise UserError("the table of votes is empty: nobody has rated yet")
    table = votes.reset_index(drop=True).copy()
    for name in ("rater", "image", "method"):
        empty = table[name].isna() | (table[name].astype(str).str.strip() == "")
        if empty.any():
            raise UserError(f"no {name} in row {_rows(empty)} of the votes; fill it in or delete the row")
        table[name] = table[name].astype(str)
    scores = pd.to_numeric(table["score"], errors="coerce")
    wrong = ~scores.isin(list(SCALE))
    if wrong.any():
        shown = ", ".join(str(value) for value in table.loc[wrong, "score"].head(3))
        raise UserError(f"scores are whole numbers from 1 to 5; row {_rows(wrong)} of the votes has {shown}")
    table["score"] = scores.astype(int)
    if "phase" in table and not table["phase"].isin(PHASES).all():
        odd = ~table["phase"].isin(PHASES)
        raise UserError(
            f"the unknown phase {table.loc[odd, 'phase'].iloc[0]!r} is in row {_rows(odd)}; known: {_names(PHASES)}"
        )
    if "study" in table and table["study"].nunique() > 1:
        raise UserError(
            f"the table has votes of several studies: {_names(table['study'].unique())}; analyse them one by one"
        )
    if "gold_expected" in table:
        expected = pd.to_numeric(table["gold_expected"], errors="coerce")
        table["gold_expected"] = expected.to_numpy(dtype=float, na_value=np.nan)
    if "repeat" in table:
        table["repeat"] = pd.to_numeric(table["repeat"], errors="coerce").fillna(0).astype(int)
    main = rated(table)
    twice = main.duplicated(["rater", "image", "method"], keep=False)
    if twice.any():
        first = main[twice].iloc[0]
        same = (main[["rater", "image", "method"]] == first[["rater", "image", "method"]]).all(axis=1)
        raise UserError(
            f"{first['rater']} rated image {first['image']}, method {first['method']} {same.sum()} times (rows "
            f"{', '.join(map(str, main.index[same]))}): mark the later ones with repeat = 1, or delete them"
        )
    return table


def main_trials(votes: pd.DataFrame) -> pd.DataFrame:
    """The trials that count: without training and dummies, if the table has a column `phase`."""
    return votes[votes["phase"] == "main"] if "phase" in votes else votes


def gold_trials(votes: pd.DataFrame) -> pd.DataFrame:
    """The main trials with an obvious answer (`gold_expected`); none if the table has no such column."""
    main = main_trials(votes)
    return main[main["gold_expected"].notna()] if "gold_expected" in main else main.iloc[:0]


def repeated_trials(votes: pd.DataFrame) -> pd.DataFrame:
    """The second showings among the main trials (`repeat` = 1)."""
    main = main_trials(votes)
    return main[main["repeat"] > 0] if "repeat" in main else main.iloc[:0]


def rated(votes: pd.DataFrame) -> pd.DataFrame:
    """The votes that enter the MOS: those on first showings in the main phase, without gold items."""
    main = main_trials(votes)
    return main.drop(index=gold_trials(votes).index.union(repeated_trials(votes).index))


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The votes of a study, checked, sorted by purpose, and as a cube. It is made once and passed from step to step.

    votes: all of them. rated: those that enter the MOS. gold, repeats: those that check the raters. cube: (raters,
    images, methods), NaN where a vote is missing; raters, images, methods: the names along its axes, sorted.
    """

    votes: pd.DataFrame
    rated: pd.DataFrame
    gold: pd.DataFrame
    repeats: pd.DataFrame
    cube: np.ndarray
    raters: list[str]
    images: list[str]
    methods: list[str]

    @classmethod
    def of(cls, votes: pd.DataFrame) -> Scores:
        """The scores of a table of votes, which is checked first. Raises UserError as `check_votes` does."""
        votes = check_votes(votes)
        cube, raters, images, methods = score_cube(votes)
        return cls(
            votes=votes,
            rated=rated(votes),
            gold=gold_trials(votes),
            repeats=repeated_trials(votes),
            cube=cube,
            raters=raters,
            images=images,
            methods=methods,
        )

    def without(self, excluded: Sequence[str]) -> Scores:
        """The scores of all other raters, on the images and methods that they rated."""
        kept = [k for k, rater in enumerate(self.raters) if rater not in set(excluded)]
        cube = self.cube[kept]
        there = ~np.isnan(cube)
        images, methods = np.flatnonzero(there.any(axis=(0, 2))), np.flatnonzero(there.any(axis=(0, 1)))
        votes, main, gold, repeats = (
            table[~table["rater"].isin(excluded)] for table in (self.votes, self.rated, self.gold, self.repeats)
        )
        return Scores(
            votes=votes,
            rated=main,
            gold=gold,
            repeats=repeats,
            cube=cube[:, images][:, :, methods],
            raters=[self.raters[k] for k in kept],
            images=[self.images[k] for k in images],
            methods=[self.methods[k] for k in methods],
        )

    @property
    def matrix(self) -> pd.DataFrame:
        """Stimuli (image, method) as rows, raters as columns, like `score_matrix`."""
        index = pd.MultiIndex.from_product([self.images, self.methods], names=["image", "method"])
        flat = self.cube.reshape(len(self.raters), -1).T  # (images x methods, raters)
        table = pd.DataFrame(flat, index=index, columns=pd.Index(self.raters, name="rater"))
        return table[~np.isnan(flat).all(axis=1)]


def score_matrix(votes: pd.DataFrame) -> pd.DataFrame:
    """Stimuli (image, method) as rows, raters as columns; NaN where somebody did not rate a stimulus."""
    return rated(votes).pivot(index=["image", "method"], columns="rater", values="score").astype(float)


def score_cube(votes: pd.DataFrame, methods: Iterable[str] | None = None) -> tuple[np.ndarray, list, list, list]:
    """(raters, images, methods) with NaN where a vote is missing, and the names along the three axes."""
    table = rated(votes)
    raters, images = sorted(table["rater"].unique()), sorted(table["image"].unique())
    methods = sorted(table["method"].unique()) if methods is None else list(methods)
    cube = np.full((len(raters), len(images), len(methods)), np.nan)
    table = table[table["method"].isin(methods)]
    at = (
        pd.Index(names).get_indexer(table[key])
        for key, names in (("rater", raters), ("image", images), ("method", methods))
    )
    cube[tuple(at)] = table["score"]
    return cube, raters, images, methods


def _names(names: Iterable) -> str:
    return ", ".join(str(name) for name in names)


def _rows(mask: pd.Series) -> str:
    """The numbers of the first marked rows, counted from 0 as pandas does."""
    rows = [str(row) for row in np.flatnonzero(mask)]
    return ", ".join(rows[:5]) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
