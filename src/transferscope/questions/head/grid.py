"""Pre-trainings over a grid of one setting of the head, a row a seed: how numbers change along it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import UsageError
from ...evidence.contrast import mean
from ...evidence.draws import with_draws
from ...evidence.estimate import Estimate
from ...evidence.left_out import LeftOut
from ...evidence.trend import slopes

__all__ = ["Grid", "grid_of"]


@dataclass(frozen=True, eq=False)
class Grid:
    """The seeds that have every value of a setting.

    Attributes:
        values: of the setting, rising; at least two, all over 0.
        rows: ``(seeds, values)`` places of networks.
    """

    values: tuple[float, ...]
    rows: np.ndarray

    def change(
        self, numbers: np.ndarray, each: Sequence[np.ndarray] | None = None, drawn: np.ndarray | None = None
    ) -> Estimate:
        """Return by how much numbers change a tenfold setting, over pre-trainings: one slope a seed.

        Args:
            numbers: one of each network.
            each: what each image adds to the number, ``(images,)`` of each network; ``None`` where no image does.
            drawn: ``(networks, draws)`` the numbers of single draws, which all networks share.
        """
        x = np.log10(self.values)
        found = slopes(x, np.asarray(numbers, np.float64)[self.rows])
        if each is None:
            return mean(found, over="pre-trainings")
        rows = np.stack([slopes(x, np.stack([each[i] for i in row], 1).astype(np.float64)) for row in self.rows])
        change = mean(found, rows, over="pre-trainings")
        return change if drawn is None else with_draws(change, slopes(x, drawn[self.rows].mean(0).T))


def grid_of(settings: Sequence[float], seeds: Sequence[int]) -> tuple[Grid | None, list[LeftOut]]:
    """Find the grid, and leave out what is not on it.

    Args:
        settings: of each network; nan where it is not known.
        seeds: of each network.

    Returns:
        The grid, ``None`` where there are no two values; and what is left out.

    Raises:
        UsageError: when two networks have one seed and setting.
    """
    known = [(v, s) for v, s in zip(settings, seeds, strict=True) if not math.isnan(v)]
    if twice := next((pair for pair, count in Counter(known).items() if count > 1), None):
        raise UsageError(f"two pre-trainings with the setting {twice[0]:g} and seed {twice[1]}; give each once")
    left = [LeftOut(f"the setting 0 of seed {s}", "it has no logarithm") for v, s in known if v == 0]
    values = sorted({v for v, _ in known if v > 0})
    if len(values) < 2:
        return None, left
    at = {(v, s): i for i, (v, s) in enumerate(zip(settings, seeds, strict=True))}
    whole = [s for s in sorted({s for _, s in known}) if all((v, s) in at for v in values)]
    for s in sorted({s for _, s in known} - set(whole)):
        missing = [f"{v:g}" for v in values if (v, s) not in at]
        left.append(LeftOut(f"seed {s}", f"has no pre-training with {', '.join(missing)}"))
    if not whole:
        return None, left
    return Grid(tuple(values), np.array([[at[v, s] for v in values] for s in whole])), left
