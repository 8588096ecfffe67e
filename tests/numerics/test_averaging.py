import math
from fractions import Fraction
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.averaging import Mean, fingerprint, greedy, in_order, kept, uniform
from transferscope.rng import generator


def weights(*path, dtype=torch.float32, steps=3):
    g = generator("weights", *path)
    made = {"conv.weight": torch.randn(4, 3, 3, 3, generator=g), "bias": torch.randn(4, generator=g)}
    return {k: v.to(dtype) for k, v in made.items()} | {"norm.num_batches_tracked": torch.tensor(steps)}


def test_uniform_is_the_exact_mean_rounded_once():
    many = [weights(i) for i in range(7)]
    found = uniform(iter(many))
    for name in ("conv.weight", "bias"):
        exact = [sum(Fraction(float(p[name].reshape(-1)[i])) for p in many) / 7 for i in range(found[name].numel())]
        assert found[name].reshape(-1).tolist() == np.array([float(x) for x in exact], np.float32).tolist()
        assert found[name].dtype == torch.float32 and found[name].shape == many[0][name].shape


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 49, 72])
def test_a_soup_of_copies_is_the_copy_bit_for_bit(count, dtype):
    one = weights("copy", dtype=dtype)
    one["bias"][:3] = torch.tensor([-0.0, 1e-40, 3e38], dtype=dtype)
    found = uniform(one for _ in range(count))
    assert list(found) == list(one)
    for name, value in one.items():
        assert found[name].dtype == value.dtype
        assert (
            found[name].numpy(force=True).tobytes() == value.numpy(force=True).tobytes()
            if (dtype != torch.bfloat16)
            else torch.equal(found[name], value)
        )
    assert math.copysign(1, found["bias"][0].item()) == -1


def test_sums_are_in_float64():
    large = [{"w": torch.tensor([1e8])}, {"w": torch.tensor([1.0])}, {"w": torch.tensor([-1e8])}]
    assert uniform(large)["w"].item() == pytest.approx(1 / 3)
    assert ((large[0]["w"] + large[1]["w"]) + large[2]["w"]).item() == 0  # what float32 makes of it


def test_counters_are_those_of_the_first_and_named():
    mean = Mean()
    for steps in (5, 5, 9):
        mean.add(weights(steps, steps=steps))
    assert mean.value()["norm.num_batches_tracked"].item() == 5
    assert mean.counters == ("norm.num_batches_tracked",)
    assert mean.value()["norm.num_batches_tracked"].dtype == torch.int64
    alike = Mean()
    alike.add(weights(0))
    alike.add(weights(1))
    assert alike.counters == ()


def test_one_more_is_counted_and_not_kept():
    many = [weights(i) for i in range(3)]
    mean = Mean()
    assert all(torch.equal(v, many[0][k]) for k, v in mean.value(many[0]).items())
    for one in many[:2]:
        mean.add(one)
    before = mean.value()
    with_third = mean.value(many[2])
    assert all(torch.equal(v, uniform(many)[k]) for k, v in with_third.items())
    assert all(torch.equal(v, before[k]) for k, v in mean.value().items()) and mean.count == 2


def test_what_is_added_may_change_afterwards():
    one = weights("mine")
    mean = Mean()
    mean.add(one)
    was = one["bias"].clone()
    one["bias"].zero_()
    assert torch.equal(mean.value()["bias"], was)


def test_what_cannot_be_averaged():
    with pytest.raises(UsageError, match="mean of no weights; give at least one"):
        uniform([])
    with pytest.raises(UsageError, match="two different networks: 'v' is only in the second"):
        uniform([{"w": torch.ones(1)}, {"w": torch.ones(1), "v": torch.ones(1)}])
    mean = Mean()
    mean.add({"w": torch.ones(1)})
    with pytest.raises(UsageError, match=r"'w' is \(1,\) in the first and \(2,\) in the second"):
        mean.value({"w": torch.ones(2)})


def test_copies_have_one_fingerprint():
    one, other = weights("a", steps=1), weights("a", steps=2)
    assert fingerprint(one) == fingerprint(other) == fingerprint(dict(reversed(one.items())))
    other["bias"][0] = torch.nextafter(other["bias"][0], torch.tensor(10.0))
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint({"w": torch.tensor(1.0)}) != fingerprint({"w": torch.tensor([1.0])})
    assert fingerprint({"w": torch.ones(2, dtype=torch.bfloat16)}) != fingerprint({"w": torch.ones(2)})


def slow_greedy(held_out, metric, strictly):
    """Recipe 1 as it is printed, nothing more."""
    names = sorted(held_out)
    names.sort(key=lambda n: held_out[n], reverse=True)  # stable: ties by name
    ingredients, best = [], -math.inf
    for name in names:
        now = metric([*ingredients, name]) if ingredients else held_out[name]
        if (now > best) if strictly else (now >= best):
            ingredients, best = [*ingredients, name], now
    return ingredients


