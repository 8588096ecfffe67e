import math
import os
import pathlib
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.evidence.contrast import mean
from transferscope.evidence.guard import Witness
from transferscope.evidence.left_out import LeftOut
from transferscope.evidence.peaks import excess
from transferscope.models.build import build
from transferscope.models.network import Input, Network
from transferscope.models.solution import Solution
from transferscope.params import lerp
from transferscope.probes.evaluate import How
from transferscope.questions._path_evidence import ImageErrors, gain_of, network_count, peak_of
from transferscope.questions._path_numbers import Height
from transferscope.questions._paths import Curve, Path
from transferscope.questions.barrier.measure import Barrier, BarrierPath, barrier, run_pairs
from transferscope.rng import generator, numpy_generator
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

from .golden import golden


class Product(nn.Module):
    """Logits (u·v·x, 1): two factors, so that (u, v) and (−u, −v) are the same function with a barrier between."""

    def __init__(self) -> None:
        super().__init__()
        self.u, self.v = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))

    def forward(self, x):
        first = self.u * self.v * x.flatten(1)
        return torch.cat([first, torch.ones_like(first)], 1)


NET = Network(Product(), "product", 2, Input((1, 1), 1, (0.0,), (1.0,)))


def white(n: int = 400, wrong: int = 40, name: str = "test") -> ImageSet:
    """White pixels (x = 1); the last ``wrong`` labels are the other class."""
    labels = (np.arange(n) >= n - wrong).astype(np.int64)
    return ImageSet(np.full((n, 1, 1, 1), 255, np.uint8), labels, ("a", "b"), np.arange(n).astype(str), name=name)


def at(scale: float, label: str = "x", role: str = "", group: str = "") -> Solution:
    return Solution(label, {"u": torch.tensor([scale]), "v": torch.tensor([scale])}, role, group)


def loss_at(scale: float, share: float = 0.1) -> float:
    z = scale**2 - 1
    return (1 - share) * math.log1p(math.exp(-z)) + share * math.log1p(math.exp(z))


@pytest.fixture(scope="module")
def found() -> Barrier:
    return barrier(NET, [(at(2.0, "A"), at(-2.0, "B"))], white(), device="cpu")


def test_a_barrier_in_closed_form(found):
    path = found.paths[0]
    scales = 2 * (1 - 2 * path.path.lambdas)
    assert path.path.curve("test", "loss").values == pytest.approx([loss_at(s) for s in scales], rel=1e-5)
    # the second logit wins where 4(1 − 2λ)² < 1
    wrong = np.where(np.abs(scales) < 1, 0.9, 0.1)
    assert path.path.curve("test", "error").values == pytest.approx(wrong)
    for definition in ("entezari", "frankle"):  # the ends are alike
        assert path.height("test", "error", definition).height == pytest.approx(0.8)
        height = path.height("test", "loss", definition)
        assert height.height == pytest.approx(loss_at(0.0) - loss_at(2.0), rel=1e-5)
        assert height.at == 0.5
    assert path.path.length == pytest.approx(4 * math.sqrt(2))
    gain = gain_of([path], "test")
    assert gain.value.value == pytest.approx(-0.0) and path.path.lambdas[gain.at] == pytest.approx(0.25)


def test_the_two_heights_differ_where_the_ends_do():
    path = barrier(NET, [(at(2.0, "A"), at(0.5, "B"))], white(), lambdas=[0.5, 0.9], device="cpu").paths[0]
    # θ = 2, 1.25, 0.65, 0.5 at λ = 0, 0.5, 0.9, 1; error 0.1, 0.1, 0.9, 0.9
    assert path.height("test", "error").height == pytest.approx(0.9 - (0.1 * 0.1 + 0.9 * 0.9))
    assert path.height("test", "error").at == 0.9
    assert path.height("test", "error", "frankle").height == pytest.approx(0.4)


