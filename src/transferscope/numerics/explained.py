"""What covariates still explain once upstream accuracy is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .power_law import fit_power_law

__all__ = ["CrossValidated", "Design", "PartialR2", "cross_validated", "design", "partial_r2", "variance_inflation"]

Array = NDArray[np.float64]

_LOG_FROM = 20.0
"""A positive covariate whose largest value is so many times the smallest is taken by its logarithm."""
_FOLDS = 5
_LEAST = 20
_TREES = {"n_estimators": 80, "max_depth": 3, "learning_rate": 0.1, "subsample": 0.8, "min_samples_leaf": 3}
_ROUNDING = 1e-20
"""What is left of accuracies, squared, that is rounding."""
_SHRINK = 1.0
"""Ridge of the linear part, in units of a standardised covariate's variance times one model."""


@dataclass(frozen=True, eq=False)
class Design:
    """Covariates as columns of numbers: standardised, words as one column for each of them.

    Attributes:
        names: of the covariates; with ``log`` before those that are taken by their logarithm.
        owner: which covariate each column is of.
        matrix: (models, columns).
    """

    names: tuple[str, ...]
    owner: NDArray[np.int64]
    matrix: Array


@dataclass(frozen=True)
class PartialR2:
    """How much of what the base leaves a linear part of covariates explains, in the sample.

    Attributes:
        r2: (SSE_base − SSE_base+covariates)/SSE_base.
        f: its F statistic; nan without degrees of freedom.
        p: its p-value, which supposes independent models with errors of one size.
        columns: rank that the covariates add.
        freedom: residual degrees of freedom.
    """

    r2: float
    f: float
    p: float
    columns: int
    freedom: int


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """Squared errors on held-out models, a mean over repeats for each model, in accuracy squared.

    Attributes:
        mean: of the mean of the others: what R² compares with.
        us: of the power law of upstream accuracy.
        linear: of the law and a linear part of the covariates on its residuals.
        boosted: of the law and boosted trees on its residuals.
        covariates: of boosted trees on covariates alone.
        importance: by how much the boosted squared error rises, mean over models, when a covariate is shuffled among
            the held-out models; one a covariate.
        alone: the same for trees without upstream accuracy.
    """

    mean: Array
    us: Array
    linear: Array
    boosted: Array
    covariates: Array
    importance: Array
    alone: Array

    def r2(self, what: Array) -> float:
        """Return 1 − Σ errors/Σ errors of the mean, below 0 where it predicts worse than the mean does."""
        return 1.0 - float(what.sum() / self.mean.sum())

    def residual_r2(self, what: Array) -> float:
        """Return the share of what upstream accuracy leaves that is explained, on held-out models."""
        return 1.0 - float(what.sum() / self.us.sum())


def design(names: Sequence[str], values: Sequence[np.ndarray]) -> Design:
    """Make columns of covariates: numbers standardised, by their logarithm where they span much, words one by one.

    Args:
        names: of the covariates.
        values: float arrays without nan, or arrays of words; those that do not vary get no column.

    Raises:
        UsageError: for numbers that are not finite.

    >>> made = design(["lr", "aug"], [np.array([1e-5, 1e-3]), np.array(["no", "yes"])])
    >>> made.names, made.owner.tolist(), made.matrix.round(6).tolist()
    (('log lr', 'aug'), [0, 1], [[-1.0, -1.0], [1.0, 1.0]])
    """
    columns: list[Array] = []
    owner: list[int] = []
    called = []
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        if value.dtype.kind == "f":
            if not np.isfinite(value).all():
                raise UsageError(f"covariate {name!r} has numbers that are not finite; leave these models out first")
            is_log = bool((value > 0).all() and value.max() > _LOG_FROM * value.min())
            called.append(f"log {name}" if is_log else name)
            made = [np.log(value) if is_log else value]
        else:
            called.append(name)
            made = [(value == level).astype(np.float64) for level in np.unique(value)[1:]]
        for column in made:
            if np.ptp(column) > 0:  # the deviation of equal numbers may be rounding
                columns.append((column - column.mean()) / float(column.std()))
                owner.append(i)
    matrix = np.stack(columns, axis=1) if columns else np.empty((len(values[0]) if values else 0, 0))
    return Design(tuple(called), np.array(owner, dtype=np.int64), matrix)


