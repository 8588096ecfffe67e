"""Axes of a grid against the law of the rest of it."""

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.numerics.grid import axis_offsets
from transferscope.numerics.power_law import fit_power_law


def grid(offset: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Size × data × compute; along compute, at the largest of the others, it is off by ``offset``."""
    rng = np.random.default_rng(seed)
    size, data, compute = (v.ravel() for v in np.meshgrid(range(4), range(4), range(6), indexing="ij"))
    us = 0.2 + 0.04 * size + 0.05 * data + 0.06 * compute + rng.normal(0, 0.005, size.size)
    ds = 0.9 - 0.7 * (1 - us) ** 1.5 + rng.normal(0, 0.004, size.size)
    return us, ds + offset * ((size == 3) & (data == 3)), [size, data.astype(str), compute]


NAMES = ["size", "data", "compute"]


def test_on_one_curve_no_axis_is_off() -> None:
    us, ds, settings = grid(0.0)
    found = axis_offsets(us, ds, NAMES, settings)
    assert [f.factor for f in found] == NAMES and [len(f.index) for f in found] == [4, 4, 6]
    for axis in found:
        rest = np.setdiff1d(np.arange(96), axis.index)
        law = fit_power_law(1 - us[rest], 1 - ds[rest])
        at = list(axis.index)
        assert axis.offset == pytest.approx(float(np.mean(ds[at] - 1 + law(1 - us[at]))))
        assert abs(axis.offset) < 0.01 and axis.spread < 3 * axis.elsewhere


def test_an_axis_that_is_off_is_told_with_its_interval() -> None:
    us, ds, settings = grid(0.05)
    compute = next(f for f in axis_offsets(us, ds, NAMES, settings) if f.factor == "compute")
    assert compute.fixed == {"size": "3", "data": "3"}
    assert compute.low > 0.03 and compute.low < compute.offset < compute.high < 0.07


def test_short_axes_are_left_out_and_one_factor_is_no_grid() -> None:
    us, ds, settings = grid(0.0)
    few = settings[0] < 2
    found = axis_offsets(us[few], ds[few], NAMES, [s[few] for s in settings])
    assert [f.factor for f in found] == ["data", "compute"]
    with pytest.raises(UsageError, match="a grid of 1 factors with 1 settings; give two factors or more"):
        axis_offsets(us, ds, ["size"], settings[:1])
