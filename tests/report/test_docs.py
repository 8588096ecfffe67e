"""The page of every question says what the report says of it, and has a row for every setting."""

import re
from pathlib import Path

import pytest

from transferscope.analyses import RESULTS, result_class
from transferscope.data.spec import SCHEMES
from transferscope.models.build import known
from transferscope.report.questions import QUESTIONS, Question
from transferscope.study.questions import QUESTIONS as SETTINGS
from transferscope.study.schema import json_schema
from transferscope.study.work.answers import ANSWERS

PAGES = Path(__file__).parents[2] / "docs" / "questions"
ASKED = [q for q in QUESTIONS if q.name in SETTINGS]


def top(question: Question) -> str:
    how = "\n\n".join(question.how)
    return f"# {question.title}\n\n*{question.asks}* ({question.rows})\n\n## What is computed\n\n{how}"


def bottom(question: Question) -> str:
    name = question.name
    rows = [f"In a study, under `analyses`: `{name}: true`, or with settings:", "", "| setting | default | meaning |"]
    rows.append("|---|---|---|")
    for key, field in SETTINGS[name].model_fields.items():
        if key != "question":
            default = "required" if field.is_required() else field.get_default(call_default_factory=True)
            rows.append(f"| `{key}` | `{default}` | {' '.join((field.description or '').split())} |")
    return "\n".join(rows)


@pytest.mark.parametrize("question", ASKED, ids=lambda q: q.name)
def test_the_page_says_what_the_report_and_the_settings_say(question: Question) -> None:
    page = (PAGES / f"{question.name}.md").read_text(encoding="utf-8")
    assert page.startswith(top(question))
    assert page.endswith(bottom(question) + "\n")
    assert f"ts.{question.name}(" in page or f"ts.{question.name}_" in page
    kind = SETTINGS[question.name]
    assert (f"--only {question.name}" in page) == (kind.files is not None)
    assert ("From the command line: study only: " in page) == (kind.files is None)


def test_one_name_in_every_place() -> None:
    names = [q.name for q in ASKED]
    assert list(SETTINGS) == list(RESULTS) == list(ANSWERS) == names
    assert {p.stem for p in PAGES.glob("*.md")} == set(names)
    for name in names:
        assert result_class(name).question == name


def test_the_page_of_study_files_has_every_key() -> None:
    page = (PAGES.parent / "study-files.md").read_text(encoding="utf-8")
    schema = json_schema()
    blocks = (
        "ImageSettings",
        "NetworkSettings",
        "SourceSettings",
        "TargetSettings",
        "StartSettings",
        "AverageSettings",
        "RecordSettings",
    )
    for block in (schema, *(schema["$defs"][name] for name in (*blocks, "Recipe", "Augmentation"))):
        for key, about in block["properties"].items():
            default = "" if about.get("default") is None else f"`{about['default']!r}`"
            assert f"| `{key}` | {default} | {' '.join(about.get('description', '').split())} |" in page


def test_the_page_of_study_files_names_what_can_be_named() -> None:
    page = (PAGES.parent / "study-files.md").read_text(encoding="utf-8")
    assert all(f"`{scheme}:" in page for scheme in SCHEMES)
    named = re.findall(r"`([a-z0-9_]+)`", page)
    for name in known():
        depth = name.removeprefix("fixup_resnet").removeprefix("resnet")
        assert name in page or depth in named, name
