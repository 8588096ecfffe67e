import dataclasses
import math

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from transferscope.numerics.basin import BasinNumbers
from transferscope.probes.evaluate import How
from transferscope.questions._members import Member
from transferscope.questions.basin.measure import Basin
from transferscope.questions.basin.parts import BasinGroup, BasinMeasure, BasinRegion, BasinRule, Rim

DELTAS = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 8.0])


def region(extent: str, k: int, delta: float = 3.0, top: float = 0.4) -> BasinRegion:
    vertices = np.eye(k) if extent == "hull" else 1.5 * np.eye(k) - 0.5 / k
    places = np.random.default_rng(0).dirichlet(np.ones(k), 8) @ vertices
    measures = []
    for metric, scale in (("error", 1.0), ("loss", 3.0)):
        losses = scale * np.linspace(0.1, 0.12, 8)
        rising = scale * (0.11 + top * DELTAS[:, None] / 8 * np.array([0.9, 1.0, 1.1]))
        numbers = BasinNumbers(
            0.11 * scale, 0.001, 0.005 * scale, 0.004, 0.006, delta, 2.5 if delta else 0.0, math.inf, "2"
        )
        measures.append(BasinMeasure(metric, numbers, 0.1, 0.12, losses, rising, rising + 0.01, "yes"))
    return BasinRegion(extent, vertices, places, DELTAS, tuple(measures))


def group(kind: str, labels: tuple[str, ...], regions: tuple[BasinRegion, ...]) -> BasinGroup:
    members = tuple(Member(label, "", "") for label in labels)
    rims = tuple(Rim(label, (0.25, math.inf)[i % 2], (0.25, 1.0)[i % 2]) for i, label in enumerate(labels))
    return BasinGroup(members, kind, 2.0, 8.0, 100, 8.0, rims if len(regions) > 1 else (), regions)


@pytest.fixture
def result() -> Basin:
    groups = (
        group("P-T & P-T", ("P-T 0", "P-T 1"), (region("hull", 2), region("extended", 2))),
        group("3 × RI-T", ("a", "b", "c"), (region("hull", 3, math.inf, 0.01), region("extended", 3, 0.0))),
    )
    return Basin(
        groups, (), "photos", 500, BasinRule(doublings=3), How("whole network", "float32", "cpu", 64, "none")
    )


def draw(result: Basin, **options):
    figure = result.plot(**options)
    FigureCanvasAgg(figure).draw()
    return figure


def test_points_of_s_and_what_surrounds_it(result):
    figure = draw(result)
    assert len(figure.axes) == 6
    inside, hull, extended = figure.axes[:3]
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[0] == "P-T & P-T\nbands: μ ± ε"
    assert figure.get_suptitle() == "photos (n = 500); bands around rises: 95 % intervals over draws"
    assert titles[1] == "between the solutions\nε = 0.5 %, δ = 3, μ = 11 %"
    assert titles[2].startswith("extended by 0.25, 1.00+")
    assert "no δ up to 8" in titles[4]
    dots = [line for line in inside.get_lines() if line.get_marker() in "os"]
    assert [len(line.get_xdata()) for line in dots] == [8, 8]
    assert dots[0].get_ydata() == pytest.approx(100 * np.linspace(0.1, 0.12, 8))
    assert dots[0].get_xdata() == pytest.approx(result.groups[0].regions[0].places[:, 1])
    assert inside.get_xlabel() == "λ: P-T 0 (0), P-T 1 (1)" and inside.get_ylabel() == "error (%)"
    assert np.ptp(inside.get_ylim()) >= 5
    rises = [line for line in hull.get_lines() if line.get_marker() in ("o", "s")]
    assert rises[0].get_xdata() == pytest.approx(DELTAS)
    assert rises[0].get_ydata() == pytest.approx(100 * 0.4 * DELTAS / 8)
    assert rises[1].get_ydata() == pytest.approx(100 * (0.4 * DELTAS / 8 + 0.01))
    level = [line for line in hull.get_lines() if line.get_linestyle() == ":"]
    assert level[0].get_ydata() == pytest.approx([1.0, 1.0])  # 2ε in points
    assert hull.get_yscale() == "symlog" and figure.axes[4].get_yscale() == "linear"
    assert extended.get_xlabel() == "δ (norm of the weights: 8)"
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:3] == ["between the solutions", "extended", "condition 2: noise of length δ"]
    assert {"2ε", "δ"} <= set(names)


def test_another_metric_and_the_hull_alone(result):
    only = tuple(dataclasses.replace(g, regions=g.regions[:1], rims=()) for g in result.groups)
    figure = draw(dataclasses.replace(result, groups=only), metric="loss")
    assert len(figure.axes) == 4
    assert figure.axes[0].get_ylabel() == "loss (nats)" and figure.axes[1].get_ylabel() == "rise over μ (nats)"
    assert figure.axes[2].get_xlabel().startswith("largest coordinate")
    assert figure.axes[2].get_lines()[0].get_xdata().min() >= 1 / 3


def test_what_is_not_finite_is_a_cross(result):
    hull = region("hull", 2)
    nowhere = BasinNumbers(*[math.nan] * 8, "")
    measure = dataclasses.replace(hull.measures[0], numbers=nowhere)
    measure.losses[2], measure.shaken[4:] = math.inf, math.nan
    broken = dataclasses.replace(hull, measures=(measure,))
    figure = draw(dataclasses.replace(result, groups=(group("A & B", ("A", "B"), (broken,)),)))
    assert "not finite on S" in figure.axes[1].get_title(loc="left")
    crosses = [[line for line in ax.get_lines() if line.get_marker() == "x"] for ax in figure.axes]
    assert [len(c) for c in crosses] == [1, 2] and len(crosses[0][0].get_xdata()) == 1


def test_of_many_groups_the_first_of_each_kind_is_drawn_and_the_figure_says_so(result):
    pairs = [
        group(f"{role} & {role}", (f"{role} {i}", f"{role} {j}"), (region("hull", 2),))
        for role in ("P-T", "RI-T")
        for i in range(4)
        for j in range(i + 1, 4)
    ]
    many = dataclasses.replace(result, groups=tuple(pairs))
    figure = draw(many)
    assert len(figure.axes) == 2 * 2
    assert figure.axes[0].get_xlabel() == "λ: P-T 0 (0), P-T 1 (1)"
    assert figure.get_suptitle().endswith("\n2 of 12 groups, the first of each kind; all are in the table")
    assert len(many.plot(every=True).axes) == 12 * 2
