import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.contrast import mean
from transferscope.evidence.trend import over_depth, slopes

X = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0]
YS = np.random.default_rng(0).standard_normal((4, 6))


def test_one_slope_a_network():
    assert slopes(X, YS) == pytest.approx([stats.linregress(X, y).slope for y in YS])


def test_change_over_depth_is_the_slope_from_first_to_last():
    assert over_depth(YS) == pytest.approx([stats.linregress(np.arange(6) / 5, y).slope for y in YS])
    assert over_depth(YS + 2 * np.arange(6) / 5) == pytest.approx(over_depth(YS) + 2)


def test_what_is_not_finite_or_does_not_vary_has_no_trend():
    ys = np.array([[1.0, 2.0, math.inf], [1.0, 1.0, 1.0], [1.0, 2.0, 3.0]])
    assert slopes([0, 1, 2], ys) == pytest.approx([math.nan, 0.0, 1.0], nan_ok=True)
    assert over_depth(ys) == pytest.approx([math.nan, 0.0, 2.0], nan_ok=True)
    assert np.isnan(slopes([1, 1, 1], ys)).all()


def test_shapes_are_checked():
    with pytest.raises(UsageError, match="expected \\(networks, points\\)"):
        slopes(X, YS[:, :3])
    with pytest.raises(UsageError, match="expected \\(networks, points\\)"):
        over_depth(YS[:, :1])


@pytest.mark.parametrize("networks", [3, 6])
def test_checkpoints_of_one_network_do_not_count_as_many(networks):
    """Each network wanders; three of them, six checkpoints each, are three numbers and not eighteen."""
    rng = np.random.default_rng(0)
    told, pooled, cases = 0, 0, 400
    for _ in range(cases):
        walks = rng.standard_normal((networks, 6)).cumsum(1)
        e = mean(slopes(list(range(6)), walks))
        told += not e.low <= 0 <= e.high
        each = (walks - walks.mean(1, keepdims=True)).ravel()
        pooled += stats.linregress(np.tile(range(6), networks), each).pvalue < 0.05
    assert told / cases <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / cases)
    assert pooled / cases > 0.25
