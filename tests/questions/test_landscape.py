"""Landscapes against plain loops in float64, and sentences on losses whose flatness is known."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.func import functional_call

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.evidence.left_out import LeftOut
from transferscope.models.build import build, initialise, wrap
from transferscope.models.modules import Module
from transferscope.models.network import Input, Network
from transferscope.models.objective import mean_loss
from transferscope.models.solution import Solution
from transferscope.numerics.directions import random_pair
from transferscope.probes.evaluate import How
from transferscope.questions._members import Member
from transferscope.questions.landscape.measure import Landscape, landscape
from transferscope.questions.landscape.numbers import over_planes, slope_of, within_of
from transferscope.rng import numpy_generator

from .golden import golden

INPUT = Input((8, 8), 3, (0.4,) * 3, (0.3,) * 3)
EXACT = {"precision": "float64", "device": "cpu"}


class Small(nn.Module):
    """A convolution with batch norm, one with a bias, a linear map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 5, 3)
        self.scale = nn.Parameter(torch.ones(1))
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.fc(self.scale * torch.relu(self.conv2(x)).mean((2, 3)))


def weights(net, seed):
    """Random weights and running statistics that are not those of a fresh network."""
    params, random = initialise(net, seed), torch.Generator().manual_seed(seed)
    for name, value in params.items():
        if "running" in name:
            params[name] = 0.5 + torch.rand(value.shape, generator=random)
    return params


def pictures(n=24, size=8, classes=3):
    random = numpy_generator("landscape images", n)
    pixels = random.integers(0, 256, (n, size, size, 3), np.uint8)
    names = tuple(f"class {k}" for k in range(classes))
    return ImageSet(pixels, random.integers(0, classes, n), names, np.arange(n).astype(str), name="noise")


@pytest.fixture(scope="module")
def net():
    return wrap(Small(), name="small", classes=3, input=INPUT, make=Small)


@pytest.fixture(scope="module")
def images():
    return pictures()


def loss_at(net, params, images):
    x = net.input.prepare(torch.from_numpy(images.images)).double()
    state = {k: v.double() if v.is_floating_point() else v for k, v in params.items()}
    logits = functional_call(net.fresh().double(), state, (x,))
    return mean_loss(logits, torch.from_numpy(images.labels)).item()


def plane(params, names, seed=0, number=0):
    """Directions by the paper's formulas, filter by filter."""
    pair = random_pair({n: params[n].shape for n in names}, seed, number)
    out = []
    for drawn in pair:
        direction = {}
        for name, value in drawn.items():
            rows = [
                value[j].double() / value[j].double().norm() * params[name][j].double().norm()
                for j in range(len(value))
            ]
            direction[name] = torch.stack(rows)
        out.append(direction)
    return out


def moved(params, a, b, p, q):
    return {k: v.double() + p * a[k] + q * b[k] if k in a else v for k, v in params.items()}


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (None, ["conv1.weight", "conv2.weight", "fc.weight"]),
        ("conv1", ["conv1.weight"]),
        ("conv2", ["conv2.weight"]),
        ("fc", ["fc.weight"]),
    ],
)
def test_equals_the_plain_loop(net, images, module, names):
    solutions = {"first": weights(net, 0), "second": weights(net, 1)}
    found = landscape(
        net, solutions, images, span=0.4, points=4, modules=None if module is None else [module], planes=2,
        radii=[0.3, 0.6], examples=None, seed=5, **EXACT,
    )  # fmt: skip
    assert found.modules == (module or "",)
    np.testing.assert_allclose(found.axis, [-0.4, -0.2, 0.0, 0.2])
    for i, params in enumerate(solutions.values()):
        a, b = plane(params, names, 5)
        expected = [[loss_at(net, moved(params, a, b, p, q), images) for q in found.axis] for p in found.axis]
        np.testing.assert_allclose(found.loss[i, 0], expected, rtol=1e-7)  # directions are rounded to float32
        centre = loss_at(net, params, images)
        assert found.centre[i, 0] == pytest.approx(centre, rel=1e-12)
        for number in range(2):
            a, b = plane(params, names, 5, number)
            for r, radius in enumerate([0.3, 0.6]):
                ways = [(radius, 0), (-radius, 0), (0, radius), (0, -radius)]
                rises = [loss_at(net, moved(params, a, b, *way), images) - centre for way in ways]
                np.testing.assert_allclose(found.rises[i, 0, r, number], rises, rtol=1e-5, atol=1e-9)


