"""A grid over objectives and samples as a study: points, controls, what is wrong, and from YAML to a page."""

from pathlib import Path

import pytest

from transferscope.errors import SpecError, UsageError
from transferscope.questions.sources.measure import SourceKind, Sources
from transferscope.study.check import check
from transferscope.study.grid import points_of
from transferscope.study.load import load_study, parse_study
from transferscope.study.plan import make_plan
from transferscope.study.run import run_study
from transferscope.study.schema import GridSettings
from transferscope.study.stored_study import open_study
from transferscope.study.yaml_input import parse_yaml

STUDY = """
name: sources
network: "mlp:6"
images: {size: 8}
recipe: {epochs: 1, batch: 32, lr: 0.1, schedule: constant, augmentation: {crop: none}, precision: float32}
grid:
  photos:
    data: "synthetic:source?train=96&test=48"
    network: "mlp:6"
    objective: [supervised, simclr, clip]
    clip: {width: 8, depth: 1, embedding: 8}
    recipes: {simclr: {lr: 0.3}}
  chosen:
    data: "synthetic:source?train=96&test=48&imbalance=0.9"
    network: "mlp:6"
    sampler: {from: [cluster, random, probe], keep: 0.5, clusters: 4}
  paced:
    data: "synthetic:source?train=96&test=48"
    network: "mlp:6"
    objective: clip
    clip: {width: 8, depth: 1, embedding: 8}
    sampler: {from: [random, easiest], pace: {form: root, start: 0.4}}
targets:
  clips: {data: "synthetic:clipart?train=96&test=48"}
analyses:
  sources: {shots: [1, 2], draws: 2}
"""


def tree(**families):
    given = parse_yaml(STUDY)
    for name, more in families.items():
        given["grid"][name] |= more
    return given


def test_objectives_and_samples_are_families_with_a_control():
    given = GridSettings(
        data="synthetic:source", network="mlp:4", objective=("supervised", "simclr"), seeds=(0, 1),
        sampler={"from": ["hardest", "class", "random"], "keep": 0.5},
    )  # fmt: skip
    points = points_of("f", given)
    assert [p.name for p in points][:3] == [
        "f, supervised, from random seed 0", "f, supervised, from random seed 1",
        "f, supervised, from hardest seed 0",
    ]  # fmt: skip
    hard = next(p for p in points if p.name == "f, simclr, from hardest seed 1")
    assert (hard.source, hard.objective, hard.sampling, hard.family) == (
        "f", "simclr", "from hardest", "f, simclr, from hardest",
    )  # fmt: skip
    assert hard.control == "f, simclr, from random seed 1"
    assert not any(p.control for p in points if p.sampling != "from hardest"), "a control is made with no other"


