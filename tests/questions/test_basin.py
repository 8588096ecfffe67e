import dataclasses
import math
from itertools import combinations, pairwise
from statistics import NormalDist

import numpy as np
import pytest
import torch
from scipy.stats import t as student
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import CheckpointError, UsageError
from transferscope.evidence.guard import Witness
from transferscope.evidence.left_out import LeftOut
from transferscope.models.build import wrap
from transferscope.models.network import Input, Network
from transferscope.models.solution import Solution
from transferscope.numerics.basin import BasinNumbers
from transferscope.probes.evaluate import Engine, How
from transferscope.questions._members import Member
from transferscope.questions.basin.measure import Basin, BasinRule, basin
from transferscope.questions.basin.parts import BasinGroup, BasinMeasure, BasinRegion, Rim
from transferscope.questions.extrapolation.measure import extrapolation
from transferscope.rng import generator

from .golden import golden


class Box(nn.Module):
    """Right about black images where |w| < 1.1, about white ones where w > 0."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        right = torch.cat([1.1 - self.w.abs(), self.w])[(x.flatten() > 0.5).long()]
        return torch.stack([right, -right], 1)


BOX = Network(Box(), "box", 2, Input((1, 1), 1, (0.0,), (1.0,)))


def images(black: int = 9, white: int = 1) -> ImageSet:
    n = black + white
    pixels = np.repeat(np.array([0, 255], np.uint8), [black, white]).reshape(-1, 1, 1, 1)
    return ImageSet(pixels, np.zeros(n, np.int64), ("right", "wrong"), np.arange(n).astype(str), name="test")


def at(w: float, label: str, role: str = "", group: str = "") -> Solution:
    return Solution(label, {"w": torch.tensor([w])}, role, group)


def p_t(a: float = -1.0, b: float = 1.0) -> list[Solution]:
    return [at(a, "P-T 0", "P-T", "P"), at(b, "P-T 1", "P-T", "P")]


class Small(nn.Module):
    """Two weights with a batch norm between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.fc = nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(torch.relu(self.norm(self.first(x.flatten(1)))))


SMALL = Network(Small().eval(), "small", 3, Input((2, 2), 1, (0.5,), (0.25,)), head="fc")


def drawn(seed: int) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    state = SMALL.module.state_dict()
    return {
        k: torch.rand(v.shape, generator=g) + 0.5 if "var" in k else torch.randn(v.shape, generator=g)
        if v.is_floating_point() else v.clone()
        for k, v in state.items()
    }  # fmt: skip


def noise_images() -> ImageSet:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 2, 2, 1)).astype(np.uint8)
    return ImageSet(pixels, rng.integers(0, 3, 40), ("a", "b", "c"), np.arange(40).astype(str), name="noise")


@pytest.fixture(scope="module")
def found() -> Basin:
    rule = BasinRule(samples=300, draws=120, limit=1.0, steps=20, doublings=7)
    return basin(BOX, [p_t()], images(), rule=rule, metrics=["error"], device="cpu")


