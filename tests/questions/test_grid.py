"""Grids of pre-trainings: rows, levels, curves and what is said of them, of made accuracies."""

import math
from dataclasses import replace

import numpy as np
import pytest

from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.errors import UsageError
from transferscope.evidence.left_out import LeftOut
from transferscope.models.build import build
from transferscope.models.network import Input
from transferscope.questions.grid.measure import Grid, PointRow, _curve, _levels, grid
from transferscope.questions.grid.table import models_of
from transferscope.questions.prediction_power.measure import CONFIGURATION, prediction_power
from transferscope.questions.protocols import GridPoint
from transferscope.questions.scaling.measure import Scaling, scaling
from transferscope.records import from_tree, to_tree

from .golden import golden


def rows(added=0.0, n_seeds=2, noise=0.002, seed=0, shots=2):
    """Two families over widths, shares and epochs; the width adds to the curve."""
    rng = np.random.default_rng(seed)
    found = []
    for family, base in (("plain", 0.2), ("deep", 0.3)):
        for width in (8, 16, 32):
            for share in (0.1, 1.0):
                for epochs in (1, 4):
                    for s in range(n_seeds):
                        x = base + 0.1 * math.log2(width / 8) + 0.15 * (share == 1) + 0.1 * (epochs == 4)
                        x += 0.02 * rng.standard_normal()
                        y = 1 - (0.8 * (1 - x) ** 1.5 + 0.1) + added * (width / 32) + noise * rng.standard_normal()
                        factors = {"width": float(width), "share": share, "epochs": float(epochs)}
                        name = f"{family} {width} {share} {epochs} {s}"
                        accuracy = tuple(y - 0.05 * (shots - 1 - k) for k in range(shots))
                        spread = (0.01,) * shots
                        found.append(
                            PointRow(name, family, factors, s, width**2, 100, x, accuracy, spread, "finished")
                        )
    return found


def result(**more):
    points = rows(**more)
    curves = tuple(_curve(points, i, shots) for i, shots in enumerate((1.0, 5.0)))
    return Grid(
        "houses", (1.0, 5.0), 3, 1000, 800, tuple(points), curves, (LeftOut("x", "diverged at step 3", "houses"),)
    )


def test_levels_are_within_families():
    points = rows(n_seeds=1)
    names, levels = _levels(points)
    assert names == ["width", "share", "epochs", "family deep"]
    assert levels[0].tolist() == [0, 0, 0, 0] and levels[-1].tolist() == [1, 1, 1, 1]
    assert sorted(set(levels[:, 0])) == [0, 0.5, 1]


@pytest.mark.parametrize(("added", "verdict"), [(0.0, "agrees"), (0.15, "disagrees")])
def test_one_curve_or_not(added, verdict):
    found = [f for f in result(added=added).findings() if f.claim == "003-i"]
    assert [f.verdict for f in found] == [verdict] and found[0].target == "houses"
    assert "at equal upstream accuracy the greatest value adds to the least width:" in found[0].text


def test_pre_trainings_at_chance_say_nothing_of_curves():
    one = replace(result(), chance=0.9)
    (found,) = [f for f in one.findings() if f.claim == "003-i"]
    assert found.verdict == "cannot tell" and found.silenced and "did not clearly beat chance" in found.why
    assert not next(f for f in replace(one, chance=0.5).findings() if f.claim == "003-i").silenced


def test_sentences():
    golden(result(added=0.1), "grid")


def test_offsets_are_in_accuracy():
    curve = result(added=0.1, noise=0.0).curves[1]
    width = next(o for o in curve.offsets if o.factor == "width").added
    assert width.value == pytest.approx(0.075, abs=0.012)  # from 8 to 32 of 32, not on a line of levels
    assert width.low < width.value < width.high and width.over == "networks" and width.n == 24


def test_few_and_flat_have_no_curve():
    points = rows()
    assert "it takes 12" in _curve(points[:8], 0, 1.0).refused
    flat = [PointRow(p.name, p.family, p.factors, 0, 1, 1, p.upstream, (0.5,), (0.0,), "finished") for p in points]
    assert _curve(flat, 0, 1.0).refused == "accuracies hardly differ"
    down = [
        PointRow(p.name, p.family, p.factors, 0, 1, 1, p.upstream, (1 - p.upstream,), (0.0,), "finished")
        for p in points
    ]
    assert _curve(down, 0, 1.0).refused == "downstream accuracy does not rise with upstream accuracy"


def test_it_survives_the_store_and_becomes_a_table():
    one = result()
    tree, arrays = to_tree(one)
    assert from_tree(Grid, tree, arrays).findings() == one.findings()
    table = models_of([one, result(seed=1)])
    assert [t.label for t in table.tasks] == ["houses, 1 shot", "houses, 5 shots"] * 2
    tuned = replace(one, shots=(1.0, math.inf))
    assert [t.label for t in models_of([tuned]).tasks] == ["houses, 1 shot", "houses, fine-tuned"]
    assert len(table) == 48 and table.images == {"source": 1000} and table.tasks[0].images == 800
    assert {c.name for c in table.covariates} == {"width", "share", "epochs", "parameters", "family"}
    assert len(one.frame()) == 96


