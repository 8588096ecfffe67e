"""Few-shot ridge regression against the plain formula with a constant, in float64."""

import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.frozen import draw_supports, few_shot, first_shots


def made(classes=4, each=12, d=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(classes), each)
    centres = rng.standard_normal((classes, d))
    return centres[labels] + 0.8 * rng.standard_normal((len(labels), d)), labels


def support(labels, shots, draw, most=8):
    return first_shots(draw_supports(labels, int(labels.max()) + 1, most, draw + 1), shots)[draw]


def accuracies(train, labels, test, wanted, shots, draws, penalty):
    supports = [torch.from_numpy(support(labels, n, draw)) for n in shots for draw in range(draws)]
    x, y, seen = (torch.from_numpy(a) for a in (train, labels, test))
    (found,) = few_shot(x, y, seen, supports, int(labels.max()) + 1, penalties=(penalty,))
    return (found.predicted.numpy() == wanted).mean(1).reshape(len(shots), draws)


def slow(train, labels, test, wanted, shots, draw, penalty):
    """One image after the other, with a constant that is not penalised, by the normal equations."""
    chosen = support(labels, shots, draw)
    x, y = train[chosen], labels[chosen]
    mean, sd = x.mean(0), np.sqrt(((x - x.mean(0)) ** 2).mean(0)) + 1e-5
    classes = sorted(set(labels.tolist()))
    a = np.hstack([(x - mean) / sd, np.ones((len(x), 1))])
    shrink = np.diag([penalty] * x.shape[1] + [0.0])
    w = np.linalg.inv(a.T @ a + shrink) @ a.T @ np.array([[1.0 if c == k else -1.0 for k in classes] for c in y])
    right = 0
    for image, label in zip(test, wanted, strict=True):
        scores = np.append((image - mean) / sd, 1.0) @ w
        right += classes[int(np.argmax(scores))] == label
    return right / len(test)


@pytest.mark.parametrize("d", [3, 40])
@pytest.mark.parametrize("penalty", [1.0, 1024.0])
def test_it_is_ridge_regression_with_a_free_constant(d, penalty):
    x, y = made(d=d)
    test, wanted = made(d=d, seed=0)
    found = accuracies(x, y, test, wanted, [1, 3, 8], 2, penalty)
    for i, shots in enumerate((1, 3, 8)):
        for draw in range(2):
            assert found[i, draw] == slow(x, y, test, wanted, shots, draw, penalty)


def test_images_are_the_same_for_every_network_and_nested():
    labels = np.random.default_rng(0).permutation(np.tile(np.arange(3), 10))
    two, five = support(labels, 2, 1), support(labels, 5, 1)
    assert set(two) < set(five) and np.bincount(labels[five]).tolist() == [5, 5, 5]
    assert not np.array_equal(two, support(labels, 2, 2))


def test_what_cannot_be():
    x, y = made(each=3)
    with pytest.raises(UsageError, match="class 0 has 3 images for 4 shots; ask for fewer shots"):
        support(y, 4, 0, most=4)
    x[0, 0] = np.nan
    with pytest.raises(UsageError, match="features are not all finite"):
        few_shot(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(x), [torch.arange(3)], 4)