def test_a_flat_box_with_walls_by_hand(found):
    # The floor is 0.1 left of 0 and 0 right of it: μ = ε = 0.05, 2ε = 0.1. Over the left wall the error is 1, over
    # the right one 0.9; a share p of draws over them gives (1 − p)(0.1 + 0)/2 + p(1 + 0.9)/2 − 0.05 = 0.9p: p = 1/9.
    group = found.groups[0]
    hull = group.region("hull").measure("error")
    n = hull.numbers
    noise, beyond = 0.1 / NormalDist().inv_cdf(1 - 1 / 9), 0.1 / NormalDist().inv_cdf(1 - 1 / 18)
    assert noise > beyond  # so condition 2 decides
    assert n.mu == pytest.approx(0.05, abs=4 * n.mu_error) and n.epsilon == pytest.approx(0.05, abs=0.001)
    assert n.epsilon_low > 0.045 and n.epsilon_high == pytest.approx(0.05, abs=1e-5)  # 0.2·q(1 − q) has its top at ½
    assert n.delta_low <= noise <= n.delta_high and n.delta == pytest.approx(noise, rel=0.25) and n.binding == "2"
    assert hull.mu_low < 0.05 < hull.mu_high and hull.mu_low == 0.0  # a tenth of the images decides
    assert group.distance == 2.0 and group.size == 1 and group.norm == 1.0 and group.limit == 1.0
    rises = found.rises()
    for condition, height in (
        (2, lambda d: 1 - NormalDist().cdf(0.1 / d)),
        (3, lambda d: 2 - 2 * NormalDist().cdf(0.1 / d)),
    ):
        of = rises[(rises["set"] == "hull") & (rises["condition"] == condition) & (rises["delta"].between(0.01, 0.3))]
        assert len(of) > 4
        for _, row in of.iterrows():
            assert abs(row["rise"] - 0.9 * height(row["delta"])) <= 4 * row["error"] + 0.01
            assert row["excess"] == pytest.approx(row["rise"] - 2 * n.epsilon)


def test_the_set_is_extended_to_the_edges_of_f8(found):
    pairs = [tuple(p_t())]
    edges = extrapolation(
        BOX, pairs, {"test": images()}, device="cpu", lambdas=np.linspace(-1, 2, 61), metrics=["error"]
    ).paths[0]
    beyond = [edges.edge("test", "error", side).beyond for side in ("a", "b")]
    group = found.groups[0]
    assert [rim.beyond for rim in group.rims] == pytest.approx(beyond)
    assert all(
        0 < b <= 0.06 for b in beyond
    )  # the walls are 0.05 of the distance out, and the grid has steps of 0.05
    extended = group.region("extended")
    assert extended.vertices == pytest.approx(np.array([[1 + beyond[0], -beyond[0]], [-beyond[1], 1 + beyond[1]]]))
    assert extended.places.min() < 0 and extended.places.sum(1) == pytest.approx(1)
    assert ((extended.places - extended.vertices.min()) >= -1e-12).all()


def test_every_number_against_a_plain_loop(monkeypatch):
    seen = []
    run = Engine.run

    def spied(self, points, progress):
        answer = run(self, points, progress)
        seen.append((points, answer["noise"].values))
        return answer

    monkeypatch.setattr(Engine, "run", spied)
    data, solutions = noise_images(), [drawn(i) for i in range(3)]
    rule = BasinRule(samples=5, draws=3, doublings=2, limit=2.0, steps=2, tolerance=0.5, resamples=20)
    ticks = []
    result = basin(
        SMALL, [solutions], data, rule=rule, norm="interpolated", precision="float64", device="cpu",
        progress=lambda done, total, unit: ticks.append((done, total, unit)),
    )  # fmt: skip
    assert result.how.norm == "interpolated" and result.groups[0].kind == "A & B & C"
    x = SMALL.input.prepare(torch.from_numpy(data.images)).double()
    labels = torch.from_numpy(data.labels)
    parameters = [k for k, _ in SMALL.module.named_parameters()]
    noises: list[list[torch.Tensor]] = []
    for points, values in seen:
        operands = [{k: v.double() if v.is_floating_point() else v for k, v in b.items()} for b in points.basis]
        for i, c in enumerate(points.coefficients):
            state = {k: v.clone() for k, v in operands[0].items()}
            for k in state:
                if state[k].is_floating_point():
                    state[k] = sum(float(cj) * b[k] for cj, b in zip(c, operands, strict=True) if k in b)
            logits = torch.func.functional_call(SMALL.module, state, (x,))
            loss = nn.functional.cross_entropy(logits, labels)
            assert values["loss"][i] == pytest.approx(float(loss), rel=1e-9, nan_ok=True)
            wrong = torch.where(logits.isnan().any(1), torch.nan, (logits.argmax(1) != labels).double())
            assert values["error"][i] == pytest.approx(float(wrong.mean()), nan_ok=True)  # a variance under 0 is nan
            assert c[:3].sum() == pytest.approx(1)
        if len(operands) == 4:
            assert sorted(points.basis[3]) == sorted(parameters)  # noise on parameters, on nothing else
            noises.append([points.basis[3][k] for k in parameters])
    # The same three vectors of noise all along, of length 1 give or take.
    distinct = {tuple(float(t.flatten()[0]) for t in n) for n in noises}
    assert len(distinct) == 3 and len(noises) >= 6
    lengths = [math.sqrt(sum(float(t.square().sum()) for t in n)) for n in noises]
    assert np.mean(lengths) == pytest.approx(1, abs=0.2)
    # The numbers are those of what was seen: first the points of S, then f itself.
    hull = result.groups[0].region("hull")
    assert (seen[0][0].coefficients == hull.places).all()
    measure = hull.measure("loss")
    assert (measure.losses == seen[0][1]["loss"]).all()
    assert measure.numbers.mu == pytest.approx(seen[0][1]["loss"].mean())
    assert (seen[1][0].coefficients.min(1) == 0).all()  # on the boundary
    assert ticks[-1][0] == ticks[-1][1] and all(a <= b for (a, *_), (b, *_) in pairwise(ticks))
    assert {t[1:] for t in ticks} == {(ticks[0][1], "points")}