def test_laws_of_a_grid_are_judged_and_survive_the_store():
    found = scaling(models_of([result()]), draws=40, repeats=5, sampled=True)
    judged = [f for f in found.findings() if f.claim == "003-e"]
    assert [f.target for f in judged] == ["houses, 1 shot", "houses, 5 shots"]
    assert judged[1].estimate.over == "networks" and judged[1].estimate.n == 24
    assert not [f for f in scaling(models_of([result()]), draws=40, repeats=0).findings() if f.claim]
    tree, arrays = to_tree(found)
    assert from_tree(Scaling, tree, arrays).findings() == found.findings()


def test_seeds_of_a_configuration_are_no_models_of_their_own():
    """Twelve configurations with one seed, and each once more under two other seeds, say the same."""
    points = [p for p in rows(n_seeds=1) if p.factors["epochs"] == 1] + [
        p for p in rows(n_seeds=1) if p.factors["epochs"] == 4 and p.factors["share"] == 1
    ]
    again = [replace(p, name=f"{p.name} again {s}", seed=s) for s in (1, 2) for p in points]
    one, three = _curve(points, 0, 1.0, 1000), _curve([*points, *again], 0, 1.0, 1000)
    assert (one.configurations, three.configurations, three.n) == (18, 18, 54)
    for a, b in zip(one.offsets, three.offsets, strict=True):
        assert b.added.value == pytest.approx(a.added.value, abs=1e-6)
        assert b.added.spread == pytest.approx(a.added.spread, rel=1e-6) and b.added.freedom == a.added.freedom
    few = [p for p in [*points, *again] if p.factors["epochs"] == 1 and p.factors["width"] < 32]
    assert len(few) == 24 and _curve(few, 0, 1.0).refused == "8 configurations for a law and 3 factors; it takes 12"


def test_seeds_are_averaged_before_a_law_and_held_out_together():
    models = models_of([result(n_seeds=3)])
    law, mean = scaling(models, draws=40, repeats=0).laws[1], np.mean
    points = [p for p in result(n_seeds=3).points if p.configuration == "plain, width 8, share 0.1, epochs 1"]
    assert (len(models), len(law.x), law.names[0]) == (72, 24, points[0].configuration) and len(points) == 3
    assert law.x[0] == pytest.approx(mean([p.upstream for p in points]))
    assert law.y[0] == pytest.approx(mean([p.accuracy[1] for p in points]))
    power = prediction_power(models, group=CONFIGURATION, repeats=1, sampled=True)
    text = power.findings()[0].text
    assert (power.tasks[0].n, power.tasks[0].groups) == (72, 24) and power.tasks[0].partial.freedom < 24
    assert "those of one configuration" in text and "(24 configurations)" in text and "--group" not in text
    alone = prediction_power(models_of([result(n_seeds=1)]), group=CONFIGURATION, repeats=1, sampled=True)
    assert alone.findings()[0].text.endswith("no two of them differ in their seed alone.")


def test_what_is_left_is_a_share_of_the_variance():
    found = prediction_power(models_of([result(added=0.08)]), group="none", repeats=1)
    task = found.tasks[1]
    variance = task.gained.value / task.added.value
    assert variance == pytest.approx(np.var([p.accuracy[1] for p in result(added=0.08).points]), rel=0.3)


def images(n=48, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(classes), n // classes)
    pixels = rng.integers(0, 80, (n, 8, 8, 3)) + 60 * labels[:, None, None, None]
    ids = np.array([f"{seed} {i}" for i in range(n)])
    return ImageSet(pixels.astype(np.uint8), labels, tuple("abc"), ids)


def test_pre_trainings_are_measured_and_failed_ones_named():
    net = build("mlp:8", 5, input=Input((8, 8)))
    sets = ImageSplits(images(), images(0), images(seed=1), "made", ())
    points = [
        GridPoint("good", "mlp", {"width": 8.0}, 0, net, net.params(), 0.6, 100, 48, "finished", 0.9),
        GridPoint("bad", "mlp", {"width": 9.0}, 0, net, None, math.nan, 100, 4, "diverged at step 3", math.nan),
    ]
    found = grid(iter(points), sets, target="t", shots=[1, 4], draws=2, device="cpu")
    assert found.shots == (1.0, 4.0, math.inf) and found.points[0].accuracy[2] == 0.9
    assert 0.3 < found.points[0].accuracy[1] <= 1 and math.isnan(found.points[1].accuracy[0])
    assert [left.subject for left in found.left_out] == ["bad"]
    with pytest.raises(UsageError, match=r"shots \[4, 1\] and 2 draws; expected rising numbers"):
        grid([], sets, shots=[4, 1], draws=2)


def test_figures_are_drawn():
    one = result()
    for what in ("curves", "offsets"):
        assert len(one.plot(what=what).axes) == 2
    with pytest.raises(UsageError, match="a figure of 'curve'; did you mean 'curves'"):
        one.plot(what="curve")


def test_a_factor_has_its_row_in_every_panel_even_where_it_is_not_known() -> None:
    one = result()
    first, second = one.curves
    names = [o.factor for o in first.offsets]
    unknown = replace(second.offsets[0], added=replace(second.offsets[0].added, value=math.nan, low=None, high=None))
    figure = replace(one, curves=(first, replace(second, offsets=(unknown, *second.offsets[1:])))).plot(
        what="offsets"
    )
    left, right = figure.axes
    assert [t.get_text() for t in left.get_yticklabels()] == names
    dots = [line.get_ydata()[0] for line in right.lines if line.get_marker() == "o"]
    assert dots == list(range(1, len(names))) and left.get_ylim() == right.get_ylim()
