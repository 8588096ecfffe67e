import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from transferscope.errors import StoreError
from transferscope.records import load_record, save_record, to_tree


@dataclass(frozen=True)
class Inner:
    name: str
    low: float | None = None


@dataclass(frozen=True)
class Record:
    grid: np.ndarray
    parts: tuple[Inner, ...]
    by_name: dict[str, np.ndarray]
    pair: tuple[int, str]
    kind: Literal["a", "b"] = "a"
    bad: tuple[float, ...] = ()
    either: int | Inner | None = None
    table: dict[str, float] = field(default_factory=dict)


def example() -> Record:
    return Record(
        grid=np.array([[0.1, np.nan], [1 / 3, np.inf]]),
        parts=(Inner("x", 0.1 + 0.2), Inner("y")),
        by_name={"λ=0.5": np.arange(3, dtype=np.int8), "ids": np.array(["a", "bé"])},
        pair=(7, "seven"),
        kind="b",
        bad=(float("nan"), float("inf"), float("-inf"), 1e-300),
        either=Inner("z"),
        table={"t": 2.0},
    )


def test_round_trip_is_exact(tmp_path: Path) -> None:
    before = example()
    save_record(before, tmp_path)
    after = load_record(Record, tmp_path)
    np.testing.assert_array_equal(after.grid, before.grid)
    assert after.parts == before.parts
    assert after.pair == before.pair and after.kind == "b" and after.table == {"t": 2.0}
    assert after.either == Inner("z")
    np.testing.assert_array_equal(after.bad, before.bad)
    for key, value in before.by_name.items():
        np.testing.assert_array_equal(after.by_name[key], value)
        assert after.by_name[key].dtype == value.dtype


def test_files_are_plain_json_and_npz(tmp_path: Path) -> None:
    save_record(example(), tmp_path)
    tree = json.loads((tmp_path / "result.json").read_text(), parse_constant=lambda c: pytest.fail(f"not JSON: {c}"))
    assert tree["value"]["parts"][0]["low"] == 0.1 + 0.2
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as z:
        assert set(z.files) == {"grid", "by_name.λ=0.5", "by_name.ids"}


def test_what_cannot_be_stored_is_named() -> None:
    with pytest.raises(StoreError, match=r"by_name\.f: a function cannot be stored"):
        to_tree(Record(np.zeros(1), (), {"f": test_files_are_plain_json_and_npz}, (1, "")))  # type: ignore[dict-item]


def test_damage_is_named(tmp_path: Path) -> None:
    save_record(example(), tmp_path)
    (tmp_path / "arrays.npz").unlink()
    with pytest.raises(StoreError, match="the array 'grid' is missing"):
        load_record(Record, tmp_path)
    with pytest.raises(StoreError, match="holds a Record, expected a Inner"):
        load_record(Inner, tmp_path)
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read as a result"):
        load_record(Record, tmp_path)


def test_files_are_utf_8_wherever_they_are_read_and_written(tmp_path: Path) -> None:
    """Python warns (PEP 597) where it takes the encoding of the machine."""
    code = (
        "from dataclasses import dataclass\n"
        "from pathlib import Path\n"
        "from transferscope.records import load_record, save_record\n"
        "@dataclass(frozen=True)\n"
        "class Said:\n"
        "    text: str\n"
        f"save_record(Said('λ'), Path({str(tmp_path)!r}))\n"
        f"assert load_record(Said, Path({str(tmp_path)!r})).text == 'λ'\n"
    )
    strict = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning"]
    subprocess.run([sys.executable, *strict, "-c", code], check=True, timeout=300)
