"""What sources, objectives and samples come to, in sentences: pre-trainings are the sample, paired by their seed."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import joined
from ...evidence.phrases import count, listed, number, percent, points_text
from ...evidence.verdict import Judgement
from .measure import TUNED, WORDS, SourceKind, Sources
from .spread import Spread, spread

__all__ = ["findings"]

_MATTERS = {"clip": "003-A-a", "simclr": "003-A-b"}
_CONTRASTIVE, _IMAGES, _DIVERSE = "003-A-c", "003-A-d", "003-A-e"


def findings(result: Sources) -> tuple[Finding, ...]:
    """Return how far sources lie apart, what objectives add, what samples add, each where shots are fewest."""
    found = [_best(result)]
    for objective in WORDS:
        found += _matter(result, objective)
    found += _objectives(result)
    for kind in result.kinds:
        if kind.sampling and not _is_control(kind):
            found += _sampled(result, kind)
    return (*found, *_diverse(result), *_failed(result))


def _best(result: Sources) -> Finding:
    """The best kind where shots are fewest and where they are most; a description."""
    parts = []
    columns = [0, len(result.columns) - 1]
    for column in columns:
        best = max(result.kinds, key=lambda kind: result.accuracy(kind, column).value)
        least = min(result.kinds, key=lambda kind: result.accuracy(kind, column).value)
        parts.append(
            f"{result.columns[column]}: {best.label} {percent(result.accuracy(best, column).value)}, "
            f"{least.label} {percent(result.accuracy(least, column).value)}"
        )
    top = max(result.kinds, key=lambda kind: result.accuracy(kind, 0).value)
    text = (
        f"{result.target}: highest and lowest of {count(len(result.kinds), 'kind')} of pre-training, not corrected "
        f"for the choice: {'; '.join(parts)}; {_size(result)}."
    )
    return said(text, result.accuracy(top, 0), n=len(result.rows), unit="pre-trainings", target=result.target,
                weight=0.6)  # fmt: skip


def _whole(result: Sources, objective: str) -> list[SourceKind]:
    """The kinds of an objective that saw all of their source."""
    return [kind for kind in result.kinds if kind.objective == objective and not kind.sampling]


def _matter(result: Sources, objective: str) -> list[Finding]:
    """Whether sources differ where shots are fewest, how that goes with shots, and whether their order stays."""
    kinds = _whole(result, objective)
    pairs = list(combinations(kinds, 2))
    if not pairs:
        return []
    gains = [result.less([pair], 0) for pair in pairs]
    widest = max(range(len(pairs)), key=lambda i: abs(gains[i].value))
    claim = _MATTERS.get(objective)
    first, second = pairs[widest] if gains[widest].value >= 0 else pairs[widest][::-1]
    text = (
        f"{result.target}, {result.columns[0]}, {WORDS[objective]}: of {count(len(kinds), 'source')} "
        f"{first.source} and {second.source} lie farthest apart, "
        f"{points_text(result.less([(first, second)], 0))}, not corrected for the choice; {_seeds(result, *kinds)}."
    )
    found = [
        said(text, gains[widest], n=_n(result, *kinds), unit="pre-trainings", target=result.target, weight=0.8,
             judged=judge(claim, *gains, networks=result.judged_by(*kinds)) if claim else None)
    ]  # fmt: skip
    return found + _closing(result, objective, kinds)


def _closing(result: Sources, objective: str, kinds: list[SourceKind]) -> list[Finding]:
    """How far the best and the last source lie apart, chosen on other seeds, with few images and with most."""
    apart = spread(result, kinds)
    if apart is None or len(result.columns) < 2:
        return []
    last = len(result.columns) - 1
    text = (
        f"{result.target}, {WORDS[objective]}: the source that is best with {result.columns[0]} and the one that is "
        f"last, chosen on all seeds but one and measured on that, are {_apart(apart, 0)} apart with "
        f"{result.columns[0]} and {_apart(apart, last)} {_with(result.columns[last])}, a change of "
        f"{points_text(apart.change(last))}{_order(result, kinds)}; {_seeds(result, *kinds)}."
    )
    return [
        said(text, apart.change(last), n=_n(result, *kinds), unit="pre-trainings", target=result.target, weight=0.7)
    ]


def _order(result: Sources, kinds: list[SourceKind]) -> str:
    """How far the order of three or more sources is kept from column to column."""
    means = np.array([[result.accuracy(k, c).value for c in range(len(result.columns))] for k in kinds])
    if len(kinds) < 3 or not means.std(0).all():
        return ""
    from scipy.stats import spearmanr

    found = [float(spearmanr(means[:, 0], means[:, c])[0]) for c in range(1, len(result.columns))]
    told = [f"{number(r)} {_with(result.columns[c])}" for c, r in enumerate(found, 1)]
    return f"; rank correlation of {count(len(kinds), 'source')} with those of {result.columns[0]} {listed(told)}"


def _apart(apart: Spread, column: int) -> str:
    return points_text(apart.at(column))


def _with(column: str) -> str:
    return column if column == TUNED else f"with {column}"


def _objectives(result: Sources) -> list[Finding]:
    """Contrastive against supervised pre-training, and of two images against an image and its caption."""
    found, gains, texts = [], [], []
    last = len(result.columns) - 1
    for objective in ("simclr", "clip"):
        pairs = _pairs(result, objective, "supervised")
        if pairs:
            gains.append(result.less(pairs, 0))
            texts.append(
                f"{WORDS[objective]} {points_text(gains[-1])} with {result.columns[0]}, "
                f"{points_text(result.less(pairs, last))} {_with(result.columns[last])}, {_of(pairs)}"
            )
    if gains:
        kinds = [kind for kind in result.kinds if not kind.sampling]
        found.append(
            said(
                f"{result.target}: against supervised pre-training on the same images {'; '.join(texts)}; "
                f"{_size(result)}.",
                gains[0], n=_n(result, *kinds), unit="pre-trainings", target=result.target, weight=0.9,
                judged=judge(_CONTRASTIVE, *gains),
            )
        )  # fmt: skip
    if pairs := _pairs(result, "simclr", "clip"):
        gain = result.less(pairs, 0)
        found.append(
            said(
                f"{result.target}: two views of an image (SimCLR) against an image and its caption (CLIP) "
                f"{points_text(gain)} with {result.columns[0]}, {points_text(result.less(pairs, last))} "
                f"{_with(result.columns[last])}, {_of(pairs)}; {_size(result)}.",
                gain, n=_n(result, *(k for pair in pairs for k in pair)), unit="pre-trainings", target=result.target,
                weight=0.9, judged=judge(_IMAGES, gain),
            )
        )  # fmt: skip
    return found


def _pairs(result: Sources, first: str, second: str) -> list[tuple[SourceKind, SourceKind]]:
    """Kinds of two objectives on one source, where all of it is seen."""
    there = set(result.kinds)
    both = [(SourceKind(kind.source, first), SourceKind(kind.source, second)) for kind in _whole(result, first)]
    return [pair for pair in both if there.issuperset(pair)]


def _is_control(kind: SourceKind) -> bool:
    return kind.sampling in ("from random", "random first")


def _control(result: Sources, kind: SourceKind) -> SourceKind | None:
    """The random control of a way to choose images."""
    name = "random first" if kind.sampling.endswith(" first") else "from random"
    control = SourceKind(kind.source, kind.objective, name)
    return control if control in result.kinds else None


def _sampled(result: Sources, kind: SourceKind) -> list[Finding]:
    """A way to choose images against as many random ones; no claim is about it alone."""
    control = _control(result, kind)
    if control is None:
        return []
    last = len(result.columns) - 1
    gain = result.less([(kind, control)], 0)
    text = (
        f"{result.target}: {kind.label} against as many random images {points_text(gain)} with "
        f"{result.columns[0]}, {points_text(result.less([(kind, control)], last))} {_with(result.columns[last])}; "
        f"{_diversity(result, kind, control)}{_seeds(result, kind, control)}."
    )
    return [said(text, gain, n=_n(result, kind, control), unit="pre-trainings", target=result.target, weight=0.6)]


def _diversity(result: Sources, kind: SourceKind, control: SourceKind) -> str:
    """Vendi score and effective classes of both, where they are samples."""
    told = []
    for name in ("Vendi score", "effective classes"):
        means = []
        for one in (kind, control):
            values = [row.sample[name] for row in result.rows if row.kind == one and name in row.sample]
            means += [sum(values) / len(values)] if values else []
        if len(means) == 2 and not kind.sampling.endswith(" first"):
            told.append(f"{name} {number(means[0], 1)} against {number(means[1], 1)}")
    return "; ".join(told) + "; " * bool(told)


def _diverse(result: Sources) -> list[Finding]:
    """Samples with as many images of each cluster against random ones, all sources together."""
    kinds = [kind for kind in result.kinds if kind.sampling == "from cluster"]
    pairs = [(kind, control) for kind in kinds if (control := _control(result, kind)) is not None]
    if not pairs:
        return []
    gain = result.less(pairs, 0)
    text = (
        f"{result.target}, {result.columns[0]}: as many images of each cluster against as many random images "
        f"{points_text(gain)}, {_of(pairs)}; {_size(result)}."
    )
    judged: Judgement = judge(_DIVERSE, gain)
    n = _n(result, *(k for pair in pairs for k in pair))
    return [said(text, gain, n=n, unit="pre-trainings", target=result.target, weight=0.8, judged=judged)]


def _failed(result: Sources) -> list[Finding]:
    """What diverged, and that it counts."""
    if not result.failed:
        return []
    n, all_of_them = len(result.failed), len(result.rows)
    text = f"{count(n, 'training')} diverged, counted as chance: {'; '.join(joined(result.failed))}."
    return [said(text, Estimate(float(n)), n=all_of_them, unit="pre-trainings", target=result.target, weight=0.6)]


def _of(pairs: list[tuple[SourceKind, SourceKind]]) -> str:
    """How many sources a mean is over."""
    sources = dict.fromkeys(first.source for first, _ in pairs)
    return f"mean of {count(len(sources), 'source')}" if len(sources) > 1 else f"on {next(iter(sources))}"


def _n(result: Sources, *kinds: SourceKind) -> int:
    return sum(row.kind in kinds for row in result.rows)


def _seeds(result: Sources, *kinds: SourceKind) -> str:
    return f"{count(len(result.seeds(*kinds)), 'seed')} each, {count(result.images, 'test image')}"


def _size(result: Sources) -> str:
    return f"{count(len(result.rows), 'pre-training')}, {count(result.images, 'test image')}"
