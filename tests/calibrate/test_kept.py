"""Counts of some claims that are simulated anew take the place of theirs, and of theirs only."""

import pandas as pd
from calibrate.kept import lacking, merged
from calibrate.rows import ROWS
from calibrate.table import COLUMNS


def counts(*rows):
    return pd.DataFrame([(*row, "case", 3, 0, 100, agrees, 0, "") for *row, agrees in rows], columns=COLUMNS)


def test_others_keep_their_counts_wherever_their_row_is_now():
    first, second, third = ROWS[:3]
    kept = counts((7, third.claim, third.family.name, 30), (8, first.claim, first.family.name, 10),
                  (9, first.claim, "data that are gone", 99))  # fmt: skip
    fresh = counts((1, second.claim, second.family.name, 22), (2, third.claim, third.family.name, 33))
    found = merged(kept, fresh, ROWS[:3])
    assert found["row"].tolist() == [0, 1, 2]
    assert found["claim"].tolist() == [first.claim, second.claim, third.claim]
    assert found["agrees"].tolist() == [10, 22, 33]
    assert list(found.columns) == COLUMNS


def test_rows_without_counts_are_named():
    kept = counts((0, ROWS[1].claim, ROWS[1].family.name, 1), (1, ROWS[0].claim, "other data", 1))
    assert lacking(kept, ROWS[:3]) == [0, 2]
