"""What a result has to put into the cells of a printed table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from ...papers.printed import PrintedTable
from ...questions._members import TWO_RI_T, Pair, first_of, kinds

if TYPE_CHECKING:
    from ...questions.distance.measure import Distance
    from ...questions.mistakes.measure import Mistakes
    from ...questions.mistakes.shared import SharedMistakes
    from ...questions.result import Result
    from ...questions.similarity.measure import Similarity
    from ...questions.transfer.measure import Transfer, TransferGroup

__all__ = ["Measured", "measure"]

Values = dict[str, tuple[float, str]]
"""Column → number, and of what it is."""


@dataclass(frozen=True)
class Measured:
    """Numbers for rows of a table.

    Attributes:
        rows: the paper's name of a row (``""`` for the row of a target) → numbers.
        stands_in: row → what stands in its place here.
        over: row → over how many pairs its numbers are means.
        printed: row → cells to print in its place, where rows of the paper are taken together.
        item: the item of the study they are from.
    """

    rows: Mapping[str, Values]
    stands_in: Mapping[str, str] = field(default_factory=dict)
    over: Mapping[str, int] = field(default_factory=dict)
    printed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    item: str = ""

    def by(self, item: str) -> Measured:
        """Return the same with the item's name."""
        return replace(self, item=item)


def measure(table: PrintedTable, result: Result, target: str) -> Measured | None:
    """Return what a result has for a table; ``None`` when it answers another question or has nothing.

    Args:
        table: the printed table.
        result: of one target, or of all.
        target: the target that is wanted.
    """
    found: Measured | None = None
    match table.paper, table.number, result.question:
        case "000", 1 | 7, "similarity":
            found = _similarity(table, cast("Similarity", result))
        case "000", 2 | 8, "distance":
            found = _distance(table, cast("Distance", result))
        case "000", 3 | 4 | 5 | 6, "mistakes":
            found = _mistakes(table, cast("Mistakes", result))
        case "002", 1 | 2, "transfer":
            found = _transfer(table, cast("Transfer", result), target)
    return found if found is not None and any(_there(v) for v in found.rows.values()) else None


def _there(values: Values) -> bool:
    return any(math.isfinite(x) for x, _ in values.values())


_KIND_OF = {"P-T & P": ("P & P-T",), "P-T & P-T": ("P-T & P-T",), "P-T & RI-T": ("P-T & RI-T",)}


def _similarity(table: PrintedTable, result: Similarity) -> Measured:
    """Tables 1 and 7: the network's stages in the place of a ResNet-50's."""
    by_kind = kinds(result.pairs)
    rows: dict[str, Values] = {}
    standing, over = {}, {}
    for row in table.row_names:
        kind = first_of(_KIND_OF.get(row, TWO_RI_T), by_kind)
        if kind is None:
            continue
        means = {m: result.mean(of)[0] for m, of in result.by_name(result.entries(by_kind[kind])).items()}
        rows[row] = {c: (means[m], m) for c, m in _aligned(table.columns, list(means)).items()}
        standing[row], over[row] = _other(row, kind), len(by_kind[kind])
    return Measured(rows, standing, over)


def _other(row: str, kind: str) -> str:
    """The kind of pair, where the row's own name does not say it.

    >>> _other("P-T & P", "P & P-T"), _other("RI-T, RI-T", "RI-T & RI-T (same start)")
    ('', 'RI-T & RI-T (same start)')
    """
    return "" if sorted(row.replace(", ", " & ").split(" & ")) == sorted(kind.split(" & ")) else kind


def _aligned(columns: Sequence[str], modules: Sequence[str]) -> dict[str, str]:
    """Pair stages with modules at about the same relative depth, each at most once, first with first, last with last.

    >>> _aligned(("conv1", "layer 1", "layer 2", "layer 3", "layer 4"), ["conv1", "layer1", "layer2", "layer3"])
    {'conv1': 'conv1', 'layer 1': 'layer1', 'layer 3': 'layer2', 'layer 4': 'layer3'}
    """
    few, many = sorted((len(columns), len(modules)))
    if not few:
        return {}
    places = [int(i * (many - 1) / max(1, few - 1) + 0.5) for i in range(few)]
    if len(modules) <= len(columns):
        return {columns[j]: modules[i] for i, j in enumerate(places)}
    return {columns[i]: modules[j] for i, j in enumerate(places)}


def _distance(table: PrintedTable, result: Distance) -> Measured:
    """Tables 2 and 8: means over pairs; without the head where heads could not be compared."""
    distances = result.comparable()
    without = "without head" if any(result.missing) else ""

    def mean(pairs: Sequence[Pair]) -> tuple[float, str]:
        values = distances[[result.pairs.index(p) for p in pairs]]
        return (float(values.mean()), without) if len(values) else (math.nan, "")

    by_kind = kinds(result.pairs)
    if table.number == 2:
        wanted = {"2 P-T": ("P-T & P-T",), "2 RI-T": TWO_RI_T, "P-T & P": ("P & P-T",), "RI-T & P": ("P & RI-T",)}
        groups = {c: by_kind.get(first_of(names, by_kind) or "", ()) for c, names in wanted.items()}
    else:
        starts = result.starts()
        groups = {role: tuple(p for p in starts if role in _roles(result, p)) for role in table.columns}
    return Measured({"": {column: mean(pairs) for column, pairs in groups.items()}})


