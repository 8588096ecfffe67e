import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.questions.learning_curves.measure import LearningCurves, learning_curves
from transferscope.records import to_tree
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

from .golden import golden


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
    assert summary[["final_low", "final_high"]].isna().all(axis=None), "two networks give no interval"
    three = learning_curves(six()).summary().set_index("role").loc["P-T"]
    low, high = stats.t.interval(0.95, 2, 0.79, stats.sem([0.80, 0.78, 0.79]))
    assert (three["final_low"], three["final_high"]) == pytest.approx((low, high))
    epochs, mean, deviation = got.groups()[0].spread("test_accuracy")
    assert epochs.tolist() == [1, 2, 3]
    np.testing.assert_allclose(mean, [0.45, 0.7, 0.79])
    np.testing.assert_allclose(deviation, [np.std([0.5, 0.4], ddof=1), 0, np.std([0.80, 0.78], ddof=1)])
    assert got.levels == {"clipart": (0.4, 0.59, 0.71)}  # 50, 75 and 90 % of 0.79


def six(target="clipart", lr=(0.02, 0.1), **more):
    """Three runs of each start, P-T better and faster."""
    made = []
    for role, rate, finals, train in (
        ("P-T", lr[0], (0.80, 0.78, 0.79), 0.9),
        ("RI-T", lr[1], (0.60, 0.64, 0.61), 0.7),
    ):
        for seed, final in enumerate(finals):
            speed = [train - 0.3 + 0.01 * seed, train]
            made.append(run(f"{role} {seed}", [final - 0.2, final], speed, lr=rate, seed=seed, target=target, **more))
    return made


def judged(result):
    return {f.claim: f for f in result.findings() if f.claim}


def test_differences_are_over_networks():
    found = judged(learning_curves(six()))
    end = found["000-3.1-a"]
    want = stats.ttest_ind([0.80, 0.78, 0.79], [0.60, 0.64, 0.61], equal_var=False).confidence_interval(0.95)
    assert end.value == pytest.approx(0.79 - 0.61666667) and (end.low, end.high) == pytest.approx(
        (want.low, want.high)
    )
    assert end.verdict == "agrees" and end.n == 6 and end.target == "clipart" and end.estimate.over == "networks"
    assert end.scope == "for this checkpoint"
    assert found["000-3.1-b"].value == pytest.approx(0.2) and found["000-3.1-b"].verdict == "agrees"


def outcomes(finals, images=400, seed=0):
    """Right and wrong by image, with the given accuracies; the same images are hard for all."""
    order = np.random.default_rng(seed).permutation(images)
    return [np.isin(np.arange(images), order[: round(share * images)]).astype(float) for share in finals]


def test_test_images_vary_too_and_what_both_share_cancels():
    finals = (0.80, 0.78, 0.79, 0.60, 0.64, 0.61)
    rows = outcomes(finals)
    got = judged(learning_curves(six(), outcomes={"clipart": {"final": rows}}))["000-3.1-a"]
    first, second = np.array(rows[:3]), np.array(rows[3:])
    welch = stats.ttest_ind(finals[:3], finals[3:], equal_var=False)
    spread = np.var(finals[:3], ddof=1) / 3 + np.var(finals[3:], ddof=1) / 3
    noise = np.var(first.mean(0) - second.mean(0), ddof=1) / 400
    half = np.sqrt(stats.t.ppf(0.975, welch.df) ** 2 * spread + 1.959964**2 * noise)
    assert got.estimate.over == "networks and images" and got.estimate.images == 400
    assert (got.low, got.high) == pytest.approx((got.value - half, got.value + half), rel=1e-3)


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_networks_decide_nothing(seeds):
    runs = [r for r in six() if r.seed < seeds]
    rows = outcomes([r.epochs["test_accuracy"][-1] for r in runs])
    for f in learning_curves(runs, outcomes={"clipart": {"final": rows}}).findings():
        assert f.verdict in (None, "cannot tell")
        if f.claim == "000-3.1-a":
            assert f.estimate.over == "images" and "needs at least three networks of each kind" in f.text