def test_intervals_hold_the_value_and_shrink_with_n(found):
    wide = barrier(NET, [(at(2.0, "A"), at(-2.0, "B"))], white(40, 4), device="cpu").paths[0]
    for path in (found.paths[0], wide):
        for curve in path.path.curves:
            assert (curve.low <= curve.values).all() and (curve.values <= curve.high).all()
        for height in path.heights:
            assert height.low <= height.height <= height.high
    narrow, broad = (p.height("test", "error") for p in (found.paths[0], wide))
    # 1 − 2·share of the other class; its standard error is 2·√(0.09/n)
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 * 2 * math.sqrt(0.09 / 400), rel=0.15)
    assert broad.high - broad.low > 2.5 * (narrow.high - narrow.low)


def test_equals_a_plain_loop_over_state_dicts():
    net = build("fixup_resnet8", 3, input=Input((8, 8)))
    r, g = numpy_generator("plain"), generator("plain")
    a, b = ({k: v + 0.1 * torch.randn(v.shape, generator=g) for k, v in net.params().items()} for _ in range(2))
    pixels, labels = r.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8), r.integers(0, 3, 30)
    images = ImageSet(pixels, labels, tuple("abc"), np.arange(30).astype(str), name="test")
    found = barrier(net, [(a, b)], images, lambdas=5, precision="float64", device="cpu").paths[0].path
    x = net.input.prepare(torch.from_numpy(pixels)).double()
    for i, t in enumerate(found.lambdas):
        module = net.fresh().double()
        module.load_state_dict({k: (1 - t) * a[k].double() + t * b[k].double() for k in a})
        with torch.no_grad():
            right = nn.functional.cross_entropy(module(x), torch.from_numpy(labels)).item()
        assert found.curve("test", "loss").values[i] == pytest.approx(right, rel=1e-9)


def test_saved_and_loaded_exactly(found, tmp_path):
    found.save(tmp_path)
    again = Barrier.load(tmp_path)
    assert again.frame().equals(found.frame()) and again.heights().equals(found.heights())
    assert again.findings() == found.findings() and again.how == found.how
    assert list(found.frame().columns) == [
        "kind", "a", "b", "images", "n", "metric", "lambda", "value", "low", "high"
    ]  # fmt: skip
    assert len(found.frame()) == 2 * 21 and len(found.heights()) == 4


def test_two_files_of_unknown_roles_get_a_sentence_and_no_claim(found):
    error, loss = found.findings()
    assert (error.claim, error.verdict, error.n) == (None, None, 400)
    assert (error.estimate.over, error.value) == ("images", pytest.approx(0.8))
    # 1 − 2·share of the other class where λ is chosen on the other half, 1.4 times the variance of a mean
    assert error.high - error.low == pytest.approx(2 * 1.96 * math.sqrt(1.4 * 4 * 0.09 / 400), rel=0.05)
    assert ": a barrier (more than 2.0 points); n = 400 images." in error.text
    assert loss.claim is None and loss.low is None and loss.weight < error.weight


def three(role: str, scales: tuple[float, ...], groups: tuple[str, ...]) -> list[Solution]:
    return [at(s, f"{role} {i}", role, g) for i, (s, g) in enumerate(zip(scales, groups, strict=True))]


def judged(found: Barrier) -> dict[str, str | None]:
    return {f.claim: f.verdict for f in found.findings() if f.claim}


@pytest.fixture(scope="module")
def kinds() -> Barrier:
    tuned = three("P-T", (2.0, 2.1, 2.2), ("P", "P", "P"))
    fresh = three("RI-T", (2.0, -2.1, 2.2, -2.2), ("RI 0", "RI 0", "RI 0", "RI 1"))
    pairs = [*combinations(tuned, 2), *combinations(fresh, 2), *((a, b) for a in tuned for b in fresh)]
    pairs += [(at(2.0, f"RI-T {i} (best)", "RI-T", g), at(-2.0, f"RI-T {i}", "RI-T", g)) for i, g in enumerate("abc")]
    return barrier(NET, pairs, {"test": white(), "train": white(name="train")}, device="cpu", lambdas=11)


