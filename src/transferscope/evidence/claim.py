"""What is known of one claim of a paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .rule import Rule
from .sources import cited

__all__ = ["About", "Claim"]

About = Literal["metric", "speed", "likeness", "position", "curvature", "criticality", "spectrum"]
"""What a claim is about. In claims about metric or speed a failed run counts as chance; others it silences."""


@dataclass(frozen=True)
class Claim:
    """A claim of a paper, with what judges it here.

    Attributes:
        id: paper, section and a letter, e.g. ``000-3.3-a``.
        section: place in the paper, e.g. ``§3.3, Fig. 4``; empty for the whole of it.
        says: the claim in our words.
        question: the question that judges it; ``None`` when none does.
        statistic: the numbers that ``rule`` judges, in order, and what varies in their intervals.
        rule: when they agree.
        about: what it is about.
        kinds: the kinds of networks that must have learned something: of claims about likeness, position, curvature,
            criticality or spectrum, all of the networks; of claims about metric or speed, which failed runs do not
            silence, one at least (that nothing is lost says nothing where there was nothing to lose). ``P`` where
            pre-trainings themselves are compared.
        pretrained: whether it is about what pre-training does.
        one_start: whether it is about networks that were trained from one initialisation.
        effect: the size at which its power is stated, of the first number; half of what the paper prints where it
            prints one; of claims that a number is none, the true number.
        units: what effect and margin are in.
        effect_from: where the effect is from.
        needs: what a verdict takes, to follow "a verdict needs".
        undecided: why nothing here judges it, where nothing does.
    """

    id: str
    section: str
    says: str
    question: str | None = None
    statistic: str = ""
    rule: Rule | None = None
    about: About | None = None
    kinds: tuple[str, ...] = ()
    pretrained: bool = False
    one_start: bool = False
    effect: float | None = None
    units: str = ""
    effect_from: str = ""
    needs: str = "at least three networks of each kind"
    undecided: str = ""

    @property
    def paper(self) -> str:
        """Number of the paper; :data:`~transferscope.evidence.sources.SOURCES` has its name.

        >>> Claim("000-3.3-a", "§3.3", "no performance barrier between two P-T").paper
        '000'
        """
        return self.id.partition("-")[0]

    @property
    def text(self) -> str:
        """The claim with its place.

        >>> Claim("000-3.3-a", "§3.3", "no performance barrier between two P-T").text
        'Neyshabur et al. 2020, §3.3: no performance barrier between two P-T'
        """
        return f"{cited(self.paper, self.section)}: {self.says}"

    @property
    def outlasts_failure(self) -> bool:
        """Whether failed runs count as chance instead of silencing it."""
        return self.about in ("metric", "speed")
