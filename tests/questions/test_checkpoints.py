import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.questions.checkpoints.findings import (
    DECLINE_CLAIM,
    EARLIER_CLAIM,
    FINAL_CLAIM,
    PLATEAU_CLAIM,
    SPEED_CLAIM,
    rise,
)
from transferscope.questions.checkpoints.measure import Checkpoints, checkpoints
from transferscope.records import from_tree, to_tree
from transferscope.report.tables import as_text, table_of
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

EPOCHS = (0, 2, 5, 10, 20)
LATE = (0.50, 0.58, 0.64, 0.70, 0.76)
"""A final metric that rises to the end."""
SPREAD = (-0.01, 0.0, 0.01)
"""Over seeds."""
SOON = (0.40, 0.58, 0.60, 0.60, 0.60)
"""A speed that is there at epoch 2."""


def run(label, final, speed, *, target="clipart", seed=0, role="P-T", ended="finished", metric="accuracy"):
    epochs = {"epoch": np.array([1, 2]), "step": np.array([10, 20]), f"test_{metric}": np.array([0.1, final])}
    epochs["train_accuracy"] = np.array([speed - 0.1, speed + 0.1])
    return Run(label, role, "", seed, target, Recipe(), {}, epochs, {}, ended)


def source(values=(0.3, 0.5, 0.6, 0.65), at=(2, 5, 10, 20)):
    epochs = {"epoch": np.array(at), "step": np.array(at), "test_accuracy": np.array(values)}
    return Run("pre", "P", "", 0, "photos", Recipe(), {}, epochs, {})


def started(finals=LATE, speeds=SOON, seeds=3, epochs=EPOCHS, **more):
    """Runs by checkpoint; seeds differ by a hundredth."""
    return {
        e: [run(f"P-T {s}", f + 0.01 * (s - 1), v + 0.01 * (s - 1), seed=s, **more) for s in range(seeds)]
        for e, f, v in zip(epochs, finals, speeds, strict=True)
    }


def asked(runs, **more):
    targets = {r.target for of in runs.values() for r in of}
    return checkpoints(runs, more.pop("pre", source()), test_images=dict.fromkeys(targets, 1000), **more)


def claims(result):
    return {f.claim: f for f in result.findings() if f.claim}


def test_the_table():
    scratch = [run(f"RI-T {s}", 0.5, 0.3, seed=s, role="RI-T") for s in range(2)]
    frame = asked(started(), scratch=scratch).frame().set_index("start")
    assert list(frame.index) == ["epoch 0", "epoch 2", "epoch 5", "epoch 10", "epoch 20", "scratch"]
    row = frame.loc["epoch 10"]
    assert row["final"] == pytest.approx(0.70) and row["speed"] == pytest.approx(0.60)
    assert row["final_sd"] == pytest.approx(0.01) and row["source_test_accuracy"] == 0.6
    low, high = stats.t.interval(0.95, 2, 0.70, 0.01 / math.sqrt(3))
    assert (row["final_low"], row["final_high"]) == pytest.approx((low, high))
    assert math.isnan(frame.loc["epoch 0", "source_test_accuracy"])  # nothing was evaluated before training
    assert frame.loc["scratch", "final"] == 0.5 and frame.loc["scratch", "final_interval_over"] == "test images"
    assert math.isnan(frame.loc["scratch", "speed_low"])  # two seeds, and no share of the test images
    assert frame["epoch"].isna().tolist() == [False] * 5 + [True]
    runs = asked(started(), scratch=scratch).run_frame()
    assert len(runs) == 17 and runs["epoch"].isna().sum() == 2 and as_text(runs["epoch"].iloc[-1]) == "–"
    assert table_of(runs).numeric[2] and runs["epoch"].iloc[0] == 0


def test_a_line_is_that_of_linregress():
    x, y = [0.0, 0.0, 0.5, 0.5, 1.0, 1.0], [0.1, 0.3, 0.2, 0.5, 0.4, 0.8]
    want = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 4) * want.stderr
    assert rise(x, y) == pytest.approx((want.slope, want.slope - half, want.slope + half))


def test_later_checkpoints_are_better_and_speed_is_there_first():
    found = claims(asked(started()))
    assert found[FINAL_CLAIM].verdict == "agrees" and found[FINAL_CLAIM].n == 12
    assert "58.0 % from epoch 2, 76.0 % from epoch 20" in found[FINAL_CLAIM].text
    plateau = found[PLATEAU_CLAIM]
    # 90 % of the rise: 0.734 first reached at epoch 20, and 0.58 at epoch 2.
    assert plateau.value == 18 and plateau.verdict == "agrees" and plateau.low > 0
    assert "at epoch 2, that of the final test accuracy at epoch 20, 18 epochs later (" in plateau.text


