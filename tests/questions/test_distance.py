import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.models.solution import Solution
from transferscope.questions._members import Member, Pair
from transferscope.questions._sides import unlearned
from transferscope.questions.distance.measure import Distance, Trajectory, distance
from transferscope.records import to_tree
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

from .golden import golden


def net_with_norm(classes=4):
    module = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 6, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(96, classes),
    )  # fmt: skip
    return wrap(module, name="small", classes=classes, input=Input((8, 8), 3), head="6")


def moved(params, scale, seed):
    g = torch.Generator().manual_seed(seed)
    return {
        k: v + scale * torch.randn(v.shape, generator=g) if v.is_floating_point() else v for k, v in params.items()
    }


def given(net):
    """P, two near it, two random starts and what came of them."""
    p, r, s = (initialise(net, i) for i in range(3))
    return [
        Solution("P", p, "P", "P"),
        Solution("P-T 0", moved(p, 0.01, 1), "P-T", "P"),
        Solution("P-T 1", moved(p, 0.01, 2), "P-T", "P"),
        Solution("RI 0", r, "RI", "RI 0"),
        Solution("RI-T 0", moved(r, 0.05, 3), "RI-T", "RI 0"),
        Solution("RI-T 1", moved(s, 0.05, 4), "RI-T", "RI 1"),
    ]


@pytest.mark.parametrize("granularity", ["layer", "block", "stage"])
def test_distances_are_those_of_a_plain_loop(granularity):
    net, solutions = net_with_norm(), given(net_with_norm())
    got = distance(net, solutions, granularity=granularity, examples=50)
    parameters = {name for name, _ in net.module.named_parameters()}  # running statistics are no parameters
    for p, pair in enumerate(got.pairs):
        a, b = solutions[pair.a].params, solutions[pair.b].params
        whole = deviation = 0.0
        for m, module in enumerate(net.modules(granularity)):
            total = 0.0
            for name in module.tensors:
                if name in parameters:
                    for x, y in zip(a[name].flatten().tolist(), b[name].flatten().tolist(), strict=True):
                        total += (x - y) ** 2
                    if a[name].ndim >= 2:
                        deviation += np.linalg.norm(
                            (a[name].double() - b[name].double()).numpy().ravel()
                        ) / math.sqrt(50)
            assert got.distance[p, m] == pytest.approx(math.sqrt(total), rel=1e-9)
            whole += total
        assert got.whole()[p] == pytest.approx(math.sqrt(whole), rel=1e-9)
        assert got.deviation()[p] == pytest.approx(deviation, rel=1e-9)
    assert got.numel.sum() == sum(v.numel() for v in net.module.parameters())
    assert got.missing == ((),) * 15
    assert got.left_out == ()


def test_deviation_is_the_sum_over_layers_not_the_norm_of_all():
    """Two 1 × 1 layers moved by 3 and 4, n = 4: (3 + 4)/2, while the whole distance is 5."""
    net = wrap(
        nn.Sequential(nn.Flatten(), nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)),
        name="two", classes=1, input=Input((1, 1), 1, (0.0,), (1.0,)),
    )  # fmt: skip
    a = {"1.weight": torch.tensor([[1.0]]), "2.weight": torch.tensor([[1.0]])}
    b = {"1.weight": torch.tensor([[4.0]]), "2.weight": torch.tensor([[-3.0]])}
    got = distance(net, [a, b], granularity="layer", examples=4)
    assert got.whole()[0] == 5.0 and got.deviation()[0] == 3.5
    assert math.isnan(distance(net, [a, b]).deviation()[0])


def test_heads_of_other_size_are_left_out_and_named():
    net, other = net_with_norm(4), net_with_norm(7)
    solutions = given(net)
    solutions[0] = Solution("P", initialise(other, 0), "P", "P")
    got = distance(net, solutions, granularity="layer")
    assert set(got.missing[0]) == {"6.weight", "6.bias"} and got.missing[-1] == ()
    assert [left.subject for left in got.left_out] == ["6.bias", "6.weight"]
    assert "in 5 of 15 pairs" in got.left_out[0].reason
    assert got.heads.tolist() == [False, False, True] and np.isnan(got.distance[0, 2])
    np.testing.assert_array_equal(got.comparable(), got.body())
    assert got.body()[-1] < got.whole()[-1]
    told = [f for f in got.findings() if "left out" in f.text]
    assert len(told) == 1 and "6.bias, 6.weight" in told[0].text and "5 of 15 pairs" in told[0].text
    rows = got.frame().query("module == '(whole)' and a == 'P'")
    assert (rows["left_out"] == "6.weight, 6.bias").all()


