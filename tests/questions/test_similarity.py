import math
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import ModelError, UsageError
from transferscope.evidence.guard import Witness
from transferscope.models.build import initialise, wrap
from transferscope.models.network import Input
from transferscope.models.solution import Solution
from transferscope.numerics.cka import batch_slices
from transferscope.probes.activations import features
from transferscope.questions.similarity.measure import Similarity, similarity
from transferscope.records import to_tree
from transferscope.rng import numpy_generator

INPUT = Input((8, 8), 3, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def image_set(n=40, seed=0, classes=4, sort=False):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    labels = np.sort(labels) if sort else labels
    tint = 50 * labels[:, None, None, None] + rng.integers(0, 100, (n, 8, 8, 3))
    return ImageSet(
        tint.astype(np.uint8), labels, tuple(f"c{i}" for i in range(classes)), np.arange(n).astype(str), "noise"
    )


def plain_net(inplace=True):
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(inplace), nn.Conv2d(6, 8, 3), nn.ReLU(inplace), nn.Flatten(), nn.Linear(128, 4)
    )
    return wrap(module, name="plain", classes=4, input=INPUT, head="5")


def solutions(net):
    """Two near each other, two far, roles as in the paper."""
    p, r, s = (initialise(net, i) for i in range(3))
    noise = torch.Generator().manual_seed(0)
    near = {k: v + 0.1 * v.abs().mean() * torch.randn(v.shape, generator=noise) for k, v in p.items()}
    return [
        Solution("P-T 0", p, "P-T", "P"),
        Solution("P-T 1", near, "P-T", "P"),
        Solution("RI-T 0", r, "RI-T", "RI 0"),
        Solution("RI-T 1", s, "RI-T", "RI 1"),
    ]


def u_centred_hsic(X, Y):
    """HSIC₁ with the three terms written out on dense float64 Gram matrices (Song et al. 2012, equation 5)."""
    K, L, n = X @ X.T, Y @ Y.T, len(X)
    np.fill_diagonal(K, 0)
    np.fill_diagonal(L, 0)
    one = np.ones(n)
    total = (
        np.trace(K @ L) + one @ K @ one * (one @ L @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ K @ L @ one)
    )
    return total / (n * (n - 3))


def dense_cka(feature_sets, parts):
    """CKA of all pairs: HSIC₁ summed over the batches, divided once."""
    m = len(feature_sets)
    sums = np.zeros((m, m))
    for part in parts:
        for i, X in enumerate(feature_sets):
            for j, Y in enumerate(feature_sets):
                sums[i, j] += u_centred_hsic(X[part], Y[part])
    return sums / np.sqrt(np.outer(np.diag(sums), np.diag(sums)))


def parts_of(n, batch):
    """The batches that were used."""
    order = numpy_generator("similarity", 0, n).permutation(n)
    return [order[s] for s in batch_slices(n, batch)]


def in_float64(net, params, images, modules):
    found = features(net, {k: v.double() for k, v in params.items()}, images, modules)
    return [found[name] for name in found]


@pytest.mark.parametrize(("n", "batch"), [(40, 40), (40, 10), (43, 10)])  # the last: batches of unequal size
def test_equals_a_dense_float64_reference(n, batch):
    net, images = plain_net(), image_set(n)
    given = solutions(net)[:3]
    seen = []
    got = similarity(net, given, images, modules="layer", batch=batch, progress=lambda *x: seen.append(x))
    parts = parts_of(n, batch)
    assert sorted(np.concatenate(parts)) == list(range(n)) and {len(p) for p in parts} <= {10, 11, 9, 8, 40}
    want = dense_cka([f for s in given for f in in_float64(net, s.params, images, "layer")], parts)
    np.testing.assert_allclose(got.cka, want, atol=1e-6, rtol=0)
    assert seen[-1] == (len(parts), len(parts), "batches")
    assert got.modules == (("0", "2", "5"),) * 3 and got.heads == ("5",) * 3


def test_in_place_activations_change_nothing():
    images = image_set()
    given = solutions(plain_net())
    first, second = (similarity(plain_net(x), given, images, modules="layer", batch=10) for x in (True, False))
    np.testing.assert_array_equal(first.cka, second.cka)


