"""Is it features that pre-training passes on? Fine-tune on images whose blocks are shuffled."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...data.shuffle import check_block
from ...errors import UsageError
from ...evidence.contrast import reduction
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...train.run import Run
from .._counted import Counted, Series, Side, packed, series
from ..result import Result
from .runs import BlockGroup, BlockRun, best_rate, block_run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BlockGroup", "BlockRun", "BlockShuffle", "block_shuffle"]

_ROLES = ("P-T", "RI-T")
_SIDES: tuple[Side, ...] = ("final", "speed")


@dataclass(frozen=True, eq=False)
class BlockShuffle(Result):
    """Final metric and optimisation speed over the size of shuffled blocks.

    Attributes:
        side: of the images in pixels; blocks of this side mean unshuffled images.
        runs: all runs, diverged ones among them.
        test_images: number of test images by target.
        alike: targets that look like the source, where that was said.
        varied: whether training images were cropped, flipped or mixed.
        left_out: runs that play no part, with the reason: neither P-T nor RI-T as a whole, another learning rate, or
            diverged where chance is not known.
        pictures: some images by target and block, uint8 ``(k, h, w, c)``.
        chance: by target, what always naming the most frequent class reaches; empty where it was not said.
        speed_chance: by target, the same of the training accuracy.
        outcomes: by target, ``(runs on it, test images)``, what each test image adds to the final metric of a run, in
            the order of ``runs``; empty where it was not given.
        witnesses: by target, what is known of the runs and of the pre-training.
    """

    question: ClassVar[str] = "block_shuffle"
    cites: ClassVar[tuple[str, ...]] = (
        "Neyshabur et al. 2020, §3.1",
        "Neyshabur et al. 2020, Fig. 1",
        "Neyshabur et al. 2020, Fig. 3",
    )

    side: int
    runs: tuple[BlockRun, ...]
    test_images: dict[str, int]
    alike: tuple[str, ...] | None
    varied: bool
    left_out: tuple[LeftOut, ...]
    pictures: dict[str, dict[str, np.ndarray]]
    chance: dict[str, float] = field(default_factory=dict)
    speed_chance: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, np.ndarray] = field(default_factory=dict)
    witnesses: dict[str, tuple[Witness, ...]] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """The tasks, in the order of the runs."""
        return tuple(dict.fromkeys(r.target for r in self.runs))

    @property
    def blocks(self) -> tuple[str, ...]:
        """The sizes of blocks: ``*`` first, then the smallest (Neyshabur et al. 2020, Fig. 3)."""
        return tuple(sorted({r.block for r in self.runs}, key=_order))

    def metric(self, target: str) -> str:
        """Return what a task is judged by."""
        return next(r.metric for r in self.runs if r.target == target)

    def sizes(self, target: str) -> tuple[int, ...]:
        """Return the sizes, without ``*``, at which both P-T and RI-T have a number on a target."""
        return tuple(int(b) for b in self.blocks if b != "*" and all(self.counted(target, b, r).runs for r in _ROLES))

    def counted(self, target: str, block: str, role: str, what: Side = "final") -> Counted[BlockRun]:
        """Return the runs of one bar as claims count them, those that diverged with what chance has.

        Of several learning rates they are those of the one that is best on validation images, by the mean over seeds
        at the end; of the first where some run has no metric on validation images.
        """
        every = self._on(target).where(lambda r: (r.block, r.role) == (block, role))
        rate = best_rate(every.runs, self.chance.get(target, 0.0))
        return every.where(lambda r: r.lr == rate).counts(what)

    def group(self, target: str, block: str, role: str) -> BlockGroup | None:
        """Return the runs of :meth:`counted` that did not diverge; ``None`` where there are none."""
        found = self.counted(target, block, role).where(lambda r: r.ended == "finished")
        return BlockGroup(found) if found.runs else None

    def series(self, target: str, role: str, what: Side) -> Series:
        """Return the runs of one seed at all :meth:`sizes` in a row, for each seed that has them all."""
        return series([self.counted(target, str(b), role, what) for b in self.sizes(target)], what)

    def drop(self, target: str, block: str) -> Estimate | None:
        """Return 100·(A_PT − A_RIT)/A_PT in percent; ``None`` where one of the two is missing.

        Its interval is Fieller's for a ratio of means.
        """
        first, second = (self.group(target, block, role) for role in _ROLES)
        if first is None or second is None:
            return None
        a, b = (g.counted for g in (first, second))
        of_a, of_b = a.examples("final"), b.examples("final")
        rows = None if of_a is None or of_b is None else (of_b, of_a)
        found = reduction(b.numbers("final"), a.numbers("final"), rows).times(100)
        p, r = first.final.value, second.final.value
        return dataclasses.replace(found, value=100 * (p - r) / p if p > 0 else math.nan)

    def frame(self) -> pd.DataFrame:
        """Return one row a run."""
        import pandas as pd

        return pd.DataFrame([vars(r) for r in self.runs])

    def summary(self) -> pd.DataFrame:
        """Return one row a target and block: means of runs that did not diverge, 95 % intervals, and relative drop.

        Intervals are over networks (and images) from three networks on, with fewer over images, as the columns
        ``… over`` say.
        """
        import pandas as pd

        rows = []
        for target in self.targets:
            for block in self.blocks:
                row: dict[str, object] = {"target": target, "block": block, "metric": self.metric(target)}
                over: dict[str, object] = {}
                for role in _ROLES:
                    group = self.group(target, block, role)
                    for what in _SIDES:
                        found: Estimate | None = getattr(group, what) if group else None
                        row |= _columns(f"{role} {what}", found)
                        row[f"{role} {what} sd"] = group.deviation(what) if group else math.nan
                        over[f"{role} {what} over"] = found.over if found else ""
                    row |= {
                        f"{role} lr": group.runs[0].lr if group else math.nan,
                        f"{role} seeds": len(group.runs) if group else 0,
                    }
                drop = self.drop(target, block)
                rows.append(row | _columns("drop %", drop) | over | {"drop % over": drop.over if drop else ""})
        return pd.DataFrame(rows)

    def _on(self, target: str) -> Counted[BlockRun]:
        runs = tuple(r for r in self.runs if r.target == target)
        return Counted(runs, self.outcomes.get(target), self.chance.get(target), self.speed_chance.get(target))


def block_shuffle(
    runs: Mapping[str, Sequence[Run]],
    *,
    side: int,
    test_images: Mapping[str, int],
    pictures: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    alike: Sequence[str] | None = None,
    chance: Mapping[str, float] | None = None,
    speed_chance: Mapping[str, float] | None = None,
    outcomes: Mapping[str, Sequence[np.ndarray | None]] | None = None,
    witnesses: Mapping[str, tuple[Witness, ...]] | None = None,
) -> BlockShuffle:
    """Compare P-T and RI-T on images whose blocks are shuffled (Neyshabur et al. 2020, §3.1, Fig. 3).

    The images are shuffled by :func:`transferscope.data.shuffle.shuffle_blocks`, or by ``?shuffle=8`` in a spec
    string; augmentation is off.

    Args:
        runs: by block, ``"*"``, ``"1"``, ``"2"``, … ``str(side)``: those of all targets, P-T and RI-T, all seeds.
        side: of the images in pixels.
        test_images: number of test images by target.
        pictures: some shuffled images, target → block → uint8 ``(k, h, w, c)``.
        alike: targets that look like the source, which the paper expects to lose most; by default it is not known.
        chance: what always naming the most frequent class of the test images reaches, by target; 0.5 of an AUC. A run
            that diverged counts as this; without it, it is left out.
        speed_chance: the same of the training accuracy; by default ``chance``, except of an AUC.
        outcomes: by block, for each of the runs, what each test image adds to its final metric (1 where right, else
            0), ``None`` for a run that diverged; the images in one order at all blocks. Without it, intervals are
            over networks alone, and with fewer than three of a kind there are none.
        witnesses: by target, what is known of the runs and of the pre-training.

    Raises:
        UsageError: for no runs, a block that does not divide the side, runs from several sources, a target without
            a number of test images, or outcomes that do not fit the runs.
    """
    found: list[BlockRun] = []
    rows: list[np.ndarray | None] = []
    left_out: dict[LeftOut, None] = {}
    sources: set[str] = set()
    varied = False
    for block, of in runs.items():
        check_block("*" if block == "*" else int(block) if block.isdecimal() else 0, side)
        given = list(outcomes.get(block, ())) if outcomes else [None] * len(of)
        if len(given) != len(of):
            raise UsageError(f"outcomes of blocks {block}: {len(given)} for {len(of)} runs; give one for each")
        for run, row in zip(of, given, strict=True):
            if run.role not in _ROLES or run.recipe.frozen == "body":
                why = "head only" if run.role in _ROLES else "neither P-T nor RI-T"
                left_out[LeftOut(run.label, why, run.target)] = None
                continue
            if run.target not in test_images:
                raise UsageError(f"test_images has no number for the target {run.target!r}")
            varied |= run.recipe.augmentation.moves or run.recipe.augmentation.mixup > 0
            sources |= {run.source} if run.role == "P-T" else set()
            if outcomes and row is None and not run.diverged:
                raise UsageError(
                    f"outcomes of blocks {block}: none of {run.label!r} on {run.target}; it did not diverge"
                )
            found.append(block_run(block, run))
            rows.append(row)
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
    plain = {t: x for t, x in (chance or {}).items() if any(r.target == t and r.metric != "auc" for r in found)}
    made = BlockShuffle(
        side=side,
        runs=tuple(found),
        test_images=dict(test_images),
        alike=None if alike is None else tuple(alike),
        varied=varied,
        left_out=(),
        pictures=kept,
        chance={target: float(x) for target, x in (chance or {}).items()},
        speed_chance={t: float(x) for t, x in (speed_chance or plain).items()},
        outcomes=_by_target(found, rows, test_images) if outcomes else {},
        witnesses=dict(witnesses or {}),
    )
    return dataclasses.replace(made, left_out=(*left_out, *_uncounted(made)))


def _by_target(
    runs: Sequence[BlockRun], rows: Sequence[np.ndarray | None], images: Mapping[str, int]
) -> dict[str, np.ndarray]:
    found = {}
    for target in dict.fromkeys(r.target for r in runs):
        of = [row for run, row in zip(runs, rows, strict=True) if run.target == target]
        whole = packed(len(of), of, int(images[target]), f"outcomes on {target}")
        if whole is not None:
            found[target] = whole
    return found


def _uncounted(result: BlockShuffle) -> list[LeftOut]:
    """Which runs of bars, and which seeds of slopes, do not count, and why."""
    found = []
    for target in result.targets:
        of = [r for r in result.runs if r.target == target]
        known = all(math.isfinite(r.val) for r in of if r.ended == "finished")
        rate = "is better on validation images" if known else "comes first; none is chosen without validation images"
        for role in _ROLES:
            for block in result.blocks:
                counted, quick = (result.counted(target, block, role, what).runs for what in _SIDES)
                for run in of:
                    if (run.block, run.role) != (block, role) or run in quick:
                        continue
                    why = "not measured" if run.ended == "finished" else run.ended
                    if run in counted:
                        why += ", and what speed is by chance is not known"
                    elif counted and run.lr != counted[0].lr:
                        why = f"another learning rate {rate}"
                    found.append(LeftOut(f"{run.label} with blocks {block}", why, target))
            at = [{r.seed for r in result.counted(target, str(b), role).runs} for b in result.sizes(target)]
            gaps = sorted(at[0].union(*at) - at[0].intersection(*at)) if at else []
            found += [
                LeftOut(f"{role} of seed {s}", "not at all sizes of blocks, so in no slope", target) for s in gaps
            ]
    return found


def _order(block: str) -> int:
    return 0 if block == "*" else int(block)


def _columns(name: str, found: Estimate | None) -> dict[str, float]:
    values = (math.nan, None, None) if found is None else (found.value, found.low, found.high)
    return {
        column: math.nan if value is None else value
        for column, value in zip((name, f"{name} low", f"{name} high"), values, strict=True)
    }
