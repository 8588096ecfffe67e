"""Sources, objectives and samples: numbers against plain loops, verdicts of planted differences, pictures, points."""

import io
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.errors import UsageError
from transferscope.evidence.left_out import LeftOut
from transferscope.models.build import build
from transferscope.models.network import Input
from transferscope.questions.protocols import GridPoint
from transferscope.questions.sources.measure import SourceKind, SourceRow, Sources, sources
from transferscope.questions.sources.spread import spread
from transferscope.records import from_tree, to_tree

from .golden import golden

COLUMNS = ("1 shot", "10 shots", "all images", "fine-tuned")
IMAGES, DRAWS = 300, 4


def made(levels, seeds=4, seed=0, network=0.01):
    """Pre-trainings whose images are right at a rate of their own in each column."""
    rng = np.random.default_rng(seed)
    hard = rng.random(IMAGES)
    rows, right, drawn = [], [], []
    for kind, rates in levels.items():
        for s in range(seeds):
            each = np.empty((4, DRAWS, IMAGES))
            for column, rate in enumerate(rates):
                level = rate + network * rng.standard_normal() + 0.01 * rng.standard_normal((DRAWS, 1))
                each[column] = 0.7 * hard + 0.3 * rng.random((DRAWS, IMAGES)) < level
            sample = {"images": 100.0, "effective classes": 9.5, "Vendi score": 20.0} if kind.sampling else {}
            rows.append(SourceRow(f"{kind.label} {s}", kind, s, 0.5, sample, "finished"))
            right.append(each.mean(1))
            drawn.append(np.concatenate([each.mean(2)[:2], np.full((2, DRAWS), math.nan)]))
    left = (LeftOut("photos, CLIP 9", "diverged at step 3", "birds"),)
    return Sources("birds", COLUMNS, DRAWS, tuple(rows), np.stack(right), np.stack(drawn), left)


def kinds(sup=(0.3, 0.5), simclr=(0.45, 0.55), clip=(0.35, 0.5), apart=0.0, cluster=0.0):
    levels = {}
    for objective, (few, all_of_them) in (("supervised", sup), ("simclr", simclr), ("clip", clip)):
        for i, source in enumerate(("photos", "drawings")):
            levels[SourceKind(source, objective)] = (few - i * apart, few + 0.1, all_of_them, 0.7)
    for sampling, more in (("from random", 0.0), ("from cluster", cluster), ("from hardest", -0.1)):
        levels[SourceKind("uneven", "supervised", sampling)] = (0.3 + more, 0.4 + more, 0.5, 0.7)
    return levels


def claims(result):
    return {f.claim: f.verdict for f in result.findings() if f.claim}


def test_differences_are_paired_by_seed_and_hold_draws_and_images():
    result = made(kinds())
    first, second = SourceKind("photos", "simclr"), SourceKind("photos", "clip")
    found = result.less([(first, second)], 0)
    at = {(row.kind, row.seed): i for i, row in enumerate(result.rows)}
    gains, draws, each = [], np.zeros(DRAWS), np.zeros(IMAGES)
    for s in range(4):
        a, b = at[first, s], at[second, s]
        gains.append(np.mean([result.right[a, 0, i] - result.right[b, 0, i] for i in range(IMAGES)]))
        for d in range(DRAWS):
            draws[d] += (result.drawn[a, 0, d] - result.drawn[b, 0, d]) / 4
        each += (result.right[a, 0] - result.right[b, 0]) / 4
    assert found.value == pytest.approx(np.mean(gains), abs=1e-12)
    variances = np.var(gains, ddof=1) / 4, np.var(draws, ddof=1) / DRAWS
    freedom = sum(variances) ** 2 / (variances[0] ** 2 / 3 + variances[1] ** 2 / (DRAWS - 1))
    of_images = each.var(ddof=1) / IMAGES
    half = math.sqrt(stats.t.ppf(0.975, freedom) ** 2 * sum(variances) + 1.959964**2 * of_images)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.02)
    assert found.over == "pre-trainings" and found.n == 4
    both = result.less([(first, second), (SourceKind("drawings", "simclr"), SourceKind("drawings", "clip"))], 0)
    others = result.less([(SourceKind("drawings", "simclr"), SourceKind("drawings", "clip"))], 0)
    assert both.value == pytest.approx((found.value + others.value) / 2, abs=1e-12)
    change = result.less([(first, second)], 3, than=0)
    assert change.value == pytest.approx(result.less([(first, second)], 3).value - found.value, abs=1e-12)


def test_what_is_planted_is_found():
    assert claims(made(kinds(apart=0.15, cluster=0.1))) == {
        "003-A-a": "agrees", "003-A-b": "agrees", "003-A-c": "agrees", "003-A-d": "agrees", "003-A-e": "agrees",
    }  # fmt: skip
    turned = made(kinds(simclr=(0.2, 0.5), clip=(0.4, 0.5), cluster=-0.1))
    found = claims(turned)
    assert found["003-A-c"] == found["003-A-d"] == found["003-A-e"] == "disagrees"
    assert found["003-A-a"] in ("cannot tell", "disagrees")


