"""Downstream against upstream accuracy over many models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...data.tables.models import ModelTable, Task
from ...errors import UsageError, nearest
from ...evidence.left_out import LeftOut
from ...rng import numpy_generator
from ..result import Result
from .between import GridAxis, Overlay, ShotRow, against_shots, grid_axes, overlays
from .robustness import Density, Narrow, SizeRow, density, narrow, sizes
from .task_law import Fit, Options, TaskLaw, task_law

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Robustness", "Scaling", "scaling"]

_LEAST_MODELS = 20
"""Models it takes to ask how few would have done."""


@dataclass(frozen=True)
class Robustness:
    """What changes a task's law, and what does not.

    Attributes:
        us: upstream task.
        task: downstream task with its shots.
        sizes: laws of fewer models; empty with fewer than twenty.
        density: the law with even weights; ``None`` without a law.
        narrow: the law of a narrow range of upstream accuracy; ``None`` where too few models lie in one.
    """

    us: str
    task: str
    sizes: tuple[SizeRow, ...]
    density: Density | None
    narrow: Narrow | None


@dataclass(frozen=True, eq=False)
class Scaling(Result):
    """Laws of downstream against upstream accuracy, one of each upstream and downstream task.

    Attributes:
        source: the table.
        laws: of each pair of tasks.
        robustness: what changes them, in the same order; empty when not asked.
        shots: how their parameters go with the number of shots.
        overlays: how the best models of one task do on the others.
        grids: how models that differ in one factor alone lie to the law of all others.
        margin: accuracy that the rest of the way must buy to pay.
        draws: halves of the models that were fitted.
        tail: whether hulls were fitted with their descending tail.
        notes: what the table's reader guessed, renamed or dropped.
        left_out: tasks and models that play no part.
        sampled: whether the models are the pre-trainings of a grid, a sample by which claims can be judged; models of
            a table that people published are none.
    """

    question: ClassVar[str] = "scaling"
    cites: ClassVar[tuple[str, ...]] = ("Sedghi (slides), Exploring the limits of large scale pre-training",)

    source: str
    laws: tuple[TaskLaw, ...]
    robustness: tuple[Robustness, ...]
    shots: tuple[ShotRow, ...]
    overlays: tuple[Overlay, ...]
    grids: tuple[GridAxis, ...]
    margin: float
    draws: int
    tail: bool
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    sampled: bool = False

    def law(self, task: str, us: str | None = None) -> TaskLaw:
        """Return what is known of a downstream task.

        Raises:
            UsageError: when it is not there.
        """
        for law in self.laws:
            if task in (law.task, law.base) and us in (None, law.us):
                return law
        raise UsageError(f"no law of {task!r}{nearest(task, [w.task for w in self.laws])}")

    def only(self, law: TaskLaw) -> Scaling:
        """Return what is said of one pair of tasks alone.

        Args:
            law: one of ``laws``.
        """
        robust = tuple(r for r in self.robustness if (r.us, r.task) == (law.us, law.task))
        left = tuple(gone for gone in self.left_out if gone.target == law.task)
        grids = tuple(g for g in self.grids if (g.us, g.task) == (law.us, law.task))
        return replace(
            self, laws=(law,), robustness=robust, shots=(), overlays=(), grids=grids, notes=(), left_out=left
        )

    def frame(self) -> pd.DataFrame:
        """Return one row for each law: of all points and of the hull, for each pair of tasks."""
        import pandas as pd

        return pd.DataFrame([_row(law, what, fit) for law in self.laws for what, fit in _fits(law)])

    def points(self) -> pd.DataFrame:
        """Return one row for each model and pair of tasks, with what the laws say of it."""
        import pandas as pd

        parts = []
        for law in self.laws:
            part = pd.DataFrame({"us": law.us, "task": law.task, "model": law.names, "x": law.x, "y": law.y})
            part["vertex"] = np.isin(np.arange(len(law.x)), law.vertices)
            for what, fit in _fits(law):
                part[f"law of {what}"] = np.nan if fit is None else 1 - fit.law(1 - law.x)
            parts.append(part)
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def scaling(
    table: ModelTable,
    *,
    start: float | None = None,
    end: float | None = None,
    margin: float = 0.01,
    draws: int = 1000,
    repeats: int = 100,
    overlay: str | None = None,
    grid: Sequence[str] = (),
    tail: bool = False,
    level: float = 0.95,
    seed: int = 0,
    sampled: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Scaling:
    """Fit e_DS = k·e_US^α + e_∞ to all models and to their hull, for each pair of tasks (Abnar et al. 2022).

    Args:
        table: accuracies of models, from :func:`~transferscope.data.tables.models.read_models`; of a grid the seeds
            of one configuration are averaged first, as they are no models of their own.
        start: upstream accuracy from which gains are counted; default: the median model's.
        end: upstream accuracy to which; default: the best model's.
        margin: raising upstream accuracy "stops paying" where the whole rest of the way to 1 buys less than this.
        draws: random halves of the models, for intervals and ranges.
        repeats: draws for each smaller number of models; 0: do not ask what changes the laws.
        overlay: the task whose best models are followed on the others; default: the first.
        grid: covariates that were varied as a grid, such as size, data and compute, to see whether one at a time
            follows the curve of all (grid-search equivalence).
        tail: fit hulls with their descending tail, which a rising law cannot follow.
        level: of intervals.
        seed: of all draws.
        sampled: whether the models are the pre-trainings of a grid, so that claims are judged by them.
        progress: is told how many pairs of tasks are done, and of how many.

    Raises:
        UsageError: for settings that cannot be right.
    """
    for name, value in (("start", start), ("end", end)):
        if value is not None and not 0.0 <= value <= 1.0:
            raise UsageError(f"{name} {value}: expected an accuracy as a share from 0 to 1")
    if start is not None and end is not None and start >= end:
        raise UsageError(f"start {start} and end {end}; expected a start under the end")
    if not 0.0 < margin < 1.0 or draws < 20 or repeats < 0:
        raise UsageError(
            f"margin {margin}, draws {draws}, repeats {repeats}; expected 0 < margin < 1, 20 draws or more"
        )
    table = table.averaged()
    options = Options(start, end, margin, draws, level, tail)
    pairs = [(us, task) for us in table.upstream for task in table.tasks]
    laws: list[TaskLaw] = []
    left: list[LeftOut] = []
    robust: list[Robustness] = []
    for done, (us, task) in enumerate(pairs):
        if progress is not None:
            progress(done, len(pairs))
        law = _law(table, us, task, options, seed, left)
        if law is None:
            continue
        laws.append(law)
        if repeats:
            robust.append(_robustness(law, repeats, seed))
    if progress is not None:
        progress(len(pairs), len(pairs))
    has_law = [law for law in laws if law.points is not None]
    grids = tuple(axis for law in has_law for axis in grid_axes(law, table, grid)) if grid else ()
    return Scaling(
        table.source, tuple(laws), tuple(robust), against_shots(laws), _overlays(laws, overlay), grids, margin, draws,
        tail, table.notes, tuple(left), sampled,
    )  # fmt: skip


def _law(table: ModelTable, us: str, task: Task, options: Options, seed: int, left: list[LeftOut]) -> TaskLaw | None:
    x, y = table.upstream[us], task.accuracy
    there = np.isfinite(x) & np.isfinite(y)
    if gone := int((~there).sum()):
        left.append(LeftOut(f"{gone} of {len(table)} models", f"no accuracy on {us} or on {task.label}", task.label))
    if not there.any():
        return None
    names = tuple(name for name, kept in zip(table.names, there, strict=True) if kept)
    generator = numpy_generator(seed, "scaling", us, task.label)
    images = (table.images.get(us), task.images)
    return task_law(us, (task.label, task.name, task.shots), names, x[there], y[there], images, options, generator)


def _robustness(law: TaskLaw, repeats: int, seed: int) -> Robustness:
    if law.points is None:
        return Robustness(law.us, law.task, (), None, None)
    generator = numpy_generator(seed, "scaling sizes", law.us, law.task)
    rows = sizes(law.x, law.y, repeats, generator, hull=law.hull is not None) if len(law.x) >= _LEAST_MODELS else ()
    even = density(law.x, law.y, law.points.law, law.start, law.end)
    return Robustness(law.us, law.task, rows, even, narrow(law.x, law.y))


def _overlays(laws: list[TaskLaw], wanted: str | None) -> tuple[Overlay, ...]:
    if wanted is not None and not any(wanted in (law.task, law.base) for law in laws):
        raise UsageError(f"overlay of {wanted!r}{nearest(wanted, [law.task for law in laws])}")
    found: list[Overlay] = []
    for us in dict.fromkeys(law.us for law in laws):
        mine = [law for law in laws if law.us == us]
        reference = next((law for law in mine if wanted in (law.task, law.base)), mine[0])
        found += overlays(mine, reference)
    return tuple(found)


def _fits(law: TaskLaw) -> tuple[tuple[str, Fit | None], ...]:
    return ("all points", law.points), ("hull", law.hull)


def _row(law: TaskLaw, what: str, fit: Fit | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "us": law.us, "task": law.task, "shots": law.shots, "fitted to": what, "models": len(law.x),
        "points": len(law.x) if what == "all points" else law.peak + 1, "tail": law.tail,
    }  # fmt: skip
    if fit is None:
        return row | {"no law because": law.refused if what == "all points" else law.hull_refused}
    made = fit.law
    row |= {
        "k": made.k, "alpha": made.alpha, "e_inf": made.floor, "e_inf low": fit.floor.low,
        "e_inf high": fit.floor.high,
        "e_inf identified": fit.floor.identified, "e_inf unknown because": fit.floor.unknown,
        "k·e_ref^alpha": fit.reference, "rmse": made.rmse, "r2": made.r2, "from": law.start, "to": law.end,
        "gain": fit.gain.value, "gain low": fit.gain.low, "gain high": fit.gain.high,
        "gain least of halves": fit.gain_range[0], "gain most of halves": fit.gain_range[1], "slope": fit.slope,
        "saturates at": fit.saturates, "stops paying at": fit.stops,
        "stops least of halves": fit.stops_range[0], "stops most of halves": fit.stops_range[1],
    }  # fmt: skip
    if what == "all points" and law.held_out is not None:
        row |= {
            "held-out rmse": law.held_out.power, "held-out rmse, logit": law.held_out.logit,
            "best tenth rmse": law.held_out.power_best, "best tenth rmse, logit": law.held_out.logit_best,
        }  # fmt: skip
    if law.noise is not None:
        row |= {"gain sd of images": law.noise.gain, "hull lifted by noise": law.noise.lift}
    return row
