import mmap
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from transferscope.data import imageset, mapped
from transferscope.data.imageset import ImageSet
from transferscope.data.mapped import Reader, is_mapped, take


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (500, 64, 64, 3), np.uint8))
    return tmp_path / "x.npy"


def resident(array: np.memmap) -> int:
    """KiB of the map of this file that are resident in this process."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            inside = line.endswith(str(array.filename))
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


def test_is_mapped_sees_through_views(stored):
    array = np.load(stored, mmap_mode="r")
    assert is_mapped(array) and is_mapped(array[3:7]) and is_mapped(np.asarray(array)[::2].transpose(0, 3, 1, 2))
    assert not is_mapped(np.zeros(3)) and not is_mapped(array[[1, 2]]) and not is_mapped(np.array(array))


def test_pages_are_given_back(stored):
    array = np.load(stored, mmap_mode="r")
    before = array.sum()
    assert resident(array) > 5000
    reader = Reader(array, every=1000)
    reader.has_read(999)
    assert resident(array) > 5000
    reader.has_read(1)
    assert resident(array) < 500
    assert array.sum() == before


def test_chunks_of_a_set_give_pages_back(stored, monkeypatch):
    monkeypatch.setattr(imageset, "Reader", partial(Reader, every=100 * 64 * 64 * 3))
    array = np.load(stored, mmap_mode="r")
    images = ImageSet(array, np.arange(500) % 2, ("a", "b"), np.arange(500).astype(str))
    most, sums = 0, 0
    for part in images.chunks(50):
        sums += int(array[part].sum())
        most = max(most, resident(array))
    assert sums == int(array.sum())
    assert most < 0.7 * array.nbytes / 1024


def test_private_changes_are_kept(stored):
    array = np.load(stored, mmap_mode="c")
    array[0] = 7
    Reader(array, every=1).has_read(10)
    assert (array[0] == 7).all()


def test_anonymous_maps_are_left_alone():
    memory = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    array = np.frombuffer(memory, np.uint8)
    memory[:3] = b"abc"
    Reader(array, every=1).has_read(10)
    assert bytes(array[:3]) == b"abc"


def test_take_of_much_stays_on_disk(stored, monkeypatch):
    array = np.load(stored, mmap_mode="r")
    index = np.random.default_rng(1).permutation(500)[:321]
    small = take(array, index)
    assert not is_mapped(small)
    monkeypatch.setattr(mapped, "IN_MEMORY", 100_000)
    large = take(array, index)
    assert is_mapped(large) and np.array_equal(large, small)
    assert [p.name for p in stored.parent.iterdir()] == ["x.npy"]
