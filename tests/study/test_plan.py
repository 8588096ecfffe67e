import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transferscope.errors import StoreError, UsageError
from transferscope.models.build import build
from transferscope.models.network import Input
from transferscope.store.tensors import write_tensors
from transferscope.study.check import check
from transferscope.study.graph import Plan, Step, in_order
from transferscope.study.load import parse_study
from transferscope.study.plan import make_plan
from transferscope.study.selection import names_of, narrowed

Tree = Callable[..., dict[str, Any]]


def plan_of(tree: dict[str, Any]) -> Plan:
    return make_plan(check(parse_study(tree)))


def names(plan: Plan, kind: str) -> list[str]:
    return [s.name for s in plan.steps if s.kind == kind]


def test_steps_of_the_tiny_study(tree: Tree) -> None:
    plan = plan_of(tree())
    assert sorted(names(plan, "data")) == ["clipart", "photo", "photo+clipart", "source"]
    runs = ["P-T 0", "P-T 1", "RI-T 0", "RI-T 1", "RI-T same 1"]
    assert sorted(names(plan, "train")) == sorted(
        ["source", "photo+clipart P-T 0", *(f"{t} {r}" for t in ("clipart", "photo") for r in runs)]
    )
    assert list(plan.items["learning_curves"]) == [""] and list(plan.items["barrier"]) == ["clipart", "photo"]
    assert list(plan.items["cross_domain"]) == ["clipart & photo"]
    seen: set[str] = set()
    for step in plan.steps:
        assert {s.digest for s in step.inputs.values()} <= seen, "an input comes after its step"
        assert step.digest not in seen
        seen.add(step.digest)


def test_one_run_asked_for_twice_is_one_step(tree: Tree) -> None:
    runs = plan_of(tree()).runs["photo"]
    assert runs["RI-T same 0"].step.digest == runs["RI-T 0"].step.digest
    assert runs["RI-T same 1"].step.digest != runs["RI-T 1"].step.digest
    assert runs["RI-T same 1"].group == runs["RI-T 0"].group == "RI 0"
    # An analysis gets it once, under its first name.
    spec = plan_of(tree()).items["mistakes"]["photo"].spec
    assert [r["label"] for r in spec["runs"]] == ["P-T 0", "P-T 1", "RI-T 0", "RI-T 1", "RI-T same 1"]


def test_unions_are_trained_as_asked(tree: Tree) -> None:
    given = tree()
    given["analyses"] = {"combined_domains": {"unions": [["clipart", "photo"]], "starts": ["RI-T", "RI-T same"]}}
    plan = plan_of(given)
    assert set(plan.runs["clipart+photo"]) == {"RI-T 0", "RI-T 1", "RI-T same 0", "RI-T same 1"}
    (step,) = plan.items["combined_domains"].values()
    on_union = [r["label"] for r in step.spec["runs"] if r["target"] == "clipart+photo"]
    assert on_union == ["RI-T 0", "RI-T 1", "RI-T same 1"]
    given["analyses"]["combined_domains"]["seeds"] = 1
    assert set(plan_of(given).runs["clipart+photo"]) == {"RI-T 0", "RI-T same 0"}