def test_pre_trainings_that_learned_nothing_say_nothing_of_sources():
    """Eight that diverged are all at chance, so alike that any margin holds."""
    found = made({SourceKind(name, "clip"): (0.25, 0.25, 0.25, 0.25) for name in ("photos", "drawings")})
    gone = tuple(replace(row, ended="diverged at step 2") for row in found.rows)
    diverged = replace(
        found, rows=gone, right=np.full_like(found.right, 0.25), drawn=found.drawn * 0 + 0.25, chance=0.25
    )
    (finding,) = [f for f in diverged.findings() if f.claim == "003-A-a"]
    assert finding.verdict == "cannot tell" and finding.silenced and "diverged at step 2" in finding.why
    (at_chance,) = [f for f in replace(found, chance=0.25).findings() if f.claim == "003-A-a"]
    assert at_chance.silenced and "did not clearly beat chance" in at_chance.why
    one = replace(
        diverged, rows=(found.rows[0], *gone[1:]), right=np.concatenate([found.right[:1] + 0.5, diverged.right[1:]])
    )
    assert not next(f for f in one.findings() if f.claim == "003-A-a").silenced


def test_three_seeds_are_too_few_for_a_verdict():
    few = made(kinds(apart=0.15, cluster=0.1), seeds=3)
    assert set(claims(few).values()) == {"cannot tell"}


def test_equal_sources_have_no_spread_in_the_mean():
    alike = [SourceKind(name, "clip") for name in ("a", "b", "c")]
    values, naive = [], []
    for seed in range(40):
        result = made(dict.fromkeys(alike, (0.4, 0.4, 0.4, 0.4)), seed=seed, network=0.05)
        values.append(spread(result, alike).at(0).value)
        means = [result.accuracy(k, 0).value for k in alike]
        naive.append(max(means) - min(means))
    assert abs(np.mean(values)) < 3 * np.std(values, ddof=1) / np.sqrt(40) and np.mean(naive) > 0.02
    assert spread(result, alike[:1]) is None


def test_sentences():
    golden(made(kinds(apart=0.15, cluster=0.1)), "sources")


def test_tables_records_and_pictures():
    result = made(kinds())
    frame = result.frame()
    assert len(frame) == len(result.rows) * 4 and {"Vendi score", "accuracy", "column"} <= set(frame.columns)
    again = from_tree(Sources, *to_tree(result))
    assert again.kinds == result.kinds and np.array_equal(again.right, result.right)
    result.plot(what="samples").savefig(io.BytesIO(), dpi=40)
    axes = result.plot().axes
    assert [ax.get_title(loc="left") for ax in axes] == ["supervised", "SimCLR", "CLIP", "uneven"]
    line = axes[1].get_lines()[0]
    assert line.get_ydata()[0] == pytest.approx(100 * result.accuracy(SourceKind("photos", "simclr"), 0).value)
    with pytest.raises(UsageError, match="a figure of samples, and no pre-training saw one"):
        made({SourceKind("photos", "clip"): (0.4,) * 4}).plot(what="samples")


def part(n, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    pixels = rng.integers(0, 60, (n, 8, 8, 3)) + 60 * labels[:, None, None, None]
    return ImageSet(pixels.astype(np.uint8), labels, ("a", "b", "c"), np.array([f"{seed} {i}" for i in range(n)]))


def points(tuned=False):
    net = build("mlp:6", 4, input=Input((8, 8)))
    after = build("mlp:6", 3, input=Input((8, 8)))
    for source, s in itertools.product(("photos", "drawings"), range(2)):
        rng = np.random.default_rng(s)
        params = {k: v + 0.1 * float(rng.standard_normal()) for k, v in net.params().items()}
        gone = source == "drawings" and s == 1
        yield GridPoint(
            f"{source} {s}", source, {}, s, net, None if gone else params, 0.5, 30, 100,
            "diverged at step 2" if gone else "finished", (math.nan if gone else 0.4) if tuned else None,
            after.params() if tuned and not gone else None, after if tuned and not gone else None, source, "simclr",
        )  # fmt: skip


def test_pre_trainings_are_evaluated_and_a_diverged_one_is_chance():
    images = ImageSplits(part(36, 0), part(0, 1), part(30, 2), "made", ())
    result = sources(points(tuned=True), images, target="birds", shots=(1, 4), draws=3, device="cpu")
    assert result.columns == ("1 shot", "4 shots", "all images", "fine-tuned")
    assert result.right.shape == (4, 4, 30) and result.drawn.shape == (4, 4, 3)
    assert result.kinds == (SourceKind("photos", "simclr"), SourceKind("drawings", "simclr"))
    few = result.right[:3, :2].mean(2)
    assert few == pytest.approx(result.drawn[:3, :2].mean(2), abs=1e-6)
    assert result.right[0, 2].mean() > 0.5  # brightness tells the classes
    assert np.all(result.right[3] == pytest.approx(1 / 3)) and [left.subject for left in result.failed]
    plain = sources(points(), images, target="birds", shots=(1, 4), draws=3, device="cpu")
    assert plain.columns == result.columns[:3] and np.array_equal(plain.right, result.right[:, :3])


def test_what_cannot_be():
    images = ImageSplits(part(36, 0), part(0, 1), part(30, 2), "made", ())
    with pytest.raises(UsageError, match="sources of no pre-trainings"):
        sources([], images, device="cpu")
    with pytest.raises(UsageError, match=r"shots \[2, 1\] and 5 draws"):
        sources(points(), images, shots=(2, 1), device="cpu")
