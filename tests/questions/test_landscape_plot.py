import dataclasses

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from transferscope.errors import UsageError
from transferscope.plots.levels import Levels
from transferscope.probes.evaluate import How
from transferscope.questions._members import Member
from transferscope.questions.landscape.measure import Landscape


def made(heights=(0.2, 0.6), modules=("",), roles=("P-T", "RI-T")):
    """Bowls that are this high at the middle of the edge, longer along q, and the same for all modules."""
    axis = np.linspace(-0.1, 0.1, 21)
    bowl = np.add.outer((axis / 0.1) ** 2, 0.5 * (axis / 0.1) ** 2)
    loss = np.stack([np.stack([0.5 + h * bowl] * len(modules)) for h in heights])
    shape = loss.shape[:2]
    rises = np.multiply.outer(
        np.outer(heights, np.ones(len(modules))), np.ones((3, 2, 4)) * [[[0.06]], [[0.25]], [[1]]]
    )
    rises = rises * np.array([0.99, 1.01])[:, None]
    return Landscape(
        members=tuple(Member(f"{role} 0", role, "") for role in roles),
        modules=modules,
        left_out=(),
        images="photos",
        n=256,
        axis=axis,
        loss=loss,
        radii=np.array([0.025, 0.05, 0.1]),
        rises=rises,
        cosines=np.zeros(shape),
        filters=np.full(len(modules), 8),
        zeros=np.zeros(shape, np.int64),
        scale="own",
        plans=("suffix",) * len(modules),
        how=How("suffix", "float32", "cpu", 64, "none"),
    )


def draw(result, **options):
    fig = result.plot(**options)
    FigureCanvasAgg(fig).draw()
    return fig


def panels(fig):
    return [ax for ax in fig.axes if ax.get_aspect() != "auto"]


def sets(ax):
    """Filled contours and lines of a panel."""
    from matplotlib.contour import QuadContourSet

    found = [c for c in ax.get_children() if isinstance(c, QuadContourSet)]
    return [c for c in found if c.filled], [c for c in found if not c.filled]


def text_of(fig):
    return " ".join(" ".join(ax.get_xlabel().split()) for ax in fig.axes)


def test_networks_side_by_side_on_one_scale_with_lines_a_step_apart():
    fig = draw(made())
    left, right = panels(fig)
    assert left.get_title(loc="left") == "P-T 0\nloss 0.5, 0 to +0.3"
    assert right.get_title(loc="left") == "RI-T 0\nloss 0.5, 0 to +0.9"
    (first,), lines = sets(left)
    (second,), more = sets(right)
    np.testing.assert_allclose(first.levels, second.levels)
    assert first.norm.boundaries.tolist() == second.norm.boundaries.tolist()
    np.testing.assert_allclose(lines[0].levels, [0.05, 0.1, 0.15, 0.2, 0.25], atol=1e-9)
    np.testing.assert_allclose(more[0].levels, [*np.arange(0.05, 0.51, 0.05)], atol=1e-9)
    assert "lines 0.05 apart as far as ±0.5" in text_of(fig)
    assert "256 images of photos" in text_of(fig)


def test_p_is_to_the_right_and_q_upwards():
    (ax, _) = panels(draw(made()))
    segments = np.concatenate(sets(ax)[1][0].allsegs[0])  # p² + q²/2 = ¼·0.1²
    assert np.abs(segments[:, 0]).max() == pytest.approx(0.05, rel=0.02)
    assert np.abs(segments[:, 1]).max() == pytest.approx(0.0707, rel=0.02)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("p", "q")


def test_a_landscape_within_one_step_has_no_lines():
    ax, _ = panels(draw(made((0.01, 0.02)), step=0.05))
    filled, lines = sets(ax)
    assert len(filled) == 1
    assert not lines


def test_a_flat_landscape_has_lines_closer_to_each_other():
    fig = draw(made((0.01, 0.02)))
    (_, lines), (_, more) = (sets(ax) for ax in panels(fig))
    np.testing.assert_allclose(np.diff(more[0].levels), 0.005)
    assert len(lines[0].levels) >= 2
    assert "lines 0.005 apart" in text_of(fig)


@pytest.mark.parametrize("height", [1e3, 1e12, 1e30])
def test_huge_losses_have_few_lines_further_and_further_apart(height):
    fig = draw(made((0.2, height)))
    filled, _ = sets(panels(fig)[1])
    levels = filled[0].levels
    assert len(levels) < 40
    assert levels[-1] >= 1.5 * height * (1 - 1e-9)
    gaps = np.diff(levels[levels >= 0.5])
    assert (np.diff(gaps) > 0).all()
    np.testing.assert_allclose(np.diff(levels[levels <= 0.5]), 0.05)


def test_levels():
    levels = Levels.of(np.array([-0.07, 0.3, np.nan, -np.inf]), 0.1)
    np.testing.assert_allclose(levels.values, [-0.1, 0, 0.1, 0.2, 0.3], atol=1e-12)
    assert not levels.widens
    assert levels.ticks().tolist() == levels.values.tolist()
    many = Levels.of(np.array([-0.9, 6.0]), 0.05)
    assert many.widens
    ticks = many.ticks(7)
    assert 0 in ticks
    assert ticks[-1] == many.values[-1]
    assert len(ticks) <= 8
    assert Levels.of(np.array([np.nan]), 0.05).values.tolist() == [-0.05, 0, 0.05]


