"""The claims of Sedghi's slides that something here judges."""

from __future__ import annotations

from ..claim import Claim
from ..rules import PeakAbove
from ._margin import MARGIN

__all__ = ["CLAIMS"]

KEY, NAME, SHORT = "003", "sedghi", "Sedghi (slides)"
TITLE = "Towards understanding transfer learning and its limits"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "003-a",
        "",
        "barriers are to be expected between unrelated networks",
        question="barrier",
        statistic=(
            "a P-T and an RI-T: the rise of the test error over the straight line between the ends (Entezari et al. "
            "2021), as a peak: the height at the λ chosen on the other half of the images, and the upper limit at "
            "every λ; over networks (one left out at a time) and images"
        ),
        rule=PeakAbove(MARGIN),
        about="position",
        kinds=("P-T", "RI-T"),
        effect=0.1,
        units="share of test images",
        effect_from="chosen: nothing is printed",
    ),
)
"""In the order of the paper."""
