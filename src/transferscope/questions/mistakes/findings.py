"""What the counts of mistakes say, in sentences: networks are the sample, and images vary, too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.pairs import pair_contrast, pair_mean
from ...evidence.phrases import count, listed, percent, percent_text, points_text
from .._members import TWO_RI_T, Pair, first_of, pair_said
from .._pair_sample import judged_by, learned_kinds, networks_in
from .._sides import said_unlearned
from .answers import uncommon
from .classes import class_size, classes_won
from .difficulty import difficulty
from .measure import Mistakes

__all__ = ["findings"]

_WORDS = {"agrees": "disagree on more", "disagrees": "disagree on fewer"}


def findings(result: Mistakes) -> tuple[Finding, ...]:
    """Return the findings of a result: how many mistakes are shared, which are hard, what class size does."""
    by_kind = learned_kinds(result.members, result.pairs)
    found = [_level(result, kind, pairs) for kind, pairs in by_kind.items()]
    if "P-T & RI-T" in by_kind and "P-T & P-T" in by_kind:
        sides = [(kind, by_kind[kind]) for kind in ("P-T & RI-T", "P-T & P-T")]
        found.append(_order(result, "000-3.2-a", *sides, weight=0.9))
    if (random := first_of(TWO_RI_T, by_kind)) and "P-T & P-T" in by_kind:
        sides = [(kind, by_kind[kind]) for kind in (random, "P-T & P-T")]
        found.append((_each_class if result.multilabel else _order)(result, "000-B.2-a", *sides, weight=0.7))
    found += difficulty(result)
    if not result.multilabel:
        found += [*classes_won(result), *class_size(result)]
    return (*found, *_of_one_answer(result), *said_unlearned(result.members, result.witnesses))


def _level(result: Mistakes, kind: str, pairs: Sequence[Pair]) -> Finding:
    """How many mistakes pairs of a kind share."""
    found = pair_mean(uncommon(result, pairs))
    named = {(result.members[p.a].label, result.members[p.b].label) for p in pairs}
    mine = [s for s in result.shared if not s.of and (s.a, s.b) in named]
    both = float(np.mean([s.both_wrong / s.n for s in mine])) if mine else 0.0
    parts = np.array([(s.uncommon_share_a, s.uncommon_share_b) for s in mine])
    avoided = (
        "" if np.isnan(parts).any() else f"; of the mistakes of one, the other avoids {percent(parts.mean(), 0)}"
    )
    return said(
        f"{kind}: exactly one of the two is right on {percent_text(found)} "
        f"of the {_noun(result)}, both are wrong on {percent(both)}"
        f"{avoided}; {count(result.n, 'image')}, {count(len(pairs), 'pair')} of networks.",
        found,
        n=networks_in(result.members, pairs),
        unit="networks",
        weight=0.4,
    )


def _order(
    result: Mistakes, claim: str, more: tuple[str, Sequence[Pair]], less: tuple[str, Sequence[Pair]], *, weight: float
) -> Finding:
    """Whether pairs of one kind disagree on more images than those of another."""
    first, second = (uncommon(result, pairs) for _, pairs in (more, less))
    found, used = pair_contrast(first, second), (*more[1], *less[1])
    judged = judge(claim, found, networks=judged_by(result.members, used, result.witnesses))
    word = _WORDS.get(judged.verdict, "do not clearly disagree on more")
    return said(
        f"{_capital(pair_said(more[0]))} {word} {_noun(result)} than {pair_said(less[0])}: "
        f"{percent(float(first.values.mean()))} against {percent(float(second.values.mean()))}, "
        f"difference {points_text(found)}; {_counts(result, more, less)}.",
        found,
        n=networks_in(result.members, used),
        unit="networks",
        weight=weight,
        judged=judged,
    )


def _each_class(
    result: Mistakes, claim: str, more: tuple[str, Sequence[Pair]], less: tuple[str, Sequence[Pair]], *, weight: float
) -> Finding:
    """Whether they do in each of several labels that an image can have."""
    by_class: dict[str, Estimate] = {}
    for c, name in enumerate(result.classes):
        if (result.right[0, :, c] >= 0).any():
            by_class[name] = pair_contrast(*(uncommon(result, pairs, c) for _, pairs in (more, less)))
    used = (*more[1], *less[1])
    judged = judge(claim, *by_class.values(), networks=judged_by(result.members, used, result.witnesses))
    least = min(by_class, key=lambda name: by_class[name].value)
    word = {"agrees": "for each", "disagrees": "not for each"}.get(judged.verdict, "not clearly for each")
    won = sum(e.value > 0 for e in by_class.values())
    return said(
        f"{_capital(pair_said(more[0]))} disagree on more images than {pair_said(less[0])} in {won} of "
        f"{count(len(by_class), 'label')}, {word}; "
        f"least in {least}, by {points_text(by_class[least])}; {_counts(result, more, less)}.",
        by_class[least],
        n=networks_in(result.members, used),
        unit="networks",
        weight=weight,
        judged=judged,
    )


def _counts(result: Mistakes, more: tuple[str, Sequence[Pair]], less: tuple[str, Sequence[Pair]]) -> str:
    return f"{count(result.n, 'image')}, {len(more[1])} and {count(len(less[1]), 'pair')} of networks"


def _noun(result: Mistakes) -> str:
    return "answers" if result.multilabel else "images"


def _of_one_answer(result: Mistakes) -> list[Finding]:
    """Which of some networks of unknown kind give the same answer to all images; others are said to be left out."""
    blind = [m.label for m in result.members if m.label in result.constant and not m.role.endswith("-T")]
    if not blind:
        return []
    gives, them = ("gives", "it") if len(blind) == 1 else ("give", "them")
    return [
        said(
            f"{listed(blind)} {gives} one and the same answer to all {count(result.n, 'image')}, so comparisons with "
            f"{them} say nothing.",
            Estimate(float(len(blind))),
            n=len(result.members),
            unit="networks",
            weight=0.9,
        )
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
