"""The scores of source and target against plain loops and against the question of the theorems."""

import math

import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.scores import NotDefinedError, task_move
from transferscope.questions.theory.measure import theory_scores
from transferscope.rng import numpy_generator

R = numpy_generator("task move")
P, Q = R.normal(size=(24, 10)) + 0.5, R.normal(size=(18, 10)) + 0.5
Y_P, Y_Q = (np.sign(x[:, :2] - 0.5) for x in (P, Q))


def tensors(*arrays):
    return tuple(torch.from_numpy(np.asarray(a, dtype=np.float64)) for a in arrays)


def slow(p, y_p, q, y_q, *, alike):
    """Loops over pairs of images, and dense inverses; the arc cosine of 1 is right to 1e-8 only."""
    shift = (p.mean(0) + q.mean(0)) / 2
    p, q = ([row / math.sqrt(row @ row) for row in x - shift] for x in (p, q))

    def h(a, b):
        return np.array(
            [[c * (math.pi - math.acos(c)) / (2 * math.pi) for v in b for c in [min(1.0, u @ v)]] for u in a]
        ).reshape(len(a), len(b))

    h_p, h_q = (h(a, a) + 0.0005 * np.eye(len(a)) for a in (p, q))
    said = h(p, q).T @ np.linalg.inv(h_p) @ y_p
    if not alike:
        gram = said.T @ said
        ridge = 1e-3 * np.trace(gram) / len(gram)
        said = said @ np.linalg.inv(gram + ridge * np.eye(len(gram))) @ said.T @ y_q
    r = y_q - said
    inverse = np.linalg.inv(h_q)
    return np.trace(r.T @ inverse @ r) / np.trace(y_q.T @ inverse @ y_q), (r**2).sum() / (y_q**2).sum()


@pytest.mark.parametrize("alike", [True, False])
def test_against_loops(alike):
    p, y_p, q, y_q = tensors(P, Y_P, Q, Y_Q)
    got = task_move(p, y_p, q).ratios(y_q, alike=alike)
    assert got == pytest.approx(slow(P, Y_P, Q, Y_Q, alike=alike), rel=1e-7)


def test_it_is_what_the_theorems_say_of_these_features():
    (want,) = theory_scores({"P": (P, Y_P)}, {"Q": (Q, Y_Q)}, ridge=1e-3, resamples=2).scores
    p, y_p, q, y_q = tensors(P, Y_P, Q, Y_Q)
    assert task_move(p, y_p, q).ratios(y_q, alike=True) == pytest.approx((want.move, want.gradient), rel=1e-9)


def test_scale_and_place_of_features_do_not_matter():
    p, y_p, q, y_q = tensors(P, Y_P, Q, Y_Q)
    first = task_move(p, y_p, q).ratios(y_q, alike=True)
    assert task_move(7 * p + 3, y_p, 7 * q + 3).ratios(y_q, alike=True) == pytest.approx(first, rel=1e-9)


def test_the_same_labels_help_and_the_opposite_ones_do_not():
    p, y_p, q, y_q = tensors(P, Y_P, Q, Y_Q)
    helped, hindered = (task_move(p, sign * y_p, q).ratios(y_q, alike=True) for sign in (1, -1))
    assert helped[0] < 1 < hindered[0] and helped[1] < 1 < hindered[1]
    fitted = task_move(p, -y_p, q).ratios(y_q, alike=False)
    assert fitted[1] < 1, "a map between labels turns them round"


def test_equal_images_are_no_error():
    p, y_p, q, y_q = tensors(
        np.vstack([P, P[:3]]), np.vstack([Y_P, -Y_P[:3]]), np.vstack([Q, Q[:1]]), np.vstack([Y_Q, Y_Q[:1]])
    )
    assert all(math.isfinite(x) for x in task_move(p, y_p, q).ratios(y_q, alike=True))


def test_what_is_not_defined_is_said():
    p, y_p, q = tensors(P, Y_P, Q)
    flat = torch.zeros(4, 10, dtype=torch.float64)
    with pytest.raises(NotDefinedError, match="have no direction"):
        task_move(flat, y_p[:4], flat)
    with pytest.raises(UsageError, match="features of 10 and 9 numbers; give those of one network for both"):
        task_move(p, y_p, q[:, :9])
    with pytest.raises(UsageError, match="features are not all finite"):
        task_move(p * math.nan, y_p, q)
