"""Every decided claim, the data that it is tried on, the truths at which no verdict is right, and its effect."""

from __future__ import annotations

from . import families as f
from .family import Case, Family, Row, Truth

__all__ = ["ROWS", "rows_of"]

_TRUE = 0.3
"""Far over a margin: a part that is clearly true, where another one is not."""


def _difference(claim: str, family: Family, effect: float, null: float = 0.0) -> Row:
    """A number over a null, or within a margin at the margin itself."""
    return Row(claim, family, (Case("at null", (null,)),), (effect,))


def _all(claim: str, family: Family, null: Truth, true: Truth, effect: Truth | None = None) -> Row:
    """Several numbers: all at their null, and each alone at it while the others are clearly true."""
    alone = tuple(true[:i] + null[i : i + 1] + true[i + 1 :] for i in range(len(null)))
    cases = (Case("all at null", null), *(Case(f"number {i} at null", t) for i, t in enumerate(alone, 1)))
    return Row(claim, family, cases, effect or true)


def _each(claim: str, family: Family, parts: int, null: float, true: float, effect: Truth) -> Row:
    """One thing of several numbers, all alike: all at null, and one at null while the others are clearly true."""
    rest = (true,) * (parts - 1)
    return Row(claim, family, (Case("all at null", (null,) * parts), Case("one at null", (null, *rest))), effect)


def _peak(claim: str, family: Family, effect: float) -> Row:
    """A height at the margin, at one place or at all."""
    cases = (Case("at the margin in the middle", (0.02, 0.0)), Case("at the margin everywhere", (0.02, 1.0)))
    return Row(claim, family, cases, (effect, 0.0))


