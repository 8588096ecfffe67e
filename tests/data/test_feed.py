from pathlib import Path

import numpy as np
import pytest
import torch

from transferscope.data.feed import Feed
from transferscope.data.imageset import ImageSet
from transferscope.data.mapped import is_mapped


@pytest.fixture(params=["memory", "map", "read-only"])
def images(request, tmp_path: Path) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 4, 5, 3), np.uint8)
    if request.param == "map":
        np.save(tmp_path / "x.npy", pixels)
        pixels = np.load(tmp_path / "x.npy", mmap_mode="r")
    pixels.setflags(write=request.param == "memory")
    return ImageSet(pixels, np.arange(30) % 3, ("a", "b", "c"), np.arange(30).astype(str))


def test_batches_are_the_set_in_order(images):
    batches = list(Feed(images, torch.device("cpu")).batches(8))
    assert [b.start for b in batches] == [0, 8, 16, 24] and len(batches[-1].images) == 6
    assert np.array_equal(torch.cat([b.images for b in batches]).numpy(), images.images)
    assert torch.cat([b.labels for b in batches]).tolist() == images.labels.tolist()


def test_gather_is_by_index(images):
    index = torch.tensor([5, 29, 5, 0])
    batch = Feed(images, torch.device("cpu")).gather(index)
    assert np.array_equal(batch.images.numpy(), images.images[index.numpy()])
    assert batch.labels.tolist() == images.labels[index.numpy()].tolist()


def test_memory_is_not_copied_and_a_map_is_not_loaded(images):
    feed = Feed(images, torch.device("cpu"))
    if is_mapped(images.images):
        assert feed._pixels is None
    elif images.images.flags.writeable:
        assert next(feed.batches(4)).images.data_ptr() == images.images.ctypes.data


def test_multilabels_become_floats():
    labels = np.array([[0, 1], [-1, 0]], np.int8)
    images = ImageSet(np.zeros((2, 2, 2, 1), np.uint8), labels, ("a", "b"), np.array(["x", "y"]))
    feed = Feed(images, torch.device("cpu"))
    assert feed.labels.dtype == torch.float32 and feed.labels.tolist() == labels.tolist()
