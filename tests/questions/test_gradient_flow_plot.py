import dataclasses

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.questions._members import Member
from transferscope.questions.gradient_flow.measure import GradientFlow


@pytest.fixture
def result():
    members = (Member("P 0", "P", "P"), Member("P 1", "P", "P"), Member("RI 0", "RI", "RI 0"))
    norms = np.array([1.0, 1.1, 30.0])[:, None, None] * np.array([3.0, 2.0, 1.0])[:, None] * np.linspace(0.9, 1.1, 8)
    values = np.tile(np.array([3.0, 2.0, 1.0]), (3, 2, 1))
    return GradientFlow(
        members=members,
        images="photo train",
        n=8,
        side="output",
        statistics="none",
        precision="float32",
        layers=("conv1", "conv2", "fc"),
        losses=np.ones((3, 8)),
        norms=norms,
        weights=("conv2", "fc"),
        shapes=np.array([[3, 27], [3, 10]]),
        left_out=(),
        singular_values=values,
        projections=0.1 * values,
        entry=np.full((3, 2), 0.05),
    )


def test_the_four_panels_of_the_paper(result):
    fig = result.plot()
    distribution, scale, projections, along = fig.axes
    assert distribution.get_title(loc="left").startswith("Gradient in conv2\n8 images of photo train")
    shares = [np.asarray(p.get_data().values) for p in distribution.patches]
    assert all(s.sum() == pytest.approx(100) for s in shares)
    assert distribution.get_xscale() == "log"
    curves = [line for line in scale.lines if len(line.get_xdata()) == 3]
    for line, mean in zip(curves, result.mean(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), mean)
    assert projections.get_title(loc="left").startswith("conv2 (3 × 27)")
    assert len([line for line in projections.lines if line.get_marker() == "."]) == 3
    np.testing.assert_allclose(along.lines[0].get_ydata(), (result.leading() / result.entry)[0])
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["P (2 networks)", "RI"]


def test_a_layer_and_a_weight_by_name(result):
    fig = result.plot(layer="fc", weight="fc")
    assert "fc" in fig.axes[0].get_title(loc="left")
    assert fig.axes[2].get_title(loc="left").startswith("fc (3 × 10)")
    with pytest.raises(UsageError, match=r"no gradient was taken in 'fd'; did you mean 'fc'\?"):
        result.plot(layer="fd")
    with pytest.raises(UsageError, match=r"no weight 'conv1' was decomposed; did you mean 'conv2'\?"):
        result.plot(weight="conv1")


def test_without_weights_there_is_one_row(result):
    none = np.zeros((3, 0, 0))
    bare = dataclasses.replace(
        result,
        weights=(),
        shapes=np.zeros((0, 2), int),
        singular_values=none,
        projections=none,
        entry=np.zeros((3, 0)),
    )
    assert len(bare.plot().axes) == 2


def test_zeros_and_what_is_not_finite_are_marked(result):
    norms, projections = result.norms.copy(), result.projections.copy()
    norms[2, 1], norms[1] = 0, np.nan
    projections[2, 0] = np.nan
    fig = dataclasses.replace(result, norms=norms, projections=projections).plot()
    crosses = [list(line.get_xdata()) for line in fig.axes[1].lines if line.get_marker() == "x"]
    assert [1] in crosses
    assert [0, 1, 2] in crosses
    assert fig.legends[0].get_texts()[-1].get_text() == "zero, or not finite"
    assert fig.axes[2].get_title(loc="left").startswith("fc")  # the weight that all have
    fig.canvas.draw()
    every = dataclasses.replace(result, norms=np.full_like(norms, np.nan)).plot()
    every.canvas.draw()


def test_gradients_of_zero_are_said_to_be_in_the_lowest_bin(result):
    assert "lowest bin" not in result.plot().axes[0].get_xlabel()
    norms = result.norms.copy()
    norms[0, 1, 0] = 0.0
    said = dataclasses.replace(result, norms=norms).plot().axes[0].get_xlabel()
    assert said.endswith("\n0, or smaller: in the lowest bin")