def test_the_papers_grid(net, images):
    found = landscape(net, [weights(net, 0)], images, points=200, modules=["fc"], planes=1, examples=4, device="cpu")
    np.testing.assert_allclose(found.axis, 0.001 * np.arange(-100, 100), atol=1e-12)
    assert found.loss.shape == (1, 1, 200, 200)
    assert found.span == pytest.approx(0.1)
    assert len(found.frame()) == 40_000
    assert found.n == 4


def test_all_networks_have_one_draw_and_their_own_filters(net, images):
    """A network scaled without changing its function looks the same, unless all move by the first one's vectors."""
    params = weights(net, 0)
    scaled = {k: v.clone() for k, v in params.items()}
    for name in ("conv2.weight", "conv2.bias"):
        scaled[name] *= 4
    scaled["fc.weight"] /= 4
    asked = {"points": 3, "modules": ["conv2"], "planes": 3, **EXACT}
    own = landscape(net, [params, scaled], images, **asked)
    np.testing.assert_allclose(own.loss[0], own.loss[1], rtol=1e-6)
    np.testing.assert_allclose(own.rises[0], own.rises[1], rtol=1e-4, atol=1e-10)
    first = landscape(net, [params, scaled], images, scale="first", **asked)
    np.testing.assert_allclose(first.loss[0], own.loss[0])
    # What moves conv2 of the first by a tenth moves that of the second, four times as large, by a fortieth.
    closer = landscape(net, [params], images, span=0.025, **asked)
    np.testing.assert_allclose(first.loss[1], closer.loss[0], rtol=1e-6)


def test_same_seed_same_bits_and_another_seed_another_plane(net, images):
    asked = {"points": 3, "planes": 2, "examples": 10, "device": "cpu"}
    one, two = (landscape(net, [weights(net, 0)], images, **asked) for _ in range(2))
    assert (one.loss == two.loss).all()
    assert (one.rises == two.rises).all()
    other = landscape(net, [weights(net, 0)], images, seed=1, **asked)
    assert not np.allclose(one.rises, other.rises)


def test_intervals_of_one_network_are_students_over_planes():
    rises = np.array([[1.0, 2.0, -1.0, 0.0], [3.0, 3.0, 2.0, 2.0], [0.5, 0.5, 0.5, 0.5]])
    for measure, each in (("rise", [0.5, 2.5, 0.5]), ("change", [1.0, 2.5, 0.5])):
        found = over_planes(rises, measure)
        ends = stats.ttest_1samp(each, 0).confidence_interval(0.95)
        assert found.value == pytest.approx(np.mean(each))
        assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
        assert (found.over, found.n, found.general) == ("draws", 3, False)
    assert over_planes(rises[:1], "rise").low is None
    assert np.isnan(over_planes(np.array([[1.0, np.inf, 0, 0], [1.0, 1.0, 1.0, 1.0]]), "rise").value)


@pytest.mark.slow
def test_intervals_over_few_planes_hold_the_true_rise_as_often_as_they_say():
    random = numpy_generator("landscape coverage")
    for planes in (4, 8):
        held = [
            abs(e.value) <= e.high - e.value
            for e in (over_planes(random.normal(0, 1, (planes, 1)), "rise") for _ in range(4000))
        ]
        assert 0.94 < np.mean(held) < 0.96


