"""The table of a soup for a terminal."""

from __future__ import annotations

from ...columns import columns
from ...evidence.phrases import number
from .measure import HELD_OUT, Soup

__all__ = ["table"]


def table(result: Soup) -> list[str]:
    """Return a line for each entry: what it is, how many networks an answer takes, and its metric on each set.

    Numbers are in percent; those in brackets are the difference to the best single network on held-out images, in
    points. The oracle of a set is marked with a star.
    """
    sets = (HELD_OUT, *result.tests)
    head = [f"{result.measured} in % (n)", "networks", *(f"{name} ({result.n[name]:,})" for name in sets)]
    rows = [head]
    oracles = {name: result.oracle(name) for name in result.tests}
    for entry in result.entries:
        cells = [entry.name, str(entry.passes)]
        for name in sets:
            value = number(100 * result.value(entry.name, name), 1)
            over = number(100 * (result.value(entry.name, name) - result.value(result.best, name)), 1)
            star = "*" if oracles.get(name) == entry.name else ""
            cells.append(f"{value}{star} ({over if over.startswith('−') else '+' + over})")
        rows.append(cells)
    return columns(rows, numbers=True)
