"""A published table of fine-tunings: the best of each cell, what is between sources, and the real one where it is."""

import os
from pathlib import Path

import numpy as np
import pytest

from transferscope.errors import DataError, UsageError
from transferscope.questions.sources.published import read_published

ROWS = """\tloss\tarch\tus\tds\tlr\t1\tfull
0\tCLIP\tRN50\tA\tbirds\t1\t10\t80
1\tCLIP\tRN50\tA\tbirds\t2\t12\t79
2\tCLIP\tRN50\tA\tbirds\t2\t12\t79
3\tCLIP\tRN50\tB\tbirds\t1\t20\t81
4\tCLIP\tRN50\tA\tcars\t1\t30\tNan
5\tCLIP\tRN50\tA\tcars\t1\t28\t60
6\tCLIP\tRN50\tB\tcars\t1\t24\t61
7\tCLIP\tViT\tB\tcars\t1\t99\t99
8\tSimCLR\tRN50\tA\tbirds\t1\t22\t82
9\tSimCLR\tRN50\tB\tcars\t1\t30\t61
"""


@pytest.fixture
def table(tmp_path: Path):
    file = tmp_path / "runs.tsv"
    file.write_text(ROWS)
    return read_published(file, shots=("1", "full"), where={"arch": "RN50"})


def test_the_best_of_a_cell_counts_and_equal_rows_once(table):
    assert table.rows == 8  # one of ten is of another network, two are equal but for their number
    assert table.best.loc[("CLIP", "A", "birds")].tolist() == [0.12, 0.80]
    assert table.best.loc[("CLIP", "A", "cars")].tolist() == [0.30, 0.60]


def test_between_sources(table):
    found = table.spread("CLIP", "1")
    assert found.value == pytest.approx(np.mean([np.std([0.12, 0.2], ddof=1), np.std([0.3, 0.24], ddof=1)]))
    assert table.narrowing("CLIP", "1", "full").value == pytest.approx(np.sqrt(0.5) * (0.01 - 0.07))
    assert table.kept_order("CLIP", "1", "full") == 0.0 and table.winners("CLIP", "1") == {"B": 1, "A": 1}
    assert table.difference("SimCLR", "CLIP", "1").value == pytest.approx((0.10 + 0.06) / 2)
    (sources, methods) = table.findings("CLIP", ["A", "B"], "1", "full", ("SimCLR", "CLIP"))
    assert "2 sources of one size" in sources.text and methods.text.endswith("mean over 2 targets.")


def test_what_cannot_be(table, tmp_path):
    with pytest.raises(UsageError, match="no method 'CLIPP'; did you mean 'CLIP'"):
        table.spread("CLIPP", "1")
    with pytest.raises(UsageError, match="CLIP has no source 'C'"):
        table.spread("CLIP", "1", ["C"])
    with pytest.raises(UsageError, match="no number of shots '3'"):
        table.spread("CLIP", "3")
    with pytest.raises(UsageError, match="it takes two methods of the table; 'SimCLR' and 'MoCo' are given"):
        table.difference("SimCLR", "MoCo", "1")
    with pytest.raises(DataError, match="no column '5'"):
        read_published(tmp_path / "runs.tsv")
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_published(tmp_path / "none.tsv")


@pytest.mark.skipif("TRANSFERSCOPE_REAL_DATA" not in os.environ, reason="TRANSFERSCOPE_REAL_DATA is not set")
def test_the_authors_own_runs():
    file = Path(os.environ["TRANSFERSCOPE_REAL_DATA"]) / "tables" / "entezari_hyperparameters_results.tsv"
    found = read_published(file, where={"arch": "RN50"})
    same = ["LAION2.7m", "Redcaps2.7m", "Shutterstock2.7m", "WIT2.7m", "YFCC2.7m"]
    assert found.narrowing("CLIP", "1", "full", same).value == pytest.approx(-0.013, abs=0.001)
    assert found.winners("CLIP", "1", same)["LAION2.7m"] == 5
    assert found.difference("SimCLR_LP-FT", "CLIP_LP-FT", "1").value == pytest.approx(0.255, abs=0.001)
