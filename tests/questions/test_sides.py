"""Which networks are compared, and random starts against pre-trained weights as given, against plain formulas."""

import math

import numpy as np
import pytest
from scipy import stats

from transferscope.evidence.estimate import Estimate
from transferscope.evidence.guard import Witness
from transferscope.evidence.left_out import LeftOut
from transferscope.questions._members import Member
from transferscope.questions._sides import (
    STARTS,
    each_start,
    interval_of,
    less_given,
    not_compared,
    said_unlearned,
    sides,
    times_given,
    unlearned,
)

WHY = "did not clearly beat chance (10.0 %)"
P = Witness("the pre-training", "P")


def members(*labels, unfit=()):
    roles = {"P-T": "P-T", "RI-T": "RI-T", "P": "P", "RI": "RI"}
    return [Member(x, roles[x.split()[0]], "", WHY if x in unfit else "") for x in labels]


def test_networks_that_learned_are_compared_and_the_others_named():
    networks = members("P-T 0", "P-T 1", "RI-T 0", "RI-T 1", unfit=["RI-T 0"])
    seen = [Witness("RI-T 0", "RI-T", WHY), Witness("RI-T 2", "RI-T", "diverged at step 3"), P]
    found = sides(networks, seen)
    assert (found.near, found.far, found.compared, found.named) == ([0, 1], [3], True, True)
    assert [w.label for w in found.networks] == ["P-T 0", "P-T 1", "RI-T 1", "the pre-training"]
    assert unlearned(networks, seen) == (LeftOut("RI-T 0", WHY), LeftOut("RI-T 2", "diverged at step 3"))
    (said,) = said_unlearned(networks, seen)
    assert said.text.startswith("2 of 5 networks left out. ")
    assert said_unlearned(networks[:2], []) == []
    assert not_compared(("002-3-g",), found) == []


def test_where_no_network_of_a_kind_learned_all_of_them_say_why():
    gone = ["P-T 1", "RI-T 0"]
    found = sides(members("P-T 0", "P-T 1", "RI-T 0", unfit=gone), [Witness("RI-T 1", "RI-T", WHY), P])
    assert (found.compared, found.named) == (False, True)
    (said,) = not_compared(("002-3-g",), found)
    assert (said.claim, said.verdict, said.why) == ("002-3-g", "cannot tell", f"RI-T 0 and RI-T 1 {WHY}")
    alone = sides(members("P-T 0"), [P])
    assert not alone.named
    assert not_compared(("002-3-g",), alone) == []


def test_weights_of_one_run_are_one_network():
    found = sides(members("RI-T 0 (best)", "P-T 0", "P-T 0 (best)", "RI-T 0", "RI-T 1 (epoch 3)"), [])
    assert (found.near, found.far) == ([1], [3, 4])
    (left,) = unlearned(members("RI-T 0 (best)", "RI-T 0", unfit=["RI-T 0 (best)", "RI-T 0"]), [])
    assert left.subject == "RI-T 0"


def test_starts_have_learned_nothing_and_are_compared_all_the_same():
    networks = members("P 0", "RI 0", "RI 1")
    seen = [Witness("RI-T 0", "RI-T", WHY), P]
    found = sides(networks, seen, STARTS)
    assert (found.near, found.far, found.networks) == ([0], [1, 2], (P,))
    assert unlearned(networks, seen) == ()
    same = [Member("a", "RI", "RI 0"), Member("b", "RI", "RI 1"), Member("c", "RI", "RI 0"), Member("d", "RI", "")]
    assert each_start(same, [0, 1, 2, 3]) == [[0, 2], [1], [3]]


def test_random_starts_less_pre_trained_weights_as_given():
    starts = np.array([3.0, 5.0, 4.5, 4.0])
    found = less_given(starts, 1.5)
    ends = stats.ttest_1samp(starts, 1.5).confidence_interval(0.95)
    assert found.value == pytest.approx(starts.mean() - 1.5)
    assert (found.low, found.high) == pytest.approx((ends.low - 1.5, ends.high - 1.5))
    assert (found.over, found.n, found.freedom) == ("networks", 4, 3)
    assert less_given(starts[:2], 1.5).over == "nothing"
    assert less_given(starts[:2], 1.5).n == 2


def test_what_images_share_cancels_and_the_rest_is_in_the_interval():
    random = np.random.default_rng(0)
    images = random.normal(0, 1, 200)
    starts = np.array([3.0, 5.0, 4.5])
    rows = starts[:, None] + images - images.mean()
    given = 1.5 + 3 * (images - images.mean())
    spread, noise = starts.var(ddof=1) / 3, (2 * images).var(ddof=1) / 200
    found = less_given(starts, 1.5, (rows, given))
    half = math.sqrt(stats.t.ppf(0.975, 2) ** 2 * spread + stats.norm.ppf(0.975) ** 2 * noise)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))
    assert (found.over, found.n, found.images) == ("networks and images", 3, 200)
    same = less_given(starts, 1.5, (rows, 1.5 + images - images.mean()))
    assert (same.low, same.high) == pytest.approx(less_given(starts, 1.5).interval())
    one = less_given(starts[:1], 1.5, (rows[:1], given))
    assert (one.over, one.n, one.general) == ("images", 200, False)


def test_random_starts_over_pre_trained_weights_as_given():
    starts = np.array([3.0, 5.0, 4.5])
    found = times_given(starts, 1.5)
    ends = stats.ttest_1samp(np.log(starts / 1.5), 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((math.exp(ends.low), math.exp(ends.high)))
    assert found.scale == "log"
    assert times_given(starts).value == pytest.approx(1.5 * found.value)
    assert math.isnan(times_given(np.array([1.0, 0.0, 2.0])).value)


def test_intervals_in_words():
    assert interval_of(Estimate(2.0, 1.0, 12.0, over="networks", n=3), "times") == " (1.00 to 12.0)"
    assert interval_of(Estimate(2.0, over="images", n=3)) == ""
