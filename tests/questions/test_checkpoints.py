import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.evidence.left_out import LeftOut
from transferscope.questions.checkpoints.measure import Checkpoints, checkpoints
from transferscope.records import from_tree, to_tree
from transferscope.report.tables import as_text, table_of
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

from .golden import golden

FINAL, SPEED, PLATEAU, EARLIER, DECLINE = (*(f"000-3.5-{letter}" for letter in "abcd"), "002-5.2-a")
EPOCHS = (0, 2, 5, 10, 20)
LATE = (0.50, 0.58, 0.64, 0.70, 0.76)
"""A final metric that rises to the end."""
SPREAD = (-0.01, 0.0, 0.01)
"""Over seeds."""
SOON = (0.40, 0.58, 0.60, 0.60, 0.60)
"""A speed that is there at epoch 2."""


def run(label, final, speed, *, target="clipart", seed=0, role="P-T", ended="finished", metric="accuracy", val=None):
    epochs = {"epoch": np.array([1, 2]), "step": np.array([10, 20]), f"test_{metric}": np.array([0.1, final])}
    if val is not None:
        epochs[f"val_{metric}"] = np.array([0.1, val])
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


def rows_of(runs, images=1000, seed=0):
    """What each test image adds: runs share which images are hard."""
    hard = np.random.default_rng(seed).random(images)
    return {
        e: [None if r.diverged else (hard < r.final_metric()).astype(float) for r in of] for e, of in runs.items()
    }


def validated(finals, vals, seeds=3, spread=0.01, **more):
    return {
        e: [run(f"P-T {s}", f + spread * (s - 1), v, seed=s, val=x, **more) for s in range(seeds)]
        for e, f, x, v in zip(EPOCHS, finals, vals, SOON, strict=True)
    }


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
    assert frame.loc["scratch", "final"] == 0.5 and frame.loc["scratch", "final_interval_over"] == "nothing"
    assert math.isnan(frame.loc["scratch", "speed_low"])  # two seeds, and no share of the test images
    assert frame["epoch"].isna().tolist() == [False] * 5 + [True]
    runs = asked(started(), scratch=scratch).run_frame()
    assert len(runs) == 17 and runs["epoch"].isna().sum() == 2 and as_text(runs["epoch"].iloc[-1]) == "–"
    assert table_of(runs).numeric[2] and runs["epoch"].iloc[0] == 0


def test_later_checkpoints_are_better_and_speed_is_there_first():
    found = claims(asked(started()))
    assert found[FINAL].verdict == "agrees" and (found[FINAL].n, found[FINAL].unit) == (3, "seeds")
    assert found[FINAL].scope == "for this checkpoint" and found[FINAL].target == "clipart"
    assert "58.0 % from epoch 2, 76.0 % from epoch 20" in found[FINAL].text
    plateau = found[PLATEAU]
    # By hand: Σ (middle of two epochs)·(part of the rise).
    late = (1 * 0.08 + 3.5 * 0.06 + 7.5 * 0.06 + 15 * 0.06) / 0.26
    soon = (1 * 0.18 + 3.5 * 0.02) / 0.2
    assert plateau.value == pytest.approx((late - soon) / 20)
    # One degree of freedom is left for what each of five checkpoints brings to all seeds.
    assert plateau.estimate.freedom == 1 and plateau.verdict == "cannot tell"
    # 90 % of the rise: 0.734 first reached at epoch 20, and 0.58 at epoch 2.
    assert "at epoch 2, that of the final test accuracy at epoch 20;" in plateau.text


def test_what_falls_again_has_no_plateau():
    found = claims(asked(started((0.5, 0.7, 0.8, 0.78, 0.7))))[PLATEAU]
    assert found.verdict == "cannot tell" and math.isnan(found.value)
    assert "the final metric falls again after its top" in found.text