@pytest.mark.parametrize("accept", ["not worse", "better"])
@pytest.mark.parametrize("seed", range(20))
def test_greedy_is_recipe_one(seed, accept):
    rng = np.random.default_rng(seed)
    names = [f"model_{i}" for i in range(8)]
    points = {n: rng.integers(0, 5, 6).astype(float) for n in names}  # few values, so that there are ties
    target = rng.integers(0, 5, 6)

    def metric(soup):
        return float((np.abs(np.mean([points[n] for n in soup], 0) - target) < 1.01).mean())

    alone = {n: metric([n]) for n in names}
    for order in list(permutations(names[:3])):
        shuffled = {n: alone[n] for n in (*order, *names[3:])}
        steps = greedy(shuffled, metric, accept=accept)
        assert list(kept(steps)) == slow_greedy(shuffled, metric, accept == "better")
    assert len(steps) == 8 and steps[0].accepted and math.isnan(steps[0].before)
    for last, step in pairwise(steps):
        assert step.before == (last.after if last.accepted else last.before)


def test_equal_is_not_better():
    def level(soup):
        return 0.5

    assert kept(greedy({"a": 0.5, "b": 0.5}, level)) == ("a", "b")
    assert kept(greedy({"b": 0.5, "a": 0.5}, level, accept="better")) == ("a",)


def test_what_is_no_number_is_never_kept():
    steps = greedy({"a": math.nan, "b": 0.1, "c": 0.05}, lambda soup: math.nan if "c" in soup else 0.2)
    assert [(s.name, s.accepted) for s in steps] == [("b", True), ("c", False), ("a", True)]
    assert steps[2].after == 0.2
    with pytest.raises(UsageError, match="a greedy soup of nothing"):
        greedy({}, len)


# Ten of the authors' 72 fine-tunings of CLIP ViT-B/32 and their two soups: accuracy on the held-out 2 % of
# ImageNet's training images, on ImageNet, and on V2, Sketch, R, ObjectNet, A. From individual_model_results.jsonl,
# greedy_soup_results.jsonl and uniform_soup_results.jsonl of github.com/mlfoundations/model-soups at d5398f1
# (MIT licence, © 2022 mlfoundations).
AUTHORS = {
    "model_43": (0.8305, 0.80386, 0.6844, 0.44511, 0.60627, 0.42619, 0.2364),
    "model_44": (0.829, 0.79888, 0.6791, 0.4149, 0.54577, 0.37983, 0.18013),
    "model_69": (0.82473, 0.7979, 0.686, 0.45059, 0.6146, 0.42398, 0.2464),
    "model_48": (0.82408, 0.7991, 0.6797, 0.44393, 0.6186, 0.42845, 0.2432),
    "model_63": (0.8235, 0.79526, 0.6783, 0.44118, 0.61687, 0.41633, 0.23547),
    "model_61": (0.80512, 0.7811, 0.669, 0.43811, 0.6382, 0.47222, 0.31613),
    "model_41": (0.79073, 0.76698, 0.6595, 0.43715, 0.64447, 0.4614, 0.294),
    "model_4": (0.78527, 0.75918, 0.6476, 0.42367, 0.62707, 0.41009, 0.24613),
    "model_5": (0.78527, 0.75918, 0.6476, 0.42367, 0.62707, 0.41009, 0.24613),
    "model_0": (0.78081, 0.75574, 0.6409, 0.40529, 0.62237, 0.42317, 0.26573),
    "greedy_soup": (0.83977, 0.81026, 0.6955, 0.47775, 0.64203, 0.44896, 0.27893),
    "uniform_soup": (0.82704, 0.79972, 0.6851, 0.47706, 0.6654, 0.45951, 0.29173),
}
SETS = ("held-out", "ImageNet", "V2", "Sketch", "R", "ObjectNet", "A")
SINGLE = [name for name in AUTHORS if not name.endswith("soup")]


def column(of):
    return {name: AUTHORS[name][SETS.index(of)] for name in SINGLE}


def shifts(name):
    return float(np.mean(AUTHORS[name][2:]))


def test_the_authors_order_and_their_best_single_one():
    order = in_order(column("held-out"))
    assert order[:5] == ["model_43", "model_44", "model_69", "model_48", "model_63"]
    assert order.index("model_5") == order.index("model_4") + 1, "equal to the last digit: by name"
    best = order[0]
    assert (AUTHORS[best][1], round(shifts(best), 4)) == (0.80386, 0.4797)
    assert in_order(column("ImageNet"))[0] == best, "here the oracle on ImageNet is the one that was chosen"
    oracle = in_order({name: shifts(name) for name in SINGLE})[0]
    assert (oracle, round(shifts(oracle), 4)) == ("model_61", 0.5067)


def test_where_the_authors_soups_end():
    """The greedy one wins everywhere; the uniform one loses where it was tuned and wins most where it was not."""
    greedy_soup, uniform_soup, best = "greedy_soup", "uniform_soup", "model_43"
    assert (AUTHORS[greedy_soup][1], round(shifts(greedy_soup), 4)) == (0.81026, 0.5086)
    assert (AUTHORS[uniform_soup][1], round(shifts(uniform_soup), 4)) == (0.79972, 0.5158)
    assert AUTHORS[greedy_soup][1] > AUTHORS[best][1] > AUTHORS[uniform_soup][1]
    assert shifts(uniform_soup) > shifts(greedy_soup) > shifts(best)
    # Held-out accuracy must not fall along the greedy choice, whose first step is the best one.
    steps = greedy(column("held-out"), lambda soup: AUTHORS[greedy_soup][0] if len(soup) == 2 else 0.0)
    assert steps[0].name == best and steps[1].accepted and kept(steps) == ("model_43", "model_44")
