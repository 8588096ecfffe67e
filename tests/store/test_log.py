import math
from pathlib import Path

import pytest

from transferscope.errors import StoreError
from transferscope.store.log import Log, read_log


def test_rows_come_back(tmp_path: Path) -> None:
    with Log(tmp_path / "h.jsonl") as log:
        log.row({"step": 0, "loss": 0.1 + 0.2, "lr": 1e-4})
        log.row({"step": 1, "loss": math.inf, "auc": math.nan, "name": "é"})
    first, second = read_log(tmp_path / "h.jsonl")
    assert first == {"step": 0, "loss": 0.1 + 0.2, "lr": 1e-4}
    assert second["loss"] == math.inf and math.isnan(second["auc"]) and second["name"] == "é"


def test_goes_on_where_the_state_was_saved(tmp_path: Path) -> None:
    with Log(tmp_path / "h.jsonl") as log:
        log.row({"step": 0})
        kept = log.flush()
        log.row({"step": 1})
    with Log(tmp_path / "h.jsonl", keep=kept) as log:
        log.row({"step": 10})
    assert read_log(tmp_path / "h.jsonl") == [{"step": 0}, {"step": 10}]


def test_a_cut_last_line_is_left_out_and_damage_inside_is_not(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_bytes(b'{"step":0}\n{"ste')
    assert read_log(path) == [{"step": 0}]
    path.write_bytes(b'{"step":0}\n{"ste\n{"step":2}\n')
    with pytest.raises(StoreError, match="line 2 is damaged"):
        read_log(path)
    with pytest.raises(StoreError, match="cannot be read"):
        read_log(tmp_path / "none.jsonl")
