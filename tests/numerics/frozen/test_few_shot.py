"""Few-shot ridge against its published form written out, refits without each image, and one solve after another."""

import sys

import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.frozen import PENALTIES, PENALTY, draw_supports, few_shot, first_shots
from transferscope.numerics.frozen.largest import largest
from transferscope.runtime import threads


def made(n, width, classes, seed=0, signal=0.6):
    draw = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = np.random.default_rng(7).normal(0, signal, (classes, width))
    x = np.abs(centres[labels] + draw.normal(0, 1, (n, width)) + 0.3) * np.linspace(0.1, 3, width)
    return torch.from_numpy(x), torch.from_numpy(labels)


def published(x, y, test, classes, penalty, constant=100.0):
    """The form of big_vision: standardise by the support, append a large constant, penalise it with the rest."""
    mean, std = x.mean(0, keepdims=True), x.std(0, keepdims=True) + 1e-5
    x = np.pad((x - mean) / std, ((0, 0), (0, 1)), constant_values=constant)
    seen = np.pad((test - mean) / std, ((0, 0), (0, 1)), constant_values=constant)
    targets = 2.0 * np.eye(classes)[y] - 1.0
    w = np.linalg.inv(x.T @ x + penalty * np.eye(x.shape[1])) @ (x.T @ targets)
    return w, seen @ w


def outputs(found, support, test):
    return (test @ found.weights[support] + found.biases[support]).numpy()


@pytest.mark.parametrize(("shots", "width"), [(1, 30), (5, 30), (25, 30), (10, 8)])
def test_with_a_constant_of_100_it_is_the_published_form(shots, width):
    x, y = made(400, width, 10)
    test, truth = made(300, width, 10, seed=1)
    supports = [torch.from_numpy(s) for s in first_shots(draw_supports(y.numpy(), 10, 25, 3), shots)]
    (found,) = few_shot(x, y, test, supports, 10, constant=100.0)
    assert found.penalties == (1024.0,) * 3
    for i, s in enumerate(supports):
        w, out = published(x[s].numpy(), y[s].numpy(), test.numpy(), 10, 1024.0)
        np.testing.assert_allclose(outputs(found, i, test), out, atol=1e-6)
        std = x[s].numpy().std(0) + 1e-5
        np.testing.assert_allclose(found.weights[i].numpy() * std[:, None], w[:-1], atol=1e-6)
        assert (found.predicted[i].numpy() == out.argmax(1)).all()
        accuracy = (found.predicted[i] == torch.from_numpy(np.asarray(truth))).double().mean()
        assert abs(float(accuracy) - (out.argmax(1) == truth.numpy()).mean()) < 1e-6


def test_exact_centring_differs_in_the_intercept_alone():
    x, y = made(400, 30, 10)
    s = [torch.from_numpy(np.sort(np.concatenate([np.arange(50), [0 + 10 * i for i in range(6, 12)]])))]
    (free,), (plain,) = (few_shot(x, y, x, s, 10, constant=c) for c in (None, 100.0))
    m = len(s[0])
    torch.testing.assert_close(free.weights, plain.weights, atol=0, rtol=1e-9)
    gap = (outputs(free, 0, x) - outputs(plain, 0, x)) / outputs(plain, 0, x).mean(0)
    level = (2 * torch.bincount(y[s[0]], minlength=10).double() / m - 1).numpy()
    assert np.abs(outputs(free, 0, x) - outputs(plain, 0, x)).max() == pytest.approx(
        np.abs(level).max() * 1024 / (m * 1e4 + 1024), rel=1e-6
    )
    assert 1e-4 < np.abs(gap).max() < 1e-2, "about 2 in a thousand"
    balanced = [torch.arange(50)]
    (a,), (b,) = (few_shot(x, y, x, balanced, 10, constant=c) for c in (None, 100.0))
    assert bool((a.predicted == b.predicted).all()), "with as many images of each class nothing changes"


