"""How images are prepared: apart from the rest of a study file, as files of weights are looked at on images, too."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from ..strict import Strict

__all__ = ["SIDES", "ImageSettings", "Seed"]

Seed = Annotated[int, Field(ge=0, lt=2**31)]
SIDES = (8, 4096)
"""Least and largest side of images in pixels."""


class ImageSettings(Strict):
    """How images are prepared, source and targets alike."""

    size: Annotated[int, Field(ge=SIDES[0], le=SIDES[1])] | None = None
    """Side of the square images in pixels; default: what the network was designed for."""
    channels: Literal[1, 3] = 3
    """1 for grey, 3 for RGB; grey images become RGB and the other way round as needed."""
    samples: PositiveInt | None = None
    """Use at most this many images of each part (the paper: 50,000); default: all."""
    seed: Seed = 2020
    """Seed of the choice of samples and of a split that the source does not bring itself (the paper: 2020)."""
    skip_unreadable: bool = False
    """Leave out images that cannot be read, and count them in the report, instead of refusing the set."""
