import math

import numpy as np
import pytest
from scipy import stats

from transferscope.data.augmentation import Augmentation
from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.evidence.left_out import LeftOut
from transferscope.questions._counted import Series
from transferscope.questions.block_shuffle.measure import BlockShuffle, block_shuffle
from transferscope.questions.block_shuffle.slopes import drop_slope, log_slope, log_slope_less, slope
from transferscope.records import from_tree, to_tree
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

from .golden import golden

BLOCKS = ("*", "1", "2", "4", "8")
FALLS, SHRINKS, STAYS, STABLE, END, SPEED = (f"000-3.1-{letter}" for letter in "defghi")


def run(role, seed, final, speed, *, target="clipart", lr=None, ended="finished", auc=False, val=None, **recipe):
    """A run with this final test metric and this mean training accuracy."""
    epochs = {"epoch": np.array([1, 2]), "step": np.array([10, 20]), "train_accuracy": np.array([speed, speed])}
    epochs["test_auc" if auc else "test_accuracy"] = np.array([0.1, final])
    if val is not None:
        epochs["val_auc" if auc else "val_accuracy"] = np.array([0.1, val])
    rate = lr or (0.02 if role == "P-T" else 0.1)
    made = Recipe(lr=rate, **({"augmentation": Augmentation.off()} | recipe))
    return Run(f"{role} {rate} {seed}", role, "", seed, target, made, {}, epochs, {}, ended)


def like_the_paper(seeds=3, target="clipart", flat=False, **more):
    """P-T falls from 80 to 40 %, RI-T from 40 to 36 %; speeds 90 to 86 % and 60 to 20 %."""
    rng = np.random.default_rng(0)
    runs = {}
    for i, block in enumerate(BLOCKS):
        x = i / 4
        levels = {"P-T": (0.4 + 0.4 * x, 0.86 + 0.04 * x), "RI-T": (0.36 + 0.04 * x, 0.2 + 0.4 * x)}
        if flat:
            levels = {"P-T": (0.5, 0.6), "RI-T": (0.5, 0.6)}
        runs[block] = [
            run(role, s, final + 0.002 * rng.normal(), speed + 0.002 * rng.normal(), target=target, **more)
            for role, (final, speed) in levels.items()
            for s in range(seeds)
        ]
    return runs


def made(runs, images=1000, **more):
    targets = {r.target for of in runs.values() for r in of}
    return block_shuffle(runs, side=8, test_images=dict.fromkeys(targets, images), **more)


def by_claim(result):
    return {f.claim: f for f in result.findings() if f.claim}


def rows_of(runs, images=400, seed=0):
    """What each test image adds: runs share which images are hard."""
    hard = np.random.default_rng(seed).random(images)
    return {
        b: [None if r.diverged else (hard < r.final_metric()).astype(float) for r in of] for b, of in runs.items()
    }


def the_series(values, examples=None):
    return Series(np.asarray(values, dtype=float), examples)


def test_slopes_are_those_of_least_squares():
    blocks, y, z = [1, 2, 7, 14], [0.2, 0.35, 0.5, 0.8], [0.1, 0.3, 0.3, 0.4]
    x = np.log2(blocks)
    one, two = the_series([y]), the_series([z])
    assert slope(blocks, one).value == pytest.approx(np.polyfit(x, y, 1)[0])
    drops = [100 * (a - b) / a for a, b in zip(y, z, strict=True)]
    assert drop_slope(blocks, one, two).value == pytest.approx(np.polyfit(x, drops, 1)[0])
    logs = np.polyfit(x, np.log(y), 1)[0] - 2 * np.polyfit(x, np.log(z), 1)[0]
    assert log_slope_less(blocks, one, 2, two).value == pytest.approx(logs)
    assert log_slope(blocks, one).value == pytest.approx(np.polyfit(x, np.log(y), 1)[0])
    assert math.isnan(log_slope(blocks, the_series([[0.0] * 4])).value)
    assert math.isnan(drop_slope(blocks, the_series([[0.0, 1, 1, 1]]), two).value)


def test_a_slope_has_the_interval_of_one_number_a_seed():
    blocks, rng = [1, 2, 4], np.random.default_rng(0)
    values = rng.random((5, 3))
    each = [np.polyfit(np.log2(blocks), row, 1)[0] for row in values]
    want = stats.t.interval(0.95, 4, np.mean(each), stats.sem(each))
    assert slope(blocks, the_series(values)).interval() == pytest.approx(want)


