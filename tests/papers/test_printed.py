"""The printed tables against the arithmetic that they obey, and against what their remarks say they do not."""

import math

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.papers.printed import TABLES, printed_table, tables_of

T = {n: printed_table("000", n) for n in range(1, 9)}
CLASSES = T[3].row_names


def cut(x):
    return math.floor(x * 1e4 + 1e-9) / 1e4


def counts(table, row):
    return (int(table.cell(row, c)) for c in ("g1", "g2", "Common mistakes"))


def totals(table, row):
    """Mistakes of the first and of the second model, where g1 is what only the first gets right."""
    g1, g2, common = counts(table, row)
    return g2 + common, g1 + common


def test_every_table_is_there_whole():
    assert [t.name for t in TABLES] == [
        *(f"Neyshabur et al. 2020, Table {n}" for n in range(1, 9)),
        *(f"Liu et al. 2019, Table {n}" for n in (1, 2)),
    ]
    for table in TABLES:
        assert all(len(cells) == len(table.columns) for _, cells in table.rows)
        assert all(math.isfinite(table.value(r, c)) for r in table.row_names for c in table.columns)
        assert table.frame().shape == (len(table.rows), len(table.columns))
    assert [len(t.rows) for t in tables_of("002")] == [5, 4]


@pytest.mark.parametrize("number", [3, 4, 5])
def test_shares_by_class_follow_from_the_counts(number):
    table = T[number]
    for row in CLASSES:
        g1, g2, common = counts(table, row)
        assert table.value(row, "r1") == cut(g2 / (g2 + common))
        r2 = table.value(row, "r2")
        assert r2 == cut(g1 / (g1 + common)) or r2 == pytest.approx(g1 / (g1 + common), abs=1e-5)  # one has 5 digits


def test_the_sixth_counts_the_other_way():
    for row in T[6].row_names:
        g1, g2, common = counts(T[6], row)
        want = (cut(g1 / (g1 + common)), cut(g2 / (g2 + common)))
        assert (T[6].value(row, "r1"), T[6].value(row, "r2")) == (want if row != "P-T, P-T" else (want[0], 0.1558))
    p_t, ri_t = (sum(counts(T[6], r)) - g for r, g in (("P-T, RI-T", 2940), ("P-T, RI-T", 521)))
    assert p_t == 619 + 3165 and ri_t == 844 + 5359  # the same networks are in the other rows
    n = p_t / (1 - 0.7432)
    assert ri_t / n == pytest.approx(1 - 0.5791, abs=1e-3)
    shares = {r: T[6].value(r, "r1") for r in T[6].row_names}
    assert shares["P-T, P-T"] > max(shares["P-T, RI-T"], shares["RI-T, RI-T"])
    uncommon = {r: sum(list(counts(T[6], r))[:2]) for r in T[6].row_names}
    assert uncommon["P-T, P-T"] < min(uncommon["RI-T, RI-T"], uncommon["P-T, RI-T"])


def test_which_models_the_third_table_compares():
    first, second = zip(*(totals(T[3], row) for row in CLASSES), strict=True)
    assert first == tuple(totals(T[5], row)[0] for row in CLASSES)  # a P-T
    assert second == tuple(totals(T[4], row)[0] for row in CLASSES)  # an RI-T
    worse = [row for row, a, b in zip(CLASSES, first, second, strict=True) if a > b]
    assert worse == ["Class 1", "Class 3", "Class 4"]
    assert all(T[3].value(r, "P-T acc") > T[3].value(r, "RI-T acc") for r in CLASSES)


@pytest.mark.parametrize("number", [4, 5])
def test_accuracies_contradict_the_counts(number):
    for row in CLASSES:
        better = T[number].value(row, "P-T acc") > T[number].value(row, "RI-T acc")
        first, second = totals(T[number], row)
        assert better == (first > second)
    assert T[4].cell("Class 2", "P-T acc") == "0.7292" and T[3].cell("Class 2", "RI-T acc") == "0.7296"


def test_distances_to_the_start_are_printed_twice_and_differ():
    ratios = [T[8].value(t, "P-T") / T[2].value(t, "P-T & P") for t in T[8].row_names]
    assert T[8].row_names == T[2].row_names and min(ratios) > 21 and max(ratios) < 39
    farther = [t for t in T[8].row_names if T[8].value(t, "P-T") > T[8].value(t, "RI-T")]
    assert farther == ["CheXpert"]


def test_similarity_of_the_last_stage():
    for row in ("P-T & RI-T", "RI-T & RI-T"):
        values = {n: [T[n].value(row, c) for c in T[n].columns] for n in (1, 7)}
        assert np.argmax(values[1]) == 4 and np.argmin(values[7]) >= 2 and np.argmax(values[7]) != 4
    assert T[7].cell("P-T & RI-T", "layer 3") == "0.008"
    assert T[7].value("P-T & P", "layer 4") > max(T[7].value("P-T & P-T", c) for c in T[7].columns)


def test_improvements_follow_from_the_errors_but_for_two():
    tuned, scratch = tables_of("002")
    off = {}
    for row in scratch.row_names:
        want = 1 - tuned.value(row, "test error (fine-tuned)") / scratch.value(row, "test error")
        printed = scratch.value(row, "fine-tuning improvement")
        if abs(want - printed) > 1e-4:
            off[row] = round(100 * want, 2)
    assert off == {"Stanford Cars": 69.84, "CUB-200": 60.08}
    assert set(tuned.row_names) - set(scratch.row_names) == {"Synthetic"}


def test_spreads_are_read_apart():
    table = printed_table("002", 1)
    assert table.cell("CUB-200", "test error (fixed)") == "35.10±0.50"
    assert (table.value("CUB-200", "test error (fixed)"), table.spread("CUB-200", "test error (fixed)")) == (
        35.1,
        0.5,
    )
    assert T[1].spread("P-T & P", "conv1") is None


def test_what_is_not_printed():
    with pytest.raises(
        UsageError, match=r"there is no table 9 of Neyshabur et al\. 2020; there are Neyshabur et al\. 2020, Table 1,"
    ):
        printed_table("000", 9)
    with pytest.raises(
        UsageError, match=r"Neyshabur et al\. 2020, Table 1 has no column 'conv 1'; did you mean 'conv1'\?"
    ):
        T[1].value("P-T & P", "conv 1")
    with pytest.raises(UsageError, match=r"Neyshabur et al\. 2020, Table 2 has no row 'painting'"):
        T[2].value("painting", "2 P-T")
