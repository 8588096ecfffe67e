"""Is it features that pre-training passes on? Fine-tune on images whose blocks are shuffled.  Row F3."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...data.shuffle import check_block
from ...errors import UsageError
from ...train.run import Run
from ..result import Result
from .numbers import Estimate, Mean, combined, drop, mean_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BlockGroup", "BlockRun", "BlockShuffle", "block_shuffle"]

_ROLES = ("P-T", "RI-T")


@dataclass(frozen=True)
class BlockRun:
    """One run on shuffled images.

    Attributes:
        block: side of the blocks, or ``*``.
        target: the task.
        role: ``P-T`` or ``RI-T``.
        label: what the run is called.
        seed: its seed.
        lr: its base learning rate per 256 images.
        metric: what counts: ``accuracy``, or ``auc`` for multi-label.
        final: test metric after the last epoch, in 0…1; nan when the run diverged.
        speed: mean over epochs of the training accuracy, in 0…1; nan when the run diverged.
        ended: ``finished`` or ``diverged at step s``.
    """

    block: str
    target: str
    role: str
    label: str
    seed: int
    lr: float
    metric: str
    final: float
    speed: float
    ended: str


@dataclass(frozen=True)
class BlockGroup:
    """Runs that differ in nothing but the seed and did not diverge; one or more.

    Attributes:
        runs: the runs.
        test_images: number of test images.
    """

    runs: tuple[BlockRun, ...]
    test_images: int

    @property
    def final(self) -> Mean:
        """The test metric at the end."""
        share = self.runs[0].metric == "accuracy"
        return mean_of([r.final for r in self.runs], self.test_images if share else None)

    @property
    def speed(self) -> Mean:
        """The training accuracy averaged over epochs."""
        return mean_of([r.speed for r in self.runs])

    def deviation(self, what: str) -> float:
        """Return the standard deviation over seeds of ``final`` or ``speed``; nan for one run."""
        values = [getattr(r, what) for r in self.runs]
        return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


@dataclass(frozen=True, eq=False)
class BlockShuffle(Result):
    """Final metric and optimisation speed over the size of shuffled blocks.

    Attributes:
        side: of the images in pixels; blocks of this side mean unshuffled images.
        runs: all runs, diverged ones among them.
        test_images: number of test images by target.
        alike: targets that look like the source, where that was said.
        varied: whether training images were cropped, flipped or mixed.
        left_out: runs that are neither P-T nor RI-T as a whole, with the reason.
        pictures: some images by target and block, uint8 ``(k, h, w, c)``.
        chance: by target, what always naming the most frequent class reaches; empty where it was not said.
    """

    question: ClassVar[str] = "block_shuffle"
    cites: ClassVar[tuple[str, ...]] = ("F3", "000 §3.1", "000 Fig. 1", "000 Fig. 3")

    side: int
    runs: tuple[BlockRun, ...]
    test_images: dict[str, int]
    alike: tuple[str, ...] | None
    varied: bool
    left_out: tuple[str, ...]
    pictures: dict[str, dict[str, np.ndarray]]
    chance: dict[str, float] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """The tasks, in the order of the runs."""
        return tuple(dict.fromkeys(r.target for r in self.runs))

    @property
    def blocks(self) -> tuple[str, ...]:
        """The sizes of blocks: ``*`` first, then the smallest (000 Fig. 3)."""
        return tuple(sorted({r.block for r in self.runs}, key=_order))

    def sizes(self, target: str) -> tuple[int, ...]:
        """Return the sizes, without ``*``, at which both P-T and RI-T have a number on a target."""
        both = (b for b in self.blocks if b != "*" and all(self.group(target, b, role) for role in _ROLES))
        return tuple(map(int, both))

    def group(self, target: str, block: str, role: str) -> BlockGroup | None:
        """Return the runs of one bar; of several learning rates those of the one that ends best on the average.

        ``None`` where there are none that did not diverge.
        """
        by_rate: dict[float, list[BlockRun]] = {}
        for r in self.runs:
            if (r.target, r.block, r.role) == (target, block, role) and r.ended == "finished":
                by_rate.setdefault(r.lr, []).append(r)
        groups = [BlockGroup(tuple(runs), self.test_images[target]) for runs in by_rate.values()]
        return max(groups, key=lambda g: g.final.value) if groups else None

    def drop(self, target: str, block: str) -> Estimate | None:
        """Return 100·(A_PT − A_RIT)/A_PT in percent; ``None`` where one of the two is missing."""
        first, second = (self.group(target, block, role) for role in _ROLES)
        return drop(first.final, second.final) if first and second else None

    def frame(self) -> pd.DataFrame:
        """Return one row a run."""
        import pandas as pd

        return pd.DataFrame([vars(r) for r in self.runs])

    def summary(self) -> pd.DataFrame:
        """Return one row a target and block: means over seeds with 95 % intervals, and the relative drop."""
        import pandas as pd

        rows = []
        for target in self.targets:
            for block in self.blocks:
                row: dict[str, object] = {"target": target, "block": block, "metric": self._metric(target)}
                for role in _ROLES:
                    group = self.group(target, block, role)
                    for what in ("final", "speed"):
                        mean: Mean | None = getattr(group, what) if group else None
                        found = combined(mean.value, [(1.0, mean)]) if mean else None
                        row |= _columns(f"{role} {what}", found)
                        row[f"{role} {what} sd"] = group.deviation(what) if group else math.nan
                    row |= {
                        f"{role} lr": group.runs[0].lr if group else math.nan,
                        f"{role} seeds": len(group.runs) if group else 0,
                    }
                rows.append(row | _columns("drop %", self.drop(target, block)))
        return pd.DataFrame(rows)

    def _metric(self, target: str) -> str:
        return next(r.metric for r in self.runs if r.target == target)


def block_shuffle(
    runs: Mapping[str, Sequence[Run]],
    *,
    side: int,
    test_images: Mapping[str, int],
    pictures: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    alike: Sequence[str] | None = None,
    chance: Mapping[str, float] | None = None,
) -> BlockShuffle:
    """Compare P-T and RI-T on images whose blocks are shuffled (000 §3.1, Fig. 3).

    The images are shuffled by :func:`transferscope.data.shuffle.shuffle_blocks`, or by ``?shuffle=8`` in a spec
    string; augmentation is off.

    Args:
        runs: by block, ``"*"``, ``"1"``, ``"2"``, … ``str(side)``: those of all targets, P-T and RI-T, all seeds.
        side: of the images in pixels.
        test_images: number of test images by target.
        pictures: some shuffled images, target → block → uint8 ``(k, h, w, c)``.
        alike: targets that look like the source, which the paper expects to lose most; by default it is not known.
        chance: what always naming the most frequent class of the test images reaches, by target; 0.5 of an AUC. No
            claim is judged where P-T or RI-T is not clearly above it on images as they are; without it, all are.

    Raises:
        UsageError: for no runs, a block that does not divide the side, runs from several sources, or a target without
            a number of test images.
    """
    found: list[BlockRun] = []
    left_out: dict[str, None] = {}
    sources: set[str] = set()
    varied = False
    for block, of in runs.items():
        check_block("*" if block == "*" else int(block) if block.isdecimal() else 0, side)
        for run in of:
            if run.role not in _ROLES or run.recipe.frozen == "body":
                why = "head only" if run.role in _ROLES else "neither P-T nor RI-T"
                left_out[f"{run.label} on {run.target} ({why})"] = None
                continue
            if run.target not in test_images:
                raise UsageError(f"test_images has no number for the target {run.target!r}")
            varied |= run.recipe.augmentation.moves or run.recipe.augmentation.mixup > 0
            sources |= {run.source} if run.role == "P-T" else set()
            found.append(_block_run(block, run))
    if not found:
        raise UsageError("block shuffle of no runs; give P-T and RI-T runs by block")
    if len(sources) > 1:
        raise UsageError(f"P-T runs from several sources ({', '.join(sorted(sources))}); give those of one")
    seen = {(r.block, r.target, r.label) for r in found}
    if len(seen) < len(found):
        twice = next(
            r for r in found if sum((r.block, r.target, r.label) == (o.block, o.target, o.label) for o in found) > 1
        )
        raise UsageError(f"two runs on {twice.target} with blocks {twice.block} are called {twice.label!r}")
    if unknown := set(alike or ()) - {r.target for r in found}:
        raise UsageError(f"alike: no runs on {', '.join(sorted(unknown))}")
    kept = {t: {b: np.asarray(p) for b, p in of.items()} for t, of in (pictures or {}).items()}
    return BlockShuffle(
        side=side,
        runs=tuple(found),
        test_images=dict(test_images),
        alike=None if alike is None else tuple(alike),
        varied=varied,
        left_out=tuple(left_out),
        pictures=kept,
        chance={target: float(x) for target, x in (chance or {}).items()},
    )


def _block_run(block: str, run: Run) -> BlockRun:
    return BlockRun(
        block=block,
        target=run.target,
        role=run.role,
        label=run.label,
        seed=run.seed,
        lr=run.lr,
        metric=run.metric,
        final=run.final_metric(),
        speed=run.optimisation_speed(),
        ended=run.ended,
    )


def _order(block: str) -> int:
    return 0 if block == "*" else int(block)


def _columns(name: str, found: Estimate | None) -> dict[str, float]:
    values = (math.nan, None, None) if found is None else (found.value, found.low, found.high)
    return {
        column: math.nan if value is None else value
        for column, value in zip((name, f"{name} low", f"{name} high"), values, strict=True)
    }
