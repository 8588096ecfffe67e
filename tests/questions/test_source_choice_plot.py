import math

import numpy as np
import pytest

from transferscope.questions.source_choice.measure import SourceChoice, SourceRun

from .drawn import drawn

LEAST = ("conv1", "conv2", "fc")


def result(targets=("houses", "xray"), seeds=2, sources=("digits", "clothes", ""), layers=LEAST, skip=()):
    runs = []
    for target in targets:
        for j, source in enumerate(sources):
            for seed in range(seeds):
                if (target, source) not in skip:
                    far = (j + 1) * np.arange(1.0, len(layers) + 1) + seed
                    metric = "auc" if target == "xray" else "accuracy"
                    final = 0.8 - 0.1 * j + 0.02 * seed
                    runs.append(
                        SourceRun(f"{source} {seed}", target, source, "", seed, 0.1, "finished", metric, final, far)
                    )
    n = dict.fromkeys(targets, 600)
    return SourceChoice(tuple(runs), "fine-tuned", dict.fromkeys(targets, tuple(layers)), n, n, {}, {}, ())


def test_draws_the_matrix_and_the_layers():
    fig = drawn(result())
    matrix, houses, xray = (ax for ax in fig.get_axes() if ax.get_label() != "<colorbar>")
    assert [t.get_text() for t in matrix.get_yticklabels()] == ["scratch", "from clothes", "from digits"]
    np.testing.assert_allclose(matrix.collections[0].get_array(), [[61, 61], [71, 71], [81, 81]])
    texts = {t.get_text() for t in matrix.texts}
    assert {"81.0 ± 1.4\n51 % less error", "61.0 ± 1.4", "81.0 ± 1.4\n51 % less 1 − AUC"} <= texts
    assert houses.get_title(loc="left").startswith("houses") and xray.get_title(loc="left").startswith("xray")
    heights = [bar.get_height() for bars in houses.containers for bar in bars]
    assert heights == pytest.approx([1.5, 2.5, 3.5, 2.5, 4.5, 6.5, 3.5, 6.5, 9.5])  # mean of two seeds
    assert len({bars[0].get_hatch() for bars in houses.containers}) == 3
    [legend] = [legend for area in fig.subfigs for legend in area.legends]
    assert [t.get_text() for t in legend.get_texts()] == ["from digits", "from clothes", "scratch", "single run"]


def test_many_layers_are_curves():
    fig = drawn(result(("houses",), 3, layers=[f"layer{i}" for i in range(20)]))
    ax = fig.get_axes()[-1]
    assert not ax.containers and sum(len(x.get_xdata()) == 20 for x in ax.lines) == 3
    [legend] = [legend for area in fig.subfigs for legend in area.legends]
    assert legend.get_texts()[-1].get_text() == "lowest to highest run"


def test_holes_and_nothing_from_scratch():
    fig = drawn(result(seeds=1, sources=("digits", "clothes"), skip={("xray", "clothes")}))
    matrix = fig.get_axes()[0]
    assert [t.get_text() for t in matrix.texts] == ["70.0", "80.0", "80.0"]
    assert "single run" not in [t.get_text() for a in fig.subfigs for x in a.legends for t in x.get_texts()]
    assert [x.get_marker() for x in matrix.lines] == ["x"] and math.isnan(
        result(skip={("xray", "")}).matrix().iloc[2, 1]
    )
