"""Where claims are from: the number that begins an id stands for a source, which readers know by its name."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SOURCES", "cited"]

SOURCES: Mapping[str, str] = {
    "000": "Neyshabur et al. 2020",
    "002": "Liu et al. 2019",
    "003": "Sedghi (slides)",
}
"""The source of each number, as sentences call it."""


def cited(source: str, place: str = "") -> str:
    """Name a source and a place in it.

    Args:
        source: its number.
        place: where in it; empty for the whole.

    >>> cited("000", "§3.3"), cited("003")
    ('Neyshabur et al. 2020, §3.3', 'Sedghi (slides)')
    """
    return f"{SOURCES[source]}, {place}" if place else SOURCES[source]