def test_an_image_moves_the_drop_as_leaving_it_out_does():
    """The delta method's variance over images against the jackknife over images of the whole statistic."""
    blocks, rng, n = [1, 2, 4], np.random.default_rng(2), 300
    first, second = ((rng.random((1, 3, n)) < level).astype(float) for level in (0.7, 0.5))
    found = drop_slope(blocks, the_series(first.mean(2), first), the_series(second.mean(2), second))

    def whole(keep):
        a, b = first[0][:, keep].mean(1), second[0][:, keep].mean(1)
        return np.polyfit(np.log2(blocks), 100 * (a - b) / a, 1)[0]

    left = np.array([whole(np.arange(n) != i) for i in range(n)])
    assert found.over == "images" and found.noise == pytest.approx((n - 1) * left.var(), rel=0.03)


def test_intervals_of_functions_hold_what_repeated_draws_give():
    """The spread of each function over many repetitions of the experiment, by Monte-Carlo."""
    rng = np.random.default_rng(1)
    blocks, seeds, spread = [1, 2, 4], 200, 0.05  # many seeds, so that t and the estimated spread play no part
    levels = np.array([[0.4, 0.6, 0.8], [0.3, 0.4, 0.4]])
    kinds = {
        "slope": lambda a, _: slope(blocks, a),
        "drop_slope": lambda a, b: drop_slope(blocks, a, b),
        "log_slope": lambda a, b: log_slope_less(blocks, b, 2, a),
    }
    draws = [[the_series(level + spread * rng.normal(size=(seeds, 3))) for level in levels] for _ in range(400)]
    for name, of in kinds.items():
        found = [of(*d) for d in draws]
        width = np.mean([f.high - f.low for f in found])
        assert width / (2 * 1.96 * np.std([f.value for f in found])) == pytest.approx(1, abs=0.12), name


def test_what_all_sizes_of_a_seed_share_is_no_slope():
    """Seeds differ by 20 points at all sizes alike, which cancels: the row of a seed is one number."""
    rng, blocks, wrong = np.random.default_rng(3), [1, 2, 4, 8], 0
    for _ in range(300):
        values = 0.5 + 0.2 * rng.normal(size=(4, 1)) + 0.01 * rng.normal(size=(4, 4))
        e = slope(blocks, the_series(values))
        wrong += not e.low <= 0 <= e.high
        assert e.high - e.low < 0.06
    assert wrong / 300 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 300)


def test_tables_hold_the_means():
    result = made(like_the_paper())
    assert result.blocks == BLOCKS and result.targets == ("clipart",) and result.sizes("clipart") == (1, 2, 4, 8)
    frame = result.frame()
    assert len(frame) == 30
    row = result.summary().set_index("block").loc["8"]
    of = frame[(frame.block == "8") & (frame.role == "P-T")]
    assert row["P-T final"] == pytest.approx(of.final.mean()) and row["P-T final sd"] == pytest.approx(of.final.std())
    low, high = stats.t.interval(0.95, 2, of.speed.mean(), stats.sem(of.speed))
    assert (row["P-T speed low"], row["P-T speed high"]) == pytest.approx((low, high))
    other = frame[(frame.block == "8") & (frame.role == "RI-T")].final.mean()
    assert row["drop %"] == pytest.approx(100 * (of.final.mean() - other) / of.final.mean())
    assert row["P-T lr"] == 0.02 and row["RI-T seeds"] == 3


def test_what_the_paper_saw_agrees():
    found = by_claim(made(like_the_paper(), alike=["clipart"]))
    assert {c: f.verdict for c, f in found.items()} == {
        FALLS: "agrees", SHRINKS: "agrees", STABLE: "agrees", END: "agrees",
        SPEED: "agrees",
    }  # fmt: skip
    for f in found.values():
        assert f.low is not None and f.low < f.value < f.high and f.estimate.over == "networks"
        assert (f.unit, f.target, f.scope) == ("runs", "clipart", "for this checkpoint")
    assert found[SPEED].n == 6 and found[FALLS].n == 24
    assert found[END].value == pytest.approx(0.04, abs=0.005)


def test_the_opposite_disagrees():
    swapped = {"*": "8", "1": "4", "2": "2", "4": "1", "8": "*"}
    roles = {"P-T": "RI-T", "RI-T": "P-T"}
    runs = {}
    for block, of in like_the_paper().items():
        runs[swapped[block]] = [run(roles[r.role], r.seed, r.final_metric(), r.optimisation_speed()) for r in of]
    found = {c: f.verdict for c, f in by_claim(made(runs, alike=["clipart"])).items()}
    assert found[FALLS] == "disagrees"
    assert found[END] == "disagrees"
    assert found[SPEED] == "disagrees"
    assert found[STABLE] == "disagrees"


