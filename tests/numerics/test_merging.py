import math

import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.averaging import uniform
from transferscope.numerics.merging import dare, model_stock, task_arithmetic, ties, ties_vector, wise_ft
from transferscope.rng import generator

SHAPES = {"a.weight": (3, 4), "a.running_mean": (3,), "head.weight": (2, 3)}


def weights(*path, **more):
    g = generator("merging", *path)
    made = {k: torch.randn(*shape, generator=g, dtype=torch.float64) for k, shape in SHAPES.items()}
    return made | {"a.num_batches_tracked": torch.tensor(7)} | more


START = weights("start")
TUNED = [{k: START[k] + 0.3 * v if v.is_floating_point() else v + i for k, v in weights(i).items()} for i in range(4)]
NAMES = list(SHAPES)


def flat(params):
    return [float(x) for name in NAMES for x in params[name].reshape(-1)]


def vectors():
    start = flat(START)
    return start, [[x - s for x, s in zip(flat(p), start, strict=True)] for p in TUNED]


def close(found, want):
    assert flat(found) == pytest.approx(want, rel=1e-12, abs=1e-13)
    assert list(found) == list(TUNED[0]) and found["a.num_batches_tracked"].item() == 7


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, 1.5])
def test_wise_ft(alpha):
    want = [(1 - alpha) * s + alpha * x for s, x in zip(flat(START), flat(TUNED[0]), strict=True)]
    close(wise_ft(START, TUNED[0], alpha), want)


def test_ends_of_the_line_are_exact_in_float32():
    a, b = ({k: v.float() for k, v in p.items()} for p in (START, TUNED[0]))
    assert all(torch.equal(wise_ft(a, b, 0.0)[k], a[k]) and torch.equal(wise_ft(a, b, 1.0)[k], b[k]) for k in NAMES)


@pytest.mark.parametrize("scale", [0.0, 0.25, 1.0])
def test_task_arithmetic(scale):
    start, moved = vectors()
    close(
        task_arithmetic(START, TUNED, scale),
        [s + scale * sum(v[i] for v in moved) for i, s in enumerate(start)],
    )
    if scale == 0.25:
        close(task_arithmetic(START, TUNED, scale), flat(uniform(TUNED)))


def slow_stock(start, tuned):
    """Tensor by tensor, pair by pair, number by number."""
    n, found = len(tuned), []
    for name in NAMES:
        origin = start[name].reshape(-1).tolist()
        moved = [[x - o for x, o in zip(p[name].reshape(-1).tolist(), origin, strict=True)] for p in tuned]
        cosines = []
        for i in range(n):
            for j in range(i + 1, n):
                dot = sum(x * y for x, y in zip(moved[i], moved[j], strict=True))
                cosines.append(
                    dot / math.sqrt(sum(x * x for x in moved[i])) / math.sqrt(sum(x * x for x in moved[j]))
                )
        cosine = sum(cosines) / len(cosines)
        t = n * cosine / (1 + (n - 1) * cosine) if cosine > 0 else 0.0
        for k, o in enumerate(origin):
            mean = sum(p[name].reshape(-1)[k].item() for p in tuned) / n
            found.append(t * mean + (1 - t) * o)
    return found


@pytest.mark.parametrize("count", [2, 3, 4])
def test_model_stock(count):
    # A common part, so that angles are under 90° in most tensors; the last tensor of independent ones stays.
    common = weights("common")
    near = [{k: v + common[k] if v.is_floating_point() else v for k, v in p.items()} for p in TUNED[:count]]
    close(model_stock(START, near), slow_stock(START, near))


def test_model_stock_of_two_is_the_papers():
    """t = 2cos/(1 + cos), Eq. 6; opposite moves leave the start, equal ones the copy."""
    zero, x = {"w": torch.zeros(2)}, {"w": torch.tensor([1.0, 0.0])}
    assert model_stock(zero, [x, {"w": torch.tensor([-1.0, 0.1])}])["w"].tolist() == [0.0, 0.0]
    assert model_stock(zero, [x, x])["w"].tolist() == [1.0, 0.0]
    assert model_stock(zero, [zero, zero])["w"].tolist() == [0.0, 0.0]
    with pytest.raises(UsageError, match="give at least 2, got 1"):
        model_stock(zero, [x])


def slow_ties(start, moved, density, scale):
    """Algorithm 1 with plain lists over the whole network."""
    d = len(start)
    keep = max(1, round(density * d))
    trimmed = []
    for v in moved:
        least = sorted((abs(x) for x in v), reverse=True)[keep - 1]
        trimmed.append([x if abs(x) >= least else 0.0 for x in v])
    sums = [sum(v[i] for v in trimmed) for i in range(d)]
    signs = [(s > 0) - (s < 0) for s in sums]
    most = (sum(signs) > 0) - (sum(signs) < 0)
    out = []
    for i in range(d):
        sign = signs[i] or most
        agree = [v[i] for v in trimmed if v[i] * sign > 0]
        out.append(start[i] + scale * (sum(agree) / len(agree) if agree else 0.0))
    return out