def test_kinds_are_judged_over_networks_and_images(kinds):
    found = judged(kinds)
    assert found["000-3.3-a"] == "agrees"  # no barrier between two P-T
    assert found["000-3.3-b"] == "cannot tell"  # nothing is better in the middle
    assert found["000-3.3-f"] == "agrees"  # between the best and the final weights of an RI-T
    assert {"000-3.3-c", "000-3.3-d", "000-B.5-a", "003-a"} < found.keys()
    tuned = next(f for f in kinds.findings() if f.claim == "000-3.3-a")
    assert (tuned.n, tuned.unit, tuned.estimate.over, tuned.estimate.n) == (3, "networks", "networks and images", 3)
    assert not any(f.claim for f in kinds.findings() if "on train" in f.text)
    assert len(kinds.paths[0].errors) == 1  # of the training images none are kept


def test_the_other_way_round_disagrees():
    roles = {"P-T": (2.0, -2.1, 2.2), "RI-T": (2.0, 2.1, 2.2)}
    signs = [
        (at(2.0 + i, f"P-T {i}", "P-T", "P"), at(-2.0 - j, f"P-T {j}", "P-T", "P"))
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    near = list(combinations(three("RI-T", roles["RI-T"], ("RI 0", "RI 1", "RI 2")), 2))
    found = judged(barrier(NET, signs + near, {"test": white()}, device="cpu", lambdas=11))
    assert found["000-3.3-a"] == found["000-3.3-c"] == "disagrees"


def test_sentences(kinds):
    golden(kinds, "barrier")


def test_one_pair_of_a_kind_describes_and_decides_nothing():
    pair = [(at(2.0, "P-T 0", "P-T", "P"), at(2.2, "P-T 1", "P-T", "P"))]
    first = barrier(NET, pair, {"test": white()}, device="cpu").findings()[0]
    assert (first.claim, first.verdict, first.estimate.over) == ("000-3.3-a", "cannot tell", "images")
    assert first.why == "a verdict needs at least three networks of each kind"
    assert ": no barrier (none above 2.0 points)" in first.text


LAMBDAS = np.linspace(0, 1, 21)
HOW = How("whole network", "float32", "cpu", 64, "none")


def line(a: str, b: str, kind: str, roles: tuple[str, str], errors: np.ndarray, unfit=("", "")) -> BarrierPath:
    """A pair with errors ``(21, n)``, 1 where wrong."""
    values = errors.mean(1)
    curve = Curve("test", "error", errors.shape[1], values, values, values)
    heights = tuple(Height("test", "error", d, 0.0, 0.0, 0.0, 0.5, errors.shape[1]) for d in ("entezari", "frankle"))
    path = Path(a, b, kind, roles, LAMBDAS, 1.0, (curve,), unfit=unfit)
    return BarrierPath(path, heights, (ImageErrors.of("test", "error", errors),))


def simulated(role: str, networks: int, rise: float, *, n: int = 1000, seed: int = 0, unfit=()) -> Barrier:
    """All pairs of some networks: 20 % of the images are wrong, others on the way than at the ends."""
    r = numpy_generator("simulated lines", role, networks, n, seed, round(1000 * rise))
    kind = f"{role} & {role}"
    hard = r.random(n) < 0.2
    paths = []
    for i, j in combinations(range(networks), 2):
        chance = np.where(hard, 0.9, 0.025) + np.multiply.outer(4 * rise * LAMBDAS * (1 - LAMBDAS), ~hard) / 0.8
        errors = (np.abs(r.random(n) + 0.05 * r.random((21, n))) < chance).astype(float)
        bad = tuple("learned nothing" if k in unfit else "" for k in (i, j))
        paths.append(line(f"{role} {i}", f"{role} {j}", kind, (role, role), errors, bad))
    left = tuple(LeftOut(f"{role} {k}", "learned nothing") for k in unfit)
    return Barrier(tuple(paths), left, "", 0.02, 1000, HOW, (Witness("the pre-training", "P"),))


@pytest.mark.parametrize(("rise", "tuned", "fresh"), [(0.0, "agrees", "disagrees"), (0.1, "disagrees", "agrees")])
def test_no_barrier_and_a_barrier_are_decided_from_three_networks_on(rise, tuned, fresh):
    assert judged(simulated("P-T", 4, rise))["000-3.3-a"] == tuned
    assert judged(simulated("RI-T", 4, rise))["000-3.3-c"] == fresh
    few = simulated("P-T", 2, rise).findings()[0]
    assert few.verdict == "cannot tell" and few.why == "a verdict needs at least three networks of each kind"


def test_a_flat_line_is_no_barrier_more_often_than_one():
    told = [simulated("P-T", 2, 0.0, n=200, seed=seed).findings()[0].text for seed in range(60)]
    assert sum(": a barrier" in text or ": more than" in text for text in told) <= 3  # judged where chosen: a third
    whole = [simulated("P-T", 2, 0.0, n=4000, seed=seed).findings()[0].text for seed in range(10)]
    assert all(": no barrier" in text for text in whole)


def test_networks_that_learned_nothing_decide_nothing():
    none = simulated("P-T", 4, 0.0, unfit=range(4)).findings()[0]
    assert none.verdict == "cannot tell" and none.why == "P-T 0, P-T 1, P-T 2 and P-T 3 learned nothing"
    some = simulated("P-T", 4, 0.0, n=4000, unfit=[3])
    first, *_, last = some.findings()
    assert (first.verdict, first.n) == ("agrees", 3)
    assert last.text == "Left out: P-T 3: learned nothing."
    three = Barrier(some.paths[:2] + some.paths[3:4], (), "", 0.02, 1000, some.how)  # 01 02 (03) 12 (13) (23)
    assert three.findings()[0].estimate == first.estimate


def test_a_pre_training_that_learned_nothing_silences_claims_about_p_t():
    found = replace(simulated("P-T", 4, 0.0), witnesses=(Witness("the pre-training", "P", "learned nothing"),))
    assert found.findings()[0].why == "the pre-training learned nothing"
    assert judged(replace(simulated("RI-T", 4, 0.1), witnesses=found.witnesses))["000-3.3-c"] == "agrees"


def test_the_threshold_only_describes():
    low, high = simulated("P-T", 4, 0.0), replace(simulated("P-T", 4, 0.0), threshold=0.3)
    one, two = (f.findings()[0] for f in (low, high))
    assert (one.verdict, one.estimate) == (two.verdict, two.estimate) and one.text != two.text


def test_best_and_final_are_one_number_a_run():
    paths = [
        replace(p, path=replace(p.path, a=f"RI-T {i} (best)", b=f"RI-T {i}", kind="RI-T best & final"))
        for i, p in enumerate(simulated("RI-T", 4, 0.1).paths)
    ]
    found = Barrier(tuple(paths), (), "", 0.02, 1000, HOW).findings()[0]
    assert (found.claim, found.verdict, found.n) == ("000-3.3-f", "agrees", 6)
    peak = peak_of(paths, "test")
    rises = np.stack([excess(p.errors[0].each(), LAMBDAS) for p in paths])
    for place, e in enumerate(peak.places):
        one = mean(rises[:, place].mean(1), rises[:, place])  # Student over runs
        assert (e.value, e.low, e.high) == pytest.approx((one.value, one.low, one.high))
    assert peak.height.n == 6 and peak.height.freedom == pytest.approx(5)


def test_one_initialisation_against_two():
    far, near = simulated("RI-T", 4, 0.2, seed=1), simulated("RI-T", 4, 0.05, seed=2)
    kind = "RI-T & RI-T (same start)"
    paths = [
        replace(p, path=replace(p.path, a=f"{p.path.a} same", b=f"{p.path.b} same", kind=kind)) for p in near.paths
    ]
    found = replace(far, paths=(*far.paths, *paths)).findings()
    start = next(f for f in found if f.claim == "000-B.5-a")
    assert (start.verdict, start.n) == ("agrees", 8) and start.value == pytest.approx(0.15, abs=0.02)
    one = replace(far, paths=(far.paths[0], paths[0])).findings()
    assert next(f for f in one if f.claim == "000-B.5-a").verdict == "cannot tell"


def test_errors_take_a_bit_an_image_and_come_back(found, tmp_path):
    (kept,) = found.paths[0].errors
    assert kept.values.dtype == np.uint8 and kept.values.shape == (21, 50)
    assert kept.each().mean(1) == pytest.approx(found.paths[0].path.curve("test", "error").values)
    found.save(tmp_path)
    assert np.array_equal(Barrier.load(tmp_path).paths[0].errors[0].each(), kept.each())
    loss = barrier(NET, [(at(2.0, "A"), at(-2.0, "B"))], white(), metrics=["loss"], device="cpu", lambdas=3)
    assert loss.paths[0].errors[0].values.dtype == np.float32 and loss.findings()[0].claim is None


def test_a_training_set_of_its_own(found):
    both = barrier(NET, [(at(2.0, "A"), at(-2.0, "B"))], white(), train=white(100, 10, "x"), device="cpu", lambdas=3)
    assert both.train == "train" and both.paths[0].path.sets == ("test", "train")
    assert both.paths[0].path.curve("train", "error").n == 100


def test_unknown_options_and_what_are_no_pairs():
    pair = (at(1.0, "A"), at(2.0, "B"))
    with pytest.raises(UsageError, match=r"^barrier has no option 'lamdas'; did you mean 'lambdas'\?$"):
        barrier(NET, [pair], white(), lamdas=5)
    with pytest.raises(UsageError, match=r"^barrier has no option 'devise'; did you mean 'device'\?$"):
        barrier(NET, [pair], white(), devise="cpu")
    with pytest.raises(UsageError, match=r"expected a list of pairs of networks, such as \[\(a, b\)\]"):
        barrier(NET, pair, white())


def test_weights_that_are_not_finite_are_named():
    bad = at(math.nan, "RI-T 1", "RI-T")
    with pytest.raises(
        UsageError, match=r"^RI-T 1: 'u' holds 1 of 1 values that are not finite \(a diverged run\?\)"
    ):
        barrier(NET, [(at(1.0, "A"), bad)], white(), device="cpu")
    found = barrier(NET, [(at(1.0, "A"), bad), (at(1.0, "A"), at(2.0, "B"))], {"test": white()}, device="cpu")
    assert [o.subject for o in found.left_out] == ["A & RI-T 1"] and len(found.paths) == 1
    assert found.findings()[-1].text.startswith("Left out: A & RI-T 1: RI-T 1: 'u' holds")


def test_losses_that_are_not_finite_are_kept_and_named(tmp_path):
    found = barrier(NET, [(at(1.0, "A"), at(1e30, "B"))], {"test": white()}, device="cpu", lambdas=3)
    values = found.paths[0].path.curve("test", "loss").values
    assert np.isfinite(values[0]) and not np.isfinite(values[1:]).any()
    assert math.isnan(found.paths[0].height("test", "loss").low)
    texts = [f.text for f in found.findings()]
    assert any("the loss on test is not finite at 2 places of 3 (λ from 0.50 to 1.00)" in t for t in texts)
    found.save(tmp_path)
    assert np.array_equal(Barrier.load(tmp_path).paths[0].path.curve("test", "loss").values, values, equal_nan=True)


def test_different_networks():
    other = Solution("B", {"u": torch.ones(2), "v": torch.ones(1)})
    with pytest.raises(
        UsageError, match=r"^B does not fit product: 'u' is \(2,\), expected \(1,\); give checkpoints"
    ):
        barrier(NET, [(at(1.0, "A"), other)], white(), device="cpu")
    with pytest.raises(UsageError, match=r"'w' is .*expected no such tensor"):
        barrier(NET, [({"u": torch.ones(1), "v": torch.ones(1), "w": torch.ones(1)}, at(1.0))], white(), device="cpu")
    with pytest.raises(UsageError, match="A does not fit product: 'v' is missing"):
        barrier(NET, [({"u": torch.ones(1)}, at(1.0, "B"))], white(), device="cpu")
    with pytest.raises(UsageError, match="no pair of networks"):
        barrier(NET, [], {"test": white()})


def test_a_pre_trained_network_takes_the_head_of_the_other():
    module = nn.Sequential(nn.Flatten(), nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 2))
    net = Network(module, "net", 2, Input((1, 1), 1, (0.0,), (1.0,)), head="3")
    g = generator("heads")
    target = {k: torch.randn(v.shape, generator=g) for k, v in net.params().items()}
    source = {**{k: torch.randn(v.shape, generator=g) for k, v in net.params().items()}}
    source |= {"3.weight": torch.randn(7, 4, generator=g), "3.bias": torch.randn(7, generator=g)}
    P, PT = Solution("P", source, "P", "P"), Solution("P-T 0", target, "P-T", "P")
    found = barrier(net, [(P, PT)], {"test": white()}, device="cpu", lambdas=3, precision="float64")
    path = found.paths[0].path
    assert path.note == "the head is P-T 0's all along: P's does not fit 2 classes"
    assert any("P & P-T 0: the head is P-T 0's all along" in f.text for f in found.findings())
    body = source | {k: target[k] for k in ("3.weight", "3.bias")}
    x, y = torch.ones(400, 1, 1, 1, dtype=torch.float64), torch.from_numpy(white().labels)
    for i, t in enumerate((0.0, 0.5, 1.0)):
        double = {k: v.double() for k, v in body.items()}, {k: v.double() for k, v in target.items()}
        module = net.fresh().double()
        module.load_state_dict(lerp(*double, t))
        with torch.no_grad():
            right = nn.functional.cross_entropy(module(x), y).item()
        assert path.curve("test", "loss").values[i] == pytest.approx(right, rel=1e-9)
    assert found.findings()[0].claim is None