def test_random_weights_are_no_checkpoint_of_a_trend():
    """Everything is better than epoch 0, and of the rest the earliest is best: no rise with pre-training."""
    found = claims(asked(started((0.3, 0.62, 0.60, 0.58, 0.56), SOON)))
    final, speed = found[FINAL_CLAIM], found[SPEED_CLAIM]
    assert final.verdict == "disagrees" and speed.verdict == "cannot tell"
    line = stats.linregress(np.repeat(np.arange(4) / 3, 3), np.ravel(np.add.outer((0.62, 0.6, 0.58, 0.56), SPREAD)))
    assert final.value == pytest.approx(line.slope) and f"changes by −{-100 * line.slope:.1f} points" in final.text
    assert "from the first to the last (" in final.text and "without epoch 0, which is before" in final.text
    rising = claims(asked(started()))[FINAL_CLAIM]
    assert f"order of the checkpoints rises by {100 * rising.value:.1f} points" in rising.text
    two = claims(asked(started((0.3, 0.6), (0.4, 0.5), epochs=(0, 4))))[FINAL_CLAIM]
    assert two.verdict == "agrees" and two.n == 6 and "without epoch 0" not in two.text


def test_where_nothing_was_learned_nothing_is_judged():
    low = started((0.05, 0.06, 0.08, 0.09, 0.1))
    assert claims(asked(low))[FINAL_CLAIM].verdict == "agrees"
    got = asked(low, chance={"clipart": 0.1, "real": 0.1})
    assert {f.verdict for f in claims(got).values()} == {"cannot tell"} and got.chance == {"clipart": 0.1}
    [told] = [f for f in got.findings() if f.weight == 0.9 and f.claim is None]
    assert "always naming the most frequent class 10.0 %" in told.text and told.value == pytest.approx(0)
    assert {f.verdict for f in claims(asked(started(), chance={"clipart": 0.3})).values()} > {"agrees"}


def test_plateaus_the_other_way_round_disagree():
    turned = claims(asked(started(SOON, LATE)))[PLATEAU_CLAIM]
    assert turned.verdict == "disagrees" and "at epoch 2, 18 epochs earlier (" in turned.text
    both = claims(asked(started(LATE, LATE)))[PLATEAU_CLAIM]
    assert "at epoch 20, at the same epoch (at the same epoch to at the same epoch" in both.text
    assert claims(asked(started(seeds=1)))[PLATEAU_CLAIM].verdict == "cannot tell"


def test_benefits_that_fall_disagree():
    found = claims(asked(started(LATE[::-1], SOON[::-1])))
    assert found[FINAL_CLAIM].verdict == found[SPEED_CLAIM].verdict == "disagrees"


def test_one_seed_has_a_trend_over_checkpoints():
    found = claims(asked(started(seeds=1)))
    want = stats.linregress(np.arange(4) / 3, LATE[1:])
    assert found[FINAL_CLAIM].value == pytest.approx(want.slope) and found[FINAL_CLAIM].verdict == "agrees"
    assert "over 4 runs" in found[FINAL_CLAIM].text


def test_two_checkpoints_of_one_seed_are_compared_over_test_images():
    got = asked(started((0.5, 0.7), (0.4, 0.5), seeds=1, epochs=(1, 4)))
    final, speed = claims(got)[FINAL_CLAIM], claims(got)[SPEED_CLAIM]
    assert final.verdict == "agrees" and "over test images" in final.text and final.value == pytest.approx(0.2)
    assert speed.verdict == "cannot tell" and speed.low is None
    assert {PLATEAU_CLAIM, DECLINE_CLAIM}.isdisjoint(claims(got))


def test_one_can_start_earlier_where_the_loss_is_surely_small():
    flat = (0.5, 0.6, 0.701, 0.7, 0.7)
    runs = {
        e: [run(f"P-T {s}", f + 0.001 * (s - 1), 0.5, seed=s) for s in range(3)]
        for e, f in zip(EPOCHS, flat, strict=True)
    }
    earlier = claims(asked(runs))[EARLIER_CLAIM]
    want = stats.ttest_ind([0.7, 0.701, 0.702], [0.699, 0.7, 0.701], equal_var=False).confidence_interval(0.95)
    assert earlier.verdict == "agrees" and "one can start from epoch 5 on and lose less than 1 point" in earlier.text
    assert "is 70.1 % from epoch 5 against 70.0 % from epoch 20, difference 0.1 points (" in earlier.text
    assert (earlier.value, earlier.low, earlier.high) == pytest.approx((0.001, want.low, want.high))


def test_one_cannot_where_every_earlier_one_is_worse_and_one_cannot_tell_from_noise():
    found = claims(asked(started()))[EARLIER_CLAIM]
    assert found.verdict == "disagrees" and "every earlier checkpoint ends worse than the last" in found.text
    near = claims(asked(started((0.5, 0.6, 0.7, 0.7, 0.7))))[EARLIER_CLAIM]  # within 2.3 points, and no better known
    assert near.verdict == "cannot tell" and "no earlier checkpoint is known to cost less than 1 point" in near.text