def test_invariants():
    net, images = plain_net(), image_set()
    a, b = initialise(net, 0), initialise(net, 1)
    turned = dict(a)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    turned["0.weight"], turned["0.bias"] = 3 * a["0.weight"][order], 3 * a["0.bias"][order]
    turned["2.weight"] = a["2.weight"][:, order] / 3
    got = similarity(net, {"a": a, "b": b, "turned": turned}, images, modules="layer", batch=20)
    np.testing.assert_allclose(np.diag(got.cka), 1.0, atol=1e-12)
    np.testing.assert_array_equal(got.cka, got.cka.T)
    np.testing.assert_allclose(np.diag(got.matrix("a", "turned")), 1.0, atol=1e-6)  # permuted, scaled channels
    np.testing.assert_allclose(got.matrix("a", "b"), got.matrix("turned", "b"), atol=1e-6)
    np.testing.assert_allclose(got.matrix("a", "b"), got.matrix("b", "a").T, atol=0)
    assert (np.diag(got.matrix("a", "b"))[1:] < 0.99).all()


def test_independent_features_are_near_zero():
    """n = 64 images, 1024 features: the biased estimate would be near 0.94."""
    rng = np.random.default_rng(3)
    images = ImageSet(
        rng.integers(0, 256, (64, 32, 64, 1), dtype=np.uint8), np.zeros(64, int), ("a",), np.arange(64).astype(str)
    )

    class Halves(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.head = nn.Identity(), nn.Identity(), nn.Linear(1, 1)

        def forward(self, x):
            left, right = self.left(x[..., :32]), self.right(x[..., 32:])
            return self.head((left.mean((1, 2, 3)) + right.mean((1, 2, 3)))[:, None])

    net = wrap(Halves(), name="halves", classes=1, input=Input((32, 64), 1, (0.5,), (0.3,)), head="head")
    params = initialise(net, 0)
    got = similarity(net, {"a": params, "b": params}, images, modules=["left", "right"], batch=64)
    assert abs(got.matrix("a", "b").loc["left", "right"]) < 0.05
    assert got.matrix("a", "b").loc["left", "left"] == pytest.approx(1.0, abs=1e-9)


def test_a_set_sorted_by_class_is_shuffled_first():
    net = plain_net()
    a, b = initialise(net, 0), initialise(net, 1)
    sorted_set = image_set(200, sort=True)
    shuffled = sorted_set.subset(np.random.default_rng(5).permutation(200))
    whole = similarity(net, [a, b], sorted_set, batch=200, modules="layer").cka
    for images in (sorted_set, shuffled):
        parts = similarity(net, [a, b], images, batch=20, modules="layer").cka
        np.testing.assert_allclose(parts, whole, atol=0.05)
    within = dense_cka(
        [f for p in (a, b) for f in in_float64(net, p, sorted_set, "layer")],
        [slice(i, i + 20) for i in range(0, 200, 20)],
    )
    assert np.abs(within - whole).max() > 0.2  # what batches in the given order would have said


def test_networks_with_other_names_and_classes_are_matched_by_place():
    first = plain_net()
    parts = [nn.Conv2d(3, 5, 3), nn.ReLU(True), nn.Conv2d(5, 3, 3)]
    module = nn.Sequential(*[nn.Sequential(x) for x in parts], nn.Flatten(), nn.Linear(48, 7))
    second = wrap(module, name="other", classes=7, input=INPUT, head="4")
    got = similarity(
        [first, second], [initialise(first, 0), initialise(second, 0)], image_set(), modules="layer", batch=10
    )
    assert got.modules == (("0", "2", "5"), ("0.0", "2.0", "4"))
    assert list(got.profile()["module"]) == ["0 ~ 0.0", "2 ~ 2.0", "5 ~ 4"]
    assert got.matrix("A", "B").shape == (3, 3)
    named = similarity(
        [first, second], [initialise(first, 0), initialise(second, 0)], image_set(), batch=10,
        modules={"A": ["2"], "B": ["0.0", "2.0"]},
    )  # fmt: skip
    assert named.matrix("A", "B").shape == (1, 2) and len(named.matched) == 0
    assert named.matrix("A", "B").loc["2", "2.0"] == pytest.approx(got.matrix("A", "B").loc["2", "2.0"], abs=1e-12)


def test_a_module_that_runs_twice_is_two_sets_of_features():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix, self.head = nn.Linear(192, 192), nn.Linear(192, 4)

        def forward(self, x):
            return self.head(self.mix(torch.relu_(self.mix(x.flatten(1)))))

    net = wrap(Twice(), name="twice", classes=4, input=INPUT, head="head")
    got = similarity(net, [initialise(net, 0), initialise(net, 1)], image_set(), modules=["mix", "head"], batch=10)
    assert got.modules[0] == ("mix", "mix#2", "head")


class Transformer(nn.Module):
    """Tokens (b, t, d) through two encoder layers; their mean is classified."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.blocks = nn.Sequential(*[nn.TransformerEncoderLayer(16, 2, 32, batch_first=True) for _ in range(2)])
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.blocks(self.patch(x).flatten(2).transpose(1, 2)).mean(1))


@pytest.mark.parametrize("pooled", [False, True])
def test_tokens_are_flattened_or_pooled(pooled):
    net = wrap(Transformer(), name="former", classes=4, input=INPUT, make=Transformer)
    images, names = image_set(24), ["blocks.0", "blocks.1"]
    given = [initialise(net, 0), initialise(net, 1)]
    got = similarity(net, given, images, modules=names, batch=8, pooled=pooled)
    sets = [f.astype(np.float64) for p in given for f in features(net, p, images, names, pooled=pooled).values()]
    assert sets[0].shape == (24, 16 if pooled else 64)
    np.testing.assert_allclose(got.cka, dense_cka(sets, parts_of(24, 8)), atol=1e-5)


def test_table_frame_findings_and_claims():
    net, images = plain_net(), image_set(200)
    got = similarity(net, solutions(net), images, modules="layer", batch=20)
    assert [p.kind for p in got.pairs] == ["P-T & P-T", *["P-T & RI-T"] * 4, "RI-T & RI-T"]
    table = got.table()
    assert list(table.index) == ["P-T & P-T", "P-T & RI-T", "RI-T & RI-T"] and list(table.columns) == ["0", "2", "5"]
    mixed = [got.matrix(a, b).loc["2", "2"] for a in ("P-T 0", "P-T 1") for b in ("RI-T 0", "RI-T 1")]
    assert table.loc["P-T & RI-T", "2"] == pytest.approx(np.mean(mixed))
    frame = got.frame()
    assert len(frame) == 6 * 9 and (frame["low"] <= frame["cka"]).all() and (frame["cka"] <= frame["high"]).all()
    by_claim = {f.claim: f for f in got.findings() if f.claim}
    assert by_claim.keys() == {"000-3.2-c", "000-3.2-d", "000-3.2-f"}  # there is no P here
    two = by_claim["000-3.2-c"]
    expected = table.loc["P-T & P-T", ["0", "2"]].mean() - table.loc["RI-T & RI-T", ["0", "2"]].mean()
    assert two.value == pytest.approx(expected)
    assert (two.estimate.over, two.estimate.n, two.n) == ("images", 200, 4)
    last = by_claim["000-3.2-f"]
    random = [
        ("P-T 0", "RI-T 0"),
        ("P-T 0", "RI-T 1"),
        ("P-T 1", "RI-T 0"),
        ("P-T 1", "RI-T 1"),
        ("RI-T 0", "RI-T 1"),
    ]
    means = [np.mean([got.matrix(a, b).loc[m, m] for a, b in random]) for m in ("0", "2")]  # "5" is the head
    assert last.value == pytest.approx(means[1] - means[0])
    # Two networks of a kind are described, and decide nothing.
    assert {f.verdict for f in by_claim.values()} == {"cannot tell"}
    assert {f.why for f in by_claim.values()} == {"a verdict needs at least three networks of each kind"}


def claims_of(result):
    return {f.claim: f for f in result.findings() if f.claim}


def test_networks_and_images_vary_as_a_plain_jackknife_has_it():
    """The difference of two kinds of pairs, without each network and without each batch, by dense matrices."""
    net, images = plain_net(), image_set(80)
    near, far = (initialise(net, i) for i in (0, 1))
    given = [Solution(f"P-T {i}", jittered(near, 0.3, i), "P-T", "P") for i in range(3)]
    given += [Solution(f"RI-T {i}", jittered(far, 1.0, 9 + i), "RI-T", f"RI {i}") for i in range(4)]
    got = similarity(net, given, images, modules="layer", batch=10)
    parts = parts_of(80, 10)
    sets = [f for s in given for f in in_float64(net, s.params, images, "layer")]

    def difference(networks, batches):
        cka, sides = dense_cka(sets, batches), {}
        for i, j in combinations(networks, 2):
            kind = (given[i].role, given[j].role)
            sides.setdefault(kind, []).append((cka[3 * i, 3 * j] + cka[3 * i + 1, 3 * j + 1]) / 2)
        return np.mean(sides["P-T", "P-T"]) - np.mean(sides["RI-T", "RI-T"])

    everyone, found = range(7), claims_of(got)["000-3.2-c"].estimate
    assert found.value == pytest.approx(difference(everyone, parts), abs=1e-6)
    spreads = []
    for kind in (range(3), range(3, 7)):
        without = np.array([difference([i for i in everyone if i != left], parts) for left in kind])
        spreads.append((len(kind) - 1) / len(kind) * ((without - without.mean()) ** 2).sum())
    assert found.spread == pytest.approx(sum(spreads), rel=1e-4)
    assert found.freedom == pytest.approx(sum(spreads) ** 2 / (spreads[0] ** 2 / 2 + spreads[1] ** 2 / 3), rel=1e-4)
    without = np.array([difference(everyone, [p for i, p in enumerate(parts) if i != left]) for left in range(8)])
    noise = 7 / 8 * ((without - without.mean()) ** 2).sum()
    assert found.noise == pytest.approx(noise * (stats.t.ppf(0.975, 7) / stats.norm.ppf(0.975)) ** 2, rel=1e-4)
    assert (found.over, found.n, found.images) == ("networks and images", 7, 80)


def jittered(params, scale, seed):
    noise = torch.Generator().manual_seed(seed)
    return {k: v + scale * v.abs().mean() * torch.randn(v.shape, generator=noise) for k, v in params.items()}


def test_interval_of_a_mean_is_the_jackknife_written_out():
    net, images = plain_net(), image_set(60)
    given = solutions(net)[:2]
    got = similarity(net, given, images, modules="layer", batch=15)
    parts = parts_of(60, 15)
    sets = [f for s in given for f in in_float64(net, s.params, images, "layer")]
    means = []
    for out in range(4):
        cka = dense_cka(sets, [p for i, p in enumerate(parts) if i != out])
        means.append((cka[0, 3] + cka[1, 4]) / 2)
    error = math.sqrt(3 / 4 * sum((m - np.mean(means)) ** 2 for m in means))
    value, low, high = got.mean(got.entries(got.pairs))
    assert value == pytest.approx((got.cka[0, 3] + got.cka[1, 4]) / 2)
    assert high - value == pytest.approx(3.182446 * error, rel=1e-3) and value - low == pytest.approx(high - value)


def test_dead_modules_are_told_not_hidden():
    net, images = plain_net(), image_set()
    dead = initialise(net, 0)
    dead["0.weight"] = torch.zeros_like(dead["0.weight"])
    got = similarity(net, {"alive": initialise(net, 1), "dead": dead}, images, modules="layer", batch=10)
    assert np.isnan(got.cka[3]).all() and np.isfinite(got.cka[:3, :3]).all()
    told = [f.text for f in got.findings() if "cannot be compared" in f.text]
    assert len(told) == 1 and "0 of dead" in told[0]
    assert [left.subject for left in got.left_out] == ["0 of dead", "2 of dead", "5 of dead"]


def test_a_network_without_features_is_left_out():
    net, images = plain_net(), image_set()
    given = [Solution(f"{r} {i}", initialise(net, i), r, r) for r in ("P-T", "RI-T") for i in range(3)]
    dead = {k: torch.zeros_like(v) for k, v in given[0].params.items()}
    given[0] = Solution("P-T 0", dead, "P-T", "P-T")
    got = similarity(net, given, images, modules="layer", batch=10, witnesses=[Witness("P-T 0", "P-T")])
    assert got.members[0].unfit == got.witnesses[0].unfit == "has features that are the same for all images"
    assert got.left_out[0].subject == "P-T 0"
    found = claims_of(got)["000-3.2-d"]
    assert math.isfinite(found.value)
    assert found.n == 5


def test_round_trip(tmp_path):
    net = plain_net()
    got = similarity(net, solutions(net), image_set(), modules="layer", batch=10)
    got.save(tmp_path)
    back = Similarity.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(got), to_tree(back)
    assert tree == tree_back and arrays.keys() == arrays_back.keys()
    assert all(np.array_equal(v, arrays_back[k], equal_nan=True) for k, v in arrays.items())
    assert back.findings() == got.findings() and back.frame().equals(got.frame())


def test_one_batch_has_no_interval():
    net = plain_net()
    got = similarity(net, solutions(net), image_set(), batch=40, modules="layer")
    assert np.isnan(got.error).all()
    assert all(f.low is None and f.verdict in (None, "cannot tell") for f in got.findings())
    many = [Solution(f"{r} {i}", initialise(net, i), r, r) for r in ("P-T", "RI-T") for i in range(3)]
    found = claims_of(similarity(net, many, image_set(), batch=40, modules="layer"))["000-3.2-d"]
    assert (found.verdict, found.low) == ("cannot tell", None), "what other images would change is not known"


def test_bad_input_is_named():
    net, images = plain_net(), image_set()
    a = initialise(net, 0)
    with pytest.raises(UsageError, match=r"1 solution\(s\) given; a comparison needs at least 2"):
        similarity(net, [a], images)
    with pytest.raises(UsageError, match="two solutions are called 'x'"):
        similarity(net, [Solution("x", a), Solution("x", a)], images)
    with pytest.raises(UsageError, match="3 networks for 2 solutions"):
        similarity([net] * 3, [a, a], images)
    with pytest.raises(ModelError, match="plain has no module '7'"):
        similarity(net, [a, a], images, modules=["7"])
    with pytest.raises(UsageError, match="but not for 'B'"):
        similarity(net, [a, a], images, modules={"A": ["0"]})
    with pytest.raises(UsageError, match="unbiased CKA of 3 examples"):
        similarity(net, [a, a], images.subset([0, 1, 2]))
    with pytest.raises(UsageError, match="no network is called 'C'; there are A, B"):
        similarity(net, [a, a], images).matrix("A", "C")


class Mixed(nn.Module):
    """Tokens stand before images after the first module, as attention that is not batch first has them."""

    def __init__(self):
        super().__init__()
        self.conv, self.tokens, self.head = nn.Conv2d(3, 6, 4, 4), nn.Linear(6, 5), nn.Linear(5, 4)

    def forward(self, x):
        return self.head(self.tokens(self.conv(x).flatten(2).permute(2, 0, 1)).mean(0))


def test_modules_whose_output_is_not_image_after_image_are_left_out_by_name():
    net, images = wrap(Mixed(), name="mixed", classes=4, input=INPUT, head="head"), image_set()
    given = [Solution(name, initialise(net, i)) for i, name in enumerate("ab")]
    got = similarity(net, given, images, modules="layer", batch=10)
    assert got.modules == (("conv", "head"),) * 2
    assert {(left.subject, left.reason) for left in got.left_out} == {
        (f"tokens of {name}", "its output does not have image after image on its first axis") for name in "ab"
    }
    assert got.cka[:2, :2] == pytest.approx(
        similarity(net, given, images, modules=["conv", "head"], batch=10).cka[:2, :2]
    )
    with pytest.raises(ModelError, match=r"'tokens' of mixed has no features: its output does not have image"):
        similarity(net, given, images, modules=["conv", "tokens"], batch=10)
