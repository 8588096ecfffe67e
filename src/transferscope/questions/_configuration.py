"""What trained networks of a grid are but for their seed."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["configuration"]


def configuration(family: str, factors: Mapping[str, float]) -> str:
    """Return family and factors in words. Networks that share them differ in their seed alone.

    Such networks are alike by more than the factors say, so they are one observation of what configurations do.

    >>> configuration("mlp", {"width": 8.0, "share": 0.5})
    'mlp, width 8, share 0.5'
    """
    return ", ".join([family, *(f"{name} {value:g}" for name, value in factors.items())])
