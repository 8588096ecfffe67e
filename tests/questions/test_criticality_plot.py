import math

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from transferscope.errors import UsageError
from transferscope.plots.cells import thinned
from transferscope.probes.evaluate import How
from transferscope.questions.criticality.measure import Criticality, Subject, Valley
from transferscope.questions.criticality.plot import extremes
from transferscope.questions.criticality.study import CriticalityQuestion

MODULES = ("conv1", "layer1.0", "fc")
ALPHAS, SIGMAS = np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.1, 0.2, 1.0])


def valley(network, module, path, end, mu, surface):
    """Train error rises from the end to the start and with the noise; the test error is 5 points above it."""
    error = 0.1 + 0.3 * (1 - ALPHAS[:, None]) + 0.2 * SIGMAS[None]
    values = np.stack([error, error + 0.05])[:, None, :, :, None].repeat(3, -1)
    if module == "fc":
        values[:, :, 0] = np.nan
    there = (1.0, 0.1) if 0 < mu < math.inf else (0.0, 1.0) if not mu else (math.nan, math.nan)
    return Valley(
        network, module, path, end, ("0", "0.5", "1"), ALPHAS, SIGMAS, 0.05, 2.0, 1.6, 1000,
        values if surface else values[:1, :, :0], mu, np.full(3, mu if surface else np.nan), *there, 30, "affine",
    )  # fmt: skip


def made(surface=True, paths=("direct", "optimisation"), ends=("best", "final")):
    networks = (("P-T 0", "P-T"), ("P-T 1", "P-T"), ("RI-T 0", "RI-T"))
    mus = {"conv1": 0.0, "layer1.0": 1600.0, "fc": math.inf}
    valleys = [
        valley(label, module, path, end, mus[module], surface)
        for label, role in networks
        for module in MODULES
        for end in ends
        for path in paths
        if not (role == "RI-T" and path == "optimisation")
    ]
    subjects = tuple(Subject(label, role, role, np.full((2, 1), 0.1), 0.2) for label, role in networks)
    parts = ("train", "test") if surface else ("train",)
    return Criticality(
        subjects, tuple(valleys), MODULES, "fc", parts, parts, (500, 400)[: len(parts)], ("error",), "error",
        "relative", 3, (), How("affine", "float32", "cpu", 64, "none"),
    )  # fmt: skip


def maps(fig):
    meshes = [(ax, c) for ax in fig.axes for c in ax.collections if isinstance(c, QuadMesh)]
    return [(ax, mesh) for ax, mesh in meshes if not hasattr(ax, "_colorbar")]


def test_mu_of_all_modules_over_the_maps_of_the_first():
    result = made()
    fig = result.plot()
    overview = fig.axes[0]
    assert overview.get_yscale() == "log" and "n = 500 training images" in overview.get_title(loc="left")
    assert [t.get_text() for t in overview.get_xticklabels()] == list(MODULES)
    assert [t.get_text() for t in overview.get_legend().get_texts()] == ["P-T", "RI-T"]
    for joined, apart in zip(overview.lines[::2], overview.lines[1::2], strict=True):
        assert joined.get_ydata()[1] == pytest.approx(1.6)  # μ over 1,000 weights
        assert np.isnan(joined.get_ydata()[[0, 2]]).all() and np.isnan(apart.get_ydata()[1])
    assert [t.get_text() for t in overview.texts] == ["0", "∞"] * 3
    drawn = maps(fig)
    assert len(drawn) == 4 + 2  # four paths of P-T 0, two of RI-T 0
    first = drawn[0][1].get_array().reshape(4, 3)
    np.testing.assert_allclose(first, 100 * result.valleys[0].means(0, 0).T)
    assert drawn[0][0].get_title(loc="left") == "direct, to best"
    assert sum(t.get_text() == "not recorded" for ax in fig.axes for t in ax.texts) == 2
    assert drawn[0][1].get_clim() == drawn[-1][1].get_clim()  # networks are drawn on one scale


