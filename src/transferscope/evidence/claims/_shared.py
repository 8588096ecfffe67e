"""What several claims share: the margin of a barrier, how one is measured, and where an effect is from."""

from __future__ import annotations

__all__ = ["CHOSEN", "MARGIN", "PEAK", "PEAK_OF_PAIRS"]

MARGIN = 0.02
"""A barrier, a critical module and a loss are such from 2 points on."""

CHOSEN = "chosen: nothing is printed"
"""Where an effect is from that no paper gives."""

_PEAK = (
    "the rise of the test error over the straight line between the ends (Entezari et al. 2021), as a peak: the "
    "height at the λ chosen on the other half of the images, and the upper limit at every λ; over networks"
)
PEAK, PEAK_OF_PAIRS = f"{_PEAK} and images", f"{_PEAK} (one left out at a time) and images"
"""How barriers are measured: of lines that share no network, of pairs of networks."""
