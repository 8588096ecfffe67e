"""A study's numbers beside those that the papers print.

Absolute numbers cannot be equal: the networks, images and steps of training are others. What can be compared is the
pattern, so each table comes with a sentence that puts the two orders side by side. Whether a claim holds is for
findings to say, which have intervals.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...evidence.phrases import listed, short
from ...papers.printed import PrintedTable, tables_of
from .measured import Measured, measure

if TYPE_CHECKING:
    import pandas as pd

    from ...questions.result import Result

__all__ = ["Beside", "BesideRow", "BesideTable", "beside"]

_Compared = dict[str, tuple[float, float]]
"""Name → printed and measured number."""


@dataclass(frozen=True)
class BesideRow:
    """A row of a table with what was measured in its place.

    Attributes:
        row: its name in the paper.
        stands_in: what stands in its place here: a target, a kind of pair, a class.
        pairs: over how many pairs of networks the numbers are means; 0 for no pairs, or several kinds of them.
        printed: its cells as printed.
        here: what was measured in the place of each; nan for nothing.
        of: of what, where that needs saying (the module in the place of a stage); empty elsewhere.
    """

    row: str
    stands_in: str
    pairs: int
    printed: tuple[str, ...]
    here: tuple[float, ...]
    of: tuple[str, ...]


@dataclass(frozen=True)
class BesideTable:
    """A table of a paper beside a study.

    Attributes:
        table: the printed one.
        target: the study's target that it is held against; empty where each row is one.
        rows: those that have something to stand beside.
        patterns: what can be compared, a sentence each.
        items: the items of the study that measured it.
    """

    table: PrintedTable
    target: str
    rows: tuple[BesideRow, ...]
    patterns: tuple[str, ...]
    items: tuple[str, ...]


@dataclass(frozen=True)
class Beside:
    """A paper's tables beside a study.

    Attributes:
        paper: number of the paper.
        tables: those of which anything was measured, in the order of the paper.
    """

    paper: str
    tables: tuple[BesideTable, ...]

    def frame(self) -> pd.DataFrame:
        """Return one row a cell: what is printed and what was measured."""
        import pandas as pd

        names = ("table", "about", "row", "column", "stands_in", "printed", "here", "here_of")
        rows = [
            (t.table.name, t.target or "all targets", row.row, column, row.stands_in, printed, here, of)
            for t in self.tables
            for row in t.rows
            for column, printed, here, of in zip(t.table.columns, row.printed, row.here, row.of, strict=True)
        ]
        return pd.DataFrame(rows, columns=list(names))


def beside(
    paper: str,
    results: Mapping[str, Mapping[str, Result]],
    stands_for: Mapping[str, str],
    *,
    shows: Mapping[str, Collection[str]] | None = None,
) -> Beside:
    """Set what a study measured beside what a paper prints.

    Args:
        paper: number of the paper, as ids of claims begin.
        results: item of the study → target → result; the target ``""`` for one result on all targets. Which question
            an item asks is in its results.
        stands_for: the study's target → the paper's in whose place it is, e.g. ``{"xray": "CheXpert"}``.
        shows: item → figures and tables it was asked for (``table 1``); such an item comes before others.

    Returns:
        The tables of which anything was measured.
    """
    found = []
    for table in tables_of(paper):
        wanted = f"table{table.number}"
        first = [item for item in results if any(_plain(s) == wanted for s in (shows or {}).get(item, ()))]
        ordered = {item: results[item] for item in (*first, *(i for i in results if i not in first))}
        found += [t for t in _compared(table, ordered, stands_for) if t.rows]
    return Beside(paper, tuple(_with_kinds(found)))


def _plain(name: str) -> str:
    """Make ``Table 1``, ``table-1`` and ``table1`` the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _compared(
    table: PrintedTable, results: Mapping[str, Mapping[str, Result]], stands_for: Mapping[str, str]
) -> Iterator[BesideTable]:
    """One table a target in whose place something stands, or one in which each row is a target."""
    standing = [(here, there) for here, there in stands_for.items() if there in (table.target, *table.row_names)]
    if table.target:
        for here, _ in standing:
            got = _first(table, results, here)
            if got is not None:
                yield _table(table, here, [(here, got)])
    else:
        measured = [(here, got) for here, _ in standing if (got := _first(table, results, here)) is not None]
        yield _table(table, "", measured, dict(standing))


