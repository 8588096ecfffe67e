"""The cache stays under its limit: what was not used for longest goes, what is in use never."""

import fcntl
import gc
import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from transferscope.data import cache as module
from transferscope.data import cache_eviction as room
from transferscope.data.cache import Prepared, prepare
from transferscope.data.decode import Form
from transferscope.data.mapped import is_mapped
from transferscope.data.pixels import ArrayPixels
from transferscope.errors import DataError

COUNT, SIDE = 10, 20
PAYLOAD = COUNT * 3 * SIDE * SIDE  # 12,000 bytes of pixels, and 128 of a header
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def limit(monkeypatch):
    return lambda entries: monkeypatch.setenv("TRANSFERSCOPE_CACHE_GB", str((entries * (PAYLOAD + 128) + 50) / 1e9))


def ask(number: int) -> Prepared:
    """Images that are not in their form yet, so that they go through the cache; another set for each number."""
    return prepare(ArrayPixels(np.full((COUNT, 8, 8, 1), number, np.uint8)), Form(SIDE, SIDE), workers=1)


def named(cache: Path) -> set[str]:
    return {p.name for p in cache.iterdir() if p.is_dir()}


def make(cache: Path, number: int) -> str:
    """Ask for a set, and return the name of its entry."""
    before = named(cache)
    assert (ask(number).images == number).all()
    (new,) = named(cache) - before
    return new


def age(cache: Path, *names: str) -> None:
    """Say that these were used in this order, the first long ago."""
    for i, name in enumerate(names):
        os.utime(cache / name / "about.json", (1e9 + i, 1e9 + i))


def test_the_one_not_used_for_longest_goes(own_cache, limit):
    limit(3)
    first, second, third = (make(own_cache, i) for i in range(3))
    age(own_cache, first, second, third)
    ask(0)  # from the cache, and so used just now
    fourth = make(own_cache, 3)
    assert named(own_cache) == {first, third, fourth}
    assert (ask(1).images == 1).all(), "what is gone is made again"
    assert named(own_cache) == {first, second, fourth}


def test_the_usual_limit_is_far_away(own_cache, monkeypatch):
    monkeypatch.delenv("TRANSFERSCOPE_CACHE_GB", raising=False)
    assert room.limit() == 50 * 10**9
    made = {make(own_cache, i) for i in range(5)}
    assert named(own_cache) == made


def test_what_is_asked_for_is_kept_however_large(own_cache, limit):
    limit(0.5)
    first = make(own_cache, 0)
    second = make(own_cache, 1)
    assert named(own_cache) == {second} != {first}


def test_mapped_images_are_never_removed(own_cache, limit, monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY", 100)
    limit(1)
    held = ask(0).images
    (first,) = named(own_cache)
    assert is_mapped(held)
    part = held[3:5]
    del held
    gc.collect()
    second = make(own_cache, 1)
    assert named(own_cache) == {first, second}, "a view of it is still there"
    assert (part == 0).all()
    del part
    gc.collect()
    third = make(own_cache, 2)
    assert named(own_cache) == {third}


def test_nothing_but_entries_is_removed(own_cache, limit):
    limit(1)
    (own_cache / "holiday").mkdir()
    (own_cache / "holiday" / "pixels.npy").write_bytes(b"mine")
    (own_cache / "notes.part-1").write_text("mine")
    (own_cache / ("f" * 32)).mkdir()  # no entry either: it has no pixels
    ask(0)
    ask(1)
    assert (own_cache / "holiday" / "pixels.npy").read_bytes() == b"mine"
    assert (own_cache / "notes.part-1").exists() and (own_cache / ("f" * 32)).exists()


def test_what_killed_processes_left_is_removed(own_cache):
    dead, alive = (own_cache / f"{c * 32}.part-x" for c in "ab")
    for part in (dead, alive):
        part.mkdir()
        (part / "pixels.npy").write_bytes(b"half")
    with (own_cache / f"{'b' * 32}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ask(0)
    assert not dead.exists() and alive.exists()


def test_a_full_disk_gets_room(own_cache, monkeypatch):
    first, second = make(own_cache, 0), make(own_cache, 1)
    age(own_cache, first, second)

    def usage(_):  # of a disk with room for two
        return Usage(0, 0, PAYLOAD * (2 - sum((own_cache / name).exists() for name in (first, second))))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    third = make(own_cache, 2)
    assert named(own_cache) == {second, third}


def test_nothing_goes_when_the_disk_is_too_small_all_the_same(own_cache, monkeypatch):
    there = {make(own_cache, 0), make(own_cache, 1)}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 100))
    with pytest.raises(DataError, match=r"are needed and .* are free; make room"):
        prepare(ArrayPixels(np.zeros((100, 8, 8, 1), np.uint8)), Form(SIDE, SIDE))
    assert named(own_cache) == there


@pytest.mark.parametrize("text", ["much", "0", "-3", "inf", "nan"])
def test_a_limit_that_is_none(monkeypatch, text):
    monkeypatch.setenv("TRANSFERSCOPE_CACHE_GB", text)
    with pytest.raises(DataError, match=f"TRANSFERSCOPE_CACHE_GB={text}: expected a number of gigabytes above 0"):
        ask(0)
