import math

import numpy as np
import pytest

from transferscope.questions.checkpoints.measure import CheckpointRun, Checkpoints

from .drawn import drawn


def result(targets=("clipart", "xray"), seeds=3, epochs=(0, 2, 8), scratch=True, source=True):
    rng = np.random.default_rng(0)
    runs, beside = [], []
    for t, target in enumerate(targets):
        metric = "auc" if target == "xray" else "accuracy"
        for seed in range(seeds):
            for e in epochs:
                gone = target == "clipart" and e == epochs[-1] and seed == 2
                final, speed = (0.4 + 0.1 * t + 0.02 * e + 0.01 * rng.random() for _ in range(2))
                ended, numbers = ("diverged at step 3", [math.nan] * 2) if gone else ("finished", [final, speed])
                runs.append(CheckpointRun(f"P-T {seed}", target, e, seed, 0.02, ended, metric, *numbers))
            beside.append(CheckpointRun(f"RI-T {seed}", target, -1, seed, 0.1, "finished", metric, 0.45, 0.3))
    at = np.arange(1, 9) if source else np.zeros(0, int)
    return Checkpoints(
        tuple(runs), tuple(beside) if scratch else (), "pre", "test_accuracy" if source else "", at, at / 10,
        dict.fromkeys(targets, 1000),
    )  # fmt: skip


def curve(ax, marker):
    return next(
        x for x in ax.lines if x.get_marker() == marker and len(x.get_xdata()) > 1 and x.get_color() != "#555555"
    )


def test_draws_both_panels_with_the_source_behind():
    made = result()
    fig = drawn(made)
    left, right, *behind = fig.get_axes()
    assert left.get_ylabel() == "test accuracy or AUC (%)" and right.get_ylabel() == "mean train accuracy (%)"
    assert behind[1].get_ylabel() == "pre-training, test accuracy (%)" and not behind[0].get_ylabel()
    for ax, what in ((left, "final"), (right, "speed")):
        for target, marker in (("clipart", "o"), ("xray", "s")):
            want = [100 * np.mean(made.values(target, e, what)) for e in (0, 2, 8)]
            line = curve(ax, marker)
            np.testing.assert_allclose(line.get_ydata(), want)
            assert list(line.get_xdata()) == [0, 2, 8]
    shade = behind[0].collections[0].get_paths()[0].vertices
    assert shade[:, 1].max() == pytest.approx(80) and shade[:, 0].max() == 8
    told = [t.get_text() for t in fig.legends[0].get_texts()]
    source, band = "pre-training, test accuracy (shaded)", "± standard deviation over seeds"
    assert told == ["clipart", "xray", source, band, "from scratch", "diverged"]
    last = left.collections[0].get_paths()[0].vertices  # of the first target; two runs are left at epoch 8
    spread = 100 * np.std(made.values("clipart", 8, "final"), ddof=1)
    assert np.ptp(last[last[:, 0] == 8][:, 1]) == pytest.approx(2 * spread)
    crosses = [x for x in left.lines if x.get_marker() == "x" and len(x.get_xdata())]
    assert [x.get_xdata()[0] for x in crosses] == [8]


def test_one_seed_two_checkpoints_and_nothing_beside():
    fig = drawn(result(("clipart",), 1, (1, 4), scratch=False, source=False))
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["clipart"] and len(fig.get_axes()) == 2
    assert fig.get_axes()[0].get_ylabel() == "test accuracy (%)"
    assert not fig.get_axes()[0].collections  # no band of one seed