def test_condition_3_goes_as_far_as_it_says(monkeypatch):
    seen = []
    run = Engine.run
    monkeypatch.setattr(Engine, "run", lambda self, p, progress: seen.append(p) or run(self, p, progress))
    solutions = [drawn(i) for i in range(3)]
    rule = BasinRule(samples=5, draws=4, doublings=1, limit=3.0, extend=False, tolerance=0.9, resamples=20)
    basin(SMALL, [solutions], noise_images(), rule=rule, norm="interpolated", device="cpu")
    parameters = [k for k, _ in SMALL.module.named_parameters()]
    flat = torch.stack([torch.cat([s[k].flatten() for k in parameters]) for s in solutions]).double().numpy()
    edge, moved = seen[1].coefficients, seen[1 + 4 + 1].coefficients.reshape(2, 4, 3)
    for r in range(4):
        steps = [np.linalg.norm((moved[d, r] - f) @ flat) for d in range(2) for f in [moved[0, r] * 2 - moved[1, r]]]
        assert steps[1] == pytest.approx(2 * steps[0])  # δ and 2δ of the same draw
        origin = moved[0, r] * 2 - moved[1, r]
        assert np.abs(edge - origin).max(1).min() < 1e-9  # both from a point of the boundary,
        assert moved[:, r].min() < 0  # outwards


def test_a_parameter_with_two_names_has_one_noise(monkeypatch):
    class Tied(nn.Module):
        """The same weight twice."""

        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(torch.relu(self.a(x.flatten(1))))[:, :3]

    net = wrap(Tied(), name="tied", classes=3, input=SMALL.input)
    seen = []
    run = Engine.run
    monkeypatch.setattr(Engine, "run", lambda self, p, progress: seen.append(p) or run(self, p, progress))
    g = torch.Generator().manual_seed(0)
    solutions = []
    for _ in range(2):
        shared = torch.randn(4, 4, generator=g)
        solutions.append({"a.weight": shared, "b.weight": shared, "a.bias": torch.zeros(4), "b.bias": torch.zeros(4)})
    rule = BasinRule(samples=2, draws=2, doublings=1, extend=False, resamples=5)
    group = basin(net, [solutions], noise_images(), rule=rule, device="cpu").groups[0]
    assert group.size == 16 + 8
    assert group.distance == pytest.approx(float((solutions[0]["a.weight"] - solutions[1]["a.weight"]).norm()))
    shaken = [p.basis[2] for p in seen if len(p.basis) == 3]
    assert shaken and all("b.weight" not in n for n in shaken), "it is one weight, and moves as one"


