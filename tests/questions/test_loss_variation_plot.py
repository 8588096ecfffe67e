import dataclasses

import numpy as np
import pytest

from transferscope.probes.evaluate import How
from transferscope.questions.loss_variation.measure import LossVariation, VariationCurve


def curve(label, role, height, steps=(0, 5, 10)):
    losses = np.ones((len(steps), 4)) * np.array([1.0, 0.9, 1.0, 1.0 + height])
    draws = np.tile(height + np.linspace(0, 0.2, 30), (len(steps), 1))
    return VariationCurve(label, role, "", "finished", np.array(steps), np.ones(len(steps)), losses, draws)


@pytest.fixture
def result():
    how = How("whole network", "float32", "cpu", 64, "none")
    curves = (curve("P-T 0", "P-T", 0.2), curve("RI-T 0", "RI-T", 1.0), curve("RI-T 1", "RI-T", 1.5))
    return LossVariation(curves, "photo train", 256, "own", 1.0, np.linspace(0, 1, 4), how)


def test_a_panel_a_kind_as_in_the_paper_and_the_variation(result):
    fig = result.plot()
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["RI-T (2 runs)", "P-T", "Variation"]
    scratch, tuned, widths = fig.axes
    assert scratch.get_ylim() == tuned.get_ylim()
    assert list(tuned.lines[0].get_ydata()) == [1.0, 1.0, 1.0]
    band = tuned.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.9, pytest.approx(1.2))
    drawn = sorted(max(line.get_ydata()) for line in widths.lines if len(line.get_ydata()))
    assert drawn[-2:] == pytest.approx([1.1, 1.6])
    assert "3 steps out to the gradient's own size; 256 images of photo train" in fig.get_suptitle()
    assert widths.get_xscale() == "linear"


def test_what_is_not_finite_is_marked_and_wide_ranges_are_logarithmic(result):
    broken = curve("RI-T 0", "RI-T", 1.0)
    broken.losses[1, 2] = np.nan
    wide = curve("P-T 0", "P-T", 500.0, steps=(0, 1, 1000))
    fig = dataclasses.replace(result, curves=(wide, broken), protocol="fixed", size=2.0).plot()
    marks = [line for line in fig.axes[0].lines if line.get_marker() == "^"]
    assert [list(line.get_xdata()) for line in marks] == [[5]]
    assert fig.axes[0].get_yscale() == fig.axes[2].get_yscale() == "log"
    assert fig.axes[0].get_xscale() == "symlog"
    assert "a distance of 2" in fig.get_suptitle()
    assert fig.legends[0].get_texts()[-1].get_text() == "not finite"


def test_nothing_finite_is_still_a_picture(result):
    gone = curve("mine.pt", "", 1.0)
    gone.losses[:] = np.nan
    fig = dataclasses.replace(result, curves=(gone,)).plot()
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["mine.pt", "Variation"]
    fig.canvas.draw()


def test_single_weights_stand_side_by_side(result):
    gone = curve("c.pt", "", 1.0, steps=(0,))
    gone.losses[:] = np.nan
    files = (curve("a.pt", "", 0.2, steps=(0,)), curve("b.pt", "", 1.0, steps=(0,)), gone)
    fig = dataclasses.replace(result, curves=files).plot()
    left, right = fig.axes
    assert [t.get_text() for t in left.get_xticklabels()] == ["a.pt", "b.pt", "c.pt"]
    heights = [line.get_ydata()[0] for line in right.lines if line.get_marker() == "o"]
    assert heights == pytest.approx([0.3, 1.1])
    assert [line.get_xdata().tolist() for line in left.lines if line.get_marker() == "^"] == [[2]]
    assert "triangles: not finite" in fig.get_suptitle()
    fig.canvas.draw()
