import math

import numpy as np
import pytest
from scipy import stats

from transferscope.data.augmentation import Augmentation
from transferscope.errors import UsageError
from transferscope.questions.block_shuffle import findings as sentences
from transferscope.questions.block_shuffle.measure import BlockShuffle, block_shuffle
from transferscope.questions.block_shuffle.numbers import combined, drop, drop_slope, log_slope, mean_of, slope
from transferscope.records import from_tree, to_tree
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

BLOCKS = ("*", "1", "2", "4", "8")


def run(role, seed, final, speed, *, target="clipart", lr=None, ended="finished", auc=False, **recipe):
    """A run with this final test metric and this mean training accuracy."""
    epochs = {"epoch": np.array([1, 2]), "step": np.array([10, 20]), "train_accuracy": np.array([speed, speed])}
    epochs["test_auc" if auc else "test_accuracy"] = np.array([0.1, final])
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


def test_difference_of_two_means_is_welchs():
    a, b = [3.0, 4.1, 5.2, 4.4], [1.0, 2.6, 2.9]
    m, n = mean_of(a), mean_of(b)
    found = combined(m.value - n.value, [(1.0, m), (-1.0, n)])
    want = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((want.low, want.high))
    assert found.basis == "seeds"


def test_two_seeds_have_the_interval_of_test_images():
    m = mean_of([0.8, 0.9], 400)
    k = 0.85 * 400
    p = (k + 2) / 404
    assert m.variance == pytest.approx(p * (1 - p) / 404) and m.basis == "test images"
    found = combined(m.value, [(1.0, m)])
    assert found.high - found.low == pytest.approx(2 * stats.norm.ppf(0.975) * math.sqrt(m.variance), rel=1e-6)
    assert combined(0.5, [(1.0, mean_of([0.5, 0.6]))]).low is None  # neither three seeds nor a share of images
    assert mean_of([1.0], 100).variance > 0  # never sure because all are right
    assert mean_of([0.1, 0.2, 0.4], 100).basis == "seeds"


def test_slopes_are_those_of_least_squares():
    blocks, y, z = [1, 2, 7, 14], [0.2, 0.35, 0.5, 0.8], [0.1, 0.3, 0.3, 0.4]
    x = np.log2(blocks)
    means, others = [mean_of([v]) for v in y], [mean_of([v]) for v in z]
    assert slope(blocks, means).value == pytest.approx(np.polyfit(x, y, 1)[0])
    drops = [100 * (a - b) / a for a, b in zip(y, z, strict=True)]
    assert drop_slope(blocks, means, others).value == pytest.approx(np.polyfit(x, drops, 1)[0])
    logs = np.polyfit(x, np.log(y), 1)[0] - 2 * np.polyfit(x, np.log(z), 1)[0]
    assert log_slope(blocks, means, others, 2).value == pytest.approx(logs)
    assert math.isnan(log_slope(blocks, [mean_of([0.0])] * 4).value)


def test_intervals_of_functions_hold_what_repeated_draws_give():
    """The spread of each function over many repetitions of the experiment, by Monte-Carlo."""
    rng = np.random.default_rng(1)
    blocks, seeds, spread = [1, 2, 4], 200, 0.05  # many seeds, so that t and the estimated spread play no part
    first, second = np.array([0.4, 0.6, 0.8]), np.array([0.3, 0.4, 0.4])

    def experiment():
        return [[mean_of(level + spread * rng.normal(size=seeds)) for level in levels] for levels in (first, second)]

    kinds = {
        "drop": lambda a, b: drop(a[0], b[0]),
        "slope": lambda a, _: slope(blocks, a),
        "drop_slope": lambda a, b: drop_slope(blocks, a, b),
        "log_slope": lambda a, b: log_slope(blocks, b, a, 2.0),
    }
    draws = [experiment() for _ in range(400)]
    for name, of in kinds.items():
        found = [of(*d) for d in draws]
        width = np.mean([f.high - f.low for f in found])
        assert width / (2 * 1.96 * np.std([f.value for f in found])) == pytest.approx(1, abs=0.12), name


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
        sentences.FALLS: "agrees", sentences.SHRINKS: "agrees", sentences.STABLE: "agrees", sentences.END: "agrees",
        sentences.SPEED: "agrees",
    }  # fmt: skip
    assert set(found) | {sentences.STAYS} == set(sentences.CLAIMS)
    for f in found.values():
        assert f.low is not None and f.low < f.value < f.high and "3 seeds a start and block" in f.text
        assert f.unit == "runs"
    assert found[sentences.SPEED].n == 6 and found[sentences.FALLS].n == 24
    assert "when all values are shuffled across pixels and channels, P-T learns faster" in found[sentences.SPEED].text
    assert found[sentences.END].value == pytest.approx(0.04, abs=0.005)
    assert "unshuffled" in found[sentences.FALLS].text and "with blocks of 1×1" in found[sentences.FALLS].text