def test_three_solutions_keep_their_hull_inside():
    g = [at(w, str(w)) for w in (-1.0, 1.0)]
    with pytest.raises(UsageError, match="0 & 1 & 2 span no simplex: two are equal, or one lies between others"):
        basin(BOX, [[dataclasses.replace(s, label=str(i)) for i, s in enumerate([*g, at(0.5, "m")])]], images())
    solutions = [Solution(f"P-T {i}", drawn(i), "P-T", "P") for i in range(3)]
    rule = BasinRule(samples=20, draws=3, doublings=2, steps=4, reach=0.5, rise=0.05, resamples=20)
    result = basin(SMALL, [solutions], noise_images(), rule=rule, norm="interpolated", device="cpu")
    group = result.groups[0]
    assert group.kind == "3 × P-T" and result.findings()[0].claim is None
    extended = group.region("extended").vertices
    inside = np.linalg.inv(extended)  # the solutions as coordinates in the extended vertices
    assert (inside >= -1e-12).all() and extended.sum(1) == pytest.approx(1)
    for i, rim in enumerate(group.rims):
        assert extended[i] == pytest.approx(np.eye(3)[i] + rim.used * 2 * (np.eye(3)[i] - 1 / 3))
        assert rim.used == min(rim.beyond, 0.5)
    assert "their convex hull" in result.findings()[2].text
    assert "in units of twice the distance from their middle" in result.findings()[0].text


def flat() -> ImageSet:
    return images(200, 0)


def test_a_floor_without_a_slope_needs_no_noise():
    # Without white images the floor is flat: ε = 0 and the hull needs no noise.
    rule = BasinRule(samples=16, draws=16, limit=1.0, steps=40, resamples=200)
    groups = [p_t(-0.5, 0.5), [at(-0.5, "RI-T 0", "RI-T", "RI 0"), at(0.6, "RI-T 1", "RI-T", "RI 1")]]
    result = basin(BOX, groups, flat(), rule=rule, metrics=["error"], device="cpu")
    assert [g.region("hull").measure("error").answer for g in result.groups] == ["yes", "yes"]
    hull = result.groups[0].region("hull").measure("error").numbers
    assert (hull.mu, hull.epsilon, hull.delta) == (0, 0, 0)


def test_two_solutions_on_two_sides_of_a_barrier():
    class Ridge(nn.Module):
        """Right where |w| is between 0.5 and 1.5."""

        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            right = (0.5 - (self.w.abs() - 1).abs()).expand(len(x))
            return torch.stack([right, -right], 1)

    net = Network(Ridge(), "ridge", 2, BOX.input)
    pair = [at(-1.0, "RI-T 0", "RI-T", "RI 0"), at(1.0, "RI-T 1", "RI-T", "RI 1")]
    rule = BasinRule(samples=100, draws=20, limit=8.0, steps=40, resamples=200)
    result = basin(net, [pair, p_t()], flat(), rule=rule, device="cpu", metrics=["error"])
    hull = result.groups[0].region("hull").measure("error")
    # Half of the way is wrong: μ = ε = ½, and no error is 1.5.
    assert hull.numbers.mu == pytest.approx(0.5, abs=0.15) and hull.numbers.epsilon > 0.4
    assert hull.numbers.delta == math.inf and hull.answer == "no"
    assert result.groups[0].region("extended").measure("error").excess < 0
    # One pair against one pair decides nothing, however far apart they lie.
    p, ri = (f for f in result.findings() if f.claim)
    assert (p.claim, ri.claim) == ("000-3.3-g", "000-3.3-h")
    for one in (p, ri):
        assert one.verdict == "cannot tell" and one.why == "a verdict needs at least three networks of each kind"
        assert one.estimate.over == "images" and one.estimate.images == 200


