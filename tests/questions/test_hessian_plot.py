import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from transferscope.questions._members import Member
from transferscope.questions.hessian.measure import Hessian


@pytest.fixture
def result():
    values = np.array([[5.0, -2.0, 1.0], [5.5, 2.5, -1.0], [9.0, 4.0, 3.0]])
    nodes = np.tile(np.array([-2.0, 0.0, 5.0, np.nan]), (3, 2, 1))
    return Hessian(
        members=(Member("P-T 0", "P-T", "P"), Member("P-T 1", "P-T", "P"), Member("RI-T 0", "RI-T", "RI 0")),
        images="photos",
        n=256,
        module="",
        size=np.array([100, 100, 100]),
        which="magnitude",
        tolerance=1e-3,
        precision="float32",
        values=values,
        residuals=0.01 * np.abs(values),
        errors=0.001 * np.abs(values),
        products=np.array([40, 41, 42]),
        converged=np.array([True, True, True]),
        loss=np.array([0.1, 0.1, 0.2]),
        gradient_norm=np.array([0.01, 0.01, 0.02]),
        nodes=nodes,
        weights=np.tile(np.array([0.1, 0.8, 0.1, 0.0]), (3, 2, 1)),
    )


def test_eigenvalues_and_density(result):
    fig = result.plot()
    eigenvalues, density = fig.axes
    for m in range(3):
        assert list(eigenvalues.lines[m].get_ydata()) == list(result.values[m])
    assert len(density.lines) == 3
    x, y = density.lines[0].get_data()
    assert np.isclose(np.sum(y) * (x[1] - x[0]), 1, atol=1e-3)
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["P-T (2)", "RI-T"]


def test_without_a_density_there_is_one_panel(result):
    fig = dataclasses.replace(result, nodes=np.zeros((3, 0, 4)), weights=np.zeros((3, 0, 4))).plot()
    assert len(fig.axes) == 1
    assert "256 images of photos" in fig.axes[0].get_title(loc="left")


def test_the_legend_is_of_its_own_lines_in_axes_that_have_others(result):
    first, second = Figure().subplots(1, 2)
    first.plot([0, 1], [0, 1], color="#FF0000")
    result.plot(axes=[first, second])
    assert "#FF0000" not in [handle.get_color() for handle in first.get_legend().legend_handles]
