"""Simulations: how often each rule says what, where nothing is to be found and where its effect is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from transferscope.evidence import Verdict, judge
from transferscope.rng import numpy_generator

from .family import Row, Truth
from .rows import ROWS

__all__ = ["EFFECT", "FEW", "Amount", "Cell", "Count", "cells_of", "counted", "run", "simulated"]

EFFECT, FEW = "effect", "too few"
"""Names of what is not a case: the listed effect, and too few networks for a verdict."""

_CHUNK = 50


@dataclass(frozen=True)
class Amount:
    """How much is simulated.

    Attributes:
        cheap: simulations a cell of a null case, without images.
        images: the same where images vary.
        slow: the same where one simulation takes long.
        power: simulations a cell of the effect.
        few: simulations with too few networks.
        sizes: whether all sizes are tried; else the middle one.
    """

    cheap: int = 1000
    images: int = 500
    slow: int = 300
    power: int = 100
    few: int = 20
    sizes: bool = True


QUICK = Amount(20, 10, 4, 4, 2, sizes=False)


@dataclass(frozen=True)
class Cell:
    """Simulations of one row at one truth and one size.

    Attributes:
        row: place of the row in the table.
        case: name of the case.
        truth: the true numbers.
        n: networks of each kind.
        images: how many; 0 where none vary.
        simulations: how many.
    """

    row: int
    case: str
    truth: Truth
    n: int
    images: int
    simulations: int

    @property
    def key(self) -> tuple[str, str, Truth, int, int, int]:
        """Cells of equal data and equal rule share one simulation."""
        row = ROWS[self.row]
        return row.family.name, row.rule.text, self.truth, self.n, self.images, self.simulations


@dataclass(frozen=True)
class Count:
    """What came out.

    Attributes:
        cell: what was simulated.
        agrees: how often the verdict was this.
        disagrees: how often this.
        outcomes: verdict and p of each simulation.
    """

    cell: Cell
    agrees: int
    disagrees: int
    outcomes: tuple[tuple[Verdict, float | None], ...]


def _null_sizes(row: Row, first: bool, amount: Amount) -> list[tuple[int, int]]:
    low, middle, high = row.family.counts[0], row.family.counts[len(row.family.counts) // 2], row.family.counts[-1]
    if not row.family.images:
        counts = row.family.counts if first else (low, high)
        return [(n, 0) for n in counts] if amount.sizes else [(middle, 0)]
    if not amount.sizes:
        return [(middle, 500)]
    if row.family.slow:
        return [(low, 100), (low, 500), (middle, 500)] if first else [(low, 500), (middle, 500)]
    if first:
        return [(low, 100), (low, 2000), (middle, 500), (high, 2000)]
    return [(low, 100), (middle, 500)]


def _power_sizes(row: Row, amount: Amount) -> list[tuple[int, int]]:
    if not amount.sizes:
        return [(row.family.counts[1], 500 if row.family.images else 0)]
    sizes = [(n, 500 if row.family.images else 0) for n in row.family.counts]
    return sizes if not row.family.images else [*sizes, (row.family.counts[-1], 2000)]


def cells_of(row: int, amount: Amount) -> list[Cell]:
    """Return what is simulated for one row."""
    this = ROWS[row]
    cheap = amount.images if this.family.images else amount.cheap
    simulations = amount.slow if this.family.slow else cheap
    cells = [
        Cell(row, case.name, case.truth, n, images, simulations)
        for i, case in enumerate(this.cases)
        for n, images in _null_sizes(this, i == 0, amount)
    ]
    cells += [Cell(row, EFFECT, this.effect, n, images, amount.power) for n, images in _power_sizes(this, amount)]
    return [*cells, Cell(row, FEW, this.effect, this.family.few, 500 if this.family.images else 0, amount.few)]


def simulated(cell: Cell, chunk: int, first: int = 0) -> list[tuple[Verdict, float | None]]:
    """Return verdict and p of one chunk of a cell's simulations; chunks are numbered from ``first`` on."""
    row = ROWS[cell.row]
    rng = numpy_generator("calibrate", row.family.name, *cell.truth, cell.n, cell.images, first + chunk)
    found: list[tuple[Verdict, float | None]] = []
    for _ in range(min(_CHUNK, cell.simulations - chunk * _CHUNK)):
        judged = judge(row.claim, *row.family.draw(rng, cell.n, cell.images, cell.truth))
        found.append((judged.verdict, judged.p))
    return found


def run(rows: Iterable[int], amount: Amount, processes: int) -> Iterator[Count]:
    """Simulate rows in processes; the numbers do not depend on how many there are.

    Args:
        rows: places in the table.
        amount: how much.
        processes: how many.

    Returns:
        Counts, cell by cell, as they are done.
    """
    yield from counted([cell for row in rows for cell in cells_of(row, amount)], processes)


def counted(cells: Iterable[Cell], processes: int, first: int = 0) -> Iterator[Count]:
    """Simulate cells in processes.

    Args:
        cells: what to simulate.
        processes: how many.
        first: number of the first chunk, of which the seeds are made.

    Returns:
        Counts, cell by cell, as they are done.
    """
    by_key: dict[object, list[Cell]] = {}
    for cell in cells:
        by_key.setdefault(cell.key, []).append(cell)
    with ProcessPoolExecutor(processes, initializer=_one_thread) as pool:
        pending = [
            (same, [pool.submit(simulated, same[0], c, first) for c in range(-(-same[0].simulations // _CHUNK))])
            for same in by_key.values()
        ]
        for same, parts in pending:
            outcomes = tuple(one for part in parts for one in part.result())
            verdicts = [verdict for verdict, _ in outcomes]
            for cell in same:
                yield Count(cell, verdicts.count("agrees"), verdicts.count("disagrees"), outcomes)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
