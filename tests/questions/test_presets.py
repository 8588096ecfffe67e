"""The short form of questions that take long: what it is, and that each can be asked in it."""

from typing import Any

import pytest

from transferscope.cli.given import settings_given
from transferscope.errors import SpecError, UsageError
from transferscope.questions import QUESTIONS, question_class
from transferscope.questions.presets import quick_questions, quick_settings
from transferscope.study.files import question_with

IMAGES = [5000]


def usual(name: str) -> Any:
    return question_class(name).model_validate_json(f'{{"question": "{name}"}}')


@pytest.mark.parametrize("name", quick_questions())
@pytest.mark.parametrize("networks", [2, 6, 20])
def test_it_is_several_times_cheaper(name: str, networks: int) -> None:
    quick = question_with(name, quick_settings("", name))
    assert quick.cost(networks, IMAGES) < usual(name).cost(networks, IMAGES) / 7


@pytest.mark.parametrize("name", quick_questions())
def test_it_says_how_not_what_is_asked_about(name: str) -> None:
    kind = question_class(name)
    assert not kind.quick.keys() & (kind.chooses | kind.among), "so files can be asked in it, too"
    assert quick_settings("", name) is not kind.quick, "what is taken can be changed"
    if name == "basin":
        assert question_with(name, quick_settings("", name)).model_dump()["extend"], "where claims are judged"


def test_others_name_those_that_have_one() -> None:
    others = [name for name in QUESTIONS if name not in quick_questions()]
    assert others and set(quick_questions()) == {"basin", "landscape"}
    said = r"^analyses\.barrier: barrier has no quick form; those that have one: basin, landscape$"
    with pytest.raises(SpecError, match=said):
        quick_settings("analyses.barrier", "barrier")


def test_of_files() -> None:
    quick = question_class("landscape").quick
    assert settings_given(["landscape=quick"]) == {"landscape": quick}
    assert settings_given(["landscape=quick", "landscape.points=31"]) == {"landscape": {**quick, "points": 31}}
    assert settings_given(["landscape.span=0.2", "landscape=quick"]) == {"landscape": {"span": 0.2, **quick}}
    with pytest.raises(SpecError, match=r"^--set barrier: barrier has no quick form; those that have one: basin"):
        settings_given(["barrier=quick"])
    for wrong in ("landscape=quikc", "landscap=quick"):
        with pytest.raises(UsageError, match=r"expected QUESTION\.KEY=VALUE"):
            settings_given([wrong])
