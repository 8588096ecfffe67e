"""The choice among networks, their average and their ensemble, against a plain loop and under its null."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from transferscope.errors import UsageError
from transferscope.evidence.contrast import contrast
from transferscope.evidence.estimate import Estimate
from transferscope.evidence.which import choose, holm, images_to_tell, standing
from transferscope.rng import numpy_generator


def rights(name: str, shares: list[float], n: int, alike: float = 0.7) -> np.ndarray:
    """Networks that are right with these probabilities, on mostly the same images."""
    r = numpy_generator("which", name)
    shared, own = r.random(n), r.random((len(shares), n))
    use = r.random((len(shares), n)) < alike
    return (np.where(use, shared, own) < np.array(shares)[:, None]).astype(np.float64)


def paired(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """A paired difference with its 95 % interval and p, by the textbook; counts get one half of an image more."""
    d = a - b
    error = d.std() / math.sqrt(len(d))
    return d.mean(), error, 2 * norm.sf(abs(d.mean()) / error)


def test_two_networks_far_apart_and_near_together() -> None:
    far = rights("far", [0.9, 0.7], 600)
    found = choose(far)
    value, error, p = paired(far[0], far[1])
    assert (found.take, found.best, found.second, found.compared) == ("one", 0, 1, 1)
    assert found.gap.value == pytest.approx(value) and found.gap.over == "images"
    assert found.gap.high - found.gap.low == pytest.approx(2 * 1.96 * error, rel=0.02)
    assert found.p[0] < 1e-6 and p < 1e-6
    assert found.average is None and found.p[1:] == (1.0, 1.0)
    near = choose(rights("near", [0.8, 0.79], 300))
    assert near.take == "cannot tell" and near.p[0] > 0.05


def test_all_comparisons_are_corrected_together() -> None:
    rows = rights("three", [0.80, 0.79, 0.60], 400)
    found = choose(rows)
    raw = {pair: paired(rows[pair[0]], rows[pair[1]])[2] for pair in ((0, 1), (0, 2), (1, 2))}
    best = int(rows.mean(1).argmax())
    assert found.compared == 3 and found.best == best and {found.best, found.second} == {0, 1}
    # The pair that is hardest to tell apart comes last, and is not corrected.
    assert found.p[0] == pytest.approx(raw[0, 1], abs=0.02)
    assert found.take == "cannot tell"


def test_what_was_best_on_other_images_is_held_against_what_is_better_on_these() -> None:
    # c is the harder to tell from a, b is clearly better than it: neither a nor what builds on a is taken.
    rows = rights("shifted", [0.80, 0.90, 0.77], 1000)
    better = np.maximum(rows[0], rights("some more", [0.2], 1000)[0])
    found = choose(rows, average=better, ensemble=better, best=0)
    assert (found.take, found.best, found.second) == ("cannot tell", 0, 1)
    assert found.gap.value < 0 and found.p[0] < 0.05
    # Where b is not there, it is as before; where b is no more than as good, it is the one to tell a from.
    assert choose(rows[[0, 2]], best=0).second == 1
    near = choose(rights("near", [0.80, 0.805, 0.60], 300), best=0)
    assert (near.take, near.second) == ("cannot tell", 1) or near.gap.value > 0


def test_average_before_ensemble_before_one() -> None:
    rows = rights("gains", [0.8, 0.7], 1000)
    better = np.maximum(rows[0], rights("extra", [0.5], 1000)[0])
    assert choose(rows).take == "one"
    assert choose(rows, average=rows[0], ensemble=better).take == "ensemble"
    found = choose(rows, average=better, ensemble=better)
    assert found.take == "average" and found.compared == 3
    assert found.average.value == pytest.approx(better.mean() - rows[0].mean())
    assert choose(rows, average=rows[1], ensemble=rows[1]).take == "one", "a clear loss is no gain"
    alone = choose(rows[:1], average=better, ensemble=better)
    assert alone.take == "cannot tell" and alone.gap is None and alone.average is None


def test_a_network_that_gives_no_numbers_is_never_the_best() -> None:
    rows = rights("nan", [0.5, 0.8], 200)
    rows[1] = np.nan
    assert choose(rows).best == 0 and choose(rows).take == "cannot tell"


@pytest.mark.parametrize("k", [2, 4])
def test_where_nothing_differs_at_most_5_percent_are_decided(k: int) -> None:
    """Networks, average and ensemble of equal worth, in 500 samples of 300 images."""
    times, decided = 500, 0
    for i in range(times):
        rows = rights(f"null {k} {i}", [0.8] * (k + 2), 300)
        decided += choose(rows[:k], average=rows[k], ensemble=rows[k + 1]).take != "cannot tell"
    assert decided / times <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / times)


def test_a_difference_of_four_points_is_told_on_two_thousand_images() -> None:
    found = [choose(rights(f"power {i}", [0.84, 0.80], 2000)).take for i in range(40)]
    assert found.count("one") >= 32


def test_holm_is_that_of_the_textbook() -> None:
    p = [0.04, 0.001, 0.03, 0.2]
    assert holm(p) == pytest.approx([0.09, 0.004, 0.09, 0.2])
    assert holm([]) == []


def test_images_that_would_tell() -> None:
    gap = Estimate(0.01, -0.01, 0.03, over="images", n=500)
    error = 0.02 / norm.ppf(0.975)  # the standard error of 500 images
    for times in (1, 3, 2.4):
        need = images_to_tell(gap, 500, times)
        power = norm.sf(norm.isf(0.025 / times) - 0.01 / (error * math.sqrt(500 / need)))
        assert power == pytest.approx(0.8, abs=2e-4), "of the upper side, which alone tells"
    clear = Estimate(0.1, 0.08, 0.12, over="images", n=500)
    assert images_to_tell(clear, 500) == 500, "never fewer than there were"
    assert images_to_tell(Estimate(0.0, -0.01, 0.01), 500) == math.inf


def test_lines_of_the_table() -> None:
    a, b = rights("line", [0.8, 0.77], 500)
    line = standing("a", a, b, "a note")
    assert line.metric.value == pytest.approx(a.mean()) and line.less.value == pytest.approx((a - b).mean())
    half = (line.less.high - line.less.low) / 2
    assert line.p == pytest.approx(2 * norm.sf(line.less.value / half * norm.ppf(0.975))) and line.note == "a note"
    assert standing("a", a).less is None and standing("a", a).p is None
    assert standing("a", a, a).p == 1.0


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(UsageError, match="not of the same images"):
        choose(np.ones((2, 10)), average=np.ones(9))
    with pytest.raises(UsageError, match="expected a row of numbers"):
        choose(np.ones((0, 10)))


def test_a_best_one_that_was_chosen_on_other_images_is_held_against_everything_on_all_of_these() -> None:
    r = np.random.default_rng(3)
    rows = (r.random((4, 600)) < 0.6).astype(float)
    average = np.where(r.random(600) < 0.3, 1.0, rows[2])
    found = choose(rows, average=average, best=2)
    plain = contrast([average.mean()], [rows[2].mean()], (average[None], rows[2][None]))
    assert found.best == 2 and found.compared == 4, "three other networks and the average"
    assert found.average.interval() == plain.interval() and found.take == "average"
    assert found.p[1] == pytest.approx(min(1.0, 4 * plain.p()))
    assert choose(rows, average=average).compared == 7, "all six pairs otherwise"
    with pytest.raises(UsageError, match="the best of 4 networks cannot be at place 4"):
        choose(rows, best=4)
