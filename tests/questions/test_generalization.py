"""Complexity measures against slow float64 formulas; what is ranked, left out, judged, drawn and kept."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.probes.outputs import Outputs
from transferscope.questions.criticality.measure import criticality
from transferscope.questions.generalization.complexity import MEASURES, Complexity, path_norm, widest_ball
from transferscope.questions.generalization.measure import (
    CRITICALITY,
    Generalization,
    NetworkRow,
    TrainedNetwork,
    generalization,
    levels,
)
from transferscope.records import from_tree, to_tree
from transferscope.rng import generator, numpy_generator

SIDE, CLASSES = 6, 3


def images(n=24, name="train", seed=0):
    """Classes that a linear layer can tell apart."""
    rng = numpy_generator("generalization images", name, seed)
    labels = np.arange(n) % CLASSES
    pixels = rng.integers(0, 90, (n, SIDE, SIDE, 3)) + 80 * np.eye(CLASSES, dtype=int)[labels][:, None, None]
    return ImageSet(pixels.astype(np.uint8), labels, tuple("abc"), np.array([f"{name} {i}" for i in range(n)]))


@pytest.fixture(scope="module")
def train():
    return images()


@pytest.fixture(scope="module")
def trained(train):
    """A perceptron whose training took its start to weights that fit."""
    net = build("mlp:7x2", CLASSES, input=Input((SIDE, SIDE)))
    return net, initialise(net, 0), fitted(net, initialise(net, 0), train)


def fitted(net, start, data, steps=60):
    module = net.fresh()
    module.load_state_dict(start)
    x, y = net.input.prepare(torch.from_numpy(data.images)), torch.from_numpy(data.labels)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(steps):
        optimiser.zero_grad()
        functional.cross_entropy(module(x), y).backward()
        optimiser.step()
    return {k: v.detach().clone() for k, v in module.state_dict().items()}


def logits(net, params, data):
    module = net.fresh().double()
    module.load_state_dict({k: v.double() for k, v in params.items()})
    with torch.no_grad():
        return module(net.input.prepare(torch.from_numpy(data.images)).double()).numpy()


def error(net, params, data):
    return float((logits(net, params, data).argmax(1) != data.labels).mean())


def test_every_measure_is_its_formula_on_matrices(trained, train):
    """A perceptron: products of matrices, singular values, and one loop over all noise, in float64."""
    net, start, params = trained
    engine = Outputs(net, {"train": train}, metrics=("error",), device="cpu")
    found = Complexity.of(net, start, params, engine, train, epsilon=0.1, draws=2, seed=4)
    got = dict(zip(MEASURES, found.values, strict=True))
    w = [params[f"fc{i}.weight"].double().numpy() for i in (1, 2, 3)]
    b = [params[f"fc{i}.bias"].double().numpy() for i in (1, 2, 3)]
    top = [np.linalg.svd(m)[1][0] for m in w]
    assert got["parameters"] == sum(m.size for m in w + b) == 108 * 7 + 7 + 49 + 7 + 21 + 3
    assert got["Frobenius norms"] == pytest.approx(sum(math.log((m**2).sum()) for m in w), rel=1e-9)
    assert got["spectral norms"] == pytest.approx(sum(math.log(t**2) for t in top), rel=1e-9)
    ratios = sum(math.sqrt((m**2).sum()) / t for m, t in zip(w, top, strict=True))
    assert got["norm ratios"] == pytest.approx(ratios, rel=1e-9)
    squared = sum(float((params[k].double() - start[k].double()).pow(2).sum()) for k in params)
    assert got["distance"] == pytest.approx(math.sqrt(squared), rel=1e-9)
    paths = np.ones(108)
    for m, c in zip(w, b, strict=True):
        paths = m**2 @ paths + c**2
    assert got["path norm"] == pytest.approx(math.sqrt(paths.sum()), rel=1e-9)
    f = logits(net, params, train)
    others = [max(np.delete(row, y)) for row, y in zip(f, train.labels, strict=True)]
    gaps = sorted(row[y] - other for row, y, other in zip(f, train.labels, others, strict=True))
    assert found.gamma == pytest.approx(gaps[2], rel=1e-5) and gaps[2] > 0  # the third of 24: 10 % are under it
    assert got["margin"] == pytest.approx(1 / gaps[2] ** 2, rel=1e-5)
    assert got["sharpness"] == 1 / found.sigma**2
    assert got["PAC-Bayes"] == pytest.approx(squared / (2 * found.sigma**2), rel=1e-9)


def test_the_ball_is_that_of_a_plain_loop(trained, train):
    net, _, params = trained
    engine = Outputs(net, {"train": train}, metrics=("error",), device="cpu")
    names = [k for k, _ in net.module.named_parameters()]
    epsilon, draws = 0.15, 3
    found = widest_ball(engine, params, names, epsilon, draws=draws, seed=7)
    random = generator("widest ball", 7)
    noise = [{k: torch.randn(params[k].shape, generator=random) for k in names} for _ in range(draws)]

    def mean_error(sigma):
        moved = [{k: params[k].double() + sigma * u[k].double() for k in names} for u in noise]
        return np.mean([error(net, m, train) for m in moved])

    octaves = [2.0**-k for k in range(15)]
    octave = next(s for s in octaves if mean_error(s) <= epsilon)
    finer = [octave * 2 ** (k / 16) for k in range(15, 0, -1)]
    assert found == pytest.approx(next((s for s in finer if mean_error(s) <= epsilon), octave), rel=1e-12)
    assert octave < 1 and mean_error(2 * octave) > epsilon
    assert widest_ball(engine, params, names, -0.1, draws=1, seed=0) == 0.0


def test_convolutions_count_as_the_maps_they_are():
    """The circular convolution written out as a matrix, column by column."""
    module = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(36, CLASSES))
    net = wrap(module, name="conv", classes=CLASSES, input=Input((SIDE, SIDE)))
    params, data = initialise(net, 1), images(12)
    engine = Outputs(net, {"train": data}, metrics=("error",), device="cpu")
    found = Complexity.of(net, params, params, engine, data, epsilon=1.0, draws=1, seed=0)
    got = dict(zip(MEASURES, found.values, strict=True))
    kernel, last = params["0.weight"].double(), params["3.weight"].double().numpy()
    basis = torch.eye(3 * SIDE**2, dtype=torch.float64).reshape(-1, 3, SIDE, SIDE)
    around = functional.pad(basis, (1, 1, 1, 1), mode="circular")
    dense = functional.conv2d(around, kernel, stride=2).flatten(1).numpy()
    maps = [np.linalg.svd(dense)[1], np.linalg.svd(last)[1]]
    assert got["spectral norms"] == pytest.approx(sum(2 * math.log(s[0]) for s in maps), rel=1e-9)
    assert got["norm ratios"] == pytest.approx(sum(math.sqrt((s**2).sum()) / s[0] for s in maps), rel=1e-9)
    assert got["Frobenius norms"] == pytest.approx(2 * math.log(float(kernel.norm())) + math.log((last**2).sum()))
    assert (got["distance"], got["PAC-Bayes"], found.sigma) == (0.0, 0.0, 1.0)


def test_the_path_norm_is_a_sum_over_paths():
    """Each path of a network with a skip connection and batch norm, one by one."""

    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm = nn.Linear(3, 3), nn.BatchNorm1d(3)
            self.last = nn.Linear(3, 2)

        def forward(self, x):
            x = x.flatten(1)
            return self.last(functional.relu(self.norm(self.first(x))) + x)

    net = wrap(Skip(), name="skip", classes=2, input=Input((1, 1)))
    random = generator("skip")
    params = {
        k: v if not v.is_floating_point() else torch.rand(v.shape, generator=random) + 0.5
        for k, v in net.params().items()
    }
    p = {k: v.double().numpy() for k, v in params.items()}
    scale = p["norm.weight"] / np.sqrt(p["norm.running_var"] + 1e-5)
    shift = p["norm.bias"] - scale * p["norm.running_mean"]
    total = 0.0
    for o in range(2):
        total += p["last.bias"][o] ** 2
        for h in range(3):
            out = p["last.weight"][o, h] ** 2
            total += out  # the skip connection: an edge of weight 1 from input h
            total += out * shift[h] ** 2 + out * (scale[h] * p["first.bias"][h]) ** 2
            total += sum(out * (scale[h] * p["first.weight"][h, i]) ** 2 for i in range(3))
    assert path_norm(net, params) == pytest.approx(math.sqrt(total), rel=1e-9)
    assert net.params()["first.weight"].equal(net.params()["first.weight"]), "the network is left as it was"


def test_networks_are_measured_and_those_that_do_not_fit_are_named(trained, train):
    net, start, params = trained
    test = images(30, "test")
    given = [
        TrainedNetwork("good", net, start, params, train, test, "mlp", {"width": 7.0}),
        TrainedNetwork("unfit", net, start, start, train, test, "mlp", {"width": 8.0}),
        TrainedNetwork("bad", net, None, None, train, test, "mlp", {"width": 9.0}, "diverged at step 3"),
    ]
    options = {"draws": 2, "alphas": 3, "sigmas": [0.05, 0.2], "margin": 0.1, "modules": "layer", "device": "cpu"}
    kept = Store()
    found = generalization(given, kept=kept, **options)
    (row,) = found.networks
    assert [left.subject for left in found.left_out] == ["bad", "unfit"] or len(found.left_out) == 2
    assert (row.train_error, row.test_error) == (error(net, params, train), error(net, params, test))
    assert found.errors[0].tolist() == (logits(net, params, test).argmax(1) != test.labels).tolist()
    whole = criticality(
        net, [(start, params)], train, modules="layer", paths=["direct"], alphas=3, sigmas=[0.05, 0.2], draws=2,
        margin=0.1, device="cpu",
    )  # fmt: skip
    assert row.modules == {v.module: v.mu for v in whole.valleys}
    assert row.values[0] == sum(v.mu for v in whole.valleys) and 0 < row.looked <= 1
    again = generalization(given, kept=kept, **options)
    assert kept.read == 2 and again.networks[0].values == row.values and again.networks[0].modules == row.modules
    with pytest.raises(UsageError, match="good: has other test images than the networks before"):
        generalization([given[1], replace(given[0], test=images(30, "other"))], **options)
    nothing = {k: torch.full_like(v, torch.nan) for k, v in params.items()}
    lost = TrainedNetwork("lost", net, start, nothing, train, test, "mlp", {"width": 7.0})
    assert [left.subject for left in generalization([given[0], lost], **options).left_out] == ["lost"]
    with pytest.raises(UsageError, match=r"no network fits its training images: unfit: does not fit"):
        generalization(given[1:2], **options)
    with pytest.raises(UsageError, match="none was given; train longer"):
        generalization([], **options)


class Store(dict):
    read = 0

    def load(self, key):
        found = self.get(key)
        self.read += found is not None
        return found

    def save(self, key, arrays):
        assert all(a.dtype != object for a in arrays.values())
        self[key] = arrays


def made(follow=1.0, others=0.0, n_images=400, noise=0.3):
    """64 networks over six settings of two values: errors, a criticality that follows them, and nine others."""
    rng = numpy_generator("made networks", follow, others)
    rows, wrong = [], []
    for i, setting in enumerate(itertools.product((0, 1), repeat=6)):
        hard = 0.25 + 0.06 * (np.array(setting) @ [1, -1, 0.5, 0.4, -0.5, 1.5]) + 0.02 * rng.standard_normal()
        errors = rng.random(n_images) < np.clip(hard, 0.02, 0.95)
        values = [math.exp(follow * hard * 8 + noise * rng.standard_normal())]
        values += [others * hard * 8 + rng.standard_normal() for _ in MEASURES]
        family = ("plain", "deep")[setting[0]]
        factors = dict(zip(("width", "depth", "lr", "batch", "label_noise"), map(float, setting[1:]), strict=True))
        factors["width"] *= 2 + setting[0]  # other widths in each architecture
        mu = {"fc1": values[0] / 2, "fc2": values[0] / 2}
        rows.append(NetworkRow(f"{family} {i}", family, factors, 0.0, float(errors.mean()), tuple(values), mu, 0.1))
        wrong.append(errors)
    return Generalization(
        tuple(rows), (CRITICALITY, *MEASURES), np.stack(wrong), (500, n_images), 0.01, 0.01, 3, ()
    )  # fmt: skip


def test_a_measure_that_follows_the_error_is_told_from_those_that_do_not():
    found = made()
    said = {f.claim: f for f in found.findings() if f.claim}
    assert {c: f.verdict for c, f in said.items()} == {"003-C-c": "agrees", "003-C-d": "agrees"}
    assert (
        said["003-C-c"].estimate == found.tau(CRITICALITY) and said["003-C-c"].estimate.over == "networks and images"
    )
    within = found.within(CRITICALITY)
    assert set(within.factors) == {"architecture", "width", "depth", "lr", "batch", "label_noise"}
    assert set(within.pairs) == {32} and within.mean.low > 0.3
    table = found.measure_frame().set_index("measure")
    assert table.loc[CRITICALITY, "tau error"] == found.tau(CRITICALITY).value
    assert {"psi architecture", "Psi", "tau gap low"} <= set(table.columns) and len(found.frame()) == 64


def test_a_measure_that_follows_nothing_or_the_contrary_is_not_praised():
    verdicts = {f.claim: f.verdict for f in made(follow=0.0, others=1.0, noise=1.0).findings() if f.claim}
    assert verdicts == {"003-C-c": "cannot tell", "003-C-d": "disagrees"}
    assert {f.claim: f.verdict for f in made(follow=-1.0).findings() if f.claim}["003-C-c"] == "disagrees"


def test_seeds_of_a_configuration_count_once():
    found = made()
    again = replace(
        found,
        networks=(*found.networks, *(replace(row, name=f"{row.name} again") for row in found.networks)),
        errors=np.concatenate([found.errors, found.errors]),
    )
    for measure in (CRITICALITY, "margin"):
        assert again.tau(measure).n == again.within(measure).mean.n == 64
        assert again.tau(measure).spread == pytest.approx(found.tau(measure).spread, rel=0.1)
    assert again.ahead_of("margin").n == 64
    plain = replace(found.networks[0], factors={})
    assert plain.configuration == plain.name  # nothing is known that others could share


def test_places_are_those_within_an_architecture():
    rows = [
        replace(made().networks[0], family=family, factors={"width": width})
        for family, width in (("a", 8.0), ("a", 32.0), ("b", 2.0), ("b", 4.0))
    ]
    assert [r["width"] for r in levels(rows)] == [0, 1, 0, 1]


def test_a_measure_that_is_the_same_of_all_is_left_out_of_the_claim_and_named():
    found = made()
    place = found.measures.index("parameters")
    rows = [replace(r, values=(*r.values[:place], 1000.0, *r.values[place + 1 :])) for r in found.networks]
    (ahead,) = [f for f in replace(found, networks=tuple(rows)).findings() if f.claim == "003-C-d"]
    assert ahead.verdict == "agrees" and "Against 8 other measures" in ahead.text
    assert ahead.text.endswith("; left out parameters, not known of all networks or the same of all.")
    flat = [replace(r, values=(r.values[0], *(1.0 for _ in MEASURES))) for r in found.networks]
    (none,) = [f for f in replace(found, networks=tuple(flat)).findings() if f.claim == "003-C-d"]
    assert none.verdict == "cannot tell" and none.why == "no two measures differ among these networks"


def test_measures_without_a_number_are_said():
    found = made()
    place = found.measures.index("margin")
    rows = list(found.networks)
    rows[0] = replace(rows[0], values=(*rows[0].values[:place], math.inf, *rows[0].values[place + 1 :]))
    text = [f.text for f in replace(found, networks=tuple(rows)).findings()]
    assert "margin is infinite, the largest of all, of 1 of 64 networks." in text
    with pytest.raises(UsageError, match="measure 'margn' was not taken; did you mean 'margin'"):
        found.values("margn")


def test_it_survives_the_store_and_figures_are_drawn():
    found = made()
    tree, arrays = to_tree(found)
    assert from_tree(Generalization, tree, arrays).findings() == found.findings()
    at = found.measures.index(CRITICALITY)
    values = found.networks[0].values
    none = replace(found.networks[0], values=(*values[:at], 0.0, *values[at + 1 :]))
    fewer = replace(found, networks=(none, *found.networks[1:])).plot().axes[0].get_title(loc="left")
    assert fewer.endswith("\n1 not drawn: 0 or not finite")
    ranking = found.plot()
    assert "not drawn" not in ranking.axes[0].get_title(loc="left")
    assert ranking.axes[1].get_yticklabels()[0].get_text() == CRITICALITY
    assert len(found.plot(what="granulated").axes) == 2
    with pytest.raises(UsageError, match="a figure of 'rankng'; did you mean 'ranking'"):
        found.plot(what="rankng")