def test_random_weights_are_no_checkpoint_of_a_trend():
    """Everything is better than epoch 0, and of the rest the earliest is best: no rise with pre-training."""
    found = claims(asked(started((0.3, 0.62, 0.60, 0.58, 0.56), SOON)))
    final, speed = found[FINAL], found[SPEED]
    assert final.verdict == "disagrees" and speed.verdict == "cannot tell"
    assert final.value == pytest.approx(stats.linregress(np.arange(4) / 3, (0.62, 0.6, 0.58, 0.56)).slope)
    assert "without epoch 0, which is before" in final.text
    two = claims(asked(started((0.3, 0.6), (0.4, 0.5), epochs=(0, 4))))[FINAL]
    assert two.value == pytest.approx(0.3) and "without epoch 0" not in two.text


def test_two_checkpoints_are_no_trend():
    """Each of two checkpoints may be lucky, and nothing is left to tell by how much."""
    got = asked(started((0.5, 0.7), (0.4, 0.5), seeds=5, epochs=(1, 4)))
    found = claims(got)
    assert found[FINAL].verdict == "cannot tell" and found[FINAL].why and found[FINAL].value == pytest.approx(0.2)
    assert found[EARLIER].verdict == "disagrees" and {PLATEAU, DECLINE}.isdisjoint(found)


def test_where_nothing_was_learned_claims_of_no_loss_are_silent():
    low = started((0.05, 0.1, 0.1, 0.1, 0.1))
    unfit = "did not clearly beat chance (10.0 %)"
    known = {"clipart": tuple(Witness(f"P-T {s}", "P-T", unfit) for s in range(3))}
    got = asked(low, chance={"clipart": 0.1, "real": 0.1}, witnesses=known)
    assert got.chance == {"clipart": 0.1}
    assert claims(got)[EARLIER].verdict == claims(got)[PLATEAU].verdict == "cannot tell"
    assert unfit in claims(got)[EARLIER].why
    [told] = [f for f in got.findings() if f.weight == 0.9 and f.claim is None]
    assert "always naming the most frequent class 10.0 %" in told.text and told.value == pytest.approx(0.1)
    assert {f.verdict for f in claims(asked(started(), chance={"clipart": 0.3})).values()} > {"agrees"}


def test_a_pretraining_that_learned_nothing_decides_nothing():
    known = {"clipart": (Witness("the pre-training", "P", "did not clearly beat chance"),)}
    assert {f.verdict for f in claims(asked(started(), witnesses=known)).values()} == {"cannot tell"}


X = np.linspace(0, 1, 8)
LINE, BOW = 0.5 + 0.26 * X, 0.4 + 0.2 * (X + 0.6 * X * (1 - X))
"""A rise along a line, and one that is there sooner."""
EVEN = (0, 2, 4, 6, 8, 10, 12, 14)


def test_seven_checkpoints_tell_which_rises_first():
    found = claims(asked(started(LINE, BOW, epochs=EVEN)))[PLATEAU]
    assert found.verdict == "agrees" and found.estimate.freedom == 2  # of three seeds
    # What each checkpoint brings to all seeds alike counts however many seeds there are.
    luck = 0.02 * np.array([0.0, 1, -1, 1, -1, 1, -1, 0])
    lucky = claims(asked(started(LINE, BOW + luck, epochs=EVEN, seeds=8)))[PLATEAU]
    assert lucky.verdict == "cannot tell" and lucky.estimate.freedom == 4


def test_speed_that_rises_later_disagrees():
    turned = claims(asked(started(BOW + 0.1, LINE - 0.1, epochs=EVEN)))[PLATEAU]
    assert turned.verdict == "disagrees" and turned.value < 0
    both = claims(asked(started(LATE, LATE)))[PLATEAU]
    assert both.value == pytest.approx(0, abs=1e-9)
    assert claims(asked(started(seeds=1)))[PLATEAU].verdict == "cannot tell"


