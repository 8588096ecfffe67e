"""Losses and right answers against the formulas, example by example, in plain Python."""

import math

import pytest
import torch

from transferscope.errors import UsageError
from transferscope.models.objective import correct, counted, example_losses, mean_loss, mixed_loss, sums
from transferscope.rng import generator


@pytest.fixture
def single():
    g = generator("objective")
    return 3 * torch.randn(40, 5, generator=g), torch.randint(0, 5, (40,), generator=g)


@pytest.fixture
def several():
    g = generator("several")
    logits, labels = 3 * torch.randn(40, 4, generator=g), torch.randint(-1, 2, (40, 4), generator=g)
    labels[7] = -1
    return logits, labels.float()


def slow_single(logits, labels):
    rows = logits.double().tolist()
    return [math.log(math.fsum(map(math.exp, row))) - row[y] for row, y in zip(rows, labels.tolist(), strict=True)]


def slow_several(logits, labels):
    out = []
    for row, truth in zip(logits.double().tolist(), labels.tolist(), strict=True):
        each = [math.log1p(math.exp(-z if y else z)) for z, y in zip(row, truth, strict=True) if y >= 0]
        out.append(math.fsum(each) / len(each) if each else 0.0)
    return out


def test_losses_are_those_of_the_formula(single, several):
    for (logits, labels), slow in ((single, slow_single), (several, slow_several)):
        expected = slow(logits, labels)
        assert example_losses(logits, labels).tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6)
        assert example_losses(logits.double(), labels).tolist() == pytest.approx(expected, rel=1e-12, abs=1e-14)
        assert float(mean_loss(logits, labels)) == pytest.approx(math.fsum(expected) / 40, rel=1e-5)
        assert example_losses(logits.bfloat16(), labels).dtype == torch.float32


def test_mixed_loss_is_that_of_soft_labels(single):
    logits, labels = single
    partners, weight = labels.roll(1), torch.linspace(0, 1, 40)
    soft = weight[:, None] * torch.eye(5)[labels] + (1 - weight[:, None]) * torch.eye(5)[partners]
    expected = -(soft * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(mixed_loss(logits, labels, partners, weight), expected)


def test_smoothed_labels_are_soft_labels(single, several):
    logits, labels = (part.double() if part.is_floating_point() else part for part in single)
    soft = 0.7 * torch.eye(5, dtype=torch.float64)[labels] + 0.3 / 5
    each = -(soft * logits.log_softmax(1)).sum(1)
    torch.testing.assert_close(example_losses(logits, labels, 0.3), each)
    torch.testing.assert_close(mean_loss(logits, labels, 0.3), each.mean())
    partners, weight = labels.roll(1), torch.linspace(0, 1, 40, dtype=torch.float64)
    other = -((0.7 * torch.eye(5, dtype=torch.float64)[partners] + 0.3 / 5) * logits.log_softmax(1)).sum(1)
    want = (weight * each + (1 - weight) * other).mean()
    torch.testing.assert_close(mixed_loss(logits, labels, partners, weight, 0.3), want)
    logits, labels = (part.double() for part in several)
    known = labels >= 0
    truth = torch.where(labels == 1, 0.85, 0.15).double()
    each = -(truth * logits.sigmoid().log() + (1 - truth) * (-logits).sigmoid().log())
    want = (each * known).sum(1) / known.sum(1).clamp(min=1)
    torch.testing.assert_close(example_losses(logits, labels, 0.3), want)


def test_ignored_labels_have_no_gradient(several):
    logits, labels = several
    logits = logits.clone().requires_grad_()
    mean_loss(logits, labels).backward()
    assert bool(((logits.grad != 0) == (labels >= 0)).all())


def test_sums_over_any_batches_are_those_of_the_whole(single, several):
    for logits, labels in (single, several):
        whole = sums(logits, labels)
        parts = sums(logits[:7], labels[:7]) + sums(logits[7:8], labels[7:8]) + sums(logits[8:], labels[8:])
        assert parts.mean_loss() == pytest.approx(float(mean_loss(logits.double(), labels)), rel=1e-6)
        assert parts.accuracy() == whole.accuracy()
    logits, labels = several
    columns = [(logits[:, j] > 0)[labels[:, j] >= 0] == labels[:, j][labels[:, j] >= 0] for j in range(4)]
    assert whole.accuracy() == pytest.approx(sum(float(c.double().mean()) for c in columns) / 4)


def test_a_class_without_counted_labels_is_left_out_of_the_accuracy():
    labels = torch.tensor([[1.0, -1.0], [0.0, -1.0]])
    assert sums(torch.tensor([[1.0, 1.0], [1.0, 1.0]]), labels).accuracy() == 0.5
    assert math.isnan(sums(torch.zeros(1, 2), torch.tensor([[-1.0, -1.0]])).accuracy())


def test_nan_is_never_right():
    nan = torch.tensor([[torch.nan, 1.0], [0.0, 1.0]])
    assert correct(nan, torch.tensor([0, 1])).tolist() == [False, True]
    assert correct(nan, torch.tensor([[0.0, 1.0], [0.0, 1.0]])).tolist() == [[False, True], [True, True]]
    assert counted(torch.tensor([0, 4])).tolist() == [True, True]


@pytest.mark.parametrize(
    "labels", [torch.zeros(3), torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3, dtype=torch.int32)]
)
def test_other_labels_are_refused(labels):
    with pytest.raises(UsageError, match=r"labels must be int64 \(b,\) or floating \(b, k\), got torch"):
        example_losses(torch.zeros(3, 2), labels)
