"""An interval over networks stands in plain brackets; whatever else is there says what it is."""

from __future__ import annotations

import math

import pytest

from transferscope.evidence.estimate import Estimate
from transferscope.evidence.phrases import (
    error_text,
    interval_text,
    listed,
    number,
    points_text,
    range_text,
    shortened,
    times,
)


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ("networks", " (9.3 to 10.3)"),
        ("networks and images", " (9.3 to 10.3)"),
        ("images", " (9.3 to 10.3 over these test images)"),
        ("draws", " (9.3 to 10.3 over draws)"),
        ("pre-trainings", " (9.3 to 10.3 over pre-trainings)"),
        ("targets", " (9.3 to 10.3 over targets)"),
    ],
)
def test_intervals_say_what_they_are_over(over, told):
    e = Estimate(0.098, 0.0931, 0.1029, over=over, n=6)
    assert interval_text(e, factor=100, digits=1) == told
    assert points_text(e) == f"9.8 points{told}"


def test_another_level_is_said():
    assert interval_text(Estimate(0.1, 0.0, 0.2, level=0.9, over="networks")) == " (90 % interval 0.00 to 0.20)"


def test_where_there_is_no_interval_nothing_is_written():
    assert interval_text(Estimate(0.1)) == "" == interval_text(Estimate(0.1, math.nan, 1.0, over="networks"))


def test_a_sign_that_is_turned_turns_the_interval():
    assert interval_text(Estimate(-0.2, -0.3, -0.1, over="networks"), factor=-100, digits=0) == " (10 to 30)"


def test_ratios_and_significant_figures():
    e = Estimate(3.0, 0.5, 12.34, over="networks")
    assert (
        interval_text(e, form="times") == " (0.500 to 12.3)" and interval_text(e, digits=None) == " (0.500 to 12.3)"
    )
    assert interval_text(Estimate(3.0, 0.5, math.inf, over="networks"), form="times") == " (0.500 to ∞)"
    assert times(123.456) == "123.5"


def test_what_is_no_interval_has_another_name():
    assert range_text(1.0, 2.0, "networks", digits=1) == " (range over networks 1.0 to 2.0)"
    assert error_text(0.5) == " (Monte-Carlo error 0.500)"


def test_lists_and_numbers():
    assert listed([]) == "" and listed(["a"]) == "a"
    assert shortened(["a", "b", "c", "d", "e"]) == "a, b, c, d and e"  # one more name is as short as its number
    assert number(math.nan) == "nan" and number(-math.inf) == "−∞"