def test_a_start_at_chance_is_told_and_a_claim_of_no_loss_is_silent():
    runs = like_the_paper(seeds=4)
    for block, of in runs.items():  # P-T never leaves 8 %, with a spread that makes every slope sure
        runs[block] = [
            run("P-T", r.seed, 0.08 + 0.0001 * r.seed, 0.1 + 0.0001 * r.seed) if r.role == "P-T" else r for r in of
        ]
    unfit = "did not clearly beat chance (8.3 %)"
    known = {"clipart": tuple(Witness(f"P-T {s}", "P-T", unfit) for s in range(4))}
    got = by_claim(made(runs, alike=[], chance={"clipart": 1 / 12}, witnesses=known))
    assert got[STAYS].verdict == "cannot tell" and got[STAYS].why.endswith(unfit)
    assert got[END].verdict == "disagrees"  # that it ends no better is the truth
    half = {"clipart": (*known["clipart"][:3], Witness("P-T 3", "P-T"))}
    assert not by_claim(made(runs, alike=[], witnesses=half))[STAYS].why
    [told] = [f for f in made(runs, chance={"clipart": 1 / 12}).findings() if f.weight == 0.9]
    assert told.claim is None and told.value == pytest.approx(0.08015)


def test_a_pretraining_that_learned_nothing_decides_nothing():
    known = {"clipart": (Witness("the pre-training", "P", "diverged at step 3"),)}
    found = by_claim(made(like_the_paper(), alike=["clipart"], witnesses=known))
    assert {f.verdict for f in found.values()} == {"cannot tell"} and len(found) == 5


def test_the_twofold_loss_is_told_as_what_is_left():
    """A halving leaves P-T 90 % and RI-T 60 % of its speed; twice P-T's loss would leave 81 %."""

    def at(p, r):
        return {
            b: [
                run(role, s, 0.5, 0.8 * keep ** (3 - i)) for role, keep in (("P-T", p), ("RI-T", r)) for s in range(3)
            ]
            for i, b in enumerate(BLOCKS[1:])
        }

    much, little = (by_claim(made(at(0.9, keep)))[STABLE] for keep in (0.6, 0.95))
    assert much.value == pytest.approx(math.log(0.81 / 0.6)) and much.verdict == "agrees"
    assert "would leave RI-T 81.0 % of it, and it leaves 60.0 %, that is 25.9 % less" in much.text
    assert little.value == pytest.approx(math.log(0.81 / 0.95)) and little.verdict == "disagrees"
    assert "and it leaves 95.0 %, that is 17.3 % more" in little.text


def test_no_effect_can_not_be_told():
    found = by_claim(made(like_the_paper(flat=True), alike=["clipart"]))
    assert {f.verdict for f in found.values()} == {"cannot tell"} and len(found) == 5


def test_whether_the_target_looks_like_the_source_decides_the_claim():
    falling = like_the_paper()
    not_said = made(falling)
    assert {SHRINKS, STAYS}.isdisjoint(by_claim(not_said))
    [f] = [f for f in not_said.findings() if "was not said whether" in f.text]
    assert f.claim is None and f.low > 0
    unlike = by_claim(made(falling, alike=[]))
    assert SHRINKS not in unlike and unlike[STAYS].verdict == "disagrees"
    # A drop that grows with smaller blocks speaks against the claim only where the target is alike.
    growing = like_the_paper()
    for i, block in enumerate(BLOCKS):
        growing[block] = [
            run(r.role, r.seed, 0.3 + 0.1 * i if r.role == "P-T" else 0.1 + 0.15 * i + 0.002 * r.seed, 0.5)
            for r in growing[block]
        ]
    assert by_claim(made(growing, alike=["clipart"]))[SHRINKS].verdict == "disagrees"
    assert by_claim(made(growing, alike=()))[STAYS].verdict == "agrees"


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_speak_of_test_images_and_decide_nothing(seeds):
    runs = like_the_paper(seeds=seeds)
    got = made(runs, alike=["clipart"], images=4000, outcomes=rows_of(runs, 4000))
    found = by_claim(got)
    assert {f.verdict for f in found.values()} == {"cannot tell"} and len(found) == 5
    assert all(f.why == "a verdict needs at least three networks of each kind" for f in found.values())
    assert found[FALLS].estimate.over == found[SHRINKS].estimate.over == found[END].estimate.over == "images"
    assert found[FALLS].low > 0  # of these networks it is clear
    assert found[STABLE].low is None and found[SPEED].low is None
    over = got.summary().set_index("block").loc["8", ["P-T final over", "P-T speed over", "drop % over"]]
    assert over.tolist() == ["images", "nothing", "images"]
    assert by_claim(made(runs))[FALLS].low is None  # nothing is known of images


