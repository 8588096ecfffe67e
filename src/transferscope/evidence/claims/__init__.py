"""Every claim of the papers: what judges it here, or why nothing does. Each is written once and cited by its id."""

from __future__ import annotations

from ...errors import UsageError, nearest
from ..claim import Claim
from . import liu2019, neyshabur2020, slides

__all__ = ["CLAIMS", "claim_called", "claims_judged_by", "claims_of"]

CLAIMS: tuple[Claim, ...] = (*neyshabur2020.CLAIMS, *liu2019.CLAIMS, *slides.CLAIMS)
"""All claims, paper by paper."""

_BY_ID = {claim.id: claim for claim in CLAIMS}


def claim_called(id: str) -> Claim:  # noqa: A002
    """Return the claim of this id.

    Raises:
        UsageError: when there is none.

    >>> claim_called("002-3-g").question
    'hessian'
    """
    if id not in _BY_ID:
        raise UsageError(f"no claim {id!r}{nearest(id, _BY_ID)}")
    return _BY_ID[id]


def claims_of(paper: str) -> tuple[Claim, ...]:
    """Return the claims of a paper by its number, or by its name in study files.

    >>> claims_of("003")[0].id, claims_of("003") == claims_of("sedghi")
    ('003-a', True)
    """
    key = next((p.KEY for p in (neyshabur2020, liu2019, slides) if paper == p.NAME), paper)
    return tuple(claim for claim in CLAIMS if claim.paper == key)


def claims_judged_by(question: str) -> tuple[Claim, ...]:
    """Return the claims that a question judges.

    >>> [claim.id for claim in claims_judged_by("hessian")]
    ['002-3-g']
    """
    return tuple(claim for claim in CLAIMS if claim.question == question)
