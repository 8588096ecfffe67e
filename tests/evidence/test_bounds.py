"""Rules about one number decide as t tests of SciPy do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from transferscope.errors import UsageError
from transferscope.evidence.estimate import Estimate, measured
from transferscope.evidence.rules import Above, Below, NotBelow, PeakAbove, PeakUnder, Under, Within

from .made import known, of_networks

VALUES = [list(np.random.default_rng(s).normal(m, 0.02, 4)) for s in range(12) for m in (-0.05, 0.0, 0.01, 0.05)]


@dataclass(frozen=True)
class FakePeak:
    height: Estimate
    ceiling: float | None
    under: float | None = 0.01

    def p_under(self, margin: float) -> float | None:
        return self.under

    def p_over(self, margin: float) -> float | None:
        return self.height.p_over(margin)


def reference(values: list[float], margin: float) -> tuple[float, float]:
    """One-sided p of the mean being over and under the margin."""
    return (
        float(ttest_1samp(values, margin, alternative="greater").pvalue),
        float(ttest_1samp(values, margin, alternative="less").pvalue),
    )


@pytest.mark.parametrize("values", VALUES)
def test_above_and_below_are_two_sided_tests(values):
    over, under = reference(values, 0.01)
    expected = "agrees" if over < 0.025 else "disagrees" if under < 0.025 else "cannot tell"
    turned = {"agrees": "disagrees", "disagrees": "agrees", "cannot tell": "cannot tell"}[expected]
    verdict, p = Above(0.01).judge([of_networks(values)])
    assert verdict == expected and p == pytest.approx(min(1.0, 2 * min(over, under)), rel=1e-6)
    assert (p < 0.05) == (verdict != "cannot tell")
    assert Below(0.01).judge([of_networks(values)]) == (turned, pytest.approx(p))


@pytest.mark.parametrize("values", VALUES)
def test_under_and_not_below_are_one_sided_tests_of_equivalence(values):
    over, under = reference(values, 0.02)
    expected = "agrees" if under < 0.05 else "disagrees" if over < 0.025 else "cannot tell"
    assert Under(0.02).judge([of_networks(values)])[0] == expected
    if expected == "agrees":
        assert Under(0.02).judge([of_networks(values)])[1] == pytest.approx(under, rel=1e-6)
    assert NotBelow(-0.02).judge([of_networks([-v for v in values])])[0] == expected
    stricter = "agrees" if under < 0.05 else "disagrees" if reference(values, 0.03)[0] < 0.025 else "cannot tell"
    assert Under(0.02, against=0.03).judge([of_networks(values)])[0] == stricter
    assert "lies above 0.03" in Under(0.02, against=0.03).text


@pytest.mark.parametrize("values", VALUES)
def test_within_is_two_one_sided_tests(values):
    p = max(reference(values, -0.03)[0], reference(values, 0.03)[1])
    outside = min(reference(values, -0.03)[1], reference(values, 0.03)[0])
    verdict, found = Within(0.03).judge([of_networks(values)])
    assert verdict == ("agrees" if p < 0.05 else "disagrees" if outside < 0.025 else "cannot tell")
    if verdict == "agrees":
        assert found == pytest.approx(p, rel=1e-6)


def test_no_difference_found_is_no_equivalence():
    wide = known(0.0, 0.05)
    assert Under(0.02).judge([wide])[0] == Within(0.02).judge([wide])[0] == "cannot tell"


def test_ratios_are_judged_on_their_own_scale():
    values = [1.9, 2.2, 2.0, 2.1]
    p = float(ttest_1samp(np.log(values), 0.0).pvalue)
    assert Above(1.0).judge([of_networks(values, "log")]) == ("agrees", pytest.approx(p, rel=1e-6))
    halves = of_networks([1 / v for v in values], "log")
    assert Above(1.0).judge([halves])[0] == "disagrees" and Within(3.0).judge([halves])[0] == "agrees"
    assert Within(1.5).judge([halves])[0] == "disagrees"


@pytest.mark.parametrize("over", ["images", "draws", "nothing"])
@pytest.mark.parametrize("rule", [Above(), Below(), Under(1.0), NotBelow(-1.0), Within(1.0)])
def test_what_is_of_given_networks_decides_nothing_of_kinds(rule, over):
    e = Estimate(0.5, 0.4, 0.6, over=over, n=500, noise=0.0025)
    assert rule.judge([e]) == ("cannot tell", None) and rule.lacking([e])
    assert not type(rule)(rule.margin, general=False).lacking([e])


def test_of_a_given_pre_training_images_may_decide():
    assert Above(general=False).judge([known(0.3, 0.1, "images")])[0] == "agrees"


def test_intervals_without_variances_decide_without_a_p():
    e = Estimate(0.3, 0.1, 0.5, over="networks", n=6)
    assert Above().judge([e]) == ("agrees", None)
    assert Under(0.55).judge([e]) == ("agrees", None)  # by the 95 % interval, the only one there is
    assert Under(0.45).judge([e]) == ("cannot tell", None)


def test_a_number_that_is_none_decides_nothing():
    nothing = measured(float("nan"), over="networks", n=6, noise=0.01)
    for rule in (Above(), Below(), Under(0.1), NotBelow(0.1), Within(0.1)):
        assert rule.judge([nothing])[0] == "cannot tell"


def test_two_limits_of_one_rule():
    rule = Above(0.9, against=0.5)
    assert [rule.judge([known(v, 0.01)])[0] for v in (0.95, 0.7, 0.4)] == ["agrees", "cannot tell", "disagrees"]


def test_a_barrier_is_judged_by_the_height_and_none_by_the_ceiling():
    high, flat = FakePeak(known(0.3, 0.02), 0.35), FakePeak(known(0.0, 0.005), 0.012, 0.003)
    unsure = FakePeak(known(0.01, 0.02), 0.05, 0.3)
    assert [PeakAbove(0.02).judge([p])[0] for p in (high, flat, unsure)] == ["agrees", "disagrees", "cannot tell"]
    assert [PeakUnder(0.02).judge([p])[0] for p in (high, flat, unsure)] == ["disagrees", "agrees", "cannot tell"]
    assert PeakUnder(0.02).judge([flat])[1] == 0.003
    assert PeakUnder(0.02).judge([high])[1] == pytest.approx(known(0.3, 0.02).p(0.02))


def test_a_peak_of_two_given_networks_decides_nothing_of_kinds():
    for height in (known(0.3, 0.02, "images"), Estimate(0.3)):
        peak = FakePeak(height, 0.001, 0.001)
        assert PeakUnder(0.02).judge([peak])[0] == PeakAbove(0.02).judge([peak])[0] == "cannot tell"
        assert PeakUnder(0.02).lacking([peak])


def test_a_peak_without_a_limit_at_every_place_is_not_flat():
    for ceiling in (None, float("nan")):
        assert PeakUnder(0.02).judge([FakePeak(known(0.0, 0.001), ceiling)])[0] == "cannot tell"


def test_wrong_numbers_are_refused():
    with pytest.raises(UsageError, match="2 numbers for a rule that judges 1"):
        Above().judge([known(0.1, 0.1)] * 2)
    with pytest.raises(UsageError, match="an Estimate for a rule that judges a peak"):
        PeakUnder(0.02).judge([known(0.1, 0.1)])
    with pytest.raises(UsageError, match="a FakePeak for a rule that judges an Estimate"):
        Above().judge([FakePeak(known(0.1, 0.1), 0.2)])
