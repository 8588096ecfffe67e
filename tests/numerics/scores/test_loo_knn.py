"""Neighbours and their votes against scikit-learn, image by image."""

import sys

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from transferscope.errors import UsageError
from transferscope.numerics.scores import NotDefinedError, loo_knn, neighbours, targets_of

from .made import made


def test_neighbours_are_those_of_scikit_learn() -> None:
    x, _ = made(70, 9, 3)
    found = neighbours(x, 5)
    distances, index = NearestNeighbors(n_neighbors=5, metric="cosine").fit(x.numpy()).kneighbors()
    np.testing.assert_array_equal(found.index.numpy(), index)
    np.testing.assert_allclose(found.similarity.numpy(), 1 - distances, atol=1e-12)


def test_rows_taken_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = made(70, 9, 3)
    whole = neighbours(x, 5)
    monkeypatch.setattr(sys.modules[neighbours.__module__], "_ROWS", 70 * 8)
    parts = neighbours(x, 5)
    assert bool((parts.index == whole.index).all())


def test_votes_are_weighted() -> None:
    x, labels = made(60, 9, 3, signal=0.5)
    found, targets = neighbours(x, 7), targets_of(labels)
    voted = loo_knn(found, targets, temperature=0.1)
    for i in range(60):
        weights = np.exp(found.similarity[i].numpy() / 0.1)
        own = [weights[labels[found.index[i]].numpy() == c].sum() for c in range(3)]
        np.testing.assert_allclose(voted.votes[i].numpy(), np.array(own) / weights.sum(), atol=1e-12)
    assert voted.accuracy == float((voted.votes.argmax(1) == labels).double().mean())


def test_a_copy_of_an_image_is_its_neighbour() -> None:
    """Why leave-one-out scores are never bootstrapped: an image drawn twice finds itself."""
    x, _ = made(200, 5, 2, signal=0.0)
    labels = torch.arange(200) % 2
    fair = loo_knn(neighbours(x, 1), targets_of(labels)).accuracy
    drawn = torch.randint(200, (200,), generator=torch.Generator().manual_seed(0))
    assert loo_knn(neighbours(x[drawn], 1), targets_of(labels[drawn])).accuracy > fair + 0.15


def test_several_labels_and_few_images() -> None:
    x, labels = made(30, 6, 2)
    columns = torch.stack([labels == 0, labels == 1], 1).to(torch.int8)
    voted = loo_knn(neighbours(x, 100), targets_of(columns))
    assert voted.auc is not None and neighbours(x, 100).index.shape == (30, 29)


def test_what_cannot_be() -> None:
    x, labels = made(20, 4, 2)
    with pytest.raises(UsageError, match="0 nearest neighbours"):
        neighbours(x, 0)
    with pytest.raises(NotDefinedError, match="has no direction"):
        neighbours(torch.cat([x, torch.zeros(1, 4)]))
    with pytest.raises(UsageError, match="19 labels for the neighbours of 20 images"):
        loo_knn(neighbours(x), targets_of(labels[1:]))