def _roles(result: Distance, pair: Pair) -> set[str]:
    return {result.members[pair.a].role, result.members[pair.b].role}


_MISTAKES_OF = {3: ("P-T & RI-T",), 4: TWO_RI_T, 5: ("P-T & P-T",)}
_ROW_KINDS = {"P-T, RI-T": ("P-T & RI-T",), "RI-T, RI-T": TWO_RI_T, "P-T, P-T": ("P-T & P-T",)}
_TOGETHER = "all classes"


def _mistakes(table: PrintedTable, result: Mistakes) -> Measured | None:
    """Tables 3 to 6: means over pairs of one kind, the P-T first where there is one."""
    by_kind = kinds(result.pairs)
    rows: dict[str, Values] = {}
    standing: dict[str, str] = {}
    over: dict[str, int] = {}
    if table.number == 6:
        for row, names in _ROW_KINDS.items():
            if kind := first_of(names, by_kind):
                rows[row], over[row] = _counts(table, result, kind, "")
                standing[row] = _other(row, kind)
        return Measured(rows, standing, over)
    kind = first_of(_MISTAKES_OF[table.number], by_kind)
    if kind is None:
        return None
    if result.multilabel and len(result.classes) == len(table.rows):
        for row, name in zip(table.row_names, result.classes, strict=True):
            rows[row], over[row] = _counts(table, result, kind, name)
            standing[row] = name
        return Measured(rows, standing, over)
    values, pairs = _counts(table, result, kind, "")
    return Measured({_TOGETHER: values}, {_TOGETHER: kind}, {_TOGETHER: pairs}, {_TOGETHER: _summed(table)})


def _counts(table: PrintedTable, result: Mistakes, kind: str, of: str) -> tuple[Values, int]:
    """Counts of mistakes as the table counts them, and over how many pairs."""
    roles = {m.label: m.role for m in result.members}
    mine = [s for s in result.shared if s.kind == kind and s.of == of]
    turned = [roles[s.a] == "RI-T" and roles[s.b] == "P-T" for s in mine]

    def mean(first: str, second: str) -> float:
        values = [_of(s, second if t else first) for s, t in zip(mine, turned, strict=True)]
        known = [x for x in values if math.isfinite(x)]
        return float(np.mean(known)) if known else math.nan

    only_first, only_second = mean("only_a_correct", "only_b_correct"), mean("only_b_correct", "only_a_correct")
    found = {
        "P-T acc": mean("accuracy_a", "accuracy_b"),
        "RI-T acc": mean("accuracy_b", "accuracy_a"),
        # In Table 6 g1 is what only the first gets wrong; see the remark there.
        "g1": only_second if table.number == 6 else only_first,
        "g2": only_first if table.number == 6 else only_second,
        "Common mistakes": mean("both_wrong", "both_wrong"),
        "r1": mean("uncommon_share_a", "uncommon_share_b"),
        "r2": mean("uncommon_share_b", "uncommon_share_a"),
    }
    return {column: (x, "") for column, x in found.items() if column in table.columns}, len(mine)


def _of(shared: SharedMistakes, what: str) -> float:
    if what.startswith("accuracy"):
        own = shared.only_a_correct if what.endswith("a") else shared.only_b_correct
        return (shared.both_correct + own) / shared.n
    return float(getattr(shared, what))


def _summed(table: PrintedTable) -> tuple[str, ...]:
    """The rows of a table by class taken together: mean accuracies, summed counts, shares of these."""
    g1, g2, common = (
        sum(int(table.cell(row, c)) for row in table.row_names) for c in ("g1", "g2", "Common mistakes")
    )
    first, second = (
        sum(table.value(row, c) for row in table.row_names) / len(table.rows) for c in ("P-T acc", "RI-T acc")
    )
    shares = [f"{x:.4f}" for x in (g2 / (g2 + common), g1 / (g1 + common))]
    return (f"{first:.4f}", f"{second:.4f}", str(g1), str(g2), str(common), *shares)


def _transfer(table: PrintedTable, result: Transfer, target: str) -> Measured:
    """Liu et al.'s tables: errors in per cent, deviations, improvement, of the best start of each kind."""
    fixed, tuned, scratch = (result.best(target, kind) for kind in ("head only", "fine-tuned", "scratch"))

    def mean(group: TransferGroup | None, what: str, scale: float = 1.0) -> tuple[float, str]:
        values = group.values(what) if group else []
        if group is None or not values:
            return math.nan, ""
        return scale * float(np.mean(values)), "1 − AUC" if what.endswith("error") and group.metric == "auc" else ""

    if table.number == 1:
        values: Values = {}
        for kind, group in (("fixed", fixed), ("fine-tuned", tuned)):
            values[f"training error ({kind})"] = mean(group, "train_error", 100)
            values[f"test error ({kind})"] = mean(group, "test_error", 100)
            values[f"deviation ({kind})"] = mean(group, "deviation")
        return Measured({"": values})
    deviation = mean(scratch, "from_pretrained")
    deviation = (
        (deviation[0], "from the pre-trained weights, without head")
        if math.isfinite(deviation[0])
        else (mean(scratch, "deviation")[0], "from the own start")
    )
    gain = math.nan if tuned is None or scratch is None else result.improvement(tuned).value
    return Measured(
        {
            "": {
                "test error": mean(scratch, "test_error", 100),
                "fine-tuning improvement": (gain, ""),
                "deviation": deviation,
            }
        }
    )
