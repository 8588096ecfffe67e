"""Every claim of the papers that something here can judge, and those that nothing can, with the reason.

A finding that bears on a claim carries the claim's text; so the texts here are the constants of ``analyses`` word for
word, and a test holds the two together. :func:`as_markdown` is ``docs/claims.md``.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import UsageError, nearest
from . import PAPERS, _claims_liu, _claims_neyshabur
from ._claim import Claim

__all__ = ["CLAIMS", "Claim", "as_markdown", "claim_called", "claim_of", "claims_of"]

CLAIMS: tuple[Claim, ...] = (*_claims_neyshabur.CLAIMS, *_claims_liu.CLAIMS, *_claims_liu.SLIDES)
"""All claims, paper by paper."""

_BY_TEXT = {claim.text: claim for claim in CLAIMS}

_HEAD = """# Claims of the papers, and what decides them

Findings that bear on a claim say how their number sits with it: *agrees*, *disagrees*, or *cannot tell* at this size.
It is the interval that decides, or a test, never the number alone. The wording is ours. Claims that nothing here
decides are listed with the reason."""


def claim_of(text: str) -> Claim | None:
    """Return the claim that a finding carries; ``None`` for one that is not of the papers.

    >>> claim_of("000 §3.3: no performance barrier between two P-T").id
    '000-3.3-a'
    """
    return _BY_TEXT.get(text)


def claim_called(id: str) -> Claim:  # noqa: A002
    """Return the claim of this id.

    Raises:
        UsageError: when there is none.

    >>> claim_called("002-3-g").decided_by
    'hessian'
    """
    for claim in CLAIMS:
        if claim.id == id:
            return claim
    raise UsageError(f"no claim {id!r}{nearest(id, [c.id for c in CLAIMS])}")


def claims_of(paper: str) -> tuple[Claim, ...]:
    """Return the claims of a paper by its number."""
    return tuple(claim for claim in CLAIMS if claim.paper == paper)


def as_markdown() -> str:
    """Write the page of all claims."""
    parts = [_HEAD]
    for paper in PAPERS:
        claims = claims_of(paper.key)
        parts.append(f"## {paper.key}: {paper.short}, *{paper.title}*")
        decided = [
            (_what(c), f"[{c.decided_by}](questions/{c.decided_by}.md)", c.statistic, c.rule)
            for c in claims
            if c.decided_by
        ]
        parts.append(_table(("claim", "question", "statistic", "verdict"), decided))
        if left := [(_what(c), c.undecided) for c in claims if not c.decided_by]:
            parts += ["Not decided here:", _table(("claim", "why not"), left)]
    return "\n\n".join(parts) + "\n"


def _what(claim: Claim) -> str:
    place = f" ({claim.section})" if claim.section else ""
    return f"**{claim.id}** {claim.says}{place}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
