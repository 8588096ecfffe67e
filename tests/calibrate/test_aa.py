"""Networks split at random: every claim judged in every split, and a real difference between networks is found."""

from itertools import combinations

import numpy as np
import pytest
from calibrate.aa import splits
from calibrate.aa_networks import Measured

from transferscope.evidence import claim_called
from transferscope.evidence.images import Resampled


def made(n=12, images=120):
    rng = np.random.default_rng(0)
    pairs = tuple(combinations(range(n), 2))
    hard = rng.standard_normal(images)
    right = (hard + rng.standard_normal((n, images)) > 0).astype(float)
    lines = {pair: (rng.random((11, images)) < 0.3).astype(float) for pair in pairs}
    return Measured(
        labels=np.arange(images) % 3,
        right=right,
        speed=rng.normal(0.5, 0.02, n),
        moved=rng.uniform(4, 5, n),
        stable=rng.uniform(9, 10, n),
        pairs=pairs,
        apart=rng.uniform(6, 7, len(pairs)),
        cka=rng.uniform(0.4, 0.5, len(pairs)),
        cka_images=Resampled(rng.normal(0, 0.01, (len(pairs), 10)), images),
        lines=lines,
    )


def test_every_claim_is_judged_in_every_split():
    found = splits(made(), 3)
    assert (found["splits"] == 3).all()
    assert found["claim"].is_unique
    assert len(found) == 12
    for claim in found["claim"]:
        assert claim_called(claim).rule is not None


def test_splits_are_the_same_again():
    of = made()
    assert splits(of, 2).equals(splits(of, 2))


def test_groups_of_networks_that_are_alike_are_seldom_told_apart():
    found = splits(made(), 40)
    assert (found["agrees"] + found["disagrees"]).sum() <= 0.1 * found["splits"].sum()
    assert found["agrees"].dtype == np.int64
    assert found["networks"].tolist() == pytest.approx([12] * len(found))
