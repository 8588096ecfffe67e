"""Findings: data first, kept exactly, and with the reason why they decide nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from transferscope.evidence.estimate import Estimate, measured
from transferscope.evidence.finding import Finding, said
from transferscope.evidence.judge import judge
from transferscope.evidence.verdict import Judgement
from transferscope.records import from_tree, load_record, save_record, to_tree

from .made import known


@dataclass(frozen=True)
class Kept:
    findings: tuple[Finding, ...]


def test_without_a_claim():
    f = said("Features differ.", Estimate(0.4, 0.3, 0.5, over="images", n=9), n=9, unit="test images", target="a")
    assert (f.claim, f.verdict, f.p, f.why, f.scope) == (None, None, None, "", "")
    assert (f.value, f.low, f.high, f.weight, f.target) == (0.4, 0.3, 0.5, 0.5, "a")


def test_a_reason_ends_the_sentence():
    judged = judge("000-3.1-a", Estimate(0.2, 0.1, 0.3, over="images", n=500))
    f = said("P-T ends 20 points better.", Estimate(0.2), n=2, unit="networks", judged=judged)
    assert f.text == (
        "P-T ends 20 points better; a verdict needs at least three networks of each kind, so this decides no claim."
    )
    assert f.verdict == "cannot tell" and f.why == "a verdict needs at least three networks of each kind"


def test_a_verdict_leaves_the_sentence_alone():
    judged = judge("000-3.1-a", known(0.2, 0.01))
    f = said("P-T ends better.", known(0.2, 0.01), n=6, unit="networks", judged=judged)
    assert f.text == "P-T ends better." and (f.claim, f.verdict, f.p) == ("000-3.1-a", "agrees", judged.p)


@pytest.mark.parametrize(
    ("claim", "over", "verdict", "scope"),
    [
        ("000-3.1-a", "networks and images", "agrees", "for this checkpoint"),
        ("000-3.1-a", "pre-trainings", "agrees", ""),
        ("000-3.1-a", "networks", "cannot tell", ""),
        ("000-3.3-c", "networks", "disagrees", ""),  # says nothing of pre-training
    ],
)
def test_with_one_pre_training_a_verdict_is_for_this_checkpoint(claim, over, verdict, scope):
    judged = Judgement(claim, verdict)
    assert said("…", Estimate(0.1, 0.0, 0.2, over=over, n=6), n=6, unit="networks", judged=judged).scope == scope


def test_a_finding_is_stored_exactly(tmp_path):
    e = measured(0.1, over="networks and images", n=6, images=500, spread=1e-4, freedom=3.7, noise=1e-5)
    f = said("P-T ends better.", e, n=6, unit="networks", target="P-T", judged=judge("000-3.1-a", e))
    bare = said("Nothing.", Estimate(math.inf), n=0, unit="pairs")
    for one in (f, bare):
        assert from_tree(Finding, *to_tree(one)) == one
    save_record(Kept((f, bare)), tmp_path)
    assert load_record(Kept, tmp_path) == Kept((f, bare))
