"""The same asked of a table that others published: fine-tunings from several sources, a row each, a column a shot."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError, UsageError, nearest
from ...evidence.contrast import mean
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.phrases import count, listed, number, points_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PublishedSources", "read_published"]


@dataclass(frozen=True, eq=False)
class PublishedSources:
    """The best accuracy of each method, source and target at each number of shots.

    Of the rows of a cell, which differ in hyper-parameters, it is the highest: chosen by what is told, as whoever
    publishes the best of a grid does. There are no seeds, so intervals are over targets, and none carries a verdict.

    Attributes:
        name: of the table.
        best: shares, one column a number of shots, by (method, source, target).
        rows: how many were read, equal ones once.
    """

    name: str
    best: pd.DataFrame
    rows: int

    def accuracies(self, method: str, shots: str, sources: Sequence[str] = ()) -> pd.DataFrame:
        """Return accuracies by target (rows) and source (columns): targets that all sources have.

        Args:
            method: how the sources are learned from.
            shots: the column.
            sources: default: all that the method has.

        Raises:
            UsageError: for a name that is not in the table.
        """
        known = list(dict.fromkeys(self.best.index.get_level_values(0)))
        if method not in known:
            raise UsageError(f"{self.name}: no method {method!r}{nearest(method, known)}")
        if shots not in self.best.columns:
            raise UsageError(f"{self.name}: no number of shots {shots!r}{nearest(shots, self.best.columns)}")
        table = self.best.loc[method][shots].unstack(0)
        for name in sources:
            if name not in table.columns:
                raise UsageError(f"{self.name}: {method} has no source {name!r}{nearest(name, table.columns)}")
        found: pd.DataFrame = table[list(sources or table.columns)].dropna()
        return found

    def spread(self, method: str, shots: str, sources: Sequence[str] = ()) -> Estimate:
        """Return the standard deviation between sources, the mean over targets."""
        return mean(self.accuracies(method, shots, sources).std(axis=1, ddof=1).to_numpy(), over="targets")

    def narrowing(self, method: str, few: str, many: str, sources: Sequence[str] = ()) -> Estimate:
        """Return by how much the standard deviation between sources changes from few to many shots, over targets."""
        pair = [self.accuracies(method, shots, sources) for shots in (few, many)]
        both = pair[0].index.intersection(pair[1].index)
        first, second = (of.loc[both].std(axis=1, ddof=1).to_numpy() for of in pair)
        return mean(second - first, over="targets")

    def kept_order(self, method: str, few: str, many: str, sources: Sequence[str] = ()) -> float:
        """Return the rank correlation of sources at few and at many shots, the mean over targets."""
        from scipy.stats import spearmanr

        pair = [self.accuracies(method, shots, sources) for shots in (few, many)]
        both = pair[0].index.intersection(pair[1].index)
        found = [float(spearmanr(pair[0].loc[t], pair[1].loc[t])[0]) for t in both]
        return float(np.mean(found)) if found else math.nan

    def winners(self, method: str, shots: str, sources: Sequence[str] = ()) -> Mapping[str, int]:
        """Return on how many targets each source is the best, most first."""
        table = self.accuracies(method, shots, sources)
        return dict(Counter(str(name) for name in table.idxmax(axis=1)).most_common())

    def difference(self, first: str, second: str, shots: str) -> Estimate:
        """Return by how much a method is better than another on the same sources and targets, over targets."""
        known = set(self.best.index.get_level_values(0))
        one, two = (self.best.loc[m][shots] if m in known else None for m in (first, second))
        if one is None or two is None:
            raise UsageError(f"{self.name}: it takes two methods of the table; {first!r} and {second!r} are given")
        gain = (one - two).dropna()
        return mean(gain.groupby(level=1).mean().to_numpy(), over="targets")

    def findings(
        self, method: str, sources: Sequence[str], few: str, many: str, against: tuple[str, str] | None = None
    ) -> tuple[Finding, ...]:
        """Return how far sources lie apart at few and at many shots, and how two methods compare.

        Args:
            method: of the sources.
            sources: which are compared, of one size.
            few: the column of the fewest shots.
            many: that of the most.
            against: two methods to compare on the sources that both have.
        """
        change = self.narrowing(method, few, many, sources)
        won = [f"{name} ({n})" for name, n in self.winners(method, few, sources).items()]
        found = [
            said(
                f"{self.name}, {method}: {count(len(sources), 'source')} of one size differ by a standard deviation "
                f"of {points_text(self.spread(method, few, sources))} with {few} shot{'s' * (few != '1')} and "
                f"{points_text(self.spread(method, many, sources))} with {many}, a change of {points_text(change)}; "
                "their order is kept with a rank correlation of "
                f"{number(self.kept_order(method, few, many, sources))}; best with {few} on so many targets: "
                f"{listed(won)}; mean over {count(change.n, 'target')}, best "
                "of each grid of hyper-parameters.",
                change, n=change.n, unit="targets", weight=0.8,
            )
        ]  # fmt: skip
        if against is not None:
            gains = [(shots, self.difference(*against, shots)) for shots in self.best.columns]
            told = [f"{points_text(gain)} with {shots}" for shots, gain in gains if math.isfinite(gain.value)]
            first = next(gain for _, gain in gains if math.isfinite(gain.value))
            text = f"{self.name}: {against[0]} against {against[1]} on the same sources {listed(told)}; mean over "
            found.append(
                said(f"{text}{count(first.n, 'target')}.", first, n=first.n, unit="targets", weight=0.8)
            )  # fmt: skip
        return tuple(found)


def read_published(
    path: str | Path,
    *,
    method: str = "loss",
    source: str = "us",
    target: str = "ds",
    shots: Sequence[str] = ("1", "5", "10", "20", "full"),
    where: Mapping[str, str] | None = None,
) -> PublishedSources:
    """Read a table of fine-tunings: a row each, with columns of method, source, target, and one a number of shots.

    Equal rows count once, text in a column of numbers as missing; accuracies over 1 are percentages.

    Args:
        path: comma- or tab-separated text.
        method: column of how the source was learned from.
        source: column of the source.
        target: column of the target.
        shots: columns of accuracies.
        where: only rows with these values, by column: ``{"arch": "RN50"}``.

    Raises:
        DataError: for a file that cannot be read, or without a column.
    """
    import pandas as pd

    file = Path(path)
    try:
        table = pd.read_csv(file, sep=None, engine="python")
    except (OSError, ValueError) as e:
        raise DataError(f"{file}: cannot be read as a table ({e})") from None
    names = [str(c) for c in table.columns]
    table.columns = pd.Index(names)
    for name in (method, source, target, *shots, *(where or {})):
        if name not in names:
            raise DataError(f"{file}: no column {name!r}{nearest(name, names)}")
    for name, value in (where or {}).items():
        table = table[table[name].astype(str) == value]
    table = table[[c for c in names if not c.startswith("Unnamed") and c != ""]].drop_duplicates()
    values = table[list(shots)].apply(pd.to_numeric, errors="coerce")
    if float(values.max().max()) > 1:
        values = values / 100
    keys = [table[name].astype(str) for name in (method, source, target)]
    best = values.groupby(keys).max()
    return PublishedSources(file.stem, best, len(table))
