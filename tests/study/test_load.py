# ruff: noqa: E501  (tables of messages)
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from transferscope.errors import SpecError
from transferscope.questions import question_class
from transferscope.study.load import LIBRARY, load_study, parse_study
from transferscope.study.problems import StudyError
from transferscope.study.schema import json_schema
from transferscope.study.yaml_input import parse_yaml, read_yaml
from transferscope.study.yaml_output import study_yaml

Tree = Callable[..., dict[str, Any]]


def test_short_forms(tree: Tree) -> None:
    study = parse_study(tree())
    assert study.network.name == "fixup_resnet8"
    assert study.starts["RI-T same"].init == 0 and study.starts["RI-T"].seeds == (0, 1)
    assert list(study.analyses)[:2] == ["learning_curves", "mistakes"]
    assert parse_study(tree(analyses__similarity=False)).analyses.keys() == study.analyses.keys() - {"similarity"}
    quick = parse_study(tree(analyses={"basin": "quick"}))
    spelled = parse_study(tree(analyses={"basin": dict(question_class("basin").quick)}))
    assert quick == spelled != parse_study(tree(analyses={"basin": True}))
    named = parse_study(tree(analyses={"fig7": {"question": "barrier", "points": 5}, "barrier": True}))
    assert [q.question for q in named.analyses.values()] == ["barrier", "barrier"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("images__size", "24", r"^images\.size: expected a whole number, got '24'$"),
        ("images__size", 24.5, r"^images\.size: expected a whole number, got 24\.5$"),
        ("images__sise", 24, r"^images: unknown key 'sise'; did you mean 'size'\?$"),
        ("images__channels", 2, r"^images\.channels: 2 is not one of 1 or 3$"),
        ("images__skip_unreadable", "yes", r"^images\.skip_unreadable: expected true or false, got 'yes'$"),
        ("recipe__epoch", 2, r"^recipe: unknown key 'epoch'; did you mean 'epochs'\?$"),
        ("recipe__lr", "fast", r"^recipe\.lr: expected a number, got 'fast'$"),
        ("recipe__milestones", 3, r"^recipe\.milestones: expected a list, got 3; write \[3\]$"),
        ("recipe__augmentation__crop", "padd", r"^recipe\.augmentation\.crop: 'padd' is not one of .* did you mean 'pad'\?$"),
        ("targets__clipart__recipe", [1], r"^targets\.clipart\.recipe: expected a mapping of settings, got \[1\]$"),
        ("targets__clipart__recipe", {"lr": "x"}, r"^targets\.clipart\.recipe\.lr: expected a number, got 'x'$"),
        ("targets__clipart__recipes", {"P-T": {"lrr": 1.0}}, r"^targets\.clipart\.recipes\.P-T: unknown key 'lrr'; did you mean 'lr'\?"),
        ("targets__clipart__data", "sythetic:photo", r"^targets\.clipart\.data: .* did you mean 'synthetic'\?$"),
        ("targets__clipart__data", "synthetic:phot", r"^targets\.clipart\.data: .* did you mean 'photo'\?$"),
        ("targets__clipart__data", "synthetic:photo?trian=3", r"^targets\.clipart\.data: .* did you mean 'train'\?$"),
        ("targets__a+b", {"data": "synthetic:photo"}, r"^targets.*a name of up to 60 characters .* no \+ in a target"),
        ("targets", {}, r"^targets: needs at least 1 entry, has 0$"),
        ("targets", None, r"^'targets' is missing$"),
        ("starts__P-T", {"form": "source"}, r"^starts\.P-T: unknown key 'form'; did you mean 'from'\?$"),
        ("starts__P-T__seeds", [], r"^starts\.P-T\.seeds: needs at least 1 entry, has 0$"),
        ("starts__P-T__seeds", [-1], r"^starts\.P-T\.seeds\.0: must be greater than or equal to 0, got -1$"),
        ("starts__P-T__seeds", 2, r"^starts\.P-T\.seeds: expected a list, got 2; write \[2\]$"),
        ("analyses__barrier__points", 1, r"^analyses\.barrier\.points: must be greater than or equal to 3, got 1$"),
        ("analyses__barrier__pionts", 5, r"^analyses\.barrier: unknown key 'pionts'; did you mean 'points'\?$"),
        ("analyses__barrier__ends", ["bst"], r"^analyses\.barrier\.ends\.0: 'bst' is not one of .* did you mean 'best'\?$"),
        ("analyses__barier", True, r"^analyses\.barier: unknown question 'barier'; did you mean 'barrier'\?$"),
        ("analyses__barrier", 3, r"^analyses\.barrier: expected true, false, quick or settings, got 3$"),
        ("analyses__combined_domains__unions", [["photo"]], r"^analyses\.combined_domains\.unions\.0: needs at least 2 entries"),
        ("analyses__criticality", {"sigmas": []}, r"^analyses\.criticality\.sigmas: needs at least 1 entry, has 0$"),
        ("analyses__criticality", {"sigmas": [0.0]}, r"^analyses\.criticality\.sigmas: holds no number above 0; "),
        ("analyses__criticality", {"alphas": 1}, r"^analyses\.criticality\.alphas: must be greater than or equal to 3, got 1$"),
        ("analyses__criticality", {"paths": ["driect"]}, r"^analyses\.criticality\.paths\.0: 'driect' is not one of .* did you mean 'direct'"),
        ("analyses__rewind", {"epochs": 3}, r"^analyses\.rewind\.epochs: expected a list, got 3; write \[3\]$"),
        ("analyses__barrier", "quick", r"^analyses\.barrier: barrier has no quick form; those that have one: basin, landscape$"),
        ("analyses__basin", "quik", r"^analyses\.basin: expected true, false, quick or settings, got 'quik'$"),
        ("analyses__quickest", "quick", r"^analyses\.quickest: unknown question 'quickest'"),
        ("analyses", ["barrier"], r"^analyses: expected a mapping of settings, got \['barrier'\]$"),
        ("name", "a/b", r"^name: expected a name of up to 60 characters without /"),
        ("name", 3, r"^name: expected text, got 3$"),
        ("nmae", "x", r"^unknown key 'nmae'; did you mean 'name'\?$"),
        ("network", ["x"], r"^network: expected a mapping of settings, got \['x'\]$"),
    ],
)  # fmt: skip
def test_errors_name_place_fault_and_remedy(tree: Tree, place: str, value: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_study(tree(**{place: value}))


def test_all_errors_are_told_a_line_each(tree: Tree) -> None:
    with pytest.raises(StudyError) as caught:
        parse_study(tree(images__size="x", recipe__lr="y", starts__seeds=3))
    lines = str(caught.value).split("\n")
    assert len(lines) == len(caught.value.problems) == 3
    assert lines[0] == "images.size: expected a whole number, got 'x'"


def test_short_forms_that_are_wrong_hide_nothing_else(tree: Tree) -> None:
    given = tree(images__size="x", targets__photo__data="synthetic:phot", analyses__distance=[], recipe__lrr=0.1)
    given["analyses"] |= {"barier": True, "fig": {"question": ["barrier"]}, "mistakes": {"galery": 1}}
    with pytest.raises(StudyError) as caught:
        parse_study(given)
    assert [str(p).split(";")[0] for p in caught.value.problems] == [
        "images.size: expected a whole number, got 'x'",
        "recipe: unknown key 'lrr'",
        "analyses.mistakes: unknown key 'galery'",
        "targets.photo.data: synthetic:phot: synthetic: unknown domain 'phot'",
        "analyses.distance: expected true, false, quick or settings, got []",
        "analyses.barier: unknown question 'barier'",
        "analyses.fig: unknown question ['barrier']",
    ]
    given = tree(targets__photo__data="synthetic:phot", analyses__distance=[])
    with pytest.raises(StudyError, match=r"(?s)^targets\.photo\.data: .*\nanalyses\.distance: expected true"):
        parse_study(given)


def test_relative_paths_start_at_the_study_file(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    text = study_yaml(parse_study(tree())).replace("synthetic:photo?test=48&train=64", "folder:pictures?val=0.2")
    path.write_text(text)
    assert load_study(path).targets["photo"].data == f"folder:{tmp_path}/pictures?val=0.2"


def test_written_again_it_is_the_same_study(tree: Tree) -> None:
    study = parse_study(tree())
    text = study_yaml(study)
    assert "network: fixup_resnet8\n" in text and "learning_curves: true\n" in text
    assert parse_study(parse_yaml(text)) == study
    assert study_yaml(parse_study(parse_yaml(text))) == text


def test_what_is_neither_file_nor_name() -> None:
    with pytest.raises(
        SpecError, match=r"^dmeo: there is no such file, and no study of this name; did you mean 'demo'\?"
    ):
        load_study("dmeo")
    with pytest.raises(SpecError, match=r"^no\.yaml: there is no such file; expected a study file"):
        load_study("no.yaml")


@pytest.mark.parametrize("name", LIBRARY)
def test_library_studies_are_right(name: str) -> None:
    study = load_study(name)
    assert study.name == name
    assert study_yaml(study).startswith(f"name: {name}\n")


def test_own_data_takes_the_place_of_the_targets(tmp_path: Path) -> None:
    study = load_study("demo", data=f"folder:{tmp_path}/birds")
    assert list(study.targets) == ["birds"]
    assert study.targets["birds"].data == f"folder:{tmp_path}/birds"
    assert "barrier" in study.analyses and "cross_domain" not in study.analyses


def _properties(schema: Any) -> list[tuple[str, Any]]:
    found = []
    if isinstance(schema, dict):
        found += list(schema.get("properties", {}).items()) if isinstance(schema.get("properties"), dict) else []
        for inner in schema.values():
            found += _properties(inner)
    elif isinstance(schema, list):
        for inner in schema:
            found += _properties(inner)
    return found


def test_json_schema_is_a_schema_and_every_field_is_described() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    undescribed = [
        name for name, field in _properties(schema) if not field.get("description") and "$ref" not in field
    ]
    assert undescribed == []
    json.dumps(schema)


def test_json_schema_agrees_with_the_checks(tree: Tree) -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    demo = read_yaml(Path(str(resources.files("transferscope.study").joinpath("demo.yaml"))))
    for good in (
        tree(),
        demo,
        tree(analyses={"fig7": {"question": "barrier"}, "basin": "quick"}),
        tree(network={"name": "lenet"}),
    ):
        assert list(validator.iter_errors(good)) == []
    for bad in (
        tree(images__size="24"),
        tree(nmae="x"),
        tree(analyses__barrier__pionts=3),
        tree(analyses={"fig7": {}}),
        tree(analyses={"barrier": "quick"}),
    ):
        assert list(validator.iter_errors(bad))
