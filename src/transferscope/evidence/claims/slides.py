"""The claims of Sedghi's slides that something here judges."""

from __future__ import annotations

from ..claim import Claim
from ..rules import PeakAbove
from ._shared import CHOSEN, MARGIN, PEAK_OF_PAIRS

__all__ = ["CLAIMS"]

KEY, NAME, SHORT = "003", "sedghi", "Sedghi (slides)"
TITLE = "Towards understanding transfer learning and its limits"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "003-a",
        "",
        "barriers are to be expected between unrelated networks",
        question="barrier",
        statistic=f"a P-T and an RI-T: {PEAK_OF_PAIRS}",
        rule=PeakAbove(MARGIN),
        about="position",
        kinds=("P-T", "RI-T"),
        effect=0.1,
        units="share of test images",
        effect_from=CHOSEN,
    ),
)
"""In the order of the paper."""
