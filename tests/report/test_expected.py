"""How long the report of a study takes, before anything of it is computed."""

from types import SimpleNamespace

import pytest

from transferscope.questions.criticality.study import CriticalityQuestion
from transferscope.questions.landscape.study import LandscapeQuestion
from transferscope.report import expected
from transferscope.report.expected import figures_to_come, report_line, seconds_a_figure


def plan(*done: str) -> tuple[SimpleNamespace, list[SimpleNamespace]]:
    steps = {name: SimpleNamespace(digest=name) for name in ("land a", "land b", "crit a")}
    items = {
        "land": {"a": steps["land a"], "b": steps["land b"]},
        "crit": {"a": steps["crit a"]},
    }
    return SimpleNamespace(items=items), [step for name, step in steps.items() if name not in done]


ANALYSES = {
    "land": LandscapeQuestion(question="landscape"),
    "crit": CriticalityQuestion(question="criticality", only=("conv1", "fc")),
}


def test_figures_of_what_is_missing_are_counted() -> None:
    assert figures_to_come(*_with(plan())) == 3 + 3 + (2 + 2)
    assert figures_to_come(*_with(plan("land b", "crit a"))) == 3
    assert CriticalityQuestion(question="criticality", surface=False).figures() == 1


def _with(made: tuple[SimpleNamespace, list[SimpleNamespace]]) -> tuple:
    return made[0], ANALYSES, made[1]


def test_it_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "seconds_a_figure", lambda: 12.0)
    line = report_line(*_with(plan()))
    assert line.startswith("the report comes on top: about 4 min for some 10 figures, drawn one after the other here")
    assert "about 2 min for some 10 figures, drawn by 2 processes here" in report_line(*_with(plan()), processes=8)
    assert report_line(*_with(plan("land a", "land b", "crit a"))) == ""


def test_a_figure_is_drawn_to_see() -> None:
    assert 0.02 < seconds_a_figure() < 60