def test_findings_tables_and_storage(found, tmp_path):
    kind, extended, hull = found.findings()
    assert (
        kind.claim == "000-3.3-g" and kind.verdict == "cannot tell" and (extended.claim, hull.claim) == (None, None)
    )
    assert kind.value == extended.value == found.groups[0].region("extended").measure("error").numbers.epsilon
    assert (hull.value, hull.n, hull.unit) == (pytest.approx(0.05, abs=0.001), 300, "points of S")
    assert hull.estimate.over == "images" and hull.low < 0.05 < hull.high
    found.save(tmp_path)
    again = Basin.load(tmp_path)
    assert again.frame().equals(found.frame()) and again.rises().equals(found.rises())
    assert again.findings() == found.findings() and again.rule == found.rule
    row = found.frame().iloc[0]
    assert (row["kind"], row["set"], row["metric"], row["one_basin"]) == ("P-T & P-T", "hull", "error", "no")
    assert (row["points"], row["draws"]) == (300, 120)
    with pytest.raises(UsageError, match="no basin of 'loss'; there are: error"):
        found.groups[0].region("hull").measure("loss")


@pytest.mark.parametrize("which", [0, 7])
def test_on_other_images_is_what_those_images_give(which):
    rule = BasinRule(samples=6, draws=4, doublings=2, limit=2.0, extend=False, resamples=12, seed=5)
    pair, data = [(drawn(0), drawn(1))], noise_images()
    options = {"rule": rule, "norm": "interpolated", "precision": "float64", "device": "cpu"}
    measure = basin(SMALL, pair, data, **options).groups[0].regions[0].measure("error")
    index = torch.randint(len(data), (12, len(data)), generator=generator("bootstrap", 5))[which].numpy()
    other = ImageSet(data.images[index], data.labels[index], data.classes, np.arange(40).astype(str), name="noise")
    again = basin(SMALL, pair, other, **options).groups[0].regions[0].measure("error")
    assert measure.resampled.shape == (2, 12) and measure.resampled.dtype == np.float32
    assert measure.resampled[:, which] == pytest.approx([again.numbers.epsilon, again.excess], abs=1e-6)
    assert measure.excess == pytest.approx(
        min(measure.shaken[-1].mean(), measure.beyond[-1].mean()) - measure.numbers.mu - 2 * measure.numbers.epsilon
    )


def test_sampling_stops_at_a_width():
    rule = BasinRule(samples=64, draws=32, limit=1.0, doublings=3, steps=4, resamples=50)
    whole = basin(BOX, [p_t()], images(), rule=rule, metrics=["error"], device="cpu").groups[0]
    for width, points, draws in ((1e-9, 64, 32), (0.5, 16, 8)):
        some = dataclasses.replace(rule, width=width)
        result = basin(BOX, [p_t()], images(), rule=some, metrics=["error"], device="cpu")
        for full, part in zip(whole.regions, result.groups[0].regions, strict=True):
            assert len(part.places) == points and part.measure("error").shaken.shape[1] == draws
            assert (part.places == full.places[:points]).all()  # the same draws, fewer of them
            assert (part.measure("error").losses == full.measure("error").losses[:points]).all()
        assert result.frame()["points"].tolist() == [points] * 2
    # Between: it stops when Student's interval of the mean of |loss − μ| is narrow enough, and not before.
    losses = whole.region("extended").measure("error").losses
    away = [np.abs(x - x.mean()) for x in (losses[:n] for n in (16, 32, 48))]
    width = [2 * student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x)) for x in away]
    assert width[0] > width[1] > 0
    some = dataclasses.replace(rule, width=(width[0] + width[1]) / 2)
    result = basin(BOX, [p_t()], images(), rule=some, metrics=["error"], device="cpu")
    assert len(result.groups[0].region("extended").places) == 32