def test_the_other_way_round_disagrees():
    swapped = []
    for r in six():
        role = {"P-T": "RI-T", "RI-T": "P-T"}[r.role]
        swapped.append(run(f"{role} {r.seed}", r.epochs["test_accuracy"], r.epochs["train_accuracy"], seed=r.seed))
    assert judged(learning_curves(swapped))["000-3.1-a"].verdict == "disagrees"


def test_when_runs_reach_what_others_end_with():
    own = "RI-T itself after 3 epochs (1 of 2 runs stayed below) of 3"
    said = f"accuracy of 62.0 %, after 2 epochs, {own}; 2 and 2 runs."
    assert any(f.text.endswith(said) for f in learning_curves(four()).findings())


def with_validation(runs, values):
    return [
        dataclasses.replace(r, epochs={**r.epochs, "val_accuracy": np.array([value] * len(r.epochs["epoch"]))})
        for r, value in zip(runs, values, strict=True)
    ]


def slow(test=(0.30, 0.31, 0.32)):
    return [run(f"RI-T 0.02 {i}", [0.2, x], [0.2, 0.3], lr=0.02, seed=i) for i, x in enumerate(test)]


def test_the_rate_is_chosen_on_validation_images_and_not_on_those_it_is_judged_on():
    # On validation images the slow rate is better, on test images the other one.
    runs = with_validation([*six(), *slow()], [0.7] * 3 + [0.5] * 3 + [0.6] * 3)
    found = judged(learning_curves(runs))
    assert found["000-3.1-a"].value == pytest.approx(0.79 - 0.31)
    assert "best on validation images, 0.02 and 0.02" in found["000-3.1-a"].text
    larger = found["000-B.1-b"]
    assert larger.value == pytest.approx(0.61666667 - 0.31) and larger.verdict == "agrees"


def test_without_validation_images_no_rate_is_chosen_by_the_test_metric():
    found = judged(learning_curves([*slow(), *six()]))["000-3.1-a"]
    assert found.value == pytest.approx(0.79 - 0.31) and "no validation images to choose by" in found.text


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
    [told] = [f for f in got.findings() if "2 runs of 6 diverged" in f.text]
    assert "P-T 2 (learning rate 0.02) on clipart: diverged at step 15" in told.text and told.value == 2
    only = learning_curves([gone])
    assert only.summary()["final"].isna().all() and only.levels == {"clipart": ()}
    assert [f.value for f in only.findings()] == [1]


def test_failed_runs_count_as_chance():
    gone = [run(f"P-T big {i}", [0.1], lr=1.0, seed=i, ended="diverged at step 3") for i in range(3)]
    chance = {"chance": {"clipart": 0.1}, "speed_chance": {"clipart": 0.1}}
    small = judged(learning_curves([*six(), *gone], **chance))["000-B.1-a"]
    assert small.verdict == "agrees" and small.value == pytest.approx(0.79 - 0.1)
    assert "all at 1 diverged and count as chance" in small.text
    unknown = judged(learning_curves([*six(), *gone]))["000-B.1-a"]
    assert unknown.verdict == "cannot tell" and math.isnan(unknown.value)


@pytest.mark.parametrize("validated", [True, False])
def test_a_rate_that_diverged_is_not_chosen(validated):
    """Without validation images a rate at which no run finished is not the first that counts."""
    gone = [run(f"P-T big {i}", [0.1], lr=1.0, seed=i, ended="diverged at step 3") for i in range(3)]
    more = {"val_accuracy": [0.4, 0.5]} if validated else {}
    chance = {"chance": {"clipart": 0.1}, "speed_chance": {"clipart": 0.1}}
    found = judged(learning_curves([*gone, *six(**more)], **chance))["000-3.1-a"]
    assert found.value == pytest.approx(0.79 - 0.61666667) and "0.02 and 0.1" in found.text
    assert ("best on validation images" if validated else "there are no validation images") in found.text


