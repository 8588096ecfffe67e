"""Rules keep their level and find their effect, for one row of every family (a moderate part of the page)."""

import pytest
from calibrate.rows import ROWS
from calibrate.simulate import Cell, simulated
from calibrate.table import most

pytestmark = pytest.mark.slow

FIRST = {row.family.name: i for i, row in reversed(list(enumerate(ROWS)))}
SURE = {"000-3.1-b", "000-3.2-c", "000-3.2-g", "000-3.2-h", "000-3.3-c", "000-3.4-a", "000-C-c", "002-3-g", "002-4-d"}
"""Claims whose effect five networks a kind and 500 images nearly always show."""


def said(row, truth, simulations):
    this = ROWS[row]
    cell = Cell(row, "", truth, this.family.counts[1], 500 if this.family.images else 0, simulations)
    chunks = range(-(-simulations // 50))
    return [verdict for chunk in chunks for verdict, _ in simulated(cell, chunk)]


@pytest.mark.parametrize("name", FIRST)
def test_level(name):
    row = FIRST[name]
    simulations = 100 if ROWS[row].family.slow else 200
    for case in ROWS[row].cases:
        verdicts = said(row, case.truth, simulations)
        agrees, disagrees = verdicts.count("agrees"), verdicts.count("disagrees")
        false = max(agrees, disagrees) if ROWS[row].apart else agrees + disagrees
        # Many rows and cases are tried, so each has a little more room than on the page.
        assert false <= most(simulations) + 3, case.name


@pytest.mark.parametrize("claim", sorted(SURE))
def test_effect_is_found(claim):
    row = next(i for i, row in enumerate(ROWS) if row.claim == claim)
    verdicts = said(row, ROWS[row].effect, 50)
    assert verdicts.count("agrees") > 35
    assert verdicts.count("disagrees") == 0
