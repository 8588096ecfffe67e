"""What a figure says of that which it leaves to the table: a figure of hundreds of panels or bars shows nothing."""

from __future__ import annotations

__all__ = ["some_of"]


def some_of(shown: int, of: int, what: str) -> str:
    """Say that only some are drawn; empty where all are.

    >>> some_of(18, 120, "pairs"), some_of(3, 3, "pairs")
    ('18 of 120 pairs; all are in the table', '')
    """
    return f"{shown:,} of {of:,} {what}; all are in the table" if shown < of else ""