def test_what_a_plane_has_in_it():
    axis = np.linspace(-0.1, 0.1, 41)
    bowl = 2 + 10 * np.add.outer(axis**2, 0 * axis)  # at most 0.05 above 2 where |p| ≤ 0.0707
    share = within_of(bowl, axis)
    assert share == pytest.approx(2 / math.pi * (math.asin(0.5**0.5) + 0.5), abs=0.03)
    assert slope_of(bowl, axis) == pytest.approx(10 * (0.1**2 - 0.095**2) / 0.005)
    bowl[0, 0] = np.inf
    assert np.isfinite(slope_of(bowl, axis))
    bowl[20, 3] = np.nan
    assert within_of(bowl, axis) < share
    assert np.isnan(slope_of(np.full((3, 3), np.nan), axis[:3]))


LABELS = [(f"{role} {i}", role) for role in ("P-T", "RI-T") for i in range(3)]
WAVE = np.array([1.0, 1.02, 0.98, 1.01, 0.99, 1.0, 1.03, 0.97])


def made(rises, modules=("",), planes=8, labels=None, unfit=()):
    """Three networks of each kind with these rises, network by network or module by module."""
    labels = LABELS[: len(rises)] if labels is None else labels
    n, reasons = len(labels), dict(unfit)
    axis, shape = np.linspace(-0.1, 0.1, 5), (n, len(modules))
    each = np.broadcast_to(np.asarray(rises, dtype=float).reshape(n, -1), shape)
    wave = WAVE[:planes] / WAVE[:planes].mean()
    return Landscape(
        members=tuple(Member(label, role, "", reasons.get(label, "")) for label, role in labels),
        modules=modules,
        left_out=(),
        images="noise",
        n=256,
        axis=axis,
        loss=0.5 + each[:, :, None, None] * np.add.outer(axis**2, axis**2) / 0.01,
        radii=np.array([0.1]),
        rises=each[:, :, None, None, None] * np.ones((*shape, 1, planes, 4)) * wave[:, None],
        cosines=np.zeros(shape),
        filters=np.full(len(modules), 8),
        zeros=np.zeros(shape, np.int64),
        scale="own",
        plans=("suffix",) * len(modules),
        how=How("suffix", "float32", "cpu", 64, "none"),
    )


def claimed(result):
    return [f for f in result.findings() if f.claim]


def as_starts(result):
    roles = {"P-T": "P", "RI-T": "RI"}
    members = tuple(
        dataclasses.replace(
            m, role=roles[m.role], label=m.label.replace("-T", ""), group="P" if m.role == "P-T" else m.label
        )
        for m in result.members
    )
    return dataclasses.replace(result, members=members)


SHARPER = [0.1, 0.12, 0.11, 0.5, 0.6, 0.4]


def test_who_is_flatter():
    result = made(SHARPER)
    (found,) = claimed(result)
    assert (found.claim, found.verdict) == ("002-3-h", "agrees")
    welch = stats.ttest_ind(SHARPER[3:], SHARPER[:3], equal_var=False)
    ends = welch.confidence_interval(0.95)
    assert found.value == pytest.approx(0.39)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.p == pytest.approx(welch.pvalue, rel=1e-4)
    assert (found.n, found.unit, found.estimate.over) == (6, "networks", "networks")
    error = 0.39 * WAVE.std(ddof=1) / WAVE.mean() / math.sqrt(8)
    assert f"(Monte-Carlo error {error:.3g}" in found.text
    (turned,) = claimed(made(SHARPER[::-1]))
    assert turned.verdict == "disagrees"
    assert f"less than that of P-T ({ends.low:.3f} to {ends.high:.3f})" in turned.text
    (mixed,) = claimed(made([0.1, 0.5, 0.3, 0.3, 0.4, 0.2]))
    assert (mixed.verdict, mixed.why) == ("cannot tell", "")


def test_one_network_of_a_kind_decides_nothing():
    """Whatever its planes: they are of these two networks, not of the next two."""
    (found,) = claimed(made([0.1, 9.0], labels=[LABELS[0], LABELS[3]]))
    assert (found.verdict, found.low) == ("cannot tell", None)
    assert found.why == "a verdict needs at least three networks of each kind"
    assert found.value == pytest.approx(8.9)