def made(kinds, *, unfit=None, members=3, resampled=0.0):
    """A result of pairs of given ε and excess: ``{role: (ε of each pair, excess of each pair)}``."""
    groups, unfit = [], unfit or {}
    for role, (epsilons, excesses) in kinds.items():
        labels = [f"{role} {i}" for i in range(members)]
        networks = [Member(x, role, "P" if role == "P-T" else x, unfit.get(x, "")) for x in labels]
        for pair, epsilon, excess in zip(combinations(networks, 2), epsilons, excesses, strict=True):
            numbers = BasinNumbers(0.1, 0.001, epsilon, 0.9 * epsilon, 1.1 * epsilon, 2.0, 1.5, 2.5, "2")
            around = np.full((2, 24), 0.1 + 2 * epsilon + excess)
            other = np.random.default_rng(0).normal(size=(1, 400)) * resampled
            on_images = np.concatenate([epsilon + other, excess + other]).astype(np.float32)
            measure = BasinMeasure(
                "error", numbers, 0.08, 0.12, np.linspace(0.09, 0.11, 32), around, around + 0.1, "yes",
                on_images if resampled else np.zeros((2, 0), np.float32),
            )  # fmt: skip
            regions = tuple(
                BasinRegion(extent, np.eye(2), np.eye(2)[[0, 1] * 16], np.array([0.0, 8.0]), (measure,))
                for extent in ("hull", "extended")
            )
            rims = tuple(Rim(m.label, 0.25, 0.25) for m in pair)
            groups.append(BasinGroup(pair, f"{role} & {role}", 2.0, 8.0, 100, 8.0, rims, regions))
    how = How("whole network", "float32", "cpu", 64, "none")
    return Basin(tuple(groups), (), "test", 500, BasinRule(), how)


ONE = ([0.004, 0.005, 0.006], [0.3, 0.31, 0.32])
APART = ([0.2, 0.21, 0.22], [-0.1, -0.11, -0.12])


def verdicts(result):
    return {f.claim: f.verdict for f in result.findings() if f.claim}


def test_claims_are_judged_over_networks():
    assert verdicts(made({"P-T": ONE, "RI-T": APART})) == {"000-3.3-g": "agrees", "000-3.3-h": "agrees"}
    assert verdicts(made({"P-T": APART, "RI-T": ONE})) == {"000-3.3-g": "disagrees", "000-3.3-h": "disagrees"}
    found = made({"P-T": ONE}).findings()[0]
    # Leave one network out of three: what is left is one pair, ε 0.006, 0.005 or 0.004.
    spread = 2 / 3 * np.sum((np.array([0.006, 0.005, 0.004]) - 0.005) ** 2)
    half = student.ppf(0.975, 2) * math.sqrt(spread)
    assert (found.value, found.low, found.high) == pytest.approx((0.005, 0.005 - half, 0.005 + half))
    assert (found.estimate.over, found.n, found.unit) == ("networks", 3, "networks")
    golden(made({"P-T": ONE}, resampled=0.001), "basin")


def test_without_a_delta_it_is_no_basin_however_flat_it_is():
    plain = (ONE[0], [-0.01, -0.011, -0.012])
    assert verdicts(made({"P-T": plain, "RI-T": plain})) == {"000-3.3-g": "disagrees", "000-3.3-h": "agrees"}
    # The number of tries plays no part: the excess is that at the largest δ.
    result = made({"P-T": plain})
    assert result.groups[0].regions[0].measures[0].numbers.delta == 2.0
    assert "so there is none" in result.findings()[0].text


def test_images_vary_too():
    wide = made({"P-T": ONE, "RI-T": APART}, resampled=0.01)
    assert verdicts(wide) == {"000-3.3-g": "cannot tell", "000-3.3-h": "agrees"}
    found = wide.findings()[0].estimate
    assert found.over == "networks and images" and found.noise == pytest.approx(1e-4, rel=0.2)


def test_what_is_not_finite_around_it_counts_as_wrong():
    measure = made({"P-T": ONE}).groups[0].regions[0].measures[0]
    broken = dataclasses.replace(measure, shaken=np.full((2, 4), np.nan), beyond=np.array([[0.1] * 4, [np.inf] * 4]))
    assert broken.excess == pytest.approx(1 - 0.1 - 2 * 0.004)
    assert dataclasses.replace(broken, metric="loss").excess == math.inf