@pytest.mark.parametrize("constant", [None, 100.0])
@pytest.mark.parametrize("penalty", [None, 3.0, 1024.0])
def test_primal_is_dual(penalty, constant):
    x, y = made(60, 40, 4)
    supports = [torch.arange(20), torch.arange(60)]
    first, second = (
        few_shot(x, y, x, supports, 4, penalties=(penalty,), constant=constant, side=side)[0]
        for side in ("features", "images")
    )
    assert first.penalties == second.penalties
    torch.testing.assert_close(first.weights, second.weights, atol=1e-10, rtol=1e-8)
    torch.testing.assert_close(first.biases, second.biases, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize(("n", "width"), [(24, 6), (16, 40)])
def test_the_penalty_is_that_of_refits_without_each_image(n, width):
    """Refits with mean and deviation of all images and a free intercept, each without one image."""
    x, y = made(n, width, 4, signal=0.4 if n > width else 1.0)
    (found,) = few_shot(x, y, x, [torch.arange(n)], 4, penalties=(None,))
    scaled = ((x - x.mean(0)) / (x.std(0, correction=0) + 1e-5)).numpy()
    columns = 2 * np.eye(4)[y.numpy()] - 1
    errors = []
    for penalty in PENALTIES:
        total = 0.0
        for i in range(n):
            keep = np.arange(n) != i
            a, b = scaled[keep], columns[keep]
            centre, level = a.mean(0), b.mean(0)
            w = np.linalg.solve((a - centre).T @ (a - centre) + penalty * np.eye(width), (a - centre).T @ (b - level))
            total += float((((scaled[i] - centre) @ w + level - columns[i]) ** 2).mean())
        errors.append(total / n)
    assert found.penalties[0] == PENALTIES[int(np.argmin(errors))]
    assert 0 < int(np.argmin(errors)) < len(PENALTIES) - 1, "a minimum inside, or the test says little"


def test_one_shot_leaves_nothing_out():
    x, y = made(20, 6, 4)
    (found,) = few_shot(x, y, x, [torch.arange(4)], 4, penalties=(None,))
    assert found.penalties == (PENALTY,)


def test_all_penalties_and_supports_at_once_are_one_after_another():
    x, y = made(200, 12, 5)
    test, _ = made(501, 12, 5, seed=3)
    supports = [torch.from_numpy(s) for n in (1, 4) for s in first_shots(draw_supports(y.numpy(), 5, 4, 3), n)]
    together = few_shot(x, y, test, supports, 5, penalties=(7.0, None))
    for place, penalty in enumerate((7.0, None)):
        for i, support in enumerate(supports):
            (alone,) = few_shot(x, y, test, [support], 5, penalties=(penalty,))
            assert bool((alone.predicted[0] == together[place].predicted[i]).all())
            # Alone, a λ that is given is solved by a Cholesky factor, together by the eigenvalues that None needs.
            torch.testing.assert_close(alone.weights[0], together[place].weights[i], atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("width", [12, 60])
def test_a_tiny_penalty_is_least_squares_of_the_least_norm(width):
    x, y = made(40, width, 4)
    (found,) = few_shot(x, y, x, [torch.arange(40)], 4, penalties=(1e-9,))
    scaled = ((x - x.mean(0)) / (x.std(0, correction=0) + 1e-5)).numpy()
    columns = 2 * np.eye(4)[y.numpy()] - 1
    w = np.linalg.lstsq(scaled, columns - columns.mean(0), rcond=1e-10)[0]
    np.testing.assert_allclose(outputs(found, 0, x), scaled @ w + columns.mean(0), atol=1e-6)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (3e4, 1.0), (0.0, 1e-30), (0.0, 1e30)])