def test_networks_that_learned_nothing_decide_nothing():
    why = "did not clearly beat chance (10.0 %)"
    (five,) = claimed(made(SHARPER, unfit={"RI-T 1": why}))
    assert (five.n, five.verdict) == (5, "cannot tell")
    gone = made(SHARPER, unfit={f"RI-T {i}": why for i in range(3)})
    (none,) = claimed(gone)
    assert (none.claim, none.why) == ("002-3-h", f"RI-T 0, RI-T 1 and RI-T 2 {why}")
    assert f"3 of 6 networks left out. RI-T 0, RI-T 1 and RI-T 2: {why}." in [f.text for f in gone.findings()]
    source = dataclasses.replace(made(SHARPER), witnesses=(Witness("the pre-training", "P", why),))
    assert claimed(source)[0].why == f"the pre-training {why}"


def test_around_starts_it_is_the_size_of_the_change_of_random_starts_against_one_pretraining():
    sizes = [0.1, -0.12, 0.11, -0.5, -0.6, 0.4]
    result = as_starts(made(sizes))
    (found,) = claimed(result)
    assert (found.claim, found.verdict, found.scope) == ("002-4-a", "agrees", "for this checkpoint")
    assert found.value == pytest.approx(0.39)
    # Heads of one pre-training are no sample: only the spread of random starts counts, and what planes leave open.
    wave = WAVE / WAVE.mean()
    spread, planes = np.var([0.5, 0.6, 0.4], ddof=1) / 3, (0.39 * wave.std(ddof=1)) ** 2 / 8
    freedom = (spread + planes) ** 2 / (spread**2 / 2 + planes**2 / 7)  # Satterthwaite 1946
    half = stats.t.ppf(0.975, freedom) * math.sqrt(spread + planes)
    assert (found.low, found.high) == pytest.approx((0.39 - half, 0.39 + half))
    assert (found.estimate.over, found.estimate.n) == ("networks", 3)
    assert "changes the loss of RI by 0.390 more than that of P" in found.text
    assert "3 and 3 networks (the same pre-trained weights with new heads)" in found.text
    levels = [f.text for f in result.findings()]
    assert levels[3].startswith("RI 0: moving every filter by 10 % of its norm changes the loss, 0.500, by 0.500 on")
    gone = dataclasses.replace(result, witnesses=(Witness("the pre-training", "P", "diverged at step 3"),))
    assert claimed(gone)[0].why == "the pre-training diverged at step 3"


def test_a_random_start_is_at_chance_by_nature_and_counts_once():
    result = as_starts(made([0.1, 0.12, 0.11, 0.5, 0.6, 0.4]))
    trained = [Witness(f"RI-T {i}", "RI-T", "did not clearly beat chance") for i in range(3)]
    (found,) = claimed(dataclasses.replace(result, witnesses=(*trained, Witness("the pre-training", "P"))))
    assert found.verdict == "agrees"
    one = [dataclasses.replace(m, group="RI 0") if m.role == "RI" else m for m in result.members]
    (same,) = claimed(dataclasses.replace(result, members=tuple(one)))
    assert same.verdict == "cannot tell"
    assert same.why == "a verdict needs at least three random starts"
    (two,) = claimed(as_starts(made([0.1, 0.5, 0.6], labels=[LABELS[0], *LABELS[3:5]])))
    assert (two.verdict, two.why, two.estimate.over) == ("cannot tell", same.why, "draws")


def test_one_plane_leaves_open_what_the_pre_trained_weights_are_like():
    (found,) = claimed(as_starts(made(SHARPER, planes=1)))
    assert (found.verdict, found.low) == ("cannot tell", None)
    assert "2 random directions both ways, of one plane: how much planes differ is not known" in found.text


DEPTH = ("conv1", "conv2", "conv3", "fc")


def halves(*ratios):
    return [[ratio, ratio, 1.0, 1.0] for ratio in ratios]


