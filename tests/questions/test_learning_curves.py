import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.questions.learning_curves.measure import LearningCurves, learning_curves
from transferscope.records import to_tree
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run


def run(label, test, train=None, *, lr=0.1, seed=0, target="clipart", ended="finished", best_epoch=None, **more):
    """A run with these accuracies after its epochs."""
    test = np.array(test, dtype=float)
    epochs = {"epoch": np.arange(1, len(test) + 1), "step": 10 * np.arange(1, len(test) + 1), "test_accuracy": test}
    if train is not None:
        epochs["train_accuracy"] = np.array(train, dtype=float)
    epochs |= {name: np.array(values) for name, values in more.items()}
    steps = {"epoch": np.repeat(epochs["epoch"], 2), "accuracy": np.tile([0.2, 0.4], len(test))}
    return Run(
        label,
        label.split(" ")[0],
        "",
        seed,
        target,
        Recipe(lr=lr),
        steps,
        epochs,
        {},
        ended,
        best_epoch,
        "val_accuracy",
    )


def four(target="clipart", lr=(0.02, 0.1)):
    return [
        run("P-T 0", [0.5, 0.7, 0.80], [0.6, 0.8, 0.9], lr=lr[0], seed=0, target=target, best_epoch=3),
        run("P-T 1", [0.4, 0.7, 0.78], [0.6, 0.7, 0.9], lr=lr[0], seed=1, target=target, best_epoch=2),
        run("RI-T 0", [0.2, 0.3, 0.60], [0.2, 0.4, 0.7], lr=lr[1], seed=0, target=target, best_epoch=3),
        run("RI-T 1", [0.1, 0.4, 0.64], [0.2, 0.5, 0.7], lr=lr[1], seed=1, target=target, best_epoch=3),
    ]


def test_what_a_run_comes_to():
    got = learning_curves(four(), levels=[0.7, 0.9])
    row = got.frame().iloc[1]
    assert row["final"] == 0.78 and row["best"] == 0.7 and row["final_train_accuracy"] == 0.9
    assert row["speed"] == pytest.approx((0.6 + 0.7 + 0.9) / 3)
    assert row["epochs_to_0.7"] == 2 and math.isinf(row["epochs_to_0.9"]) and row["lr"] == 0.02
    assert len(got.curve_frame()) == 12


def test_speed_without_training_evaluations_is_that_of_the_steps():
    [curve] = learning_curves([run("P-T 0", [0.5, 0.6])]).curves
    assert curve.speed == pytest.approx(0.3)


def test_groups_are_means_over_seeds():
    got = learning_curves(four())
    summary = got.summary().set_index("role")
    assert summary.loc["P-T", "final"] == pytest.approx(0.79) and summary.loc["P-T", "seeds"] == 2
    low, high = stats.t.interval(0.95, 1, 0.79, stats.sem([0.80, 0.78]))
    assert (summary.loc["P-T", "final_low"], summary.loc["P-T", "final_high"]) == pytest.approx((low, high))
    epochs, mean, deviation = got.groups()[0].spread("test_accuracy")
    assert epochs.tolist() == [1, 2, 3]
    np.testing.assert_allclose(mean, [0.45, 0.7, 0.79])
    np.testing.assert_allclose(deviation, [np.std([0.5, 0.4], ddof=1), 0, np.std([0.80, 0.78], ddof=1)])
    assert got.levels == {"clipart": (0.4, 0.59, 0.71)}  # 50, 75 and 90 % of 0.79