def test_what_is_not_finite_is_hatched():
    result = made()
    assert "not finite" not in text_of(draw(result))
    result.loss[1, 0, 2, 3], result.loss[1, 0, 2, 4] = np.nan, np.inf
    fig = draw(result)
    whole, (_, hatched) = (sets(ax)[0] for ax in panels(fig))
    assert len(whole) == 1
    assert hatched.hatches == ["////"]
    assert "hatched: not finite" in text_of(fig)
    # Cells of 0.01 with a corner at one of the two points: two whole, and half of the four with but one such corner.
    area = sum(_area(s) for s in hatched.allsegs[0])
    assert area == pytest.approx(4 * 0.01**2, rel=1e-3)
    surface = draw(result, kind="surface")
    assert "×: not finite" in text_of(surface)
    result.loss[1] = np.nan
    assert "loss not finite" in panels(draw(result))[1].get_title(loc="left")


def _area(polygon):
    x, y = polygon.T
    return abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) / 2


def test_a_grid_of_modules_a_network():
    modules = tuple(f"layer{i}" for i in range(1, 9))
    fig = draw(made(modules=modules))
    shown = panels(fig)
    assert len(shown) == 16
    assert [ax.get_title() or ax.get_title(loc="left") for ax in shown[:8]] == list(modules)
    assert [part.get_suptitle() for part in fig.subfigs[:2]] == ["P-T 0: loss 0.5", "RI-T 0: loss 0.5"]
    levels = {tuple(sets(ax)[0][0].levels) for ax in shown}
    assert len(levels) == 1
    two = panels(draw(made(modules=modules), modules=["layer3"]))
    assert two[0].get_title(loc="left").startswith("P-T 0, layer3\n")


def test_of_many_networks_with_many_modules_one_of_a_kind_is_drawn():
    modules = ("layer1", "layer2")
    result = made((0.2, 0.3, 0.6, 0.7), modules, ("P-T", "P-T", "RI-T", "RI-T"))
    labels = ("P-T 0", "P-T 1", "RI-T 0", "RI-T 1")
    result = dataclasses.replace(
        result, members=tuple(dataclasses.replace(m, label=x) for m, x in zip(result.members, labels, strict=True))
    )

    def blocks(fig):
        return [part.get_suptitle() for part in fig.subfigs if part.get_suptitle()]

    assert blocks(draw(result)) == ["P-T 0, one of 2: loss 0.5", "RI-T 0, one of 2: loss 0.5"]
    chosen = draw(result, networks=["RI-T 1", "P-T 0"])
    assert blocks(chosen) == ["RI-T 1, one of 2: loss 0.5", "P-T 0, one of 2: loss 0.5"]
    assert len(panels(draw(result, modules=["layer2"]))) == 4
    for networks, says in ([[], "no networks to draw"], [["P-T 7"], "no landscape of network 'P-T 7'"]):
        with pytest.raises(UsageError, match=says):
            result.plot(networks=networks)


def test_surfaces_share_their_height_and_are_cut():
    fig = draw(made((0.2, 100.0)), kind="surface")
    axes = [ax for ax in fig.axes if ax.name == "3d"]
    assert axes[0].get_zlim() == axes[1].get_zlim()
    assert axes[0].get_zlim()[1] == pytest.approx(9.95)
    assert "cut at +9.9" in text_of(fig)
    assert "cut" not in text_of(draw(made(), kind="surface"))


def test_flatness_by_distance():
    fig = draw(made(), kind="flatness")
    (ax,) = fig.axes
    first, second = ax.containers
    np.testing.assert_allclose(first[0].get_xdata(), [0.025, 0.05, 0.1])
    np.testing.assert_allclose(second[0].get_ydata(), 0.6 * np.array([0.06, 0.25, 1]))
    low, high = second[2][0].get_segments()[2][:, 1]
    half = 12.706 * 0.01  # Student's t with one degree of freedom, times the error of the mean of 0.99 and 1.01
    assert (low, high) == pytest.approx((0.6 * (1 - half), 0.6 * (1 + half)), rel=1e-3)
    assert "bars: 95 %, of each network over planes" in ax.get_title(loc="left")
    assert "rise of the loss" in ax.get_ylabel()
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["P-T", "RI-T"]
    two = draw(made((0.1, 0.2), roles=("P-T", "P-T")), kind="flatness")
    assert [t.get_text() for t in two.legends[0].get_texts()] == ["P-T (2)"]


def test_flatness_by_module_around_starts():
    fig = draw(made(modules=("conv1", "fc"), roles=("P", "RI")), kind="flatness")
    (ax,) = fig.axes
    assert [t.get_text() for t in ax.get_xticklabels()] == ["conv1", "fc"]
    assert "|change of the loss|" in ax.get_ylabel()
    assert "at 10 % of the filters' norm" in " ".join(ax.get_title(loc="left").split())
    assert ax.get_yscale() == "log"


def test_flatness_that_is_not_finite_is_marked():
    result = made()
    rises = result.rises.copy()
    rises[1, 0, 2, 0, 0] = np.inf
    rises[0] -= 0.1
    fig = draw(dataclasses.replace(result, rises=rises), kind="flatness")
    (ax,) = fig.axes
    assert len(ax.containers[1][0].get_xdata()) == 2
    assert [line.get_xdata() for line in ax.lines if line.get_marker() == "x"] == [[0.1]]
    assert ax.get_yscale() == "linear"


def test_bad_input():
    with pytest.raises(UsageError, match="kind 'contours'; did you mean 'contour'"):
        made().plot(kind="contours")
    with pytest.raises(UsageError, match="step 0 between contours; expected a positive number of nats"):
        made().plot(step=0)
    with pytest.raises(UsageError, match="no landscape of module 'fv'"):
        made(modules=("conv1", "fc")).plot(modules=["fv"])
    with pytest.raises(UsageError, match="no modules to draw"):
        made().plot(modules=[])