def test_depth():
    growing = as_starts(made(halves(1.0, 1.1, 0.9, 4.0, 4.4, 3.6), DEPTH))
    contrast, depth = claimed(growing)
    assert "mean of 4 modules moved one at a time, more in 2 of them" in contrast.text
    assert (depth.claim, depth.verdict) == ("002-B.4-a", "agrees")
    assert depth.value == pytest.approx((4.0 * 4.4 * 3.6) ** (1 / 3))
    ends = stats.ttest_1samp(np.log([4.0, 4.4, 3.6]), 0).confidence_interval(0.95)
    assert (depth.low, depth.high) == pytest.approx((math.exp(ends.low), math.exp(ends.high)))
    # Around both the loss gets smoother on the way, around random weights less so.
    smoother = halves(0.1, 0.11, 0.09, 0.5, 0.52, 0.48)
    both = halves(2.0, 2.0, 2.0, 4.0, 4.4, 3.6)
    two = halves(1.0, 1.0, 1.0, 4.0, 4.4)
    for rises, verdict in ((smoother, "disagrees"), (both, "disagrees"), (two, "cannot tell")):
        assert claimed(as_starts(made(rises, DEPTH)))[1].verdict == verdict
    levels = [f.text for f in growing.findings() if not f.claim]
    assert "RI 0: moving the filters of one module by 10 % of their norm changes the loss" in levels[3]
    assert "1.00 (conv3) to 4.00 (conv1), median 2.50; 4 modules" in levels[3]


def test_sentences():
    labels = [*LABELS, *((label.replace("-T", ""), role.removesuffix("-T")) for label, role in LABELS)]
    trained, starts = halves(0.1, 0.12, 0.11, 0.5, 0.6, 0.4), halves(1.0, 1.1, 0.9, 4.0, 4.4, 3.6)
    result = made([*trained, *starts], DEPTH, labels=labels, unfit={"RI-T 2": "diverged at step 3"})
    members = tuple(dataclasses.replace(m, group="P") if m.role == "P" else m for m in result.members)
    golden(dataclasses.replace(result, members=members, left_out=(LeftOut("bn1", "has no filters"),)), "landscape")


def test_a_single_level():
    text = made([0.1, -0.1, 0.2, np.nan], labels=LABELS[1:5]).findings()[0].text
    assert text.startswith(
        "P-T 1: moving every filter by 10 % of its norm raises the loss, 0.500, by 0.100 on average"
    )
    assert "in the plane shown, 69 % of the points within 10 % is at most 0.05 above the centre" in text
    lowered = made([0.1, -0.1, 0.2, np.nan], labels=LABELS[1:5]).findings()[1]
    assert "lowers the loss, 0.500, by 0.100 on average" in lowered.text
    assert lowered.value == pytest.approx(-0.1)


def test_losses_that_are_not_finite_are_kept_and_named(net, images):
    params = weights(net, 0)
    params["fc.weight"] *= 1e38  # logits overflow float32 as soon as the filters grow
    both = {"big": params, "plain": weights(net, 1)}
    found = landscape(net, both, images, span=8.0, points=5, planes=2, device="cpu")
    bad = int((~np.isfinite(found.loss[0])).sum())
    assert bad
    assert np.isfinite(found.loss[1]).all()
    (said,) = [f for f in found.findings() if "not finite at" in f.text]
    assert said.text.startswith(f"big: the loss is not finite at {bad} of 25 points of its planes and in ")
    assert np.isnan(found.flatness_frame()["rise_low"][2])
    assert found.plane_frame()["not_finite"].tolist() == [bad, 0]
    gone = {k: torch.full_like(v, torch.nan) if k == "conv1.weight" else v for k, v in params.items()}
    lost = landscape(net, {"gone": gone}, images, points=3, planes=1, device="cpu")
    assert np.isnan(lost.loss).all()
    assert "The network's own loss is one of them." in lost.findings()[-1].text


