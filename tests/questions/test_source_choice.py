import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.models.build import build, initialise
from transferscope.questions.source_choice.measure import SourceChoice, source_choice
from transferscope.records import to_tree
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

from .golden import golden

NEARER, LABELS, NEAR_START = "002-5.1-a", "002-5.1-c", "002-5.1-b"

SOURCES = {"digits": (0.80, 0.01), "flipped": (0.75, 0.02), "clothes": (0.62, 0.03), "": (0.60, 0.04)}
"""Test accuracy on the target, and how far the weights go, by source."""
NET = build("lenet", 10)
PARAMS = initialise(NET, 0)


def moved(scale, seed):
    g = torch.Generator().manual_seed(seed)
    return {k: v + scale * torch.randn(v.shape, generator=g) for k, v in PARAMS.items()}


def run(source, final, scale, *, seed=0, target="houses", ended="finished", metric="accuracy", **more):
    role = "P-T" if source else "RI-T"
    epochs = {"epoch": np.array([1]), "step": np.array([10]), f"test_{metric}": np.array([final])}
    epochs |= {f"val_{metric}": np.array([final])}
    snapshots = {"epoch 0": PARAMS} | ({"final": moved(scale, seed)} if ended == "finished" else {})
    label = more.pop("label", f"{source or 'RI-T'} {seed}")
    return Run(label, role, "", seed, target, Recipe(), {}, epochs, snapshots, ended, source=source, **more)


def three(seeds=3, sources=SOURCES, **more):
    return [
        run(source, final + 0.01 * (s - (seeds - 1) / 2), scale * (1 + 0.05 * s), seed=s, **more)
        for source, (final, scale) in sources.items()
        for s in range(seeds)
    ]


def asked(runs, **more):
    targets = {r.target for r in runs}
    nets, n, m = (dict.fromkeys(targets, x) for x in (NET, 600, 2000))
    return source_choice(nets, runs, train_images=n, test_images=m, **more)


def by_claim(result):
    found = {}
    for f in result.findings():
        found.setdefault(f.claim, []).append(f)
    return found


def test_deviations_by_layer_are_those_of_a_plain_loop():
    runs = three(seeds=2)
    got = asked(runs)
    assert got.layers == {"houses": ("conv1", "conv2", "fc1", "fc2", "fc3")}
    frame = got.layer_frame().set_index(["run", "layer"])["deviation"]
    for r in runs[::3]:
        for layer in got.layers["houses"]:
            square = 0.0
            weight = f"{layer}.weight"
            for a, b in zip(
                r.snapshots["final"][weight].flatten().tolist(), PARAMS[weight].flatten().tolist(), strict=True
            ):
                square += (a - b) ** 2
            assert frame[(r.label, layer)] == pytest.approx(math.sqrt(square) / math.sqrt(600), rel=1e-9)


def test_the_matrix_and_the_table():
    got = asked(three())
    matrix = got.matrix()
    assert list(matrix.index) == ["digits", "flipped", "clothes", "scratch"] and list(matrix.columns) == ["houses"]
    assert matrix["houses"].tolist() == pytest.approx([0.80, 0.75, 0.62, 0.60])
    assert got.matrix("improvement").loc["digits", "houses"] == pytest.approx(1 - 0.2 / 0.4)
    assert got.matrix("gain").loc["clothes", "houses"] == pytest.approx(0.02)
    row = got.frame().set_index("source").loc["digits"]
    d = stats.ttest_ind([0.79, 0.8, 0.81], [0.59, 0.6, 0.61], equal_var=False).confidence_interval(0.95)
    assert (row["gain"], row["gain_low"], row["gain_high"]) == pytest.approx((0.2, d.low, d.high))
    assert (
        row["improvement_low"] < row["improvement"] < row["improvement_high"] and row["interval_over"] == "networks"
    )
    total = got.layer_frame().groupby(["source", "run"])["deviation"].sum()["digits"]
    assert row["deviation"] == pytest.approx(total.mean()) and row["deviation_sd"] == pytest.approx(total.std())


def test_likeness_is_judged_where_it_is_told():
    assert NEARER not in by_claim(asked(three()))
    [f] = by_claim(asked(three(), nearest_first=["digits", "flipped", "clothes"]))[NEARER]
    assert f.value == pytest.approx(0.05) and f.verdict == "agrees" and f.target == "houses" and f.n == 9
    assert all(told in f.text for told in ("digits against flipped 5.0", "clothes 18.0", "clothes 13.0 points"))
    [turned] = by_claim(asked(three(), nearest_first=["clothes", "digits"]))[NEARER]
    assert turned.verdict == "disagrees"
    two = [*three(), *three(target="signs")]
    [f] = by_claim(asked(two, nearest_first={"signs": ["digits", "flipped"]}))[NEARER]
    assert f.target == "signs" and f.text.startswith("signs: sources more like it in their images help more")


