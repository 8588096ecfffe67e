"""The claims of Sedghi's slides that something here judges."""

from __future__ import annotations

from ..claim import Claim
from ..rules import Above, AllOf, PeakAbove
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
    Claim(
        "003-b",
        "",
        "averaging the weights of models fine-tuned with different hyper-parameters improves their accuracy",
        question="soup",
        statistic=(
            "the test metric of a greedy soup less that of its best single network on held-out images; over soups "
            "that share no network (one a seed), and images"
        ),
        rule=Above(0.0),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.005,
        units="share of test images",
        effect_from="half of 1.1 points, what the authors' 72 fine-tunings give on what they were tuned on, rounded",
        needs="at least three seeds, each with two fine-tuned networks",
    ),
    Claim(
        "003-c",
        "",
        "a soup of fine-tuned models has most of the accuracy that their ensemble gains, at the cost of one model",
        question="soup",
        statistic=(
            "the test metric of (1) the greedy ensemble less that of the best single network, (2) the greedy soup "
            "less that of the best single network, less half of the ensemble's; over soups that share no network, "
            "and images"
        ),
        rule=AllOf(Above(0.0), Above(0.0)),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.005,
        units="share of test images",
        effect_from=CHOSEN,
        needs="at least three seeds, each with two fine-tuned networks",
    ),
    Claim(
        "003-d",
        "",
        "there is no barrier between fine-tuned models, so their weights can be averaged",
        undecided="the same as 000-3.3-a, which the barrier judges; soups say it of given networks",
    ),
)
"""In the order of the paper."""
