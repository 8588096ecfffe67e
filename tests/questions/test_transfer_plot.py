import dataclasses
import math
from itertools import pairwise

import numpy as np
import pytest

from transferscope.questions.transfer.measure import Transfer, Transferred

from .drawn import drawn

ERRORS = {"head only": (0.3, 0.1), "fine-tuned": (0.15, 1.0), "scratch": (0.4, 3.0)}


def result(targets=("clipart", "xray"), seeds=2, kinds=tuple(ERRORS), gone=()):
    runs = []
    for target in targets:
        for kind in kinds:
            for seed in range(seeds):
                error, far = (x + 0.01 * seed for x in ERRORS[kind])
                ended, off = ("diverged at step 3", math.nan) if (target, kind) in gone else ("finished", 0.0)
                metric = "auc" if target == "xray" else "accuracy"
                numbers = (0.01 + off, error + off, far + off, 2 * far + off)
                runs.append(Transferred(f"{kind} {seed}", target, kind, kind, "", seed, 0.1, ended, metric, *numbers))
    return Transfer(tuple(runs), dict.fromkeys(targets, 500), dict.fromkeys(targets, 1000), ())


def dots(ax, colour):
    return [
        (round(float(x.get_xdata()[0]), 6), x.get_markerfacecolor() != "white")
        for x in ax.lines
        if x.get_color() == colour and x.get_marker() in "osD" and len(x.get_xdata()) == 1
    ]


def test_draws_a_row_a_target_and_a_panel_a_number():
    made = result()
    fig = drawn(made)
    error, deviation, improvement = fig.get_axes()
    assert [t.get_text() for t in error.get_yticklabels()] == ["clipart", "xray"]
    assert error.get_xlabel() == "error or 1 − AUC (%)"
    assert dots(error, "#0072B2") == [(15.5, True), (1.0, False)] * 2  # test filled, train open
    assert dots(deviation, "#D55E00") == [(3.005, True), (6.01, False)] * 2  # own start filled, pre-trained open
    assert dots(deviation, "#0072B2") == [(1.005, True)] * 2
    gain = 100 * made.improvement(made.best("clipart", "fine-tuned")).value
    np.testing.assert_allclose([x for x, _ in dots(improvement, "#0072B2")], [gain] * 2, atol=1e-5)
    told = [t.get_text() for t in fig.legends[0].get_texts()]
    assert told == [
        "head only",
        "fine-tuned",
        "scratch",
        "open: train error (left), from the pre-trained weights (middle)",
    ]
    assert not [c for c in error.collections if c.get_segments()], "two networks have no interval"
    bars = [c for c in drawn(result(seeds=3)).get_axes()[0].collections if c.get_segments()]
    assert len(bars) == 6


@pytest.mark.parametrize("scale", [100, 300, 330, 400, 1000])
def test_labels_of_small_deviations_do_not_run_into_each_other(scale):
    made = result()
    runs = [
        dataclasses.replace(r, deviation=r.deviation / scale, from_pretrained=r.from_pretrained / scale)
        for r in made.runs
    ]
    fig = drawn(dataclasses.replace(made, runs=tuple(runs)))
    ax = fig.get_axes()[1]
    low, high = ax.get_xlim()
    there = [t for x, t in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True) if low <= x <= high]
    boxes = [t.get_window_extent() for t in there]
    gap = 0.5 * there[0].get_fontsize() * fig.dpi / 72
    assert len(boxes) >= 3 and all(a.x1 + gap < b.x0 for a, b in pairwise(boxes))


def test_kinds_that_are_missing_and_runs_that_diverged():
    fig = drawn(result(("clipart",), 1, ("fine-tuned",)))
    assert len(fig.get_axes()) == 2 and fig.legends[0].get_texts()[0].get_text() == "fine-tuned"
    fig = drawn(result(("clipart",), gone={("clipart", "fine-tuned")}))
    assert "diverged (2 not shown)" in [t.get_text() for t in fig.legends[0].get_texts()]
    assert sum(x.get_marker() == "x" for x in fig.get_axes()[0].lines) == 1