ROWS: tuple[Row, ...] = (
    _difference("000-3.1-a", f.ACCURACY, 0.082),
    _difference("000-3.1-b", f.SPEED, 0.05),
    _all("000-3.1-d", f.MODULES, (0.0, 0.0), (0.05, 0.05), (0.02, 0.02)),
    _difference("000-3.1-e", f.DROP, 2.0),
    _difference("000-3.1-f", f.DROP, 0.0, null=1.0),
    _all("000-3.1-g", f.LOG_SPEED, (0.0, 0.0), (0.2, 0.2), (0.05, 0.05)),
    _difference("000-3.1-h", f.ACCURACY, 0.02),
    _difference("000-3.1-i", f.SPEED, 0.05),
    _difference("000-3.2-a", f.DISAGREE_ACROSS, 0.077),
    _difference("000-3.2-b", f.HARDNESS, 0.1),
    _difference("000-3.2-c", f.CKA["PP-RR"], 0.14),
    _difference("000-3.2-d", f.CKA["PP-PR"], 0.14),
    _difference("000-3.2-e", f.CKA["given-PR"], 0.14),
    _each("000-3.2-f", f.LAST_MODULE, 3, 0.0, 0.1, (0.017, 0.03, 0.05)),
    _difference("000-3.2-g", f.DISTANCES, 1.97, null=1.0),
    *(_difference("000-3.2-g", f.DISTANCES_FEW[k], 1.97, null=1.0) for k in (1, 2)),
    _difference("000-3.2-h", f.STARTS, 2.1, null=1.0),
    _difference("000-3.2-i", f.STARTS, 1.92, null=1.0),
    _each("000-3.2-j", f.DEPTHS, 2, 1.0, 10.0, (1.5, 1.5)),
    _each("000-3.2-j", f.DEPTHS_WANDER, 2, 1.0, 10.0, (1.5, 1.5)),
    _peak("000-3.3-a", f.PEAK_TWO, 0.0),
    *(_peak("000-3.3-a", f.PEAK_FEW[k], 0.0) for k in (1, 2)),
    _all("000-3.3-b", f.GAIN, (0.0, 0.0), (0.04, 0.04), (0.01, 0.01)),
    _peak("000-3.3-c", f.PEAK_TWO, 0.1),
    _peak("000-3.3-d", f.PEAK_TWO, 0.1),
    _peak("000-3.3-e", f.PEAK_RUN, 0.0),
    _peak("000-3.3-f", f.PEAK_RUN, 0.04),
    _all("000-3.3-g", f.BASIN, (0.01, 0.0), (0.002, 0.1), (0.0054, 0.05)),
    _all("000-3.3-h", f.BASIN, (0.01, 0.0), (0.002, 0.1), (0.1, 0.0)),
    _difference("000-3.4-a", f.CRITICAL, 0.1, null=0.02),
    _all("000-3.4-b", f.CRITICAL, (0.02, 0.02), (_TRUE, 0.0), (0.1, 0.0)),
    _each("000-3.4-c", f.CRITICAL, 2, 0.02, _TRUE, (0.1, 0.1)),
    _difference("000-3.4-d", f.REWOUND_DEPTH, 0.1),
    _difference("000-3.4-d", f.REWOUND_DEPTH_WANDER, 0.1),
    _all("000-3.4-e", f.VALLEYS, (1.0, 1.0), (1000.0, 1000.0), (10.0, 10.0)),
    _all("000-3.4-e", f.VALLEYS_WANDER, (1.0, 1.0), (1000.0, 1000.0), (10.0, 10.0)),
    _difference("000-3.4-f", f.SIZES, 0.1),
    _difference("000-3.4-g", f.NEAR, 0.25),
    _difference("000-3.5-a", f.CHECKPOINTS, 0.05),
    _difference("000-3.5-a", f.PRETRAININGS, 0.05),
    _difference("000-3.5-b", f.CHECKPOINT_SPEED, 0.05),
    _difference("000-3.5-b", f.PRETRAININGS, 0.05),
    _difference("000-3.5-c", f.PLATEAU, 0.1),
    Row(
        "000-3.5-d",
        f.EARLIER,
        (
            Case("all at the margin", (-0.01,) * 3),
            Case("first at the margin, others worse", (-0.01, -0.1, -0.2)),
            Case("last at the margin, others worse", (-0.1, -0.1, -0.01)),
        ),
        (0.0, 0.0, 0.0),
    ),
    _difference("000-5-a", f.AGREEING, 0.0, null=-0.02),
    _difference("000-B.1-a", f.ACCURACY, 0.02),
    _difference("000-B.1-b", f.ACCURACY, 0.02),
    Row(
        "000-B.1-c",
        f.OVERFIT,
        (
            Case("all at the margin", (0.01,) * 4),
            Case("number 1 at the margin", (0.01, 0.0, 0.0, 0.0)),
            Case("number 2 at the margin", (0.1, 0.01, 0.0, 0.0)),
        ),
        (0.02, 0.0, 0.0, 0.0),
    ),
    _difference("000-B.2-a", f.DISAGREE_WITHIN, 0.014),
    _each("000-B.2-b", f.CLASSES, 10, 0.0, 0.3, (0.0048, *(0.05,) * 9)),
    _difference("000-B.2-c", f.CLASS_SIZE, 0.0205),
    _all("000-B.4-a", f.AUC_LOSS, (0.0, 0.0), (0.1, 0.3), (0.01, 0.05)),
    _difference("000-B.5-a", f.HEIGHTS, 0.02),
    _difference("000-B.6-a", f.EDGES, 0.25, null=0.5),
    _difference("000-B.7-a", f.ACCURACY, 0.02),
    _all("000-B.7-b", f.DOMAINS, (0.0, 0.0), (0.04, 0.04), (0.01, 0.01)),
    Row(
        "000-B.9-a",
        f.SAME,
        (
            Case("both at 0.9", (0.9, 0.9)),
            Case("one at 0.9", (0.9, 0.99)),
            Case("both at 0.5", (0.5, 0.5)),
            Case("one at 0.5", (0.5, 0.99)),
        ),
        (0.95, 0.95),
    ),
    _difference("000-C-a", f.SINGULAR, 0.05),
    _difference("000-C-b", f.SINGULAR, 0.05),
    _all("000-C-c", f.NORMS, (1.0, 1.0), (1.5, 1.5), (1.1, 1.1)),
    _each("002-3-a", f.TRAINING, 8, 0.01, 0.0005, (0.0015,) * 8),
    _difference("002-3-b", f.AGREEING, 0.008, null=-0.01),
    _each("002-3-d", f.STEPS, 10, 0.0, 1.0, (0.1, 0.3, 0.6, 0.8, 1.0) * 2),
    _each("002-3-f", f.TARGETS, 2, 0.0, 0.999, (0.39, 0.39)),
    _all("002-3-g", f.CURVATURE, (1.0, 1.0), (10.0, 10.0), (1.5, 1.5)),
    _difference("002-3-h", f.LOSS_RISE, 0.1),
    _difference("002-3-i", f.TARGET_STARTS, 1.5, null=1.0),
    _difference("002-3-j", f.GATHERING, 1.5, null=1.0),
    _difference("002-4-a", f.GIVEN, 0.1),
    _difference("002-4-b", f.CURVATURE, 1.5, null=1.0),
    _difference("002-4-c", f.CURVATURE, 1.5, null=1.0),
    _difference("002-4-d", f.GRADIENT, 1.5, null=1.0),
    _all("002-4-e", f.LEADING, (1.0, 1.0), (10.0, 10.0), (1.5, 1.5)),
    _all("002-4-f", f.GROWTH, (1.0, 1.0, 1.0), (10.0, 10.0, 10.0), (1.5, 1.5, 1.5)),
    _each("002-5.1-a", f.SOURCES, 2, 0.0, 0.2, (0.02, 0.02)),
    _difference("002-5.1-b", f.STARTS, 1.33, null=1.0),
    _difference("002-5.1-c", f.AGREEING, 0.0, null=0.01),
    _all("002-5.2-a", f.BEST_CHECKPOINT, (0.0, 0.0, 0.0), (0.2, 0.2, 0.2), (0.02, 0.02, 0.05)),
    _difference("002-B.3-a", f.ACCURACY, 0.144),
    _difference("002-B.3-b", f.STARTS, 1.33, null=1.0),
    _difference("002-B.3-c", f.STARTS, 1.33, null=1.0),
    _all("002-B.4-a", f.ROUGH, (1.0, 1.0, 1.25), (10.0, 10.0, 0.8), (1.5, 1.5, 1.0)),
    _peak("003-a", f.PEAK_ACROSS, 0.1),
    _difference("003-b", f.SOUPS, 0.005),
    _all("003-c", f.SOUPS, (0.0, 0.0), (0.05, 0.05), (0.005, 0.005)),
    _difference("002-6-a", f.WIDE, 0.0, null=0.1),
    _difference("002-6-b", f.WIDE, 0.0, null=0.1),
    _difference("003-e", f.FLOORS, 0.05, null=0.02),
    Row(
        "003-i",
        f.OFFSETS,
        (
            Case("all at the margin", (0.02,) * 4),
            Case("number 1 at the margin", (0.02, 0.0, 0.0, 0.0)),
            Case("number 2 at the margin", (0.0, 0.02, 0.0, 0.0)),
        ),
        (0.0,) * 4,
    ),
    _difference("003-l", f.NEEDS, 0.5),
    _difference("003-m", f.TOP_LAYERS, 0.05),
    _difference("003-n", f.DECAYS_UP, -0.01),
    Row(
        "003-o",
        f.DECAYS_DOWN,
        (Case("all at null", (0.0,) * 3), Case("one at null", (0.0, -0.05, -0.05))),
        (0.01, 0.0, 0.0),
    ),
    _all("003-p", f.DECAYS_MARGINS, (0.0, 0.0), (-0.3, 0.3), (-0.05, 0.05)),
    _all("003-q", f.DECAYS_NORMS, (0.0, 0.0), (-0.3, 0.3), (-0.1, 0.05)),
    _difference("003-r", f.DECAYS_DOWN, 0.01),
    _difference("003-s", f.SOUPS, 0.005),
    _difference("003-t", f.SOUPS, 0.0, null=0.01),
    _difference("003-u", f.SOUPS_SHIFTED, 0.0032),
    _difference("003-v", f.SOUPS_SHIFTED, 0.0034),
    _all("003-C-a", f.MOST_AND_LEAST, (0.02, 0.02), (_TRUE, 0.0), (0.1, 0.0)),
    _difference("003-C-c", f.RANKS, 0.3),
    _each("003-C-d", f.RANKS_AHEAD, 9, 0.0, 0.4, (0.2,) * 9),
    *(
        Row(
            claim,
            f.PAIRED_SOURCES,
            (
                Case("one source at the margin", (0.02, 0.02, 0.0)),
                Case("sources in steps to the margin", (0.01, 0.02, 0.01)),
            ),
            (0.05, 0.05, 0.0),
        )
        for claim in ("003-A-a", "003-A-b")
    ),
    _each("003-A-c", f.PAIRED_KINDS, 2, 0.0, 0.2, (0.02, 0.02)),
    _difference("003-A-d", f.PAIRED_KINDS, 0.12),
    _difference("003-A-e", f.PAIRED_KINDS, 0.02),
)


def rows_of(claim: str) -> tuple[Row, ...]:
    """Return the rows of one claim."""
    return tuple(row for row in ROWS if row.claim == claim)
