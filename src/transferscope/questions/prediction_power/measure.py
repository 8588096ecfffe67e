"""What size, data, compute and settings still say of downstream accuracy once upstream accuracy is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...data.tables.models import Covariate, ModelTable, Task
from ...errors import UsageError, nearest
from ...evidence.estimate import Estimate, measured
from ...evidence.left_out import LeftOut
from ...numerics.explained import PartialR2, cross_validated, design, partial_r2, variance_inflation
from ...numerics.power_law import fit_power_law
from ...rng import numpy_generator
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CONFIGURATION", "CovariatePower", "PredictionPower", "TaskPower", "prediction_power"]

_LEAST = 20
_FAMILY = "name"
CONFIGURATION = "configuration"
_LEVEL = 1 - 0.05 / 2
_MISSING = 0.2
"""A covariate that more of the models lack is left out whole; with fewer, these models are."""


@dataclass(frozen=True)
class CovariatePower:
    """What one covariate says.

    Attributes:
        name: with ``log`` before it where its logarithm is taken.
        importance: by how much shuffling it among held-out models raises the squared error of upstream accuracy and
            covariates together, in units of what upstream accuracy leaves.
        alone: the same without upstream accuracy, in units of the variance of downstream accuracy.
        rank: Spearman's correlation with what upstream accuracy leaves; nan for words.
        inflation: variance inflation by the other numbers; nan for words.
    """

    name: str
    importance: float
    alone: float
    rank: float
    inflation: float


@dataclass(frozen=True)
class TaskPower:
    """What is left to explain on one task.

    Attributes:
        us: upstream task.
        task: downstream task with its shots.
        n: models with both accuracies and all covariates.
        groups: groups that are held out together; as many as models where none is given.
        sd_ratio: standard deviation of what the law of upstream accuracy leaves, in units of that of downstream
            accuracy, in the sample; the number of Abnar et al., √(1 − R²).
        r2_us: held-out R² of upstream accuracy alone.
        r2_both: with boosted trees of the covariates on what it leaves.
        r2_covariates: of the trees without upstream accuracy.
        residual_linear: share of what upstream accuracy leaves that a linear part of covariates explains, held out.
        residual_boosted: that boosted trees explain.
        gained: by how much covariates lower the mean squared error of held-out models (the better of linear and
            boosted), with an interval over groups: of 97.5 %, as both are looked at on the same models.
        added: ``gained`` as a share of the variance of downstream accuracy: what covariates add to R².
        partial: the same in the sample by a linear part, with its F-test.
        noise: share of the variance that upstream accuracy leaves which comes from test images; nan where no number
            of images is known.
        covariates: each of them, the most important first.
    """

    us: str
    task: str
    n: int
    groups: int
    sd_ratio: float
    r2_us: float
    r2_both: float
    r2_covariates: float
    residual_linear: float
    residual_boosted: float
    gained: Estimate
    added: Estimate
    partial: PartialR2
    noise: float
    covariates: tuple[CovariatePower, ...]


@dataclass(frozen=True)
class PredictionPower(Result):
    """How much upstream accuracy predicts, and what covariates add.

    Attributes:
        tasks: each pair of tasks.
        group: the column whose groups were held out together, ``name`` for models that share their first name,
            ``configuration`` for those that differ in their seed alone; empty for none.
        left_out: tasks, models and covariates that play no part.
        sampled: whether the models are the pre-trainings of a grid, a sample by which claims can be judged.
    """

    question: ClassVar[str] = "prediction_power"
    cites: ClassVar[tuple[str, ...]] = ("Sedghi (slides), On the prediction power of US accuracy",)

    tasks: tuple[TaskPower, ...]
    group: str
    left_out: tuple[LeftOut, ...]
    sampled: bool = False

    def frame(self) -> pd.DataFrame:
        """Return one row for each pair of tasks and covariate."""
        import pandas as pd

        rows = [
            {
                "us": t.us, "task": t.task, "models": t.n, "groups": t.groups, "sd ratio": t.sd_ratio,
                "r2 us": t.r2_us, "r2 us and covariates": t.r2_both, "r2 covariates": t.r2_covariates,
                "residual r2 linear": t.residual_linear, "residual r2 boosted": t.residual_boosted,
                "partial r2": t.partial.r2, "F": t.partial.f, "p": t.partial.p, "noise share": t.noise,
                "covariate": c.name, "importance": c.importance, "importance alone": c.alone,
                "rank correlation": c.rank, "variance inflation": c.inflation,
            }
            for t in self.tasks
            for c in t.covariates
        ]  # fmt: skip
        return pd.DataFrame(rows)


def prediction_power(
    table: ModelTable,
    *,
    group: str | None = None,
    repeats: int = 3,
    seed: int = 0,
    sampled: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PredictionPower:
    """Ask what covariates explain of the residuals of the law of upstream accuracy, on models held out by groups.

    Args:
        table: with covariates.
        group: a covariate whose words are groups, such as the data set; ``configuration`` for models of a grid that
            differ in their seed alone; ``none`` for no groups; default: models that share their first name, where
            some do. Without groups relatives of a model stay in the fit, and covariates that only name the family
            look useful.
        repeats: divisions into five folds.
        seed: of folds, trees and shuffles.
        sampled: whether the models are the pre-trainings of a grid, so that claims are judged by them.
        progress: is told how many pairs of tasks are done, and of how many.

    Raises:
        UsageError: without covariates, or for a group that is none of them.
    """
    if not table.covariates:
        raise UsageError(f"{table.source}: no covariates; name some with --covariates")
    known = {c.name: c for c in table.covariates}
    if group not in (None, "none", CONFIGURATION) and group not in known:
        raise UsageError(f"{table.source}: no covariate {group!r} to group by{nearest(group or '', known)}")
    left: list[LeftOut] = []
    kept = _complete(table, left)
    of = known.get(group or "")
    if group is None and table.families:
        of = Covariate(_FAMILY, np.array(table.families, dtype=np.str_))
    elif group == CONFIGURATION and of is None:  # without any, each model is one of its own
        of = Covariate(CONFIGURATION, np.array(table.configurations or table.names, dtype=np.str_))
    pairs = [(us, task) for us in table.upstream for task in table.tasks]
    tasks = []
    for done, (us, task) in enumerate(pairs):
        if progress is not None:
            progress(done, len(pairs))
        found = _task(table, us, task, kept, of, repeats, seed, left)
        if found is not None:
            tasks.append(found)
    if progress is not None:
        progress(len(pairs), len(pairs))
    return PredictionPower(tuple(tasks), "" if of is None else of.name, tuple(left), sampled)


def _complete(table: ModelTable, left: list[LeftOut]) -> list[Covariate]:
    """Leave out covariates that many models lack."""
    kept = []
    for covariate in table.covariates:
        lacking = _lacks(covariate)
        if lacking.mean() > _MISSING:
            left.append(
                LeftOut(f"covariate {covariate.name}", f"missing of {int(lacking.sum())} of {len(table)} models")
            )
        else:
            kept.append(covariate)
    return kept


def _lacks(covariate: Covariate) -> np.ndarray:
    """Which models lack it; of words an empty one is a word like others: no augmentation, no mixing."""
    if not covariate.is_number:
        return np.zeros(len(covariate.values), dtype=np.bool_)
    return np.asarray(np.isnan(covariate.values))


def _task(
    table: ModelTable,
    us: str,
    task: Task,
    covariates: list[Covariate],
    group: Covariate | None,
    repeats: int,
    seed: int,
    left: list[LeftOut],
) -> TaskPower | None:
    from scipy.stats import spearmanr

    there = np.isfinite(table.upstream[us]) & np.isfinite(task.accuracy)
    whole = there.copy()
    for covariate in covariates:
        whole &= ~_lacks(covariate)
    if gone := int(there.sum() - whole.sum()):
        left.append(LeftOut(f"{gone} of {int(there.sum())} models", "a covariate is missing", task.label))
    x, y = table.upstream[us][whole], task.accuracy[whole]
    groups = np.arange(len(x))
    if group is not None:
        groups = np.unique(group.values[whole].astype(np.str_), return_inverse=True)[1]
    used = [c for c in covariates if c is not group and len(np.unique(c.values[whole])) > 1]
    if len(x) < _LEAST or len(np.unique(groups)) < 5 or not used or np.ptp(y) == 0 or len(np.unique(x)) < 5:
        there_are = f"{len(x)} models in {len(np.unique(groups))} groups with {len(used)} covariates that vary"
        why = f"{there_are}; it takes 20 in 5"
        left.append(LeftOut("covariates", why, task.label))
        return None
    made = design([c.name for c in used], [c.values[whole] for c in used])
    generator = numpy_generator(seed, "prediction power", us, task.label)
    cv = cross_validated(x, y, made, groups, repeats=repeats, generator=generator)
    law = fit_power_law(1 - x, 1 - y)
    rest = y - (1 - law(1 - x))
    linear, boosted = cv.residual_r2(cv.linear), cv.residual_r2(cv.boosted)
    gained = max((_gained(cv.us - of, groups) for of in (cv.linear, cv.boosted)), key=lambda e: e.value)
    is_number = np.array([c.is_number for c in used])
    columns = [int(np.flatnonzero(made.owner == i)[0]) for i in np.flatnonzero(is_number)]
    inflation = dict(
        zip(np.flatnonzero(is_number).tolist(), variance_inflation(made.matrix[:, columns]), strict=True)
    )
    found = []
    for i, name in enumerate(made.names):
        rank = float(spearmanr(used[i].values[whole], rest).statistic) if is_number[i] else math.nan
        per = float(cv.importance[i] / cv.us.mean()), float(cv.alone[i] / cv.mean.mean())
        found.append(CovariatePower(name, *per, rank, float(inflation.get(i, math.nan))))
    both = cv.linear if linear > boosted else cv.boosted
    base = 1 - law(1 - x)
    if group is not None and group.name == CONFIGURATION:  # what seeds share is no error of each of them
        partial = partial_r2(_averaged(base, groups), _averaged(y, groups), _averaged(made.matrix, groups))
    else:
        partial = partial_r2(base, y, made.matrix)
    noise = _noise(x, y, law.slope, rest, table.images.get(us), task.images)
    return TaskPower(
        us, task.label, len(x), len(np.unique(groups)), float(rest.std() / y.std()), cv.r2(cv.us), cv.r2(both),
        cv.r2(cv.covariates), linear, boosted, gained, gained.times(1 / float(cv.mean.mean())), partial, noise,
        tuple(sorted(found, key=lambda c: -c.importance)),
    )  # fmt: skip


def _averaged(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Mean of each group's rows."""
    return np.stack([values[groups == g].mean(axis=0) for g in np.unique(groups)])


