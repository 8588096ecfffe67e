"""Whether modules become more critical from input to output: one factor a network, and networks are the sample."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...evidence.contrast import mean
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.phrases import count, interval_text, short, times
from ...evidence.trend import over_depth
from .._learned import as_witnesses, of_kind
from .grid import ratios
from .kinds import main_path
from .measure import Criticality
from .valleys import Subject, Valley

__all__ = ["growth", "order_findings"]

_LEAST_MODULES = 3
"""Fewer modules have no order to speak of."""

Numbers = NDArray[np.float64]


def order_findings(result: Criticality) -> list[Finding]:
    """Return how μ_i changes with depth; networks that learned nothing play no part where others did."""
    networks = [s for s in result.networks if main_path(result, s)]
    return [found for role in ("P-T", "RI-T") for found in _order(result, role, of_kind(networks, role))]


def _order(result: Criticality, role: str, networks: Sequence[Subject]) -> list[Finding]:
    table = [{v.module: v for v in main_path(result, s)} for s in networks]
    modules = [m for m in result.modules if table and all(m in t and not math.isnan(t[m].mu) for t in table)]
    if len(modules) < _LEAST_MODULES:
        return []
    valleys = [[t[m] for m in modules] for t in table]
    spans = np.array([[_span(v) for v in of] for of in valleys])
    sizes = np.array([[v.size for v in of] for of in valleys], dtype=np.float64)
    mu = np.array([[v.mu for v in of] for of in valleys])
    found = [growth(mu / by, spans / by[..., None]) for by in (sizes, np.ones_like(sizes))]
    ends = [short(float(np.mean([of[at].relative for of in valleys]))) for at in (0, -1)]
    told = [f"{times(e.value)}{interval_text(e, form='times')}" for e in found]
    claimed = role == "P-T"
    return [
        said(
            f"{role} ({count(len(networks), 'network')}): from {modules[0]} to {modules[-1]} μ_i for the module's "
            f"size goes from {ends[0]} to {ends[1]}; on a line through the logarithms of all modules, network by "
            f"network, it changes by a factor of {told[0]}, μ_i itself by {told[1]}; "
            f"{count(len(modules), 'module')}{_clamped(mu)}.",
            found[0],
            n=len(networks),
            unit="networks",
            weight=0.8 if claimed else 0.4,
            judged=judge("000-3.4-e", *found, networks=as_witnesses(networks, result.witnesses)) if claimed else None,
        )
    ]


def growth(mu: Numbers, spans: Numbers) -> Estimate:
    """Return how many times as large μ is of the last module as of the first: exp of the slope of its logarithm.

    A module that bears noise at its start has μ = 0, and one that bears none of the grid's an infinite one. They
    count as the least number above 0 that the grid can show in any module of this network, and as the largest: the
    same for all modules, so that modules that are alike show no order.

    Args:
        mu: ``(networks, modules)``, from 0, in forward order.
        spans: ``(networks, modules, 2)``, the least above 0 and the largest that the grid can show in each module;
            nan where a module never moved.

    >>> e = growth(np.array([[0.0, 1.0, np.inf]] * 3), np.array([[[0.1, 10.0]] * 3] * 3))
    >>> round(e.value, 6), e.over
    (100.0, 'networks')
    """
    least, most = np.fmin.reduce(spans[..., 0], axis=1), np.fmax.reduce(spans[..., 1], axis=1)
    still = np.isnan(least)[:, None]  # no module of the network moved: all are 0, and alike
    logs = np.log(np.where(still, 1.0, np.clip(mu, least[:, None], most[:, None])))
    return mean(over_depth(logs)).as_ratio()


def _span(v: Valley) -> tuple[float, float]:
    every = ratios(v.alphas, v.scale * v.sigmas, v.distance)
    there = every[np.isfinite(every) & (every > 0)]
    return (float(there.min()), float(there.max())) if there.size else (math.nan, math.nan)


def _clamped(mu: Numbers) -> str:
    """Say what numbers without a logarithm count as, where there are some."""
    told = [f"{int((mu == 0).sum())} of 0 as the least above it"] if (mu == 0).any() else []
    told += [f"{int(np.isinf(mu).sum())} infinite as the largest"] if np.isinf(mu).any() else []
    return f"; of {mu.size} μ_i {' and '.join(told)} that the grid can show" if told else ""