def _first(table: PrintedTable, results: Mapping[str, Mapping[str, Result]], target: str) -> Measured | None:
    """What the first item that has anything to say measured."""
    for item, by_target in results.items():
        for name in (target, ""):
            result = by_target.get(name)
            if result is not None and (got := measure(table, result, target)) is not None:
                return got.by(item)
    return None


def _table(
    table: PrintedTable,
    target: str,
    measured: Sequence[tuple[str, Measured]],
    rows_of: Mapping[str, str] | None = None,
) -> BesideTable:
    rows = []
    for here, got in measured:
        for name, values in got.rows.items():
            printed_row = rows_of[here] if rows_of else name
            stands_in = here if rows_of else got.stands_in.get(name, "")
            if all(math.isnan(x) for x, _ in values.values()):
                continue
            cells = [values.get(c, (math.nan, "")) for c in table.columns]
            rows.append(
                BesideRow(
                    printed_row,
                    stands_in,
                    got.over.get(name, 0),
                    got.printed.get(name) or tuple(table.cell(printed_row, c) for c in table.columns),
                    tuple(x for x, _ in cells),
                    tuple(of for _, of in cells),
                )
            )
    order = {name: i for i, name in enumerate(table.row_names)}
    rows.sort(key=lambda r: order.get(r.row, len(order)))
    sentences = [_sentence(*pair) for pair in _comparable(table, rows)] if rows else []
    items = tuple(dict.fromkeys(got.item for _, got in measured))
    return BesideTable(table, target, tuple(rows), tuple(filter(None, sentences)), items)


_BY_CLASS = {3: "P-T & RI-T", 4: "RI-T & RI-T", 5: "P-T & P-T"}
"""Tables of Neyshabur et al. 2020 that hold one kind of pair each, class by class."""

_UNCOMMON = "Of what at least one of the two gets wrong, the share that only one does"


def _with_kinds(tables: list[BesideTable]) -> Iterator[BesideTable]:
    """Put the order of kinds of pairs below the last of the tables by class."""
    for place, table in enumerate(tables):
        group = [t for t in tables if _one_kind(t) and t.target == table.target] if _one_kind(table) else []
        if len(group) > 1 and not any(t in group for t in tables[place + 1 :]):
            numbers = {_BY_CLASS[t.table.number]: _pooled(t.table, t.rows) for t in group}
            sentence = _sentence(f"{_UNCOMMON}, over Tables 3 to 5", _known(numbers))
            yield replace(table, patterns=tuple(filter(None, (*table.patterns, sentence))))
        else:
            yield table


def _one_kind(table: BesideTable) -> bool:
    return table.table.paper == "000" and table.table.number in _BY_CLASS


