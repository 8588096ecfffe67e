"""What is known of one claim of a paper."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HULL", "POSITIVE", "RANK", "Claim"]

POSITIVE = "agrees with its 95 % interval above 0, disagrees with it below 0, otherwise cannot tell"
"""The rule for a number that the paper says is positive."""

HULL = "agrees when all networks (or pairs) of the one kind lie above all of the other, disagrees when all lie below"
"""The rule for exact numbers of given networks, where only the choice of networks could be another."""

RANK = "p < 0.05: agrees for τ > 0, disagrees for τ < 0; otherwise cannot tell"
"""The rule for an order of modules by Kendall's rank correlation with depth."""


@dataclass(frozen=True)
class Claim:
    """A claim of a paper.

    Attributes:
        id: paper, section and a letter, e.g. ``000-3.3-a``.
        text: the claim in our words, behind its place in the paper; findings carry exactly this.
        decided_by: the question whose findings judge it; ``None`` when none does.
        statistic: what is computed to judge it, and from what the interval is.
        rule: when that agrees, disagrees, cannot tell.
        undecided: why nothing here judges it, where nothing does.
    """

    id: str
    text: str
    decided_by: str | None
    statistic: str = ""
    rule: str = ""
    undecided: str = ""

    @property
    def paper(self) -> str:
        """Number of the paper."""
        return self.id.partition("-")[0]

    @property
    def section(self) -> str:
        """Place in the paper, e.g. ``§3.3, Fig. 4``; empty for the whole of it."""
        return self.text.partition(": ")[0].removeprefix(self.paper).strip()

    @property
    def says(self) -> str:
        """The claim without its place."""
        return self.text.partition(": ")[2]