def test_multi_label_is_judged_by_the_auc():
    net = Network(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), "multi", 2, Input((2, 2), 1, (0.0,), (1.0,)))
    r = numpy_generator("multi")
    pixels = r.integers(0, 256, (300, 2, 2, 1), dtype=np.uint8)
    labels = (pixels.reshape(300, 4)[:, :2] > 128).astype(np.int8)
    images = ImageSet(pixels, labels, ("a", "b"), np.arange(300).astype(str), name="test")
    good = {"1.weight": torch.eye(2, 4), "1.bias": torch.full((2,), -0.5)}
    turned = {"1.weight": -torch.eye(2, 4), "1.bias": torch.full((2,), 0.5)}
    found = barrier(net, [(good, turned)], images, lambdas=[0.25, 0.75], device="cpu")
    assert found.paths[0].path.curve("test", "auc").values == pytest.approx([1, 1, 0, 0])
    assert found.paths[0].height("test", "auc").height == pytest.approx(0.25)  # 1 − AUC is 1 at λ = 0.75
    assert found.findings()[0].text.startswith("From A to B the 1 − AUC on test rises at most 0.250")


def test_progress_and_seed():
    told: list[tuple[int, int, str]] = []
    pairs = [(at(2.0, "A"), at(-2.0, "B")), (at(2.0, "A"), at(1.0, "C"))]
    one = barrier(NET, pairs, {"test": white()}, device="cpu", lambdas=3, progress=lambda *x: told.append(x))
    assert told == [(i, 6, "points") for i in (1, 2, 3, 5, 6)]  # A is known when the second line begins
    two, three = (barrier(NET, pairs, {"test": white()}, device="cpu", lambdas=3, seed=s) for s in (0, 1))
    assert one.frame().equals(two.frame()) and not one.frame().equals(three.frame())


