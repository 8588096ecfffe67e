"""The range of the loss along the gradient against a plain loop in float64: gradient, load_state_dict, forward."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.evidence.left_out import LeftOut
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.models.objective import mean_loss
from transferscope.questions.loss_variation.measure import LossVariation, loss_variation
from transferscope.rng import numpy_generator
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

from .golden import golden

SMALL = Input((6, 6), 1, (0.4,), (0.3,))


@pytest.fixture(scope="module")
def net():
    return build("mlp:7-5", 3, input=SMALL)


@pytest.fixture(scope="module")
def normed():
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3))
    return wrap(module, name="normed", classes=3, input=SMALL)


@pytest.fixture(scope="module")
def images():
    random = numpy_generator("variation images")
    pixels = random.integers(0, 256, (20, 6, 6, 1), np.uint8)
    return ImageSet(pixels, random.integers(0, 3, 20), ("a", "b", "c"), np.arange(20).astype(str), name="train")


_TAGS = ("epoch 0", "step 3", "epoch 2", "final")


def run(net, label, seeds, role="", ended="finished", tags=_TAGS):
    """A run whose weights at its recorded places are drawn from these seeds."""
    snapshots = {tag: initialise(net, seed) for tag, seed in zip(tags, seeds, strict=True)}
    history = {"epoch": np.repeat([1, 2, 3, 4], 5), "step": np.arange(1, 21)}
    return Run(label, role, label, 0, "clipart", Recipe(), history, {}, snapshots, ended)


def plain_loop(net, params, images, places, protocol, collect):
    """Losses along −g, each by loading weights and one forward pass of all images."""
    module = net.fresh().double()
    module.load_state_dict(params)
    x = net.input.prepare(torch.from_numpy(images.images)).double()
    labels = torch.from_numpy(images.labels)
    if collect:
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = 1.0
        module.train()(x)  # one batch
        module.eval()
    gradients = torch.autograd.grad(mean_loss(module(x), labels), list(module.parameters()))
    size = math.sqrt(sum(float(g.square().sum()) for g in gradients))
    begin, losses = {k: v.clone() for k, v in module.state_dict().items()}, []
    for place in places:
        s = place if protocol == "own" else place / size
        moved = {n: begin[n] - s * g for (n, _), g in zip(module.named_parameters(), gradients, strict=True)}
        module.load_state_dict(begin | moved)
        with torch.no_grad():
            losses.append(float(mean_loss(module(x), labels)))
    return size, np.array(losses)


@pytest.mark.parametrize("protocol", ["own", "fixed"])
@pytest.mark.parametrize("which", ["net", "normed"])
@pytest.mark.parametrize("statistics", ["recalibrated", "kept"])
def test_equals_a_plain_loop(which, protocol, statistics, images, request):
    network = request.getfixturevalue(which)
    weights = [initialise(network, seed) for seed in (0, 1)]
    got = loss_variation(
        network, {"mine": dict(zip((0, 7), weights, strict=True))}, images, protocol=protocol, size=2.0, points=9,
        precision="float64", statistics=statistics, device="cpu",
    )  # fmt: skip
    [curve] = got.curves
    assert curve.steps.tolist() == [0, 7]
    np.testing.assert_allclose(got.places, np.linspace(0, 2, 10))
    for i, params in enumerate(weights):
        size, losses = plain_loop(network, params, images, got.places, protocol, statistics == "recalibrated")
        assert curve.gradient_norm[i] == pytest.approx(size, rel=1e-10)
        np.testing.assert_allclose(curve.losses[i], losses, rtol=1e-10)
        assert curve.variation()[i] == pytest.approx(losses.max() - losses.min(), rel=1e-9)
        assert (curve.lowest()[i], curve.highest()[i]) == pytest.approx((losses.min(), losses.max()))
    assert got.how.norm == {"net": "none", "normed": statistics}[which]


def test_float32_is_near(net, images):
    weights = {"mine": {0: initialise(net, 0)}}
    exact = loss_variation(net, weights, images, precision="float64", device="cpu")
    near = loss_variation(net, weights, images, device="cpu")
    np.testing.assert_allclose(near.curves[0].losses, exact.curves[0].losses, rtol=1e-5)
    assert near.curves[0].losses.shape == (1, 101)
    assert near.n == 20


def test_intervals_are_over_images_and_the_same_for_all_runs(net, images):
    weights = {0: initialise(net, 0)}
    got = loss_variation(net, {"a": weights, "b": weights}, images, points=5, resamples=400, device="cpu")
    a, b = got.curves
    np.testing.assert_array_equal(a.draws, b.draws)
    found = a.estimate(0)
    assert found.low < a.variation()[0] < found.high
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(a.draws[0], [0.025, 0.975])))
    assert (found.over, found.n, found.general) == ("images", 20, False)
    twice = images.subset(np.repeat(np.arange(20), 16))  # many more images of the same kind: a narrower interval
    [c] = loss_variation(net, {"a": weights}, twice, points=5, resamples=400, examples=None, device="cpu").curves
    assert c.variation()[0] == pytest.approx(a.variation()[0], rel=1e-4)
    assert 0.15 < (c.estimate(0).high - c.estimate(0).low) / (found.high - found.low) < 0.4  # a quarter


def test_runs_are_looked_at_where_they_recorded_weights_each_step_once(net, images):
    tags = {"step 15": 9, "epoch 3": 9, "final": 5, "epoch 0": 1, "best": 9, "epoch 4": 5, "step 2": 3, "epoch 1": 4}
    one = run(net, "P-T 0", tags.values(), tags=tags)
    [curve] = loss_variation(net, [one], images, points=3, device="cpu").curves
    assert curve.steps.tolist() == [0, 2, 5, 15, 20]
    want = loss_variation(
        net, {"x": {s: initialise(net, i) for s, i in ((0, 1), (2, 3), (5, 4), (15, 9), (20, 5))}}, images, points=3,
        device="cpu",
    )  # fmt: skip
    np.testing.assert_array_equal(curve.losses, want.curves[0].losses)
    some = loss_variation(net, [one], images, points=3, tags=["epoch 1", "final"], device="cpu")
    assert some.curves[0].steps.tolist() == [5, 20]


def test_the_same_drawn_images_for_all_and_the_same_numbers_again(net, images):
    runs = [run(net, "P-T 0", [1, 2, 3, 4], "P-T"), run(net, "RI-T 0", [5, 6, 7, 8], "RI-T")]
    got, again = (loss_variation(net, runs, images, points=3, examples=8, device="cpu") for _ in range(2))
    assert got.n == 8
    np.testing.assert_array_equal(got.curves[1].losses, again.curves[1].losses)
    other = loss_variation(net, runs, images, points=3, examples=8, seed=1, device="cpu")
    assert not np.allclose(got.curves[1].losses, other.curves[1].losses)


@pytest.fixture(scope="module")
def result(net, images):
    named = [("P-T 0", "P-T"), ("P-T 1", "P-T"), ("RI-T 0", "RI-T"), ("RI-T 1", "RI-T")]
    runs = [run(net, label, range(4 * i, 4 * i + 4), role) for i, (label, role) in enumerate(named)]
    return loss_variation(net, runs, images, points=4, resamples=50, device="cpu")


def widened(result, factors, roles=("P-T",) * 3 + ("RI-T",) * 3, unfit=()):
    """As many runs as there are factors, each with its losses spread to so many times one curve."""
    first, curves, reasons = result.curves[0], [], dict(unfit)
    for i, (role, factor) in enumerate(zip(roles, factors, strict=False)):
        height = np.broadcast_to(np.asarray(factor, float), len(first.steps))
        losses = 1.0 + height[:, None] * np.linspace(0, 1, first.losses.shape[1])
        draws = height[:, None] * np.linspace(0.99, 1.01, 50)
        curves.append(
            dataclasses.replace(
                first, label=f"{role} {i}", role=role, losses=losses, draws=draws, gradient_norm=height.copy(),
                unfit=reasons.get(i, ""),
            )
        )  # fmt: skip
    return dataclasses.replace(result, curves=tuple(curves))


def claim(result):
    (found,) = [f for f in result.findings() if f.claim]
    return found


FACTORS = [1.0, 1.1, 0.9, 3.0, 4.0, 3.5]


def test_findings_hold_the_papers_claim_against_the_numbers(result):
    made = widened(result, FACTORS)
    found = claim(made)
    assert (found.claim, found.verdict, found.scope) == ("002-4-b", "agrees", "for this checkpoint")
    logs = np.log(FACTORS)
    welch = stats.ttest_ind(logs[3:], logs[:3], equal_var=False)
    ends = welch.confidence_interval(0.95)
    assert found.value == pytest.approx(math.exp(logs[3:].mean() - logs[:3].mean()))
    assert (found.low, found.high) == pytest.approx((math.exp(ends.low), math.exp(ends.high)))
    assert found.p == pytest.approx(welch.pvalue, rel=1e-4)
    assert (found.n, found.unit) == (6, "runs")
    assert "and more at 4 of the steps" in found.text
    sizes = next(f for f in made.findings() if "The gradient of RI-T" in f.text)
    assert (sizes.claim, sizes.value) == (None, pytest.approx(found.value))
    assert claim(widened(result, FACTORS[::-1])).verdict == "disagrees"
    mixed = claim(widened(result, [1.0, 3.5, 2.0, 1.1, 3.0, 2.2]))
    assert (mixed.verdict, mixed.why) == ("cannot tell", "")
    fixed = dataclasses.replace(made, protocol="fixed")
    assert claim(fixed).claim == "002-4-c"
    assert "out to a distance of 1" in fixed.findings()[0].text
    golden(made, "loss_variation")


def test_steps_of_a_run_are_one_number(result):
    """Four steps of three runs are three numbers; the median of a run does not move with one step that is wild."""
    steps = np.array([1.0, 1.1, 0.9, 50.0])
    made = widened(result, [f * steps for f in FACTORS])
    medians = [np.median(np.log(f * steps)) for f in FACTORS]
    ends = stats.ttest_ind(medians[3:], medians[:3], equal_var=False).confidence_interval(0.95)
    assert (claim(made).low, claim(made).high) == pytest.approx((math.exp(ends.low), math.exp(ends.high)))
    two = claim(widened(result, [1.0, 1.01, 3.0, 3.01], roles=("P-T", "P-T", "RI-T", "RI-T")))
    assert (two.verdict, two.low) == ("cannot tell", None)
    assert two.why == "a verdict needs at least three networks of each kind"


def test_runs_that_learned_nothing_decide_nothing(result):
    why = "did not clearly beat chance (10.0 %)"
    five = claim(widened(result, FACTORS, unfit={3: why}.items()))
    assert (five.n, five.verdict) == (5, "cannot tell")
    none = claim(widened(result, FACTORS, unfit=dict.fromkeys((0, 1, 2), why).items()))
    assert none.why == f"P-T 0, P-T 1 and P-T 2 {why}"
    source = dataclasses.replace(widened(result, FACTORS), witnesses=(Witness("the pre-training", "P", why),))
    assert claim(source).why == f"the pre-training {why}"


def test_a_step_that_is_not_finite_is_outweighed_by_the_others(result):
    made = widened(result, FACTORS)
    lost = made.curves[3].losses.copy()
    lost[0] = np.inf
    once = dataclasses.replace(
        made, curves=(*made.curves[:3], dataclasses.replace(made.curves[3], losses=lost), *made.curves[4:])
    )
    assert claim(once).verdict == "agrees"
    lost[:3] = np.inf
    assert (claim(once).verdict, claim(once).why) == ("cannot tell", "a number is not finite or was not measured")


def test_runs_without_a_common_step_are_not_compared(result):
    moved = [dataclasses.replace(c, steps=c.steps + (c.role == "P-T")) for c in result.curves]
    found = dataclasses.replace(result, curves=tuple(moved)).findings()
    told = next(f for f in found if f.claim)
    assert told.verdict == "cannot tell"
    assert "no recorded step in common" in told.text


def test_losses_that_are_not_finite_are_kept_and_named(net, images):
    runs = [run(net, "P-T 0", [1, 2, 3, 4], "P-T"), run(net, "RI-T 0", [5, 6, 7, 8], "RI-T")]
    wild = loss_variation(net, runs, images, size=1e30, points=3, resamples=50, device="cpu")
    curve = wild.curves[1]
    assert (curve.broken() > 0).all()
    assert np.isfinite(curve.losses[:, 0]).all()
    assert np.isinf(curve.variation()).all()
    assert np.isfinite(curve.lowest()).all()
    assert curve.estimate(0).interval() is None
    told = [f.text for f in wild.findings()]
    assert "RI-T 0: the loss along the gradient is not finite at 4 of 4 recorded steps, first at step 0;" in told[-1]
    assert math.isnan(claim(wild).value)  # both broke everywhere
    assert claim(wild).why == "a number is not finite or was not measured"
    assert wild.plot() is not None


def test_single_weights_are_no_run(net, images):
    broken = initialise(net, 0) | {"fc3.bias": torch.tensor([math.inf, 0.0, 0.0])}
    files = {"a.pt": initialise(net, 0), "b.pt": initialise(net, 1), "c.pt": broken}
    got = loss_variation(net, {k: {0: v} for k, v in files.items()}, images, points=3, device="cpu")
    assert got.alone
    first, second, third, spread = (f.text for f in got.findings())
    varies, begins = float(got.curves[0].variation()[0]), got.curves[0].losses[0, 0]
    assert first.startswith(f"a.pt: along the gradient, out to the gradient's own size, the loss, {begins:.2f}, ")
    assert f"varies by {varies:.3g}"[:-1] in first
    assert f"and ends at {got.curves[0].losses[0, -1]:.2f}; " in first
    assert "step" not in first + second
    assert "the loss, nan, is not finite at 4 of 4 places as the gradient itself is not" in third
    assert "(c.pt); 3 networks" in spread
    assert not loss_variation(net, {"a.pt": {5: files["a.pt"]}}, images, points=3, device="cpu").alone


def test_a_gradient_that_is_not_finite_leads_nowhere(net, images):
    weights = initialise(net, 0) | {"fc3.bias": torch.tensor([math.inf, 0.0, 0.0])}
    told = []
    got = loss_variation(
        net, {"mine": {0: weights, 1: initialise(net, 1)}}, images, points=3, device="cpu",
        progress=lambda *x: told.append(x),
    )  # fmt: skip
    [curve] = got.curves
    assert np.isnan(curve.losses[0]).all()
    assert np.isfinite(curve.losses[1]).all()
    assert "at 1 of them because the gradient itself is not" in got.findings()[-1].text
    assert told[-1] == (8, 8, "points")
    assert [d for d, _, _ in told] == sorted(d for d, _, _ in told)


def test_no_gradient_no_variation(net, images):
    sure = initialise(net, 0) | {"fc3.bias": torch.tensor([5000.0, 0.0, 0.0])}
    easy = dataclasses.replace(images, labels=np.zeros(20, np.int64))
    for protocol in ("own", "fixed"):
        [curve] = loss_variation(net, {"mine": {0: sure}}, easy, protocol=protocol, points=3, device="cpu").curves
        assert curve.gradient_norm[0] == 0
        assert curve.variation()[0] == 0


def test_diverged_runs_are_named_and_left_out_of_the_comparison(net, images):
    runs = [
        run(net, "P-T 0", [1, 2, 3, 4], "P-T"),
        run(net, "RI-T 0", [5, 6, 7, 8], "RI-T"),
        run(net, "RI-T 1", [9], "RI-T", ended="diverged at step 2", tags=["epoch 0"]),
    ]
    got = loss_variation(net, runs, images, points=3, device="cpu")
    assert "4 common steps" in claim(got).text
    assert "1 and 1 run," in claim(got).text
    assert got.left_out == (LeftOut("RI-T 1", "diverged at step 2"),)
    assert got.findings()[-1].text == "1 of 3 runs left out. RI-T 1: diverged at step 2."


def test_a_run_that_diverged_before_anything_was_recorded_is_left_out(net, images):
    early = run(net, "RI-T 1", [9], "RI-T", ended="diverged at step 2", tags=["epoch 0"])
    runs = [run(net, "P-T 0", [1, 2, 3, 4], "P-T"), early]
    seen = [Witness("P-T 0", "P-T"), Witness("RI-T 1", "RI-T", "diverged at step 2")]
    got = loss_variation(net, runs, images, points=3, tags=["epoch 2"], witnesses=seen, device="cpu")
    assert [c.label for c in got.curves] == ["P-T 0"]
    assert got.left_out == (LeftOut("RI-T 1", "diverged at step 2, before anything was recorded"),)
    assert got.findings()[-1].text.startswith("1 of 2 runs left out. RI-T 1: diverged at step 2, before anything")
    assert claim(got).why == "RI-T 1 diverged at step 2", "it is the only one of its kind"


def test_it_is_stored_and_read_back(result, tmp_path):
    result.save(tmp_path)
    again = LossVariation.load(tmp_path)
    assert again.frame().equals(result.frame())
    np.testing.assert_array_equal(again.curves[2].draws, result.curves[2].draws)
    assert again.how == result.how
    assert [f.text for f in again.findings()] == [f.text for f in result.findings()]


def test_frames(result):
    frame = result.frame()
    assert len(frame) == 16
    assert frame["step"].tolist()[:4] == [0, 3, 10, 20]
    np.testing.assert_allclose(frame["variation"], frame["highest"] - frame["lowest"])
    rays = result.ray_frame()
    assert len(rays) == 16 * 5
    last = rays[(rays.run == "P-T 0") & (rays.step == 3)].iloc[-1]
    assert last["distance"] == pytest.approx(result.curves[0].gradient_norm[1])
    assert last["loss"] == result.curves[0].losses[1, -1]


def test_bad_input(net, images):
    bare = run(net, "P-T 0", [1, 2, 3], "P-T", tags=["epoch 0", "final", "best"])
    with pytest.raises(
        UsageError, match=r"run 'P-T 0' on clipart recorded no weights between .* record: \{epochs: \["
    ):
        loss_variation(net, [bare], images)
    with pytest.raises(UsageError, match=r"recorded no 'epoch 22'; did you mean 'epoch 2'\?"):
        loss_variation(net, [run(net, "P-T 0", [1, 2, 3, 4])], images, tags=["epoch 22"])
    with pytest.raises(UsageError, match="does not say at which step 'epoch 2' is; its history is empty"):
        loss_variation(net, [dataclasses.replace(run(net, "P-T 0", [1, 2, 3, 4]), steps={})], images)
    gone = run(net, "P-T 0", [], ended="diverged at step 1", tags=[])
    with pytest.raises(UsageError, match="P-T 0 diverged at step 1, before any weights that are asked for"):
        loss_variation(net, [gone], images)
    weights = {"mine": {0: initialise(net, 0)}}
    with pytest.raises(UsageError, match=r"protocol 'onw'; did you mean 'own'\?"):
        loss_variation(net, weights, images, protocol="onw")
    with pytest.raises(UsageError, match=r"statistics 'keep'; did you mean 'kept'\?"):
        loss_variation(net, weights, images, statistics="keep")
    for wrong in ({"size": 0.0}, {"size": math.inf}, {"points": 0}, {"examples": 0}):
        with pytest.raises(UsageError, match="give at least 1 point, a size over 0, 1 example"):
            loss_variation(net, weights, images, **wrong)
    with pytest.raises(UsageError, match="no runs given"):
        loss_variation(net, [], images)
    with pytest.raises(UsageError, match="'mine' holds no weights; give them by step"):
        loss_variation(net, {"mine": {}}, images)
    with pytest.raises(UsageError, match="two runs are called 'P-T 0'"):
        loss_variation(net, [run(net, "P-T 0", [1, 2, 3, 4])] * 2, images)
