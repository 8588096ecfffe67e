"""What pilots say: spreads come back as they went in, and power is that of simulated studies."""

import math

import numpy as np
import pytest

from transferscope.errors import StoreError
from transferscope.evidence.claims import CLAIMS, claim_called
from transferscope.evidence.contrast import contrast, mean
from transferscope.evidence.finding import said
from transferscope.evidence.judge import judge
from transferscope.evidence.pilot import Pilot, asked, pilots, prospect, read_pilots, write_pilots
from transferscope.rng import numpy_generator


def finding(seed, n=400, sd=0.03, effect=0.1):
    rng = numpy_generator("pilot", seed)
    estimate = contrast(effect + sd * rng.standard_normal(n), sd * rng.standard_normal(n))
    return said("x", estimate, n=2 * n, unit="networks", target="a", judged=judge("000-3.1-a", estimate))


def test_spreads_come_back():
    [one] = pilots([finding(0)])
    assert (one.claim, one.target, one.kinds, one.image_sd, one.log) == ("000-3.1-a", "a", 2, 0.0, False)
    assert one.sd == pytest.approx(0.03, rel=0.1) and one.networks == 800


def test_numbers_of_pre_trainings_are_of_one_kind():
    rng = numpy_generator("pilot", "pre-trainings")
    estimate = mean(0.1 + 0.03 * rng.standard_normal(400), over="pre-trainings")
    [one] = pilots([said("x", estimate, n=400, unit="x", target="a", judged=judge("003-A-d", estimate))])
    assert (one.kinds, one.networks) == (1, 400) and one.sd == pytest.approx(0.03, rel=0.1)
    assert prospect(one, 3, 0).tells is None and prospect(one, 4, 0).tells is not None


def test_how_many_kinds_a_number_rests_on_is_seen_by_its_freedom():
    rng = numpy_generator("pilot", "kinds")
    two, one = (
        contrast(0.03 * rng.standard_normal(400), 0.03 * rng.standard_normal(400)),
        mean(0.03 * rng.standard_normal(400)),
    )
    for claim, estimate, kinds in (("002-3-b", two, 2), ("000-3.2-j", one, 1)):  # whatever kinds the claim is about
        [pilot] = pilots([said("x", estimate, n=400, unit="x", target="a", judged=judge(claim, estimate))])
        assert pilot.kinds == kinds and pilot.sd == pytest.approx(0.03, rel=0.1), claim
    luck = said("x", one, n=400, unit="x", target="a", judged=judge("000-3.5-a", one))
    assert pilots([luck]) == (), "more seeds do not help against the luck of a checkpoint"


def test_that_two_numbers_differ_is_asked_from_outside_the_margin():
    pilot = Pilot("003-A-a", "a", 1, 0.005, 0.0, False, 8)
    assert prospect(pilot, 8, 0).chance > 0.9 and prospect(pilot, 8, 0).seeds <= 8


def test_seeds_are_those_with_which_studies_tell_it():
    pilot = Pilot("000-3.1-a", "a", 2, 0.05, 0.0, False, 16)
    got = prospect(pilot, 5, 0)
    assert got.claim.effect == pytest.approx(0.082)
    rng = numpy_generator("pilot", "power")

    def share(n):
        draws = (0.05 * rng.standard_normal((2, n)) for _ in range(400))
        return np.mean([judge("000-3.1-a", contrast(0.082 + a, b)).verdict == "agrees" for a, b in draws])

    assert share(got.seeds) > 0.74 and share(got.seeds - 2) < 0.85
    assert prospect(pilot, 2, 0).tells is None, "two networks of a kind tell nothing"
    assert prospect(pilot, 5, 0).tells > prospect(pilot, 9, 0).tells


@pytest.mark.parametrize(("claim", "effect"), [("000-3.2-g", 1.97), ("000-B.6-a", 0.25), ("000-C-c", 1.1)])
def test_a_ratio_is_held_against_the_margin_of_its_claim(claim, effect):
    """Over 1, or under a half: what is told with four in five is told so by studies of so many seeds."""
    got = prospect(Pilot(claim, "a", 1, 0.6, 0.0, True, 16), 12, 0)
    rng = numpy_generator("pilot", "ratio", claim)
    draws = [mean(math.log(got.tells) + 0.6 * rng.standard_normal(12)).as_ratio() for _ in range(300)]
    said = [claim_called(claim).rule.judge([e] * (2 if claim == "000-C-c" else 1))[0] for e in draws]
    assert said.count("agrees") / 300 == pytest.approx(0.8, abs=0.07)
    assert got.claim.effect == effect and (effect > 1) == (got.tells > 1)


def test_every_rule_asks_something_that_power_knows():
    for claim in CLAIMS:
        if claim.rule is not None:
            question, _, level = asked(claim.rule)
            assert question in ("difference", "over", "under", "equivalence") and level in (0.95, 0.975), claim.id


def test_tables_are_read_back(tmp_path):
    some = (Pilot("000-3.1-a", "a", 2, 0.05, 0.25, False, 16), Pilot("000-3.2-g", "b, c", 2, 0.1, 0.0, True, 16))
    write_pilots(some, tmp_path / "p.csv")
    assert read_pilots(tmp_path / "p.csv") == some
    (tmp_path / "p.csv").write_text("claim,sd\n1,x\n")
    with pytest.raises(StoreError, match="is no table of pilots"):
        read_pilots(tmp_path / "p.csv")
