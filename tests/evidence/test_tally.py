"""Verdicts are counted by claim and target, without reading sentences."""

from __future__ import annotations

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.evidence.estimate import Estimate
from transferscope.evidence.finding import Finding
from transferscope.evidence.tally import benjamini_hochberg, tally

NO_BARRIER, BARRIER = "000-3.3-a", "000-3.3-c"


def finding(claim: str | None, target: str, verdict: str | None, p: float | None = 0.01, text: str = "…") -> Finding:
    e = Estimate(0.1, 0.0, 0.2, over="networks", n=6)
    return Finding(target, claim, e, verdict, p, "", "networks", 6, text)  # type: ignore[arg-type]


def test_targets_are_what_findings_say_and_not_how_sentences_begin():
    found = tally(
        [finding(BARRIER, "P-T", "agrees", text="RI-T: …"), finding(BARRIER, "P", "disagrees", text="P-T: …")]
    )
    assert [(t.target, t.verdict) for t in found.claims[0].targets] == [("P-T", "agrees"), ("P", "disagrees")]


def test_findings_of_one_target_must_say_the_same():
    two = [finding(BARRIER, "a", "agrees", 0.01), finding(BARRIER, "a", "cannot tell", 0.3)]
    (one,) = tally(two).claims[0].targets
    assert one.verdict == "cannot tell" and one.p == 0.3 and len(one.findings) == 2
    (one,) = tally([two[0], finding(BARRIER, "a", "agrees", 0.04)]).claims[0].targets
    assert one.verdict == "agrees" and one.p == 0.04
    assert tally([two[0], finding(BARRIER, "a", "agrees", None)]).claims[0].targets[0].p is None


def test_counts_in_words():
    found = tally([finding(BARRIER, t, v) for t, v in zip("abc", ("agrees", "cannot tell", "agrees"), strict=True)])
    assert found.claims[0].words == "agrees on 2, cannot tell on 1 of 3 targets"
    assert tally([finding(BARRIER, "", "disagrees")]).claims[0].words == "disagrees"


def test_claims_come_in_the_order_of_the_papers_and_what_bears_on_none_is_left():
    found = tally([finding("003-a", "a", "agrees"), finding(None, "a", None), finding(NO_BARRIER, "a", "agrees")])
    assert [c.claim.id for c in found.claims] == [NO_BARRIER, "003-a"] and found.total == 2


def test_with_one_pre_training_the_tally_says_so():
    found = tally([finding(NO_BARRIER, "a", "agrees"), finding(BARRIER, "a", "agrees")])
    assert [c.targets[0].scope for c in found.claims] == ["for this checkpoint", ""]


def test_benjamini_and_hochberg_against_a_plain_loop():
    p = [float(x) for x in np.random.default_rng(0).uniform(0, 0.3, 23)]
    order = sorted(range(23), key=p.__getitem__)
    expected, least = [0.0] * 23, 1.0
    for rank in range(23, 0, -1):
        i = order[rank - 1]
        least = min(least, 23 * p[i] / rank)
        expected[i] = least
    assert benjamini_hochberg(p) == pytest.approx(expected) and benjamini_hochberg([]) == []


def test_adjusted_once_over_claims_and_targets():
    ps = {"a": 0.001, "b": 0.03, "c": 0.04, "d": 0.6}
    found = tally(
        [finding(BARRIER, t, "agrees" if p < 0.05 else "cannot tell", p) for t, p in ps.items()]
        + [finding(NO_BARRIER, t, "cannot tell", 0.5) for t in "ab"]
        + [finding(NO_BARRIER, "c", "cannot tell", None)]
    )
    q = {(c.claim.id, t.target): t.q for c in found.claims for t in c.targets}
    assert q[BARRIER, "a"] == pytest.approx(0.006) and q[BARRIER, "b"] == pytest.approx(0.08)
    assert q[NO_BARRIER, "c"] is None
    assert (found.total, found.testable, found.standing) == (7, 6, 1) and found.by_chance == pytest.approx(0.3)
    assert found.words.startswith("Of 7 verdicts (claims × targets) 3 agree, 0 disagree, 4 cannot tell. Chance alone")


def test_the_frame_has_a_row_a_claim_and_target():
    frame = tally([finding(BARRIER, "a", "agrees"), finding(NO_BARRIER, "a", "cannot tell", None)]).frame()
    assert frame["id"].tolist() == [NO_BARRIER, BARRIER] and frame["verdict"].tolist() == ["cannot tell", "agrees"]
    assert frame["stands"].tolist() == [False, True] and np.isnan(frame["p"][0])
    assert tally([]).frame().empty and tally([]).by_chance == 0


def test_an_unknown_claim_is_refused():
    with pytest.raises(UsageError, match=r"no claim '000-9\.9-a'"):
        tally([finding("000-9.9-a", "a", "agrees")])