@pytest.mark.parametrize(
    ("lambdas", "message"),
    [(2, "lambdas = 2; expected at least 3 points"), ([math.nan], "finite values"), ([], "finite")],
)
def test_grids_that_cannot_be(lambdas, message):
    with pytest.raises(UsageError, match=message):
        barrier(NET, [(at(1.0, "A"), at(2.0, "B"))], white(), lambdas=lambdas, device="cpu")


def a_run(label: str, role: str, tags: dict[str, float], ended: str = "finished") -> Run:
    snapshots = {tag: at(scale).params for tag, scale in tags.items()}
    return Run(label, role, role[0], 0, "task", Recipe(epochs=1), {}, {}, snapshots, ended)


def test_pairs_of_runs():
    runs = [
        a_run("P-T 0", "P-T", {"epoch 0": 0.0, "best": 1.0, "final": 1.5}),
        a_run("P-T 1", "P-T", {"epoch 0": 0.0, "best": 2.0, "final": 2.0}),
        a_run("RI-T 0", "RI-T", {"epoch 0": 0.5}, "diverged at step 7"),
    ]
    pairs, left_out = run_pairs(runs, start=at(0.0, "P", "P"))
    assert [(a.label, b.label) for a, b in pairs] == [
        ("P-T 0", "P-T 1"), ("P-T 0 (best)", "P-T 0"), ("P", "P-T 0"), ("P", "P-T 1")
    ]  # fmt: skip
    assert [o.text for o in left_out] == [
        "RI-T 0 on task: diverged at step 7", "P-T 1 best & final on task: the weights are the same"
    ]  # fmt: skip
    pairs, _ = run_pairs(runs[:2], end="best", best_and_final=False)
    assert [(a.label, b.label, a.params["u"].item()) for a, b in pairs] == [("P-T 0 (best)", "P-T 1 (best)", 1.0)]
    with pytest.raises(UsageError, match="kept no 'epoch 3'"):
        run_pairs(runs[:2], end="epoch 3")
    found = barrier(NET, run_pairs(runs)[0], {"test": white()}, left_out=left_out, device="cpu", lambdas=3)
    assert [p.path.kind for p in found.paths] == ["P-T & P-T", "P-T best & final"]
    assert found.findings()[-1].text.startswith("Left out: RI-T 0 on task: diverged at step 7; P-T 1 best & final")
    with pytest.raises(UsageError, match=r"^no two networks to compare; RI-T 0 on task: diverged at step 7$"):
        barrier(NET, [], white(), left_out=left_out[:1])


