"""Every cell and every μ against a plain loop over state dicts in float64."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import linregress, spearmanr, ttest_ind
from scipy.stats import t as student
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.evidence.left_out import LeftOut
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.models.solution import Solution
from transferscope.questions.criticality.measure import Criticality, criticality
from transferscope.questions.criticality.order import growth
from transferscope.rng import generator, numpy_generator
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

from .golden import golden

SIGMAS = (0.0, 0.1, 0.5)
CPU = {"device": "cpu", "precision": "float64"}


def shaken(params, size, *name):
    """The weights and Gaussian noise of a size."""
    g = generator("test criticality", *name)
    return {k: v + size * torch.randn(v.shape, generator=g) for k, v in params.items()}


def sampled(net, n, name):
    """Noise images, labelled at random."""
    r, (h, w) = numpy_generator("criticality images", name), net.input.size
    pixels, labels = r.integers(0, 256, (n, h, w, net.input.channels), dtype=np.uint8), r.integers(0, net.classes, n)
    return ImageSet(pixels, labels, tuple("abcdef"[: net.classes]), np.arange(n).astype(str), name=name)


def learned(net, params, n, name):
    """Noise images with the labels that the network gives them, so that its error is 0."""
    images = sampled(net, n, name)
    x = net.input.prepare(torch.from_numpy(images.images)).double()
    module = net.fresh().double()
    module.load_state_dict(params)
    with torch.no_grad():
        return replace(images, labels=module(x).argmax(1).numpy())


@pytest.fixture(scope="module")
def net():
    return build("mlp:9-7", 3, input=Input((4, 4), 1, (0.5,), (0.3,)))


@pytest.fixture(scope="module")
def ends(net):
    start = initialise(net, 0)
    return start, shaken(start, 0.3, "end")


@pytest.fixture(scope="module")
def run(net, ends):
    start, final = ends
    best = shaken(final, 0.05, "best")
    between = {
        f"epoch {e}": shaken({k: v + e / 8 * (best[k] - v) for k, v in start.items()}, 0.01, e) for e in (1, 2, 4)
    }
    later = {"epoch 7": shaken(best, 0.02, 7)}
    snapshots = {
        "epoch 4": between.pop("epoch 4"),
        "epoch 0": start,
        **between,
        **later,
        "best": best,
        "final": final,
    }
    return a_run("P-T 0", "P-T", snapshots)


def a_run(label, role, snapshots, **fields):
    epochs = np.repeat(np.arange(1, 9), 3)
    steps = {
        "epoch": epochs,
        "step": np.arange(1, 25),
        "loss": np.zeros(24),
        "accuracy": np.zeros(24),
        "lr": np.zeros(24),
    }
    fields = {"best_epoch": 6, "ended": "finished"} | fields
    return Run(label, role, "P", 0, "digits", Recipe(epochs=8, milestones=()), steps, {}, snapshots, **fields)


def plain(net, params, images):
    """Mean loss and error of a network loaded in the usual way."""
    module = net.fresh().double()
    module.load_state_dict({k: v.double() if v.is_floating_point() else v for k, v in params.items()})
    x = net.input.prepare(torch.from_numpy(images.images)).double()
    labels = torch.from_numpy(images.labels)
    with torch.no_grad():
        logits = module(x)
    return nn.functional.cross_entropy(logits, labels).item(), (logits.argmax(1) != labels).double().mean().item()


def noisy(net, trained, at, names, noised, scale, name, r):
    """A module somewhere on its way, with the r-th draw of the noise; the others as trained."""
    g = generator("criticality", 0, name, r)
    moved = {k: v.double().clone() if v.is_floating_point() else v for k, v in trained.items()} | {
        k: at[k] for k in names
    }
    for k in noised:
        moved[k] = moved[k] + scale * torch.randn(trained[k].shape, generator=g).double()
    return moved


def compare(net, found, valley, trained, places, images, module, names, noised):
    """Hold every cell of a valley against the plain loop."""
    size = sum(trained[k].numel() for k in noised)
    norm = math.sqrt(sum(trained[k].double().square().sum().item() for k in noised))
    assert valley.size == size and valley.norm == pytest.approx(norm, rel=1e-12)
    assert valley.scale == pytest.approx(norm / math.sqrt(size), rel=1e-12)
    for p, at in enumerate(places):
        for s, sigma in enumerate(valley.sigmas):
            for r in range(found.draws):
                weights = noisy(net, trained, at, names, noised, sigma * norm / math.sqrt(size), module, r)
                for part, one in enumerate(images):
                    loss, error = plain(net, weights, one)
                    assert valley.values[part, found.place("loss"), p, s, r] == pytest.approx(loss, rel=1e-9)
                    assert valley.values[part, found.place("error"), p, s, r] == pytest.approx(error, abs=1e-12)


@pytest.mark.parametrize("module", ["fc1", "fc3"])
def test_every_cell_of_the_four_paths_is_that_of_the_plain_loop(net, run, module):
    images = [sampled(net, n, name) for n, name in ((11, "train"), (7, "test"))]
    found = criticality(net, run, *images, modules=[module], alphas=[0.0, 0.4, 1.0], sigmas=SIGMAS, draws=2, **CPU)
    start, best, final = run.start.params, run.best.params, run.final.params
    names = [f"{module}.weight", f"{module}.bias"]
    assert [(v.path, v.end) for v in found.valleys] == [
        ("direct", "best"), ("optimisation", "best"), ("direct", "final"), ("optimisation", "final")
    ]  # fmt: skip
    for end, weights, epochs in (("best", best, (1, 2, 4)), ("final", final, (1, 2, 4, 7))):
        direct, steps = (found.valley("P-T 0", module, path, end) for path in ("direct", "optimisation"))
        line = [{k: (1 - a) * start[k].double() + a * weights[k].double() for k in names} for a in (0.0, 0.4, 1.0)]
        compare(net, found, direct, best, line, images, module, names, names)
        kept = [start, *(run.snapshots[f"epoch {e}"] for e in epochs), weights]
        assert steps.places == ("start", *(f"epoch {e}" for e in epochs), end)
        doubled = [{k: w[k].double() for k in names} for w in kept]
        compare(net, found, steps, best, doubled, images, module, names, names)
        lengths = [math.sqrt(sum((w[k] - start[k]).double().square().sum() for k in names)) for w in kept]
        assert steps.distance == direct.distance == pytest.approx(lengths[-1], rel=1e-6)
        assert steps.alphas * steps.distance == pytest.approx(lengths, rel=1e-6)
    # the paths share their start, the trained end, and what was recorded before it
    direct, steps = found.valley("P-T 0", module), found.valley("P-T 0", module, "optimisation")
    np.testing.assert_array_equal(direct.values[..., 0, :, :], steps.values[..., 0, :, :])
    np.testing.assert_array_equal(direct.values[..., -1, :, :], steps.values[..., -1, :, :])


def test_blocks_of_a_residual_network_move_with_their_statistics():
    def make():
        first = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU())
        return nn.Sequential(first, nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3))

    net = wrap(make(), name="normed", classes=3, input=Input((6, 6), 1, (0.5,), (0.3,)), make=make)
    start = initialise(net, 0)
    end = {
        k: v.abs() if "running_var" in k else v
        for k, v in shaken(net.params(), 0.2, "norm").items()
        if v.is_floating_point()
    }
    end = {k: end.get(k, v + 5) for k, v in start.items()}
    images = sampled(net, 9, "train")
    found = criticality(net, [(start, end)], images, modules=["0.0"], alphas=[0.3], sigmas=SIGMAS, draws=2, **CPU)
    noised = [f"0.0.{k}" for k in ("weight", "bias")] + [f"0.1.{k}" for k in ("weight", "bias")]
    names = [*noised, "0.1.running_mean", "0.1.running_var"]
    between = [{k: 0.7 * start[k].double() + 0.3 * end[k].double() for k in names}]
    compare(net, found, found.valleys[0], end, between, [images], "0.0", names, noised)
    assert found.how.norm == "interpolated"


def test_absolute_noise_is_the_standard_deviation_of_each_weight(net, ends):
    images = sampled(net, 9, "train")
    found = criticality(
        net, [ends], images, modules=["fc2"], alphas=[0.5], sigmas=[0.25], draws=1, noise="absolute", **CPU
    )  # fmt: skip
    names = ["fc2.weight", "fc2.bias"]
    at = {k: 0.5 * ends[0][k].double() + 0.5 * ends[1][k].double() for k in names}
    loss, _ = plain(net, noisy(net, ends[1], at, names, names, 0.25, "fc2", 0), images)
    assert found.valleys[0].values[0, found.place("loss"), 0, 0, 0] == pytest.approx(loss, rel=1e-9)
    assert found.valleys[0].scale == 1.0


def brute(valley, bound, metric=1):
    """min α²d²/σ² by trying every cell."""
    best = math.inf
    for alpha, row in zip(valley.alphas, valley.values[0, metric].mean(-1), strict=True):
        for sigma, mean in zip(valley.sigmas * valley.scale, row, strict=True):
            if sigma > 0 and mean <= bound + 1e-9:
                best = min(best, (alpha * valley.distance / sigma) ** 2)
    return best


@pytest.mark.parametrize("judge", ["error", "loss"])
def test_mu_is_the_least_ratio_over_cells_and_a_search_finds_the_same(net, run, judge):
    images = learned(net, run.best.params, 40, "train")
    settings = {"sigmas": (0.0, 0.05, 0.1, 0.2, 0.4, 0.8), "alphas": 7, "judge": judge, "margin": 0.06}
    whole = criticality(net, run, images, **settings, **CPU)
    search = criticality(net, run, images, surface=False, **settings, **CPU)
    found = [v.mu for v in whole.valleys]
    assert whole.networks[0].epsilon == pytest.approx(whole.networks[0].trained[0, whole.place(judge)] + 0.06)
    assert found == pytest.approx([brute(v, whole.networks[0].epsilon, whole.place(judge)) for v in whole.valleys])
    assert len({round(mu, 6) for mu in found if 0 < mu < math.inf}) > 4  # not a trivial case
    for a, b in zip(whole.valleys, search.valleys, strict=True):
        assert (a.module, a.path, a.end, a.mu) == (b.module, b.path, b.end, b.mu)
        np.testing.assert_array_equal([a.alpha, a.sigma], [b.alpha, b.sigma])
        assert a.relative == a.mu / a.size
        # with σ relative to the weights: α²(d/‖θ‖)²/σ²
        if a.mu < math.inf:
            assert a.relative == pytest.approx((a.alpha * a.distance / a.norm / a.sigma) ** 2)
        assert b.values.shape[2] == 0 and np.isnan(b.mu_without).all()
    assert sum(v.points for v in search.valleys) < sum(v.points for v in whole.valleys)
    sums = whole.network_frame().set_index(["path", "end"])["criticality"]
    assert sums["direct", "best"] == pytest.approx(sum(v.mu for v in whole.along("P-T 0")))
    assert search.network_frame()["criticality"].tolist() == whole.network_frame()["criticality"].tolist()
    assert search.cell_frame().empty and not whole.cell_frame().empty


def test_without_a_draw(net, ends):
    images = learned(net, ends[1], 30, "train")
    found = criticality(net, [ends], images, sigmas=(0.1, 0.2, 0.4), draws=3, margin=0.05, modules=["fc1"], **CPU)
    valley, epsilon = found.valleys[0], found.networks[0].epsilon
    for r in range(3):
        fewer = replace(valley, values=np.delete(valley.values, r, axis=-1))
        assert valley.mu_without[r] == pytest.approx(brute(fewer, epsilon))
    assert valley.least == min(valley.mu, *valley.mu_without) and valley.most == max(valley.mu, *valley.mu_without)


def test_a_module_back_at_its_start_has_zero_and_one_that_bears_no_noise_has_none(net, ends):
    images = learned(net, ends[1], 30, "train")
    start = ends[1] | {"fc2.weight": ends[1]["fc2.weight"] + 1e-6, "fc3.weight": -ends[1]["fc3.weight"]}
    found = criticality(net, [(start, ends[1])], images, sigmas=(0.001, 5.0), epsilon=0.001, alphas=3, **CPU)
    by_module = {v.module: v for v in found.valleys}
    assert by_module["fc2"].mu == 0 and by_module["fc2"].alpha == 0
    assert by_module["fc1"].mu == 0 and by_module["fc1"].distance == 0  # it never moved
    large = criticality(
        net, [(start, ends[1])], images, sigmas=(5.0,), epsilon=0.001, alphas=3, modules=["fc3"], **CPU
    )
    assert large.valleys[0].mu == math.inf and math.isnan(large.valleys[0].alpha)
    (text,) = [f.text for f in large.findings() if "infinite" in f.text]
    assert "no cell with noise keeps the error within ε in fc3" in text
    assert "μ_i = 0 in fc1 and fc2" in found.findings()[0].text


def test_weights_that_are_not_finite_stay_where_they_are(net, run):
    broken = run.snapshots["epoch 2"] | {"fc2.weight": run.snapshots["epoch 2"]["fc2.weight"] * math.nan}
    images = sampled(net, 9, "train")
    found = criticality(
        net, replace(run, snapshots={**run.snapshots, "epoch 2": broken}), images, sigmas=SIGMAS, alphas=3, **CPU
    )
    healthy = criticality(net, run, images, sigmas=SIGMAS, alphas=3, **CPU)
    for a, b in zip(found.valleys, healthy.valleys, strict=True):
        gone = a.module == "fc2" and a.path == "optimisation"
        assert np.isnan(a.values[:, :, 2]).all() == gone
        keep = [i for i in range(len(a.places)) if not (gone and i == 2)]
        np.testing.assert_allclose(a.values[:, :, keep], b.values[:, :, keep], rtol=1e-9)
    texts = [f.text for f in found.findings()]
    assert any("at 6 cells of " in t and "not finite (fc2)" in t for t in texts)
    assert any("P-T 0, fc2: the weights are not finite at recorded epoch 2." in t for t in texts)


def test_losses_that_are_not_finite_are_kept_and_are_not_within(net, ends):
    images = sampled(net, 9, "train")
    found = criticality(net, [ends], images, sigmas=(0.1, 1e308), alphas=3, modules=["fc1"], epsilon=1.0, **CPU)
    valley = found.valleys[0]
    assert not np.isfinite(valley.values[0, found.place("loss"), :, 1]).any()
    assert np.isfinite(valley.values[0, found.place("loss"), :, 0]).all()
    assert any("not finite (fc1)" in f.text for f in found.findings())
    by_loss = criticality(
        net, [ends], images, sigmas=(1e308,), alphas=3, modules=["fc1"], epsilon=100.0, judge="loss", **CPU
    )  # fmt: skip
    assert by_loss.valleys[0].mu == math.inf


def test_a_run_without_records_says_what_to_record(net, run):
    images = sampled(net, 9, "train")
    bare = replace(run, snapshots={k: run.snapshots[k] for k in ("epoch 0", "best", "final")})
    found = criticality(net, bare, images, sigmas=SIGMAS, alphas=2, **CPU)
    assert {v.path for v in found.valleys} == {"direct"}
    reasons = [o.reason for o in found.left_out]
    assert "it needs, for example, record.epochs: [1, 2, 4]" in reasons[0] and len(reasons) == 2
    with pytest.raises(UsageError, match=r"P-T 0: no weights were kept between .* record\.epochs: \[1, 2, 4\]"):
        criticality(net, bare, images, paths=["optimisation"], **CPU)
    late = replace(run, snapshots={k: run.snapshots[k] for k in ("epoch 0", "epoch 7", "best", "final")})
    found = criticality(net, late, images, sigmas=SIGMAS, alphas=2, modules=["fc1"], **CPU)
    assert [(v.path, v.end) for v in found.valleys] == [
        ("direct", "best"),
        ("direct", "final"),
        ("optimisation", "final"),
    ]
    same = replace(run, snapshots={**run.snapshots, "final": run.snapshots["best"]})
    found = criticality(net, same, images, sigmas=SIGMAS, alphas=2, modules=["fc1"], **CPU)
    assert {v.end for v in found.valleys} == {"best"}
    assert "the final weights are the best ones" in found.left_out[0].reason


def test_a_run_that_cannot_be_measured(net, run):
    images = sampled(net, 9, "train")
    gone = replace(run, label="P-T 1", ended="diverged at step 7", snapshots={"epoch 0": run.start.params})
    found = criticality(net, [run, gone], images, sigmas=SIGMAS, alphas=2, modules=["fc1"], **CPU)
    assert [s.label for s in found.networks] == ["P-T 0"]
    assert "P-T 1: diverged at step 7 and has no trained weights." in [f.text for f in found.findings()]
    with pytest.raises(UsageError, match="P-T 1 diverged at step 7 and has no trained weights; no run is left"):
        criticality(net, gone, images)
    with pytest.raises(UsageError, match="kept no start; record epoch 0"):
        criticality(net, replace(run, snapshots={k: v for k, v in run.snapshots.items() if k != "epoch 0"}), images)
    with pytest.raises(UsageError, match="two networks are called 'P-T 0'"):
        criticality(net, [run, run], images)


def test_bad_input_is_one_clear_line(net, ends):
    images = sampled(net, 9, "train")
    for settings, words in (
        ({"modules": ["fc9"]}, "has no module 'fc9'; did you mean 'fc"),
        ({"modules": ["fc1", "fc1"]}, "'fc1' is asked for twice"),
        ({"modules": []}, "no modules of .* are asked for"),
        ({"sigmas": []}, "sigmas: the grid is empty"),
        ({"sigmas": [0.0]}, "sigmas: only 0"),
        ({"sigmas": [0.1, math.nan]}, "not all numbers from 0"),
        ({"alphas": []}, "alphas: the grid is empty"),
        ({"alphas": 1}, "at least 2, its ends"),
        ({"alphas": [1.5]}, "alphas: 1.5 lies beyond the end"),
        ({"draws": 0}, "draws: 0; expected at least 1"),
        ({"noise": "relativ"}, "noise 'relativ'"),
        ({"judge": "auc"}, "judge 'auc'"),
        ({"epsilon": -0.1}, "epsilon: -0.1"),
        ({"paths": ["directly"]}, "path 'directly'; did you mean 'direct'"),
        ({"paths": []}, "no path is asked for"),
        ({"paths": ["optimisation"]}, "an optimisation path needs weights"),
    ):
        with pytest.raises(UsageError, match=words):
            criticality(net, [ends], images, **settings, **CPU)
    with pytest.raises(UsageError, match="criticality has no option 'aphas'; did you mean 'alphas'"):
        criticality(net, [ends], images, aphas=3, **CPU)
    for alone in (ends, {"start": ends[0]}):
        with pytest.raises(
            UsageError, match=r"runs: expected a list of runs, or of weights in order of time|1 weights"
        ):
            criticality(net, alone, images, **CPU)
    with pytest.raises(UsageError, match="1 weights of a network; give those at its start and those at its end"):
        criticality(net, [(ends[0],)], images, **CPU)
    with pytest.raises(UsageError, match=r"'fc1\.weight' of the end weights is not finite"):
        criticality(net, [(ends[0], ends[1] | {"fc1.weight": ends[1]["fc1.weight"] * math.nan})], images, **CPU)
    with pytest.raises(UsageError, match="two different networks"):
        criticality(net, [({k: v for k, v in ends[0].items() if k != "fc1.bias"}, ends[1])], images, **CPU)


def test_a_module_that_never_runs_and_a_start_with_another_head():
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.aux, self.head = nn.Linear(4, 5), nn.Linear(5, 2), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(self.body(x.flatten(1)).relu())

    net = wrap(Idle(), name="idle", classes=3, input=Input((2, 2), 1, (0.5,), (0.5,)))
    images, params = sampled(net, 8, "train"), net.params()
    start = shaken(params, 0.1, "idle") | {"head.weight": torch.zeros(10, 5), "head.bias": torch.zeros(10)}
    found = criticality(net, [(start, params)], images, sigmas=SIGMAS, alphas=2, modules="layer", **CPU)
    assert [v.module for v in found.valleys] == ["body"]
    told = {o.subject: o.reason for o in found.left_out}
    assert "never runs in the forward pass" in told["aux"] and "no such head" in told["network, head"]
    with pytest.raises(UsageError, match="module 'aux' never runs in the forward pass"):
        criticality(net, [(start, params)], images, modules=["aux"], **CPU)
    with pytest.raises(UsageError, match="network, head: the start has no such head"):
        criticality(net, [(start, params)], images, modules=["head"], **CPU)


def test_recorded_weights_of_plain_checkpoints(net, ends):
    images = sampled(net, 9, "train")
    middle = shaken(ends[0], 0.1, "middle")
    end = Solution("mine.pt", ends[1])
    found = criticality(
        net, [{"start": ends[0], "half": middle, "end": end}], images, sigmas=SIGMAS, alphas=3, modules=["fc2"], **CPU
    )
    assert [(v.network, v.path, v.end) for v in found.valleys] == [
        ("mine.pt", "direct", "end"),
        ("mine.pt", "optimisation", "end"),
    ]
    assert found.valleys[1].places == ("start", "half", "end")
    with pytest.raises(UsageError, match=r"no network 'mine' was measured; did you mean 'mine\.pt'"):
        found.valley("mine", "fc2")
    with pytest.raises(UsageError, match="no path 'direct' to best; there are: direct to end, optimisation to end"):
        found.valley("mine.pt", "fc2", end="best")
    with pytest.raises(UsageError, match="give test images, too"):
        found.gap(found.valleys[0])


def made(roles_and_errors, modules=tuple("abcdef"), test=0.02, gap=0.2):
    """A result of given mean errors ``(module, p, s)`` by role, for its sentences."""
    from transferscope.probes.evaluate import How
    from transferscope.questions.criticality.grid import least_ratio
    from transferscope.questions.criticality.valleys import Subject, Valley

    networks, valleys = [], []
    alphas, sigmas = np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.1, 1.0])
    for role, errors in roles_and_errors:
        label = f"{role} {sum(s.role == role for s in networks)}"
        networks.append(Subject(label, role, role, np.array([[0.1], [0.1 + gap]]), 0.11))
        for module, means in zip(modules, errors, strict=True):
            values = np.repeat(np.stack([means, means * (1 + test)])[:, None, ..., None], 2, axis=-1)
            mu, place, sigma = least_ratio(means, alphas, 0.05 * sigmas, 2.0, 0.11)
            at = (float(alphas[place]), float(sigmas[sigma])) if place >= 0 else (math.nan, math.nan)
            valleys.append(
                Valley(label, module, "direct", "best", ("0", "0.5", "1"), alphas, sigmas, 0.05, 2.0, 1.6,
                       1024, values, mu, np.array([mu, mu]), *at, 18, "affine")
            )  # fmt: skip
    how = How("affine", "float32", "cpu", 64, "none")
    return Criticality(
        tuple(networks), tuple(valleys), modules, modules[-1], ("train", "test"), ("train", "test"), (50, 40),
        ("error",), "error", "relative", 2, (), how,
    )  # fmt: skip


def rising(depth):
    """Errors of a module that keeps ε only near its end, and the less noise the deeper."""
    alphas, sigmas = np.array([0.0, 0.5, 1.0])[:, None], np.array([0.0, 0.1, 1.0])[None]
    return 0.1 + 0.05 * depth * (1 - alphas) + 0.02 * depth * sigmas


TIGHTER, LOOSER = (
    [rising(d) for d in depths] for depths in ((0.1, 0.2, 0.6, 0.7, 2.0, 4.0), (4, 2, 0.7, 0.6, 0.2, 0.1))
)
DEEP, FLAT = [rising(60.0)] * 6, [rising(0.01)] * 6
DIP = [np.array([[0.1, 0.1, 0.3], [0.3, 0.3, 0.3], [0.1, 0.1, 0.1]])] * 6


def by_claim(result):
    return {f.claim: f for f in result.findings() if f.claim}


def test_claims_are_judged_over_networks():
    result = made([("P-T", TIGHTER)] * 3 + [("RI-T", DEEP)] * 3)
    found = by_claim(result)
    assert {claim: f.verdict for claim, f in found.items()} == {
        "000-3.4-e": "agrees",
        "000-3.4-f": "agrees",
        "000-3.4-g": "cannot tell",  # none has a transition, which says nothing of a difference
        "000-B.9-a": "agrees",
    }
    assert {(f.unit, f.estimate.over) for f in found.values()} == {("networks", "networks")}
    assert found["000-3.4-e"].n == 3 and found["000-3.4-e"].value > 10
    assert found["000-3.4-f"].n == 6 and found["000-3.4-f"].value > 0.2
    assert found["000-B.9-a"].n == 6 and found["000-B.9-a"].value == pytest.approx(1.0, abs=1e-5)
    golden(result, "criticality")
    assert by_claim(made([("P-T", LOOSER)] * 3))["000-3.4-e"].verdict == "disagrees"
    assert not by_claim(made([("", TIGHTER)] * 3))


def test_modules_and_cells_of_one_network_decide_nothing():
    # Six modules in order, and 18 cells a module: of one or two networks of a kind that is a description.
    for networks in ([("P-T", TIGHTER), ("RI-T", DIP)], [("P-T", TIGHTER)] * 2 + [("RI-T", DIP)] * 2):
        found = by_claim(made(networks))
        assert set(found) == {"000-3.4-e", "000-3.4-f", "000-3.4-g", "000-B.9-a"}
        assert {f.verdict for f in found.values()} == {"cannot tell"}
        assert found["000-3.4-e"].why == "a verdict needs at least three networks of each kind"
        assert found["000-3.4-e"].estimate.over == "nothing"


def test_modules_that_are_alike_have_no_order():
    """All bear noise at the start, or none does: whatever the grid can show in each, depth says nothing."""
    for mu in (np.zeros((3, 4)), np.full((3, 4), math.inf)):
        spans = np.stack([np.array([[0.01, 1.0], [0.1, 10.0], [0.2, 20.0], [5.0, 500.0]])] * 3)
        assert growth(mu, spans).value == 1.0
    still = growth(np.zeros((3, 4)), np.full((3, 4, 2), math.nan))
    assert (still.value, still.low, still.high) == (1.0, 1.0, 1.0)
    some = growth(np.array([[0.0, 1.0, math.inf]] * 3), np.array([[[math.nan] * 2, [0.1, 5.0], [0.5, 10.0]]] * 3))
    assert some.value == pytest.approx(100.0)


def test_what_mu_without_a_logarithm_counts_as_is_said():
    text = by_claim(made([("P-T", TIGHTER)] * 3))["000-3.4-e"].text
    assert text.endswith("of 18 μ_i 3 are 0, which counts as the least above it that the grid can show.")
    [deep] = [f.text for f in made([("RI-T", DEEP)] * 3).findings() if "logarithms" in f.text]
    assert deep.endswith("of 18 μ_i 18 are infinite, which counts as the largest that the grid can show.")
    assert "by a factor of 1.00 (1.00 to 1.00)" in deep


def test_one_number_a_network():
    ways = (
        TIGHTER,
        [rising(d) for d in (0.6, 0.1, 2.0, 0.2, 4.0, 0.7)],
        [rising(d) for d in (0.2, 0.6, 0.1, 2, 4, 5)],
    )
    result = made([("P-T", way) for way in ways] + [("RI-T", DEEP)] * 3)
    found = by_claim(result)
    # The grid shows from (0.5·2/(0.05·1))² = 400, at α = 0.5 with σ = 1, to (2/(0.05·0.1))² = 160,000.
    logs = [[math.log(min(max(v.mu, 400), 160_000)) for v in result.along(f"P-T {i}")] for i in range(3)]
    slopes = [linregress(np.linspace(0, 1, 6), row).slope for row in logs]
    order = found["000-3.4-e"].estimate
    assert order.value == pytest.approx(math.exp(np.mean(slopes)))
    half = student.ppf(0.975, 2) * np.std(slopes, ddof=1) / math.sqrt(3)
    assert (order.low, order.high) == pytest.approx((order.value * math.exp(-half), order.value * math.exp(half)))
    # The share of cells within ε of each network, averaged over its modules, compared as Welch does.
    shares = []
    for subject in result.networks:
        of = [v.means(0, 0)[:, 1:] <= 0.11 + 1e-9 for v in result.valleys if v.network == subject.label]
        shares.append(np.mean([cells.mean() for cells in of]))
    expected = ttest_ind(shares[:3], shares[3:], equal_var=False).confidence_interval()
    cells = found["000-3.4-f"].estimate
    assert (cells.low, cells.high) == pytest.approx((expected.low, expected.high))
    rhos = [
        spearmanr(*[np.concatenate([v.means(part, 0).ravel() for v in result.along(s.label)]) for part in (0, 1)])[0]
        for s in result.networks
    ]
    assert found["000-B.9-a"].value == pytest.approx((np.mean(rhos[:3]) + np.mean(rhos[3:])) / 2)


def test_networks_that_learned_nothing_decide_nothing():
    result = made([("P-T", TIGHTER)] * 3 + [("P-T", LOOSER)] + [("RI-T", DEEP)] * 3)
    *well, sick = result.networks[:4]
    apart = replace(result, networks=(*well, replace(sick, unfit="diverged late"), *result.networks[4:]))
    assert by_claim(apart)["000-3.4-e"].verdict == "agrees" and by_claim(apart)["000-3.4-e"].n == 3
    none = replace(result, networks=tuple(replace(s, unfit="did not clearly beat chance") for s in result.networks))
    assert {f.verdict for f in by_claim(none).values()} == {"cannot tell"}
    assert by_claim(none)["000-3.4-e"].why == "P-T 0, P-T 1, P-T 2 and P-T 3 did not clearly beat chance"


def test_what_learned_nothing_is_named(net, run):
    sick = replace(run, unfit="did not clearly beat chance")
    found = criticality(net, sick, sampled(net, 9, "train"), sigmas=SIGMAS, alphas=2, modules=["fc1"], **CPU)
    assert found.networks[0].unfit == "did not clearly beat chance"
    assert found.left_out[-1] == LeftOut("P-T 0", "did not clearly beat chance")


def test_without_a_gap_nothing_is_said_of_it():
    same = by_claim(made([("P-T", DEEP)] * 3 + [("RI-T", DEEP)] * 3, gap=0.1))["000-B.9-a"]
    assert same.verdict == "cannot tell" and same.n == 0
    assert "their gap as trained is no larger than so many images may give by chance" in same.text


def test_networks_with_nothing_to_lose_settle_nothing():
    flat = made([("P-T", FLAT)] * 3 + [("RI-T", FLAT)] * 3)
    assert {f.verdict for f in flat.findings() if f.claim} == {"cannot tell"}
    assert "their train error hardly moves over the cells" in by_claim(flat)["000-B.9-a"].text


def test_a_transition_is_found():
    found = by_claim(made([("P-T", [rising(0.1)] * 6)] * 3 + [("RI-T", DIP)] * 3))["000-3.4-g"]
    assert (found.verdict, found.value, found.n) == ("agrees", 1.0, 6)
    # In half of the modules of two networks and in none of the third: too little for so few.
    half = [*DIP[:3], *[rising(0.1)] * 3]
    mixed = [("RI-T", half), ("RI-T", half), ("RI-T", [rising(0.1)] * 6)]
    found = by_claim(made([("P-T", [rising(0.1)] * 6)] * 3 + mixed))["000-3.4-g"]
    assert (found.verdict, found.value) == ("cannot tell", pytest.approx(1 / 3))


def test_a_transition_on_the_optimisation_path_counts_too():
    straight = made([("P-T", [rising(0.1)] * 6)] * 3 + [("RI-T", [rising(0.1)] * 6)] * 3)
    other = made([("P-T", [rising(0.1)] * 6)] * 3 + [("RI-T", DIP)] * 3)
    bent = tuple(replace(v, path="optimisation") for v in other.valleys if v.network.startswith("RI-T"))
    same = tuple(replace(v, path="optimisation") for v in straight.valleys if v.network.startswith("P-T"))
    alone = by_claim(replace(straight, valleys=(*straight.valleys, *bent)))["000-3.4-g"]
    assert alone.value == 0 and "On the direct path" in alone.text, "a path that P-T lack is no place to narrow at"
    found = by_claim(replace(straight, valleys=(*straight.valleys, *bent, *same)))["000-3.4-g"]
    assert found.verdict == "agrees"
    assert found.text.startswith("On the direct or the optimisation path to the best weights ")


def test_a_bound_of_few_images_and_a_grid_that_ends_too_early_are_said():
    first = made([("P-T", [rising(0.5)] * 6)]).findings()[0].text
    assert "the largest noise of the grid is still within ε, so that μ_i is at most this" in first
    assert "ε = 11.0 % (0 images more than as trained)" in first


def test_one_draw_tells_nothing_of_draws():
    valley = made([("P-T", [rising(1.0)] * 6)]).valleys[0]
    assert valley.least <= valley.mu <= valley.most
    alone = replace(valley, mu_without=valley.mu_without[:1])
    assert math.isnan(alone.least) and math.isnan(alone.most)


def test_stored_and_read_back(net, run, tmp_path):
    found = criticality(net, run, sampled(net, 9, "train"), sigmas=SIGMAS, alphas=3, modules=["fc1"], **CPU)
    found.save(tmp_path)
    again = Criticality.load(tmp_path)
    assert again.frame().equals(found.frame()) and again.cell_frame().equals(found.cell_frame())
    assert again.findings() == found.findings() and again.left_out == found.left_out


def test_progress_counts_to_the_end(net, run):
    for surface, unit in ((True, "points"), (False, "cells")):
        told = []
        criticality(
            net, run, sampled(net, 9, "train"), sigmas=SIGMAS, alphas=3, surface=surface,
            progress=lambda *x, told=told: told.append(x), **CPU,
        )  # fmt: skip
        assert told[-1][0] == told[-1][1] and told[-1][2] == unit
        assert all(a[0] <= b[0] and a[1] == b[1] for a, b in pairwise(told))
