"""Whether models that were scaled in different ways lie on one curve: what each way adds to the law of all."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .power_law import fit_power_law

__all__ = ["CurveOffset", "curve_offsets"]

_TURNS = 3
"""How often law and offsets are fitted by turns; the second changes the third digit."""
_FITTED = 1e-6
"""What is left of a direction in which a group of models is fitted whatever it is."""


@dataclass(frozen=True)
class CurveOffset:
    """What one factor adds to downstream accuracy at equal upstream accuracy.

    Attributes:
        factor: its name.
        offset: from its least to its greatest value; 0 where all values give one curve.
        variance: of the offset, over models, or over groups of them; nan where one group alone decides the offset.
        freedom: degrees of freedom of the variance.
    """

    factor: str
    offset: float
    variance: float
    freedom: int


def curve_offsets(
    us: ArrayLike,
    ds: ArrayLike,
    names: Sequence[str],
    levels: NDArray[np.floating],
    tested: int | None = None,
    groups: Sequence[Hashable] | None = None,
) -> tuple[CurveOffset, ...]:
    """Estimate the offsets of factors from the curve of all models: e_DS = k·e_US^α + e_∞ − Σ_j b_j·z_j.

    Law and offsets are fitted together, by turns: the factors' columns, and the residuals of the law, are freed of
    what the law's three numbers can follow (its derivatives by k, α and e_∞), b is their least-squares solution
    (Frisch and Waugh 1933), and the law is fitted again to what b leaves. So a factor that only moves models along
    the curve has no offset. Variances are those of MacKinnon and White 1985 (HC3): residuals need not be alike over
    the range. Of groups of models that are alike by more than their factors, such as the seeds of one configuration,
    each is one observation: its residuals, freed of its leverage as a block, are summed (Bell and McCaffrey 2002,
    CR3), which is HC3 where each model is a group of its own.

    Upstream accuracies are tested on finitely many images. Left alone, that noise would give an offset to a factor
    that only moves models along the curve: of two models seen at one accuracy, the one whose factors promise more has
    more. So each accuracy is replaced by what is to be expected of it given the model's factors (regression
    calibration, Carroll et al. 2006, chapter 4): x − λ(x − x̂), x̂ the additive fit of all levels, λ the share that
    testing makes of the variance about it.

    Args:
        us: upstream accuracies.
        ds: downstream accuracies.
        names: of the factors.
        levels: ``(models, factors)``, each from 0 (its least value) to 1.
        tested: on how many images upstream accuracies were; ``None`` for as good as infinitely many.
        groups: of each model, what others share that are no observations of their own; default: none share one.

    Returns:
        One a factor; those that cannot be told from the law and the other factors have nan.

    Raises:
        UsageError: for columns without names, or too few models.

    >>> x = np.linspace(0.2, 0.9, 24)
    >>> z = np.tile([0.0, 1.0], 12)[:, None]
    >>> (found,) = curve_offsets(x, 0.9 - 0.7 * (1 - x) ** 2 + 0.03 * z[:, 0], ["data"], z)
    >>> round(found.offset, 3), found.freedom
    (0.03, 20)
    """
    x, y = np.asarray(us, dtype=np.float64).ravel(), np.asarray(ds, dtype=np.float64).ravel()
    z = np.asarray(levels, dtype=np.float64)
    if z.shape != (len(x), len(names)):
        raise UsageError(f"levels of shape {z.shape} for {len(x)} models and {len(names)} factors")
    of = np.arange(len(x)) if groups is None else _numbered(groups)
    if len(of) != len(x):
        raise UsageError(f"groups of {len(of)} models for {len(x)}; give one a model")
    kinds, what = len(np.unique(of)), "models" if groups is None else "groups of models"
    freedom = kinds - 3 - len(names)
    if freedom < 1:
        raise UsageError(f"{kinds} {what} for a law and {len(names)} factors; expected {4 + len(names)} or more")
    e = np.clip(1 - (x if tested is None else _expected(x, z, tested, of)), 1e-9, None)
    added = np.zeros(len(names))
    for _ in range(_TURNS):
        law = fit_power_law(e, np.clip(1 - y + z @ added, 0, None))
        power = e**law.alpha
        tangent = np.stack([power, power * np.log(e), np.ones_like(e)], axis=1)
        tangent /= np.linalg.norm(tangent, axis=0) + 1e-300
        basis = np.linalg.svd(tangent, full_matrices=False)
        along = basis.U[:, basis.S / basis.S[0] > 1e-10]
        free = z - along @ (along.T @ z)
        residual = y - (1 - law(e))
        residual = residual - along @ (along.T @ residual)
        # A factor whose values the law and the factors before it follow has nothing of its own.
        told = _independent(free, z)
        kept = free[:, told]
        inverse = np.linalg.pinv(kept.T @ kept)
        b = inverse @ kept.T @ residual
        added[told] = b
    whole = np.concatenate([along, kept], axis=1)
    variance = _variance(whole, kept @ inverse, residual - kept @ b, of)
    at = {int(j): i for i, j in enumerate(told)}
    return tuple(
        CurveOffset(name, float(b[at[j]]), float(variance[at[j]]), freedom)
        if j in at
        else CurveOffset(name, math.nan, math.nan, freedom)
        for j, name in enumerate(names)
    )


def _numbered(groups: Sequence[Hashable]) -> NDArray[np.int64]:
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(one, len(places)) for one in groups], dtype=np.int64)


def _variance(
    whole: NDArray[np.float64], weights: NDArray[np.float64], rest: NDArray[np.float64], of: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Variances of weights·rest over groups, each with what it would be off by if it were not fitted itself.

    Nothing is known of a number that one group alone decides, as each law fits that group whatever it is.
    """
    inverse = np.linalg.pinv(whole.T @ whole)
    found = np.zeros(weights.shape[1])
    for group in np.unique(of):
        here = of == group
        values, vectors = np.linalg.eigh(np.eye(int(here.sum())) - whole[here] @ inverse @ whole[here].T)
        free = values > _FITTED
        own = vectors[:, free] @ (vectors[:, free].T @ rest[here] / values[free])
        found += (own @ weights[here]) ** 2
        alone = np.abs(vectors[:, ~free].T @ weights[here]) > _FITTED * np.linalg.norm(weights, axis=0)
        found[alone.any(axis=0)] = math.nan
    return found


