"""What a question leaves out: runs, pairs, groups, modules, classes. One type for all, so that none is forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .estimate import Estimate
from .finding import Finding, said
from .phrases import listed, shortened

__all__ = ["LeftOut", "joined", "remark"]


@dataclass(frozen=True)
class LeftOut:
    """Something that was given, or could be expected, and plays no part.

    Attributes:
        subject: what it is: the label of a run, a pair, a module, a class.
        reason: why, as it follows a colon: ``diverged at step 3``, ``no head``.
        target: what it is about, where it is one target.
    """

    subject: str
    reason: str
    target: str = ""

    @property
    def text(self) -> str:
        """All of it in words.

        >>> LeftOut("P-T 0", "diverged at step 3", "clipart").text
        'P-T 0 on clipart: diverged at step 3'
        """
        return f"{self.subject}{f' on {self.target}' if self.target else ''}: {self.reason}"


def joined(left: Iterable[LeftOut], *, most: int = 4) -> tuple[str, ...]:
    """Say what was left out, equal reasons together.

    Args:
        left: what was left out.
        most: so many subjects are named, of more the rest is counted.

    >>> joined([LeftOut(f"top {seed}", "no head", "clipart") for seed in (0, 1)] + [LeftOut("RI-T 0", "diverged")])
    ('top 0 and top 1 on clipart: no head', 'RI-T 0: diverged')
    """
    by_reason: dict[str, dict[str, list[str]]] = {}
    for one in dict.fromkeys(left):
        by_reason.setdefault(one.reason, {}).setdefault(one.target, []).append(one.subject)
    return tuple(f"{_subjects(targets, most)}: {reason}" for reason, targets in by_reason.items())


def remark(left: Sequence[LeftOut], of: int, unit: str, *, target: str = "", weight: float = 0.6) -> list[Finding]:
    """Return the finding that says what was left out; none where nothing was.

    Args:
        left: what was left out.
        of: out of how many.
        unit: what is counted, a plural.
        target: what it is about.
        weight: how much it matters.

    >>> [f.text for f in remark([LeftOut("P-T 0", "diverged at step 3", "clipart")], 4, "runs")]
    ['1 of 4 runs left out. P-T 0 on clipart: diverged at step 3.']
    """
    if not left:
        return []
    n = len(dict.fromkeys(left))
    text = f"{n:,} of {of:,} {unit} left out. {'; '.join(joined(left))}."
    return [said(text, Estimate(float(n)), n=of, unit=unit, target=target, weight=weight)]


def _subjects(targets: dict[str, list[str]], most: int) -> str:
    same: dict[tuple[str, ...], list[str]] = {}
    for target, subjects in targets.items():
        same.setdefault(tuple(subjects), []).append(target)
    parts = []
    for names, where in same.items():
        on = listed([target for target in where if target])
        parts.append(f"{shortened(names, most)}{f' on {on}' if on else ''}")
    return ", ".join(parts)