@pytest.mark.parametrize(
    ("final", "spread", "want"),
    [(0.60, 0.002, "agrees"), (0.55, 0.002, "agrees"), (0.605, 0.01, "cannot tell"), (0.70, 0.002, "disagrees")],
)
def test_that_other_labels_do_not_help_is_judged_with_a_margin(final, spread, want):
    runs = [
        run(source, x + spread * (s - 1), 0.01, seed=s)
        for source, x in (("colours", final), ("", 0.60))
        for s in range(3)
    ]
    [f] = by_claim(asked(runs, other_labels=["colours"]))[LABELS]
    assert f.verdict == want and "colours (labels of another nature)" in f.text


def test_of_a_source_that_helps_weights_stay_nearer_to_their_start():
    found = by_claim(asked(three()))
    near = found[NEAR_START]
    assert [f.verdict for f in near] == ["agrees", "agrees"]  # digits and flipped; clothes does not clearly help
    rest = [f.text for f in found[None] if "as far from their start" in f.text]
    assert len(rest) == 1 and "from clothes" in rest[0]
    blind = [dataclasses.replace(r, epochs={k: v for k, v in r.epochs.items() if "val" not in k}) for r in three()]
    assert NEAR_START not in by_claim(asked(blind)), "that a source helps is not read off the images it is judged on"


def test_networks_that_learned_nothing_have_no_distance_to_speak_of():
    failed = [Witness("digits 0", "P-T", "did not clearly beat chance (10.0 %)")]
    found = by_claim(asked(three(), witnesses={"houses": failed}))[NEAR_START]
    assert [f.verdict for f in found] == ["cannot tell", "agrees"] and found[0].n == 5


def test_a_pretraining_that_plays_no_part_silences_nothing():
    known = [Witness("the pre-training noise", "P", "did not clearly beat chance")]
    witnesses = [Witness("the pre-training digits", "P"), *known]
    found = by_claim(asked(three(), nearest_first=["digits", "flipped"], witnesses={"houses": witnesses}))
    assert [f.verdict for f in found[NEARER]] == ["agrees"]
    assert not any(f.silenced for f in found.get(LABELS, ()))


def test_a_source_that_harms_has_a_higher_error():
    got = asked(three(sources={"a": (0.5, 0.01), "b": (0.7, 0.01), "": (0.6, 0.02)}))
    texts = [f.text for f in got.findings()]
    assert any("−10.0 points" in t and "an error 25.0 % higher than from scratch (" in t for t in texts)
    assert any("an error 25.0 % lower than from scratch (" in t for t in texts)


def test_the_highest_source_is_described_and_decides_nothing():
    first = asked(three()).findings()[0]
    assert "houses: of 3 sources digits ends highest: test accuracy 80.0 % against 75.0 % from flipped" in first.text
    assert first.verdict is None and "not corrected for the choice of the highest; 3 and 3 runs." in first.text


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_networks_decide_nothing(seeds):
    for of in by_claim(asked(three(seeds=seeds), nearest_first=["digits", "clothes"])).values():
        assert all(f.verdict in (None, "cannot tell") for f in of)


def test_test_images_vary_too():
    runs = three()
    hard = np.random.default_rng(0).random(2000)
    rows = [(hard > 1 - r.final_metric()).astype(float) for r in runs]
    got = asked(runs, outcomes={"houses": rows}, nearest_first=["digits", "clothes"])
    [f] = by_claim(got)[NEARER]
    assert f.estimate.over == "networks and images" and f.estimate.images == 2000 and f.estimate.noise > 0


def test_sentences():
    golden(asked(three(), nearest_first=["digits", "flipped"], other_labels=["clothes"]), "source_choice")


def test_without_scratch_columns_are_absent_and_it_is_said():
    got = asked([r for r in three() if r.source])
    assert not any(c.startswith(("gain", "improvement")) for c in got.frame().columns)
    assert list(got.matrix().index) == ["digits", "flipped", "clothes"]
    texts = [f.text for f in got.findings()]
    assert "What is compared: fine-tuned runs; no runs from scratch on houses." in texts
    assert any("no runs from scratch to compare with" in t for t in texts)


def test_holes_in_the_matrix():
    got = asked([*three(), *(r for r in three(target="signs") if r.source != "flipped")])
    assert math.isnan(got.matrix().loc["flipped", "signs"]) and got.matrix().loc["flipped", "houses"] > 0
    assert any("no runs from flipped on signs" in f.text for f in got.findings())


