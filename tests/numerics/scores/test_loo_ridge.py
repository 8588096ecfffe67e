"""Leave-one-out ridge against refitting without each image, primal against dual, and the link."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from transferscope.errors import UsageError
from transferscope.numerics.scores import decompose, loo_ridge, targets_of

from .made import made


@pytest.mark.parametrize(("n", "width"), [(40, 6), (25, 60)])
def test_it_is_refitting_without_each_image(n: int, width: int) -> None:
    x, labels = made(n, width, 3)
    targets = targets_of(labels)
    found = loo_ridge(decompose(x), targets, penalty=2.5)
    features, shares = (x - x.mean(0)).numpy(), targets.columns.mean(0).numpy()
    for i in range(n):
        others = np.arange(n) != i
        plain = Ridge(alpha=2.5, solver="svd", fit_intercept=False)
        plain.fit(features[others], targets.columns[others].numpy() - shares)
        predicted = shares + plain.predict(features[i : i + 1])[0]
        np.testing.assert_allclose(found.predictions[i].numpy(), predicted, atol=1e-8)
    expected = (found.predictions.argmax(1) == labels).double().mean()
    assert found.accuracy == float(expected)


@pytest.mark.parametrize(("n", "width"), [(40, 6), (25, 60)])
def test_primal_is_dual(n: int, width: int) -> None:
    x, labels = made(n, width, 3)
    first, second = (loo_ridge(decompose(x, side), targets_of(labels)) for side in ("features", "images"))  # type: ignore[arg-type]
    assert first.penalty == pytest.approx(second.penalty, rel=1e-9)
    np.testing.assert_allclose(first.predictions.numpy(), second.predictions.numpy(), atol=1e-7)


def test_the_penalty_has_the_least_squared_error_of_those_left_out() -> None:
    x, labels = made(60, 40, 3, signal=0.3)
    features, targets = decompose(x), targets_of(labels)
    chosen = loo_ridge(features, targets)

    def error(penalty: float) -> float:
        return float((loo_ridge(features, targets, penalty=penalty).predictions - targets.columns).square().mean())

    assert all(error(chosen.penalty) <= error(chosen.penalty * 10 ** (k / 2)) for k in (-4, -2, -1, 1, 2, 4))


def test_the_log_loss_is_that_of_its_link_and_never_over_the_entropy() -> None:
    for signal in (0.0, 0.5, 3.0):
        x, labels = made(80, 10, 4, signal=signal)
        targets = targets_of(labels)
        found = loo_ridge(decompose(x), targets)
        shares = targets.columns.mean(0)
        p = (shares.log() + found.slope * (found.predictions - shares)).softmax(1)
        assert found.log_loss == pytest.approx(-float(p[torch.arange(80), targets.single()].log().mean()), abs=1e-12)
        assert found.log_loss <= targets.entropy() + 1e-12
    assert found.log_loss < 0.2


def test_noise_is_at_chance() -> None:
    """With an intercept that is left out, too, it would be under 0.1 here."""
    accuracies = []
    for seed in range(12):
        x, _ = made(300, 20, 3, signal=0.0, seed=seed)
        accuracies.append(loo_ridge(decompose(x), targets_of(torch.arange(300) % 3)).accuracy)
    assert abs(np.mean(accuracies) - 1 / 3) < 0.03


def test_several_labels_an_image() -> None:
    x, labels = made(90, 8, 4)
    columns = torch.stack([labels == 0, labels < 2], 1).to(torch.int8)
    found = loo_ridge(decompose(x), targets_of(columns))
    assert found.auc == pytest.approx(roc_auc_score(columns.numpy(), found.predictions.numpy()), abs=1e-12)
    assert found.accuracy == float(((found.predictions > 0.5) == columns.bool()).double().mean())
    assert found.log_loss <= targets_of(columns).entropy()


def test_what_cannot_be() -> None:
    x, labels = made(20, 4, 2)
    with pytest.raises(UsageError, match="λ = 0"):
        loo_ridge(decompose(x), targets_of(labels), penalty=0.0)
    with pytest.raises(UsageError, match="19 labels for the features of 20 images"):
        loo_ridge(decompose(x), targets_of(labels[1:]))
