"""Labels as columns: classes without images, several labels, and what cannot be."""

import math

import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.scores import NotDefinedError, targets_of


def test_classes_without_an_image_have_no_column() -> None:
    found = targets_of(torch.tensor([3, 1, 3, 3]))
    assert found.kept == (1, 3) and found.counts.tolist() == [1.0, 3.0]
    assert found.single().tolist() == [1, 0, 1, 1]
    assert found.entropy() == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)))


def test_labels_that_do_not_vary_have_no_column() -> None:
    found = targets_of(torch.tensor([[1, 0, 1], [1, 0, 0], [1, 1, 0]], dtype=torch.int8))
    assert found.kept == (1, 2) and found.labels is None
    with pytest.raises(NotDefinedError, match="not defined because an image may have several labels"):
        found.single()


def test_what_cannot_be() -> None:
    with pytest.raises(UsageError, match="leave out images whose labels are unknown"):
        targets_of(torch.tensor([[1, -1], [0, 1]]))
    with pytest.raises(UsageError, match=r"labels of shape \(0,\)"):
        targets_of(torch.zeros(0, dtype=torch.int64))
    with pytest.raises(NotDefinedError, match="all images have the same label"):
        targets_of(torch.tensor([2, 2]))
