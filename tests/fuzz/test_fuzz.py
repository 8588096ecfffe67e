"""Some mutated files of each kind, and whether the judge sees what it is there for; ``make fuzz`` reads 10,000."""

import os
import time

import numpy as np
import pytest
from fuzz.__main__ import made, read_some
from fuzz.mutate import mutated
from fuzz.sound import kinds

from fuzz import judge
from transferscope.errors import DataError

FILES = 40


@pytest.fixture
def every(tmp_path):
    return {kind.name: kind for kind in kinds(tmp_path / "marker")}


NAMES = (
    "safetensors", "PyTorch's zip", "PyTorch's old format", "study file", "DomainNet list", "CheXpert table",
    "Hugging Face configuration", "image",
)  # fmt: skip


def test_every_kind_is_named(every):
    assert tuple(every) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_mutated_files_are_read_or_refused(name, every, tmp_path):
    kind, place = every[name], tmp_path / "place"
    place.mkdir()
    kind.around(place)
    assert read_some(kind, range(FILES), 1, place, tmp_path / "marker") == []


def test_files_follow_from_the_seed(every):
    kind = every["safetensors"]
    assert made(kind, 0, 3) == made(kind, 0, 3) != made(kind, 1, 3)
    changed = [mutated(kind.files[0], "safetensors", np.random.default_rng(i)) for i in range(20)]
    assert len(set(changed)) > 15 and kind.files[0] not in changed[:5]


def refuses(message):
    def read(path):
        error = DataError("")
        error.args = (message,)
        raise error

    return read


def fails(path):
    return {}["nothing"]


def runs(path):
    path.with_name("marker").touch()


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda path: None, ""),
        (refuses("is no image"), ""),
        (refuses("two\nlines"), "message of several lines"),
        (refuses("an internal error"), "internal error"),
        (refuses("x" * 5000), "message of 5000 characters"),
        (fails, "traceback: KeyError: 'nothing' at test_fuzz.py"),
        (runs, "code run: the marker is there"),
    ],
)
def test_the_judge(read, said, tmp_path):
    found = judge.judged(read, tmp_path / "file", tmp_path / "marker")
    assert found.startswith(said) and bool(found) == bool(said)


def test_the_judge_sees_a_hang(tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "LIMIT", 0.2)

    def hangs(path):
        while True:
            try:
                time.sleep(0)
            except Exception:
                continue

    assert judge.judged(hangs, tmp_path / "file", tmp_path / "marker").startswith("hangs: not read")


def test_the_judge_sees_what_is_run(tmp_path):
    judge.watch()
    found = judge.judged(lambda path: os.system("true"), tmp_path / "file", tmp_path / "marker")
    assert found.startswith("code run: os.system")
