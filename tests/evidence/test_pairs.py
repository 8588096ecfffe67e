import math
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.images import Resampled
from transferscope.evidence.pairs import Pairs, pair_contrast, pair_mean, pair_ratio
from transferscope.models.solution import Solution
from transferscope.questions._run_pairs import pairs_among

from .crossed import errors

A, B = [f"a{i}" for i in range(4)], [f"b{i}" for i in range(3)]
KINDS = dict.fromkeys(A, "A") | dict.fromkeys(B, "B")
WITHIN, ACROSS = tuple(combinations(A, 2)), tuple(product(A, B))


def made(names, seed=0, images=None, kinds=KINDS):
    rng = np.random.default_rng(seed)
    examples = None if images is None else rng.uniform(1, 2, (len(names), images))
    return Pairs(names, rng.uniform(1, 2, len(names)) if images is None else examples.mean(1), kinds, examples)


def slowly(first, second, statistic):
    """Variance and degrees of freedom by the formula, in loops."""
    parts = []
    for kind in "AB":
        networks = {n for names in (first.names, second.names if second else ()) for p in names for n in p}
        left = []
        for network in sorted(n for n in networks if KINDS[n] == kind):
            sides = []
            for side in filter(None, (first, second)):
                kept = [v for v, p in zip(side.values, side.names, strict=True) if network not in p]
                sides.append(sum(kept) / len(kept))
            left.append(statistic(*sides))
        if left:
            n = len(left)
            parts.append(((n - 1) / n * sum((t - sum(left) / n) ** 2 for t in left), n - 1))
    total = sum(v for v, _ in parts)
    return total, total**2 / sum(v**2 / f for v, f in parts)


def test_mean_of_pairs_within_one_kind():
    pairs = made(WITHIN)
    e = pair_mean(pairs)
    assert (e.spread, e.freedom) == pytest.approx(slowly(pairs, None, lambda x: x))
    assert (e.value, e.over, e.n, e.freedom) == (pytest.approx(pairs.values.mean()), "networks", 4, 3.0)


def test_mean_of_sums_has_the_variance_of_the_networks_mean():
    x = dict(zip(A, [1.0, 4.0, 2.0, 7.0], strict=True))
    e = pair_mean(Pairs(WITHIN, np.array([x[a] + x[b] for a, b in WITHIN]), KINDS))
    slow = stats.ttest_1samp([2 * v for v in x.values()], 0.0).confidence_interval(0.95)
    assert (e.low, e.high) == pytest.approx((slow.low, slow.high))


def test_contrast_leaves_a_network_out_of_both_sides():
    first, second = made(WITHIN, 1), made(ACROSS, 2)
    e = pair_contrast(first, second)
    assert (e.spread, e.freedom) == pytest.approx(slowly(first, second, lambda x, y: x - y))
    assert (e.value, e.n) == (pytest.approx(first.values.mean() - second.values.mean()), 7)
    # What network a0 adds to all its pairs cancels in part: it is in half of the pairs within and a quarter of those
    # across, so that 1 more moves the difference by 1/2 − 1/4.
    more = [Pairs(s.names, s.values + [("a0" in p) for p in s.names], KINDS) for s in (first, second)]
    assert pair_contrast(*more).value - e.value == pytest.approx(0.25)


def test_ratio_is_judged_by_its_logarithm():
    first, second = made(WITHIN, 1), made(ACROSS, 2)
    e = pair_ratio(first, second)
    assert (e.spread, e.freedom) == pytest.approx(slowly(first, second, lambda x, y: math.log(x / y)))
    assert e.value == pytest.approx(first.values.mean() / second.values.mean())
    assert e.p(1.0) == pytest.approx(2 * stats.t.sf(abs(math.log(e.value)) / math.sqrt(e.spread), e.freedom))