@pytest.mark.parametrize("density", [0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("scale", [0.4, 1.0])
def test_ties(density, scale):
    start, moved = vectors()
    close(ties(START, TUNED, density=density, scale=scale), slow_ties(start, moved, density, scale))


def test_ties_trims_over_the_whole_network_and_elects_for_sums_of_zero():
    zero = {"a": torch.zeros(2), "b": torch.zeros(2)}
    big = {"a": torch.tensor([5.0, 4.0]), "b": torch.tensor([0.1, 0.2])}
    found = ties(zero, [big], density=0.5)
    assert found["a"].tolist() == [5.0, 4.0] and found["b"].tolist() == [0.0, 0.0]
    one, other = {"w": torch.tensor([1.0, 3.0, 2.0])}, {"w": torch.tensor([-1.0, 3.0, 2.0])}
    assert ties({"w": torch.zeros(3)}, [one, other], density=1.0)["w"].tolist() == [1.0, 3.0, 2.0]
    assert ties({"w": torch.zeros(3)}, [one], density=1e-9)["w"].tolist() == [0.0, 3.0, 0.0]
    for density in (0.0, 1.1, math.nan):
        with pytest.raises(UsageError, match="expected a share over 0 and up to 1"):
            ties(zero, [big], density=density)


@pytest.mark.parametrize("density", [0.3, 1.0])
@pytest.mark.parametrize("count", [2, 20])
def test_ties_row_by_row_is_ties_of_the_whole_matrix_to_the_bit(density, count):
    moved = torch.randn(count, 997, generator=generator("ties"), dtype=torch.float64)
    moved[:, ::7] = moved[:, ::7].round()
    given = moved.clone()
    least = moved.abs().sort(1, descending=True).values[:, round(density * 997) - 1 :][:, :1]
    trimmed = torch.where(moved.abs() >= least, moved, 0.0)
    signs = trimmed.sum(0).sign()
    signs[signs == 0] = signs.sum().sign()
    agrees = (trimmed.sign() == signs) & (trimmed != 0)
    wanted = torch.where(agrees, trimmed, 0.0).sum(0) / agrees.sum(0).clamp(min=1)
    assert torch.equal(ties_vector(moved, density), wanted)
    assert torch.equal(moved, given)


def test_dare_keeps_a_share_and_the_mean():
    start = {"w": torch.zeros(20_000), "n": torch.tensor(3)}
    tuned = {"w": torch.full((20_000,), 0.7), "n": torch.tensor(5)}
    found = dare(start, tuned, keep=0.2, generator=generator("dare", 0))
    values, counts = np.unique(found["w"].numpy(), return_counts=True)
    assert values.tolist() == pytest.approx([0.0, 3.5])
    assert counts[1] / 20_000 == pytest.approx(0.2, abs=4 * math.sqrt(0.2 * 0.8 / 20_000))
    assert found["n"].item() == 5
    again = dare(start, tuned, keep=0.2, generator=generator("dare", 0))
    other = dare(start, tuned, keep=0.2, generator=generator("dare", 1))
    assert torch.equal(found["w"], again["w"]) and not torch.equal(found["w"], other["w"])
    mean = uniform(dare(START, TUNED[0], keep=0.5, generator=generator("mean", i)) for i in range(4000))
    spread = 0.3 * 3 / math.sqrt(4000)
    assert flat(mean) == pytest.approx(flat(TUNED[0]), abs=5 * spread)


def test_dare_is_the_mask_of_its_generator():
    g = generator("mask")
    masks = {name: torch.rand(START[name].shape, generator=g, dtype=torch.float64) < 0.3 for name in NAMES}
    found = dare(START, TUNED[0], keep=0.3, generator=generator("mask"))
    for name in NAMES:
        for index in np.ndindex(*SHAPES[name]):
            s, x = START[name][index].item(), TUNED[0][name][index].item()
            want = s + (x - s) / 0.3 if masks[name][index] else s
            assert found[name][index].item() == pytest.approx(want, rel=1e-12)
    with pytest.raises(UsageError, match=r"DARE keeps a share of 0\.0; expected"):
        dare(START, TUNED[0], keep=0.0, generator=generator("mask"))


MERGERS = [
    lambda s, t, p: task_arithmetic(s, t, 0.7, plain=p),
    lambda s, t, p: model_stock(s, t, plain=p),
    lambda s, t, p: ties(s, t, plain=p),
]


@pytest.mark.parametrize("merge", MERGERS)
def test_what_has_no_start_is_the_plain_mean(merge):
    headless = {k: v for k, v in START.items() if k != "head.weight"}
    found, want = merge(headless, TUNED, ["a.running_mean"]), uniform(TUNED)
    for name in ("head.weight", "a.running_mean"):
        assert torch.equal(found[name], want[name])
    body = [{"a.weight": p["a.weight"]} for p in (START, *TUNED)]
    assert torch.equal(found["a.weight"], merge(body[0], body[1:], [])["a.weight"])


@pytest.mark.parametrize("merge", MERGERS)
def test_two_networks_are_refused(merge):
    with pytest.raises(UsageError, match="'b' is only in the start"):
        merge({"w": torch.ones(1), "b": torch.ones(1)}, [{"w": torch.ones(1)}] * 2, [])
    with pytest.raises(UsageError, match=r"'w' is \(2,\) in the first and \(1,\) in the second"):
        merge({"w": torch.ones(2)}, [{"w": torch.ones(1)}] * 2, [])
    with pytest.raises(UsageError, match=r"no fine-tuned weights to merge|give at least 2, got 0"):
        merge(START, [], [])
