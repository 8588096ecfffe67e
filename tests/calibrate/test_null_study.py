"""Whole null studies: counted by hand, and by Benjamini and Hochberg."""

import pytest
from calibrate.null_study import null_studies


def test_counts_of_studies():
    outcomes = {
        "000-3.1-a": [("cannot tell", 0.5)] * 8,
        "000-3.1-b": [("agrees", 0.04), ("cannot tell", 0.6), ("cannot tell", 0.7), ("cannot tell", 0.8)] * 2,
    }
    found = null_studies(outcomes, 2)
    assert (found.studies, found.verdicts) == (2, 8)
    assert found.mean == pytest.approx(1.0)  # two verdicts in all, in two studies
    assert (found.marked, found.marks) == (0, 0)  # of eight tests the smallest p would have to be under 0.00625
    assert found.bound == pytest.approx(0.4)


def test_a_sure_verdict_is_left():
    found = null_studies({"000-3.1-a": [("agrees", 1e-6)] + [("cannot tell", 0.5)] * 3}, 3)
    assert (found.marked, found.marks, found.most) == (3, 3, 1)