def _comparable(table: PrintedTable, rows: Sequence[BesideRow]) -> list[tuple[str, _Compared]]:
    """What can be compared: what it is, and the numbers."""
    columns = {name: i for i, name in enumerate(table.columns)}

    def both(row: BesideRow, column: str) -> tuple[float, float]:
        return _number(row.printed[columns[column]]), row.here[columns[column]]

    def quotient(above: str, below: str) -> _Compared:
        found: _Compared = {}
        for row in rows:
            (a, x), (b, y) = both(row, above), both(row, below)
            found[_name(row)] = (a / b, x / y if y else math.nan)
        return _known(found)

    match table.paper, table.number:
        case "000", 1 | 7:
            means: _Compared = {}
            for row in rows:
                pairs = [(_number(p), x) for p, x in zip(row.printed, row.here, strict=True) if not math.isnan(x)]
                means[row.row] = (sum(p for p, _ in pairs) / len(pairs), sum(x for _, x in pairs) / len(pairs))
            return [("CKA, mean over the stages that have something in their place", means)]
        case "000", 2:
            return [
                ("Distance of two RI-T over that of two P-T", quotient("2 RI-T", "2 P-T")),
                ("Distance of RI-T to P over that of P-T to P", quotient("RI-T & P", "P-T & P")),
            ]
        case "000", 8:
            return [("Distance to the start, RI-T over P-T", quotient("RI-T", "P-T"))]
        case "000", 3 | 4 | 5:
            return [(_UNCOMMON, _known({"all classes together": _pooled(table, rows)}))]
        case "000", 6:
            return [(_UNCOMMON, _known({row.row: _pooled(table, [row]) for row in rows}))]
        case "002", 1:
            return [
                (f"{what} ({kind})", _known({_name(r): both(r, f"{column} ({kind})") for r in rows}))
                for kind in ("fixed", "fine-tuned")
                for what, column in (("Test error in per cent", "test error"), ("Deviation", "deviation"))
            ]
        case _:
            improved = {_name(row): both(row, "fine-tuning improvement") for row in rows}
            return [("Improvement by fine-tuning", _known(improved))]


def _pooled(table: PrintedTable, rows: Sequence[BesideRow]) -> tuple[float, float]:
    """Share of uncommon among all mistakes, printed and measured, over the rows that were measured."""
    at = [table.columns.index(c) for c in ("g1", "g2", "Common mistakes")]
    there = [row for row in rows if all(math.isfinite(row.here[i]) for i in at)]
    shares = []
    for counts in ([[_number(r.printed[i]) for i in at] for r in there], [[r.here[i] for i in at] for r in there]):
        uncommon, every = sum(g1 + g2 for g1, g2, _ in counts), sum(map(sum, counts))
        shares.append(uncommon / every if every else math.nan)
    return shares[0], shares[1]


def _name(row: BesideRow) -> str:
    return row.row if row.stands_in in ("", row.row) else f"{row.row} / {row.stands_in}"


def _known(pairs: Mapping[str, tuple[float, float]]) -> _Compared:
    return {name: pair for name, pair in pairs.items() if all(map(math.isfinite, pair))}


def _number(cell: str) -> float:
    mean = cell.partition("±")[0]
    return float(mean.removesuffix("%")) / 100 if mean.endswith("%") else float(mean)


def _sentence(what: str, numbers: Mapping[str, tuple[float, float]]) -> str:
    """Tell both orders, or both numbers where there is nothing to order."""
    if not numbers:
        return ""
    if len(numbers) == 1:
        [(name, (printed, here))] = numbers.items()
        return f"{what}: {short(printed)} in the paper, {short(here)} here ({name})."
    told = []
    for side in (0, 1):
        order = sorted(numbers, key=lambda n: -numbers[n][side])
        told.append(", ".join(f"{n} {short(numbers[n][side])}" for n in order))
    return f"{what}, largest first. In the paper: {told[0]}. Here: {told[1]}. {_agreement(numbers)}"


def _agreement(numbers: Mapping[str, tuple[float, float]]) -> str:
    """Say how the two orders sit with each other; equal numbers are in no order.

    >>> _agreement({"a": (3.0, 1.0), "b": (2.0, 0.5), "c": (1.0, 0.7)})
    'Turned round here: c over b.'
    """
    names = sorted(numbers, key=lambda n: -numbers[n][0])
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if numbers[a][0] > numbers[b][0]]
    turned = [f"{b} over {a}" for a, b in pairs if numbers[a][1] < numbers[b][1]]
    level = sum(numbers[a][1] == numbers[b][1] for a, b in pairs)
    if level == len(pairs):
        return "Here all are equal."
    if not turned:
        return "The order is the same" + (
            f", but for {level} of {len(pairs)} pairs that are equal here." * bool(level) or "."
        )
    if len(turned) == len(pairs) and len(pairs) > 1:
        return "The order is the reverse."
    few = listed(turned) if len(turned) < 4 else f"{len(turned)} of {len(pairs)} pairs"
    return f"Turned round here: {few}."