def test_a_checkpoint_is_its_content_not_its_place(tree: Tree, tmp_path: Path) -> None:
    write_tensors(tmp_path / "a.safetensors", build("fixup_resnet8", 7, input=Input((16, 16))).params())
    (tmp_path / "b.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes())
    one, two = (digests(plan_of(tree(source={"checkpoint": str(tmp_path / f"{n}.safetensors")}))) for n in "ab")
    assert one == two


def digests(plan: Plan) -> dict[str, str]:
    return {s.title: s.digest for s in plan.steps}


def test_digests_change_with_what_they_depend_on_and_nothing_else(tree: Tree) -> None:
    before = digests(plan_of(tree()))
    assert digests(plan_of(tree(description="other words", images__seed=2020))) == before
    after = digests(plan_of(tree(targets__photo__recipe={"lr": 0.07})))
    changed = {title for title in before if before[title] != after[title]}
    assert all("photo" in title or title == "analysis learning_curves" for title in changed)
    assert "train photo P-T 0" in changed and "analysis barrier photo" in changed
    assert "train clipart P-T 0" not in changed and "data photo" not in changed
    after = digests(plan_of(tree(source__seed=5)))
    changed = {title for title in before if before[title] != after[title]}
    assert {"train source", "train photo P-T 0"} <= changed and "train photo RI-T 0" not in changed
    after = digests(plan_of(tree(analyses__barrier__points=5)))
    assert {t for t in before if before[t] != after[t]} == {"analysis barrier clipart", "analysis barrier photo"}


def test_only(tree: Tree) -> None:
    plan = plan_of(tree())
    study = parse_study(tree())
    assert narrowed(study, None) is study
    needed = plan.needed(names_of("extrapolation, distance"))
    assert {s.kind for s in needed} == {"data", "train", "analysis"}
    assert {s.name for s in needed if s.kind == "analysis"} == {
        "extrapolation clipart", "extrapolation photo", "distance clipart", "distance photo"
    }  # fmt: skip
    assert len(plan.needed(["extrapolation"])) == 2 * 4 + 2
    with pytest.raises(UsageError, match="--only bariers: the study has no such analysis; did you mean 'barrier'"):
        narrowed(study, ["bariers"])


def test_comes_back_from_json(tree: Tree) -> None:
    plan = plan_of(tree())
    text = json.dumps(plan.to_json())
    again = Plan.from_json(json.loads(text))
    assert digests(again) == digests(plan)
    assert json.dumps(again.to_json()) == text
    assert again.runs["photo"]["P-T 1"].role == "P-T"
    with pytest.raises(StoreError, match="is not what its digest says"):
        Plan.from_json(json.loads(text.replace('"seed": 1,', '"seed": 7,', 1)))
    with pytest.raises(StoreError, match=r"plan\.json: is damaged"):
        Plan.from_json({"steps": [{}]})


def test_epochs_kept_by_default_double(tree: Tree) -> None:
    def kept(**changes: Any) -> list[int]:
        epochs: list[int] = plan_of(tree(**changes)).runs["photo"]["RI-T 0"].step.spec["record"]["epochs"]
        return epochs

    curves = {"learning_curves": True}
    assert kept(recipe__epochs=10) == [0, 1, 2, 4, 8, 10]
    assert kept(recipe__epochs=1, analyses=curves) == [0, 1]
    assert kept(record={"epochs": []}, analyses=curves) == [0]
    assert kept(record={"epochs": [2]}, analyses=curves) == [0, 2]


def test_questions_do_not_change_what_runs_record(tree: Tree) -> None:
    def trained(**analyses: Any) -> set[str]:
        return {s.digest for s in plan_of(tree(analyses=analyses)).steps if s.kind == "train"}

    assert trained(rewind={"epochs": [0, 1]}, loss_variation=True, criticality=True) == trained(distance=True)


def test_some_runs_of_each_start(tree: Tree) -> None:
    def asked(**more: Any) -> list[str]:
        (step,) = plan_of(tree(analyses={"landscape": {"targets": ["photo"], **more}})).items["landscape"].values()
        assert "runs" not in step.spec["settings"]
        return [r["label"] for r in step.spec["runs"]]

    assert asked() == ["P-T 0", "P-T 1", "RI-T 0", "RI-T 1", "RI-T same 1"]
    assert asked(runs=1) == ["P-T 0", "RI-T 0"]  # RI-T same 0 is RI-T 0
    assert asked(runs=1, starts=["P-T"]) == ["P-T 0"]


def test_in_order_is_a_topological_order() -> None:
    a = Step("data", "a", {"x": 1})
    b = Step("train", "b", {"x": 2}, {"images": a})
    c = Step("analysis", "c", {"x": 3}, {"images": a, "run": b})
    same = Step("data", "called otherwise", {"x": 1})
    assert [s.name for s in in_order([c, b, same])] == ["a", "b", "c"]