def test_findings_order_the_pairs_as_they_are():
    got = distance(net_with_norm(), given(net_with_norm()), granularity="layer")
    found = claims_of(got)
    whole = {(got.members[p.a].label, got.members[p.b].label): d for p, d in zip(got.pairs, got.whole(), strict=True)}
    ratio = found["000-3.2-g"]
    assert ratio.value == pytest.approx(whole["RI-T 0", "RI-T 1"] / whole["P-T 0", "P-T 1"])
    start = found["000-3.2-i"]
    assert start.value == pytest.approx(
        whole["RI 0", "RI-T 0"] / np.mean([whole["P", "P-T 0"], whole["P", "P-T 1"]])
    )  # RI-T 1 and RI 0 are no pair of a network and its start
    assert [(p.a, p.b) for p in got.starts()] == [(0, 1), (0, 2), (3, 4)]
    assert not any("RI 0" in f.text or f.text.startswith("P & RI:") for f in got.findings())
    # One pair against one pair decides nothing, whatever the ratio.
    assert (ratio.verdict, ratio.low, ratio.estimate.over) == ("cannot tell", None, "nothing")
    assert {f.verdict for f in found.values()} == {"cannot tell"}
    assert {f.why for f in found.values()} == {"a verdict needs at least three networks of each kind"}


def claims_of(result):
    return {f.claim: f for f in result.findings() if f.claim}


def made(near=1.0, far=3.0, n=4, own=0.05, seed=0, unfit=(), modules=5, slope=0.0, followed=(), noise=0.02):
    """P, n P-T, n RI-T and their starts, so far apart as the kind says, and as each network adds."""
    rng, why = np.random.default_rng(seed), dict(unfit)
    members = [Member("P", "P", "P")]
    members += [Member(f"P-T {i}", "P-T", "P", why.get(f"P-T {i}", "")) for i in range(n)]
    members += [Member(f"RI {i}", "RI", f"RI {i}") for i in range(n)]
    members += [Member(f"RI-T {i}", "RI-T", f"RI {i}", why.get(f"RI-T {i}", "")) for i in range(n)]
    order = ["P", "RI", "P-T", "RI-T"]
    pairs = tuple(
        Pair(a, b, " & ".join(sorted((members[a].role, members[b].role), key=order.index)))
        for a, b in itertools.combinations(range(len(members)), 2)
    )
    adds = own * rng.standard_normal(len(members))
    size = np.array([near if "R" not in p.kind else far for p in pairs])
    size = size * np.exp(np.array([adds[p.a] + adds[p.b] for p in pairs]))
    shape = np.exp(slope * np.arange(modules) + noise * rng.standard_normal((len(pairs), modules)))
    by_module = size[:, None] * shape / np.sqrt((shape**2).sum(1, keepdims=True))
    return Distance(
        tuple(members), pairs, tuple(f"layer{i}" for i in range(modules)), np.zeros(modules, bool),
        np.full(modules, 10), by_module, np.ones((len(members), modules)), size, ((),) * len(pairs), 100,
        tuple(followed), unlearned(members, ()),
    )  # fmt: skip


def follow(label, steps, unfit=""):
    path = np.cumsum([0.0, *steps])
    return Trajectory(label, label[:-2], "", np.arange(len(path)), np.zeros((len(path), 5)), path, unfit)