def test_where_all_diverged_they_count_as_chance():
    gone = [run(f"P-T {i}", [0.1], lr=0.02, seed=i, ended="diverged at step 3") for i in range(3)]
    runs = [*gone, *(r for r in six() if r.role == "RI-T")]
    found = judged(learning_curves(runs, chance={"clipart": 0.1}, speed_chance={"clipart": 0.1}))
    assert [found[c].verdict for c in ("000-3.1-a", "000-3.1-b")] == ["disagrees"] * 2


def test_multi_label_is_judged_by_auc():
    runs = [
        run("P-T 0", [0.8, 0.81], target="xray", test_auc=[0.70, 0.75]),
        run("RI-T 0", [0.8, 0.82], target="xray", test_auc=[0.60, 0.65]),
    ]
    got = learning_curves([*four(), *runs])
    assert got.targets == ("clipart", "xray")
    assert got.frame().set_index(["target", "run"]).loc[("xray", "P-T 0"), "final"] == 0.75
    assert any(f.target == "xray" and "test AUC 75.0 %" in f.text for f in got.findings())


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
    falling = multilabel([0.6, 0.8, 0.7], [0.5, 0.4, 0.6])
    alone = learning_curves(falling).findings()
    assert "000-B.1-c" not in {f.claim for f in alone}, "the claim is about other targets, too"
    [fall] = [f for f in alone if "falls from the epoch" in f.text]
    falls = [0.1, 0.098, 0.096] * 2
    want = stats.t.interval(0.95, 5, np.mean(falls), stats.sem(falls))
    assert fall.value == pytest.approx(0.098) and (fall.low, fall.high) == pytest.approx(want)


@pytest.mark.parametrize(("fall", "verdict"), [(0.1, "disagrees"), (-0.05, "agrees")])
def test_overfitting_there_and_only_there(fall, verdict):
    there = [dataclasses.replace(r, target="xray") for r in multilabel([0.6, 0.8, 0.7], [0.5, 0.4, 0.6])]
    elsewhere = [run(f"P-T {s}", [0.5, 0.7, 0.7 - fall + 0.01 * (s - 1)], best_epoch=2, seed=s) for s in range(3)]
    found = judged(learning_curves([*there, *elsewhere]))["000-B.1-c"]
    assert found.verdict == verdict and found.target == "" and found.value == pytest.approx(0.098)
    begin = {
        "agrees": "On xray, and only there, networks overfit",
        "disagrees": "Networks do not overfit on xray alone",
    }
    assert found.text.startswith(begin[verdict])
    blind = [dataclasses.replace(r, chosen_by="last") for r in elsewhere]
    assert "000-B.1-c" not in judged(learning_curves([*there, *blind]))


def test_a_better_auc_with_a_higher_loss():
    found = judged(learning_curves(multilabel([0.6, 0.8, 0.8], [0.5, 0.4, 0.6])))["000-B.4-a"]
    assert found.verdict == "agrees" and found.value == pytest.approx(0.1) and found.low > 0
    assert "exceeds that of RI-T by 0.200 nats" in found.text
    assert "000-B.4-a" not in judged(learning_curves(six()))


def test_a_pre_training_that_learned_nothing_silences_what_is_said_of_it():
    failed = Witness("the pre-training", "P", "did not clearly beat chance (10.0 %)")
    found = judged(learning_curves(six(), witnesses={"clipart": (failed,)}))
    assert found["000-3.1-a"].verdict == "cannot tell" and "decides no claim" in found["000-3.1-a"].text


def test_sentences():
    runs = with_validation([*six(), *slow()], [0.7] * 3 + [0.6] * 3 + [0.5] * 3)
    rows = outcomes([r.epochs["test_accuracy"][-1] for r in runs])
    golden(learning_curves(runs, outcomes={"clipart": {"final": rows}}), "learning_curves")
