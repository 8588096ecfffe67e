import math

import pytest
import torch
from scipy import stats

from transferscope.errors import UsageError
from transferscope.numerics import auroc, auroc_influence, macro_auroc, resampled_means
from transferscope.rng import generator


def draws(n, k, *, levels=None, ignored=0.2, seed=0):
    g = generator("test auc", seed)
    labels = (torch.rand(n, k, generator=g) < 0.4).to(torch.int8)
    scores = torch.randn(n, k, generator=g) + labels
    if levels:
        scores = (scores * levels).round() / levels
    return scores, torch.where(torch.rand(n, k, generator=g) < ignored, -1, labels).to(torch.int8)


def by_pairs(scores, labels):
    positives = [s for s, y in zip(scores.tolist(), labels.tolist(), strict=True) if y == 1]
    negatives = [s for s, y in zip(scores.tolist(), labels.tolist(), strict=True) if y == 0]
    won = sum((p > q) + 0.5 * (p == q) for p in positives for q in negatives)
    return won / (len(positives) * len(negatives))


@pytest.mark.parametrize("levels", [None, 1, 4])
def test_equals_counting_pairs(levels):
    scores, labels = draws(60, 5, levels=levels)
    got = macro_auroc(scores, labels)
    expected = [by_pairs(scores[:, c], labels[:, c]) for c in range(5)]
    assert got.classes == pytest.approx(expected, abs=1e-15)
    assert got.macro == pytest.approx(sum(expected) / 5, abs=1e-15) and got.undefined == ()
    assert auroc(scores[:, 2], labels[:, 2]) == got.classes[2]


def test_equals_mann_whitney():
    scores, labels = draws(300, 1, levels=3)
    s, y = scores[:, 0], labels[:, 0]
    u = stats.mannwhitneyu(s[y == 1].numpy(), s[y == 0].numpy()).statistic
    assert auroc(s, y) == pytest.approx(u / ((y == 1).sum().item() * (y == 0).sum().item()), abs=1e-15)


def test_only_the_order_counts_and_the_other_side_is_one_minus():
    scores, labels = draws(80, 1, levels=2)
    s, y = scores[:, 0], labels[:, 0]
    assert auroc(s.exp(), y) == auroc(s, y)
    assert auroc(-s, y) == pytest.approx(1 - auroc(s, y), abs=1e-15)
    assert auroc(s, torch.where(y == -1, -1, 1 - y)) == pytest.approx(1 - auroc(s, y), abs=1e-15)
    assert auroc(torch.zeros(6), torch.tensor([1, 0, 1, 0, 0, 1])) == 0.5


def test_infinite_scores_are_scores():
    s = torch.tensor([math.inf, math.inf, 1.0, -math.inf, -math.inf, math.inf])
    y = torch.tensor([1, 0, 1, 0, 1, -1])
    assert auroc(s, y) == by_pairs(s, y)


def test_classes_with_one_label_are_left_out_and_said():
    scores, labels = draws(30, 4)
    labels[:, 1] = torch.where(labels[:, 1] == 1, 0, labels[:, 1])
    labels[:, 3] = -1
    got = macro_auroc(scores, labels)
    assert got.undefined == (1, 3)
    assert [math.isnan(a) for a in got.classes] == [False, True, False, True]
    assert got.macro == pytest.approx((got.classes[0] + got.classes[2]) / 2)
    nothing = macro_auroc(scores[:, 3:], labels[:, 3:])
    assert math.isnan(nothing.macro) and nothing.undefined == (0,)


def test_nan_scores_make_the_area_nan_unless_ignored():
    scores, labels = draws(30, 2, ignored=0)
    scores[4, 0] = math.nan
    got = macro_auroc(scores, labels)
    assert math.isnan(got.classes[0]) and math.isnan(got.macro) and got.undefined == ()
    labels[4, 0] = -1
    assert macro_auroc(scores, labels).classes[0] == by_pairs(scores[:, 0], labels[:, 0])


def test_influence_has_the_area_as_its_mean():
    scores, labels = draws(200, 3, levels=4)
    values = auroc_influence(scores, labels)
    assert values.mean(0).tolist() == pytest.approx(macro_auroc(scores, labels).classes, abs=1e-13)
    one_sided = labels.clone()
    one_sided[:, 0] = 1
    assert auroc_influence(scores, one_sided).isnan().all(0).tolist() == [True, False, False]


def test_influence_gives_delongs_variance():
    scores, labels = draws(400, 1, ignored=0)
    s, y = scores[:, 0], labels[:, 0]
    p, q = s[y == 1], s[y == 0]
    beats = (p[:, None] > q).double() + 0.5 * (p[:, None] == q).double()
    variance = beats.mean(1).var() / len(p) + beats.mean(0).var() / len(q)
    got = auroc_influence(scores, labels)[:, 0].var() / 400
    assert got.item() == pytest.approx(variance.item(), rel=0.01)


def test_resampled_influence_moves_as_the_resampled_area_does():
    scores, labels = draws(300, 1, levels=5)
    shortcut = resampled_means(auroc_influence(scores, labels).T, seed=0, resamples=400)[:, 0]
    g = generator("resample auc")
    areas = []
    for _ in range(400):
        index = torch.randint(300, (300,), generator=g)
        areas.append(auroc(scores[index, 0], labels[index, 0]))
    assert shortcut.std().item() == pytest.approx(torch.tensor(areas).std().item(), rel=0.15)


def test_bad_input_is_named(unchecked):
    with pytest.raises(UsageError, match=r"scores \(4, 2\) with labels \(3, 2\)"):
        macro_auroc(torch.zeros(4, 2), torch.zeros(3, 2))
    with pytest.raises(UsageError, match="none of 1"):
        auroc(torch.zeros(3), torch.tensor([0, 1, 2]))
