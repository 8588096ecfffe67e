import math
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics import CKAAccumulator, batch_slices, hsic1, linear_cka, pair_vector
from transferscope.rng import generator


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator("test cka", seed), dtype=torch.float64)


def hsic1_by_loops(X, Y):
    """The U-statistic itself: the mean over quadruples of distinct examples of K_ij·(L_ij + L_kl − 2·L_ik)."""
    K, L = (X @ X.T).tolist(), (Y @ Y.T).tolist()
    quadruples = list(permutations(range(len(K)), 4))
    return math.fsum(K[i][j] * (L[i][j] + L[k][m] - 2 * L[i][k]) for i, j, k, m in quadruples) / len(quadruples)


def printed_hsic1(X, Y):
    """HSIC₁ as Song et al. print it, in float64, of features whose mean is taken off so that nothing cancels."""
    X, Y = (F.flatten(1).double() for F in (X, Y))
    K, L = ((F - F.mean(0)) @ (F - F.mean(0)).T for F in (X, Y))
    n, one = len(K), torch.ones(len(K), dtype=torch.float64)
    K, L = K - K.diag().diag(), L - L.diag().diag()
    means = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
    return float((torch.trace(K @ L) + means - 2 / (n - 2) * (one @ K @ L @ one)) / (n * (n - 3)))


def reference_cka(X, Y):
    return printed_hsic1(X, Y) / math.sqrt(printed_hsic1(X, X) * printed_hsic1(Y, Y))


def reference_matrix(sets, parts):
    total = np.zeros((len(sets), len(sets)))
    for part in parts:
        total += [[printed_hsic1(a[part], b[part]) for b in sets] for a in sets]
    return total / np.sqrt(np.outer(np.diag(total), np.diag(total)))


def accumulated(features, batch=None):
    accumulator = CKAAccumulator()
    n = len(features[0])
    for part in batch_slices(n, batch or n):
        accumulator.update([pair_vector(f[part]) for f in features])
    return accumulator


def test_hsic1_is_the_mean_over_distinct_quadruples():
    X, Y = normal(7, 3), normal(7, 2, seed=1) + normal(7, 3)[:, :2]
    assert hsic1(X @ X.T, Y @ Y.T).item() == pytest.approx(hsic1_by_loops(X, Y), rel=1e-12)
    assert (pair_vector(X) @ pair_vector(Y)).item() == pytest.approx(hsic1_by_loops(X, Y), rel=1e-12)


def test_hsic1_does_not_cancel_when_features_have_a_mean():
    X, Y = normal(40, 10) + 1e4, normal(40, 10, seed=1) + normal(40, 10) + 1e4
    assert hsic1(X @ X.T, Y @ Y.T).item() == pytest.approx(printed_hsic1(X, Y), rel=1e-6)


def test_hsic1_leaves_its_arguments_alone():
    K = torch.eye(5)
    hsic1(K, K)
    assert torch.equal(K, torch.eye(5))


@pytest.mark.parametrize("p, q", [(3, 5), (40, 3), (200, 300)])  # feature space, mixed, Gram space
def test_dense_equals_the_printed_formula(p, q):
    X = normal(40, p)
    Y = normal(40, q, seed=1) + normal(40, p)[:, :1]
    assert linear_cka(X, Y) == pytest.approx(reference_cka(X, Y), abs=1e-12)


@pytest.mark.parametrize("p, q", [(3, 4), (30, 40)])  # feature space, Gram space
def test_biased_equals_trace_of_double_centred_grams(p, q):
    X, Y = normal(20, p) + 1, normal(20, q, seed=1)
    H = torch.eye(20, dtype=torch.float64) - 1 / 20
    K, L = X @ X.T @ H, Y @ Y.T @ H
    expected = (torch.trace(K @ L) / (torch.trace(K @ K) * torch.trace(L @ L)).sqrt()).item()
    assert linear_cka(X, Y, unbiased=False) == pytest.approx(expected, abs=1e-12)


def test_self_rotation_scale_shift_and_symmetry():
    X, Y = normal(32, 12), normal(32, 9, seed=1).exp()
    Q = torch.linalg.qr(normal(12, 12, seed=2)).Q
    assert linear_cka(X, X) == pytest.approx(1.0, abs=1e-14)
    for changed in (X @ Q, X * 1e-3, X + 100.0, 7 - 2 * (X @ Q)):
        assert linear_cka(X, changed) == pytest.approx(1.0, abs=1e-10)
        assert linear_cka(changed, Y) == pytest.approx(linear_cka(X, Y), abs=1e-10)
    assert linear_cka(X, Y) == pytest.approx(linear_cka(Y, X), abs=1e-14)
    # Not invariant to an invertible map that is no rotation: that is the point of CKA.
    assert linear_cka(X, X * torch.logspace(0, 2, 12, dtype=torch.float64)) < 0.95


