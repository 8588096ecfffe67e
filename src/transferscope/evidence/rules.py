"""When numbers agree with a claim, and when they disagree: all rules.

A rule has two tests: one for agreement and one for disagreement. What passes neither cannot be told.

==============================  ===================================================================
rule                            the claim it judges
==============================  ===================================================================
:class:`Above`, :class:`Below`  a number is over (under) a margin; a ratio over (under) 1
:class:`Under`                  a number is no larger than a margin: no difference, one-sided
:class:`NotBelow`               a number is no smaller than a margin: nothing is lost
:class:`Within`                 a number is none, up to a margin on both sides
:class:`PeakAbove`              a barrier
:class:`PeakUnder`              no barrier
:class:`AllOf`, :class:`Each`   several things; one thing of each of several numbers
:class:`InOrder`                one thing from some place on
:class:`Not`                    the contrary of another rule
==============================  ===================================================================
"""

from __future__ import annotations

from .bounds import Above, Below, NotBelow, PeakAbove, PeakUnder, Under, Within
from .combined import AllOf, Each, InOrder, Not
from .rule import Evidence, PeakLike, Rule

__all__ = [
    "Above", "AllOf", "Below", "Each", "Evidence", "InOrder", "Not", "NotBelow", "PeakAbove", "PeakLike", "PeakUnder",
    "Rule", "Under", "Within",
]  # fmt: skip
