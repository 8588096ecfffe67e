"""Rules of several parts: all must agree; one that disagrees is enough, corrected for how many there are."""

from __future__ import annotations

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.evidence.rules import Above, AllOf, Each, InOrder, Not, NotBelow, Under

from .made import known

UP, DOWN, FLAT = known(0.5, 0.1), known(-0.5, 0.1), known(0.0, 0.1)


def test_all_parts_must_agree_and_the_largest_p_counts():
    verdict, p = AllOf(Above(), Above()).judge([UP, known(0.25, 0.1)])
    assert verdict == "agrees" and p == pytest.approx(known(0.25, 0.1).p(0.0))
    assert AllOf(Above(), Above()).judge([UP, FLAT])[0] == "cannot tell"
    assert AllOf(Above(), Above()).judge([UP, DOWN])[0] == "disagrees"


def test_a_majority_is_not_every_one():
    assert Each(Above()).judge([UP] * 9 + [FLAT])[0] == "cannot tell"
    assert Each(Above()).judge([UP] * 10)[0] == "agrees"
    assert Each(Above()).judge([UP] * 9 + [DOWN])[0] == "disagrees"


def test_of_many_parts_one_that_barely_disagrees_is_not_enough():
    barely = known(-0.21, 0.1)  # p = 0.036 two-sided
    assert Each(Above()).judge([UP, barely])[0] == "disagrees"
    assert Each(Above()).judge([UP] * 9 + [barely])[0] == "cannot tell"
    assert Each(Above()).judge([UP] * 9 + [DOWN])[1] == pytest.approx(DOWN.p(0.0) * 5)


def test_a_true_conjunction_is_rarely_denied():
    rng = np.random.default_rng(0)
    draws = rng.normal(0.001, 1.0, (300, 10))  # every part true, just so
    denied = np.mean([Each(Above()).judge([known(float(x), 1.0) for x in row])[0] == "disagrees" for row in draws])
    uncorrected = np.mean((draws < -1.96).any(1))
    assert denied <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300) < uncorrected


def test_the_last_part_takes_the_rest():
    rule = AllOf(Above(0.1), Each(Under(0.1)))
    assert rule.wants is None and rule.judge([UP, DOWN, DOWN])[0] == "agrees"
    assert rule.judge([UP, DOWN, UP])[0] == "disagrees" and rule.judge([DOWN, DOWN])[0] == "disagrees"
    assert rule.judge([UP])[0] == "cannot tell" and rule.lacking([UP])


def test_parts_within_parts_are_corrected_together():
    barely = known(0.3, 0.1)  # over 0.1 by two standard errors
    assert AllOf(Above(-9.0), Under(0.1)).judge([UP, barely])[0] == "disagrees"
    assert AllOf(Above(-9.0), Each(Under(0.1))).judge([UP, DOWN, barely])[0] == "cannot tell"


def test_wrong_numbers_are_refused():
    with pytest.raises(UsageError, match="1 numbers for a rule that judges 2"):
        AllOf(Above(), Above()).judge([UP])
    with pytest.raises(UsageError, match="only the last part"):
        AllOf(Each(Above()), Above())
    with pytest.raises(UsageError, match="judges more"):
        AllOf(Above(), Above(), Each(Above())).judge([UP])


def test_turned_round():
    one_basin = AllOf(Under(0.1), Above())
    for evidence in ([DOWN, UP], [UP, UP], [DOWN, DOWN], [FLAT, FLAT]):
        turned = {"agrees": "disagrees", "disagrees": "agrees", "cannot tell": "cannot tell"}
        assert Not(one_basin).judge(evidence)[0] == turned[one_basin.judge(evidence)[0]]
        assert Not(one_basin).judge(evidence)[1] == one_basin.judge(evidence)[1]


def test_one_after_the_other():
    rule = InOrder(NotBelow(-0.2))
    assert rule.judge([UP, FLAT, DOWN, UP])[0] == "agrees" and rule.reached([UP, FLAT, DOWN, UP]) == 2
    assert rule.judge([DOWN, UP])[0] == "cannot tell" and rule.reached([DOWN, UP]) == 0
    verdict, p = rule.judge([DOWN, known(-0.6, 0.1)])
    assert verdict == "disagrees" and p == pytest.approx(2 * DOWN.p_under(-0.2))
    assert rule.judge([])[0] == "cannot tell" and rule.lacking([])


def test_a_part_of_given_networks_keeps_the_whole_from_agreeing():
    files = known(0.5, 0.1, "images")
    rule = AllOf(Above(), Above())
    assert rule.judge([UP, files]) == ("cannot tell", None) and rule.lacking([UP, files])
    assert rule.judge([DOWN, files])[0] == "disagrees"
    given = AllOf(Above(), Above(general=False))
    assert given.judge([UP, files])[0] == "agrees" and not given.lacking([UP, files])


def test_rules_read_as_sentences():
    assert AllOf(Above(), Above()).text == (
        "agrees when of both numbers its 95 % interval lies above 0; disagrees when of one number it lies below 0; "
        "otherwise cannot tell"
    )
    assert "of number 1 its 95 % interval lies above 0.1 and of each further number its one-sided" in (
        AllOf(Above(0.1), Each(Under(0.1))).text
    )
