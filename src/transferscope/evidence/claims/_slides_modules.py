"""Claims of Sedghi's slides about critical modules, after Zhang et al. 2019 and Chatterji et al. 2020."""

from __future__ import annotations

from ..claim import Claim
from ..rules import Above, AllOf, Each, Under
from ._shared import CHOSEN, MARGIN

__all__ = ["CLAIMS"]

_FIT = (
    "over configurations of a grid whose networks fit their training images (each left out in turn, with all its "
    "networks) and test images"
)
_TWELVE = "networks of at least twelve configurations that fit their training images"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "003-C-a",
        "",
        "some modules of a trained network are critical and others are not: set back to their initial values, some "
        "cost much of its performance and others none (Zhang et al. 2019)",
        question="rewind",
        statistic=(
            "RI-T: the increase of the test error with (1) the most, (2) the least critical module of each network "
            "set back to its start, both chosen on one half of the images and measured on the other; over networks "
            "and images"
        ),
        rule=AllOf(Above(MARGIN), Under(MARGIN)),
        about="criticality",
        kinds=("RI-T",),
        effect=0.1,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "003-C-b",
        "",
        "critical modules lie in sharp valleys, other modules in wide ones",
        undecided="a definition: μ is large where the valley is sharp for the way it is long; `criticality` draws "
        "the most and the least critical module of each network side by side",
    ),
    Claim(
        "003-C-c",
        "",
        "module criticality as a measure of generalisation correlates well with how networks perform",
        question="generalization",
        statistic=f"Kendall's τ of network criticality and test error, {_FIT}",
        rule=Above(0.0),
        about="criticality",
        effect=0.3,
        units="Kendall's τ",
        effect_from=CHOSEN,
        needs=_TWELVE,
    ),
    Claim(
        "003-C-d",
        "Chatterji et al. 2020",
        "network criticality explains which networks generalise better where earlier measures fail to",
        question="generalization",
        statistic=(
            "Kendall's τ of network criticality and test error less that of each of nine earlier measures, as far as "
            f"they vary, and test error, {_FIT}"
        ),
        rule=Each(Above(0.0)),
        about="criticality",
        effect=0.2,
        units="Kendall's τ",
        effect_from=CHOSEN,
        needs=_TWELVE,
    ),
)
"""C is about criticality, in the order of the slides."""