def test_images_enter_by_the_mean_over_pairs_image_by_image():
    first, second = made(WITHIN, 1, 50), made(ACROSS, 2, 50)
    each = [sum(first.examples[:, i]) / 6 - sum(second.examples[:, i]) / 12 for i in range(50)]
    e = pair_contrast(first, second)
    assert e.noise == pytest.approx(np.var(each, ddof=1) / 50)
    assert (e.over, e.images) == ("networks and images", 50)
    x, y = first.values.mean(), second.values.mean()
    each = [sum(first.examples[:, i]) / 6 / x - sum(second.examples[:, i]) / 12 / y for i in range(50)]
    assert pair_ratio(first, second).noise == pytest.approx(np.var(each, ddof=1) / 50)
    assert pair_mean(first).noise == pytest.approx(first.examples.mean(0).var(ddof=1) / 50)
    draws = Resampled(np.random.default_rng(0).standard_normal((6, 300)), 80)
    assert pair_mean(Pairs(WITHIN, first.values, KINDS, draws)).noise == pytest.approx(
        draws.values.mean(0).var(ddof=1)
    )


def test_one_fixed_network_is_no_sample():
    names = tuple(("P", b) for b in B)
    e = pair_mean(Pairs(names, np.array([1.0, 2.0, 4.0]), KINDS))
    slow = stats.ttest_1samp([1.0, 2.0, 4.0], 0.0).confidence_interval(0.95)
    assert (e.low, e.high, e.n) == pytest.approx((slow.low, slow.high, 3))


@pytest.mark.parametrize(
    "names",
    [
        (("a0", "a1"),),
        tuple(product(A, B[:2])),
        (("a0", "a1"), ("a0", "a2"), ("a0", "a3")),  # without a0 nothing is left
        (("P", "Q"),),
    ],
)
def test_too_few_networks_of_a_kind_give_no_verdict(names):
    assert pair_mean(made(names)).over == "nothing"
    e = pair_mean(made(names, images=40))
    assert (e.over, e.n, e.general) == ("images", 40, False)


def test_a_kind_must_be_there_three_times_on_every_side():
    few = made(tuple(combinations(A[:2], 2)) + tuple(product(A[:2], B)))
    assert pair_contrast(made(ACROSS), few).over == "nothing"
    assert pair_contrast(made(ACROSS), made(tuple(combinations(B, 2)))).over == "networks"


def test_a_network_that_is_left_out_leaves_the_numbers_of_other_pairs_too():
    """The number of a pair is a + b − the mean of all others: without a network it is that of the others left."""
    x = dict(zip(A, [1.0, 4.0, 2.0, 7.0], strict=True))

    def numbers(left=None):
        there = [n for n in A if n != left]
        rest = {p: [x[n] for n in there if n not in p] for p in WITHIN}
        return np.array([x[a] + x[b] - (sum(r) / len(r) if r else math.nan) for (a, b), r in rest.items()])

    pairs = Pairs(WITHIN, numbers(), KINDS, recomputed={n: numbers(n) for n in A})
    # Over all pairs the mean is twice the mean of x less the mean of x, so its variance is that of one mean.
    left = np.array([numbers(n)[[n not in p for p in WITHIN]].mean() for n in A])
    e = pair_mean(pairs)
    assert e.value == pytest.approx(np.mean([*x.values()]))
    assert e.spread == pytest.approx(3 / 4 * ((left - left.mean()) ** 2).sum())
    assert e.spread == pytest.approx(np.var([*x.values()], ddof=1) / 4)
    assert pair_mean(Pairs(WITHIN, numbers(), KINDS)).spread != pytest.approx(e.spread)


def test_a_network_beside_the_pairs_is_one_of_the_sample():
    names = (("a0", "a1"), ("a0", "a2"), ("a1", "a2"))
    beside = {"a3": np.array([2.0, 3.0, 4.0])}
    e = pair_mean(Pairs(names, np.array([1.0, 2.0, 3.0]), KINDS, recomputed=beside))
    left = np.array([3.0, 2.0, 1.0, 3.0])
    assert e.n == 4 and e.spread == pytest.approx(3 / 4 * ((left - left.mean()) ** 2).sum())
    lost = pair_mean(Pairs(names, np.array([1.0, 2.0, 3.0]), KINDS, recomputed={"a0": np.full(3, math.nan)}))
    assert lost.over == "nothing", "without a0 there is no number"


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_has_no_interval(bad):
    values = np.array([1.0, bad, 1.0, 1.0, 1.0, 1.0])
    good = made(WITHIN)
    for e in (
        pair_mean(Pairs(WITHIN, values, KINDS)), pair_contrast(good, Pairs(WITHIN, values, KINDS)),
        pair_ratio(Pairs(WITHIN, values, KINDS), good), pair_ratio(good, Pairs(WITHIN, -good.values, KINDS)),
        pair_mean(Pairs((), np.zeros(0), KINDS)),
    ):  # fmt: skip
        assert math.isnan(e.value)
        assert not e.known