def test_independent_wide_features_are_far_apart_only_without_bias():
    X, Y = normal(64, 1024), normal(64, 1024, seed=1)
    assert abs(linear_cka(X, Y)) < 0.1
    assert linear_cka(X, Y, unbiased=False) == pytest.approx(0.94, abs=0.01)


def test_unbiased_means_unbiased():
    draws = [linear_cka(normal(8, 4, seed=2 * s), normal(8, 4, seed=2 * s + 1)) for s in range(400)]
    error = np.std(draws) / math.sqrt(len(draws))
    assert abs(np.mean(draws)) < 4 * error
    assert min(draws) < 0  # and nothing is clamped


def test_accumulator_sums_estimates_and_divides_once():
    sets = [normal(50, p, seed=p) for p in (3, 8, 40)]
    sets.append(sets[0] @ normal(3, 6, seed=9) + 0.1 * normal(50, 6, seed=10))
    got = accumulated(sets, 13)
    parts = [slice(0, 13), slice(13, 26), slice(26, 38), slice(38, 50)]
    assert batch_slices(50, 13) == parts
    np.testing.assert_allclose(got.cka().numpy(), reference_matrix(sets, parts), atol=1e-12)
    assert got.cka().diagonal().tolist() == [1.0] * 4
    assert torch.equal(got.cka(), got.cka().T)
    assert got.batches == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: x + 1e3,  # the mean is a thousand times the spread
        lambda x: x * torch.logspace(-4, 2, x.shape[1]),  # condition number 1e6
        lambda x: x * 1e-12,
        lambda x: x.relu(),
        lambda x: torch.cat([x[:, 1:], x[:, :1] * 300 + 50], 1),  # one channel drowns the rest
        lambda x: torch.where(torch.arange(len(x))[:, None] == 0, x * 20, x),  # the first example is an outlier
    ],
    ids=["plain", "large mean", "ill-conditioned", "tiny", "relu", "loud channel", "outlier"],
)
def test_float32_features_are_within_1e_6_of_float64(change):
    base = normal(100, 3000).float()
    related = normal(100, 700, seed=1).float() + 0.7 * base[:, :700]
    sets = [change(base), change(related), change(base[:, ::2]).view(100, 5, -1), related]
    got = accumulated(sets, 50).cka().numpy()
    assert abs(got - reference_matrix(sets, batch_slices(100, 50))).max() < 1e-6


def test_centring_columns_keeps_what_a_large_mean_would_swallow():
    X = (normal(60, 400) + 300).float()
    Y = (normal(60, 400, seed=1) + normal(60, 400) + 300).float()
    expected = reference_cka(X, Y)

    def uncentred(a, b):
        K, L = a @ a.T, b @ b.T  # float32 products of raw features
        return float(hsic1(K, L) / (hsic1(K, K) * hsic1(L, L)).sqrt())

    assert abs(uncentred(X, Y) - expected) > 1e-5
    assert abs(accumulated([X, Y]).cka()[0, 1].item() - expected) < 1e-7


def test_features_wider_than_a_block_are_summed_whole():
    X = normal(4, 600_000).float()  # three blocks
    assert (pair_vector(X) @ pair_vector(X)).item() == pytest.approx(printed_hsic1(X, X), rel=1e-3)


def test_memory_layout_does_not_matter():
    X = normal(16, 6, 5, 5).float()
    last = X.contiguous(memory_format=torch.channels_last)
    assert (pair_vector(last) - pair_vector(X)).abs().max() < 1e-5 * pair_vector(X).abs().max()


def test_constant_features_give_nan_and_spoil_nobody_else():
    X = normal(40, 7).float()
    dead, same = torch.zeros(40, 30), torch.full((40, 300), 0.1) * torch.rand(300, generator=generator(1))
    assert pair_vector(same).abs().max() == 0
    got = accumulated([X, dead, same, X * 2], 20).cka()
    assert got.isnan().tolist() == [[i in (1, 2) or j in (1, 2) for j in range(4)] for i in range(4)]
    assert got[0, 3].item() == pytest.approx(1.0, abs=1e-6)
    assert math.isnan(linear_cka(X, same))
    assert math.isnan(linear_cka(same[:, :3], X[:, :2]))


def test_features_that_are_not_finite_give_nan_for_their_own_set_only():
    X, Y = normal(12, 5), normal(12, 5, seed=1)
    Y[3, 2] = math.inf
    got = accumulated([X, Y]).cka()
    assert got[0, 0] == 1 and got[0, 1].isnan() and got[1, 1].isnan()


def test_half_precision_features_and_autocast_keep_float32_products():
    X = normal(30, 500).bfloat16()
    expected = pair_vector(X.double())
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        got = pair_vector(X)
    assert (got - expected).abs().max() < 1e-5 * expected.abs().max()
    assert torch.equal(pair_vector(X), got)  # what was cached under inference mode serves outside it too


