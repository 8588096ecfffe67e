"""The margin of error, or accuracy, that several claims share."""

from __future__ import annotations

__all__ = ["MARGIN"]

MARGIN = 0.02
"""A barrier, a critical module and a loss are such from 2 points on."""
