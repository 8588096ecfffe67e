"""Gradients of activations against autograd on one image at a time, projections against NumPy's SVD of loops."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import ModelError, UsageError
from transferscope.evidence.guard import Witness
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.models.objective import mean_loss
from transferscope.models.solution import Solution
from transferscope.questions._members import Member
from transferscope.questions.gradient_flow.measure import GradientFlow, gradient_flow
from transferscope.rng import numpy_generator

from .golden import golden

SMALL = Input((6, 6), 1, (0.4,), (0.3,))


@pytest.fixture(scope="module")
def net():
    module = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Conv2d(3, 4, 2), nn.Flatten(), nn.Linear(36, 3)
    )
    return wrap(module, name="small", classes=3, input=SMALL)


@pytest.fixture(scope="module")
def images():
    random = numpy_generator("flow images")
    pixels = random.integers(0, 256, (12, 6, 6, 1), np.uint8)
    return ImageSet(pixels, random.integers(0, 3, 12), ("a", "b", "c"), np.arange(12).astype(str), name="train")


@pytest.fixture(scope="module")
def result(net, images):
    named = [("P 0", "P"), ("RI 0", "RI"), ("P-T 0", "P-T"), ("RI-T 0", "RI-T")]
    solutions = [Solution(label, initialise(net, seed), role) for seed, (label, role) in enumerate(named)]
    return gradient_flow(net, solutions, images, precision="float64", device="cpu")


def one_at_a_time(net, params, images):
    """‖∂L/∂x‖ after each layer, ∂L/∂W of the mean loss, and losses: the network written out, image by image."""
    w = {k: v.double().requires_grad_() for k, v in params.items()}
    norms, losses = [], []
    for i in range(len(images)):
        x = net.input.prepare(torch.from_numpy(images.images[i : i + 1])).double()
        a = nn.functional.conv2d(x, w["0.weight"], w["0.bias"])
        b = nn.functional.conv2d(a.relu(), w["2.weight"], w["2.bias"])
        c = b.flatten(1) @ w["4.weight"].T + w["4.bias"]
        losses.append(mean_loss(c, torch.from_numpy(images.labels[i : i + 1])))
        norms.append([float(g.norm()) for g in torch.autograd.grad(losses[-1], (a, b, c), retain_graph=True)])
    names = ("0.weight", "2.weight", "4.weight")
    gradients = torch.autograd.grad(torch.stack(losses).mean(), [w[k] for k in names])
    slopes = {k: g.numpy() for k, g in zip(names, gradients, strict=True)}
    return np.array(norms).T, slopes, np.array([x.item() for x in losses])


def test_equals_autograd_on_one_image_at_a_time(net, images, result):
    assert result.layers == ("0", "2", "4")
    for m in range(4):
        norms, _, losses = one_at_a_time(net, initialise(net, m), images)
        np.testing.assert_allclose(result.norms[m], norms, rtol=1e-10)
        np.testing.assert_allclose(result.losses[m], losses, rtol=1e-12)
    assert (result.head, result.last) == ("4", 1)
    np.testing.assert_allclose(result.scale()[:, 1], 1)
    np.testing.assert_allclose(result.factor()[:, 0], result.scale()[:, 0])


def test_projections_are_those_of_a_loop_over_singular_vectors(net, images, result):
    assert result.weights == ("0", "2", "4")
    assert result.shapes.tolist() == [[3, 9], [4, 12], [3, 36]]
    for m in range(4):
        params = initialise(net, m)
        _, slopes, _ = one_at_a_time(net, params, images)
        for i, (name, slope) in enumerate(slopes.items()):
            rows = slope.shape[0]
            left, values, right = np.linalg.svd(slope.reshape(rows, -1))
            weight = params[name].numpy().astype(float).reshape(rows, -1)
            want = [abs(left[:, k] @ weight @ right[k]) for k in range(len(values))]
            np.testing.assert_allclose(result.singular_values[m, i, : len(values)], values, rtol=1e-8, atol=1e-15)
            sure = np.arange(len(values)) < (2 if i == 2 else 4)  # a softmax's gradient is of rank classes − 1
            got = result.projections[m, i, : len(values)]
            np.testing.assert_allclose(got[sure], np.array(want)[sure], rtol=1e-6)
            assert np.isnan(got[~sure]).all()
            weighted = math.sqrt(sum((s * p) ** 2 for s, p in zip(values, want, strict=True)) / sum(values**2))
            assert result.leading()[m, i] == pytest.approx(weighted)
            assert np.isnan(result.projections[m, i, len(values) :]).all()


def test_chance_is_what_unrelated_directions_show(result, net):
    weight = initialise(net, 0)["4.weight"].double()
    random = numpy_generator("unrelated")
    seen = []
    for _ in range(4000):
        u, v = random.standard_normal(3), random.standard_normal(36)
        seen.append((u @ weight.numpy() @ v) ** 2 / (u @ u) / (v @ v))
    assert result.entry[0, 2] == pytest.approx(math.sqrt(np.mean(seen)), rel=0.1)


def test_a_gradient_along_its_weight_shows_in_units_of_chance():
    """A linear map whose weight is a multiple of its gradient: |uᵀWv| is ‖W‖₂, √(rows·columns) times chance."""
    net = wrap(nn.Sequential(nn.Flatten(), nn.Linear(36, 2, bias=False)), name="linear", classes=2, input=SMALL)
    pixels = numpy_generator("along").integers(0, 256, (1, 6, 6, 1), np.uint8)
    one = ImageSet(pixels, np.array([0]), ("a", "b"), np.array(["x"]))
    x = net.input.prepare(torch.from_numpy(pixels)).flatten().double()
    direction = torch.tensor([[-1.0], [1.0]], dtype=torch.float64) * x[None]
    got = gradient_flow(net, [{"1.weight": 0.01 * direction}], one, precision="float64", device="cpu")
    assert got.leading()[0, 0] == pytest.approx(0.01 * float(direction.norm()))
    assert got.leading()[0, 0] / got.entry[0, 0] == pytest.approx(math.sqrt(2 * 36))


def test_what_layers_receive(net, images):
    params = initialise(net, 0)
    got = gradient_flow(net, [params], images, side="input", projections=False, precision="float64", device="cpu")
    assert got.weights == ()
    assert got.projections.shape == (1, 0, 0)
    w = {k: v.double() for k, v in params.items()}
    for i in range(len(images)):
        x = net.input.prepare(torch.from_numpy(images.images[i : i + 1])).double().requires_grad_()
        a = nn.functional.conv2d(x, w["0.weight"], w["0.bias"]).relu()
        b = nn.functional.conv2d(a, w["2.weight"], w["2.bias"]).flatten(1)
        loss = mean_loss(b @ w["4.weight"].T + w["4.bias"], torch.from_numpy(images.labels[i : i + 1]))
        want = [float(g.norm()) for g in torch.autograd.grad(loss, (x, a, b))]
        np.testing.assert_allclose(got.norms[0, :, i], want, rtol=1e-10)


def test_batch_norm_uses_statistics_of_these_images_or_those_given(images):
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3))
    net = wrap(module, name="normed", classes=3, input=SMALL)
    params = initialise(net, 0)
    got, kept = (gradient_flow(net, [params], images, statistics=s, device="cpu") for s in ("recalibrated", "kept"))
    assert (got.statistics, kept.statistics) == ("recalibrated", "kept")
    assert not np.allclose(got.norms, kept.norms, rtol=0.01)
    live = net.fresh(params).train()
    live[1].momentum = 1.0
    live(net.input.prepare(torch.from_numpy(images.images)))
    again = gradient_flow(net, [live.state_dict()], images, statistics="kept", device="cpu")
    np.testing.assert_allclose(got.norms, again.norms, rtol=1e-4)


def test_branches_that_start_at_zero_have_no_gradient_and_no_projection():
    net = build("fixup_resnet8", 3, input=Input((8, 8), 1, (0.4,), (0.3,)))
    pixels = numpy_generator("fixup").integers(0, 256, (6, 8, 8, 1), np.uint8)
    images = ImageSet(pixels, np.arange(6) % 3, ("a", "b", "c"), np.arange(6).astype(str))
    solutions = [Solution(f"{role} {seed}", initialise(net, seed), role) for role, seed in (("P", 0), ("RI", 1))]
    got = gradient_flow(net, solutions, images, device="cpu")
    at = {name: i for i, name in enumerate(got.layers)}
    assert (got.norms[:, at["layer1.0.conv1"]] == 0).all()
    assert (got.norms[:, at["layer1.0.conv2"]] > 0).all()
    assert np.isnan(got.leading()[:, got.place("layer1.0.conv1")]).all()  # no gradient
    assert np.isnan(got.leading()[:, got.place("layer1.0.conv2")]).all()  # W = 0
    told = [f.text for f in got.findings()]
    assert "(6 others zero, or without gradient)" in next(t for t in told if "singular vectors" in t)
    assert told[-1].startswith(
        "P 0 and RI 1: no gradient reaches 3 of 8 layers (layer1.0.conv1, layer2.0.conv1 and layer3.0.conv1)"
    )
    middle = next(t for t in told if "the middle of the network" in t)
    assert "In layer2.0.conv2" in middle or "In layer1.0.conv2" in middle
    assert got.plot() is not None


def test_numbers_that_are_not_finite_are_kept_and_named(net, images):
    broken = initialise(net, 1) | {"4.bias": torch.tensor([math.inf, 0.0, 0.0])}
    solutions = [Solution("P 0", initialise(net, 0), "P"), Solution("RI 0", broken, "RI")]
    got = gradient_flow(net, solutions, images, device="cpu")
    assert np.isfinite(got.norms[0]).all()
    assert np.isnan(got.norms[1]).all()
    assert np.isnan(got.projections[1]).all()
    found = got.findings()
    assert found[-1].text.startswith("RI 0: the gradient is not finite for 12 of 12 images")
    (growth,) = [f for f in found if f.claim]  # nothing else can be compared
    assert (growth.verdict, growth.why) == ("cannot tell", "a number is not finite or was not measured")
    assert got.plot() is not None


def made(result, roles, factors, groups=None, unfit=()):
    """As many networks as there are roles, like the first but for its second layer's gradients, what becomes of them
    on the way back, and the projections, multiplied."""
    n, reasons = len(roles), dict(unfit)
    norms, projections = np.tile(result.norms[:1], (n, 1, 1)), np.tile(result.projections[:1], (n, 1, 1))
    for m, factor in enumerate(factors):
        norms[m, :2] *= np.array([[factor**2], [factor]])
        projections[m] *= factor
    members = tuple(
        Member(f"{role} {m}", role, groups[m] if groups else "P" if role == "P" else "", reasons.get(m, ""))
        for m, role in enumerate(roles)
    )
    values, entry = np.tile(result.singular_values[:1], (n, 1, 1)), np.tile(result.entry[:1], (n, 1))
    return dataclasses.replace(
        result, members=members, norms=norms, projections=projections, singular_values=values, entry=entry,
        losses=np.tile(result.losses[:1], (n, 1)),
    )  # fmt: skip


def claimed(result):
    return {f.claim: f for f in result.findings() if f.claim}


STARTS = ["P", "P", "RI", "RI", "RI"]
AGREES = ["agrees"] * 3


def test_findings_hold_the_papers_claims_against_the_numbers(result):
    back = 1 / result.scale()[0, 0]  # so that the way back leaves the gradient of P as it is
    factors = back * np.array([1.0, 1.0, 3.0, 3.3, 2.7])
    both = made(result, [*STARTS, "P-T", "RI-T"], [*factors, 1.0, 3.0])
    found = claimed(both)
    middle, along, growth = (found[c] for c in ("002-4-d", "002-4-e", "002-4-f"))
    assert [f.verdict for f in found.values()] == AGREES
    assert {f.scope for f in found.values()} == {"for this checkpoint"}

    # Three random starts against one pre-training, whichever heads it got: Student over starts, on the log scale.
    logs = np.log([3.0, 3.3, 2.7])
    spread = logs.var(ddof=1) / 3
    half = stats.t.ppf(0.975, 2) * math.sqrt(spread)
    ends = np.exp([logs.mean() - half, logs.mean() + half])
    for f in (middle, along):
        assert f.value == pytest.approx(np.exp(logs.mean()))
        assert (f.low, f.high) == pytest.approx(tuple(ends))  # all have the same images: what they share cancels
        assert f.estimate.n == 3
    assert (middle.estimate.over, along.estimate.over) == ("networks and images", "networks")
    # Growth itself varies over images, too.
    relative = both.norms[0, [0, 1]] / both.norms[0, [0, 1]].mean(1, keepdims=True)
    noise = (relative[0] - relative[1]).var(ddof=1) / 12
    half = math.sqrt(stats.t.ppf(0.975, 2) ** 2 * spread + stats.norm.ppf(0.975) ** 2 * noise)
    assert growth.value == pytest.approx(np.exp(logs.mean()))
    assert (growth.low, growth.high) == pytest.approx((np.exp(logs.mean() - half), np.exp(logs.mean() + half)))

    after = [f for f in both.findings() if "after training" in f.text]
    assert [f.value for f in after] == pytest.approx([3, 3, 3])
    assert all(f.verdict is None and f.claim is None for f in after)
    assert not claimed(dataclasses.replace(both, members=tuple(
        dataclasses.replace(m, role=f"{m.role}-T") for m in both.members[:5]
    )))  # fmt: skip
    golden(both, "gradient_flow")


def test_each_part_of_the_claim_about_growth_counts(result):
    back = 1 / result.scale()[0, 0]
    spread = np.array([1.0, 1.05, 0.95])
    for through, verdict in (
        ((1.0, 3.0), "agrees"),
        ((0.02, 0.2), "disagrees"),  # shrinks through random weights
        ((0.05, 3.0), "disagrees"),  # changes more through pre-trained ones, downwards
        ((3.0, 2.0), "disagrees"),  # grows less than through pre-trained ones
    ):
        factors = back * np.concatenate([[through[0]] * 2, through[1] * spread])
        assert claimed(made(result, STARTS, factors))["002-4-f"].verdict == verdict, through


def test_heads_of_one_pretraining_and_layers_of_one_network_are_no_sample(result):
    few = claimed(made(result, ["P"] * 6 + ["RI"], [1.0] * 6 + [30.0]))
    assert {f.verdict for f in few.values()} == {"cannot tell"}
    assert {f.why for f in few.values()} == {"a verdict needs at least three random starts"}
    assert few["002-4-e"].low is None
    assert few["002-4-d"].estimate.over == "images"
    same = claimed(made(result, STARTS, [1, 1, 3, 3, 3], groups=["P", "P", "RI 0", "RI 0", "RI 0"]))
    assert {f.verdict for f in same.values()} == {"cannot tell"}, "one start that three runs began with"


def test_a_pretraining_that_learned_nothing_decides_nothing_and_a_random_start_may_be_at_chance(result):
    good = made(result, STARTS, [1.0, 1.0, 3.0, 3.3, 2.7])
    runs = [Witness(f"RI-T {i}", "RI-T", "did not clearly beat chance") for i in range(3)]
    told = claimed(dataclasses.replace(good, witnesses=(*runs, Witness("the pre-training", "P"))))
    assert told["002-4-d"].verdict == "agrees"
    why = "did not clearly beat chance (10.0 %)"
    gone = claimed(dataclasses.replace(good, witnesses=(Witness("the pre-training", "P", why),)))
    assert {f.why for f in gone.values()} == {f"the pre-training {why}"}


def test_trained_networks_that_learned_nothing_are_left_out(result):
    trained = made(result, ["P-T"] * 3 + ["RI-T"] * 4, [1.0] * 3 + [3.0] * 3 + [300.0], unfit={6: "diverged"})
    middle = next(f for f in trained.findings() if "the middle of the network" in f.text)
    assert middle.value == pytest.approx(3)
    assert middle.n == 6
    assert "1 of 7 networks left out. RI-T 6: diverged." in [f.text for f in trained.findings()]


def test_intervals_are_over_images(result):
    draws = np.array([f.high - f.low for f in result.findings()[:4]])
    assert (draws > 0).all()
    for f, grown in zip(result.findings()[:4], result.scale()[:, 0], strict=True):
        assert f.low < grown < f.high


def test_one_layer_has_no_way_back(net, images):
    got = gradient_flow(net, {"mine": initialise(net, 0)}, images, modules=["2"], projections=False, device="cpu")
    [level] = got.findings()
    assert level.value == pytest.approx(got.mean()[0, 0])
    assert level.text.startswith("mine: ‖∂L/∂x‖ in 2, the mean over images, is")
    assert got.plot() is not None


def test_the_same_drawn_images_for_all_and_the_same_numbers_again(net, images):
    params, told = initialise(net, 0), []
    got = gradient_flow(
        net, {"a": params, "b": params}, images, examples=5, device="cpu", progress=lambda *x: told.append(x)
    )
    assert got.n == 5
    np.testing.assert_array_equal(got.norms[0], got.norms[1])
    assert told == [(1, 2, "networks"), (2, 2, "networks")]
    other = gradient_flow(net, {"a": params}, images, examples=5, seed=1, device="cpu")
    assert not np.allclose(got.norms[0], other.norms[0])


def test_it_is_stored_and_read_back(result, tmp_path):
    result.save(tmp_path)
    again = GradientFlow.load(tmp_path)
    for field in dataclasses.fields(result):
        np.testing.assert_array_equal(getattr(result, field.name), getattr(again, field.name))
    assert [f.text for f in again.findings()] == [f.text for f in result.findings()]


def test_frames(result):
    frame = result.frame()
    assert len(frame) == 4 * 3
    np.testing.assert_allclose(frame["mean"].to_numpy().reshape(4, 3), result.mean())
    np.testing.assert_allclose(frame["q50"].to_numpy().reshape(4, 3), np.median(result.norms, 2))
    assert len(result.weight_frame()) == 4 * 3
    projected = result.projection_frame("2")
    assert len(projected) == 4 * 4
    assert projected["index"].tolist()[:4] == [1, 2, 3, 4]
    assert projected["projection"].notna().all()


def test_bad_input(net, images, result):
    params = initialise(net, 0)
    with pytest.raises(ModelError, match=r"small has no module 'o'; known: "):
        gradient_flow(net, [params], images, modules=["o"])
    with pytest.raises(UsageError, match=r"statistics 'keep'; did you mean 'kept'\?"):
        gradient_flow(net, [params], images, statistics="keep")
    with pytest.raises(UsageError, match="0 examples; give at least 1"):
        gradient_flow(net, [params], images, examples=0)
    with pytest.raises(UsageError, match="a comparison needs at least 1"):
        gradient_flow(net, [], images)
    with pytest.raises(UsageError, match=r"no weight '3' was decomposed; known: 0, 2, 4"):
        result.projection_frame("3")
    with pytest.raises(UsageError, match=r"no gradient was taken in '7'; known: 0, 2, 4"):
        result.plot(layer="7")


def test_a_layer_that_never_runs_is_refused_by_name_and_not_listed(images):
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.idle, self.head = nn.Linear(36, 5), nn.Linear(3, 3), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(self.body(x.flatten(1)).relu())

    net = wrap(Idle(), name="idle", classes=3, input=SMALL)
    got = gradient_flow(net, [net.params()], images, device="cpu")
    assert got.layers == got.weights == ("body", "head")
    with pytest.raises(ModelError, match="module 'idle' did not run in the forward pass"):
        gradient_flow(net, [net.params()], images, modules=["idle"], device="cpu")


def test_a_loss_of_nothing_has_no_gradient_and_no_ratio(net, images):
    """Images that are right beyond rounding: their loss is 0 in float32, and so is every gradient."""
    easy = images.subset(np.flatnonzero(images.labels == 0))
    sure = {k: torch.zeros_like(v) for k, v in initialise(net, 0).items()} | {"4.bias": torch.tensor([300.0, 0, 0])}
    texts = [f.text for f in gradient_flow(net, [Solution("P 0", sure, "P")], easy, device="cpu").findings()]
    assert not any("nan" in text for text in texts)
    assert any("or the loss of each is 0 to rounding" in text for text in texts)
