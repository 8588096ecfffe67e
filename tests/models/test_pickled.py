"""PyTorch's files: what is data is read, what is code is refused by its name, and nothing runs."""

import argparse
import collections
import datetime
import decimal
import os
import pathlib
import types

import numpy as np
import pytest
import torch

from transferscope.errors import CheckpointError
from transferscope.models.pickled import read_pickled

WEIGHTS = {"a.w": torch.arange(6.0).reshape(2, 3)}


def back(tmp_path, value, **how):
    path = tmp_path / "a.pt"
    torch.save(value, path, **how)
    return read_pickled(path, path)


DATA = [
    (argparse.Namespace(lr=0.1, sizes=[1, 2]), {"lr": 0.1, "sizes": [1, 2]}),
    (types.SimpleNamespace(name="x"), {"name": "x"}),
    (np.float64(71.5), 71.5),
    (np.int32(-3), -3),
    (np.bool_(True), True),
    (np.str_("imagenet"), "imagenet"),
    (collections.OrderedDict(a=1), {"a": 1}),
    (collections.Counter("aab"), {"a": 2, "b": 1}),
    (collections.defaultdict(list, {"loss": [1.0]}), {"loss": [1.0]}),
    (collections.deque([1, 2], maxlen=3), [1, 2]),
    (pathlib.PurePosixPath("/data/photos"), "/data/photos"),
    (pathlib.Path("runs/a"), "runs/a"),
    (torch.Size([2, 3]), [2, 3]),
    (torch.float16, torch.float16),
    (datetime.datetime(2024, 1, 2, 3), datetime.datetime(2024, 1, 2, 3)),
    (datetime.timedelta(hours=1), datetime.timedelta(hours=1)),
    (decimal.Decimal("0.1"), "0.1"),
    ({1, 2}, [1, 2]),
    (frozenset([3]), [3]),
    (torch.__version__, str(torch.__version__)),
    (int, "builtins.int"),
]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("value", "read"), DATA, ids=lambda v: type(v).__name__)
def test_plain_data_is_read(tmp_path, value, read, zipped):
    found = back(tmp_path, {"weights": WEIGHTS, "beside": value}, _use_new_zipfile_serialization=zipped)
    assert torch.equal(found["weights"]["a.w"], WEIGHTS["a.w"])
    assert found["beside"] == read


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=">f8").reshape(2, 3)),
        np.array([True, False]),
        np.array(7, dtype=np.int64),
        np.array([1 + 2j]),
        np.zeros((0, 3), np.float32),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_arrays_become_tensors_of_the_same_numbers(tmp_path, array):
    found = back(tmp_path, {"a": array})["a"]
    assert tuple(found.shape) == array.shape and np.array_equal(found.numpy(), array)


def test_arrays_of_other_things_become_lists(tmp_path):
    assert back(tmp_path, {"a": np.array(["x", "yz"])})["a"] == ["x", "yz"]
    assert back(tmp_path, {"a": np.array([{"k": 1}], dtype=object)})["a"] == [{"k": 1}]


class Config:
    """A plain object of somebody's code, which reading a file never imports."""

    def __init__(self) -> None:
        raise AssertionError("was run")


class Items(dict):
    """A mapping of somebody's code."""


def test_an_object_of_any_class_is_its_attributes(tmp_path):
    plain = Config.__new__(Config)
    plain.lr, plain.weights = 0.1, WEIGHTS
    found = back(tmp_path, {"cfg": plain, "items": Items(a=1)})
    assert found["cfg"]["lr"] == 0.1 and torch.equal(found["cfg"]["weights"]["a.w"], WEIGHTS["a.w"])
    assert found["items"] == {"a": 1}


class Calls:
    """Asks to call something when it is read."""

    def __init__(self, function, *args) -> None:
        self.what = function, args

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("function", "args", "name"),
    [
        (os.system, ("touch {}",), r"\w+\.system"),
        (eval, ("1 + 1",), r"builtins\.eval"),
        (getattr, ("text", "upper"), r"builtins\.getattr"),
        (Config, (), r".*\.Config"),
        (torch.hub.load, ("a", "b"), r"torch\.hub\.load"),
    ],
)
def test_a_call_is_refused_by_its_name_and_not_made(tmp_path, function, args, name, zipped):
    victim = tmp_path / "victim"
    calls = Calls(function, *(a.format(victim) if isinstance(a, str) else a for a in args))
    with pytest.raises(CheckpointError, match=rf"refused: its pickle asks to run {name}, which is code") as e:
        back(tmp_path, {"weights": WEIGHTS, "calls": calls}, _use_new_zipfile_serialization=zipped)
    assert not victim.exists() and "\n" not in str(e.value)


def test_a_module_beside_weights_is_left_where_it_is(tmp_path):
    from transferscope.models.checkpoint import read

    torch.save({"state_dict": WEIGHTS, "ema": torch.nn.Linear(2, 2)}, tmp_path / "a.pt")
    found = read(tmp_path / "a.pt")
    assert list(found.params) == ["a.w"]
    assert found.dropped == ("ema (a whole module, torch.nn.modules.linear.Linear)",)


def test_other_pickles_are_named(tmp_path):
    torch.save(WEIGHTS, tmp_path / "a.pt", pickle_protocol=4)
    with pytest.raises(CheckpointError, match=r"refused: its pickle is of another protocol than torch\.save's own"):
        read_pickled(tmp_path / "a.pt", tmp_path / "a.pt")


def test_what_a_file_allows_is_allowed_for_that_file_alone(tmp_path):
    back(tmp_path, {"args": argparse.Namespace(lr=1)})
    assert not [name for name in torch.serialization.get_safe_globals() if "Namespace" in str(name)]
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(tmp_path / "a.pt", weights_only=True)