def test_networks_that_learned_nothing_decide_nothing():
    # One of four is at chance: its three pairs play no part, and the other three networks decide.
    six = ([0.004, 0.005, 0.3, 0.006, 0.4, 0.5], [0.3, 0.31, -0.3, 0.32, -0.3, -0.3])
    found = made({"P-T": six}, unfit={"P-T 3": "did not clearly beat chance"}, members=4).findings()[0]
    assert found.verdict == "agrees" and found.n == 3 and found.value == pytest.approx(0.005)
    every = {f"P-T {i}": "gave one and the same answer to all images" for i in range(3)}
    found = made({"P-T": ONE}, unfit=every).findings()[0]
    assert found.verdict == "cannot tell"
    assert found.why == "P-T 0, P-T 1 and P-T 2 gave one and the same answer to all images"
    unlearned = dataclasses.replace(made({"P-T": ONE}), witnesses=(Witness("the pre-training", "P", "diverged"),))
    assert unlearned.findings()[0].why == "the pre-training diverged"


def test_networks_that_learned_nothing_are_named():
    rule = BasinRule(samples=4, draws=2, limit=1.0, doublings=1, resamples=10)
    pair = [dataclasses.replace(p_t()[0], unfit="did not clearly beat chance"), p_t()[1]]
    known = [Witness("P-T 0", "P-T", "did not clearly beat chance"), Witness("P-T 7", "P-T", "diverged at step 3")]
    result = basin(BOX, [pair], images(), rule=rule, witnesses=known, device="cpu")
    assert result.left_out == (
        LeftOut("P-T 0", "did not clearly beat chance"),
        LeftOut("P-T 7", "diverged at step 3"),
    )


def test_one_metric_does_not_move_another():
    rule = BasinRule(samples=20, draws=10, limit=1.0, resamples=50)
    both = basin(BOX, [p_t()], images(), rule=rule, device="cpu")
    assert [m.metric for m in both.groups[0].regions[0].measures] == ["error", "loss"]
    alone = basin(BOX, [p_t()], images(), rule=rule, metrics=["error"], device="cpu")
    many, one = (x.groups[0].region("hull").measure("error").numbers for x in (both, alone))
    assert (many.mu, many.epsilon) == (one.mu, one.epsilon)
    assert many.delta == pytest.approx(one.delta, rel=0.06)
    # The loss may try δ that the error would not; both are in one table.
    assert set(alone.groups[0].region("hull").deltas) <= set(both.groups[0].region("hull").deltas)


def test_several_labels_are_judged_by_the_auc():
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.eye(3), 1 - np.eye(3), rng.integers(0, 2, (30, 3))]).astype(np.float32)
    pixels = rng.integers(0, 256, (36, 2, 2, 1)).astype(np.uint8)
    data = ImageSet(pixels, labels, ("a", "b", "c"), np.arange(36).astype(str), name="x-rays")
    rule = BasinRule(samples=8, draws=3, doublings=2, steps=2, resamples=50)
    result = basin(SMALL, [(drawn(0), drawn(1))], data, rule=rule, norm="interpolated", device="cpu")
    measures = result.groups[0].region("hull").measures
    assert [m.metric for m in measures] == ["auc", "loss"]
    assert 0.2 < measures[0].numbers.mu < 0.8 and measures[0].mu_low < measures[0].numbers.mu < measures[0].mu_high
    assert "for the 1 − AUC on x-rays" in result.findings()[0].text


def test_what_is_not_finite_is_kept_and_named():
    # Weights of 3e38 are finite, their extension is not; the loss beyond is then not a number.
    pair = [at(-1.0, "A"), at(3e38, "B")]
    rule = BasinRule(samples=16, draws=8, limit=1e38, steps=4, resamples=20)
    result = basin(BOX, [pair], images(), rule=rule, device="cpu")
    assert any("the loss on test is not finite at " in f.text for f in result.findings())
    assert result.groups[0].region("hull").measure("loss").answer == "no"