def test_benefits_that_fall_disagree():
    found = claims(asked(started(LATE[::-1], LATE[::-1])))
    assert found[FINAL].verdict == found[SPEED].verdict == "disagrees"


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_decide_nothing(seeds):
    runs = started(seeds=seeds)
    found = claims(asked(runs, outcomes=rows_of(runs)))
    assert {f.verdict for f in found.values()} == {"cannot tell"}
    assert found[FINAL].value == pytest.approx(np.polyfit(np.arange(4) / 3, LATE[1:], 1)[0], abs=0.02)
    assert found[FINAL].estimate.over == "images" and found[FINAL].low > 0  # of these networks it is clear
    assert found[SPEED].low is None and found[EARLIER].estimate.over == "images"
    assert all("needs at least three" in f.why for f in found.values())
    assert claims(asked(runs))[FINAL].low is None  # nothing is known of images


def test_one_can_start_earlier_where_the_loss_is_surely_small():
    flat = (0.5, 0.6, 0.701, 0.7, 0.7)
    runs = {
        e: [run(f"P-T {s}", f + 0.001 * (s - 1), 0.5, seed=s) for s in range(3)]
        for e, f in zip(EPOCHS, flat, strict=True)
    }
    earlier = claims(asked(runs))[EARLIER]
    assert earlier.verdict == "agrees" and "one can start from epoch 5 on and lose less than 1 point" in earlier.text
    assert "is 70.1 % from epoch 5 against 70.0 % from epoch 20, difference 0.1 points (" in earlier.text
    want = stats.ttest_ind([0.699, 0.7, 0.701], [0.699, 0.7, 0.701], equal_var=False).confidence_interval(0.95)
    assert earlier.estimate.interval() == pytest.approx((want.low, want.high), abs=1e-12)  # of the latest, the first


def test_a_gap_ends_the_order_in_which_checkpoints_are_tested():
    """Epoch 2 is as good as the last, and yet nothing is said of it: epoch 10, tested first, is not known to be."""
    finals = (0.5, 0.7, 0.7, 0.6, 0.7)
    found = claims(asked(started(finals)))[EARLIER]
    assert found.verdict == "cannot tell" and "no earlier checkpoint is known" in found.text


def test_one_cannot_where_every_earlier_one_is_worse_and_one_cannot_tell_from_noise():
    found = claims(asked(started()))[EARLIER]
    assert found.verdict == "disagrees" and "every earlier checkpoint ends worse than the last" in found.text
    near = claims(asked(started((0.5, 0.6, 0.7, 0.7, 0.7))))[EARLIER]  # within 2.3 points, and no better known
    assert near.verdict == "cannot tell" and "no earlier checkpoint is known to cost less than 1 point" in near.text


HUMPS = (0.50, 0.70, 0.80, 0.78, 0.70)
RISING = {e: np.repeat([1.0, 0.0], [n, 1000 - n]) for e, n in zip(EPOCHS, (100, 300, 500, 600, 650), strict=True)}


def test_a_decline_counts_while_the_source_still_rises():
    found = claims(asked(validated(HUMPS, HUMPS), source_outcomes=RISING))[DECLINE]
    assert found.verdict == "agrees" and found.value == pytest.approx(0.3)
    assert "80.0 % from epoch 5, the best between by other seeds on validation images" in found.text
    assert "over the last 10.0 points" in found.text and "rises by 15.0 points" in found.text
    unsure = claims(asked(validated(HUMPS, HUMPS)))[DECLINE]
    assert unsure.verdict == "cannot tell" and "rises by 15.0 points" in unsure.text  # no interval of the source
    fallen = claims(asked(validated(HUMPS, HUMPS), source_outcomes=RISING | {20: RISING[2]}))[DECLINE]
    assert fallen.verdict == "disagrees" and "falls by 20.0 points" in fallen.text
    rising = claims(asked(validated(LATE, LATE), source_outcomes=RISING))[DECLINE]
    assert rising.verdict == "disagrees"


