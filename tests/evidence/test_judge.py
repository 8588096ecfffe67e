"""Numbers meet a claim."""

from __future__ import annotations

import pytest

from transferscope.errors import UsageError
from transferscope.evidence.estimate import Estimate
from transferscope.evidence.guard import Witness
from transferscope.evidence.judge import judge

from .made import known, of_networks


def test_a_verdict_with_its_p():
    e = of_networks([0.10, 0.12, 0.11])
    found = judge("000-3.1-a", e)
    assert (found.claim, found.verdict, found.why) == ("000-3.1-a", "agrees", "")
    assert found.p == pytest.approx(e.p(0.0))


@pytest.mark.parametrize("over", ["images", "nothing"])
def test_given_networks_say_nothing_of_kinds(over):
    found = judge("000-3.1-a", Estimate(0.2, 0.1, 0.3, over=over, n=500))
    assert found.verdict == "cannot tell" and found.why == "a verdict needs at least three networks of each kind"


def test_other_claims_need_something_else():
    assert judge("002-3-f", Estimate(0.9, n=3)).why == "a verdict needs at least four targets"
    assert judge("000-B.1-c", known(0.1, 0.01)).why.startswith("a verdict needs at least three networks on chest")


def test_a_wide_interval_needs_no_reason():
    found = judge("000-3.1-a", known(0.0, 0.1))
    assert found.verdict == "cannot tell" and found.why == "" and found.p == pytest.approx(1.0)


def test_a_number_that_is_not_finite_is_a_reason():
    assert judge("000-3.2-g", Estimate(float("nan"))).why == "a number is not finite or was not measured"


def test_a_silenced_claim_has_no_verdict_however_clear_the_number():
    blind = Witness("RI-T 0", "RI-T", "gave one and the same answer to all images")
    found = judge("000-3.2-c", known(0.5, 0.01), networks=[Witness("P-T 0", "P-T"), blind])
    assert found.verdict == "cannot tell" and found.p is None
    assert found.why == "RI-T 0 gave one and the same answer to all images"
    assert judge("000-3.2-c", known(0.5, 0.01), networks=[Witness("P-T 0", "P-T")]).verdict == "agrees"


def test_a_failed_run_counts_in_claims_about_the_metric():
    gone = Witness("P-T 0", "P-T", "diverged at step 3")
    assert judge("000-B.1-a", known(0.5, 0.01), networks=[gone]).verdict == "agrees"


def test_unknown_and_undecided_claims_are_refused():
    with pytest.raises(UsageError, match=r"no claim '000-3\.1-zz'; did you mean '000-3\.1-"):
        judge("000-3.1-zz", known(0.1, 0.1))
    with pytest.raises(UsageError, match=r"claim 000-3\.1-c is not decided here: how alike"):
        judge("000-3.1-c", known(0.1, 0.1))
    with pytest.raises(UsageError, match="2 numbers for a rule that judges 1"):
        judge("000-3.1-a", known(0.1, 0.1), known(0.1, 0.1))