def test_every_choice_trains_on_as_many_images_and_takes_its_control():
    plan = make_plan(check(parse_study(tree())))
    steps = {s.name: s for s in plan.steps if s.kind == "train"}
    assert steps["photos, clip"].spec["clip"]["width"] == 8 and steps["photos, simclr"].spec["recipe"]["lr"] == 0.3
    assert "simclr" not in steps["photos, supervised"].spec and "sampler" not in steps["photos, supervised"].spec
    chosen = {name: s for name, s in steps.items() if name.startswith("chosen")}
    assert {s.spec["sampler"]["total"] for s in chosen.values()} == {48} and {s.size for s in chosen.values()} == {48}
    control = steps["chosen, from random"]
    assert "probe" not in control.inputs and steps["chosen, from probe"].inputs["probe"] is control
    assert steps["chosen, from cluster"].spec["sampler"]["clusters"] == 4
    assert steps["paced, easiest first"].spec["sampler"]["pace"] == {"form": "root", "start": 0.4, "full": 0.8}
    assert steps["paced, easiest first"].size == 96
    pixels = make_plan(check(parse_study(tree(chosen={"sampler": {
        "from": ["random", "cluster"], "keep": 0.5, "clusters": 4, "features": "pixels"}}))))  # fmt: skip
    assert "probe" not in next(s for s in pixels.steps if s.name == "chosen, from cluster").inputs


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (tree(chosen={"sampler": {"from": "hardest"}}), r"grid\.chosen\.sampler\.from: has no 'random', the control"),
        (tree(chosen={"sampler": {"from": ["random", "random"]}}), r"sampler\.from: holds a value twice"),
        (tree(chosen={"sampler": {"from": ["random", "esiest"]}}), "'esiest' is not one of"),
        (tree(paced={"sampler": {"from": ["random", "class"], "pace": {}}}), "'class' is no order; with a pace"),
        (tree(paced={"sampler": {"from": ["random"], "keep": 0.5, "pace": {}}}), "keep: is for samples; with a pace"),
        (tree(photos={"objective": ["simclr", "simclr"]}), r"grid\.photos\.objective: holds a value twice"),
        (tree(photos={"objective": "supervised"}), r"grid\.photos\.clip: is for 'objective: clip'"),
        (tree(photos={"recipes": {"simclr": {"batch": 900}}}), r"grid\.photos\.recipes\.simclr\.batch: 900 is more"),
        (tree(photos={"recipe": {"frozen": "body"}}), "frozen: is nothing for 'objective: simclr'"),
        (tree(chosen={"recipe": {"batch": 64}}), r"grid\.chosen\.recipe\.batch: 64 is more than the 48 training"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(given, message):
    with pytest.raises(SpecError, match=message):
        check(parse_study(given))


def test_a_source_can_be_learned_from_captions():
    given = parse_yaml(STUDY)
    del given["grid"]
    given["analyses"] = {}
    given["source"] = {"data": "synthetic:source?train=96&test=48", "objective": "clip", "clip": {"depth": 1}}
    given["starts"] = {"P-T": {"from": "source", "seeds": [0]}}
    plan = make_plan(check(parse_study(given)))
    source = next(s for s in plan.steps if s.name == "source" and s.kind == "train")
    assert source.spec["clip"] == {"temperature": 0.07, "width": 64, "depth": 1, "embedding": 64}
    given["source"] |= {"objective": "simclr"}
    with pytest.raises(SpecError, match=r"source\.clip: is for 'objective: clip'"):
        check(parse_study(given))


def test_from_yaml_to_the_page(tmp_path: Path):
    study = parse_study(parse_yaml(STUDY))
    _, outcome = run_study(study, tmp_path / "out", jobs=1, device="cpu")
    assert not outcome.failed
    result = open_study(tmp_path / "out").results("sources")["clips"]
    assert isinstance(result, Sources)
    assert {k.label for k in result.kinds} >= {"photos, SimCLR", "photos, CLIP", "chosen, supervised, from probe"}
    sample = {row.kind: row.sample for row in result.rows}
    assert sample[SourceKind("photos", "clip")] == {}
    even, uneven = (sample[SourceKind("chosen", "supervised", f"from {way}")] for way in ("cluster", "random"))
    assert even["images"] == uneven["images"] == 48 and {"effective classes", "Vendi score"} <= set(even)
    _, again = run_study(study, tmp_path / "out", jobs=1, device="cpu")
    assert not again.done


def test_other_images_are_given_by_family():
    paper = "paper:entezari2023"
    study = load_study(paper, data={"drawings": "synthetic:clipart?train=6000&test=100", "photo": "synthetic:photo"})
    assert study.grid["drawings"].data == "synthetic:clipart?test=100&train=6000"
    assert study.grid["photos"].data.startswith("synthetic:source") and list(study.targets) == ["photo"]
    with pytest.raises(UsageError, match="--data source: the study has no target or source of this name"):
        load_study(paper, data={"source": "synthetic:photo"})


def test_the_paper_is_sources_by_objectives_and_choices():
    plan = make_plan(check(load_study("paper:entezari2023")))
    trained = [s for s in plan.steps if s.kind == "train" and "source" not in s.inputs]
    assert len(trained) == 4 * (4 * 3 + 6 + 3)
    assert sum("probe" in s.inputs for s in trained) == 4 * (4 + 2)
    assert set(plan.items["sources"]) == {"photo", "clipart", "quickdraw", "colours of photos"}
