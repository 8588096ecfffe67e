"""What covariates explain beside upstream accuracy: made tables, and the counter-example of the 72 fine-tunings."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from transferscope.data.tables.models import Covariate, ModelTable, Task, read_models
from transferscope.errors import UsageError
from transferscope.numerics.explained import cross_validated, design, partial_r2, variance_inflation
from transferscope.questions.prediction_power.measure import PredictionPower, prediction_power

from .golden import golden

TABLES = Path(__file__).parents[1] / "tables"


def made(strength: float, seed: int = 0, n: int = 100) -> ModelTable:
    """Downstream accuracy by a law, noise, and ``strength`` times the logarithm of a learning rate."""
    rng = np.random.default_rng(seed)
    us, lr, seeds = rng.uniform(0.2, 0.9, n), 10 ** rng.uniform(-5, -2, n), rng.integers(0, 9, n).astype(float)
    ds = 0.85 - 0.6 * (1 - us) ** 1.5 + strength * (np.log(lr) + 8) / 2 + rng.normal(0, 0.01, n)
    covariates = (Covariate("lr", lr), Covariate("seed", seeds), Covariate("aug", rng.choice(["a", "b"], n)))
    names = tuple(map(str, range(n)))
    return ModelTable("t.csv", names, {"us": us}, (Task("ds", None, np.clip(ds, 0, 1)),), covariates)


def test_a_setting_that_matters_is_named_and_one_that_does_not_is_not() -> None:
    result = prediction_power(made(0.02), repeats=1)
    task = result.tasks[0]
    assert task.covariates[0].name == "log lr" and task.covariates[0].rank > 0.7
    assert (
        task.gained.low is not None and task.gained.low > 0 and max(task.residual_linear, task.residual_boosted) > 0.5
    )
    text = result.findings()[0].text
    assert "it is log lr (" in text and "seed" not in text and "--group" in text


def test_sentences() -> None:
    golden(prediction_power(made(0.02), repeats=1), "prediction_power")


def test_where_nothing_is_left_that_is_said() -> None:
    result = prediction_power(made(0.0), repeats=1)
    task = result.tasks[0]
    assert task.gained.low is not None and task.gained.low < 0
    assert task.sd_ratio == pytest.approx(np.sqrt(1 - task.r2_us), abs=0.05)
    assert "cannot be told" in result.findings()[0].text


def test_null_covariates_hardly_ever_gain() -> None:
    """Under no effect the interval of the gain lies above 0 in few of many tables."""
    false = [prediction_power(made(0.0, seed, 40), repeats=1).tasks[0].gained.low > 0 for seed in range(5)]  # type: ignore[operator]
    assert sum(false) <= 1


def test_the_seventy_two_fine_tunings_are_the_counter_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upstream accuracy explains nothing of ImageNet-R; the hyper-parameters explain nearly all, above all lr."""
    models = read_models(
        TABLES / "soups.jsonl", "ImageNet", ["ImageNetR", "ImageNetV2"],
        covariates=["lr", "wd", "mix", "smoothing", "epochs", "aug"],
    )  # fmt: skip
    result = prediction_power(models, repeats=2)
    of_r, of_v2 = result.tasks
    assert of_r.n == 71 and "1 of 72 models" in result.left_out[0].text  # model_0 was not fine-tuned
    assert abs(of_r.r2_us) < 0.15 and of_r.r2_covariates == pytest.approx(0.87, abs=0.06)
    assert of_v2.r2_us == pytest.approx(0.85, abs=0.05)
    top = max(of_r.covariates, key=lambda c: c.alone)
    assert top.name == "log lr" and top.rank < -0.6
    assert of_r.partial.p < 1e-6 and of_r.gained.low is not None and of_r.gained.low > 0
    said = " ".join(f.text for f in result.findings())
    assert "by covariates alone, most of it log lr" in said
    figure = result.plot()
    assert figure.axes[1].get_title(loc="left") == "once upstream accuracy is known"
    monkeypatch.setattr("transferscope.questions.prediction_power.plot._MOST", 2)
    said = " ".join(result.plot().axes[1].get_title(loc="left").split())
    assert re.search(r"known the strongest 2 of \d+ covariates; all are in the table$", said)
    result.save(tmp_path)
    assert PredictionPower.load(tmp_path).frame().equals(result.frame())