def test_images_widen_intervals_over_networks():
    runs = like_the_paper()
    bare, full = (by_claim(made(runs, images=400, outcomes=o)) for o in (None, rows_of(runs)))
    for claim in (FALLS, END):
        assert full[claim].value == pytest.approx(bare[claim].value)
        assert full[claim].estimate.over == "networks and images" and full[claim].estimate.noise > 0
        assert full[claim].high - full[claim].low > bare[claim].high - bare[claim].low
    assert full[STABLE].estimate == bare[STABLE].estimate


def test_auc_has_no_interval_of_one_network_without_its_images():
    found = by_claim(made(like_the_paper(seeds=2, target="xray", auc=True)))
    assert found[FALLS].verdict == "cannot tell" and found[FALLS].low is None
    assert "test AUC" in found[FALLS].text
    assert by_claim(made(like_the_paper(seeds=3, target="xray", auc=True)))[FALLS].verdict == "agrees"


def test_without_stars_single_pixels_are_taken():
    runs = {b: of for b, of in like_the_paper().items() if b != "*"}
    assert "when all pixels are shuffled" in by_claim(made(runs))[END].text
    only = by_claim(made({"8": runs["8"]}))
    assert not only  # one size says nothing of sizes


def test_of_several_rates_the_best_on_validation_images_is_taken():
    """0.5 is better on validation images and worse on test images; nothing looks at the latter."""
    runs = {b: [run(r.role, r.seed, 0.4, 0.4, val=0.3) for r in of] for b, of in like_the_paper().items()}
    runs["8"] += [run("RI-T", s, 0.2, 0.7, lr=0.5, val=0.6) for s in range(3)]
    result = made(runs)
    assert result.group("clipart", "8", "RI-T").runs[0].lr == 0.5
    assert result.group("clipart", "4", "RI-T").runs[0].lr == 0.1
    reason = "another learning rate is better on validation images"
    assert LeftOut("RI-T 0.1 2 with blocks 8", reason, "clipart") in result.left_out and len(result.left_out) == 3
    assert result.series("clipart", "RI-T", "final").values.shape == (3, 4)


def test_without_validation_images_no_rate_is_chosen():
    runs = like_the_paper()
    runs["8"] += [run("RI-T", s, 0.6, 0.7, lr=0.5) for s in range(3)]
    result = made(runs)
    assert result.group("clipart", "8", "RI-T").runs[0].lr == 0.1
    assert {one.subject for one in result.left_out} == {f"RI-T 0.5 {s} with blocks 8" for s in range(3)}
    assert "none is chosen without validation images" in result.left_out[0].reason


def test_diverged_runs_count_as_chance_and_others_are_left_out():
    runs = like_the_paper()
    at = next(i for i, r in enumerate(runs["*"]) if r.role == "P-T")
    runs["*"][at] = run("P-T", 0, 0.99, 0.99, ended="diverged at step 4")
    runs["8"].append(run("P-T", 8, 0.9, 0.9, frozen="body"))
    runs["8"].append(run("", 9, 0.9, 0.9))
    result = made(runs, chance={"clipart": 0.1}, outcomes=rows_of(runs, 1000))
    assert len(result.group("clipart", "*", "P-T").runs) == 2 and len(result.runs) == 30
    assert math.isnan(result.frame().final.iloc[at])
    counted = result.counted("clipart", "*", "P-T")
    assert counted.numbers("final")[0] == counted.numbers("speed")[0] == 0.1 and len(counted.runs) == 3
    assert (counted.examples("final")[0] == 0.1).all()
    rest = [r.final for r in counted.runs[1:]]
    other = result.counted("clipart", "*", "RI-T").numbers("final")
    assert by_claim(result)[END].value == pytest.approx((0.1 + sum(rest)) / 3 - other.mean())
    assert [one.reason for one in result.left_out] == ["head only", "neither P-T nor RI-T"]
    told = " ".join(f.text for f in result.findings() if f.claim is None)
    assert "1 run of 30 diverged" in told and "blocks * (diverged at step 4)" in told and "cropped" not in told
    gone = {"8": [run("P-T", 0, 0.1, 0.1, ended="diverged at step 1")]}
    assert made(gone).summary()["P-T final"].isna().all() and made(gone).group("clipart", "8", "P-T") is None


