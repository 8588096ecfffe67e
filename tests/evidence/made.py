"""Estimates for tests."""

from __future__ import annotations

import numpy as np

from transferscope.evidence.estimate import Estimate, measured


def of_networks(values: list[float], scale: str = "plain") -> Estimate:
    """A mean over networks with Student's interval."""
    x = np.asarray(values, dtype=np.float64)
    n = len(x)
    if scale == "log":
        x = np.log(x)
    value, spread = float(x.mean()), float(x.var(ddof=1)) / n
    value = float(np.exp(value)) if scale == "log" else value
    return measured(value, over="networks", n=n, spread=spread, freedom=n - 1.0, scale=scale)  # type: ignore[arg-type]


def known(value: float, error: float, over: str = "networks", n: int = 6) -> Estimate:
    """A number with a known standard error."""
    return measured(value, over=over, n=n, noise=error**2)  # type: ignore[arg-type]
