import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from transferscope.errors import UsageError
from transferscope.models.solution import Solution
from transferscope.questions.weight_map.findings import permutation_p
from transferscope.questions.weight_map.measure import WeightMap, weight_map

STARTS = {"P": 0, "RI 0": 100, "RI 1": 101}


def weights(seed, scale=1.0, near=None, classes=3):
    g = torch.Generator().manual_seed(seed)
    body = scale * torch.randn(6, 3, 3, 3, generator=g)
    return {
        "conv.weight": body if near is None else near["conv.weight"] + body,
        "bn.num_batches_tracked": torch.tensor(1),
        "fc.weight": torch.randn(classes, 6, generator=g),
    }


def study(targets=("photo", "drawing", "x-ray"), seeds=(0, 1), far=0.5):
    """P-T close to P, RI-T ``far`` from their starts; the x-ray target has another number of classes."""
    starts = {name: weights(seed) for name, seed in STARTS.items()}
    roles = {name: name.split(" ")[0] for name in STARTS}
    found = {"": [Solution(name, w, roles[name], name) for name, w in starts.items()]}
    for t, target in enumerate(targets):
        classes = 5 if target == "x-ray" else 3
        found[target] = [
            Solution(f"P-T {s}", weights(10 * t + s + 1, 0.1, starts["P"], classes), "P-T", "P") for s in seeds
        ]
        found[target] += [
            Solution(f"RI-T {s}", weights(10 * t + s + 5, far, starts[f"RI {s % 2}"], classes), "RI-T", f"RI {s % 2}")
            for s in seeds
        ]
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
    assert mapped.left_out == ("bn.num_batches_tracked", "fc.weight")  # whole numbers; 5 classes among 3


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


def test_start_against_target(mapped):
    found = {f.claim: f for f in mapped.findings() if f.claim}
    start = next(f for c, f in found.items() if "one pre-trained start" in c)
    points, d = mapped.points, mapped.distance
    pairs = [(i, j) for i, j in itertools.combinations(range(15), 2) if points[i].target and points[j].target]
    near = [d[i, j] for i, j in pairs if points[i].group == points[j].group == "P" != ""
            and points[i].target != points[j].target]  # fmt: skip
    far = [d[i, j] for i, j in pairs if points[i].target == points[j].target
           and {points[i].role, points[j].role} == {"P-T", "RI-T"}]  # fmt: skip
    assert len(set(near) & set(far)) == 0
    assert len(near) == len(far) == 12 and start.n == 24
    assert start.value == pytest.approx(np.mean(far) / np.mean(near))
    logs = []
    for left in range(3, 15):
        kept = [[d[i, j] for i, j in pairs if left not in (i, j) and d[i, j] in of] for of in (near, far)]
        logs.append(math.log(np.mean(kept[1]) / np.mean(kept[0])))
    half = stats.t.ppf(0.975, 11) * math.sqrt(11 / 12 * sum((x - np.mean(logs)) ** 2 for x in logs))
    middle = math.log(start.value)
    assert (start.low, start.high) == pytest.approx((math.exp(middle - half), math.exp(middle + half)))
    assert start.verdict == "agrees" and "216 arrangements" in start.text  # (4 choose 2)³
    gather = next(f for c, f in found.items() if "gather" in c)
    own = [d[0, i] for i, p in enumerate(points) if p.role == "P-T"]
    other = [d[0, i] for i, p in enumerate(points) if p.role == "RI-T"]
    assert gather.value == pytest.approx(np.mean(other) / np.mean(own)) and gather.verdict == "agrees"
    assert any("From one random start" in f.text and f.claim is None for f in mapped.findings())


def test_too_few_networks_cannot_tell():
    got = weight_map(study(targets=("photo", "drawing"), seeds=(0,)))
    assert [f.verdict for f in got.findings() if f.claim] == ["cannot tell", "cannot tell"]


def test_networks_that_end_with_their_data_disagree():
    """The other way round: one target's networks are alike whatever they started from."""
    ends = {t: weights(50 + i) for i, t in enumerate(("a", "b", "c"))}
    given = {
        t: [Solution(f"P-T {s}", weights(7 * i + s, 0.1, end), "P-T", "P") for s in (1, 2)]
        + [Solution(f"RI-T {s}", weights(7 * i + s + 2, 0.1, end), "RI-T", f"RI {s}") for s in (1, 2)]
        for i, (t, end) in enumerate(ends.items())
    }
    [found] = [f for f in weight_map(given).findings() if f.claim]
    assert found.value < 0.4 and found.high < 1 and found.verdict == "disagrees"


def test_permutation_p_is_that_of_all_arrangements_or_of_a_sample():
    x = np.array([0.3, 1.2, 2.0, 0.1, 1.9, 2.2, 3.0, 0.7])
    labels, blocks = np.array([0, 0, 1, 1] * 2), np.repeat([0, 1], 4)

    def difference(of):
        return x[of == 1].mean() - x[of == 0].mean()

    p, ways = permutation_p(difference, labels, blocks)
    sides = list(itertools.combinations(range(4), 2))
    want = []
    for a, b in itertools.product(sides, sides):
        of = np.zeros(8, int)
        of[[*a, *(4 + i for i in b)]] = 1
        want.append(difference(of))
    seen = difference(labels)
    high, low = np.mean(np.array(want) >= seen - 1e-9), np.mean(np.array(want) <= seen + 1e-9)
    assert ways == 36 and p == pytest.approx(min(1, 2 * min(high, low)))
    many = np.arange(20) % 2
    sampled, ways = permutation_p(lambda of: float(of[:10].sum()), many, np.zeros(20))
    assert ways == 5000 and sampled == 1.0  # five of ten is the middle


def test_frames_and_the_record(mapped, tmp_path):
    frame = mapped.frame()
    assert len(frame) == 15 and list(frame["target"].unique()) == ["", "photo", "drawing", "x-ray"]
    assert frame.set_index("network").loc["P", "nearest"].startswith("P-T")
    pairs = mapped.pair_frame()
    assert len(pairs) == 105 and pairs["same_target"].sum() == 18 and pairs["same_start"].sum() == 21 + 6 + 6
    mapped.save(tmp_path)
    back = WeightMap.load(tmp_path)
    assert back.points == mapped.points and (back.position == mapped.position).all()


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
