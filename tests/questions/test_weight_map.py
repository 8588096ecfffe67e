import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.models.solution import Solution
from transferscope.questions.weight_map.measure import MapPoint, WeightMap, weight_map

from .golden import golden


def weights(seed, scale=1.0, near=None, classes=3):
    g = torch.Generator().manual_seed(seed)
    body = scale * torch.randn(6, 3, 3, 3, generator=g)
    return {
        "conv.weight": body if near is None else near["conv.weight"] + body,
        "bn.num_batches_tracked": torch.tensor(1),
        "fc.weight": torch.randn(classes, 6, generator=g),
    }


def study(targets=("photo", "drawing", "x-ray"), seeds=(0, 1), far=0.5, randoms=2, unfit=(), near=0.1):
    """P-T close to P, RI-T ``far`` from their starts; the x-ray target has another number of classes."""
    starts = {"P": weights(0)} | {f"RI {i}": weights(100 + i) for i in range(randoms)}
    roles, why = {name: name.split(" ")[0] for name in starts}, dict(unfit)
    found = {"": [Solution(name, w, roles[name], name) for name, w in starts.items()]}
    for t, target in enumerate(targets):
        classes = 5 if target == "x-ray" else 3
        found[target] = [
            Solution(f"P-T {s}", weights(10 * t + s + 1, near, starts["P"], classes), "P-T", "P") for s in seeds
        ]
        found[target] += [
            Solution(
                f"RI-T {s}", weights(10 * t + s + 5, far, starts[f"RI {s % randoms}"], classes), "RI-T",
                f"RI {s % randoms}", why.get(f"RI-T {s}", ""),
            )
            for s in seeds
        ]  # fmt: skip
    return found


def flat(solutions):
    return [s for of in solutions.values() for s in of]


@pytest.fixture(scope="module")
def mapped():
    return weight_map(study())


def test_distances_are_those_of_a_plain_loop(mapped):
    networks = flat(study())
    for (i, a), (j, b) in itertools.product(enumerate(networks), repeat=2):
        want = math.fsum(
            (x - y) ** 2
            for x, y in zip(
                a.params["conv.weight"].flatten().tolist(), b.params["conv.weight"].flatten().tolist(), strict=True
            )
        )
        assert mapped.distance[i, j] == pytest.approx(math.sqrt(want), rel=1e-12)
    assert (mapped.distance == mapped.distance.T).all() and not mapped.distance.diagonal().any()
    assert mapped.compared == ("conv.weight",) and mapped.numel == 162
    assert {left.subject: left.reason for left in mapped.left_out} == dict.fromkeys(
        ("bn.num_batches_tracked", "fc.weight"), "not in all networks as numbers of one shape"
    )  # whole numbers; 5 classes among 3


def test_large_tensors_are_taken_in_blocks(monkeypatch):
    whole = weight_map(study()).distance
    monkeypatch.setattr("transferscope.questions.weight_map.measure._COLUMNS", 50)
    np.testing.assert_allclose(weight_map(study()).distance, whole, rtol=1e-14)


def test_the_same_seed_gives_the_same_map(mapped):
    again, other = weight_map(study()), weight_map(study(), seed=1)
    np.testing.assert_array_equal(again.position, mapped.position)
    assert not np.allclose(other.position, mapped.position)
    np.testing.assert_array_equal(other.distance, mapped.distance)
    assert mapped.perplexity == pytest.approx(14 / 3) and math.isfinite(mapped.divergence)


def test_neighbours_on_the_map_are_neighbours(mapped):
    """Groups this far apart t-SNE keeps apart: every P-T has its own start's networks nearest."""
    x = np.linalg.norm(mapped.position[:, None] - mapped.position, axis=-1) + np.diag(np.full(15, np.inf))
    for i, point in enumerate(mapped.points):
        if point.role == "P-T":
            assert mapped.points[x[i].argmin()].start == "P"


def test_equal_networks_lie_at_zero():
    one = study()
    one["photo"][1] = Solution("P-T 1", one["photo"][0].params, "P-T", "P")
    got = weight_map(one)
    assert got.distance[3, 4] == 0 and np.isfinite(got.position).all()


def claims_of(result):
    return {f.claim: f for f in result.findings() if f.claim}


@pytest.fixture(scope="module")
def three():
    return weight_map(study(seeds=(0, 1, 2), randoms=3))


