"""NCE against the entropy of a table of counts."""

import pandas as pd
import pytest
import torch
from scipy.stats import entropy

from transferscope.errors import UsageError
from transferscope.numerics.scores import NotDefinedError, nce, targets_of

from .made import made


def test_it_is_the_conditional_entropy_of_the_counts() -> None:
    x, labels = made(80, 5, 3, signal=0.7)
    named = x.argmax(1)
    expected = 0.0
    for _, of in pd.DataFrame({"z": named.numpy(), "y": labels.numpy()}).groupby("z"):
        expected -= len(of) / 80 * entropy(of["y"].value_counts().to_numpy())
    targets = targets_of(labels)
    assert nce(x, targets) == pytest.approx(expected, abs=1e-12)
    assert nce(x.softmax(1), targets) == nce(x, targets)
    assert -targets.entropy() < nce(x, targets) < 0


def test_what_cannot_be() -> None:
    with pytest.raises(UsageError, match="3 labels for the predictions of 2 images"):
        nce(torch.eye(2), targets_of(torch.tensor([0, 1, 1])))
    with pytest.raises(NotDefinedError, match="several labels"):
        nce(torch.eye(3), targets_of(torch.tensor([[0, 1], [1, 1], [1, 0]])))
