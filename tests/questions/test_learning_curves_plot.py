import io
import warnings

import matplotlib as mpl
import numpy as np

from transferscope.questions.learning_curves.measure import Curve, LearningCurves


def curve(role, seed, lr, target="clipart", ended="finished", epochs=6, metric="accuracy"):
    rng = np.random.default_rng(seed)
    rise = np.linspace(0.2, 0.7 if role == "P-T" else 0.5, epochs) + 0.02 * rng.random(epochs)
    values = {f"test_{metric}": rise, f"train_{metric}": rise + 0.1, "test_loss": 1 - rise, "train_loss": 0.9 - rise}
    return Curve(
        f"{role} {lr} {seed}", role, target, seed, lr, ended, np.arange(1, epochs + 1), values, 0.5, None, "last"
    )


def result():
    curves = [curve(role, seed, lr) for role, lr in (("P-T", 0.02), ("P-T", 0.1), ("RI-T", 0.1)) for seed in range(2)]
    curves.append(curve("P-T", 7, 1.0, ended="diverged at step 9", epochs=2))
    curves.append(curve("P-T", 8, 2.0, ended="diverged at step 1", epochs=0))
    curves += [curve("P-T", 0, 0.1, "xray", metric="auc"), curve("RI-T", 0, 0.1, "xray", metric="auc")]
    return LearningCurves(tuple(curves), {"clipart": (0.5,), "xray": ()})


def test_draws_a_panel_a_target_train_dashed_test_solid():
    made = result()
    before = dict(mpl.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = made.plot()
        fig.savefig(io.BytesIO(), format="png")
    assert dict(mpl.rcParams) == before
    clipart, xray = fig.get_axes()
    assert [ax.get_title(loc="left") for ax in (clipart, xray)] == ["clipart", "xray"]
    assert (clipart.get_ylabel(), xray.get_ylabel()) == ("accuracy (%)", "AUC (%)")
    told = [t.get_text() for t in clipart.get_legend().get_texts()]
    assert told == [
        "P-T, lr 0.02 (2 seeds)", "P-T, lr 0.1 (2 seeds)", "RI-T, lr 0.1 (2 seeds)", "P-T, lr 1 (1 diverged)",
        "P-T, lr 2 (1 diverged)", "test", "train",
    ]  # fmt: skip
    solid = [x for x in clipart.lines if x.get_linestyle() == "-" and len(x.get_xdata()) == 6]
    dashed = [x for x in clipart.lines if x.get_linestyle() == "--" and len(x.get_xdata()) == 6]
    assert len(solid) == len(dashed) == 3
    _, mean, _ = made.groups("clipart")[0].spread("test_accuracy")
    np.testing.assert_allclose(solid[0].get_ydata(), 100 * mean)
    assert len({x.get_color() for x in solid}) == 3  # starts and learning rates are told apart


def test_metric_can_be_chosen():
    axes = result().plot(metric="loss").get_axes()
    assert axes[0].get_ylabel() == "loss (nats)"
