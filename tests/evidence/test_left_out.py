"""What is left out is said, equal reasons together."""

from __future__ import annotations

from transferscope.evidence.left_out import LeftOut, joined, remark
from transferscope.records import from_tree, to_tree


def test_equal_reasons_are_told_once():
    left = [LeftOut(f"top {s}", "no head", t) for t in ("clipart", "photo") for s in (0, 1)]
    assert joined([*left, LeftOut("RI-T 0", "diverged at step 3", "photo")]) == (
        "top 0 and top 1 on clipart and photo: no head",
        "RI-T 0 on photo: diverged at step 3",
    )


def test_of_many_only_some_are_named():
    assert joined([LeftOut(f"run {i}", "no head") for i in range(9)]) == (
        "run 0, run 1, run 2, run 3 and 5 more: no head",
    )


def test_the_same_on_targets_that_differ_in_runs():
    left = [LeftOut("a", "gone", "x"), LeftOut("b", "gone", "y")]
    assert joined(left) == ("a on x, b on y: gone",)


def test_the_remark_has_the_number_and_all_reasons():
    left = [
        LeftOut("a & b", "other classes"),
        LeftOut("conv1", "zero everywhere", "photo"),
        LeftOut("a & b", "other classes"),
    ]
    (f,) = remark(left, 7, "pairs", target="photo")
    assert f.text == "2 of 7 pairs left out. a & b: other classes; conv1 on photo: zero everywhere."
    assert (f.value, f.n, f.unit, f.claim, f.target) == (2.0, 7, "pairs", None, "photo")
    assert remark([], 7, "pairs") == []


def test_it_can_be_stored():
    one = LeftOut("a", "b", "c")
    assert from_tree(LeftOut, *to_tree(one)) == one
