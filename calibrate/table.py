"""What the page tells of each claim, from the counts that were simulated."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from scipy.stats import binom

from .rows import ROWS
from .simulate import EFFECT, FEW

__all__ = ["COLUMNS", "Told", "false_of", "most", "over_the_limit", "told"]

COLUMNS = ["row", "claim", "family", "case", "n", "images", "simulations", "agrees", "disagrees", "first"]
_LEVEL, _ERROR = 0.05, 0.01


def most(simulations: int) -> int:
    """Return the most false verdicts that a true rate of 5 % gives in all but 1 % of cases.

    >>> most(1000), most(300), most(200)
    (67, 25, 18)
    """
    return int(binom.ppf(1 - _ERROR, simulations, _LEVEL))


def false_of(nulls: pd.DataFrame) -> pd.Series:
    """Return how many verdicts of each null cell are false: the larger of both directions where these are apart."""
    apart = nulls["row"].map(lambda row: ROWS[row].apart)
    both = nulls["agrees"] + nulls["disagrees"]
    return both.where(~apart, nulls[["agrees", "disagrees"]].max(axis=1))


def over_the_limit(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the null cells of all rows that have more false verdicts than 5 % gives within error."""
    nulls = counts[~counts["case"].isin([EFFECT, FEW])]
    return nulls[false_of(nulls) > nulls["simulations"].map(most)]


@dataclass(frozen=True)
class Told:
    """What is told of one row.

    Attributes:
        row: place in the table of rows.
        held: whether no cell has more false verdicts than 5 % within Monte-Carlo error.
        worst: of the null cells the one with the largest share of false verdicts.
        share: that share.
        nulls: null cells.
        powers: cells of the listed effect.
        enough: whether the right verdict falls in more than half of the simulations at some size.
        silent: whether too few networks never had a verdict.
    """

    row: int
    held: bool
    worst: pd.Series
    share: float
    nulls: pd.DataFrame
    powers: pd.DataFrame
    enough: bool
    silent: bool


def told(counts: pd.DataFrame, row: int) -> Told:
    """Sum up the counts of one row.

    Args:
        counts: of all rows, with :data:`COLUMNS`.
        row: place in the table of rows.
    """
    mine = counts[counts["row"] == row]
    powers, few = mine[mine["case"] == EFFECT], mine[mine["case"] == FEW]
    nulls = mine[~mine["case"].isin([EFFECT, FEW])]
    false = false_of(nulls)
    shares = false / nulls["simulations"]
    held = bool((false <= nulls["simulations"].map(most)).all())
    return Told(
        row,
        held,
        nulls.iloc[int(shares.to_numpy().argmax())],
        float(shares.max()),
        nulls,
        powers,
        bool((powers["agrees"] > powers["simulations"] / 2).any()),
        bool((few["agrees"] + few["disagrees"] == 0).all()),
    )
