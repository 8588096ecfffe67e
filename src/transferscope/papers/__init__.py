"""The papers: a folder each, with printed tables and studies; what they claim is in ``evidence.claims``.

========================  ===================================================================
in the folder of a paper  what it holds
========================  ===================================================================
``tables.py``             its tables, as printed, where it prints numbers that can be measured here
``about.yaml``            title, figures, scales and what each needs
``mini.yaml``             the study that makes its figures and tables, small
``paper.yaml``            the same with the paper's sizes
========================  ===================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UsageError, nearest
from ..evidence.claims import claims_of, liu2019, neyshabur2020, slides

if TYPE_CHECKING:
    from ..evidence.claim import Claim

__all__ = ["PAPERS", "Paper", "paper_called"]


@dataclass(frozen=True)
class Paper:
    """One of the papers.

    Attributes:
        key: how this package numbers it, in ids of claims.
        name: how study files call it.
        short: how sentences call it.
        title: its title.
        where: where it was published.
    """

    key: str
    name: str
    short: str
    title: str
    where: str

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What it claims, in its order."""
        return claims_of(self.key)


PAPERS: tuple[Paper, ...] = tuple(
    Paper(paper.KEY, paper.NAME, paper.SHORT, paper.TITLE, where)
    for paper, where in (
        (neyshabur2020, "NeurIPS 2020, arXiv 2008.11687"),
        (liu2019, "submission to ICLR 2020, arXiv 1909.12031"),
        (slides, "slides of a talk"),
    )
)
"""The papers this package is about."""


_IN_SLIDES: tuple[Paper, ...] = (
    Paper(
        slides.KEY,
        "abnar2022",
        "Abnar et al. 2022",
        "Exploring the limits of large scale pre-training",
        "ICLR 2022, arXiv 2110.02095",
    ),
    Paper(
        slides.KEY,
        "wortsman2022",
        "Wortsman et al. 2022",
        "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference "
        "time",
        "ICML 2022, arXiv 2203.05482",
    ),
    Paper(
        slides.KEY,
        "chatterji2020",
        "Chatterji et al. 2020",
        "The intriguing role of module criticality in the generalization of deep networks",
        "ICLR 2020, arXiv 1912.00528",
    ),
    Paper(
        slides.KEY,
        "entezari2023",
        "Entezari et al. 2023",
        "The role of pre-training data in transfer learning",
        "arXiv 2302.13602",
    ),
)
"""Papers whose claims are those that the slides make of them."""


def paper_called(name: str) -> Paper:
    """Return a paper by its name in study files or its number here.

    Raises:
        UsageError: for another name.

    >>> paper_called("neyshabur2020").key, paper_called("002").short
    ('000', 'Liu et al. 2019')
    >>> paper_called("abnar2022").key, paper_called("wortsman2022").short
    ('003', 'Wortsman et al. 2022')
    """
    for paper in (*PAPERS, *_IN_SLIDES):
        if name in (paper.name, paper.key):
            return paper
    raise UsageError(f"paper {name!r} is not known{nearest(name, [p.name for p in (*PAPERS, *_IN_SLIDES)])}")