def test_the_opposite_disagrees():
    swapped = {"*": "8", "1": "4", "2": "2", "4": "1", "8": "*"}
    roles = {"P-T": "RI-T", "RI-T": "P-T"}
    runs = {}
    for block, of in like_the_paper().items():
        runs[swapped[block]] = [run(roles[r.role], r.seed, r.final_metric(), r.optimisation_speed()) for r in of]
    found = {c: f.verdict for c, f in by_claim(made(runs, alike=["clipart"])).items()}
    assert found[sentences.FALLS] == "disagrees"
    assert found[sentences.END] == "disagrees"
    assert found[sentences.SPEED] == "disagrees"
    assert found[sentences.STABLE] == "disagrees"


def test_a_start_at_chance_has_nothing_to_lose():
    runs = like_the_paper()
    for block, of in runs.items():  # RI-T never leaves 8 %, with a spread that makes every slope sure
        runs[block] = [
            run("RI-T", r.seed, 0.08 - 0.001 * BLOCKS.index(block), 0.1) if r.role == "RI-T" else r for r in of
        ]
    before, got = made(runs, alike=["clipart"]), made(runs, alike=["clipart"], chance={"clipart": 1 / 12})
    assert {f.verdict for f in by_claim(before).values()} == {"agrees", "disagrees"}
    assert {f.verdict for f in by_claim(got).values()} == {"cannot tell"} and len(by_claim(got)) == 5
    assert all("RI-T is not clearly above chance even unshuffled" in f.text for f in by_claim(got).values())
    [told] = [f for f in got.findings() if f.claim is None]
    assert told.weight == 0.9 and told.value == pytest.approx(0.076 - 1 / 12)
    assert "test accuracy 7.6 % (7.6 to 7.6), always naming the most frequent class 8.3 %" in told.text
    fine = made(like_the_paper(), alike=["clipart"], chance={"clipart": 1 / 12})
    assert by_claim(fine) == by_claim(made(like_the_paper(), alike=["clipart"]))


def test_the_twofold_loss_is_told_as_what_is_left():
    """A halving leaves P-T 90 % and RI-T 60 % of its speed; twice P-T's loss would leave 81 %."""

    def at(p, r):
        return {
            b: [
                run(role, s, 0.5, 0.8 * keep ** (3 - i)) for role, keep in (("P-T", p), ("RI-T", r)) for s in range(3)
            ]
            for i, b in enumerate(BLOCKS[1:])
        }

    much = by_claim(made(at(0.9, 0.6)))[sentences.STABLE]
    assert much.value == pytest.approx(1 - 0.6 / 0.81)
    assert "would leave RI-T 81.0 % of it, and it leaves 60.0 %, that is 25.9 % less" in much.text
    little = by_claim(made(at(0.9, 0.95)))[sentences.STABLE]
    assert little.value == pytest.approx(1 - 0.95 / 0.81)
    assert "and it leaves 95.0 %, that is 17.3 % more" in little.text


def test_no_effect_can_not_be_told():
    found = by_claim(made(like_the_paper(flat=True), alike=["clipart"]))
    assert {f.verdict for f in found.values()} == {"cannot tell"} and len(found) == 5
    assert "does not clearly end better" in found[sentences.END].text


def test_whether_the_target_looks_like_the_source_decides_the_claim():
    falling = like_the_paper()
    not_said = by_claim(made(falling))[sentences.SHRINKS]
    assert not_said.verdict == "agrees" and "not said" not in not_said.text
    unlike = by_claim(made(falling, alike=[]))
    assert sentences.SHRINKS not in unlike and unlike[sentences.STAYS].verdict == "disagrees"
    # A drop that grows with smaller blocks speaks against the claim only where the target is alike.
    growing = like_the_paper()
    for i, block in enumerate(BLOCKS):
        growing[block] = [
            run(r.role, r.seed, 0.3 + 0.1 * i if r.role == "P-T" else 0.1 + 0.15 * i + 0.002 * r.seed, 0.5)
            for r in growing[block]
        ]
    open_question = by_claim(made(growing))[sentences.SHRINKS]
    assert open_question.verdict == "cannot tell" and "was not said whether" in open_question.text
    assert by_claim(made(growing, alike=["clipart"]))[sentences.SHRINKS].verdict == "disagrees"
    assert by_claim(made(growing, alike=()))[sentences.STAYS].verdict == "agrees"