def test_a_run_that_diverged_plays_no_part_where_chance_is_not_known():
    runs = like_the_paper(seeds=4)
    at = next(i for i, r in enumerate(runs["4"]) if r.role == "P-T")
    runs["4"][at] = run("P-T", 0, 0.99, 0.99, ended="diverged at step 4")
    result = made(runs)
    assert result.left_out == (
        LeftOut("P-T 0.02 0 with blocks 4", "diverged at step 4", "clipart"),
        LeftOut("P-T of seed 0", "not at all sizes of blocks, so in no slope", "clipart"),
    )
    assert len(result.series("clipart", "P-T", "final")) == 3 and len(result.series("clipart", "RI-T", "final")) == 4


def test_speed_by_chance_of_several_labels_must_be_known():
    runs = like_the_paper(auc=True, target="xray")
    at = next(i for i, r in enumerate(runs["*"]) if r.role == "P-T")
    runs["*"][at] = run("P-T", 0, 0.9, 0.9, ended="diverged at step 4", auc=True, target="xray")
    result = made(runs, chance={"xray": 0.5})
    assert [len(result.counted("xray", "*", "P-T", what).runs) for what in ("final", "speed")] == [3, 2]
    assert "what speed is by chance is not known" in result.left_out[0].reason
    known = made(runs, chance={"xray": 0.5}, speed_chance={"xray": 0.9})
    assert known.counted("xray", "*", "P-T", "speed").numbers("speed")[0] == 0.9 and not known.left_out


def test_augmentation_is_told():
    runs = like_the_paper(augmentation=Augmentation())
    assert any("cropped, flipped or mixed" in f.text for f in made(runs).findings())


def test_round_trip(tmp_path):
    pictures = {"clipart": {"*": np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)}}
    runs = like_the_paper()
    known = {"clipart": (Witness("P-T 0", "P-T"), Witness("the pre-training", "P"))}
    got = made(runs, pictures=pictures, alike=["clipart"], outcomes=rows_of(runs, 1000), witnesses=known)
    assert got.outcomes["clipart"].dtype == np.uint8 and got.outcomes["clipart"].shape == (30, 1000)
    got.save(tmp_path)
    back = BlockShuffle.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(got), to_tree(back)
    assert tree == tree_back and all(np.array_equal(v, arrays_back[k]) for k, v in arrays.items())
    assert back.findings() == got.findings() and back.summary().equals(got.summary())
    for name in ("chance", "speed_chance", "outcomes", "witnesses"):  # as it was stored before there were these
        del tree[name]
    assert {f.claim for f in from_tree(BlockShuffle, tree, arrays).findings()} == {f.claim for f in got.findings()}


def test_sentences():
    runs = like_the_paper()
    runs["8"].append(run("P-T", 8, 0.9, 0.9, frozen="body"))
    runs["*"][0] = run("P-T", 0, 0.99, 0.99, ended="diverged at step 4")
    golden(made(runs, alike=["clipart"], chance={"clipart": 1 / 12}, outcomes=rows_of(runs, 1000)), "block_shuffle")


def test_bad_input_is_named():
    runs = like_the_paper()
    with pytest.raises(UsageError, match="block shuffle of no runs"):
        block_shuffle({}, side=8, test_images={})
    with pytest.raises(UsageError, match=r"side 3 do not fill images of 8×8; use 1, 2, 4, 8 or \*"):
        made({"3": runs["8"]})
    with pytest.raises(UsageError, match="do not fill"):
        made({"all": runs["8"]})
    with pytest.raises(UsageError, match="test_images has no number for the target 'clipart'"):
        block_shuffle(runs, side=8, test_images={"real": 5})
    with pytest.raises(UsageError, match=r"two runs on clipart with blocks 8 are called 'P-T 0\.02 0'"):
        made({"8": [runs["8"][0], runs["8"][0]]})
    with pytest.raises(UsageError, match="alike: no runs on sketch"):
        made(runs, alike=["sketch"])
    rows = rows_of(runs, 1000)
    with pytest.raises(UsageError, match=r"outcomes of blocks 8: 5 for 6 runs; give one for each"):
        made(runs, outcomes=rows | {"8": rows["8"][:5]})
    with pytest.raises(UsageError, match=r"outcomes of blocks 8: none of 'P-T 0\.02 0' on clipart; it did not"):
        made(runs, outcomes=rows | {"8": [None, *rows["8"][1:]]})
    with pytest.raises(UsageError, match=r"outcomes on clipart: 30 rows of shapes .*; give \(1000,\) for each of 30"):
        made(runs, outcomes=rows_of(runs, 999))
    other = run("P-T", 5, 0.5, 0.5)
    object.__setattr__(other, "source", "sketches")
    with pytest.raises(UsageError, match="P-T runs from several sources"):
        made({"8": [*runs["8"], other]})
