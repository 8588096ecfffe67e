"""The page of all claims, ``docs/claims.md``."""

from __future__ import annotations

from collections.abc import Iterable

from ..claim import Claim
from ..rule import written
from . import liu2019, neyshabur2020, slides

__all__ = ["as_markdown"]

_HEAD = """# Claims of the papers, and what decides them

Findings that bear on a claim say how their numbers sit with it: *agrees*, *disagrees*, or *cannot tell* at this size.
Intervals decide, never a number alone. The wording is ours; a claim is judged as it is written, all parts of it.

- *statistic*: the numbers that are judged, in order, and what varies in their intervals. Networks are the sample: a
  verdict needs at least three of each kind, more where the claim says so. What holds of the networks from one
  pre-training holds for this checkpoint.
- *verdict*: the rule. A claim that something is larger is decided by a 95 % interval, one that nothing is lost, or no
  barrier is there, by a one-sided 95 % limit within a margin.
- *power for*: the size of the first number at which power is stated: half of what the paper prints, where it prints a
  number; for ratios its root. Of claims that a number is none, the true number.
- *failed runs* (diverged, not finite, one answer to all images, at chance) count as chance in claims about metric or
  speed; in others they silence the claim."""


def as_markdown() -> str:
    """Write the page.

    >>> as_markdown().splitlines()[0]
    '# Claims of the papers, and what decides them'
    """
    parts = [_HEAD]
    for paper in (neyshabur2020, liu2019, slides):
        parts.append(f"## {paper.SHORT}, *{paper.TITLE}*")
        head = ("claim", "question", "about", "statistic", "verdict", "power for")
        parts.append(_table(head, [_row(claim) for claim in paper.CLAIMS if claim.rule]))
        if left := [(_what(claim), claim.undecided) for claim in paper.CLAIMS if not claim.rule]:
            parts += ["Not decided here:", _table(("claim", "why not"), left)]
    return "\n\n".join(parts) + "\n"


def _row(claim: Claim) -> tuple[str, ...]:
    effect = "" if claim.effect is None else f"{written(claim.effect)} {claim.units} ({claim.effect_from})"
    scope = ", pre-training" if claim.pretrained else ""
    rule = "" if claim.rule is None else claim.rule.text
    link = f"[{claim.question}](questions/{claim.question}.md)"
    return _what(claim), link, f"{claim.about}{scope}", claim.statistic, rule, effect


def _what(claim: Claim) -> str:
    place = f" ({claim.section})" if claim.section else ""
    return f"**{claim.id}** {claim.says}{place}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
