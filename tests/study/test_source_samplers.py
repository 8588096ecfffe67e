"""Sources of a study that choose their images: planned with their control, trained, compared, and refused without."""

from pathlib import Path
from typing import Any

import pytest

from transferscope.errors import SpecError
from transferscope.questions.source_choice.measure import SourceChoice
from transferscope.study.check import check
from transferscope.study.graph import Plan
from transferscope.study.load import parse_study
from transferscope.study.plan import make_plan
from transferscope.study.run import run_study
from transferscope.study.stored_study import open_study
from transferscope.study.work.data import why_not_learned
from transferscope.study.yaml_input import parse_yaml

STUDY = """
name: chosen
network: "mlp:6"
images: {size: 8}
recipe: {epochs: 1, batch: 32, lr: 0.1, schedule: constant, augmentation: {crop: none}, precision: float32}
sources:
  hard: {data: "synthetic:source?train=96&test=48", sampler: {from: hardest, keep: 0.5}}
  even: {data: "synthetic:source?train=96&test=48", sampler: {from: class, keep: 0.5}}
  control: {data: "synthetic:source?train=96&test=48", sampler: {from: random, keep: 0.5}}
targets:
  photo: {data: "synthetic:photo?train=48&test=48"}
starts:
  hard: {from: hard, seeds: [0, 1]}
  even: {from: even, seeds: [0, 1]}
  control: {from: control, seeds: [0, 1]}
  RI-T: {from: random, seeds: [0, 1]}
analyses:
  source_choice: true
"""


def tree(**sources: Any) -> dict[str, Any]:
    """The study with other settings of its sources; ``None`` takes one out, with what starts from it."""
    given: dict[str, Any] = parse_yaml(STUDY)
    for name, more in sources.items():
        if more is None:
            del given["sources"][name], given["starts"][name]
        else:
            given["sources"].setdefault(name, {}).update(more)
    return given


def plan_of(given: dict[str, Any]) -> Plan:
    return make_plan(check(parse_study(given)))


def trained(plan: Plan) -> dict[str, Any]:
    return {s.name: s for s in plan.steps if s.kind == "train" and "source" not in s.inputs}


def test_a_choice_is_made_with_the_control_and_of_as_many_images() -> None:
    steps = trained(plan_of(tree()))
    assert steps["hard"].spec["sampler"] == {"from": "hardest", "total": 48} and steps["hard"].size == 48
    assert steps["control"].spec["sampler"] == {"from": "random", "total": 48}
    assert steps["hard"].inputs["probe"] is steps["control"], "though it is written after it"
    assert "probe" not in steps["even"].inputs and "probe" not in steps["control"].inputs
    assert steps["hard"].inputs["images"].digest == steps["control"].inputs["images"].digest
    pace = {"keep": 1.0, "pace": {"form": "root"}}
    paced = tree(
        hard={"sampler": {"from": "hardest", **pace}}, even=None, control={"sampler": {"from": "random", **pace}}
    )
    steps = trained(plan_of(paced))
    assert steps["hard"].spec["sampler"]["pace"]["form"] == "root" and steps["hard"].size == 96
    assert steps["hard"].inputs["probe"] is steps["control"]


def test_a_source_that_chooses_nothing_is_the_step_it_was() -> None:
    alone = tree(hard=None, even=None, control={"sampler": None}) | {"analyses": {}}
    plain = plan_of(alone)
    step = trained(plain)["control"]
    assert "sampler" not in step.spec and list(step.inputs) == ["images"] and step.size == 96


def test_what_is_learned_is_not_taken_for_all_images() -> None:
    steps = trained(plan_of(tree(plain={"data": "synthetic:source?train=96&test=48"})))
    assert why_not_learned(steps["hard"]) == "it was pre-trained on a choice of the images of its source"


NO_CONTROL = r"sources\.hard\.sampler\.from: has no control, .* add a source with the same data, seed, recipe"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (tree(control=None, even=None), NO_CONTROL),
        (tree(control={"seed": 1}), NO_CONTROL),
        (tree(control={"recipe": {"lr": 0.2}}), NO_CONTROL),
        (tree(control={"sampler": {"from": "random", "keep": 0.25}}), NO_CONTROL),
        (tree(hard={"sampler": {"from": ["random", "hardest"]}}), r"hard\.sampler\.from: a source is one"),
        (tree(hard={"sampler": {"from": "hardset"}}), r"sources\.hard\.sampler\.from.*'hardset' is not one of"),
        (tree(hard={"sampler": {"from": "class", "pace": {}}}), r"hard\.sampler\.from: 'class' is no order"),
        (tree(hard={"data": None, "checkpoint": "x.pt"}), r"hard\.sampler: is for pre-training on 'data'"),
        (tree(hard={"recipe": {"batch": 64}}, control={"recipe": {"batch": 64}}), "64 is more than the 48 training"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        check(parse_study(given))


def test_runs_start_from_the_control_too() -> None:
    given = tree()
    del given["starts"]["control"]
    with pytest.raises(
        SpecError, match=r"hard\.sampler\.from: nothing starts from its control 'control'; add a start"
    ):
        check(parse_study(given))
    del given["starts"]["hard"], given["starts"]["even"]  # then nothing is compared
    given["analyses"] = {}
    check(parse_study(given))


def test_what_is_kept_is_counted_in_the_images_that_are_seen() -> None:
    given = tree()
    given["starts"]["hard"]["weights"] = "step 3"
    with pytest.raises(SpecError, match=r"starts\.hard\.weights: step 3 does not come: training ends after step 2"):
        check(parse_study(given))


def test_from_yaml_to_what_the_choice_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "cache"))
    folder, outcome = run_study(parse_study(tree()), tmp_path / "run", jobs=1, device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    (found,) = open_study(folder.root).results("source_choice").values()
    assert isinstance(found, SourceChoice) and found.controls == {"hard": "control", "even": "control"}
    told = [f for f in found.findings() if "saw chosen images; its control control" in f.text]
    assert [f.text.split(" saw")[0] for f in told] == ["photo: hard", "photo: even"]
    assert told[0].value == pytest.approx(found.gain("photo", "hard", "control").value) and not told[0].claim