def test_a_decline_counts_while_the_source_still_rises():
    humps = (0.50, 0.70, 0.80, 0.78, 0.70)
    found = claims(asked(started(humps)))[DECLINE_CLAIM]
    d = stats.ttest_ind([0.79, 0.8, 0.81], [0.69, 0.7, 0.71], equal_var=False).confidence_interval(1 - 0.05 / 4)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, d.low, d.high)) and found.verdict == "agrees"
    assert "rises by 15.0 points in between" in found.text and "from epoch 5" in found.text
    fallen = asked(started(humps), pre=source((0.3, 0.7, 0.6, 0.5)))
    assert claims(fallen)[DECLINE_CLAIM].verdict == "cannot tell"
    assert "falls by 20.0 points" in claims(fallen)[DECLINE_CLAIM].text
    assert claims(asked(started()))[DECLINE_CLAIM].verdict == "disagrees"
    first = asked(started((0.8, 0.7, 0.6, 0.6, 0.6)), pre=source((0.1, 0.2, 0.5, 0.6, 0.65), at=EPOCHS))
    assert claims(first)[DECLINE_CLAIM].verdict == "cannot tell"  # it never rose


def test_source_metric_is_held_beside():
    [f] = [f for f in asked(started()).findings() if "have a correlation" in f.text]
    assert f.value == pytest.approx(stats.pearsonr([0.3, 0.5, 0.6, 0.65], LATE[1:]).statistic) and f.n == 4


def test_from_scratch_is_beaten_from_some_checkpoint_on():
    scratch = [run(f"RI-T {s}", 0.6 + 0.01 * (s - 1), 0.3, seed=s, role="RI-T") for s in range(3)]
    [f] = [f for f in asked(started(), scratch=scratch).findings() if "from scratch" in f.text]
    assert "every checkpoint from epoch 5 on beats" in f.text and f.value == pytest.approx(0.04)
    assert "64.0 % from epoch 5 against 60.0 %, difference 4.0 points" in f.text
    elsewhere = [run("RI-T 0", 0.6, 0.3, target="real", role="RI-T")]
    assert not any("from scratch" in f.text for f in asked(started(), scratch=elsewhere).findings())


def test_diverged_runs_stay_and_do_not_count():
    runs = started()
    runs[0] = [run("P-T 0", 0.9, 0.9, ended="diverged at step 7")]
    runs[20].append(run("P-T 9", 0.1, 0.1, seed=9, ended="diverged at step 3"))
    got = asked(runs)
    frame = got.frame().set_index("epoch")
    assert frame.loc[0, ["seeds", "diverged"]].tolist() == [0, 1] and math.isnan(frame.loc[0, "final"])
    assert frame.loc[20, "final"] == pytest.approx(0.76) and got.measured("clipart", "final") == EPOCHS[1:]
    told = [f.text for f in got.findings() if "diverged" in f.text]
    assert "2 runs of 14 diverged" in told[0] and "P-T 0 on clipart from epoch 0 (diverged at step 7)" in told[0]
    every = {e: [run("P-T 0", 0.9, 0.9, ended="diverged at step 7")] for e in (0, 1)}
    assert len(asked(every).findings()) == 1


def test_several_targets_and_multi_label():
    labels = started(seeds=1, target="xray", metric="auc")
    runs = {e: [*of, *labels[e]] for e, of in started().items()}
    got = asked(runs)
    assert got.targets == ("clipart", "xray") and len(got.frame()) == 10
    xray = [f for f in got.findings() if f.text.startswith("xray")]
    assert "final test AUC" in xray[0].text
    assert next(f for f in xray if f.claim == EARLIER_CLAIM).verdict == "cannot tell"  # no interval of one AUC


def test_a_source_that_was_never_evaluated():
    nothing = source()
    for name in ("test_accuracy",):
        del nothing.epochs[name]
    got = asked(started(), pre=nothing)
    assert got.source_metric == "" and got.frame()["source_metric"].isna().all()
    assert claims(got)[DECLINE_CLAIM].verdict == "disagrees"


def test_round_trip(tmp_path):
    got = asked(started())
    got.save(tmp_path)
    back = Checkpoints.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(got), to_tree(back)
    assert tree == tree_back and all(np.array_equal(v, arrays_back[k]) for k, v in arrays.items())
    assert back.findings() == got.findings() and back.frame().equals(got.frame())
    del tree["chance"]  # as it was stored before there was one
    assert from_tree(Checkpoints, tree, arrays).findings() == got.findings()


def test_bad_input_is_named():
    runs = started()
    with pytest.raises(UsageError, match="epoch 0 only; give runs from at least two epochs"):
        asked({0: runs[0]})
    with pytest.raises(UsageError, match="checkpoint of epoch 7 of no runs"):
        asked(runs | {7: []})
    with pytest.raises(UsageError, match="epochs count from 0"):
        asked(runs | {-1: runs[0]})
    with pytest.raises(UsageError, match="two runs on clipart are called 'P-T 0'"):
        asked(runs | {7: [runs[0][0]] * 2})
    with pytest.raises(UsageError, match="test_images has no 'clipart'"):
        checkpoints(runs, source(), test_images={})
