"""The page of every question says what the report says of it, and has a row for every setting."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

import transferscope as ts
from transferscope.data.spec import SCHEMES
from transferscope.models.build import known
from transferscope.probes.evaluation import EngineOptions
from transferscope.questions import QUESTIONS, part, question_class, result_class
from transferscope.questions.presets import quick_questions, quick_settings
from transferscope.study.schema import json_schema

PAGES = Path(__file__).parents[2] / "docs" / "questions"


def top(name: str) -> str:
    words = question_class(name).words
    how = "\n\n".join(words.how)
    return f"# {words.title}\n\n*{words.asks}* ({words.rows})\n\n## What is computed\n\n{how}"


def words_of(about: dict[str, Any]) -> list[str]:
    """The words that a setting takes, as its JSON schema lists them."""
    words = [word for word in (*about.get("enum", ()), about.get("const")) if isinstance(word, str)]
    for inner in (*about.get("anyOf", ()), *([about["items"]] if "items" in about else [])):
        words += [word for word in words_of(inner) if word not in words]
    return words


def meaning(about: dict[str, Any]) -> str:
    """What a setting is, with the words that it takes where its description does not quote all of them."""
    text, words = " ".join(about.get("description", "").split()), words_of(about)
    if all(f"``{word}``" in text or f'"{word}"' in text for word in words):
        return text
    several = "items" in about or any("items" in inner for inner in about.get("anyOf", ()))
    return f"{text} {'Any' if several else 'One'} of {', '.join(f'`{word}`' for word in words)}."


def bottom(name: str) -> str:
    rows = [f"In a study, under `analyses`: `{name}: true`, or with settings:", "", "| setting | default | meaning |"]
    rows.append("|---|---|---|")
    schema = question_class(name).model_json_schema(by_alias=True)["properties"]
    for key, field in question_class(name).model_fields.items():
        if key != "question":
            default = "required" if field.is_required() else field.get_default(call_default_factory=True)
            rows.append(f"| `{key}` | `{default}` | {meaning(schema[key])} |")
    return "\n".join(rows)


def arguments(name: str) -> str:
    """What the function of a question takes, from its signature and its description; empty where there is none."""
    function = getattr(ts, name, None)
    if function is None:
        return ""
    told = (inspect.getdoc(function) or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
    said = {m[1]: " ".join(m[2].split()) for m in re.finditer(r"^    (\w+): (.*(?:\n {8}.*)*)", told, re.MULTILINE)}
    rows = [f"From Python `ts.{name}` takes:", "", "| argument | default | meaning |", "|---|---|---|"]
    for key, given in inspect.signature(function).parameters.items():
        if key in _OF_STUDIES:
            continue
        if given.kind is given.VAR_KEYWORD:
            names = ", ".join(f"`{one}`" for one in EngineOptions.__annotations__)
            rows.append(f"| {names} | | How to compute, see `help(transferscope.probes.evaluation.EngineOptions)`. |")
            continue
        default = "required" if given.default is given.empty else f"`{plain(given.default)}`"
        rows.append(f"| `{key}` | {default} | {_ROLE.sub(_BARE, said[key])} |")
    return "\n".join(rows)


def plain(default: object) -> str:
    return "a bar" if callable(default) else repr(default)


_ROLE, _BARE = re.compile(r":(?:class|func|meth|data):`~?(?:[^`]*[.])?([^`]*)`"), r"`\1`"
_OF_STUDIES = ("left_out", "witnesses")
"""What studies tell their questions about networks that are missing or have not learned."""


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_page_says_what_the_report_and_the_settings_say(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(top(name))
    assert page.endswith("\n\n".join(filter(None, (arguments(name), bottom(name)))) + "\n")
    assert f"ts.{name}(" in page or f"ts.{name}_" in page
    kind = question_class(name)
    assert (f"--only {name}" in page) == (kind.files is not None)
    assert ("From the command line: study only: " in page) == (kind.files is None)


@pytest.mark.parametrize("name", quick_questions())
def test_the_page_says_what_quick_is(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    settings = json.dumps(quick_settings("", name)).replace('"', "")
    assert f"`{name}: quick` (and `--set {name}=quick`)" in page and f"`{settings}`" in page


def test_one_name_in_every_place() -> None:
    assert {p.stem for p in PAGES.glob("*.md")} == set(QUESTIONS)
    for name in QUESTIONS:
        assert result_class(name).question == name == question_class(name).called()


def test_the_page_of_plots_has_every_option_of_every_figure() -> None:
    page = (PAGES.parent / "plots.md").read_text(encoding="utf-8")
    table = page.partition("| --- | --- |\n")[2].partition("\n\n")[0]
    rows = {name: row for row in table.splitlines() for name in row.split("|")[1].strip().split(", ")}
    for name in QUESTIONS:
        options = [*inspect.signature(part(name, "plot").plot).parameters][1:]
        assert (name in rows) == bool(options), name
        assert set(re.findall(r"(\w+)=", rows.get(name, ""))) == set(options), name


def test_the_page_of_study_files_has_every_key() -> None:
    page = (PAGES.parent / "study-files.md").read_text(encoding="utf-8")
    schema = json_schema()
    blocks = (
        "ImageSettings",
        "NetworkSettings",
        "SourceSettings",
        "SimclrSettings",
        "ClipSettings",
        "SamplerSettings",
        "PaceSettings",
        "GridSettings",
        "TargetSettings",
        "StartSettings",
        "AverageSettings",
        "RecordSettings",
    )
    for block in (schema, *(schema["$defs"][name] for name in (*blocks, "Recipe", "Augmentation"))):
        for key, about in block["properties"].items():
            default = "" if about.get("default") is None else f"`{about['default']!r}`"
            assert f"| `{key}` | {default} | {meaning(about)} |" in page


def test_the_page_of_study_files_names_what_can_be_named() -> None:
    page = (PAGES.parent / "study-files.md").read_text(encoding="utf-8")
    assert all(f"`{scheme}:" in page for scheme in SCHEMES)
    named = re.findall(r"`([a-z0-9_]+)`", page)
    for name in known():
        depth = name.removeprefix("fixup_resnet").removeprefix("resnet")
        assert name in page or depth in named, name