def test_filters_of_zeros_are_named_and_prove_nothing():
    net = build("fixup_resnet8", 3, input=Input((16, 16)))
    solutions = [Solution("P", initialise(net, 0), "P"), Solution("RI", initialise(net, 1), "RI")]
    asked = {"points": 3, "planes": 2, "examples": 8, "device": "cpu"}
    found = landscape(net, solutions, pictures(size=16), modules=["layer1.0.conv2", "fc"], **asked)
    assert found.zeros.tolist() == [[16, 0], [16, 0]]
    assert np.abs(found.rises[:, 0]).max() < 1e-6  # points side by side in a batch round differently
    (claim,) = claimed(found)
    assert "Moving every filter of fc by" in claim.text
    still = [f.text for f in found.findings() if "are zero" in f.text]
    assert still == [
        f"{name}: 16 of 19 filters are zero and do not move; the loss stays as it is when layer1.0.conv2 moves. "
        "This is how the network starts, and no flatness of its loss."
        for name in ("P", "RI")
    ]
    for solution in solutions:
        solution.params["fc.weight"].zero_()
    nothing = landscape(net, solutions, pictures(size=16), **asked)
    assert (nothing.loss == nothing.centre[..., None, None]).all()
    (claim,) = claimed(nothing)
    assert claim.verdict == "cannot tell"
    assert "Moving the filters changes nothing in the loss of P or RI" in claim.text
    assert "the loss is the same everywhere, whatever moves" in nothing.findings()[-2].text


def test_batch_norm_of_random_weights_is_remarked_on(net, images):
    members = [Solution("RI", weights(net, 0), "RI")]
    asked = {"points": 3, "planes": 1, "examples": 8, "device": "cpu"}
    stored = landscape(net, members, images, **asked)
    assert stored.how.norm == "interpolated"
    assert any("norm='recalibrated'" in f.text for f in stored.findings())
    collected = landscape(net, members, images, norm="recalibrated", recalibrate_on=images, **asked)
    assert not any("norm='recalibrated'" in f.text for f in collected.findings())
    assert not np.allclose(collected.loss, stored.loss)


def test_modules_of_a_granularity(net, images):
    found = landscape(net, [weights(net, 0)], images, points=3, planes=2, modules="layer", device="cpu")
    assert found.modules == ("conv1", "conv2", "fc")
    assert found.filters.tolist() == [4, 5, 3]
    assert found.place("fc") == 2
    assert np.ptp(found.centre) < 1e-5
    assert np.abs(found.cosines).max() < 0.9
    with pytest.raises(UsageError, match="no landscape of module 'conv3'; did you mean 'conv"):
        found.place("conv3")


def test_modules_without_filters_are_left_out_and_said(images):
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.fc = nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Linear(4, 3)
            self.unused = nn.Linear(2, 2)

        def forward(self, x):
            return self.fc(self.norm(self.conv(x)).mean((2, 3)))

    net = wrap(Scaled(), name="scaled", classes=3, input=INPUT)
    found = landscape(net, [net.params()], images, points=3, planes=1, modules="layer", device="cpu")
    assert found.modules == ("conv", "fc")
    assert [f.text for f in found.findings() if "unused" in f.text] == [
        "1 of 3 modules left out. unused: never runs in the forward pass, so nothing depends on its weights."
    ]


class Divided(Network):
    """A network whose norm is a module of its own."""

    def modules(self, granularity="layer"):
        tensors = tuple(self.module.state_dict())
        norm = tuple(k for k in tensors if k.startswith("bn1"))
        return (Module("bn1", norm, "bn1"), Module("rest", tuple(k for k in tensors if k not in norm), ""))


