"""Landscapes against plain loops in float64, and sentences on losses whose flatness is known."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.modules import Module
from transferscope.models.network import Input, Network
from transferscope.models.objective import mean_loss
from transferscope.models.solution import Solution
from transferscope.numerics.directions import random_pair
from transferscope.probes.evaluate import How
from transferscope.questions._members import Member
from transferscope.questions.landscape.measure import Landscape, landscape
from transferscope.questions.landscape.numbers import resampled_rises, slope_of, spread, within_of
from transferscope.rng import numpy_generator

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
    assert (one.draws == two.draws).all()
    other = landscape(net, [weights(net, 0)], images, seed=1, **asked)
    assert not np.allclose(one.rises, other.rises)


def test_intervals_are_those_of_a_plain_bootstrap():
    random = numpy_generator("plain bootstrap")
    centre = random.exponential(size=40)
    rays = centre + random.normal(0.2, 0.3, (1, 6, 4, 40)) + random.normal(0, 0.2, (1, 6, 1, 1))
    found = resampled_rises(rays, centre, 0, 4000)
    assert found.shape == (2, 1, 4000)
    plain = np.empty((2, 4000))
    for s in range(4000):
        some, which = random.integers(0, 40, 40), random.integers(0, 6, 6)
        steps = rays[0][which][:, :, some].mean(-1) - centre[some].mean()
        plain[:, s] = steps.mean(), np.abs(steps).mean()
    for k in range(2):
        np.testing.assert_allclose(spread(found[k, 0]), spread(plain[k]), atol=0.02)


def test_one_plane_has_an_interval_over_images_only():
    rays = np.full((1, 1, 4, 5), 3.0)
    rays[..., 1:] = 1.0
    drawn = resampled_rises(rays, np.zeros(5), 0, 500)[0, 0]
    assert set(np.round((drawn - 1) / 2 * 5, 9)) <= set(range(6))


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
    assert np.isnan(spread(np.array([1.0, np.inf]))).all()


def made(rises, modules=("",), planes=4):
    """Two pre-trained and two random networks with these rises, network by network or module by module of each."""
    random = numpy_generator("made landscapes")
    axis, shape = np.linspace(-0.1, 0.1, 5), (4, len(modules))
    labels = [("P-T 0", "P-T"), ("P-T 1", "P-T"), ("RI-T 0", "RI-T"), ("RI-T 1", "RI-T")]
    each = np.broadcast_to(np.asarray(rises, dtype=float).reshape(4, -1), shape)
    draws = np.stack([each, np.abs(each)])[:, :, :, None, None] * random.normal(1, 0.05, 200)
    return Landscape(
        members=tuple(Member(label, role, "") for label, role in labels),
        modules=modules,
        omissions=(),
        images="noise",
        n=256,
        axis=axis,
        loss=0.5 + each[:, :, None, None] * np.add.outer(axis**2, axis**2) / 0.01,
        radii=np.array([0.1]),
        rises=np.broadcast_to(each[:, :, None, None, None], (*shape, 1, planes, 4)),
        draws=draws.astype(np.float32),
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
        dataclasses.replace(m, role=roles[m.role], label=m.label.replace("-T", "")) for m in result.members
    )
    return dataclasses.replace(result, members=members)


def test_who_is_flatter():
    (found,) = claimed(made([0.1, 0.12, 0.5, 0.6]))
    assert found.verdict == "agrees"
    assert found.value == pytest.approx(0.44)
    assert found.low < 0.44 < found.high
    assert "of its norm raises the loss of RI-T by 0.440 more than that of P-T (95 % interval 0." in found.text
    assert "0.550 against 0.110; 2 and 2 networks, 8 random directions both ways, 256 images." in found.text
    (turned,) = claimed(made([0.5, 0.6, 0.1, 0.12]))
    assert turned.verdict == "disagrees"
    assert "by 0.440 less than that of P-T (95 % interval 0.3" in turned.text
    (mixed,) = claimed(made([0.1, 0.5, 0.3, 0.4]))
    assert mixed.verdict == "cannot tell"
    (few,) = claimed(made([0.1, 0.12, 0.5, 0.6], planes=3))
    assert few.verdict == "cannot tell"
    assert "6 random directions both ways, too few to know how much directions differ" in few.text


def test_around_starts_it_is_the_size_of_the_change():
    result = as_starts(made([0.1, -0.1, -0.5, -0.5]))
    (found,) = claimed(result)
    assert found.verdict == "agrees"
    assert "changes the loss of RI by 0.400 more than that of P" in found.text
    assert found.claim.startswith("002 §4, Fig. 5")
    assert "RI-T 0" not in found.text
    assert "RI 0: moving every filter by 10 % of its norm changes the loss, 0.500, by 0.500 on average" in " ".join(
        f.text for f in result.findings()
    )


def test_depth():
    modules = ("conv1", "conv2", "conv3", "fc")
    growing = [[0.2, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2], [4.0, 4.0, 1.0, 1.0], [4.0, 4.0, 1.0, 1.0]]
    contrast, depth = claimed(as_starts(made(growing, modules)))
    assert contrast.verdict == depth.verdict == "agrees"
    assert "mean of 4 modules moved one at a time, more in 4 of them" in contrast.text
    assert depth.value == pytest.approx(4)
    assert depth.text.startswith(
        "In the lower half of the modules the loss changes 4.00 times as much as in the higher half around random "
        "weights, 1.00 times around pre-trained ones: a ratio of 4.00 (95 % interval 4.00 to 4.00); 4 modules"
    )
    smoother = [*growing[:1], [0.1, 0.1, 1.0, 1.0], [0.5, 0.5, 1.0, 1.0], [0.5, 0.5, 1.0, 1.0]]
    smoother[0] = smoother[1]  # around both the loss gets smoother on the way, around random weights less so
    both = [[2.0, 2.0, 1.0, 1.0]] * 2 + [[4.0, 4.0, 1.0, 1.0]] * 2
    for rises, verdict in ((smoother, "disagrees"), (both, "cannot tell"), (growing[::-1], "disagrees")):
        assert claimed(as_starts(made(rises, modules)))[1].verdict == verdict
    levels = [f.text for f in as_starts(made(growing, modules)).findings() if not f.claim]
    assert "RI 0: moving the filters of one module by 10 % of their norm changes the loss" in levels[2]
    assert "1.00 (conv3) to 4.00 (conv1), median 2.50; 4 modules" in levels[2]


def test_a_single_level():
    text = made([0.1, -0.1, 0.2, np.nan]).findings()[0].text
    assert text.startswith(
        "P-T 0: moving every filter by 10 % of its norm raises the loss, 0.500, by 0.100 on average"
    )
    assert "in the plane shown, 69 % of the points within 10 % is at most 0.05 above the centre" in text
    lowered = made([0.1, -0.1, 0.2, np.nan]).findings()[1]
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
        "unused never runs in the forward pass, so nothing depends on its weights: it is left out."
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
    assert [o.subject for o in found.omissions] == ["bn1"]

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
    assert (again.draws == found.draws).all()
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
    with pytest.raises(UsageError, match="0 planes, 256 examples, 1000 resamples; give at least 1 of each"):
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