def test_the_best_is_chosen_on_validation_images_and_not_on_test_images():
    """On test images epoch 5 is best, on validation images epoch 10."""
    found = claims(asked(validated(HUMPS, (0.5, 0.6, 0.6, 0.7, 0.6)), source_outcomes=RISING))[DECLINE]
    assert "78.0 % from epoch 10" in found.text and found.value == pytest.approx(0.28)


def test_without_validation_images_the_best_is_chosen_on_other_test_images():
    runs = started(HUMPS)
    found = claims(asked(runs, outcomes=rows_of(runs), source_outcomes=RISING))[DECLINE]
    assert "on the other half of the test images" in found.text and found.estimate.over == "networks and images"
    none = claims(asked(runs, source_outcomes=RISING))[DECLINE]
    assert none.verdict == "cannot tell" and "no best checkpoint can be chosen" in none.text


def test_source_metric_is_held_beside():
    [f] = [f for f in asked(started()).findings() if "have a correlation" in f.text]
    assert f.value == pytest.approx(stats.pearsonr([0.3, 0.5, 0.6, 0.65], LATE[1:]).statistic) and f.n == 4
    assert f.low is None  # checkpoints of one pre-training are no sample


def test_from_scratch_is_beaten_from_some_checkpoint_on():
    scratch = [run(f"RI-T {s}", 0.6 + 0.01 * (s - 1), 0.3, seed=s, role="RI-T") for s in range(3)]
    [f] = [f for f in asked(started(), scratch=scratch).findings() if "from scratch" in f.text]
    assert "every checkpoint from epoch 5 on beats" in f.text and f.value == pytest.approx(0.04)
    assert "64.0 % from epoch 5 against 60.0 %, difference 4.0 points" in f.text
    elsewhere = [run("RI-T 0", 0.6, 0.3, target="real", role="RI-T")]
    assert not any("from scratch" in f.text for f in asked(started(), scratch=elsewhere).findings())


def test_diverged_runs_count_as_chance():
    runs = started()
    runs[20][0] = run("P-T 0", 0.9, 0.9, ended="diverged at step 3")
    got = asked(runs, chance={"clipart": 0.1}, outcomes=rows_of(runs))
    assert got.frame().set_index("epoch").loc[20, ["seeds", "diverged"]].tolist() == [2, 1]
    assert got.frame().set_index("epoch").loc[20, "final"] == pytest.approx(0.765)
    counted = got.counted("clipart", 20, "final")
    assert counted.numbers("final").tolist() == pytest.approx([0.1, 0.76, 0.77])
    assert (counted.examples("final")[0] == 0.1).all() and not got.left_out
    assert got.gain("clipart", 10, 20).value == pytest.approx(0.7 - (0.1 + 0.76 + 0.77) / 3)
    assert got.series("clipart", EPOCHS, "speed").values[0, -1] == 0.1
    [told] = [f.text for f in got.findings() if "diverged" in f.text]
    assert "1 run of 15 diverged" in told and "P-T 0 on clipart from epoch 20 (diverged at step 3)" in told


def test_diverged_runs_stay_and_play_no_part_where_chance_is_not_known():
    runs = started()
    runs[0] = [run("P-T 0", 0.9, 0.9, ended="diverged at step 7")]
    runs[20].append(run("P-T 9", 0.1, 0.1, seed=9, ended="diverged at step 3"))
    got = asked(runs)
    frame = got.frame().set_index("epoch")
    assert frame.loc[0, ["seeds", "diverged"]].tolist() == [0, 1] and math.isnan(frame.loc[0, "final"])
    assert frame.loc[20, "final"] == pytest.approx(0.76) and got.measured("clipart", "final") == EPOCHS[1:]
    assert got.left_out == (
        LeftOut("P-T 0 from epoch 0", "diverged at step 7", "clipart"),
        LeftOut("P-T 9 from epoch 20", "diverged at step 3", "clipart"),
    )
    every = {e: [run("P-T 0", 0.9, 0.9, ended="diverged at step 7")] for e in (0, 1)}
    assert len(asked(every).findings()) == 1


