"""The table of verdicts for the page of results: a row a claim, a column a target, and the counts."""

from pathlib import Path

import pandas as pd
import pytest
from calibrate.verdicts import main

CLAIMS = pd.DataFrame(
    [
        ("000-3.3-a", "photo", "agrees", True),
        ("000-3.3-a", "x-ray", "cannot tell", False),
        ("000-3.2-a", "photo", "disagrees", False),
        ("000-B.7-b", "photo & x-ray", "cannot tell", False),
    ],
    columns=["id", "target", "verdict", "stands"],
)


def test_table_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tables").mkdir()
    CLAIMS.to_csv(tmp_path / "tables" / "claims.csv", index=False)
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "| claim | photo | x-ray | together |",
        "|---|---|---|---|",
        "| No performance barrier between two P-T (§3.3) | ✓ | ? |  |",
        "| Two P-T disagree on fewer images than a P-T and an RI-T (§3.2) | ✗ |  |  |",
        "| Performance rises in the middle between P-T of different domains (B.7) |  |  | ? |",
        "",
        "Of 4 verdicts 2 fall: 1 agree and 1 do not; 1 are left after Benjamini and Hochberg.",
    ]