def _expected(
    x: NDArray[np.float64], z: NDArray[np.float64], tested: int, of: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What is to be expected of accuracies that were tested, given the models' factors.

    Variances are those between and within groups, as groups are what vary about the factors.
    """
    columns = [np.ones(len(x))]
    columns += [(z[:, j] == value).astype(np.float64) for j in range(z.shape[1]) for value in np.unique(z[:, j])[1:]]
    design = np.stack(columns, axis=1)
    solution, _, rank, _ = np.linalg.lstsq(design, x, rcond=None)
    about = x - design @ solution
    counts = np.bincount(of)
    means = np.bincount(of, about) / counts
    kinds, n = len(counts), len(x)
    within = float(((about - means[of]) ** 2).sum()) / (n - kinds) if n > kinds else 0.0
    between = float(counts @ means**2) / (kinds - int(rank)) if kinds > rank else 0.0
    left = within + max(0.0, between - within) * kinds / n
    if left <= 0:
        return x
    return x - min(1.0, float(np.mean(x * (1 - x))) / tested / left) * about


def _independent(free: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.int64]:
    chosen: list[int] = []
    for j in range(z.shape[1]):
        column = free[:, j]
        if chosen:
            others = free[:, chosen]
            column = column - others @ np.linalg.lstsq(others, column, rcond=None)[0]
        if np.linalg.norm(column) > 1e-6 * (np.linalg.norm(z[:, j] - z[:, j].mean()) + 1e-300):
            chosen.append(j)
    return np.array(chosen, dtype=np.int64)