def test_a_seed_without_some_checkpoint_is_in_no_row():
    runs = started(seeds=4)
    runs[5] = runs[5][1:]
    got = asked(runs)
    assert got.left_out == (LeftOut("seed 0", "not from all checkpoints, so in no row of them", "clipart"),)
    assert claims(got)[FINAL].n == 3


def test_several_targets_and_multi_label():
    labels = started(seeds=1, target="xray", metric="auc")
    runs = {e: [*of, *labels[e]] for e, of in started().items()}
    got = asked(runs)
    assert got.targets == ("clipart", "xray") and len(got.frame()) == 10
    xray = [f for f in got.findings() if f.target == "xray"]
    assert "final test AUC" in xray[0].text
    assert next(f for f in xray if f.claim == EARLIER).verdict == "cannot tell"  # no interval of one AUC


def test_a_source_that_was_never_evaluated():
    nothing = source()
    for name in ("test_accuracy",):
        del nothing.epochs[name]
    got = asked(started(), pre=nothing)
    assert got.source_metric == "" and got.frame()["source_metric"].isna().all()
    assert claims(got)[DECLINE].verdict == "cannot tell"
    seen = asked(validated(LATE, LATE), pre=nothing)
    assert claims(seen)[DECLINE].verdict == "disagrees"  # whatever the source does


def test_round_trip(tmp_path):
    runs = started()
    known = {"clipart": (Witness("P-T 0", "P-T"), Witness("the pre-training", "P"))}
    got = asked(runs, outcomes=rows_of(runs), source_outcomes=RISING, witnesses=known)
    assert got.outcomes["clipart"].dtype == np.uint8 and got.outcomes["clipart"].shape == (15, 1000)
    got.save(tmp_path)
    back = Checkpoints.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(got), to_tree(back)
    assert tree == tree_back and all(np.array_equal(v, arrays_back[k]) for k, v in arrays.items())
    assert back.findings() == got.findings() and back.frame().equals(got.frame())
    for name in ("chance", "speed_chance", "outcomes", "source_outcomes", "left_out", "witnesses"):
        del tree[name]  # as it was stored before there were these
    assert {f.claim for f in from_tree(Checkpoints, tree, arrays).findings()} == {f.claim for f in got.findings()}


def test_sentences():
    runs = validated(HUMPS, HUMPS, 4)
    scratch = [run(f"RI-T {s}", 0.6 + 0.01 * s, 0.3, seed=s, role="RI-T") for s in range(3)]
    runs[2][0] = run("P-T 0", 0.1, 0.1, val=0.1, ended="diverged at step 7")
    more = {"outcomes": rows_of(runs), "scratch_outcomes": rows_of({-1: scratch})[-1], "source_outcomes": RISING}
    golden(asked(runs, chance={"clipart": 0.1}, scratch=scratch, **more), "checkpoints")
    golden(asked(started()), "checkpoints_rising")


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
    rows = rows_of(runs)
    with pytest.raises(UsageError, match="outcomes from epoch 2: give one for each of its 3 runs"):
        asked(runs, outcomes=rows | {2: rows[2][:2]})
    with pytest.raises(UsageError, match="outcomes: none of 'P-T 1' on clipart, from epoch 2; it did not diverge"):
        asked(runs, outcomes=rows | {2: [rows[2][0], None, rows[2][2]]})
    with pytest.raises(UsageError, match="0 scratch_outcomes for 1 runs from scratch"):
        asked(runs, outcomes=rows, scratch=[run("RI-T 0", 0.5, 0.5, role="RI-T")])
    with pytest.raises(UsageError, match=r"outcomes on clipart: 15 rows of shapes .*; give \(1000,\) for each of 15"):
        asked(runs, outcomes=rows_of(runs, 999))
