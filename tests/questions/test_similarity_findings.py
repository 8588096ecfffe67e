"""What similarity says, of networks whose similarities are made up."""

import dataclasses
import math
from itertools import combinations

import numpy as np
import pytest

from transferscope.evidence.guard import Witness
from transferscope.questions._members import Member, Pair
from transferscope.questions._sides import unlearned
from transferscope.questions.similarity.measure import Similarity

from .golden import golden


def made(own=0.0, unfit=(), n=3, seed=0, modules=3, batches=20, shift=0.0, noise=0.02, source=True, spread=None):
    """P, n P-T and n RI-T whose CKA is a constant, what each network adds, and what each batch of images adds."""
    rng = np.random.default_rng(seed)
    labels = [("P", "P")] * source + [(f"{role} {i}", role) for role in ("P-T", "RI-T") for i in range(n)]
    why = dict(unfit)
    members = tuple(Member(x, role, f"{x if role == 'RI-T' else 'P'}", why.get(x, "")) for x, role in labels)
    order = ("P", "P-T", "RI-T")
    pairs = tuple(
        Pair(a, b, " & ".join(sorted((members[a].role, members[b].role), key=order.index)))
        for a, b in combinations(range(len(members)), 2)
    )
    names = (*(f"layer{i}" for i in range(modules - 1)), "fc")
    m, adds = len(members) * modules, own * rng.standard_normal(len(members))
    if spread is not None:
        adds = np.array(spread)
    image, cka = noise * rng.standard_normal((batches, m, m)), np.eye(m)
    without = np.zeros((batches, m, m))
    for pair in pairs:
        like = 0.5 + shift * ("RI-T" not in pair.kind) + adds[pair.a] + adds[pair.b]
        at = np.ix_(range(pair.a * modules, (pair.a + 1) * modules), range(pair.b * modules, (pair.b + 1) * modules))
        parts = like + image[:, at[0], at[1]]
        cka[at] = parts.mean(0)
        without[:, at[0], at[1]] = (batches * parts.mean(0) - parts) / (batches - 1)
    matched = np.array(
        [(p, x.a * modules + i, x.b * modules + i) for p, x in enumerate(pairs) for i in range(modules)]
    )
    return Similarity(
        members, pairs, (names,) * len(members), ("fc",) * len(members), cka, np.full((m, m), 0.01), matched,
        without[:, matched[:, 1], matched[:, 2]], "test", 64 * batches, 64, False, unlearned(members, ()),
    )  # fmt: skip


def claims_of(result):
    return {f.claim: f for f in result.findings() if f.claim}


@pytest.mark.parametrize("n", [3, 5])
def test_kinds_that_are_alike_get_a_verdict_in_five_percent_at_most(n):
    """With a network SD of 0.02 and little noise of images; an interval over images alone fails in most cases."""
    cases, wrong, naive = 200, 0, 0
    for seed in range(cases):
        result = made(0.02, n=n, seed=seed, modules=2, source=False)
        found = claims_of(result)["000-3.2-c"]
        wrong += found.verdict != "cannot tell"
        naive += abs(found.value) > 1.96 * math.sqrt(found.estimate.noise)
    assert wrong / cases <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / cases)
    assert naive / cases > 0.4


def test_kinds_that_differ_are_told_apart():
    found = claims_of(made(0.02, n=4, shift=0.2))
    assert {found[c].verdict for c in ("000-3.2-c", "000-3.2-d", "000-3.2-e")} == {"agrees"}
    assert found["000-3.2-e"].scope == "for this checkpoint"
    assert found["000-3.2-e"].estimate.n == 8, "P is given, not one of many"
    assert claims_of(made(0.02, n=4, shift=-0.2))["000-3.2-c"].verdict == "disagrees"


def test_the_last_module_must_be_the_most_similar_of_all():
    first = made(0.01, n=4, modules=4)

    def raised(**by):
        cka, without = first.cka.copy(), first.without.copy()
        for t, (_, row, column) in enumerate(first.matched):
            more = by.get(f"layer{row % 4}", 0.0)
            cka[row, column] += more
            without[:, t] += more
        return claims_of(dataclasses.replace(first, cka=cka, without=without))["000-3.2-f"]

    assert raised(layer2=0.1).verdict == "agrees"
    tied = raised(layer2=0.1, layer0=0.1)
    assert (tied.verdict, tied.why) == ("cannot tell", "")
    assert raised(layer0=0.1).verdict == "disagrees"
    assert raised(layer0=0.1).value == pytest.approx(-0.1, abs=0.02)


def test_networks_that_learned_nothing_decide_nothing():
    why = "did not clearly beat chance (10.0 %)"
    some = made(0.02, [("RI-T 0", why)], n=4, shift=0.2)
    assert claims_of(some)["000-3.2-c"].verdict == "agrees"
    assert claims_of(some)["000-3.2-c"].estimate.n == 7
    assert [left.text for left in some.left_out] == [f"RI-T 0: {why}"]
    assert any(f.text == f"1 of 8 networks left out. RI-T 0: {why}." for f in some.findings())
    all_of = made(0.02, [(f"RI-T {i}", why) for i in range(4)], n=4, shift=0.2)
    assert {f.verdict for f in claims_of(all_of).values()} == {"cannot tell"}
    assert claims_of(all_of)["000-3.2-c"].why.startswith(
        "RI-T 0, RI-T 1, RI-T 2 and RI-T 3 did not clearly beat chance"
    )
    failed = dataclasses.replace(made(0.02, n=4, shift=0.2), witnesses=(Witness("the pre-training", "P", why),))
    assert claims_of(failed)["000-3.2-c"].why == f"the pre-training {why}"
    assert claims_of(failed)["000-3.2-f"].why == ""


def test_whole_sentences():
    golden(made(n=3, shift=0.2, spread=[0.0, 0.01, -0.01, 0.0, 0.02, -0.02, 0.01]), "similarity")