def test_groups_that_cannot_be_measured_are_named():
    broken = [at(math.nan, "RI-T 0", "RI-T", "RI 0"), at(0.5, "RI-T 1", "RI-T", "RI 1")]
    same = [at(0.5, "A"), at(0.5, "B")]
    rule = BasinRule(samples=4, draws=2, limit=1.0, doublings=1, resamples=10)
    gone = LeftOut("P-T 2 & P-T 3", "P-T 3 diverged at step 7")
    result = basin(BOX, [broken, p_t(), same], images(), left_out=[gone], rule=rule, device="cpu")
    assert len(result.groups) == 1 and [e.subject for e in result.left_out] == [
        "P-T 2 & P-T 3", "RI-T 0 & RI-T 1", "A & B"
    ]  # fmt: skip
    said = " ".join(f.text for f in result.findings())
    assert "Left out: P-T 2 & P-T 3: P-T 3 diverged at step 7." in said
    assert "Left out: RI-T 0 & RI-T 1: RI-T 0: 'w' holds 1 of 1 values that are not finite" in said
    with pytest.raises(UsageError, match="A & B are the same weights; a basin wants solutions of different runs"):
        basin(BOX, [same], images())
    with pytest.raises(UsageError, match="RI-T 0: 'w' holds 1 of 1 values"):
        basin(BOX, [broken], images())


def test_plain_weights_have_names_of_their_own():
    rule = BasinRule(samples=4, draws=2, limit=1.0, doublings=1, resamples=10)
    plain = [{"w": torch.tensor([w])} for w in (-1.0, 1.0, 0.5, 0.2)]
    result = basin(BOX, [plain[:2], {"x": plain[2], "y": plain[3]}, plain[1:3]], images(), rule=rule, device="cpu")
    assert [g.name for g in result.groups] == ["A & B", "x & y", "E & F"]


def test_what_cannot_be():
    with pytest.raises(UsageError, match="basin has no option 'ruls'; did you mean 'rule'"):
        basin(BOX, [p_t()], images(), ruls=BasinRule())
    for alone in (p_t(), [drawn(0), drawn(1)]):
        with pytest.raises(UsageError, match="groups: expected a list of groups of networks, such as"):
            basin(BOX, alone, images())
    with pytest.raises(UsageError, match=r"1 solution.s. given; a comparison needs at least 2"):
        basin(BOX, [[at(0.5, "A")]], images())
    with pytest.raises(UsageError, match="no group of solutions to measure; give at least one"):
        basin(BOX, [], images())
    with pytest.raises(UsageError, match="metric 'eror'; did you mean 'error'"):
        basin(BOX, [p_t()], images(), metrics=["eror"])
    with pytest.raises(CheckpointError, match="P-T 1: is of another architecture than box"):
        basin(BOX, [[at(0.5, "P-T 0"), Solution("P-T 1", {"v": torch.ones(1)})]], images())
    other = {k: v for k, v in drawn(1).items() if not k.startswith("fc")}
    other |= {"fc.weight": torch.ones(7, 5), "fc.bias": torch.ones(7)}
    with pytest.raises(UsageError, match="does not fit 3 classes; a basin is spanned by solutions of one task"):
        basin(SMALL, [(drawn(0), other)], noise_images())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"samples": 1}, "1 points of S, 1000 resamples, 10 steps outwards; expected at least 2, 1 and 1"),
        ({"draws": 1}, "1 noise draws and 9 doublings of δ"),
        ({"limit": -1.0}, "limit -1 of δ; expected a positive length"),
        ({"threshold": 0.0}, "threshold 0; expected a positive number"),
        ({"loss_threshold": math.nan}, "loss_threshold nan; expected a positive number"),
        ({"reach": math.inf}, "reach inf; expected a positive number"),
        ({"width": 0.0}, "width 0; expected a positive number"),
    ],
)
def test_rules_that_cannot_be(change, says):
    with pytest.raises(UsageError, match=says):
        BasinRule(**change)