def test_reduced_matmul_precision_is_answered_with_float64():
    X = (normal(30, 500) + 5).float()
    torch.set_float32_matmul_precision("medium")
    try:
        got = pair_vector(X)
    finally:
        torch.set_float32_matmul_precision("highest")
    # Bit for bit what float64 features give, which float32 products cannot be.
    assert torch.equal(got, pair_vector(X.double()))
    assert not torch.equal(pair_vector(X), got)


def test_the_vector_owes_nothing_to_features_overwritten_later():
    X = normal(10, 4, 3).float().requires_grad_()
    vector = pair_vector(X)
    kept = vector.clone()
    with torch.no_grad():
        X.relu_()
    assert torch.equal(vector, kept) and not vector.requires_grad
    assert not torch.equal(pair_vector(X), kept)


def test_standard_error_is_the_jackknife_written_out():
    sets = [normal(60, 4), normal(60, 4, seed=1) + 0.5 * normal(60, 4)]
    parts = batch_slices(60, 10)
    without = []
    for left_out in parts:
        rest = CKAAccumulator()
        for part in parts:
            if part != left_out:
                rest.update([pair_vector(s[part]) for s in sets])
        without.append(rest.cka()[0, 1].item())
    expected = math.sqrt(5 / 6 * sum((w - np.mean(without)) ** 2 for w in without))
    full = accumulated(sets, 10)
    assert full.left_out([0, 0], [1, 0])[:, 0].tolist() == pytest.approx(without, rel=1e-12)
    assert full.left_out([0, 1], [1, 1])[:, 0].tolist() == pytest.approx(without, rel=1e-10)
    assert full.left_out([0, 1], [1, 1])[:, 1].tolist() == pytest.approx([1.0] * 6, rel=1e-12)
    assert full.standard_error()[0, 1].item() == pytest.approx(expected, rel=1e-10)
    low, high = full.interval(0.95)
    assert high[0, 1].item() - full.cka()[0, 1].item() == pytest.approx(2.5705818 * expected, rel=1e-6)  # t with 5
    assert (low <= full.cka()).all() and (low + high - 2 * full.cka()).abs().max() < 1e-12


def test_standard_error_is_about_the_spread_over_data_sets():
    W = normal(6, 6, seed=77)
    values, errors = [], []
    for seed in range(60):
        X = normal(400, 6, seed=seed + 1000)
        got = accumulated([X, X @ W + normal(400, 6, seed=seed + 5000)], 20)
        values.append(got.cka()[0, 1].item())
        errors.append(got.standard_error()[0, 1].item())
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.35)


def test_one_batch_has_no_error():
    one = accumulated([normal(9, 2), normal(9, 2, seed=1)])
    assert one.standard_error().isnan().all() and one.interval()[0].isnan().all()


@pytest.mark.parametrize("n", [4, 5, 7, 8, 11, 250, 251, 253, 1999, 2000])
@pytest.mark.parametrize("batch", [4, 5, 64, 250, 10_000])
def test_batches_cover_everything_evenly(n, batch):
    parts = batch_slices(n, batch)
    assert parts[0].start == 0 and parts[-1].stop == n
    assert all(a.stop == b.start for a, b in pairwise(parts))
    sizes = [s.stop - s.start for s in parts]
    assert min(sizes) >= 4 and max(sizes) - min(sizes) <= 1 and max(sizes) <= max(batch, 7)


def test_bad_input_is_named(unchecked):
    X = normal(6, 3)
    with pytest.raises(UsageError, match="of 3 examples; it needs at least 4"):
        pair_vector(X[:3])
    with pytest.raises(UsageError, match="of 3 examples"):
        hsic1(torch.eye(3), torch.eye(3))
    with pytest.raises(UsageError, match="of 2 examples"):
        batch_slices(2, 10)
    with pytest.raises(UsageError, match="batches of 3; a batch needs at least 4"):
        batch_slices(20, 3)
    with pytest.raises(UsageError, match="of 6 and 5 examples"):
        linear_cka(X, X[:5])
    with pytest.raises(UsageError, match="call update first"):
        CKAAccumulator().cka()
    accumulator = CKAAccumulator()
    with pytest.raises(UsageError, match="features of 5, 6 examples"):
        accumulator.update([pair_vector(X), pair_vector(X[:5])])
    with pytest.raises(UsageError, match="features of no examples"):
        accumulator.update([])
    accumulator.update([pair_vector(X)])
    with pytest.raises(UsageError, match="2 feature sets after one of 1"):
        accumulator.update([pair_vector(X), pair_vector(X)])
    with pytest.raises(UsageError, match="confidence level 95"):
        accumulator.interval(95)
