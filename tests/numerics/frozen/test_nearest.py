"""Nearest images against a plain loop."""

import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.frozen import nearest


def test_it_is_a_loop_over_images(monkeypatch):
    draw = np.random.default_rng(0)
    x, t = draw.normal(0, 1, (60, 5)), draw.normal(0, 1, (33, 5))
    y = np.arange(60) % 4
    expected = []
    for row in t:
        cosine = x @ row / np.linalg.norm(x, axis=1) / np.linalg.norm(row)
        votes = np.zeros(4)
        for i in np.argsort(-cosine)[:7]:
            votes[y[i]] += np.exp(cosine[i] / 0.07)
        expected.append(votes.argmax())
    given = torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(t)
    assert nearest(*given, 4, k=7).tolist() == expected
    monkeypatch.setitem(nearest.__globals__, "_ROWS", 120)
    assert nearest(*given, 4, k=7).tolist() == expected
    assert nearest(*given, 4, k=1000).tolist() == nearest(*given, 4, k=60).tolist()


def test_what_cannot_be():
    x, y = torch.ones(3, 2), torch.tensor([0, 1, 0])
    with pytest.raises(UsageError, match="0 nearest"):
        nearest(x, y, x, 2, k=0)
    with pytest.raises(UsageError, match="not all finite"):
        nearest(x * torch.nan, y, x, 2)
