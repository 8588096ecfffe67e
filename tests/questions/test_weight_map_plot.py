import dataclasses
import io
import warnings

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.questions.weight_map.measure import MapPoint, WeightMap


def result(targets=3, sources=("P",), starts=True):
    points = [MapPoint(s, "", "P", s) for s in sources] * starts + [MapPoint("RI 0", "", "RI", "RI 0")] * starts
    for t in range(targets):
        points += [MapPoint(f"{s} run", f"target {t}", "P-T", s) for s in sources]
        points += [MapPoint("RI-T 0", f"target {t}", "RI-T", "RI 0")]
    rng = np.random.default_rng(0)
    x = rng.random((len(points), 3))
    distance = np.linalg.norm(x[:, None] - x, axis=-1)
    return WeightMap(tuple(points), distance, x[:, :2], 0.1, 2.0, 0, ("a",), 10, ())


@pytest.mark.parametrize("kind", ["map", "distances"])
@pytest.mark.parametrize("targets", [1, 3, 25])
@pytest.mark.parametrize("sources", [("P",), ("imagenet", "places")])
def test_draws_without_a_complaint(kind, targets, sources):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = result(targets, sources).plot(kind=kind)
        figure.savefig(io.BytesIO(), format="svg")
    assert figure.axes[0].get_title(loc="left")


def test_colour_is_the_start_and_marker_the_target():
    axes = result(3, ("imagenet", "places")).plot().axes[0]
    drawn = [(line.get_marker(), line.get_markerfacecolor(), line.get_fillstyle()) for line in axes.lines]
    assert len(drawn) == 12
    assert [m for m, *_ in drawn[:3]] == ["*"] * 3 and len({m for m, *_ in drawn[3:]}) == 3
    assert len({c for _, c, _ in drawn}) == 3 and len({f for *_, f in drawn}) == 3
    own = {(c, f) for _, c, f in drawn}
    assert len(own) == 3  # colour and filling go together
    [legend] = axes.figure.legends
    assert [text.get_text() for text in legend.get_texts()].count("random weights") == 1


def test_crowded_starts_get_a_close_up():
    apart = result(3, ("imagenet", "places"))
    near = apart.position.copy()
    own = [i for i, p in enumerate(apart.points) if p.start == "places"]
    near[own] = 30 + 0.01 * near[own]
    figure = dataclasses.replace(apart, position=near).plot()
    assert [ax.get_title(loc="left") for ax in figure.axes[1:]] == [
        "close-up: imagenet",
        "close-up: places",
        "close-up: random weights",
    ]
    assert [len(ax.lines) for ax in figure.axes] == [12, 4, 4, 4]
    assert len(apart.plot().axes) == 1


def test_an_unknown_kind():
    with pytest.raises(UsageError, match="expected 'map' or 'distances'"):
        result().plot(kind="heap")


def test_a_start_with_one_network_has_its_name_beside_the_matrix():
    made = result(25, ("P",))
    alone = dataclasses.replace(made.points[0], group="alone")
    figure = dataclasses.replace(made, points=(alone, *made.points[1:])).plot(kind="distances")
    assert len(made.points) > 40
    assert figure.axes[0].get_yticklabels()[0].get_text() == "alone"
