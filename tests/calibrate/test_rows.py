"""Every decided claim has a row, every row runs, and the page tells of the same claims."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from calibrate.page import page
from calibrate.rows import ROWS, rows_of
from calibrate.simulate import QUICK, cells_of, run, simulated
from calibrate.table import COLUMNS, false_of, most, over_the_limit
from scipy import stats

from transferscope.evidence import CLAIMS, claim_called, judge
from transferscope.rng import numpy_generator

ROOT = Path(__file__).parents[2]
DECIDED = {claim.id for claim in CLAIMS if claim.rule is not None}
NAMES = [f"{row.claim} {row.family.name}" for row in ROWS]


def test_every_decided_claim_has_a_row_and_no_other_has():
    assert {row.claim for row in ROWS} == DECIDED
    assert len(set(NAMES)) == len(ROWS)


def test_families_of_one_name_are_one():
    families = {row.family.name: row.family for row in ROWS}
    assert all(families[row.family.name] is row.family for row in ROWS)


@pytest.mark.parametrize("row", range(len(ROWS)), ids=NAMES)
def test_row_runs(row):
    this = ROWS[row]
    sizes = {len(case.truth) for case in this.cases} | {len(this.effect)}
    assert len(sizes) == 1
    wanted = this.rule.wants
    rng, known = numpy_generator("tiny"), False
    for _ in range(20):  # a floor is not always identified
        evidence = this.family.draw(rng, this.family.counts[0], 40, this.cases[0].truth)
        assert wanted is None or len(evidence) == wanted
        if known := judge(this.claim, *evidence).p is not None:
            break
    assert known, "with so many networks the numbers could have come out"


@pytest.mark.parametrize("row", range(len(ROWS)), ids=NAMES)
def test_too_few_networks_tell_nothing(row):
    *_, few = cells_of(row, replace(QUICK, few=2))
    assert few.case == "too few"
    assert {verdict for verdict, _ in simulated(few, 0)} == {"cannot tell"}


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_effect_is_the_claims(row):
    assert row.effect[0] == claim_called(row.claim).effect


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_data_have_the_true_numbers(row):
    """The mean of many estimates at large size is the truth, where the family says that it is one."""
    rng, truth = numpy_generator("truth", row.claim), row.cases[0].truth
    n, images = (40, 400) if row.family.images and not row.family.slow else (10, 200)
    drawn = [row.family.draw(rng, n, images, truth) for _ in range(12)]
    if not hasattr(drawn[0][0], "value"):
        heights = np.array([[p.places[4].value] for (p,) in drawn])
        assert heights.mean() == pytest.approx(truth[0] * 0.96, abs=4 * error(heights)[0] + 1e-3)
        return
    values = np.array([[e.value for e in evidence] for evidence in drawn])
    assert np.abs(values.mean(0) - truth) == pytest.approx(np.zeros(len(truth)), abs=(4 * error(values)).max() + 1e-4)


def error(values):
    return values.std(0, ddof=1) / np.sqrt(len(values))


def test_numbers_do_not_depend_on_the_number_of_processes():
    rows = [next(i for i, row in enumerate(ROWS) if row.claim == claim) for claim in ("000-3.1-b", "000-3.3-c")]
    one, two = ([(c.cell, c.outcomes) for c in run(rows, QUICK, processes)] for processes in (1, 2))
    assert one == two


def test_page_tells_of_every_decided_claim():
    table = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8").split("## Claims\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| (\d{3}-\S+) \|", table, re.MULTILINE)) == DECIDED


def test_kept_counts_are_of_these_rows():
    counts = pd.read_csv(ROOT / "calibrate" / "simulated.csv", keep_default_na=False)
    assert list(counts.columns) == COLUMNS
    for i, row in enumerate(ROWS):
        mine = counts[counts["row"] == i]
        assert set(mine["claim"]) == {row.claim}
        assert set(mine["family"]) == {row.family.name}
        assert {case.name for case in row.cases} | {"effect", "too few"} == set(mine["case"])


def test_page_lists_what_is_not_held_first():
    counts = pd.read_csv(ROOT / "calibrate" / "simulated.csv", keep_default_na=False)
    first = counts.index[(counts["claim"] == "000-3.1-a") & (counts["case"] == "at null")][0]
    counts.loc[first, "agrees"] = counts.loc[first, "simulations"] // 2
    study = {"studies": 1, "verdicts": 1, "mean": 0, "most": 0, "bound": 0, "marked": 0, "marks": 0}
    told = page(counts, study, None)
    assert "- **000-3.1-a (accuracy): 5" in told.split("## Claims")[0]
    assert rows_of("000-3.1-a")[0].claim in told


def test_directions_are_counted_apart_where_they_have_levels_of_their_own():
    rows = {row.claim: i for i, row in enumerate(ROWS)}
    counts = pd.DataFrame(
        [
            (rows["000-3.1-a"], "000-3.1-a", "accuracy", "at null", 3, 100, 1000, 40, 30, ""),
            (rows["000-5-a"], "000-5-a", "accuracy, networks alike", "at null", 3, 100, 1000, 40, 30, ""),
            (rows["000-3.1-a"], "000-3.1-a", "accuracy", "effect", 3, 100, 1000, 900, 0, ""),
        ],
        columns=COLUMNS,
    )
    assert false_of(counts[:2]).tolist() == [70, 40]
    assert over_the_limit(counts).index.tolist() == [0]
    assert most(1000) == stats.binom.ppf(0.99, 1000, 0.05) == 67