def test_start_against_target(three):
    """Without each P-T, and without each random start with all its runs, in plain loops."""
    points, d = three.points, three.distance
    trained = [i for i, p in enumerate(points) if p.target]

    def sides(left=None):
        near, far = [], []
        for i, j in itertools.combinations(trained, 2):
            a, b = points[i], points[j]
            if left in (i, j, a.group, b.group):
                continue
            if a.role == b.role == "P-T" and a.target != b.target:
                near.append(d[i, j])
            elif a.role != b.role and a.target == b.target:
                far.append(d[i, j])
        return near, far

    near, far = sides()
    assert len(near) == len(far) == 27
    start = claims_of(three)["002-3-i"]
    assert start.value == pytest.approx(np.mean(far) / np.mean(near))
    spreads = []
    for kind in ([i for i in trained if points[i].role == "P-T"], ["RI 0", "RI 1", "RI 2"]):
        without = np.array([math.log(np.mean(f) / np.mean(n)) for n, f in map(sides, kind)])
        n = len(kind)
        spreads.append(((n - 1) / n * ((without - without.mean()) ** 2).sum(), n - 1))
    total = sum(v for v, _ in spreads)
    half = stats.t.ppf(0.975, total**2 / sum(v**2 / f for v, f in spreads)) * math.sqrt(total)
    middle = math.log(start.value)
    assert (start.low, start.high) == pytest.approx((math.exp(middle - half), math.exp(middle + half)))
    assert (start.estimate.over, start.estimate.n, start.n) == ("networks", 12, 18)
    assert (start.verdict, start.scope) == ("agrees", "for this checkpoint")


def test_networks_gather_around_the_weights_they_started_from(three):
    points, d = three.points, three.distance
    gather = claims_of(three)["002-3-j"]
    own = [d[0, i] for i, p in enumerate(points) if p.role == "P-T"]
    starts = [[d[0, i] for i, p in enumerate(points) if p.role == "RI-T" and p.group == f"RI {s}"] for s in range(3)]
    assert gather.value == pytest.approx(np.mean(starts) / np.mean(own))
    assert gather.verdict == "agrees"
    parts = []
    for values in ([[x] for x in own], starts):
        without = [math.log(np.mean(values[:i] + values[i + 1 :])) for i in range(len(values))]
        n = len(values)
        parts.append(((n - 1) / n * ((np.array(without) - np.mean(without)) ** 2).sum(), n - 1))
    assert gather.estimate.spread == pytest.approx(sum(v for v, _ in parts))
    assert any("From one random start" in f.text and f.claim is None for f in three.findings())


def test_one_random_start_on_three_targets_is_one(mapped):
    """Two random starts give six networks on three targets, which are two."""
    for one in (weight_map(study(seeds=(0,))), mapped, weight_map(study(seeds=(0, 1, 2, 3)))):
        found = claims_of(one)
        assert {f.verdict for f in found.values()} == {"cannot tell"}
        assert {f.why for f in found.values()} == {"a verdict needs at least three networks of each kind"}
        assert found["002-3-i"].value > 1


def test_networks_that_end_with_their_data_disagree():
    """The other way round: one target's networks are alike whatever they started from."""
    ends = {t: weights(50 + i) for i, t in enumerate(("a", "b", "c"))}
    given = {
        t: [Solution(f"P-T {s}", weights(9 * i + s, 0.1, end), "P-T", "P") for s in (1, 2, 3)]
        + [Solution(f"RI-T {s}", weights(9 * i + s + 3, 0.1, end), "RI-T", f"RI {s}") for s in (1, 2, 3)]
        for i, (t, end) in enumerate(ends.items())
    }
    [found] = [f for f in weight_map(given).findings() if f.claim]
    assert found.value < 0.4 and found.high < 1 and found.verdict == "disagrees"


def test_starts_that_do_not_matter_get_no_verdict():
    """Distances know nothing of starts, but that a random start is far or near on all targets together."""
    rng, cases, wrong = np.random.default_rng(0), 200, {"002-3-i": 0, "002-3-j": 0}
    points = [MapPoint("P", "", "P", "P")]
    points += [
        MapPoint(f"{role} {i}", target, role, "P" if role == "P-T" else f"RI {i}")
        for target in "abc" for role in ("P-T", "RI-T") for i in range(3)
    ]  # fmt: skip
    n = len(points)
    for _ in range(cases):
        start = dict(zip(("RI 0", "RI 1", "RI 2"), 0.05 * rng.standard_normal(3), strict=True))
        own = np.array([start.get(p.group, 0.0) + (0.05 if p.role == "P-T" else 0.01) * rng.standard_normal()
                        for p in points])  # fmt: skip
        noise = np.triu(0.01 * rng.standard_normal((n, n)), 1)
        distance = (1 + own[:, None] + own + noise + noise.T) * (1 - np.eye(n))
        made = WeightMap(tuple(points), distance, rng.random((n, 2)), 0.1, 2.0, 0, ("a",), 10, ())
        for claim, found in claims_of(made).items():
            wrong[claim] += found.verdict != "cannot tell"
    assert max(wrong.values()) / cases <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / cases)


