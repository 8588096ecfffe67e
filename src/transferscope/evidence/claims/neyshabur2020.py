"""The claims of Neyshabur, Sedghi and Zhang 2020."""

from __future__ import annotations

from ..claim import Claim
from ..sources import SOURCES
from . import _neyshabur_appendix, _neyshabur_landscape, _neyshabur_training

__all__ = ["CLAIMS", "KEY", "NAME", "SHORT", "TITLE"]

KEY, NAME = "000", "neyshabur2020"
SHORT = SOURCES[KEY]
TITLE = "What is being transferred in transfer learning?"

CLAIMS: tuple[Claim, ...] = (
    *_neyshabur_training.CLAIMS,
    *_neyshabur_landscape.CLAIMS,
    *_neyshabur_appendix.CLAIMS,
)
"""In the order of the paper."""
