"""The first screen of a study: a line for each target with the answers to six questions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..evidence.claims import claim_called
from ..evidence.phrases import count, listed
from ..evidence.tally import ClaimTally, Tally
from .board import Cell, axis_for, cell_of
from .forest import unit_of

__all__ = ["ASPECTS", "Answered", "Aspect", "Overview", "overview_of", "untold"]


@dataclass(frozen=True)
class Aspect:
    """One question of the first screen.

    Attributes:
        asks: its heading.
        claims: ids of the claims that answer it, the first that a finding bears on.
        yes: what ``agrees`` means.
        no: what ``disagrees`` means.
    """

    asks: str
    claims: tuple[str, ...]
    yes: str = "yes"
    no: str = "no"


ASPECTS = (
    Aspect("Better in the end?", ("000-3.1-a", "002-B.3-a")),
    Aspect("Faster?", ("000-3.1-b",)),
    Aspect("Features reused?", ("000-3.2-c", "000-3.2-d", "000-3.2-e")),
    Aspect("Same mistakes?", ("000-3.2-a",)),
    Aspect("One basin?", ("000-3.3-a", "000-3.3-g")),
    Aspect("Better when averaged?", ("003-b", "000-3.3-b", "000-5-a")),
)
"""What a reader asks of a study first, by the claims that say it."""


@dataclass(frozen=True)
class Answered:
    """The answer to one question on one target.

    Attributes:
        cell: verdict, number and evidence; ``None`` where no finding bears on it.
        word: the answer in a word.
        claim: the claim that says it.
        unit: in what the number is.
    """

    cell: Cell | None
    word: str
    claim: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Overview:
    """A line a target.

    Attributes:
        heads: the questions, those that are answered on any target.
        lines: each target with its answers.
        scope: how far verdicts reach; empty for everywhere.
    """

    heads: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Answered, ...]], ...]
    scope: str

    @staticmethod
    def only_word(answers: Sequence[Answered]) -> str:
        """Return the word that all answers of a line are, where none has a number; else nothing."""
        words = {answer.word for answer in answers}
        return words.pop() if len(words) == 1 and not any(answer.cell for answer in answers) else ""


def overview_of(
    counted: Tally,
    targets: Sequence[str],
    places: Mapping[int, str],
    lost: Mapping[str, str] | None = None,
    asked: Collection[tuple[str, str]] = (),
) -> Overview | None:
    """Answer the questions of the first screen; ``None`` where no finding bears on any of them.

    Args:
        counted: verdicts by claim and target.
        targets: of the study, in its order.
        places: the identity of a finding → anchor of its evidence.
        lost: targets on which every run failed, with what happened there: no number there says anything.
        asked: question and target of all that is asked, whether it has been answered or not.
    """
    by_id = {c.claim.id: c for c in counted.claims}
    columns = [
        [_answered(aspect, by_id, target, places, lost or {}, asked) for target in targets] for aspect in ASPECTS
    ]
    there = [(a.asks, column) for a, column in zip(ASPECTS, columns, strict=True) if any(one.cell for one in column)]
    if not there:
        return None
    lines = tuple((target, tuple(column[i] for _, column in there)) for i, target in enumerate(targets))
    scope = next((t.scope for c in counted.claims for t in c.targets if t.scope), "")
    return Overview(tuple(asks for asks, _ in there), lines, scope)


def _answered(
    aspect: Aspect,
    by_id: Mapping[str, ClaimTally],
    target: str,
    places: Mapping[int, str],
    lost: Mapping[str, str],
    asked: Collection[tuple[str, str]],
) -> Answered:
    if target in lost:
        return Answered(None, lost[target])
    for name in aspect.claims:
        counted = by_id.get(name)
        judged = None if counted is None else next((t for t in counted.targets if t.target == target), None)
        if counted is None or judged is None:
            continue
        word = {"agrees": aspect.yes, "disagrees": aspect.no}.get(judged.verdict, "cannot tell")
        axis = axis_for(counted.claim, counted.targets)
        says = counted.claim.says
        return Answered(cell_of(counted.claim, judged, axis, places), word, says, unit_of(counted.claim.units))
    # It failed, has not finished, or found nothing that a claim could be judged by.
    open_yet = any((claim_called(name).question, target) in asked for name in aspect.claims)
    return Answered(None, "no answer" if open_yet else "not asked")


def untold(counted: Tally, most: int = 3) -> str:
    """Say what could not be told, the claims with the most targets first; empty for nothing.

    Args:
        counted: verdicts by claim and target.
        most: so many claims are named.
    """
    open_ones = [(c.claim.says, [t.target for t in c.targets if t.verdict == "cannot tell"]) for c in counted.claims]
    open_ones = sorted((one for one in open_ones if one[1]), key=lambda one: -len(one[1]))
    if not open_ones:
        return ""
    named = [f"{says}{_on(targets)}" for says, targets in open_ones[:most]]
    rest = len(open_ones) - len(named)
    more = f"; and {count(rest, 'more claim')}" if rest else ""
    return f"{'; '.join(named)}{more}"


def _on(targets: Sequence[str]) -> str:
    named = [t for t in targets if t]
    return f" ({listed(named)})" if named else ""
