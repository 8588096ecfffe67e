"""Every increase against a plain loop over state dicts in float64."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import linregress
from scipy.stats import t as student
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.evidence.crossfit import halves
from transferscope.evidence.guard import Witness
from transferscope.evidence.left_out import LeftOut
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.probes.evaluate import How
from transferscope.questions.rewind.findings import most_and_least_critical
from transferscope.questions.rewind.measure import Rewind, Rewound, rewind
from transferscope.rng import generator, numpy_generator, seed_of
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

from .golden import golden

CPU = {"device": "cpu", "precision": "float64", "resamples": 200}


def shaken(params, size, *name):
    """The weights and Gaussian noise of a size."""
    g = generator("test rewind", *name)
    return {k: v + size * torch.randn(v.shape, generator=g) for k, v in params.items()}


@pytest.fixture(scope="module")
def net():
    return build("fixup_resnet8", 3, input=Input((8, 8)))


@pytest.fixture(scope="module")
def images():
    r, n = numpy_generator("rewind images"), 14
    pixels, labels = r.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8), r.integers(0, 3, n)
    return ImageSet(pixels, labels, ("a", "b", "c"), np.arange(n).astype(str), name="test")


@pytest.fixture(scope="module")
def run(net):
    start = initialise(net, 0)
    best = shaken(start, 0.1, "best")
    snapshots = {
        "epoch 0": start, "epoch 4": shaken(best, 0.02, 4), "epoch 1": shaken(start, 0.05, 1),
        "best": best, "final": shaken(best, 0.03, "final"),
    }  # fmt: skip
    epochs = np.repeat(np.arange(1, 6), 2)
    steps = {
        "epoch": epochs,
        "step": np.arange(1, 11),
        "loss": np.zeros(10),
        "accuracy": np.zeros(10),
        "lr": np.zeros(10),
    }
    return Run(
        "P-T 0", "P-T", "P", 0, "digits", Recipe(epochs=5, milestones=()), steps, {}, snapshots, best_epoch=3
    )  # fmt: skip


def losses(net, params, images):
    """Loss of every image with a network loaded in the usual way."""
    module = net.fresh().double()
    module.load_state_dict({k: v.double() for k, v in params.items()})
    with torch.no_grad():
        logits = module(net.input.prepare(torch.from_numpy(images.images)).double())
    return nn.functional.cross_entropy(logits, torch.from_numpy(images.labels), reduction="none").numpy()


def test_every_increase_is_that_of_the_plain_loop(net, run, images):
    found = rewind(net, run, images, draws=2, weights="final", seed=3, **CPU)
    one, m = found.networks[0], found.place("loss")
    assert one.times == ("start", "epoch 1", "epoch 4") and one.modules == found.modules
    assert found.modules == ("conv1", "layer1.0", "layer2.0", "layer3.0", "fc")
    assert (found.first, found.head, found.n, found.images) == ("conv1", "fc", 14, "test")
    trained = run.final.params
    base = losses(net, trained, images)
    assert one.trained[m] == pytest.approx(base.mean(), rel=1e-9)
    drawn = [initialise(net, seed_of("rewind", 3, r)) for r in range(2)]
    for i, name in enumerate(found.modules):
        tensors = next(module.tensors for module in net.modules("block") if module.name == name)
        back = [trained | {k: w[k] for k in tensors} for w in (run.start.params, run.snapshots["epoch 1"],
                                                             run.snapshots["epoch 4"], *drawn)]  # fmt: skip
        rises = [losses(net, weights, images) - base for weights in back]
        assert one.increase[m, i] == pytest.approx([r.mean() for r in rises[:3]], rel=1e-8, abs=1e-12)
        assert one.drawn[m, i] == pytest.approx([r.mean() for r in rises[3:]], rel=1e-8, abs=1e-12)
        # the bootstrap's standard error of a mean of differences, from a sample this small, within a third
        for t in range(3):
            error = rises[t].std() / math.sqrt(len(base))
            assert one.low[m, i, t] <= one.increase[m, i, t] <= one.high[m, i, t]
            assert one.high[m, i, t] - one.low[m, i, t] == pytest.approx(2 * 1.96 * error, rel=0.34)
        both = (rises[3] + rises[4]) / 2
        assert one.drawn_low[m, i] <= both.mean() <= one.drawn_high[m, i]
    assert one.increase.shape == (2, 5, 3) and one.drawn.shape == (2, 5, 2)


def test_accuracy_is_turned_into_error(net, run, images):
    errors = rewind(net, run, images, draws=1, modules=["fc"], metrics=["error"], **CPU).networks[0]
    turned = rewind(net, run, images, draws=1, modules=["fc"], metrics=["accuracy"], **CPU).networks[0]
    assert turned.trained == pytest.approx(errors.trained)
    assert turned.increase == pytest.approx(errors.increase) and turned.low == pytest.approx(errors.low)


def test_only_epochs_that_were_kept_before_the_trained_weights(net, run, images):
    assert rewind(net, run, images, draws=0, modules=["fc"], **CPU).networks[0].times == ("start", "epoch 1")
    one = rewind(net, run, images, draws=0, modules=["fc"], epochs=[0], **CPU).networks[0]
    assert one.times == ("start",) and one.drawn.shape == (2, 1, 0)
    found = rewind(net, run, images, draws=0, modules=["fc"], epochs=[4, 0, 1], **CPU)
    assert found.networks[0].times == ("start", "epoch 1")
    assert found.left_out[0].reason == "epoch 4 did not come before its best weights and is left out"
    words = (
        r"P-T 0 on digits kept no weights of epoch 2, but of 0, 4 and 1; record it, e\.g\. record\.epochs: \[1, 2\]"
    )
    with pytest.raises(UsageError, match=words):
        rewind(net, run, images, epochs=[1, 2], **CPU)


def test_what_cannot_be_measured_is_named(net, run, images):
    broken = run.snapshots["epoch 1"] | {"fc.weight": run.snapshots["epoch 1"]["fc.weight"] * math.nan}
    sick = replace(run, label="P-T 1", snapshots={**run.snapshots, "epoch 1": broken})
    gone = replace(run, label="P-T 2", ended="diverged at step 3")
    found = rewind(net, [run, sick, gone], images, draws=1, modules=["conv1", "fc"], **CPU)
    assert [one.network for one in found.networks] == ["P-T 0", "P-T 1"]
    well, ill = found.networks
    assert np.isnan(ill.increase[:, 1, 1]).all() and np.isnan(ill.low[:, 1, 1]).all()
    np.testing.assert_array_equal(ill.increase[:, 1, 0], well.increase[:, 1, 0])
    np.testing.assert_array_equal(ill.drawn, well.drawn)
    told = {o.subject: o.reason for o in found.left_out}
    assert told["P-T 2"] == "diverged at step 3 and has no trained weights"
    assert told["P-T 1, fc"] == "the weights are not finite at epoch 1, so nothing was measured there"
    texts = [f.text for f in found.findings()]
    assert "P-T 1: a metric is not finite with fc (epoch 1) set back; drawn as crosses, without an interval." in texts


def test_a_network_that_cannot_be_drawn_anew_is_set_back_all_the_same():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line, self.scale = nn.Linear(4, 3), nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.scale * self.line(x.flatten(1))

    net = wrap(Odd(), name="odd", classes=3, input=Input((2, 2), 1, (0.5,), (0.5,)))
    r = numpy_generator("odd")
    pixels, labels = r.integers(0, 256, (6, 2, 2, 1), dtype=np.uint8), r.integers(0, 3, 6)
    some = ImageSet(pixels, labels, ("a", "b", "c"), np.arange(6).astype(str), name="test")
    found = rewind(net, [(shaken(net.params(), 0.5, "odd"), net.params())], some, **CPU)
    assert found.draws == 0 and found.networks[0].increase.shape[2] == 1
    assert found.left_out[0] == LeftOut(
        "drawn anew", "cannot be drawn anew, Odd has 'scale' but no reset_parameters(); give wrap(..., make=...)"
    )
    assert "drawn anew" not in found.frame()["time"].tolist()


def test_a_start_with_another_head(net, run, images):
    start = run.start.params | {"fc.weight": torch.zeros(7, 64), "fc.bias": torch.zeros(7)}
    found = rewind(net, [(start, run.snapshots["epoch 1"], run.best.params)], images, draws=0, **CPU)
    assert found.networks[0].modules == ("conv1", "layer1.0", "layer2.0", "layer3.0")
    assert found.networks[0].times == ("start", "1")
    assert "no such head" in found.left_out[0].reason
    with pytest.raises(UsageError, match="the start has no such head as 'fc'"):
        rewind(net, [(start, run.best.params)], images, modules=["fc"], **CPU)


def test_bad_input_is_one_clear_line(net, run, images):
    for settings, words in (
        ({"modules": ["conv"]}, "has no module 'conv'; did you mean 'conv1'"),
        ({"weights": "bets"}, "end 'bets'; did you mean 'best'"),
        ({"draws": -1}, "draws: -1"),
        ({"threshold": "a"}, "threshold 'a': expected a rise of the error between 0 and 1"),
        ({"metrics": ["eror"]}, "metric 'eror'; did you mean 'error'"),
        ({"drwas": 1}, "rewind has no option 'drwas'; did you mean 'draws'"),
    ):
        with pytest.raises(UsageError, match=words):
            rewind(net, run, images, **settings, **CPU)
    with pytest.raises(UsageError, match="end 'foo'"):  # of plain weights, too
        rewind(net, [(run.start.params, run.best.params)], images, weights="foo", **CPU)
    with pytest.raises(UsageError, match="metric 'auc' was not measured"):
        rewind(net, run, images, modules=["fc"], draws=0, **CPU).place("auc")


MODULES = ("conv1", "a", "b", "c", "d", "fc")
UP, DOWN = (0.04, 0.05, 0.06, 0.07, 0.08, 0.3), (0.3, 0.08, 0.07, 0.06, 0.05, 0.0)
OTHER = (0.05, 0.04, 0.07, 0.06, 0.08, 0.32)


def made(rises, half=0.01, n=4000, examples=True, unfit=()):
    """A result of given increases at the start, by role, for its sentences."""
    networks = []
    for role, values in rises:
        label = f"{role} {sum(one.role == role for one in networks)}"
        increase = np.array(values)[None, :, None]
        drawn = np.full((1, 6, 2), 0.4)
        each = np.array([np.arange(n) < round(x * n) for x in values]).astype(np.int8)
        networks.append(
            Rewound(label, role, role, MODULES, ("start",), np.array([0.1]), increase, increase - half,
                    increase + half, drawn, drawn.mean(-1) - half, drawn.mean(-1) + half, ("affine",) * 6,
                    each if examples else np.zeros((0, 0), np.int8), "diverged late" if label in unfit else "")
        )  # fmt: skip
    how = How("affine", "float32", "cpu", 64, "none")
    return Rewind(tuple(networks), MODULES, "conv1", "fc", "test", n, ("error",), 0.02, 2, 1000, (), how)


def by_claim(result):
    return {f.claim: f for f in result.findings() if f.claim}


def test_claims_are_judged_over_networks():
    result = made([("P-T", UP), ("P-T", OTHER), ("P-T", UP)] + [("RI-T", DOWN)] * 3)
    found = by_claim(result)
    assert {claim: f.verdict for claim, f in found.items()} == {
        "000-3.4-a": "agrees",
        "000-3.4-b": "agrees",
        "000-3.4-c": "agrees",
        "000-3.4-d": "agrees",
        "003-C-a": "agrees",
    }
    head = found["000-3.4-a"].estimate
    # Over networks, not the hull of them: t·s/√3 with the images beside it.
    values = [UP[-1], OTHER[-1], UP[-1]]
    each = np.mean([one.examples[-1] for one in result.networks[:3]], axis=0)
    spread, noise = np.var(values, ddof=1) / 3, each.var(ddof=1) / 4000
    half = math.sqrt(student.ppf(0.975, 2) ** 2 * spread + 1.959964**2 * (noise + max(0, (2 / 4000) ** 2 - spread)))
    assert head.over == "networks and images" and head.n == 3 and head.images == 4000
    assert (head.low, head.high) == pytest.approx((np.mean(values) - half, np.mean(values) + half))
    # One slope over depth a network, the head left out; of each image its own slope.
    depth = np.linspace(0, 1, 5)
    slopes = [linregress(depth, one[:-1]).slope for one in (UP, OTHER, UP)]
    mean = np.mean([one.examples[:-1] for one in result.networks[:3]], axis=0)
    each = [linregress(depth, image).slope for image in mean.T]
    order = found["000-3.4-d"].estimate
    assert order.value == pytest.approx(np.mean(slopes)) and order.over == "networks and images" and order.n == 3
    assert order.spread == pytest.approx(np.var(slopes, ddof=1) / 3)
    assert order.noise == pytest.approx(np.var(each, ddof=1) / 4000)
    golden(result, "rewind")
    turned = by_claim(made([("P-T", DOWN)] * 3 + [("RI-T", UP)] * 3))
    assert {claim: f.verdict for claim, f in turned.items()} == {
        "000-3.4-a": "disagrees",
        "000-3.4-b": "disagrees",
        "000-3.4-c": "agrees",
        "000-3.4-d": "disagrees",
        "003-C-a": "disagrees",
    }
    assert not by_claim(made([("", UP)] * 3))


def test_the_most_critical_module_is_chosen_by_other_images_than_it_is_measured_on():
    """Two networks by a plain loop over halves; of modules that are all alike neither is more critical than all."""
    rng = numpy_generator("most and least")
    examples = (rng.random((2, 4, 60)) < np.array([0.1, 0.5, 0.3, 0.0])[:, None]).astype(float)
    most, least = most_and_least_critical(examples)
    first = halves(60, 0)
    for found, choose in ((most, np.argmax), (least, np.argmin)):
        each = np.empty((2, 60))
        for n, of in enumerate(examples):
            for on, by in ((first, ~first), (~first, first)):
                each[n, on] = of[int(choose([row[by].mean() for row in of]))][on]
        assert found.value == pytest.approx(each.mean())
    alike = (rng.random((40, 10, 200)) < 0.3).astype(float)
    most, least = most_and_least_critical(alike)
    assert most.low < 0.3 < most.high and least.low < 0.3 < least.high and most.n == 40
    assert alike.mean(2).max(1).mean() > 0.34, "chosen and measured on the same images they would look critical"


def test_modules_of_one_network_decide_nothing():
    for networks in ([("P-T", UP), ("RI-T", DOWN)], [("P-T", UP)] * 2 + [("RI-T", DOWN)] * 2):
        found = by_claim(made(networks))
        assert set(found) == {"000-3.4-a", "000-3.4-b", "000-3.4-c", "000-3.4-d", "003-C-a"}
        assert {f.verdict for f in found.values()} == {"cannot tell"}
        assert {f.why for f in found.values()} == {"a verdict needs at least three networks of each kind"}
        assert found["000-3.4-a"].estimate.over == "images"
    level = made([("P-T", UP)]).findings()[0]
    assert (level.value, level.low, level.high) == pytest.approx(
        (0.3, 0.29, 0.31)
    ) and level.estimate.over == "images"
    assert "in 6 of 6 modules (conv1, a, b, c and 2 more), by no more in 0; most in fc" in level.text


def test_networks_that_learned_nothing_decide_nothing():
    four = [("P-T", UP)] * 3 + [("P-T", DOWN)] + [("RI-T", DOWN)] * 3
    found = by_claim(made(four, unfit=["P-T 3"]))
    assert found["000-3.4-a"].verdict == "agrees" and found["000-3.4-a"].n == 3
    none = by_claim(made(four, unfit=[f"P-T {i}" for i in range(4)]))
    assert {none[c].verdict for c in ("000-3.4-a", "000-3.4-b", "000-3.4-c", "000-3.4-d")} == {"cannot tell"}
    assert none["000-3.4-d"].why == "P-T 0, P-T 1, P-T 2 and P-T 3 diverged late"
    known = replace(made(four[:3]), witnesses=(Witness("the pre-training", "P", "did not clearly beat chance"),))
    assert by_claim(known)["000-3.4-a"].why == "the pre-training did not clearly beat chance"


def test_without_images_networks_still_decide():
    found = by_claim(made([("P-T", UP), ("P-T", OTHER), ("P-T", UP)], examples=False))["000-3.4-a"]
    assert found.verdict == "agrees" and found.estimate.over == "networks"
    order = by_claim(made([("P-T", UP), ("P-T", OTHER), ("P-T", UP)], examples=False))["000-3.4-d"]
    assert order.verdict == "agrees" and order.estimate.over == "networks"


def test_a_loss_has_no_claim_about_depth():
    loss = replace(made([("P-T", UP)] * 3), metrics=("loss",))
    [order] = [f for f in loss.findings() if "with depth" in f.text]
    assert order.claim is None and "by 0.04 nats" in order.text


def test_each_image_adds_to_the_increase(net, run, images):
    one = rewind(net, replace(run, unfit="did not clearly beat chance"), images, draws=0, **CPU)
    rewound, m = one.networks[0], one.place("error")
    assert rewound.examples.dtype == np.int8 and rewound.examples.shape == (5, 14)
    assert rewound.examples.mean(1) == pytest.approx(rewound.increase[m, :, 0])
    assert (
        one.left_out[-1] == LeftOut("P-T 0", "did not clearly beat chance")
        and rewound.unfit == "did not clearly beat chance"
    )
    broken = run.start.params | {"fc.weight": run.start.params["fc.weight"] * math.nan}
    sick = rewind(net, replace(run, snapshots={**run.snapshots, "epoch 0": broken}), images, draws=0, **CPU).networks[
        0
    ]
    assert np.isnan(sick.examples[-1]).all() and (sick.examples[:-1] == rewound.examples[:-1]).all()


def test_stored_and_read_back(net, run, images, tmp_path):
    found = rewind(net, run, images, draws=1, modules=["fc"], **CPU)
    found.save(tmp_path)
    again = Rewind.load(tmp_path)
    assert again.frame().equals(found.frame()) and again.findings() == found.findings()
    assert list(found.frame().columns) == [
        "network", "role", "module", "time", "metric", "trained", "increase", "low", "high", "n"
    ]  # fmt: skip
    assert found.frame()["time"].tolist() == ["start", "epoch 1", "drawn anew"] * 2


def test_progress_counts_to_the_end(net, run, images):
    told = []
    rewind(net, run, images, draws=1, modules=["conv1", "fc"], progress=lambda *x: told.append(x), **CPU)
    assert told[-1] == (8, 8, "points") and {total for _, total, _ in told} == {8}
