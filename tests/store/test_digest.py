"""Digests are stable: how they are made is part of the format of run folders."""

import hashlib

import pytest

from transferscope.errors import StoreError
from transferscope.store.digest import canonical, digest, file_digest


def test_canonical_form_is_spelled_out() -> None:
    value = {"b": [1, 2.5, True, None], "a": {"ü": "x", "lr": 1e-4}, "n": float("nan"), "i": float("-inf")}
    assert canonical(value) == '{"a":{"lr":0.0001,"ü":"x"},"b":[1,2.5,true,null],"i":"-inf","n":"nan"}'


def test_digest_is_blake2b_of_the_canonical_form() -> None:
    text = '{"epochs":3,"lr":0.1}'
    assert digest({"lr": 0.1, "epochs": 3}) == hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    assert digest({"lr": 0.1, "epochs": 3}) == digest({"epochs": 3, "lr": 0.1})


def test_where_it_runs_is_not_identity() -> None:
    spec = {"lr": 0.1, "recipe": {"epochs": 2}}
    assert digest(spec) == digest(
        {**spec, "device": "cuda", "workers": 4, "jobs": 2, "threads": 1, "cache": "/x", "path": "/y"}
    )
    # Only at the top: a target called "device" is somebody's data.
    assert digest({"targets": {"device": 1}}) != digest({"targets": {"device": 2}})


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"a": 1.0}), ({"a": [1, 2]}, {"a": [2, 1]}), ({"a": None}, {}), ({"a": "1"}, {"a": 1}), (True, 1)],
)
def test_different_things_differ(one: object, other: object) -> None:
    assert digest(one) != digest(other)


def test_refuses_what_has_no_canonical_form() -> None:
    with pytest.raises(StoreError, match=r"recipe\.lr: a set has no canonical form"):
        digest({"recipe": {"lr": {1}}})
    with pytest.raises(StoreError, match="the key 1 is not a string"):
        digest({"recipe": {1: 2}})


def test_file_digest(tmp_path) -> None:
    (tmp_path / "f").write_bytes(b"abc" * 10**6)
    assert file_digest(tmp_path / "f") == hashlib.blake2b(b"abc" * 10**6, digest_size=16).hexdigest()
