"""The claims of Liu et al. 2019."""

from __future__ import annotations

from ..claim import Claim
from ..sources import SOURCES
from . import _liu_choices, _liu_landscape

__all__ = ["CLAIMS", "KEY", "NAME", "SHORT", "TITLE"]

KEY, NAME = "002", "liu2019"
SHORT = SOURCES[KEY]
TITLE = "Towards understanding the transferability of deep representations"

CLAIMS: tuple[Claim, ...] = (*_liu_landscape.CLAIMS, *_liu_choices.CLAIMS)
"""In the order of the paper."""