def test_networks_are_left_out_one_at_a_time():
    got = made(n=3)
    found = claims_of(got)["000-3.2-g"].estimate
    values = {frozenset((p.a, p.b)): d for p, d in zip(got.pairs, got.whole(), strict=True)}
    at = {role: [i for i, m in enumerate(got.members) if m.role == role] for role in ("P-T", "RI-T")}

    def log_ratio(left=None):
        means = []
        for role in ("RI-T", "P-T"):
            kept = itertools.combinations([i for i in at[role] if i != left], 2)
            means.append(np.mean([values[frozenset(p)] for p in kept]))
        return math.log(means[0] / means[1])

    spreads = []
    for of in at.values():
        without = np.array([log_ratio(i) for i in of])
        spreads.append(2 / 3 * ((without - without.mean()) ** 2).sum())
    freedom = sum(spreads) ** 2 / sum(v**2 / 2 for v in spreads)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(sum(spreads))
    assert (found.low, found.high) == pytest.approx((math.exp(log_ratio() - half), math.exp(log_ratio() + half)))
    assert (found.over, found.n) == ("networks", 6)


def test_claims_are_judged_over_networks():
    found = claims_of(made(slope=0.3))
    assert {f.verdict for f in found.values()} == {"agrees"}
    assert found.keys() == {"000-3.2-g", "000-3.2-h", "000-3.2-i", "000-3.2-j"}
    assert found["000-3.2-h"].n == 9, "P is in the pairs, and given"
    assert found["000-3.2-h"].estimate.n == 8
    turned = claims_of(made(near=3.0, far=1.0, slope=-0.3))
    assert {f.verdict for f in turned.values()} == {"disagrees"}
    close = claims_of(made(near=1.0, far=1.01, own=0.2))
    assert (close["000-3.2-g"].verdict, close["000-3.2-g"].why) == ("cannot tell", "")


def test_depth_is_one_slope_a_pair():
    """Five modules of one pair are no sample: however clear its slope is, networks decide."""
    two = claims_of(made(n=2, slope=0.5))["000-3.2-j"]
    assert (two.value, two.verdict) == (pytest.approx(math.exp(2.0), rel=0.1), "cannot tell")
    got = made(n=3, slope=0.01)
    found = claims_of(got)["000-3.2-j"]
    factors = {
        kind: math.exp(
            np.mean(
                [
                    stats.linregress(np.linspace(0, 1, 5), np.log(d)).slope
                    for p, d in zip(got.pairs, got.distance, strict=True)
                    if p.kind == kind
                ]
            )
        )
        for kind in ("P-T & P-T", "RI-T & RI-T")
    }
    assert found.value == pytest.approx(min(factors.values()))
    wrong = 0
    for seed in range(200):
        wrong += claims_of(made(n=3, seed=seed))["000-3.2-j"].verdict != "cannot tell"
    assert wrong / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)


def test_a_module_that_did_not_move_has_no_logarithm_and_is_named():
    got = made(n=3, slope=0.3)
    still = got.distance.copy()
    still[got.pairs.index(next(p for p in got.pairs if p.kind == "P-T & P-T")), 1] = 0.0
    found = claims_of(dataclasses.replace(got, distance=still))["000-3.2-j"]
    assert found.text.endswith("4 modules; layer1 left out, where a distance is 0.")
    assert found.verdict == "agrees" and found.low > 1


def test_growth_is_judged_in_every_interval():
    """One interval is one number a run; of three intervals one shrinks clearly, or in one run of three."""
    steps = {f"P-T {i}": [3.0, 1.0 + 0.1 * i, 0.8, 0.9] for i in range(3)}
    steps |= {f"RI-T {i}": [4.0, 2.0, 1.5 + 0.2 * i, 0.7] for i in range(3)}
    always = claims_of(made(n=3, followed=[follow(*x) for x in steps.items()]))["002-3-d"]
    assert always.verdict == "agrees"
    assert "8 intervals of P-T and RI-T, each judged over networks" in always.text
    steps["RI-T 2"][3] = -0.1
    dip = claims_of(made(n=3, followed=[follow(*x) for x in steps.items()]))["002-3-d"]
    assert (dip.verdict, dip.why) == ("cannot tell", "")
    last = [s[3] / np.mean(s) for label, s in steps.items() if label.startswith("RI-T")]
    ends = stats.ttest_1samp(last, 0.0).confidence_interval(0.95)
    assert (dip.value, dip.low, dip.high) == pytest.approx((np.mean(last), *ends))
    assert "least from epoch 3 to 4 of RI-T" in dip.text and "in 5 of 6 runs" in dip.text
    back = [follow(label, [*s[:3], -1.0 - 0.01 * i]) for i, (label, s) in enumerate(steps.items())]
    assert claims_of(made(n=3, followed=back))["002-3-d"].verdict == "disagrees"
    assert claims_of(made(n=3, followed=back[:2]))["002-3-d"].verdict == "cannot tell"


