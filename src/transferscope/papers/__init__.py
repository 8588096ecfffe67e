"""What the papers print and claim, and what a study has to set beside it.

========================  =======================================================
module                    what it holds
========================  =======================================================
:mod:`.printed`           the numbers of their tables, as printed
:mod:`.claims`            what they claim, with what decides it here
:mod:`.beside`            a study's numbers beside the printed ones
:mod:`.counted`           how a study's findings sit with the claims
========================  =======================================================
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError, nearest

__all__ = ["PAPERS", "Paper", "paper_called"]


@dataclass(frozen=True)
class Paper:
    """One of the papers.

    Attributes:
        key: how this package numbers it, in ``cites``, claims and documents.
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


PAPERS: tuple[Paper, ...] = (
    Paper(
        "000",
        "neyshabur2020",
        "Neyshabur et al. 2020",
        "What is being transferred in transfer learning?",
        "NeurIPS 2020, arXiv 2008.11687",
    ),
    Paper(
        "002",
        "liu2019",
        "Liu et al. 2019",
        "Towards understanding the transferability of deep representations",
        "submission to ICLR 2020, arXiv 1909.12031",
    ),
    Paper(
        "003",
        "sedghi",
        "Sedghi (slides)",
        "Towards understanding transfer learning and its limits",
        "slides of a talk",
    ),
)
"""The papers this package is about."""


def paper_called(name: str) -> Paper:
    """Return a paper by its name in study files or its number here.

    Raises:
        UsageError: for another name.

    >>> paper_called("neyshabur2020").key, paper_called("002").short
    ('000', 'Liu et al. 2019')
    """
    for paper in PAPERS:
        if name in (paper.name, paper.key):
            return paper
    raise UsageError(f"paper {name!r} is not known{nearest(name, [p.name for p in PAPERS])}")