def test_differences_are_welchs_and_judged():
    found = {f.claim: f for f in learning_curves(four()).findings() if f.claim}
    end = found["000 §3.1: P-T ends better than RI-T on every target"]
    want = stats.ttest_ind([0.80, 0.78], [0.60, 0.64], equal_var=False).confidence_interval(0.95)
    assert end.value == pytest.approx(0.17) and (end.low, end.high) == pytest.approx((want.low, want.high))
    assert end.verdict == "agrees" and end.n == 4 and "17.0 points" in end.text and "0.02 and 0.1" in end.text
    speed = found["000 §3.1: P-T converges faster than RI-T on every target"]
    assert speed.value == pytest.approx(np.mean([2.3, 2.2]) / 3 - np.mean([1.3, 1.4]) / 3)
    said = "accuracy of 62.0 %, after 2 epochs, RI-T itself after 3 epochs (1 of 2 runs never) of 3; 2 and 2 runs."
    assert any(f.text.endswith(said) for f in learning_curves(four()).findings())


def test_one_seed_gives_no_interval_and_no_verdict():
    runs = [four()[0], four()[2]]
    for f in learning_curves(runs).findings():
        assert f.low is None and f.verdict in (None, "cannot tell")


def test_the_other_way_round_disagrees():
    swapped = []
    for r in four():
        role = {"P-T": "RI-T", "RI-T": "P-T"}[r.role]
        swapped.append(run(f"{role} {r.seed}", r.epochs["test_accuracy"], r.epochs["train_accuracy"], seed=r.seed))
    found = {f.claim: f.verdict for f in learning_curves(swapped).findings() if f.claim}
    assert found["000 §3.1: P-T ends better than RI-T on every target"] == "disagrees"


def test_learning_rates_are_compared_and_the_best_is_taken():
    slow = [run(f"RI-T 0.02 {i}", [0.1, 0.2, x], [0.1, 0.2, 0.3], lr=0.02, seed=i) for i, x in enumerate((0.3, 0.31))]
    got = learning_curves([*four(), *slow])
    found = {f.claim: f for f in got.findings() if f.claim}
    larger = found["000 B.1: RI-T generally does better with the larger learning rate"]
    assert larger.value == pytest.approx(0.62 - 0.305) and larger.verdict == "agrees"
    end = found["000 §3.1: P-T ends better than RI-T on every target"]
    assert end.value == pytest.approx(0.17) and "each at the rate it ends best with" in end.text


def test_diverged_runs_stay_in_the_tables_and_out_of_the_means():
    gone = run("P-T 2", [0.3], [0.2], lr=0.02, ended="diverged at step 15")
    early = run("P-T 3", [], lr=0.02, ended="diverged at step 2")
    del early.epochs["test_accuracy"]
    got = learning_curves([*four(), gone, early])
    frame = got.frame().set_index("run")
    assert frame.loc["P-T 2", "ended"] == "diverged at step 15" and frame.loc["P-T 3", "epochs"] == 0
    assert frame.loc[["P-T 2", "P-T 3"], ["final", "speed"]].isna().all(axis=None)
    summary = got.summary().set_index("role")
    assert summary.loc["P-T", "final"] == pytest.approx(0.79) and summary.loc["P-T", "diverged"] == 2
    [told] = [f for f in got.findings() if "diverged" in f.text]
    assert "P-T 2 on clipart (learning rate 0.02, diverged at step 15)" in told.text and told.value == 2
    only = learning_curves([gone])
    assert only.summary()["final"].isna().all() and only.levels == {"clipart": ()}
    assert [f.value for f in only.findings()] == [1]


def test_a_learning_rate_at_which_all_diverge_is_judged():
    gone = [run(f"P-T big {i}", [0.1], lr=1.0, seed=i, ended="diverged at step 3") for i in range(2)]
    found = {f.claim: f for f in learning_curves([*four(), *gone]).findings() if f.claim}
    small = found["000 B.1: P-T generally does better with the smaller learning rate"]
    assert small.verdict == "agrees" and "all P-T runs at learning rate 1 diverged" in small.text


def test_multi_label_is_judged_by_auc():
    runs = [
        run("P-T 0", [0.8, 0.81], target="xray", test_auc=[0.70, 0.75]),
        run("RI-T 0", [0.8, 0.82], target="xray", test_auc=[0.60, 0.65]),
    ]
    got = learning_curves([*four(), *runs])
    assert got.targets == ("clipart", "xray")
    assert got.frame().set_index(["target", "run"]).loc[("xray", "P-T 0"), "final"] == 0.75
    assert any("xray" in f.text and "test AUC 75.0 %" in f.text for f in got.findings())


