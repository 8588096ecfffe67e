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
======================  ==========================================================================
"""

from __future__ import annotations

from .claim import About, Claim
from .claims import CLAIMS, claim_called, claims_judged_by, claims_of
from .estimate import Estimate, measured
from .finding import Finding, said
from .guard import Witness, above_chance, as_chance, chance_of, learned, silence, unfit
from .judge import judge
from .left_out import LeftOut, joined, remark
from .tally import ClaimTally, Tally, TargetVerdict, tally
from .verdict import Judgement, Verdict

__all__ = [
    "CLAIMS",
    "About",
    "Claim",
    "ClaimTally",
    "Estimate",
    "Finding",
    "Judgement",
    "LeftOut",
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
    "joined",
    "judge",
    "learned",
    "measured",
    "remark",
    "said",
    "silence",
    "tally",
    "unfit",
]
