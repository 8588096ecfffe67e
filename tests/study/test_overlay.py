from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from transferscope.errors import UsageError
from transferscope.study.overlay import PatchOf, described, laid_over, make
from transferscope.train.recipe import Recipe


@dataclass(frozen=True)
class Inner:
    """Inside.

    Attributes:
        b: one
            of them.
    """

    b: int = 1
    c: float = 0.5


@dataclass(frozen=True)
class Outer:
    """Outside.

    Attributes:
        a: first.
        pair: two numbers.
    """

    a: float = 1.0
    pair: tuple[int, ...] = (1, 2)
    inner: Inner = field(default_factory=Inner)


ADAPTER = TypeAdapter(Annotated[dict[str, Any], PatchOf(Outer)])


def test_holds_only_what_was_given() -> None:
    assert ADAPTER.validate_json('{"inner": {"b": 3}}') == {"inner": {"b": 3}}
    assert ADAPTER.validate_json("{}") == {}
    assert ADAPTER.validate_json('{"pair": [4], "a": 1}') == {"pair": (4,), "a": 1.0}


@pytest.mark.parametrize(
    "text", ['{"x": 1}', '{"a": "1"}', '{"inner": {"d": 1}}', '{"inner": 3}', '{"inner": {"b": 1.5}}']
)
def test_is_strict(text: str) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_json(text)


def test_makes_the_dataclass() -> None:
    assert make(Outer, {"inner": {"b": 3}, "pair": [4, 5]}) == Outer(1.0, (4, 5), Inner(3, 0.5))
    assert make(Outer, laid_over({"a": 2.0, "inner": {"b": 3}}, {"inner": {"c": 1.0}})) == Outer(
        2.0, (1, 2), Inner(3, 1.0)
    )
    with pytest.raises(UsageError, match="lr: -1"):
        make(Recipe, {"lr": -1})


def test_descriptions_come_from_the_docstring() -> None:
    assert described(Inner) == {"b": "one of them."}
    assert ADAPTER.json_schema()["properties"]["a"]["description"] == "first."
