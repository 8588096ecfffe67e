"""Whether models that were scaled in different ways lie on one curve: what each way adds to the law of all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .power_law import fit_power_law

__all__ = ["CurveOffset", "curve_offsets"]


@dataclass(frozen=True)
class CurveOffset:
    """What one factor adds to downstream accuracy at equal upstream accuracy.

    Attributes:
        factor: its name.
        offset: from its least to its greatest value; 0 where all values give one curve.
        variance: of the offset, over models.
        freedom: degrees of freedom of the variance.
    """

    factor: str
    offset: float
    variance: float
    freedom: int


def curve_offsets(
    us: ArrayLike, ds: ArrayLike, names: Sequence[str], levels: NDArray[np.floating]
) -> tuple[CurveOffset, ...]:
    """Estimate the offsets of factors from the curve of all models: e_DS = k·e_US^α + e_∞ − Σ_j b_j·z_j.

    The factors' columns, and the residuals of the law, are freed of what the law's own three numbers can follow (its
    derivatives by k, α and e_∞), and b is their least-squares solution: one step of Gauss and Newton, after which b
    and the law are fitted together (Frisch and Waugh 1933). So a factor that moves models along the curve has no
    offset. Variances are those of MacKinnon and White 1985 (HC3): residuals need not be alike over the range.

    Args:
        us: upstream accuracies.
        ds: downstream accuracies.
        names: of the factors.
        levels: ``(models, factors)``, each from 0 (its least value) to 1.

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
    freedom = len(x) - 3 - len(names)
    if freedom < 1:
        raise UsageError(f"{len(x)} models for a law and {len(names)} factors; expected {4 + len(names)} or more")
    e = np.clip(1 - x, 1e-9, None)
    law = fit_power_law(e, 1 - y)
    power = e**law.alpha
    tangent = np.stack([power, power * np.log(e), np.ones_like(e)], axis=1)
    tangent /= np.linalg.norm(tangent, axis=0) + 1e-300
    basis = np.linalg.svd(tangent, full_matrices=False)
    along = basis.U[:, 1e-10 * basis.S[0] < basis.S]
    free = z - along @ (along.T @ z)
    residual = y - (1 - law(e))
    residual = residual - along @ (along.T @ residual)
    # A factor whose values the law and the factors before it follow has nothing of its own.
    told = _independent(free, z)
    kept = free[:, told]
    inverse = np.linalg.pinv(kept.T @ kept)
    b = inverse @ kept.T @ residual
    whole = np.concatenate([along, kept], axis=1)
    leverage = np.einsum("ij,jk,ik->i", whole, np.linalg.pinv(whole.T @ whole), whole)
    rest = (residual - kept @ b) / np.clip(1 - leverage, 1e-6, None)
    meat = inverse @ (kept.T * rest**2) @ kept @ inverse
    at = {int(j): i for i, j in enumerate(told)}
    return tuple(
        CurveOffset(name, float(b[at[j]]), float(meat[at[j], at[j]]), freedom)
        if j in at
        else CurveOffset(name, math.nan, math.nan, freedom)
        for j, name in enumerate(names)
    )


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