def test_errors_are_one_line():
    with pytest.raises(UsageError, match="give one a pair"):
        Pairs(WITHIN, np.zeros(3), KINDS)
    with pytest.raises(UsageError, match="with itself"):
        Pairs((("a", "a"),), np.zeros(1), {})
    with pytest.raises(UsageError, match="give one name one kind"):
        pair_contrast(made(WITHIN), made(WITHIN, kinds=dict.fromkeys(A, "C")))


def told_apart(n, cases, pair, shift=0.0):
    """Share of cases in which pairs within one kind are told from pairs across."""
    rng = np.random.default_rng(n)
    first, second = [f"a{i}" for i in range(n)], [f"b{i}" for i in range(n)]
    kinds = dict.fromkeys(first, "A") | dict.fromkeys(second, "B")
    outside = 0
    for _ in range(cases):
        own = dict(zip(kinds, 0.03 * rng.standard_normal(2 * n), strict=True))
        sides = []
        for names, more in ((tuple(combinations(first, 2)), shift), (tuple(product(first, second)), 0.0)):
            values = [1 + more + own[a] + own[b] + pair * rng.standard_normal() for a, b in names]
            sides.append(Pairs(names, np.array(values), kinds))
        e = pair_contrast(*sides)
        outside += not e.low <= 0 <= e.high
    return outside / cases


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("pair", [0.0, 0.02])
def test_pairs_that_are_alike_are_told_apart_in_five_percent_at_most(n, pair):
    assert told_apart(n, 400, pair) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize("partners", [1, 2])
@pytest.mark.parametrize("n", [5, 8, 12])
def test_few_partners_a_network_keep_the_level(n, partners):
    """Networks around a circle, each joined with the next few: means, two kinds, and within against across."""
    rng, cases, outside = np.random.default_rng(n), 300, np.zeros(3)
    every = [Solution(f"{role} {i}", {}, role, f"{role} {i}") for role in ("P-T", "RI-T") for i in range(n)]
    kinds, sides = {s.label: s.role for s in every}, {}
    for a, b in pairs_among(every, partners):
        sides.setdefault((a.role, b.role), []).append((a.label, b.label))
    for _ in range(cases):
        own = {name: rng.standard_normal() for name in kinds}
        near, far, across = (
            Pairs(tuple(of), np.array([own[a] + own[b] + 0.5 * rng.standard_normal() for a, b in of]), kinds)
            for of in (sides["P-T", "P-T"], sides["RI-T", "RI-T"], sides["P-T", "RI-T"])
        )
        found = pair_mean(near), pair_contrast(near, far), pair_contrast(near, across)
        outside += [not e.low <= 0 <= e.high for e in found]
    assert (outside / cases <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / cases)).all()


def test_pairs_that_differ_are_told_apart():
    assert told_apart(5, 100, 0.02, shift=0.1) >= 0.8


def test_shared_mistakes_of_kinds_that_are_alike():
    rng, outside, n = np.random.default_rng(0), 0, 4
    names = tuple(combinations(range(n), 2))
    kinds = {f"{k}{i}": k for k in "ab" for i in range(n)}
    for _ in range(300):
        sides = []
        for k, wrong in zip("ab", errors(rng, n, 500), strict=True):
            both = np.array([wrong[i] * wrong[j] for i, j in names])
            sides.append(Pairs(tuple((f"{k}{i}", f"{k}{j}") for i, j in names), both.mean(1), kinds, both))
        e = pair_contrast(*sides)
        outside += not e.low <= 0 <= e.high
    assert outside / 300 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 300)
