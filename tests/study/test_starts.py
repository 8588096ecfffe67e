"""A study of starts: several pre-trainings, altered starts, and questions that train runs for themselves."""

# ruff: noqa: E501  (tables of messages)
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transferscope.errors import SpecError
from transferscope.study.check import check
from transferscope.study.graph import Plan
from transferscope.study.load import parse_study
from transferscope.study.plan import make_plan
from transferscope.study.run import run_study
from transferscope.study.stored_study import StoredStudy, open_study
from transferscope.study.yaml_input import parse_yaml
from transferscope.study.yaml_output import study_yaml

from .conftest import STARTS

Tree = Callable[..., dict[str, Any]]


def plan_of(tree: dict[str, Any]) -> Plan:
    return make_plan(check(parse_study(tree)))


def trained(plan: Plan, only: str | None = None) -> set[str]:
    return {s.name for s in plan.needed(only if only is None else [only]) if s.kind == "train"}


def test_a_question_trains_its_own_runs_and_no_run_twice(starts: Tree) -> None:
    plan = plan_of(starts())
    # Unaugmented, all of them are runs of their own, the unshuffled ones too.
    assert {n for n in trained(plan, "block_shuffle") if n.startswith("photo")} == {
        f"photo {start} 0 ({block})" for start in ("P-T", "RI-T") for block in ("*", "8", "16")
    }
    # From the last checkpoint is where P-T starts anyway.
    runs = plan.items["checkpoints"][""].inputs
    assert runs["run photo P-T 0 epoch 2"].digest == plan.runs["photo"]["P-T 0"].step.digest
    assert trained(plan, "checkpoints") == {
        "source", "photo P-T 0 (epoch 0)", "photo P-T 0 (epoch 1)", "photo P-T 0 (epoch 2)", "photo RI-T 0",
    }  # fmt: skip
    digests = [step.digest for step in plan.steps]
    assert len(set(digests)) == len(digests)
    assert "P-T 0, blocks of 8" in plan.runs["photo"] and "P-T 0, from epoch 1" in plan.runs["photo"]


def test_shuffled_runs_see_shuffled_images_as_they_are(starts: Tree) -> None:
    step = plan_of(starts()).runs["photo"]["P-T 0, blocks of 8"].step
    assert "shuffle=8" in step.inputs["images"].spec["spec"]
    assert (
        step.spec["recipe"]["augmentation"] | {"crop": "none", "flip": False} == step.spec["recipe"]["augmentation"]
    )


def test_runs_of_a_question_are_tested_at_the_end(starts: Tree) -> None:
    runs = plan_of(starts()).runs["photo"]
    of_questions = {label for label, run in runs.items() if "evaluate_test" in run.step.spec["record"]}
    assert of_questions == {label for label in runs if "," in label}
    assert all(runs[label].step.cost < runs["P-T 0"].step.cost for label in of_questions)
    # Without augmentation, runs on whole images are the study's own, which are tested throughout.
    recipe = {**starts()["recipe"], "augmentation": {"crop": "none", "flip": False}}
    assert "P-T 0, blocks of 16" in runs and "P-T 0, blocks of 16" not in plan_of(starts(recipe=recipe)).runs["photo"]


def test_figures_and_tables_are_names_of_what_they_need(starts: Tree) -> None:
    plan = plan_of(starts())
    assert trained(plan, "fig1") == set() or trained(plan, "fig1") == {"source", "colours"}
    assert trained(plan, "table3") == {"source", *(f"xray {r} {s}" for r in ("P-T", "RI-T") for s in (0, 1))}
    assert trained(plan, "table6") == {"source", *(f"photo {r} {s}" for r in ("P-T", "RI-T") for s in (0, 1))}
    assert Plan.from_json(plan.to_json()).shown == plan.shown


def test_altered_starts_are_never_taken_for_plain_ones(starts: Tree) -> None:
    runs = plan_of(starts()).runs["photo"]
    assert {label: run.role for label, run in runs.items() if "," not in label} == {
        "P-T 0": "P-T", "P-T 1": "P-T", "RI-T 0": "RI-T", "RI-T 1": "RI-T", "head only 0": "P-T",
        "colours 0": "P-T", "colours 1": "P-T", "top 0": "", "noise 0": "", "noise 1": "", "average 0": "",
    }  # fmt: skip
    assert runs["P-T 0"].group == "P" and runs["colours 0"].group == "P colours"
    assert runs["noise 0"].group != runs["noise 1"].group


@pytest.mark.parametrize(
    ("item", "asked"),
    [
        ("mistakes", {"P-T", "RI-T", "top", "noise", "average"}),
        ("transfer", {"P-T", "RI-T", "head only", "colours", "top", "noise", "average"}),
    ],
)
def test_by_default_starts_that_would_be_taken_for_others_are_not_asked_about(
    starts: Tree, item: str, asked: set[str]
) -> None:
    plan = plan_of(starts(**{f"analyses__{item}": True}))
    steps = plan.items[item].values()
    assert {run["label"].rpartition(" ")[0] for step in steps for run in step.spec["runs"]} == asked


def test_where_all_are_alike_they_are_asked_about(starts: Tree) -> None:
    changes = {
        "starts": {"colours": {"from": "colours", "recipe": {"frozen": "body"}}},
        "analyses": {"mistakes": True},
    }
    (step,) = [plan_of(starts(**changes)).items["mistakes"][t] for t in ("photo",)]
    assert [run["label"] for run in step.spec["runs"]] == ["colours 0", "colours 1"]


