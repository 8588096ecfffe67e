"""The head's setting: slopes a seed against a fit, margins and norms against the plain numbers, claims, the grid."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.probes.margins import margins
from transferscope.probes.outcomes import outcomes
from transferscope.questions.head.grid import grid_of
from transferscope.questions.head.measure import Head, Pretrained, head

from .golden import golden

CLASSES = 3
WANTED = Input((6, 6), 1, (0.5,), (0.25,))
NET = build("mlp:24-16", CLASSES, input=WANTED)
DECAYS = (1e-4, 1e-2, 1.0)


def pictures(n, part, shift=0):
    draw = np.random.default_rng([n, len(part), shift])
    kinds = np.arange(n) % CLASSES
    means = np.random.default_rng(99 + shift).normal(128, 30, (CLASSES, 6, 6, 1))
    pixels = np.clip(means[kinds] + draw.normal(0, 40, (n, 6, 6, 1)), 0, 255).astype(np.uint8)
    return ImageSet(pixels, kinds, tuple("abc"), np.array([f"{part} {i}" for i in range(n)]), f"pictures {part}")


UPSTREAM = pictures(90, "upstream")
TARGETS = {
    name: ImageSplits(pictures(60, "train", s), pictures(9, "val", s), pictures(120, "test", s))
    for name, s in (("first", 1), ("second", 2))
}


def network(decay, seed):
    """Weights whose head shrinks and whose first layer grows with the decay."""
    params = initialise(NET, seed)
    factor = (decay / 1e-2) ** 0.1
    first = next(iter(params))
    scaled = {name: params[name] / factor for name in NET.head_tensors()}
    return Pretrained(f"P {decay:g} {seed}", params | scaled | {first: params[first] * factor}, decay, seed)


def measured(seeds=4, decays=DECAYS, **options):
    given = [network(d, s) for s in range(seeds) for d in decays]
    witnesses = [Witness(f"the pre-training {n.label}", "P") for n in given]
    return head(
        NET, given, UPSTREAM, TARGETS, shots=5, draws=2, modules="layer", witnesses=witnesses, device="cpu", **options
    )


@pytest.fixture(scope="module")
def found() -> Head:
    return measured()


def test_numbers_are_those_of_each_network(found):
    place = 4
    given = network(DECAYS[place % 3], place // 3)
    assert found.networks[place] == given.label and found.settings[place] == given.setting
    np.testing.assert_array_equal(found.right[place], outcomes(NET, given.params, UPSTREAM, device="cpu"))
    own = margins(NET, given.params, UPSTREAM, "layer", device="cpu")
    np.testing.assert_allclose(found.margins[place], own.values, rtol=1e-5)
    np.testing.assert_allclose(found.spread[place], own.spread)
    weight = given.params[f"{NET.head}.weight"]
    assert found.head_norms[place, 0] == pytest.approx(float(weight.norm()), rel=1e-6)
    first = [name for name in given.params if name.startswith(f"{found.modules[0]}.")]
    square = sum(float(given.params[name].double().square().sum()) for name in first)
    assert found.norms[place, 0] == pytest.approx(np.sqrt(square), rel=1e-6)
    assert len(found.modules) == 2 and found.places[-1] == found.readings[-1] == f"input of {NET.head}"
    np.testing.assert_allclose(found.few[:, 1].mean(2), found.each["second"].mean(2), atol=1e-6)


def test_a_change_is_a_slope_a_seed(found):
    x = np.log10(DECAYS)
    logs = np.log(found.head_norms[:, 0]).reshape(4, 3)
    slopes = [np.polyfit(x, row, 1)[0] for row in logs]
    change = found.head_norm_change()
    assert change.value == pytest.approx(np.mean(slopes)) == pytest.approx(-0.1 * np.log(10), abs=1e-6)
    assert change.over == "pre-trainings" and change.n == 4
    upstream = found.upstream_change()
    slopes = [np.polyfit(x, row, 1)[0] for row in found.right.mean(1).reshape(4, 3)]
    assert upstream.value == pytest.approx(np.mean(slopes)) and upstream.images == 90
    spread = np.var(slopes, ddof=1) / 4
    assert upstream.spread == pytest.approx(spread, abs=1e-12)
    down = found.downstream_change("second", found.lower())
    numbers = found.few[:, 1, : len(found.lower())].mean(1)
    slopes = [np.polyfit(x, row, 1)[0] for row in numbers.mean(1).reshape(4, 3)]
    assert down.value == pytest.approx(np.mean(slopes), abs=1e-6)
    of_draws = [np.polyfit(x, row, 1)[0] for row in numbers.reshape(4, 3, 2).mean(0).T]
    assert down.spread == pytest.approx(np.var(slopes, ddof=1) / 4 + np.var(of_draws, ddof=1) / 2, abs=1e-9)


def test_claims_are_of_the_weight_decay_alone(found):
    claims = {f.claim: f for f in found.findings() if f.claim}
    assert set(claims) == {"003-n", "003-o", "003-p", "003-q", "003-r"}
    assert claims["003-q"].verdict == "agrees", "the head shrinks and the first layer grows, in every seed alike"
    rate = replace(found, setting="head_lr")
    assert not any(f.claim for f in rate.findings()) and "learning rate" in rate.findings()[0].text
    few = measured(seeds=3)
    assert all(f.verdict == "cannot tell" and "four pre-trainings" in f.why for f in few.findings() if f.claim)
    failed = replace(found, witnesses=(Witness("the pre-training x", "P", "diverged at step 2"),))
    assert all(f.verdict == "cannot tell" and "diverged" in f.why for f in failed.findings() if f.claim)


def test_a_pre_training_that_diverged_counts_as_chance_upstream_and_downstream(found):
    """A claim that a large weight decay hurts is not silenced by the pre-trainings that it hurt."""
    given = [network(d, s) for s in range(4) for d in DECAYS]
    gone = [replace(n, params=None) if n.setting == 1.0 else n for n in given]
    told = [Witness(n.label, "P", "diverged at step 2" if n.params is None else "") for n in gone]
    result = head(
        NET, gone, UPSTREAM, TARGETS, shots=5, draws=2, modules="layer", witnesses=told, device="cpu"
    )  # fmt: skip
    assert np.all(result.right[2::3] == pytest.approx(1 / 3)) and np.array_equal(result.right[:2], found.right[:2])
    assert np.all(result.few[2::3] == pytest.approx(1 / 3)) and np.array_equal(result.few[:2], found.few[:2])
    assert np.isnan(result.norms[2::3]).all() and np.isnan(result.median_margins(normalised=False)[2::3]).all()
    claims = {f.claim: f for f in result.findings() if f.claim}
    assert not any(claims[c].silenced for c in ("003-n", "003-o", "003-r"))
    assert all(claims[c].silenced for c in ("003-p", "003-q"))
    assert "P 1 0, P 1 1, P 1 2 and P 1 3 diverged and count as chance" in claims["003-n"].text
    result.plot()
    with pytest.raises(UsageError, match="the head of no networks"):
        head(NET, [replace(given[0], params=None)], UPSTREAM, device="cpu")


def test_the_margin_at_the_head_is_over_the_spread_of_its_features(found):
    """Features that are all twice as long, and a head that is half, are the same classifier."""
    at_head = found.median_margins()[:, -1].reshape(4, 3)
    slopes = [np.polyfit(np.log10(DECAYS), row, 1)[0] for row in at_head]
    assert found.head_margin_change().value == pytest.approx(np.mean(slopes))
    text = next(f.text for f in found.findings() if f.claim == "003-p")
    assert "changes median margins, over the spread of the features they are measured in, by" in text


def test_the_best_value_is_of_these_networks(found):
    near = found.best("first")
    means = found.few[:, 0, -1].mean(1).reshape(4, 3).mean(0)
    assert near.best == int(means.argmax()) and not near.estimate.general
    upstream = found.best()
    assert upstream.best == int(found.right.mean(1).reshape(4, 3).mean(0).argmax()) and upstream.best in upstream.tied


def test_the_grid_takes_the_seeds_that_have_every_value():
    grid, left = grid_of([0.1, 1.0, 0.1, 0.0, np.nan], [0, 0, 1, 0, 0])
    assert grid.values == (0.1, 1.0) and grid.rows.tolist() == [[0, 1]]
    assert [x.text for x in left] == [
        "the setting 0 of seed 0: it has no logarithm",
        "seed 1: has no pre-training with 1",
    ]
    assert grid_of([0.1, 0.1], [0, 1])[0] is None and grid_of([0.1, 1.0], [0, 1])[0] is None
    with pytest.raises(UsageError, match=r"setting 0\.1 and seed 0"):
        grid_of([0.1, 0.1], [0, 0])


def test_one_network_is_described():
    params = initialise(NET, 0)
    alone = head(NET, [Pretrained("a.pt", params)], UPSTREAM, modules="layer", device="cpu", most=30)
    (finding,) = alone.findings()
    assert (
        finding.claim is None and finding.text.startswith("a.pt: the median margin at input of") and finding.n == 30
    )
    assert alone.margins.shape[2] == 30 and alone.n == 90
    with pytest.raises(UsageError, match="no two values of head_weight_decay"):
        alone.upstream_change()
    with pytest.raises(UsageError, match="the head of no networks"):
        head(NET, [], UPSTREAM)
    assert torch.is_tensor(params[f"{NET.head}.weight"])


def test_a_stored_result_speaks_as_the_first(found, tmp_path):
    found.save(tmp_path)
    again = Head.load(tmp_path)
    assert [f.text for f in again.findings()] == [f.text for f in found.findings()]
    assert again.frame().equals(found.frame())
    frame = found.frame()
    norms = frame[(frame["quantity"] == "head norm") & (frame["place"] == "weight")]
    assert norms["value"].tolist() == found.head_norms[:, 0].tolist()


def test_sentences(found):
    golden(found, "head")


def test_figures(found, tmp_path):
    found.plot().savefig(tmp_path / "head.svg")
    alone = head(NET, [network(0.1, 0)], UPSTREAM, modules="layer", device="cpu")
    figure = alone.plot()
    figure.savefig(tmp_path / "alone.svg")
    assert len(figure.axes) == 2 and len(found.plot().axes) == 4


def test_networks_that_are_no_grid_differ_in_more_than_colour(monkeypatch):
    alone = head(NET, [network(0.1, 0), replace(network(0.1, 1), label="b")], UPSTREAM, modules="layer", device="cpu")
    for ax in alone.plot().axes:
        first, second = ax.lines
        assert first.get_marker() != second.get_marker() and first.get_linestyle() != second.get_linestyle()
    monkeypatch.setattr("transferscope.questions.head.plot._NETWORKS", 1)
    left, right = alone.plot().axes
    assert left.get_title(loc="left") == "1 of 2 networks; all are in the table" and len(right.lines) == 1