def test_networks_that_learned_nothing_decide_nothing(three):
    why = "did not clearly beat chance (10.0 %)"
    four = study(seeds=(0, 1, 2, 3), randoms=4, unfit=[("RI-T 3", why)])
    seen = {"photo": [Witness("RI-T 3", "RI-T", why), Witness("RI-T 9", "RI-T", "diverged at step 3")]}
    some = weight_map(four, witnesses=seen)
    assert {f.verdict for f in claims_of(some).values()} == {"agrees"}
    assert claims_of(some)["002-3-i"].n == 21
    networks = [left.text for left in some.left_out if left.target]
    assert networks == [
        f"RI-T 3 on photo: {why}", "RI-T 9 on photo: diverged at step 3", f"RI-T 3 on drawing: {why}",
        f"RI-T 3 on x-ray: {why}",
    ]  # fmt: skip
    assert any(f.text.startswith("4 of 25 networks left out.") for f in some.findings())
    none = claims_of(weight_map(study(seeds=(0, 1, 2), randoms=3, unfit=[(f"RI-T {i}", why) for i in range(3)])))
    assert {f.verdict for f in none.values()} == {"cannot tell"}
    assert all(why in f.why for f in none.values())
    failed = dataclasses.replace(three, witnesses={"photo": (Witness("the pre-training", "P", why),)})
    assert {f.why for f in claims_of(failed).values()} == {f"the pre-training {why}"}


def test_whole_sentences(three):
    position = np.arange(2 * len(three.points), dtype=float).reshape(-1, 2)
    golden(dataclasses.replace(three, position=position, divergence=0.12), "weight_map")


def test_frames_and_the_record(mapped, tmp_path):
    frame = mapped.frame()
    assert len(frame) == 15 and list(frame["target"].unique()) == ["", "photo", "drawing", "x-ray"]
    assert frame.set_index("network").loc["P", "nearest"].startswith("P-T")
    pairs = mapped.pair_frame()
    assert len(pairs) == 105 and pairs["same_target"].sum() == 18 and pairs["same_start"].sum() == 21 + 6 + 6
    seen = dataclasses.replace(mapped, witnesses={"photo": (Witness("P-T 0", "P-T"),)})
    seen.save(tmp_path)
    back = WeightMap.load(tmp_path)
    assert back.points == mapped.points and (back.position == mapped.position).all()
    assert (back.left_out, back.witnesses) == (mapped.left_out, seen.witnesses)
    assert back.findings() == seen.findings()


def test_what_cannot_be_mapped():
    few = {"": flat(study())[:3]}
    with pytest.raises(UsageError, match=r"3 network\(s\) given; a map needs at least 4"):
        weight_map(few)
    with pytest.raises(UsageError, match=r"perplexity 20: expected a number above 0 and under 15"):
        weight_map(study(), perplexity=20)
    with pytest.raises(UsageError, match=r"no network has a tensor 'fc.wieght'; did you mean 'fc.weight'\?"):
        weight_map(study(), leave_out=["fc.wieght"])
    with pytest.raises(UsageError, match="no tensor of one name and shape"):
        weight_map(study(), leave_out=["conv.weight"])
    with pytest.raises(UsageError, match=r"two networks are called 'P-T 0 \(photo\)'"):
        weight_map({"photo": [*study()["photo"], study()["photo"][0]]})
    broken = study()
    broken["photo"][2].params["conv.weight"][0] = math.nan
    with pytest.raises(UsageError, match=r"weights of RI-T 0 \(photo\) are not finite in 'conv.weight'"):
        weight_map(broken)


def test_a_probed_head_makes_no_other_start():
    def probed(s):
        return dataclasses.replace(s, group="P, probed head") if s.role == "P-T" else s

    given = study(seeds=(0, 1, 2), randoms=3)
    plain, fitted = weight_map(given), weight_map({t: [probed(s) for s in of] for t, of in given.items()})
    assert [f.text for f in fitted.findings()] == [f.text for f in plain.findings()]
    assert {"002-3-i", "002-3-j"} <= {f.claim for f in fitted.findings()}
    assert fitted.pair_frame().equals(plain.pair_frame())