def partial_r2(base: ArrayLike, y: ArrayLike, covariates: Array, lost: int = 3) -> PartialR2:
    """Return what covariates add to a base prediction in a linear model of its residuals, with the F-test.

    Args:
        base: prediction from upstream accuracy.
        y: downstream accuracy.
        covariates: (models, columns).
        lost: numbers that were fitted for the base.

    >>> x = np.array([[-1.0], [1.0], [-1.0], [1.0], [-1.0], [1.0]])
    >>> found = partial_r2(np.zeros(6), 2 * x[:, 0], x)
    >>> found.r2, found.columns, found.freedom
    (1.0, 1, 2)
    """
    from scipy.stats import f as fisher

    rest = np.asarray(y, dtype=np.float64).ravel() - np.asarray(base, dtype=np.float64).ravel()
    n = len(rest)
    both = np.column_stack([np.ones(n), covariates])
    rank = int(np.linalg.matrix_rank(both)) - 1
    before = float(((rest - rest.mean()) ** 2).sum())
    if before <= _ROUNDING * float(np.square(y).sum()):  # the base leaves nothing that could be explained
        before = 0.0
    solution = np.linalg.lstsq(both, rest, rcond=None)[0]
    after = float(((rest - both @ solution) ** 2).sum())
    freedom = n - lost - rank
    if before <= 0 or rank < 1 or freedom < 1:
        return PartialR2(math.nan if before <= 0 else 1 - after / before, math.nan, math.nan, rank, freedom)
    if after <= 1e-14 * before:
        return PartialR2(1.0, math.inf, 0.0, rank, freedom)
    f = (before - after) / rank / (after / freedom)
    return PartialR2(1 - after / before, f, float(fisher.sf(f, rank, freedom)), rank, freedom)


def variance_inflation(columns: Array) -> Array:
    """Return 1/(1 − R²) of each column by the others; infinite where the others give it exactly.

    >>> a = np.array([1.0, 2.0, 3.0, 4.0])
    >>> variance_inflation(np.stack([a, a * 2], axis=1)).tolist()
    [inf, inf]
    """
    found = []
    for i in range(columns.shape[1]):
        others = np.column_stack([np.ones(len(columns)), np.delete(columns, i, axis=1)])
        own = columns[:, i]
        rest = own - others @ np.linalg.lstsq(others, own, rcond=None)[0]
        total, left = float(((own - own.mean()) ** 2).sum()), float((rest**2).sum())
        found.append(math.inf if left <= 1e-10 * total else total / left)
    return np.array(found)


def cross_validated(
    us: ArrayLike,
    ds: ArrayLike,
    covariates: Design,
    groups: ArrayLike,
    *,
    repeats: int,
    generator: np.random.Generator,
) -> CrossValidated:
    """Predict each model by laws, linear parts and trees that were fitted without its whole group.

    Args:
        us: upstream accuracies.
        ds: downstream accuracies.
        covariates: what else is known.
        groups: models with the same number are held out together.
        repeats: divisions into five folds.
        generator: of the folds, trees and shuffles.

    Raises:
        UsageError: for fewer than twenty models or five groups.
    """
    from sklearn.ensemble import GradientBoostingRegressor

    x, y = np.asarray(us, dtype=np.float64).ravel(), np.asarray(ds, dtype=np.float64).ravel()
    of, m = np.asarray(groups).ravel(), covariates.matrix
    kinds = np.unique(of)
    if len(x) < _LEAST or len(kinds) < _FOLDS:
        raise UsageError(
            f"{len(x)} models in {len(kinds)} groups; covariates take {_LEAST} models in {_FOLDS} groups"
        )
    n, count = len(x), len(covariates.names)
    total = {what: np.zeros(n) for what in ("mean", "us", "linear", "boosted", "covariates")}
    importance, alone = np.zeros(count), np.zeros(count)
    for _ in range(repeats):
        for part in np.array_split(generator.permutation(kinds), _FOLDS):
            test = np.isin(of, part)
            train = ~test
            law = fit_power_law(1 - x[train], 1 - y[train])
            base = 1 - law(1 - x)
            rest = y - base
            seed = int(generator.integers(2**31))
            on_rest = GradientBoostingRegressor(random_state=seed, **_TREES).fit(m[train], rest[train])
            on_all = GradientBoostingRegressor(random_state=seed, **_TREES).fit(m[train], y[train])
            predicted = {
                "mean": np.full(n, y[train].mean()),
                "us": base,
                "linear": base + _linear(m, rest, train),
                "boosted": base + on_rest.predict(m),
                "covariates": on_all.predict(m),
            }
            for what, value in predicted.items():
                total[what][test] += (y[test] - value[test]) ** 2 / repeats
            for i in range(count):
                shuffled = m[test].copy()
                mine = covariates.owner == i
                shuffled[:, mine] = shuffled[generator.permutation(len(shuffled))][:, mine]
                for into, trees, start, key in (
                    (importance, on_rest, base, "boosted"),
                    (alone, on_all, 0 * base, "covariates"),
                ):
                    worse = (y[test] - start[test] - trees.predict(shuffled)) ** 2
                    into[i] += float((worse - (y[test] - predicted[key][test]) ** 2).sum()) / (n * repeats)
    return CrossValidated(
        total["mean"], total["us"], total["linear"], total["boosted"], total["covariates"], importance, alone
    )


def _linear(m: Array, rest: Array, train: NDArray[np.bool_]) -> Array:
    centre, level = m[train].mean(axis=0), float(rest[train].mean())
    a = m[train] - centre
    weights = np.linalg.solve(a.T @ a + _SHRINK * np.eye(m.shape[1]), a.T @ (rest[train] - level))
    return np.asarray(level + (m - centre) @ weights)