def test_both_ways_are_looked_at_so_each_has_half_of_the_error() -> None:
    task = prediction_power(made(0.02), repeats=1).tasks[0]
    gained = task.gained
    assert gained.level == 0.975 and gained.spread is not None and gained.low is not None
    half = t.ppf(1 - 0.0125, gained.freedom) * np.sqrt(gained.spread)
    assert gained.value - gained.low == pytest.approx(half)


def test_families_are_held_out_together() -> None:
    """A covariate that only names the family explains nothing of families that are held out whole."""
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(20), 6)
    us = rng.uniform(0.2, 0.9, 120)
    ds = 0.85 - 0.6 * (1 - us) ** 1.5 + rng.normal(0, 0.06, 20)[family] + rng.normal(0, 0.005, 120)
    size = Covariate("size", rng.permutation(20)[family].astype(float))
    plain = ModelTable("t", tuple(map(str, range(120))), {"us": us}, (Task("ds", None, ds),), (size,))
    known = ModelTable(*(getattr(plain, f) for f in ("source", "names", "upstream", "tasks", "covariates", "images")),
                       families=tuple(f"f{i}" for i in family))  # fmt: skip
    alone, grouped = (prediction_power(t, repeats=1).tasks[0] for t in (plain, known))
    assert alone.residual_boosted > 0.6 and alone.groups == 120
    assert grouped.residual_boosted < 0.2 and grouped.groups == 20
    assert prediction_power(known, repeats=1, group="none").tasks[0].groups == 120


def test_noise_of_images_is_a_share_of_what_is_left() -> None:
    rng = np.random.default_rng(0)
    us = rng.uniform(0.3, 0.8, 200)
    ds = rng.binomial(400, 0.85 - 0.6 * (1 - us) ** 1.5) / 400
    covariate = Covariate("x", rng.normal(size=200))
    models = ModelTable("t", tuple(map(str, range(200))), {"us": us}, (Task("ds", None, ds, 400),), (covariate,))
    assert prediction_power(models, repeats=1).tasks[0].noise == pytest.approx(1.0, abs=0.25)


def test_partial_r2_is_that_of_two_regressions() -> None:
    rng = np.random.default_rng(1)
    x, base = rng.normal(size=(50, 2)), rng.normal(size=50)
    y = base + x @ [0.5, 0.0] + rng.normal(size=50)
    found = partial_r2(base, y, x, lost=1)
    rest = y - base
    both = np.c_[np.ones(50), x]
    after = rest - both @ np.linalg.solve(both.T @ both, both.T @ rest)
    before = rest - rest.mean()
    f = (before @ before - after @ after) / 2 / (after @ after / 47)
    assert (found.r2, found.f, found.freedom) == pytest.approx((1 - after @ after / (before @ before), f, 47))


def test_designs_and_inflation() -> None:
    x = np.linspace(1, 2, 30)
    made = design(["a", "b", "flat"], [x, np.array(["u", "v", "w"] * 10), np.ones(30)])
    assert made.owner.tolist() == [0, 1, 1] and np.allclose(made.matrix.std(axis=0), 1)
    assert variance_inflation(np.c_[x, x**2]).min() > 100
    with pytest.raises(UsageError, match="'a' has numbers that are not finite"):
        design(["a"], [np.array([1.0, np.nan])])
    few = design(["a"], [x[:5]])
    with pytest.raises(UsageError, match="5 models in 5 groups"):
        cross_validated(x[:5], x[:5], few, np.arange(5), repeats=1, generator=np.random.default_rng(0))


def test_what_cannot_be_asked_is_said() -> None:
    models = made(0.0)
    with pytest.raises(UsageError, match="no covariate 'lrr' to group by; did you mean 'lr'"):
        prediction_power(models, group="lrr")
    with pytest.raises(UsageError, match="no covariates; name some with --covariates"):
        prediction_power(ModelTable("t", models.names, models.upstream, models.tasks))
    task, lr = Task("ds", None, models.tasks[0].accuracy[:9]), Covariate("lr", models.covariates[0].values[:9])
    few = ModelTable("t", models.names[:9], {"us": models.upstream["us"][:9]}, (task,), (lr,))
    result = prediction_power(few)
    assert not result.tasks and "9 models in 9 groups with 1 covariates that vary" in result.left_out[0].text


def test_the_soup_table_is_what_its_source_says() -> None:
    first = json.loads((TABLES / "soups.jsonl").read_text().splitlines()[0])
    assert first["model_name"] == "model_0" and "lr" not in first
