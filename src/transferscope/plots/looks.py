"""Colours for what is in one figure: the house's where a role or kind of pair has one, else one nobody has yet."""

from __future__ import annotations

from collections.abc import Iterable

from .style import DASHES, PALETTE, look_of

__all__ = ["HATCHES", "MARKERS", "looks"]

MARKERS = "osD^vP*X"
"""A marker for each place in a figure, for grey prints."""

HATCHES = ("", "///", "\\\\\\", "xx", "--", "||", "++", "/")
"""A hatch for each place among bars, for grey prints; of lines, as a file of dots or rings is ten times as large."""

Look = tuple[str, str | tuple[int, tuple[int, ...]]]


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Return (colour, dash) by name, no two alike while there are colours.

    >>> looks(["P-T", "mine.pt", "RI-T"])
    {'P-T': ('#0072B2', '-'), 'mine.pt': ('#009E73', '-.'), 'RI-T': ('#D55E00', '--')}
    """
    names = list(dict.fromkeys(names))
    found = {name: look for name in names if (look := look_of(name, 0)) == look_of(name, 1)}
    free = [i for i in range(len(PALETTE)) if PALETTE[i] not in {colour for colour, _ in found.values()}]
    for place, name in enumerate(name for name in names if name not in found):
        i = free[place % len(free)] if free else place
        found[name] = (PALETTE[i % len(PALETTE)], DASHES[i % len(DASHES)])
    return {name: found[name] for name in names}
