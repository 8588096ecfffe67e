"""What a figure says of that which it leaves to the table: a figure of hundreds of panels or bars shows nothing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

__all__ = ["first_of_each", "some_of"]


def first_of_each(kinds: Sequence[Hashable]) -> list[int]:
    """Return the places at which a kind stands for the first time.

    >>> first_of_each(["P-T", "P-T", "RI-T", "P-T"])
    [0, 2]
    """
    return [i for i, kind in enumerate(kinds) if kind not in kinds[:i]]


def some_of(shown: int, of: int, what: str) -> str:
    """Say that only some are drawn; empty where all are.

    >>> some_of(18, 120, "pairs"), some_of(3, 3, "pairs")
    ('18 of 120 pairs; all are in the table', '')
    """
    return f"{shown:,} of {of:,} {what}; all are in the table" if shown < of else ""
