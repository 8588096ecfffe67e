"""The first screen for a terminal: the answer in a few lines, before anyone opens the page."""

from __future__ import annotations

from collections.abc import Sequence

from ..columns import columns
from .first import First
from .overview import Answered, Overview
from .sections import Said

__all__ = ["answer_lines"]

_MOST = 3
"""So many findings are told where neither a choice nor a table of targets is the answer."""


def answer_lines(
    first: First | None, overview: Overview | None, broken: Sequence[str], short: Sequence[Said], counted: str = ""
) -> list[str]:
    """Return the answer, a line each.

    Args:
        first: what files are decided by.
        overview: a line a target of a study.
        broken: which runs failed.
        short: the weightiest findings.
        counted: how many verdicts there are, and how many chance would give.
    """
    lines = [f"failed: {line}" for line in broken]
    if first is not None:
        head = f"{first.metric}, %, {first.images:,} images; each interval and p is of one comparison:"
        lines += [head, *_standings(first), first.decides]
    if overview is not None:
        lines += [line for target, answers in overview.lines for line in _target(target, overview.heads, answers)]
        lines += [counted] if counted else []
    if first is None and overview is None:
        lines += [f"{said.about}: {said.text}" if said.about else said.text for said in short[:_MOST]]
    return lines


def _standings(first: First) -> list[str]:
    rows = [
        [
            f"{line.name}{f' ({line.note})' if line.note else ''}",
            f"{line.metric} ({line.interval})" if line.interval else line.metric,
            f"{line.less} ({line.less_interval}), p {_equal(line.p)}" if line.less and line.p else line.less,
        ]
        for line in first.lines
    ]
    return [f"  {line}" for line in columns(rows)]


def _equal(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _target(target: str, heads: Sequence[str], answers: Sequence[Answered]) -> list[str]:
    if word := Overview.only_word(answers):
        return [f"{target}: {word}"]
    told = []
    for head, answer in zip(heads, answers, strict=True):
        number = ""
        if answer.cell is not None:
            interval = f", {answer.cell.interval}" if answer.cell.interval else ""
            unit = answer.unit.partition(" (")[0]
            number = f" ({answer.cell.effect}{f' {unit}' if unit else ''}{interval})"
        told.append(f"  {head.lower()} {answer.word}{number}")
    return [f"{target}:", *told]
