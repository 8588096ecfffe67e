"""Networks that learned nothing silence what they say nothing of."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from transferscope.data.imageset import ImageSet
from transferscope.evidence.claims import CLAIMS, claim_called
from transferscope.evidence.guard import (
    Witness,
    above_chance,
    as_chance,
    chance_of,
    learned,
    on_target,
    silence,
    unfit,
)
from transferscope.evidence.left_out import LeftOut
from transferscope.evidence.proportion import proportion

DEAD = "gave one and the same answer to all images"


def images(labels: np.ndarray) -> ImageSet:
    n = len(labels)
    return ImageSet(np.zeros((n, 1, 1, 3), np.uint8), labels, ("a", "b"), np.array([str(i) for i in range(n)]))


def test_chance_is_the_most_frequent_class_or_half():
    assert chance_of(images(np.array([1, 1, 1, 0]))) == 0.75
    assert chance_of(images(np.array([[0, 1], [0, 0]], dtype=np.int8))) == 0.5


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"value": 0.5, "low": 0.4, "chance": 0.1}, ""),
        ({"value": 0.13, "low": 0.09, "chance": 0.1}, "did not clearly beat chance (10.0 %)"),
        ({"value": 0.115, "low": 0.11, "chance": 0.1}, "did not clearly beat chance (10.0 %)"),
        ({"value": math.nan, "chance": 0.1}, "had outputs that are not finite"),
        ({"value": 0.9, "low": 0.8, "chance": 0.1, "constant": True}, DEAD),
        ({"finite": False}, "had outputs that are not finite"),
        ({"diverged": "diverged at step 3", "finite": False}, "diverged at step 3"),
        ({}, ""),
    ],
)
def test_what_is_wrong_with_a_network(given, told):
    assert unfit(**given) == told


def test_above_chance_takes_both_the_interval_and_two_points():
    assert above_chance(0.55, 0.51, 0.5) and not above_chance(0.51, 0.505, 0.5) and not above_chance(0.55, 0.49, 0.5)


def test_failed_runs_count_as_chance():
    assert as_chance(0.4, 0.1) == 0.4 and as_chance(0.4, 0.1, True) == as_chance(math.inf, 0.1) == 0.1


def test_claims_about_likeness_are_silenced_by_one_network_of_a_kind_they_need():
    claim = claim_called("000-3.2-g")
    fit = [Witness(f"{k} {i}", k) for k in ("P-T", "RI-T") for i in range(3)]
    assert silence(claim, fit) == "" and silence(claim, []) == ""
    assert silence(claim, [*fit, Witness("RI-T 3", "RI-T", DEAD)]) == f"RI-T 3 {DEAD}"
    assert silence(claim_called("000-3.3-c"), [*fit, Witness("P-T 3", "P-T", DEAD)]) == ""  # about RI-T only


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.rule], ids=lambda c: c.id)
def test_rule_four(claim):
    """Failed runs silence what is not about metric or speed, and no plain claim about these."""
    dead = [Witness("a", k, DEAD) for k in claim.kinds] + [Witness("b", k) for k in claim.kinds]
    assert bool(silence(claim, dead)) == (claim.about not in ("metric", "speed") and bool(claim.kinds))


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.rule], ids=lambda c: c.id)
def test_a_pre_training_that_learned_nothing_silences_claims_about_pre_training(claim):
    p = [Witness("the pre-training", "P", "did not clearly beat chance")]
    assert bool(silence(claim, p)) == (claim.pretrained or bool(claim.kinds))


def test_a_claim_is_not_judged_by_networks_of_other_kinds():
    soups = claim_called("003-b")
    assert silence(soups, [Witness("RI-T 0", "RI-T")]) == "no P-T is among the networks"
    assert silence(soups, [Witness("RI-T 0", "RI-T"), Witness("P-T 0", "P-T")]) == silence(soups, []) == ""


def test_a_pre_training_that_failed_counts_where_pre_trainings_are_compared():
    sources, gone = claim_called("003-A-a"), Witness("b", "P", "diverged at step 3")
    assert silence(sources, [Witness("a", "P"), gone]) == ""
    assert silence(sources, [gone]) == "b diverged at step 3"
    assert silence(claim_called("003-q"), [Witness("a", "P"), gone]) == "b diverged at step 3"


def test_one_of_many_at_chance_is_above_it_by_luck_only_seldom(monkeypatch):
    # SciPy takes milliseconds for an interval, of which there are two dozen different ones.
    monkeypatch.setattr("transferscope.evidence.guard.proportion", cache(proportion))
    rng = np.random.default_rng(0)
    lucky = 0
    for _ in range(60):
        seen = [(str(i), rng.binomial(500, 0.1) / 500, "") for i in range(24)]
        lucky += any(not w.unfit for w in on_target(seen, 500, 0.1))
    assert lucky <= 6  # of 60: 2.5 % are 1.5; with an interval each it would be 18 or more


def test_nothing_lost_says_nothing_where_there_was_nothing_to_lose():
    no_loss = claim_called("000-5-a")
    dead = [Witness(f"P-T {i}", "P-T", DEAD) for i in range(2)]
    assert silence(no_loss, dead) == f"P-T 0 and P-T 1 {DEAD}"
    assert silence(no_loss, [*dead, Witness("P-T 2", "P-T")]) == ""


def test_different_reasons_are_told_apart():
    gone = [Witness("P-T 0", "P-T", "diverged at step 3"), Witness("P-T 1", "P-T", DEAD)]
    assert silence(claim_called("000-3.3-a"), gone) == f"P-T 0 diverged at step 3 and P-T 1 {DEAD}"


def test_networks_that_learned_are_kept_and_the_others_are_said():
    kept, left = learned([Witness("a", "P-T"), Witness("b", "RI-T", DEAD)], "clipart")
    assert kept == [Witness("a", "P-T")] and left == [LeftOut("b", DEAD, "clipart")]
