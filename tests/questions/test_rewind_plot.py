import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from transferscope.errors import UsageError
from transferscope.probes.evaluate import How
from transferscope.questions.rewind.measure import Rewind, Rewound

MODULES = ("conv1", "layer1.0", "layer2.0", "fc")


def made(draws=2, modules=MODULES):
    networks = []
    for i, (label, role) in enumerate((("P-T 0", "P-T"), ("P-T 1", "P-T"), ("RI-T 0", "RI-T"))):
        k = len(modules)
        increase = 0.01 * (np.arange(2 * k * 3).reshape(2, k, 3) + i)
        if role == "RI-T":
            increase[1, 1, 2] = np.nan
        drawn = np.full((2, k, draws), 0.5)
        mean = np.full((2, k), 0.5 if draws else np.nan)
        networks.append(
            Rewound(label, role, role, modules, ("start", "epoch 1", "epoch 4"), np.array([0.4, 0.1]), increase,
                    increase - 0.02, increase + 0.02, drawn, mean - 0.02, mean + 0.02, ("affine",) * k)
        )  # fmt: skip
    how = How("affine", "float32", "cpu", 64, "none")
    return Rewind(
        tuple(networks), modules, modules[0], "fc", "test", 300, ("loss", "error"), 0.02, draws, 1000, (), how
    )


def maps(fig):
    return [
        (ax, c) for ax in fig.axes for c in ax.collections if isinstance(c, QuadMesh) and not hasattr(ax, "_colorbar")
    ]


def test_modules_by_times_beside_each_other():
    result = made()
    fig = result.plot()
    (p, mesh), (ri, other) = maps(fig)
    assert [ax.get_title(loc="left") for ax in (p, ri)] == ["P-T, mean of 2 networks", "RI-T 0"]
    assert [t.get_text() for t in p.get_yticklabels()] == ["epoch 4", "epoch 1", "start", "drawn anew"]
    assert [t.get_text() for t in p.get_xticklabels()] == list(MODULES)
    table = mesh.get_array().reshape(4, 4)
    both = [one.increase[1, :, 0] for one in result.networks[:2]]
    np.testing.assert_allclose(table[2], 100 * np.mean(both, axis=0))
    np.testing.assert_allclose(table[3], 50)
    assert mesh.get_clim() == other.get_clim()
    assert (
        p.texts[0].get_text() == f"{table[0, 0]:.{0 if table[0, 0] >= 10 else 1}f}"
        and len(p.texts) == 16
        and len(ri.texts) == 15
    )
    assert [(x.get_xdata()[0], x.get_ydata()[0]) for x in ri.lines] == [(1, 0)]  # a cross at epoch 4 of layer1.0
    assert "n = 300 images of test" in fig.subfigs[0].get_suptitle()
    lower = fig.axes[-1]
    assert [t.get_text() for t in lower.get_legend().get_texts()] == [
        "P-T, to the start", "P-T, drawn anew", "RI-T, to the start", "RI-T, drawn anew"
    ]  # fmt: skip
    np.testing.assert_allclose(lower.lines[0].get_ydata(), 100 * result.networks[0].increase[1, :, 0])
    assert lower.get_ylabel() == "increase of error (points)"


def test_another_metric_without_draws_and_with_many_modules():
    result = made(0, (*(f"layer{i}" for i in range(20)), "fc"))
    fig = result.plot(metric="loss", networks=["P-T 1"])
    ((ax, mesh),) = maps(fig)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["epoch 4", "epoch 1", "start"]
    assert not ax.texts
    np.testing.assert_allclose(mesh.get_array().reshape(3, 21)[2], result.networks[1].increase[0, :, 0])
    assert fig.axes[-1].get_ylabel() == "increase of loss (nats)"


def test_what_was_not_measured():
    with pytest.raises(UsageError, match="no network 'P-T 9' was measured; did you mean"):
        made().plot(networks=["P-T 9"])
    with pytest.raises(UsageError, match="metric 'auc' was not measured"):
        made().plot(metric="auc")


def test_of_many_modules_every_so_many_are_named():
    many = tuple(f"blocks.{i}" for i in range(100))
    fig = made(modules=many).plot()
    for ax in (maps(fig)[0][0], fig.axes[-1]):
        names = [t.get_text() for t in ax.get_xticklabels()]
        assert names[:2] == ["blocks.0", "blocks.3"] and names[-1] == "blocks.99"
