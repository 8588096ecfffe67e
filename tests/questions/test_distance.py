import math

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.errors import UsageError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.models.solution import Solution
from transferscope.questions.distance.measure import Distance, distance
from transferscope.records import to_tree
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run


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
    assert got.left_out == ((),) * 15


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
    assert set(got.left_out[0]) == {"6.weight", "6.bias"} and got.left_out[-1] == ()
    assert got.heads.tolist() == [False, False, True] and np.isnan(got.distance[0, 2])
    np.testing.assert_array_equal(got.comparable(), got.body())
    assert got.body()[-1] < got.whole()[-1]
    told = [f for f in got.findings() if "left out" in f.text]
    assert len(told) == 1 and "6.bias, 6.weight" in told[0].text and "5 of 15 pairs" in told[0].text
    rows = got.frame().query("module == '(whole)' and a == 'P'")
    assert (rows["left_out"] == "6.weight, 6.bias").all()


def test_findings_order_the_pairs_as_they_are():
    got = distance(net_with_norm(), given(net_with_norm()), granularity="layer")
    by_claim = {f.claim: f for f in got.findings() if f.claim}
    whole = {(got.members[p.a].label, got.members[p.b].label): d for p, d in zip(got.pairs, got.whole(), strict=True)}
    ratio = by_claim["000 §3.2, Table 2: two P-T lie closer together than two RI-T"]
    assert ratio.value == pytest.approx(whole["RI-T 0", "RI-T 1"] / whole["P-T 0", "P-T 1"])
    assert ratio.verdict == "agrees" and ratio.low is None  # one pair each has no range
    start = next(f for c, f in by_claim.items() if "Table 8" in c)
    assert start.value == pytest.approx(
        whole["RI 0", "RI-T 0"] / np.mean([whole["P", "P-T 0"], whole["P", "P-T 1"]])
    )  # RI-T 1 and RI 0 are no pair of a network and its start
    assert [(p.a, p.b) for p in got.starts()] == [(0, 1), (0, 2), (3, 4)]
    assert not any("RI 0" in f.text or f.text.startswith("P & RI:") for f in got.findings())


def test_a_claim_that_does_not_hold_is_said_not_to():
    net = net_with_norm()
    solutions = given(net)
    swap = {"P-T": "RI-T", "RI-T": "P-T"}
    starts = {"P-T": ["RI 0", "RI 1"], "RI-T": ["P", "P"]}
    turned = [
        Solution(s.label, s.params, swap.get(s.role, s.role), starts[s.role].pop() if s.role in starts else s.group)
        for s in solutions
    ]
    found = {f.claim: f.verdict for f in distance(net, turned).findings()}
    assert found["000 §3.2, Table 2: two P-T lie closer together than two RI-T"] == "disagrees"


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
    by_claim = {f.claim: f for f in got.findings() if f.claim}
    steady = by_claim["002 §3, Fig. 2: the deviation from the start grows throughout training"]
    assert steady.verdict == "disagrees" and "1 of 2 runs" in steady.text
    deviation = next(f for c, f in by_claim.items() if "002 B.3" in c)
    assert deviation.value == pytest.approx(0.9 / 0.8, rel=1e-4) and "n = 9 training examples" in deviation.text
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