def test_train_test_and_gap_of_one_module():
    result = made()
    fig = result.plot(module="layer1.0", networks=["P-T 1"])
    drawn = maps(fig)
    assert len(drawn) == 3 * 4
    np.testing.assert_allclose(drawn[4][1].get_array() - drawn[0][1].get_array(), 5, rtol=1e-9)
    np.testing.assert_allclose(drawn[8][1].get_array(), 5, rtol=1e-9)
    labels = {ax.get_ylabel() for ax in fig.axes}
    assert {"P-T 1\ntrain error (%)", "P-T 1\ntest error (%)", "P-T 1\ntest − train error (%)"} <= labels
    ax = drawn[0][0]
    star = [line for line in ax.lines if line.get_marker() == "*"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in star] == [(2, 1)]  # α = 1, σ = 0.1
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "0.01", "0.04", "1"]  # variances
    assert [t.get_text() for t in drawn[-1][0].get_xticklabels()] == ["0", "1", "2"]  # distances
    assert "500 training and 400 test images" in fig.subfigs[0].get_suptitle()


def test_the_border_of_what_keeps_within_the_bound():
    ax = maps(made().plot(module="layer1.0", networks=["P-T 0"]))[0][0]
    (border,) = [line for line in ax.lines if line.get_color() == "#FFFFFF" and line.get_marker() != "*"]
    sides = border.get_xydata().reshape(-1, 3, 2)  # two ends, and a gap
    assert np.isnan(sides[:, 2]).all()
    white = {(tuple(side[:2, 0]), tuple(side[:2, 1])) for side in sides}
    # within 20 %: α = 1 with σ up to 0.2; its left side and its upper side
    assert white == {((1.5, 1.5), (y - 0.5, y + 0.5)) for y in range(3)} | {((1.5, 2.5), (2.5, 2.5))}


def test_cells_that_are_not_finite_are_crosses():
    ax = maps(made().plot(module="fc", networks=["P-T 0"]))[0][0]
    (crosses,) = [line for line in ax.lines if line.get_marker() == "x"]
    assert crosses.get_xydata().tolist() == [[0, y] for y in range(4)]


def test_a_search_has_mu_alone():
    fig = made(surface=False).plot()
    assert len(fig.axes) == 1 and not maps(fig)
    with pytest.raises(UsageError, match="surface=True"):
        made(surface=False).plot(module="fc")


def test_what_was_not_measured():
    with pytest.raises(UsageError, match="no module 'conv2' was measured; did you mean 'conv1'"):
        made().plot(module="conv2")
    with pytest.raises(UsageError, match="no network 'P-T' was measured"):
        made().plot(networks=["P-T"])


def test_ticks_are_thinned_evenly_and_keep_the_last():
    assert thinned(list("abcdefghijk"), 4) == ([0, 4, 8, 10], list("aeik"))
    assert thinned(["a"], 4) == ([0], ["a"])


def test_wide_and_sharp_valleys_stand_side_by_side():
    result = made()
    wide, sharp = extremes(result, "P-T 0")
    assert (wide.module, sharp.module) == ("conv1", "fc") and (wide.path, wide.end) == ("direct", "best")
    fig = result.plot(valleys=True, networks=["P-T 1", "RI-T 0"])
    drawn = maps(fig)
    titles = [ax.get_title(loc="left") for ax, _ in drawn]
    assert [t.split(":")[0] for t in titles[:2]] == ["P-T 1, conv1 (wide)", "P-T 1, fc (sharp)"] and len(drawn) == 4
    assert titles[1].endswith("= ∞") and drawn[0][1].get_clim() == drawn[1][1].get_clim()
    np.testing.assert_allclose(drawn[0][1].get_array().reshape(4, 3), 100 * wide.means(0, 0).T)
    assert "wide and sharp" in [view.name for view in CriticalityQuestion.views(result)]
    with pytest.raises(UsageError, match=r"only μ was searched for; valleys need criticality\(…, surface=True\)"):
        made(surface=False).plot(valleys=True)
