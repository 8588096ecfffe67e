import numpy as np
import pytest

from transferscope.probes.evaluation import How
from transferscope.questions._path_numbers import Height
from transferscope.questions._paths import Path
from transferscope.questions.barrier.measure import Barrier, BarrierPath
from transferscope.questions.mistakes.shared import SharedMistakes
from transferscope.questions.variants.measure import VariantGroup, VariantRun, Variants

from .drawn import drawn

N = 200


def group(start, share, runs=3, kinds=()):
    r = np.random.default_rng(len(start))
    right = (r.random((runs, N)) < share).astype(np.int8)
    labels = tuple(f"{start} {i}" for i in range(runs))
    pairs = [(a, b) for a in range(runs) for b in range(a + 1, runs)]
    return VariantGroup(
        start,
        kinds,
        tuple(VariantRun(label, i, "finished", share - 0.1 + 0.01 * i) for i, label in enumerate(labels)),
        labels,
        right.astype(float),
        np.maximum.accumulate(right, 0).astype(float),
        right[:, :, None],
        tuple(SharedMistakes.count(right[a], right[b], a=labels[a], b=labels[b]) for a, b in pairs),
    )


def line(a, b, height):
    heights = tuple(
        Height("test", "error", definition, height, max(0.0, height - 0.01), height + 0.01, 0.5, N)
        for definition in ("entezari", "frankle")
    )
    return BarrierPath(Path(a, b, f"{a} & {b}", ("", ""), np.array([0, 0.5, 1]), 1.0, ()), heights)


def result(runs=3, lines=True):
    groups = (
        group("P-T", 0.8, runs),
        group("top", 0.75, runs, ("top_singular",)),
        group("both", 0.75, runs, ("basin_noise", "average")),
        group("lost", 0.5, 0),
        group("RI-T", 0.6, runs),
    )
    joined = (line("P-T 0", "top 1", 0.0), line("P-T 1", "top 0", 0.001), line("P-T 0", "RI-T 1", 0.3))
    how = How("whole network", "float32", "cpu", 64, "none", "", "")
    barrier = Barrier(joined, (), "", 0.02, 100, how) if lines else None
    return Variants(groups, "P-T", "RI-T", "clipart", "accuracy", "test", N, 0.5, "final", 0.02, 100, (), barrier)


def test_a_row_a_start_and_a_panel_a_number():
    made = result()
    fig = drawn(made)
    final, speed, barrier, uncommon = fig.get_axes()
    titles = [ax.get_title(loc="left") for ax in (final, speed, barrier, uncommon)]
    assert titles == ["Test accuracy", "Optimisation speed", "Barrier to P-T", "Uncommon mistakes"]
    names = [t.get_text() for t in final.get_yticklabels()]
    assert names == [
        "P-T\n3 runs",
        "top\ntop singular values, 3 runs",
        "both\nnoise, averaged, 3 runs",
        "RI-T\n3 runs",
    ]
    assert final.get_ylim() == (3.5, -0.5), "the reference on top"
    assert "n = 200 images" in final.get_xlabel()
    means = {x.get_ydata()[0]: x.get_xdata()[0] for x in final.lines if x.get_marker() in "osD^"}
    for row, start in enumerate(("P-T", "top", "both", "RI-T")):
        assert means[row] == pytest.approx(100 * made.final(start).value)
    intervals = [x for x in final.lines if x.get_linestyle() == "-" and len(x.get_xdata()) == 2]
    assert len(intervals) == 4
    singles = [x for x in barrier.lines if x.get_marker() == "|"]
    assert [x.get_xdata().tolist() for x in singles] == [[0.0, pytest.approx(0.1)], [30.0]]
    assert [t.get_text() for t in barrier.texts] == ["–", "–"], "two P-T and 'both' are joined with nothing"
    threshold = [x for x in barrier.lines if x.get_linestyle() == "--"]
    assert threshold[0].get_xdata()[0] == 2.0 and barrier.get_xlim()[0] < 0 < 30 < barrier.get_xlim()[1]
    told = [t.get_text() for t in fig.legends[0].get_texts()]
    assert told == [
        "mean, 95 % interval",
        "single runs, pairs",
        "ensemble of all runs",
        "P-T",
        "threshold (2 points)",
    ]


def test_what_was_not_measured_has_no_panel():
    fig = drawn(result(runs=1, lines=False))
    assert [ax.get_title(loc="left") for ax in fig.get_axes()] == ["Test accuracy", "Optimisation speed"]
    told = [t.get_text() for t in fig.legends[0].get_texts()]
    assert told == ["mean, 95 % interval", "single runs, pairs", "P-T"]
