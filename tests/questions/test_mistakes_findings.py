"""What mistakes says, of networks whose answers are made up."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy import stats

from transferscope.evidence.guard import Witness
from transferscope.questions._members import Member, Pair
from transferscope.questions._sides import unlearned
from transferscope.questions.mistakes.measure import Mistakes
from transferscope.questions.mistakes.shared import SharedMistakes

from ..evidence.crossed import errors
from .golden import golden


def made(right, unfit=(), labels=None, sizes=None, classes=2, names=None, multilabel=False):
    """Three or more P-T and as many RI-T that are right where ``right`` (networks, images, answers) says so."""
    n, reasons = len(right) // 2, dict(unfit)
    labelled = [(f"{role} {i}", role) for role in ("P-T", "RI-T") for i in range(n)]
    members = tuple(
        Member(label, role, "P" if role == "P-T" else f"RI {label}", reasons.get(label, ""))
        for label, role in labelled
    )
    pairs = tuple(
        Pair(a, b, f"{members[a].role} & {members[b].role}") for a, b in itertools.combinations(range(2 * n), 2)
    )
    right = np.asarray(right, dtype=np.int8).reshape(2 * n, -1, classes if multilabel else 1)
    labels = np.zeros(right.shape[1], np.int32) if labels is None else np.asarray(labels, np.int32)
    names = names or tuple(f"c{i}" for i in range(classes))
    shared = tuple(
        SharedMistakes.count(right[p.a], right[p.b], a=members[p.a].label, b=members[p.b].label, kind=p.kind)
        for p in pairs
    )
    accuracy = np.full((2 * n, classes), np.nan)
    for c in set(labels.tolist()):
        accuracy[:, c] = (right[:, labels == c] == 1).mean((1, 2))
    return Mistakes(
        members, pairs, names, multilabel, "test", right.shape[1], right, shared, accuracy, np.bincount(labels),
        np.arange(classes) if sizes is None else np.asarray(sizes), "training", (),
        labels=np.zeros(0, np.int32) if multilabel else labels, left_out=unlearned(members, ()),
    )  # fmt: skip


def drawn(seed, n=3, images=500, **how):
    """Networks of two kinds that are alike but for ``shift``, by crossed random effects of networks and images."""
    return 1 - np.concatenate(errors(np.random.default_rng(seed), n, images, **how))


def claims_of(result):
    return {f.claim: f for f in result.findings() if f.claim}


def test_networks_vary_and_images_vary():
    """The difference of two kinds of pairs without each network, and image by image, in plain loops."""
    right = drawn(0, n=4, images=200)
    got = claims_of(made(right))["000-3.2-a"]

    def rates(image=None, left=None):
        sides = {True: [], False: []}
        for a, b in itertools.combinations([i for i in range(8) if i != left], 2):
            if a < 4:
                differs = [right[a, k] != right[b, k] for k in range(200)]
                sides[b >= 4].append(np.mean(differs) if image is None else differs[image])
        return np.mean(sides[True]) - np.mean(sides[False])

    found = got.estimate
    assert found.value == pytest.approx(rates())
    spreads = []
    for kind in (range(4), range(4, 8)):
        without = np.array([rates(left=i) for i in kind])
        spreads.append(3 / 4 * ((without - without.mean()) ** 2).sum())
    assert found.spread == pytest.approx(sum(spreads))
    each = np.array([rates(k) for k in range(200)])
    # Two images in 200 are the least that is taken for the variance over images, if networks vary by less.
    least = max(0.0, 4 * (2 / 200) ** 2 - sum(spreads))
    assert found.noise == pytest.approx(each.var(ddof=1) / 200 + least)
    assert (found.over, found.n, found.images) == ("networks and images", 8, 200)


def test_kinds_that_are_alike_get_a_verdict_in_five_percent_at_most():
    cases, wrong = 150, dict.fromkeys(("000-3.2-a", "000-3.2-b", "000-B.2-a"), 0)
    for seed in range(cases):
        found = claims_of(made(drawn(seed, n=3 + seed % 2, images=300, network=0.3)))
        for claim in wrong:
            wrong[claim] += found[claim].verdict != "cannot tell"
    assert max(wrong.values()) / cases <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / cases)


def alike(seed=0, n=4, images=2000):
    """P-T err together; RI-T err alone, on other images."""
    rng = np.random.default_rng(seed)
    hard = rng.random(images) < 0.2
    near = [~(hard & (rng.random(images) < 0.9)) for _ in range(n)]
    far = [rng.random(images) > 0.2 + 0.02 * i for i in range(n)]
    return np.stack([*near, *far])


def test_claims_are_judged():
    got = made(alike())
    found = claims_of(got)
    assert {c: found[c].verdict for c in ("000-3.2-a", "000-3.2-b", "000-B.2-a")} == {
        "000-3.2-a": "agrees", "000-3.2-b": "agrees", "000-B.2-a": "agrees",
    }  # fmt: skip
    rates = {k: np.mean([s.uncommon / s.n for s in got.shared if s.kind == k]) for k in ("P-T & P-T", "P-T & RI-T")}
    fewer = found["000-3.2-a"]
    assert fewer.value == pytest.approx(rates["P-T & RI-T"] - rates["P-T & P-T"])
    assert (fewer.n, fewer.unit, fewer.scope) == (8, "networks", "for this checkpoint")
    turned = claims_of(made(alike()[::-1]))
    assert turned["000-B.2-a"].verdict == turned["000-3.2-b"].verdict == "disagrees"
    golden(made(alike(n=3), labels=np.arange(2000) % 6, sizes=[10, 20, 30, 40, 50, 60], classes=6), "mistakes")


def test_difficulty_is_judged_by_the_remaining_networks():
    """P-T 0 errs where everyone else does too, RI-T 0 where nobody else does."""
    right = np.ones((4, 400), np.int8)
    right[0, :100] = right[1, :100] = right[3, :100] = 0  # hard, only RI-T 0 (and so 2) is right
    right[2, 100:200] = 0
    found = claims_of(made(right))["000-3.2-b"]
    # Of the four pairs, those of RI-T 1 have no image that only it gets wrong, and no number.
    assert found.value == pytest.approx(1.0)
    assert found.estimate.over == "images"


def test_difficulty_image_by_image_is_that_of_a_plain_loop():
    right = drawn(3, n=3, images=120)
    values = []
    for a, b in itertools.product(range(3), range(3, 6)):
        others = [[i for i in kind if i not in (a, b)] for kind in (range(3), range(3, 6))]
        rate = [np.mean([np.mean([right[i, k] for i in of]) for of in others]) for k in range(120)]
        only = [[rate[k] for k in range(120) if right[x, k] < right[y, k]] for x, y in ((b, a), (a, b))]
        values.append(np.mean(only[0]) - np.mean(only[1]))
    found = claims_of(made(right))["000-3.2-b"]
    assert found.value == pytest.approx(np.mean(values))
    assert (found.estimate.over, found.estimate.n) == ("networks and images", 6)


def test_a_network_that_is_left_out_judges_no_longer():
    """Without each network: pairs without it, judged by others without it, in plain loops."""
    right = drawn(4, n=4, images=150)

    def number(left=None):
        kinds = [[i for i in kind if i != left] for kind in (range(4), range(4, 8))]
        values = []
        for a, b in itertools.product(*kinds):
            rate = np.mean([np.mean([right[i] for i in of if i not in (a, b)], axis=0) for of in kinds], axis=0)
            values.append(rate[right[b] < right[a]].mean() - rate[right[a] < right[b]].mean())
        return np.mean(values)

    found = claims_of(made(right))["000-3.2-b"].estimate
    spread = 0.0
    for kind in (range(4), range(4, 8)):
        without = np.array([number(i) for i in kind])
        spread += 3 / 4 * ((without - without.mean()) ** 2).sum()
    assert found.value == pytest.approx(number()) and found.spread == pytest.approx(spread)


def test_every_class_is_not_most_classes():
    labels = np.repeat([0, 1, 2], 400)
    rng = np.random.default_rng(0)
    rates = np.array([[0.9, 0.9, 0.6]] * 3 + [[0.6, 0.6, 0.6]] * 3)[:, labels]
    most = claims_of(made(rng.random(rates.shape) < rates, labels=labels, classes=3))["000-B.2-b"]
    assert (most.verdict, most.why) == ("cannot tell", "")
    assert most.low < 0 < most.high, "the class that is least won"
    rates[:3, labels == 2] = 0.9
    every = claims_of(made(rng.random(rates.shape) < rates, labels=labels, classes=3))["000-B.2-b"]
    assert every.verdict == "agrees"
    assert every.value == pytest.approx(0.3, abs=0.1)
    rates[:3, labels == 2] = 0.3
    lost = claims_of(made(rng.random(rates.shape) < rates, labels=labels, classes=3))["000-B.2-b"]
    assert lost.verdict == "disagrees"


def test_class_size_is_correlated_network_by_network():
    rng, labels, k = np.random.default_rng(0), np.repeat(np.arange(10), 300), np.arange(10)
    rates = np.stack([0.5 + 0.04 * k] * 4 + [0.5 + 0.04 * rng.permutation(10) for _ in range(4)])[:, labels]
    got = made(rng.random(rates.shape) < rates, labels=labels, sizes=10 * (k + 1), classes=10)
    found = claims_of(got)["000-B.2-c"]
    r = [stats.pearsonr(got.class_sizes, got.class_accuracy[i]).statistic for i in range(8)]
    ends = stats.ttest_ind(r[:4], r[4:], equal_var=False).confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(r[:4]) - np.mean(r[4:]), *ends))
    assert (found.verdict, found.n) == ("agrees", 8)


def test_each_label_is_judged_where_images_have_several():
    right = np.stack([alike(i) for i in range(3)], axis=2)
    findings = ("lump", "shade", "fracture")
    every = claims_of(made(right, classes=3, names=findings, multilabel=True))
    assert every["000-B.2-a"].verdict == "agrees"
    assert "3 of 3 labels" in every["000-B.2-a"].text
    same = right.copy()
    same[:4, :, 1] = same[4:, :, 1]  # of one label P-T are as RI-T
    two = claims_of(made(same, classes=3, names=findings, multilabel=True))["000-B.2-a"]
    assert (two.verdict, two.why) == ("cannot tell", "")
    assert two.value == pytest.approx(0.0, abs=1e-12)
    right[:, :300, 2] = -1  # unknown answers count nowhere
    some = claims_of(made(right, classes=3, names=findings, multilabel=True))["000-3.2-a"]
    known = np.concatenate([right[:, :, c][:, right[0, :, c] >= 0] for c in range(3)], axis=1)
    want = {True: [], False: []}
    for a, b in itertools.combinations(range(8), 2):
        if a < 4:
            want[b >= 4].append(np.mean(known[a] != known[b]))
    assert some.value == pytest.approx(np.mean(want[True]) - np.mean(want[False]))


def test_networks_that_learned_nothing_decide_nothing():
    why = "did not clearly beat chance (10.0 %)"
    some = made(alike(), {"RI-T 3": why})
    assert (claims_of(some)["000-3.2-a"].verdict, claims_of(some)["000-3.2-a"].n) == ("agrees", 7)
    assert claims_of(some)["000-B.2-b"].n == 7
    assert [left.text for left in some.left_out] == [f"RI-T 3: {why}"]
    assert any(f.text == f"1 of 8 networks left out. RI-T 3: {why}." for f in some.findings())
    none = claims_of(made(alike(), {f"RI-T {i}": why for i in range(4)}))
    assert {f.verdict for f in none.values()} == {"cannot tell"}
    assert none.keys() >= {"000-3.2-a", "000-B.2-a", "000-B.2-b"}
    assert {f.why for f in none.values()} == {f"RI-T 0, RI-T 1, RI-T 2 and RI-T 3 {why}"}
    failed = dataclasses.replace(made(alike()), witnesses=(Witness("the pre-training", "P", why),))
    assert {f.why for f in claims_of(failed).values()} == {f"the pre-training {why}"}
