import pytest

from transferscope.papers.claims import CLAIMS
from transferscope.report.counted import Evidence, claims_frame, counted

BARRIER = "000 §3.3: a clear barrier between two RI-T"
SPEED = "000 §3.1: P-T converges faster than RI-T on every target"


def said(claim, verdict, target="", text="…"):
    return Evidence(claim, verdict, text, target, "part-x")


def test_verdicts_are_counted_over_targets_in_the_order_of_the_papers():
    got = counted([said(BARRIER, "agrees", "a"), said("mine: x", "agrees"), said(SPEED, "disagrees", "a"),
                   said(BARRIER, "cannot tell", "b"), said(BARRIER, "agrees", "c")])  # fmt: skip
    assert [c.text for c in got] == [SPEED, BARRIER, "mine: x"]
    assert [c.claim.id if c.claim else None for c in got] == ["000-3.1-b", "000-3.3-c", None]
    assert got[1].told == "agrees on 2, cannot tell on 1 of 3 targets"
    assert got[0].told == "disagrees" and (got[1].count("agrees"), got[1].count("disagrees")) == (2, 0)
    assert len(got[1].evidence) == 3


@pytest.mark.parametrize(
    ("verdicts", "want"),
    [
        (["agrees", "agrees"], "agrees"),
        (["disagrees", "disagrees"], "disagrees"),
        (["agrees", "cannot tell"], "cannot tell"),
        (["agrees", "disagrees"], "cannot tell"),
    ],
)
def test_findings_on_one_target_must_say_the_same(verdicts, want):
    [got] = counted([said(BARRIER, v, "a") for v in verdicts])
    assert got.verdicts == (("a", want),) and got.told == want


def test_sentences_about_all_targets_name_theirs():
    texts = ["photo: P-T learns faster", "photo of cats: P-T learns slower", "over targets, P-T learns faster"]
    verdicts = ["agrees", "disagrees", "agrees"]
    [got] = counted(
        [said(SPEED, v, text=t) for v, t in zip(verdicts, texts, strict=True)], ["photo", "photo of cats"]
    )
    assert got.verdicts == (("photo", "agrees"), ("photo of cats", "disagrees"), ("", "agrees"))
    frame = claims_frame([got])
    assert frame["findings"].tolist() == [1, 1, 1] and set(frame["id"]) == {"000-3.1-b"}


def test_the_order_is_that_of_the_list():
    texts = [c.text for c in CLAIMS if c.decided_by]
    assert [c.text for c in counted(said(t, "agrees") for t in reversed(texts))] == texts
