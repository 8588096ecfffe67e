"""One standard of evidence: estimates, claims and their rules, verdicts, findings, and the words for them.

A question estimates something, has it judged by the claim's id, and says so::

    learned_ones, left = learned(witnesses)
    estimate = ...                                  # an Estimate, over networks where there are enough
    judged = judge("000-3.2-g", estimate, networks=learned_ones)
    finding = said(f"Two RI-T lie {times(estimate.value)} times …", estimate, n=6, unit="networks", judged=judged)

======================  ==========================================================================
module                  what it holds
======================  ==========================================================================
:mod:`.estimate`        a number with its interval, and what that is over
:mod:`.claims`          every claim of the papers, cited by id
:mod:`.rules`           when numbers agree with a claim
:mod:`.judge`           the one place where numbers meet a claim
:mod:`.guard`           networks that learned nothing
:mod:`.finding`         data first, words last
:mod:`.left_out`        what plays no part, and why
:mod:`.tally`           verdicts over targets, and how many chance would give
:mod:`.phrases`         the grammar of sentences
:mod:`.contrast`        two kinds of networks
:mod:`.pairs`           pairs of networks, each of which is in several
:mod:`.peaks`           a maximum on a line, chosen and measured on different images
:mod:`.draws`           draws of noise, directions, planes
:mod:`.trend`           slopes, one a network
:mod:`.proportion`      shares of images, correlations over targets
:mod:`.power`           which difference can be told
:mod:`.pilot`           what earlier runs say of those to come
:mod:`.which`           which of some networks to take
======================  ==========================================================================
"""

from __future__ import annotations

from .claim import About, Claim
from .claims import CLAIMS, claim_called, claims_judged_by, claims_of
from .contrast import contrast, mean, ratio, ratio_of_means, reduction
from .crossfit import cross_fitted
from .draws import over_draws
from .estimate import Estimate, measured
from .finding import Finding, said
from .guard import Witness, above_chance, as_chance, chance_of, learned, silence, unfit
from .judge import judge
from .left_out import LeftOut, joined, remark
from .pairs import Pairs, pair_contrast, pair_mean, pair_ratio
from .peaks import Gain, Peak, excess, gain, kind_gain, kind_peak, peak
from .proportion import correlation, proportion
from .tally import ClaimTally, Tally, TargetVerdict, tally
from .trend import over_depth, slopes
from .verdict import Judgement, Verdict

__all__ = [
    "CLAIMS",
    "About",
    "Claim",
    "ClaimTally",
    "Estimate",
    "Finding",
    "Gain",
    "Judgement",
    "LeftOut",
    "Pairs",
    "Peak",
    "Tally",
    "TargetVerdict",
    "Verdict",
    "Witness",
    "above_chance",
    "as_chance",
    "chance_of",
    "claim_called",
    "claims_judged_by",
    "claims_of",
    "contrast",
    "correlation",
    "cross_fitted",
    "excess",
    "gain",
    "joined",
    "judge",
    "kind_gain",
    "kind_peak",
    "learned",
    "mean",
    "measured",
    "over_depth",
    "over_draws",
    "pair_contrast",
    "pair_mean",
    "pair_ratio",
    "peak",
    "proportion",
    "ratio",
    "ratio_of_means",
    "reduction",
    "remark",
    "said",
    "silence",
    "slopes",
    "tally",
    "unfit",
]