def test_one_seed_speaks_of_test_images_or_not_at_all():
    found = by_claim(made(like_the_paper(seeds=1), images=2000))
    falls = found[sentences.FALLS]
    assert falls.verdict == "cannot tell" or falls.low > 0
    assert (falls.n, falls.unit) == (
        2000,
        "test images",
    ) and "over test images (binomial), not over seeds" in falls.text
    for claim in (sentences.STABLE, sentences.SPEED):
        assert found[claim].verdict == "cannot tell" and found[claim].low is None and "too few" in found[claim].text
    few = by_claim(made(like_the_paper(seeds=1), images=20))
    assert few[sentences.END].verdict == "cannot tell"  # 4 points on 20 images


def test_auc_has_no_binomial_interval():
    found = by_claim(made(like_the_paper(seeds=2, target="xray", auc=True)))
    assert found[sentences.FALLS].verdict == "cannot tell" and found[sentences.FALLS].low is None
    assert "test AUC" in found[sentences.FALLS].text
    assert by_claim(made(like_the_paper(seeds=3, target="xray", auc=True)))[sentences.FALLS].verdict == "agrees"


def test_without_stars_single_pixels_are_taken():
    runs = {b: of for b, of in like_the_paper().items() if b != "*"}
    assert "when all pixels are shuffled" in by_claim(made(runs))[sentences.END].text
    only = by_claim(made({"8": runs["8"]}))
    assert not only  # one size says nothing of sizes


def test_of_several_rates_the_best_is_taken():
    runs = like_the_paper()
    runs["8"] += [run("RI-T", s, 0.6, 0.7, lr=0.5) for s in range(3)]
    result = made(runs)
    assert result.group("clipart", "8", "RI-T").runs[0].lr == 0.5
    assert result.group("clipart", "4", "RI-T").runs[0].lr == 0.1


def test_diverged_runs_and_others_are_told_and_left_out():
    runs = like_the_paper()
    runs["8"].append(run("P-T", 7, 0.99, 0.99, ended="diverged at step 4"))
    runs["8"].append(run("P-T", 8, 0.9, 0.9, frozen="body"))
    runs["8"].append(run("", 9, 0.9, 0.9))
    result = made(runs)
    assert len(result.group("clipart", "8", "P-T").runs) == 3 and len(result.runs) == 31
    assert math.isnan(result.frame().final.iloc[-1])
    told = " ".join(f.text for f in result.findings() if f.claim is None)
    assert "1 run of 31 diverged" in told and "blocks 8 (diverged at step 4)" in told
    assert "(head only)" in told and "(neither P-T nor RI-T)" in told and "cropped" not in told
    gone = {"8": [run("P-T", 0, 0.1, 0.1, ended="diverged at step 1")]}
    assert made(gone).summary()["P-T final"].isna().all() and made(gone).group("clipart", "8", "P-T") is None


def test_augmentation_is_told():
    runs = like_the_paper(augmentation=Augmentation())
    assert any("cropped, flipped or mixed" in f.text for f in made(runs).findings())


def test_round_trip(tmp_path):
    pictures = {"clipart": {"*": np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)}}
    got = made(like_the_paper(), pictures=pictures, alike=["clipart"])
    got.save(tmp_path)
    back = BlockShuffle.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(got), to_tree(back)
    assert tree == tree_back and all(np.array_equal(v, arrays_back[k]) for k, v in arrays.items())
    assert back.findings() == got.findings() and back.summary().equals(got.summary())
    del tree["chance"]  # as it was stored before there was one
    assert from_tree(BlockShuffle, tree, arrays).findings() == got.findings()


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
    other = run("P-T", 5, 0.5, 0.5)
    object.__setattr__(other, "source", "sketches")
    with pytest.raises(UsageError, match="P-T runs from several sources"):
        made({"8": [*runs["8"], other]})