def test_changing_a_pretraining_changes_what_starts_from_it_and_nothing_else(starts: Tree) -> None:
    before, after = plan_of(starts()), plan_of(starts(sources__colours__seed=3))
    for label, run in before.runs["photo"].items():
        same = run.step.digest == after.runs["photo"][label].step.digest
        assert same == (run.source != "colours"), label


def test_written_again_it_is_the_same_study(starts: Tree) -> None:
    study = parse_study(starts())
    again = parse_study(parse_yaml(study_yaml(study)))
    assert make_plan(check(again)).to_json() == make_plan(check(study)).to_json()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"starts__P-T__from": "sorce"}, r"^starts\.P-T\.from: there is no source 'sorce'; did you mean 'source'\?$"),
        ({"starts__RI-T__basin_noise": 0.1}, r"(?m)^starts\.RI-T\.basin_noise: is for pre-trained weights; start from a source$"),
        ({"starts__top__top_singular": 2.5}, r"^starts\.top\.top_singular: expected a share under 1, such as 0\.9, or a whole"),
        ({"starts__average__average__replicas": 1}, r"^starts\.average\.average\.replicas: must be greater than or equal to 2"),
        ({"starts__average__average__every": 9}, r"^starts\.average\.average\.every: epoch 9 does not come: training ends after epoch 2; leave it out"),
        ({"starts__P-T__weights": "epoch 7"}, r"^starts\.P-T\.weights: epoch 7 does not come: training ends after epoch 2$"),
        ({"sources__random": {"data": "synthetic:source?train=64&test=32"}}, r"^sources\.random: is a name with a meaning of its own"),
        ({"sources__colours__data": None}, r"^sources\.colours: give either 'data' .* or 'checkpoint'"),
        ({"sources__colours__data": "synthetic:source?train=64&test=32&labels=color"}, r"^sources\.colours\.data: .*did you mean 'colour'"),
        ({"sources__colours__data": "synthetic:xray?labels=colour"}, r"^sources\.colours\.data: "),
        ({"analyses__block_shuffle__blocks": [3, 8]}, r"^analyses\.block_shuffle\.blocks: 3 does not divide the side of the images, 16; 1, 2, 4, 8, 16 do$"),
        ({"analyses__block_shuffle__blocks": ["x"]}, r"^analyses\.block_shuffle\.blocks\.0: expected the side of a block in pixels, such as 8, or '\*', got 'x'$"),
        ({"analyses__samples__blocks": [5]}, r"^analyses\.samples\.blocks: 5 does not divide"),
        ({"analyses__block_shuffle__starts": ["P-T"]}, r"^analyses\.block_shuffle: compares with a start 'from: random'"),
        ({"analyses__checkpoints__epochs": [0, 9]}, r"^analyses\.checkpoints\.epochs: epoch 9 does not come: training ends after epoch 2$"),
        ({"analyses__checkpoints__epochs": [0, 1], "source__record": {"epochs": [2]}},
         r"^analyses\.checkpoints\.epochs: no weights are kept after epoch 1 \(kept: 0, 2\); set source\.record: {epochs: \[1, 2\]}$"),
        ({"analyses__checkpoints__starts": ["P-T", "colours"]}, r"^analyses\.checkpoints\.starts: names 2 pre-trained starts"),
        ({"analyses__variants__reference": "PT"}, r"^analyses\.variants: there is no start 'PT'; did you mean 'P-T'"),
        ({"analyses__mistakes__shows": {"table3": ["xry"]}}, r"^analyses\.mistakes\.shows\.table3: there is no target 'xry'; did you mean 'xray'"),
        ({"sources": None, "starts__colours": None, "analyses": {"source_choice": True}}, r"^analyses\.source_choice: compares pre-trainings"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_said_before_anything_is(starts: Tree, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        check(parse_study(starts(**changes)))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> StoredStudy:
    root: Path = tmp_path_factory.mktemp("starts") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "image-cache"))
        _, outcome = run_study(parse_study(parse_yaml(STARTS)), root, device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    return open_study(root)


@pytest.mark.parametrize(
    "item",
    ["samples", "block_shuffle", "transfer", "checkpoints", "source_choice", "weight_map", "variants"],
)
def test_every_question_is_answered(loaded: StoredStudy, item: str) -> None:
    results = loaded.results(item)
    assert results
    for result in results.values():
        assert len(result.frame())
        assert result.plot().get_axes()


def test_runs_know_where_they_come_from(loaded: StoredStudy) -> None:
    run = loaded.run("photo", "P-T 0, blocks of 8")
    assert (run.source, run.condition, run.start_name) == ("source", "8", "P-T")
    assert loaded.run("photo", "colours 1").source == "colours" and loaded.run("photo", "RI-T 0").source == ""
    assert loaded.stands_for == {"photo": "real", "xray": "CheXpert"} and loaded.shows["transfer"] == [
        "table1",
        "table2",
    ]
    assert any("singular" in remark.text for remark in loaded.notes), "what was kept of the weights is in the report"


def test_no_run_starts_where_a_pretraining_started(starts: Tree) -> None:
    plan = plan_of(starts())
    of = {s.name: s.spec["start"] for s in plan.steps if s.kind == "train"}
    assert of["source"] == {"from": "random", "seed": 0, "stream": "pre-training"}
    assert of["photo RI-T 0"] == {"from": "random", "seed": 0}
    assert of["colours"] == of["source"], "pre-trainings of one seed differ in nothing but their images"
