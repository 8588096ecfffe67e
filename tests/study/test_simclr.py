"""A pre-training without labels as the source of a study."""

from pathlib import Path

import pytest

from transferscope.errors import SpecError
from transferscope.study.check import check
from transferscope.study.load import parse_study
from transferscope.study.plan import make_plan
from transferscope.study.run import run_study
from transferscope.study.stored_study import open_study
from transferscope.study.yaml_input import parse_yaml

STUDY = """
name: views
network: "fixup_resnet8?width=2"
images: {size: 12}
recipe: {epochs: 1, batch: 16, lr: 0.05, schedule: constant, precision: float32}
source: {data: "synthetic:source?train=64&test=32", objective: simclr, simclr: {projection: 8}}
sources: {labelled: {data: "synthetic:source?train=64&test=32"}}
targets: {clips: {data: "synthetic:clipart?train=48&test=24"}}
starts:
  P-T: {from: source, seeds: [0]}
  P-T labelled: {from: labelled, seeds: [0]}
  RI-T: {from: random, seeds: [0]}
analyses: {source_choice: true}
"""


def test_it_is_pre_trained_without_labels_and_transferred(tmp_path: Path) -> None:
    study = parse_study(parse_yaml(STUDY))
    plan = make_plan(check(study))
    source, labelled = (
        next(s for s in plan.steps if s.name == name and s.kind == "train") for name in ("source", "labelled")
    )
    assert source.spec["simclr"] == {"temperature": 0.2, "hidden": 256, "projection": 8, "jitter": 0.5}
    assert "simclr" not in labelled.spec and source.cost > labelled.cost
    _, outcome = run_study(study, tmp_path / "out", device="cpu")
    assert not outcome.failed
    runs = open_study(tmp_path / "out").runs()
    assert set(runs["ended"]) == {"finished"} and runs["test_accuracy"].notna().all()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"objective": "supervised", "simclr": {}}, "source.simclr: is for 'objective: simclr'"),
        ({"objective": "simclr", "recipe": {"augmentation": {"mixup": 0.2}}}, "source.recipe.mixup: is nothing for"),
        ({"objective": "simclr", "recipe": {"frozen": "body"}}, "source.recipe.frozen: is nothing for"),
        ({"objective": "simclr", "simclr": {"temperature": 0}}, "source.simclr.temperature: must be greater than 0"),
        ({"objective": "simclear"}, "is not one of 'supervised', 'simclr' or 'clip'; did you mean 'simclr'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(source, message) -> None:
    tree = parse_yaml(STUDY)
    tree["source"] = {"data": "synthetic:source?train=64&test=32", **source}
    with pytest.raises(SpecError, match=message):
        check(parse_study(tree))