def test_runs_that_began_with_a_probed_head_are_joined_with_what_they_began_as():
    tags = {"epoch 0": 0.25, "best": 1.5, "final": 1.5}
    probed = [replace(a_run(f"P-T {i}", "P-T", tags), group="P, probed head") for i in range(2)]
    plain = replace(a_run("P-T 2", "P-T", tags), group="P")
    assert [run.probed for run in (*probed, plain)] == [True, True, False]
    pairs, _ = run_pairs([*probed, plain], best_and_final=False, start=at(0.0, "P", "P", "P"))
    given = [(a.label, a.params["u"].item(), b.label) for a, b in pairs if a.role == "P"]
    assert given == [
        ("P with the probed head", 0.25, "P-T 0"), ("P with the probed head", 0.25, "P-T 1"), ("P", 0.0, "P-T 2")
    ]  # fmt: skip
    assert pairs[-3][0] is pairs[-2][0], "read once"
    assert not any(a.role == "P" for a, _ in run_pairs(probed, best_and_final=False)[0]), "only where P is asked for"


@pytest.mark.real
def test_the_mnist_pair():
    folder = os.environ.get("TRANSFERSCOPE_REAL_DATA")
    if not folder:
        pytest.skip("TRANSFERSCOPE_REAL_DATA is not set")
    with np.load(pathlib.Path(folder) / "mnist" / "mnist.npz") as z:
        images = ImageSet(
            z["x_test"][..., None], z["y_test"].astype(np.int64), tuple(z["classes"].tolist()),
            np.arange(10_000).astype(str), name="mnist test",
        )  # fmt: skip
    a, b = (
        torch.load(
            pathlib.Path(folder) / "weights_mnist_mlp_pair" / f"model_{i}.checkpoint",
            weights_only=True,
            map_location="cpu",
        )["model_state_dict"]
        for i in (0, 1)
    )
    net = build("mlp:400-200-100,bias=false", 10)
    found = barrier(net, [(a, b)], images, lambdas=[0.4, 0.5, 0.6], device="cpu")
    loss, error = (found.paths[0].path.curve("mnist test", m).values for m in ("loss", "error"))
    # Made with the data set's own figures; the middle itself with a plain loop in float64.
    assert loss == pytest.approx([0.0750, 1.0184, 1.2654, 1.0043, 0.0702], abs=1e-4)
    assert error == pytest.approx([0.0228, 0.1423, 0.2616, 0.1304, 0.0225], abs=1e-4)
    assert found.findings()[0].low > 0.2


def test_files_whose_names_end_in_brackets_are_different_networks():
    """``model (1).pt`` and ``model (2).pt`` are two networks; best and final weights of a run are one."""
    two, one = (
        line(a, b, "", ("", ""), np.zeros((21, 50)))
        for a, b in (("model (1)", "model (2)"), ("P-T 0 (best)", "P-T 0"))
    )
    assert network_count([two]) == 2 and network_count([one]) == 1
