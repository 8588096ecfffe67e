import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.models.objective import sums
from transferscope.numerics.auc import macro_auroc
from transferscope.probes.metrics import Contributions, Meter, as_error, check_metrics
from transferscope.rng import generator


def single(n: int = 200, k: int = 5):
    g = generator("metrics")
    return torch.randn(n, k, generator=g), torch.randint(k, (n,), generator=g)


def multi(n: int = 200, k: int = 4, ignored: float = 0.3):
    g = generator("multi")
    labels = torch.randint(2, (n, k), generator=g).float()
    labels[torch.rand(n, k, generator=g) < ignored] = -1
    return torch.randn(n, k, generator=g) + labels, labels


def test_single_labels_against_the_definitions():
    logits, labels = single()
    p = logits.double().softmax(1).numpy()
    losses = -np.log(p[np.arange(200), labels.numpy()])
    wrong = (p.argmax(1) != labels.numpy()).astype(float)
    assert np.allclose(Contributions(labels)("loss", logits).numpy(), losses, atol=1e-6)
    assert np.array_equal(Contributions(labels)("error", logits).numpy(), wrong)
    assert np.array_equal(Contributions(labels)("accuracy", logits).numpy(), 1 - wrong)


@pytest.mark.parametrize("ignored", [0.0, 0.3])
def test_multi_label_means_are_those_of_training_and_of_the_auc(ignored):
    logits, labels = multi(ignored=ignored)
    whole = sums(logits, labels)
    assert Contributions(labels)("loss", logits).double().mean().item() == pytest.approx(whole.mean_loss(), rel=1e-9)
    assert Contributions(labels)("accuracy", logits).mean().item() == pytest.approx(whole.accuracy(), rel=1e-9)
    assert Contributions(labels)("error", logits).mean().item() == pytest.approx(1 - whole.accuracy(), rel=1e-9)
    assert Contributions(labels)("auc", logits).mean().item() == pytest.approx(
        macro_auroc(logits, labels).macro, rel=1e-9
    )


def test_multi_label_resamples_follow_the_metric_on_the_resample():
    logits, labels = multi(n=2000)
    pick = torch.randint(2000, (2000,), generator=generator("resample"))
    for metric in ("loss", "error", "auc"):
        whole = Contributions(labels)(metric, logits)
        again = Contributions(labels[pick])(metric, logits[pick]).mean()
        spread = whole.std() / 2000**0.5
        # first order: what is left is far smaller than the sampling error itself
        assert abs(whole[pick].mean() - again) < 0.1 * spread < abs(whole[pick].mean() - whole.mean())


def test_classes_with_one_label_or_none_are_left_out():
    logits, labels = multi()
    labels[:, 0] = 1.0
    labels[:, 1] = -1.0
    assert Contributions(labels)("auc", logits).mean().item() == pytest.approx(
        macro_auroc(logits, labels).macro, rel=1e-9
    )
    assert Contributions(labels)("error", logits).mean().item() == pytest.approx(
        1 - sums(logits, labels).accuracy(), rel=1e-9
    )
    labels[:, 2:] = 1.0
    assert Contributions(labels)("auc", logits).isnan().all()


def test_what_is_not_finite_stays_so():
    logits, labels = single()
    logits[3, 0] = torch.nan
    assert Contributions(labels)("loss", logits)[3].isnan()
    error = Contributions(labels)("error", logits)
    assert error.isnan().nonzero().tolist() == [[3]]
    assert torch.equal(error[:3], 1 - Contributions(labels)("accuracy", logits)[:3])


def test_meter_in_batches_equals_all_at_once():
    logits, labels = multi()
    meter = Meter(labels, 4, 2, ("loss", "auc"), per_example=True)
    for start in range(0, 200, 64):
        meter.add(start, logits[start : start + 64])
    meter.close(1)
    values, examples = meter.values(), meter.examples()
    assert np.isnan(values["loss"][0])
    assert values["auc"][1] == pytest.approx(macro_auroc(logits, labels).macro, rel=1e-6)
    assert examples["loss"].shape == (2, 200)
    assert examples["loss"][1].mean() == pytest.approx(values["loss"][1], rel=1e-6)
    assert Meter(labels, 4, 2, ("loss",), per_example=False).examples() == {}


def test_which_metrics_there_are():
    assert check_metrics(("error", "loss"), multi=False) == ("loss", "error")
    with pytest.raises(UsageError, match="metric 'acuracy'; did you mean 'accuracy'"):
        check_metrics(("acuracy",), multi=False)
    with pytest.raises(UsageError, match="'auc' is for multi-label"):
        check_metrics(("auc",), multi=False)
    with pytest.raises(UsageError, match="no metric given; known: loss"):
        check_metrics((), multi=False)
    assert as_error("accuracy", np.array([0.9])) == pytest.approx(0.1)
