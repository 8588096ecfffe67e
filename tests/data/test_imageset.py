from dataclasses import replace

import numpy as np
import pytest

from transferscope.data.imageset import IGNORED, ImageSet
from transferscope.errors import DataError


def some(n: int = 20, **changes: object) -> ImageSet:
    rng = np.random.default_rng(0)
    parts: dict[str, object] = {
        "images": rng.integers(0, 256, (n, 4, 4, 3), np.uint8),
        "labels": np.arange(n) % 3,
        "classes": ("a", "b", "c"),
        "ids": np.array([f"i{k}" for k in range(n)]),
    }
    return ImageSet(**(parts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((20, 4, 4, 3))}, "must be uint8"),
        ({"images": np.zeros((20, 4, 4, 2), np.uint8)}, "must be uint8"),
        ({"labels": np.zeros(19, np.int64)}, "20 images, 19 labels, 20 ids"),
        ({"labels": np.arange(20) % 4}, "lie in 0…2, found 3"),
        ({"labels": np.arange(20) % 3 - 1}, "lie in 0…2, found -1"),
        ({"labels": np.zeros((20, 2), np.int8)}, "2 label columns for 3 classes"),
        ({"labels": np.full((20, 3), 2, np.int8)}, "0, 1 or -1"),
    ],
)
def test_parts_that_do_not_fit(changes, message):
    with pytest.raises(DataError, match=message):
        some(**changes)


def test_multilabel():
    labels = np.tile(np.array([[0, 1, IGNORED]], np.int8), (20, 1))
    assert some(labels=labels).multilabel and not some().multilabel


def test_subset_by_numbers_and_by_mask():
    s = some()
    mask = s.labels == 1
    for chosen in (s.subset(mask), s.subset(np.flatnonzero(mask).tolist())):
        assert chosen.ids.tolist() == s.ids[mask].tolist()
        assert np.array_equal(chosen.images, s.images[mask])
    assert s.subset([3, 1]).ids.tolist() == ["i3", "i1"]


def test_sample_is_seeded_and_without_replacement():
    s = some()
    a, b, c = s.sample(7), s.sample(7), s.sample(7, seed=1)
    assert a.ids.tolist() == b.ids.tolist() != c.ids.tolist()
    assert len(set(a.ids.tolist())) == 7
    assert s.sample(20) is s and s.sample(99) is s


def test_digest_depends_on_content_only():
    s = some()
    assert s.digest == some(ids=np.arange(20).astype(str), name="other").digest
    changed = s.images.copy()
    changed[3, 0, 0, 0] ^= 1
    others = [
        some(images=changed),
        some(labels=(np.arange(20) + 1) % 3),
        some(classes=("a", "b", "d")),
        s.subset(range(19)),
    ]
    assert len({s.digest, *(o.digest for o in others)}) == 5


def test_a_known_digest_does_not_outlive_the_pixels():
    s = some()
    known = s.knowing(s.pixels_digest)
    assert known.digest == s.digest
    assert known.knowing("something else").digest != s.digest
    changed = replace(known.knowing("something else"), images=s.images[::-1].copy())
    assert changed.digest == some(images=s.images[::-1].copy()).digest
    assert known.knowing("something else").subset(range(20)).digest == s.digest
