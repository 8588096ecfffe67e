"""The claims of Sedghi's slides: what judges them here, or why nothing does."""

from __future__ import annotations

from ..claim import Claim
from ..rules import PeakAbove
from ._shared import CHOSEN, MARGIN, PEAK_OF_PAIRS

__all__ = ["CLAIMS"]

KEY, NAME, SHORT = "003", "sedghi", "Sedghi (slides)"
TITLE = "Towards understanding transfer learning and its limits"

_TABLES = (
    "`transferscope scaling` measures it on a table of models, task by task, with its interval; models of a table "
    "are no sample of a kind of networks, so no rule makes a verdict of it"
)

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
        "raising upstream accuracy stops paying: downstream accuracy saturates even as upstream accuracy goes to 1",
        undecided=_TABLES,
    ),
    Claim(
        "003-c",
        "",
        "downstream error is a power law of upstream error with an irreducible error, and no straight line",
        undecided=_TABLES,
    ),
    Claim(
        "003-d",
        "",
        "k and e_∞ correlate negatively with the number of shots, α positively",
        undecided=f"{_TABLES}; and the slides' own table contradicts it (cars with ImageNet-21k: k +0.72)",
    ),
    Claim(
        "003-e",
        "",
        "the law is predicted well from many fewer models",
        undecided=_TABLES,
    ),
    Claim(
        "003-f",
        "",
        "scaling size, data or compute leads to the same curve",
        undecided=f"{_TABLES}; it wants a grid of pre-trainings in which one of the three varies alone",
    ),
    Claim(
        "003-g",
        "",
        "conditioned on upstream accuracy not much is left for all other parameters to predict",
        undecided=f"{_TABLES}; and it is about the covariates that a table happens to have: of 72 published "
        "fine-tunings upstream accuracy explains nothing of ImageNet-R and hyper-parameters nearly all",
    ),
    Claim(
        "003-h",
        "",
        "the gap between models best on ImageNet and those best on a task closes as upstream accuracy rises",
        undecided=_TABLES,
    ),
)
"""In the order of the paper."""