def test_a_smallest_step_that_falls_at_another_time_in_every_run_is_noise():
    """Each run shrinks a little once, each at another time; on average they grow in every interval."""
    steps = 1.0 + 0.01 * np.arange(8)[:, None] + np.zeros((8, 8)) - 1.1 * np.eye(8)
    found = claims_of(made(n=3, followed=[follow(f"P-T {i}", s) for i, s in enumerate(steps)]))["002-3-d"]
    assert found.verdict == "agrees" and "in 0 of 8 runs" in found.text


def test_runs_that_recorded_other_epochs_are_compared_where_both_did():
    path = np.array([0.0, 3.0, 4.0, 4.5])
    runs = [
        Trajectory(f"P-T {i}", "P-T", "", np.array(epochs), np.zeros((len(epochs), 5)), path[: len(epochs)] * (1 + i))
        for i, epochs in enumerate(([0, 1, 2, 4], [0, 1, 4], [0, 1, 3, 4]))
    ]
    found = claims_of(made(n=3, followed=runs))["002-3-d"]
    assert "2 intervals of P-T" in found.text and "from epoch 1 to 4" in found.text
    assert found.value == pytest.approx(np.mean([2 / 3, 2 / 4 * 1.0, 2 / 3]))
    apart = [dataclasses.replace(runs[0], label=f"RI-T {i}", role="RI-T", epochs=runs[0].epochs + i) for i in (0, 9)]
    text = claims_of(made(n=3, followed=[*runs, *apart]))["002-3-d"].text
    assert text.endswith("; RI-T left out, whose runs recorded too few epochs in common.")