def test_no_class_is_another_one_for_rounding_to_float32(shift, scale):
    """Far from 0 outputs in float32 are wrong by more than many of them differ."""
    x, y = made(200, 12, 5)
    test, _ = made(3001, 12, 5, seed=3)
    x, test = ((a.float() * scale + shift).float() for a in (x, test))
    supports = [torch.from_numpy(s) for s in first_shots(draw_supports(y.numpy(), 5, 4, 3), 4)]
    (found,) = few_shot(x, y, test, supports, 5)
    for i in range(len(supports)):
        assert (found.predicted[i].numpy() == outputs(found, i, test.double()).argmax(1)).all()
    rounded = (test @ found.weights.float() + found.biases.float()[:, None]).argmax(2)
    if shift:
        assert bool((rounded != found.predicted).any()), "or the test says nothing"


def test_of_equal_outputs_the_first_class_is_taken():
    x, y = torch.ones(20, 3), torch.arange(20) % 5
    (found,) = few_shot(x, y, x, [torch.arange(10)], 5)
    assert found.predicted.tolist() == [[0] * 20]


@pytest.mark.parametrize("number", [torch.float32, torch.float64])
def test_blocks_change_nothing(monkeypatch, number):
    x, y = made(200, 12, 5)
    x, test = x.to(number), made(501, 12, 5, seed=3)[0].to(number)
    supports = [torch.from_numpy(s) for n in (1, 4) for s in first_shots(draw_supports(y.numpy(), 5, 4, 3), n)]
    whole = few_shot(x, y, test, supports, 5, penalties=(7.0, None, 1024.0))
    module, outputs = sys.modules[few_shot.__module__], sys.modules[largest.__module__]
    for of, name, value in [(module, "_NEAR", 700), (module, "_NUMBERS", 500), (outputs, "_NEAR", 700)]:
        monkeypatch.setattr(of, name, value)
    monkeypatch.setattr(outputs, "_ROWS", 12)
    parts = few_shot(x, y, test, supports, 5, penalties=(7.0, None, 1024.0))
    with threads(2):
        parts += few_shot(x, y, torch.cat([test, test[:11]]), supports, 5, penalties=(7.0, None, 1024.0))
    for a, b in zip([*whole, *whole], parts, strict=True):
        assert a.penalties == b.penalties and bool((a.predicted == b.predicted[:, :501]).all())


def test_supports_are_nested_and_the_same_again():
    labels = np.array([0, 1, 2] * 9)
    drawn = draw_supports(labels, 3, 5, 4)
    assert (draw_supports(labels, 3, 5, 4) == drawn).all() and not (drawn[0] == drawn[1]).all()
    for d in range(4):
        for c in range(3):
            assert (labels[drawn[d, c]] == c).all() and len(set(drawn[d, c])) == 5
    small, large = first_shots(drawn, 2), first_shots(drawn, 4)
    assert all(set(a) < set(b) and len(a) == 6 for a, b in zip(small, large, strict=True))
    assert (draw_supports(labels, 3, 2, 4) == drawn[:, :, :2]).all()


def test_what_cannot_be():
    x, y = made(20, 6, 4)
    with pytest.raises(UsageError, match="class 1 has 1 images for 2 shots"):
        draw_supports(np.array([0, 0, 1]), 2, 2, 1)
    with pytest.raises(UsageError, match="0 draws of 2 images"):
        draw_supports(np.array([0, 0]), 1, 2, 0)
    with pytest.raises(UsageError, match=r"λ = -1\.0"):
        few_shot(x, y, x, [torch.arange(8)], 4, penalties=(-1.0,))
    with pytest.raises(UsageError, match=r"constant feature of 0\.0"):
        few_shot(x, y, x, [torch.arange(8)], 4, constant=0.0)
    with pytest.raises(UsageError, match="few-shot of no images"):
        few_shot(x, y, x, [], 4)
    with pytest.raises(UsageError, match="not all finite"):
        few_shot(x, y, x * torch.nan, [torch.arange(8)], 4)