def test_round_trip(tmp_path):
    got = learning_curves([*four(), run("P-T 2", [], lr=0.02, ended="diverged at step 2")])
    got.save(tmp_path)
    back = LearningCurves.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(got), to_tree(back)
    assert tree == tree_back and all(np.array_equal(v, arrays_back[k]) for k, v in arrays.items())
    assert back.findings() == got.findings() and back.frame().equals(got.frame())


def test_bad_input_is_named():
    with pytest.raises(UsageError, match="learning curves of no runs"):
        learning_curves([])
    with pytest.raises(UsageError, match="two runs on clipart are called 'P-T 0'"):
        learning_curves([four()[0], four()[0]])
    learning_curves([four()[0], four("real")[0]])  # the same name on two targets is fine


def multilabel(aucs, losses):
    """Three P-T and three RI-T on a target with an AUC, best at their second epoch."""
    made = []
    for label, shift in (("P-T", 0.0), ("RI-T", -0.1)):
        for seed in range(3):
            auc, wobble = np.array(aucs) + shift, np.array([0.0, 0.0, 0.002 * seed])
            loss = np.array(losses) + 0.2 * (label == "P-T") + 0.01 * seed
            r = run(f"{label} {seed}", [0.9] * 3, seed=seed, best_epoch=2, test_auc=auc + wobble, test_loss=loss)
            made.append(r)
    return made


def test_overfitting_is_the_fall_from_the_best_epoch_to_the_last():
    claim = "000 B.1: on chest X-rays, and only there, networks overfit when trained for long"
    found = [f for f in learning_curves(multilabel([0.6, 0.8, 0.7], [0.5, 0.4, 0.6])).findings() if f.claim == claim]
    falls = [0.1, 0.098, 0.096]
    want = stats.t.interval(0.95, 2, np.mean(falls), stats.sem(falls))
    assert [f.verdict for f in found] == ["agrees", "agrees"]
    assert found[0].value == pytest.approx(0.098) and (found[0].low, found[0].high) == pytest.approx(want)
    assert "the test AUC of P-T falls from the epoch" in found[0].text and "9.8 points" in found[0].text
    flat = [f for f in learning_curves(multilabel([0.6, 0.8, 0.8], [0.5, 0.4, 0.6])).findings() if f.claim == claim]
    assert [f.verdict for f in flat] == ["disagrees", "disagrees"]


@pytest.mark.parametrize(("fall", "verdict"), [(0.1, "disagrees"), (-0.05, "agrees"), (0.02, "cannot tell")])
def test_overfitting_elsewhere_is_not_what_the_paper_saw(fall, verdict):
    claim = "000 B.1: on chest X-rays, and only there, networks overfit when trained for long"
    runs = [run(f"P-T {s}", [0.5, 0.7, 0.7 - fall + 0.01 * (s - 1)], best_epoch=2, seed=s) for s in range(3)]
    (found,) = [f for f in learning_curves(runs).findings() if f.claim == claim]
    assert found.verdict == verdict and found.value == pytest.approx(fall)
    blind = [dataclasses.replace(r, chosen_by="last") for r in runs]
    assert not [f for f in learning_curves(blind).findings() if f.claim == claim]


def test_a_better_auc_with_a_higher_loss():
    claim = "000 B.4: on chest X-rays P-T has the better AUC and the higher test loss"
    (found,) = [
        f for f in learning_curves(multilabel([0.6, 0.8, 0.8], [0.5, 0.4, 0.6])).findings() if f.claim == claim
    ]
    assert found.verdict == "agrees" and found.value == pytest.approx(0.2) and found.low > 0
    assert "is higher than that of RI-T at the end, by 0.200 nats" in found.text and "10.0 points" in found.text
    assert not [f for f in learning_curves(four()).findings() if f.claim == claim]