def _gained(differences: np.ndarray, groups: np.ndarray) -> Estimate:
    """Mean difference of squared errors with an interval over groups, each of which is one observation.

    Of two ways to predict the better one is taken, so each has half of the error (Bonferroni).
    """
    n, kinds = len(differences), np.unique(groups)
    mean = float(differences.mean())
    sums = np.array([differences[groups == g].sum() - mean * (groups == g).sum() for g in kinds])
    spread = float((sums**2).sum()) * len(kinds) / (len(kinds) - 1) / n**2
    return measured(mean, over="networks", n=len(kinds), spread=spread, freedom=len(kinds) - 1, level=_LEVEL)


def _noise(
    x: np.ndarray,
    y: np.ndarray,
    slope: Callable[[float], float],
    rest: np.ndarray,
    us_images: int | None,
    ds_images: int | None,
) -> float:
    """Binomial variance of both accuracies, the upstream one through the slope of the law, over that of the rest."""
    if us_images is None and ds_images is None:
        return math.nan
    variance = np.zeros(len(x))
    if ds_images is not None:
        variance += y * (1 - y) / ds_images
    if us_images is not None:
        slopes = np.array([slope(max(1 - v, 1e-6)) for v in x])
        variance += slopes**2 * x * (1 - x) / us_images
    return float(variance.mean() / rest.var())