def test_deviations_are_compared_over_runs():
    ends = {"P-T 0": 1.0, "P-T 1": 1.1, "P-T 2": 0.9, "RI-T 0": 3.0, "RI-T 1": 3.3, "RI-T 2": 2.7}
    followed = [follow(label, [x / 2, x / 2]) for label, x in ends.items()]
    found = claims_of(made(n=3, followed=followed))["002-B.3-c"]
    logs = np.log([*ends.values()])
    slow = stats.ttest_ind(logs[3:], logs[:3], equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((math.exp(slow.low), math.exp(slow.high)))
    assert found.verdict == "agrees"
    lost = [*followed[:3], *(follow(t.label, [9.0, 9.0], "diverged at step 3") for t in followed[3:5]), followed[5]]
    assert claims_of(made(n=3, followed=lost))["002-B.3-c"].value == pytest.approx(2.7 / np.exp(logs[:3].mean()))
    assert claims_of(made(n=3, followed=lost))["002-B.3-c"].verdict == "cannot tell"


def test_networks_that_learned_nothing_decide_nothing():
    why = "gave one and the same answer to all images"
    some = made(unfit=[("RI-T 1", why)])
    assert (claims_of(some)["000-3.2-g"].verdict, claims_of(some)["000-3.2-g"].estimate.n) == ("agrees", 7)
    assert [left.text for left in some.left_out] == [f"RI-T 1: {why}"]
    assert any(f.text == f"1 of 8 networks left out. RI-T 1: {why}." for f in some.findings())
    none = claims_of(made(unfit=[(f"RI-T {i}", why) for i in range(4)]))
    assert {f.verdict for f in none.values()} == {"cannot tell"}
    assert {f.why for f in none.values()} == {f"RI-T 0, RI-T 1, RI-T 2 and RI-T 3 {why}"}
    failed = dataclasses.replace(made(), witnesses=(Witness("the pre-training", "P", why),))
    assert claims_of(failed)["000-3.2-g"].why == f"the pre-training {why}"


def test_whole_sentences():
    steps = {f"P-T {i}": [3.0, 1.0 + 0.1 * i, 0.8] for i in range(3)}
    steps |= {f"RI-T {i}": [4.0, 2.0, 1.5 + 0.2 * i] for i in range(3)}
    golden(made(n=3, slope=0.3, followed=[follow(*x) for x in steps.items()]), "distance")


def run_of(label, role, group, start, moves, seed=0):
    snapshots = {"epoch 0": start, "best": start}
    for epoch, scale in moves.items():
        snapshots[f"epoch {epoch}"] = {k: v + scale for k, v in start.items()}
    last = max(moves)
    snapshots["final"] = {k: v + moves[last] + 0.5 for k, v in start.items()}
    epochs = {"epoch": np.arange(1, last + 2), "step": np.arange(1, last + 2) * 10}
    return Run(label, role, group, seed, "target", Recipe(), {}, epochs, snapshots, best_epoch=1)


def test_trajectories_follow_the_snapshots():
    net = build("mlp:4-3", classes=2, input=Input((2, 2), 1, (0.0,), (1.0,)))
    p, r = initialise(net, 0), initialise(net, 1)
    runs = [
        run_of("P-T 0", "P-T", "P", p, {2: 0.2, 10: 0.3}),
        run_of("RI-T 0", "RI-T", "RI 0", r, {2: 0.5, 10: 0.4}),
    ]
    got = distance(net, [Solution("P", p, "P", "P"), Solution("RI", r, "RI", "RI 0")], runs=runs, examples=9)
    first, second = got.trajectories
    assert first.epochs.tolist() == [0, 2, 10, 11]  # the final weights are those after the last epoch
    size = sum(v.numel() for v in net.module.parameters())
    np.testing.assert_allclose(first.whole(), [x * math.sqrt(size) for x in (0, 0.2, 0.3, 0.8)], rtol=1e-5)
    matrices = sum(math.sqrt(v.numel()) for v in net.module.parameters() if v.ndim == 2)
    np.testing.assert_allclose(second.layer_sum, [x * matrices for x in (0, 0.5, 0.4, 0.9)], rtol=1e-5)
    found = claims_of(got)
    matrix = {"P-T": [0.2, 0.1, 0.5], "RI-T": [0.5, -0.1, 0.5]}
    assert found["002-3-d"].value == pytest.approx(min(min(m) / np.mean(m) for m in matrix.values()), rel=1e-4)
    assert "1 of 2 runs" in found["002-3-d"].text
    assert found["002-B.3-c"].value == pytest.approx(0.9 / 0.8, rel=1e-4)
    assert "n = 9 training examples" in found["002-B.3-c"].text
    assert {f.verdict for f in found.values()} == {"cannot tell"}, "one run of a kind"
    frame = got.trajectory_frame()
    assert frame["deviation"].iloc[1] == pytest.approx(0.2 * matrices / 3, rel=1e-5)


def test_round_trip(tmp_path):
    net = net_with_norm()
    got = distance(net, given(net), runs=[], examples=10)
    got.save(tmp_path)
    back = Distance.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(got), to_tree(back)
    assert tree == tree_back and all(np.array_equal(v, arrays_back[k], equal_nan=True) for k, v in arrays.items())
    assert back.findings() == got.findings() and back.frame().equals(got.frame())


def test_networks_that_differ_in_more_than_their_heads_are_refused():
    net = net_with_norm()
    a, b = initialise(net, 0), initialise(net, 1)
    b["3.weight"] = torch.zeros(6, 5, 1, 1)
    with pytest.raises(UsageError, match=r"'3.weight' of small differs: A has \(6, 5, 3, 3\), B has \(6, 5, 1, 1\)"):
        distance(net, [a, b])
    del b["3.weight"]
    with pytest.raises(UsageError, match="B has none; only heads may"):
        distance(net, [a, b])


def test_the_module_that_moved_most_is_one_of_those_in_the_sum():
    """The head, too, unless it was left out of the distance."""
    net = net_with_norm()
    a = initialise(net, seed=0)
    b = {k: v + (1.0 if k.startswith("6.") else 0.1) if v.is_floating_point() else v for k, v in a.items()}
    (text,) = [f.text for f in distance(net, {"a": a, "b": b}).findings() if "apart" in f.text]
    assert ", most in 6 (" in text and "without the head" not in text