def test_diverged_runs_stay_and_do_not_count():
    gone = run("digits", 0.1, 0.0, seed=9, ended="diverged at step 4")
    got = asked([*three(), gone])
    row = got.frame().set_index("source").loc["digits"]
    assert row["final"] == pytest.approx(0.8) and (row["seeds"], row["diverged"]) == (3, 1)
    assert math.isfinite(row["deviation"])
    assert any(
        "1 run of 13 diverged, left out of the means: digits 9 on houses: diverged at step 4" in f.text
        for f in got.findings()
    )
    only = asked([gone, *(r for r in three() if not r.source)])
    assert math.isnan(only.matrix().loc["digits", "houses"])


def test_a_source_from_which_all_diverged_counts_as_chance():
    gone = [run("digits", 0.1, 0.0, seed=s, ended="diverged at step 4") for s in range(3)]
    runs = [*gone, *(r for r in three() if r.source != "digits")]
    got = asked(runs, chance={"houses": 0.1}, nearest_first=["digits", "flipped"])
    [f] = by_claim(got)[NEARER]
    assert f.verdict == "disagrees" and f.value == pytest.approx(0.1 - 0.75)
    assert not any("as far from their start as from digits" in f.text for f in got.findings())
    slow = [dataclasses.replace(r, label=f"slow {r.label}", start_name="slow") for r in gone]
    assert asked([*slow, *three()], chance={"houses": 0.1}).final("houses", "digits").value == pytest.approx(0.8)


def test_heads_alone_are_compared_only_without_others():
    heads = [
        dataclasses.replace(r, label=f"head {r.label}", start_name=f"head {r.source}", recipe=Recipe(frozen="body"))
        for r in three()
        if r.source
    ]
    both = asked([*three(), *heads])
    assert both.kind == "fine-tuned" and len(both.left_out) == 9
    told = "head digits 0, head digits 1, head digits 2, head flipped 0 and 5 more on houses: trains the head only"
    assert any(told in f.text for f in both.findings())
    assert asked([*heads, *(r for r in three() if not r.source)]).kind == "head only"


@pytest.mark.parametrize("validated", [True, False])
def test_of_several_starts_from_one_source_one_counts(validated):
    """The one that is best on validation images, and without them the first."""
    slow = [
        dataclasses.replace(
            r, label=f"slow {r.seed}", start_name="slow", epochs=r.epochs | {"test_accuracy": np.array([0.9]),
                                                                              "val_accuracy": np.array([0.5])}
        )
        for r in three()
        if r.source == "digits"
    ]  # fmt: skip
    runs = [*three(), *slow]
    if not validated:
        runs = [dataclasses.replace(r, epochs={k: v for k, v in r.epochs.items() if "val" not in k}) for r in runs]
    got = asked(runs)
    assert got.matrix().loc["digits", "houses"] == pytest.approx(0.8) and len(got.frame()) == 5
    how = "the one that is best on validation images" if validated else "the first"
    assert any(f"of several starts from digits on houses only {how}" in f.text for f in got.findings())


def test_multi_label_is_judged_by_auc():
    got = asked(three(seeds=1, metric="auc"), nearest_first=["digits", "clothes"])
    assert set(got.frame()["metric"]) == {"auc"} and got.frame()["final_low"].isna().all()
    [f] = by_claim(got)[NEARER]
    assert "test AUC" in f.text and f.verdict == "cannot tell"


def test_round_trip(tmp_path):
    got = asked(three(), nearest_first=["digits", "clothes"], other_labels={"houses": ["clothes"]})
    got.save(tmp_path)
    back = SourceChoice.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(got), to_tree(back)
    assert tree == tree_back and all(np.array_equal(v, arrays_back[k]) for k, v in arrays.items())
    assert back.findings() == got.findings()


def test_bad_input_is_named():
    runs = three()
    with pytest.raises(UsageError, match="source_choice of no runs"):
        asked([])
    with pytest.raises(UsageError, match="no run is fine-tuned from a source"):
        asked([r for r in runs if not r.source])
    with pytest.raises(UsageError, match=r"'digits 0' on houses is P-T and does not say from which source"):
        asked([dataclasses.replace(runs[0], source=""), *runs[1:]])
    with pytest.raises(UsageError, match="nearest_first: no run is from 'digit'; did you mean 'digits'"):
        asked(runs, nearest_first=["digit"])
    with pytest.raises(UsageError, match="other_labels: no run is on 'house'"):
        asked(runs, other_labels={"house": ["digits"]})
    with pytest.raises(UsageError, match="two runs on houses are called 'digits 0'"):
        asked([*runs, runs[0]])
