"""Samples of images, equal shares, pacing: against plain loops and what must hold of any draw."""

import itertools
import tracemalloc
from typing import get_args

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.numerics.diversity import vendi
from transferscope.numerics.equal_shares import equal_shares, of_each
from transferscope.numerics.pace import FORMS, in_play
from transferscope.numerics.samples import Seen, clusters_of, described, drawn, small
from transferscope.study.pretraining_settings import Form


def slow_shares(sizes, total):
    """One image after the other to the group that has least of those with some left."""
    taken = [0] * len(sizes)
    for _ in range(total):
        least = min((taken[i], i) for i in range(len(sizes)) if taken[i] < sizes[i])[1]
        taken[least] += 1
    return taken


def test_the_cut_level_is_that_of_giving_one_after_the_other():
    rng = np.random.default_rng(0)
    for _ in range(40):
        sizes = rng.integers(0, 12, rng.integers(1, 7))
        total = int(rng.integers(0, sizes.sum() + 1))
        assert of_each(sizes, total).tolist() == slow_shares(sizes, total)
    with pytest.raises(UsageError, match="5 of 4 cannot be taken"):
        of_each(np.array([1, 3]), 5)


def test_equal_shares_of_groups_are_drawn_without_twice():
    groups = np.array([7] * 20 + [3] * 2 + [5] * 9)
    for seed in range(5):
        places = equal_shares(groups, 16, np.random.default_rng(seed))
        assert len(set(places)) == 16 and np.array_equal(places, np.sort(places))
        assert sorted(np.unique(groups[places], return_counts=True)[1].tolist()) == [2, 7, 7]
    whole = {int((groups[equal_shares(groups, 15, np.random.default_rng(s))] == 7).sum()) for s in range(20)}
    assert whole == {6, 7}, "what is left over goes to either"


@pytest.mark.parametrize("how", ["random", "class", "cluster", "easiest", "hardest", "probe"])
def test_every_sample_is_of_its_size_and_follows_its_generator(how):
    rng = np.random.default_rng(1)
    losses = rng.random(50)
    seen = Seen(rng.random((50, 3)), losses, losses > 0.7)
    labels, groups = rng.integers(0, 4, 50), rng.integers(0, 5, 50)
    a, b, c = (drawn(how, 20, labels, np.random.default_rng(s), seen=seen, groups=groups) for s in (0, 0, 1))
    assert len(set(a)) == 20 and np.array_equal(a, b)
    if how in ("easiest", "hardest"):
        wanted = np.argsort(losses)[:20] if how == "easiest" else np.argsort(-losses)[:20]
        assert a.tolist() == c.tolist() == wanted.tolist()
    else:
        assert a.tolist() != c.tolist()
    if how == "probe":
        wrong = int((losses > 0.7).sum())
        assert (losses[a[:wrong]] > 0.7).all() and not (losses[a[wrong:]] > 0.7).any()


def test_what_a_sample_takes():
    labels, rng = np.zeros(5, np.int64), np.random.default_rng(0)
    for how, message in (("easiest", "easiest: takes what a network"), ("cluster", "cluster: takes one group"),
                         ("best", "there is no sample 'best'")):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            drawn(how, 2, labels, rng)
    with pytest.raises(UsageError, match="images with several labels have none"):
        drawn("class", 2, np.zeros((5, 2), np.int8), rng)
    with pytest.raises(UsageError, match="a sample of 6 of 5 images"):
        drawn("random", 6, labels, rng)


def test_clusters_are_found_whatever_the_scale_of_features():
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [6, 0], [0, 6]])
    truth = np.repeat(np.arange(3), 30)
    x = (centres[truth] + 0.3 * rng.standard_normal((90, 2))) * [1.0, 1000.0]
    found = clusters_of(x, 3, np.random.default_rng(2))
    assert all(len(set(found[truth == k])) == 1 for k in range(3)) and len(set(found)) == 3
    assert clusters_of(np.ones((4, 2)), 1, rng).tolist() == [0] * 4
    with pytest.raises(UsageError, match="5 clusters of features"):
        clusters_of(np.ones((4, 2)), 5, rng)


def test_small_versions_are_means_of_cells():
    images = np.random.default_rng(0).integers(0, 255, (2, 12, 20, 3)).astype(np.uint8)
    rows, columns = np.linspace(0, 12, 9).astype(int), np.linspace(0, 20, 9).astype(int)
    slow = [
        [images[n, rows[i] : rows[i + 1], columns[j] : columns[j + 1], c].mean() for i in range(8) for j in range(8)
         for c in range(3)] for n in range(2)
    ]  # fmt: skip
    assert small(images) == pytest.approx(np.array(slow))


def test_small_versions_take_no_copy_of_all_pixels_in_float64():
    images = np.full((64, 128, 128, 3), 7, np.uint8)
    tracemalloc.start()
    small(images)
    assert tracemalloc.get_traced_memory()[1] < 2 * images.nbytes
    tracemalloc.stop()


def test_a_sample_is_described_by_its_diversity():
    rng = np.random.default_rng(0)
    pixels, labels = rng.standard_normal((60, 6)), np.repeat([0, 1, 2], 20)
    all_of_them = described(pixels, labels, np.arange(60), rng)
    assert all_of_them["images"] == 60 and all_of_them["effective classes"] == pytest.approx(3)
    assert all_of_them["Vendi score"] == pytest.approx(vendi(pixels - pixels.mean(0)))
    one_class = described(pixels, labels, np.arange(20), rng)
    assert one_class["effective classes"] == pytest.approx(1)
    assert "effective classes" not in described(pixels, np.zeros((60, 2), np.int8), np.arange(9), rng)


@pytest.mark.parametrize("form", FORMS)
def test_paces_rise_from_their_start_to_all(form):
    shares = [in_play(form, t, start=0.1, full=0.6) for t in np.linspace(0, 1, 21)]
    assert shares[0] == pytest.approx(0.1, abs=1e-9) and shares[12:] == [1.0] * 9
    assert all(a <= b for a, b in itertools.pairwise(shares))


def test_forms_of_pace():
    at = {form: in_play(form, 0.3, start=0.0 + 1e-9, full=0.6) for form in FORMS}
    assert at["linear"] == pytest.approx(0.5) and at["quadratic"] == pytest.approx(0.25)
    assert at["root"] == pytest.approx(np.sqrt(0.5)) and at["step"] == pytest.approx(0, abs=1e-6)
    assert at["exponential"] == pytest.approx((np.exp(5) - 1) / (np.exp(10) - 1))
    assert at["logarithmic"] == pytest.approx(1 + np.log(0.5 + np.exp(-10)) / 10)
    assert set(get_args(Form)) == set(FORMS)
    with pytest.raises(UsageError, match="there is no form 'linaer'; did you mean 'linear'"):
        in_play("linaer", 0.5, start=0.1, full=0.6)