def test_only_one_dimension(net, images):
    divided = Divided(net.module, "divided", 3, INPUT)
    params = weights(net, 0)
    with pytest.raises(UsageError, match=r"divided: module 'bn1' has no filters, only parameters of one dimension"):
        landscape(divided, [params], images, modules=["bn1", "rest"], device="cpu")
    found = landscape(divided, [params], images, points=3, planes=1, modules="layer", device="cpu")
    assert found.modules == ("rest",)
    assert [o.subject for o in found.left_out] == ["bn1"]

    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return self.scale * x.mean((2, 3))

    scale = wrap(Scale(), name="scale", classes=3, input=INPUT)
    with pytest.raises(UsageError, match=r"scale: the network has no filters, only parameters of one dimension"):
        landscape(scale, [scale.params()], images, device="cpu")
    with pytest.raises(UsageError, match=r"scale: none of its modules has filters; name others than 'layer'"):
        landscape(scale, [scale.params()], images, modules="layer", device="cpu")


def test_tables_and_storage(net, images, tmp_path):
    two = [weights(net, 0), weights(net, 1)]
    found = landscape(net, two, images, points=3, modules=["fc", "conv1"], device="cpu")
    assert found.modules == ("conv1", "fc")  # in forward order
    frame = found.frame()
    last = frame[(frame.network == "B") & (frame.module == "fc")]
    assert last.loss.tolist() == found.loss[1, 1].ravel().tolist()
    row = frame[(frame.network == "A") & (frame.module == "conv1") & (frame.p > 0) & (frame.q == 0)]
    assert row.loss.item() == found.loss[0, 0, 2, 1]
    flat = found.flatness_frame()
    assert len(flat) == 2 * 2 * 3
    assert (flat["change_low"] <= flat["change_high"]).all()
    assert (flat["change"] >= flat["rise"]).all()
    assert flat["rise"][5] == pytest.approx(found.rises[0, 1, 2].mean())
    assert len(found.plane_frame()) == 4
    found.save(tmp_path)
    again = Landscape.load(tmp_path)
    assert (again.rises == found.rises).all()
    assert again.findings() == found.findings()


@pytest.mark.parametrize("modules", [None, ["fc"]])
def test_progress_ends_at_its_total(net, images, modules):
    told = []
    asked = {"points": 3, "planes": 2, "modules": modules, "device": "cpu"}
    landscape(net, [weights(net, 0), weights(net, 1)], images, progress=lambda *x: told.append(x), **asked)
    done = [d for d, _, _ in told]
    assert done == sorted(done)
    assert told[-1][:2] == (2 * (9 + 24 + (1 if modules else 2)),) * 2


def test_bad_input(net, images):
    params = weights(net, 0)
    with pytest.raises(UsageError, match="small has no module 'conv3'; did you mean 'conv"):
        landscape(net, [params], images, modules=["conv3"])
    with pytest.raises(UsageError, match="span 0; expected a positive number"):
        landscape(net, [params], images, span=0)
    with pytest.raises(UsageError, match="2 points a side; a plane needs at least 3"):
        landscape(net, [params], images, points=2)
    with pytest.raises(UsageError, match="0 planes, 256 examples; give at least 1 of each"):
        landscape(net, [params], images, planes=0)
    with pytest.raises(UsageError, match=r"radii \[\]; expected at least one positive number"):
        landscape(net, [params], images, radii=[])
    with pytest.raises(UsageError, match="scale 'frist'; did you mean 'first'"):
        landscape(net, [params], images, scale="frist")
    with pytest.raises(UsageError, match=r"B: two different networks: 'scale' is only in the first"):
        landscape(net, [params, {k: v for k, v in params.items() if k != "scale"}], images)
    with pytest.raises(UsageError, match="0 solution"):
        landscape(net, [], images)


def test_networks_of_unknown_kind_are_held_against_each_other(net, images):
    found = landscape(net, {"a.pt": initialise(net, 0), "b.pt": initialise(net, 1)}, images, points=3, device="cpu")
    rises = dict(zip(("a.pt", "b.pt"), found.rises[:, 0, -1].mean((1, 2)), strict=True))
    told = next(f.text for f in found.findings() if f.text.startswith("Where filters move by 10 % of their norm"))
    assert told.index(min(rises, key=rises.get)) < told.index(max(rises, key=rises.get))
    assert "; 2 networks, " in told
