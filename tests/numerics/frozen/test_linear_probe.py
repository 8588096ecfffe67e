"""The linear probe against scikit-learn's logistic regression, and the choice of its decay."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from transferscope.errors import UsageError
from transferscope.numerics.frozen import DECAYS, linear_probe


def made(n, seed, width=6, classes=3):
    draw = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = np.random.default_rng(5).normal(0, 0.7, (classes, width))
    return torch.from_numpy(centres[labels] + draw.normal(0, 1, (n, width)) + 2), torch.from_numpy(labels)


@pytest.mark.parametrize("decay", [1e-2, 1e-4])
def test_it_is_the_penalised_maximum_of_the_likelihood(decay):
    (x, y), (v, w) = made(120, 0), made(60, 1)
    found = linear_probe(x, y, v, w, v, 3, decays=(decay,), steps=2000)
    assert found.converged and found.decay == decay
    scale = np.sqrt(float(((x - x.mean(0)) ** 2).sum(1).mean()))
    peer = LogisticRegression(C=1 / (decay * 120), tol=1e-10, max_iter=5000).fit(((x - x.mean(0)) / scale).numpy(), y)
    expected = peer.decision_function(((v - x.mean(0)) / scale).numpy())
    out = (v @ found.weights + found.bias).numpy()
    np.testing.assert_allclose(
        out - out.mean(1, keepdims=True), expected - expected.mean(1, keepdims=True), atol=2e-3
    )
    assert (found.predicted.numpy() == peer.predict(((v - x.mean(0)) / scale).numpy())).mean() > 0.99


def test_the_decay_is_the_largest_of_the_best_on_validation_images():
    (x, y), (v, w), (t, _) = made(30, 0, 20), made(300, 1, 20), made(50, 2, 20)
    found = linear_probe(x, y, v, w, t, 3)
    best = max(found.validation)
    assert found.decay == sorted(DECAYS, reverse=True)[found.validation.index(best)]
    reached = ((v @ found.weights + found.bias).argmax(1) == w).double().mean()
    assert float(reached) == pytest.approx(best)
    assert (found.predicted == (t @ found.weights + found.bias).argmax(1)).all()


def test_it_knows_no_unit():
    (x, y), (v, w), (t, _) = made(60, 0), made(60, 1), made(80, 2)
    a, b = (linear_probe(f * x, y, f * v, w, f * t, 3) for f in (1.0, 1000.0))
    assert a.decay == b.decay and bool((a.predicted == b.predicted).all())


def test_features_that_do_not_vary_give_the_largest_class():
    y = torch.tensor([0, 1, 1, 1])
    found = linear_probe(torch.ones(4, 2), y, torch.ones(4, 2), y, torch.ones(3, 2), 2)
    assert found.predicted.tolist() == [1, 1, 1]


def test_what_cannot_be():
    x, y = made(12, 0)
    with pytest.raises(UsageError, match="without validation images"):
        linear_probe(x, y, x[:0], y[:0], x, 3)
    with pytest.raises(UsageError, match="numbers over 0"):
        linear_probe(x, y, x, y, x, 3, decays=(0.0,))
    with pytest.raises(UsageError, match="not all finite"):
        linear_probe(x * torch.inf, y, x, y, x, 3)
