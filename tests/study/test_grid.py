"""A grid of pre-trainings as a study: its points, what is wrong with it, and from YAML to laws."""

from pathlib import Path

import numpy as np
import pytest

from transferscope.cli import main
from transferscope.errors import SpecError, UsageError
from transferscope.study.check import check
from transferscope.study.grid import points_of
from transferscope.study.grid_table import read_grid
from transferscope.study.load import load_study, parse_study
from transferscope.study.plan import make_plan
from transferscope.study.run import run_study
from transferscope.study.schema import GridSettings
from transferscope.study.stored_study import open_study
from transferscope.study.yaml_input import parse_yaml
from transferscope.study.yaml_output import as_yaml

GRID = """
name: grid
network: "mlp:8"
images: {size: 8}
recipe: {epochs: 1, batch: 32, lr: 0.1, schedule: constant, augmentation: {crop: none}, precision: float32}
grid:
  plain:
    data: "synthetic:source?train=96&test=48"
    network: "mlp:{width}"
    width: [4, 8]
    share: [1, 0.5]
    epochs: [1, 3]
    seeds: [0, 1]
  conv:
    data: "synthetic:source?train=96&test=48"
    network: "fixup_resnet{depth}?width={width}"
    width: [2]
    depth: [8]
    lr: [0.05, 0.1]
    vary: alone
targets:
  clips: {data: "synthetic:clipart?train=96&test=48"}
  photos: {data: "synthetic:photo?train=96&test=48"}
analyses:
  grid: {shots: [1, 2], draws: 2, finetuned: [clips]}
  scaling: {shots: [1, 2], draws: 2, finetuned: [clips], halves: 20, repeats: 0}
  layers: {shots: 2, draws: 2}
"""


def tree(**more):
    return parse_yaml(GRID) | more


def test_every_point_is_a_step_and_what_is_shared_is_made_once():
    plan = make_plan(check(parse_study(tree())))
    kinds = [s.kind for s in plan.steps]
    assert kinds.count("train") == 18 * 2  # pre-trained, then fine-tuned on clips
    assert kinds.count("analysis") == 6  # grid on two targets, which scaling takes, too; layers on two, and of both
    assert set(plan.items["grid"]) == {"clips", "photos"} and list(plan.items["scaling"]) == [""]
    (joined,) = plan.items["layers"].values()
    of_one = joined.inputs["layers clips"]
    assert {role for role in joined.inputs if role.startswith("layers ")} == {"layers clips", "layers photos"}
    assert sum(role.startswith("point ") for role in of_one.inputs) == 18
    shares = {s.spec["spec"] for s in plan.steps if s.kind == "data" and "source" in s.spec["spec"]}
    assert len(shares) == 2 and any("keep=0.5" in s for s in shares)
    narrow = next(s for s in plan.steps if s.name == "plain width 4 share 0.5 epochs 3 seed 1")
    assert narrow.spec["network"]["name"] == "mlp:4" and narrow.spec["recipe"]["epochs"] == 3
    assert narrow.spec["record"] == {"epochs": [0], "steps": [], "evaluate_every": 3, "evaluate_train": "none"}


def test_one_thing_at_a_time():
    given = GridSettings(
        data="synthetic:source", network="mlp:{width}", width=(8, 16), epochs=(1, 2, 3), vary="alone"
    )
    names = [p.name for p in points_of("f", given)]
    assert names == ["f width 8 epochs 1", "f width 16 epochs 1", "f width 8 epochs 2", "f width 8 epochs 3"]


def test_batches_and_wrong_labels_can_be_varied():
    given = GridSettings(data="synthetic:source?train=96", network="mlp:8x2", batch=(16, 32), label_noise=(0, 0.1))
    points = points_of("f", given)
    assert [p.name for p in points] == [f"f batch {b} label_noise {n:g}" for b in (16, 32) for n in (0, 0.1)]
    assert [p.recipe for p in points] == [{"batch": 16}, {"batch": 16}, {"batch": 32}, {"batch": 32}]
    assert [p.data for p in points[:2]] == ["synthetic:source?train=96", "synthetic:source?label_noise=0.1&train=96"]
    plan = make_plan(check(parse_study(tree(grid={"f": given.model_dump()}, analyses={"generalization": True}))))
    titles = {s.name for s in plan.steps if s.kind == "data"}
    assert {"f share 1", "f share 1 label_noise 0.1"} <= titles


def with_family(**more):
    given = tree()
    given["grid"]["plain"] |= more
    return given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (with_family(depth=[2]), r"grid.plain.network: has no place \{depth\} for the values of depth"),
        (with_family(network="mlp:{width}-{depth}"), r"grid.plain.depth: the network mlp:.* has a place for it"),
        (with_family(width=[4, 4]), r"grid.plain.width: holds a value twice: \[4, 4\]"),
        (with_family(network="mpl:{width}"), "grid.plain.network: unknown network 'mpl:4'"),
        (with_family(share=[0.01]), "grid.plain.data: .*keep=0.01 of 96 training images gives 1; expected 16"),
        (with_family(share=[0]), "grid.plain.share.0: must be greater than 0"),
        (with_family(recipe={"batch": 900}), "grid.plain.recipe.batch: 900 is more than"),
        (with_family(data="synthetc:x"), "grid.plain.data: .*did you mean 'synthetic'"),
        (tree(analyses={"grid": {"shots": [9]}}), "analyses.grid.shots: 9 images of each of 12 classes are more"),
        (tree(analyses={"grid": {"shots": [2, 1]}}), r"analyses.grid.shots: \[2, 1\] do not rise"),
        (tree(analyses={"layers": {"shots": 9}}), "analyses.layers.shots: 9 images of each of 12 classes are more"),
        (tree(analyses={"layers": {"shots": 1}}), "analyses.layers.shots: must be greater than or equal to 2"),
        (tree(grid={}, starts={"R": {"from": "random"}}, analyses={"layers": True}),
         "layers: is about the pre-trainings of a grid and the study has none"),
        (tree(analyses={"grid": {"finetuned": ["clip"]}}), "there is no target 'clip'; did you mean 'clips'"),
        (tree(grid={}, starts={"R": {"from": "random"}}), "is about the pre-trainings of a grid and the study has"),
        (tree(grid={}, starts={"R": {"from": "random"}}, analyses={"generalization": True}),
         "is about the networks of a grid and the study has none"),
        (tree(grid={}, analyses={}), "'starts' is missing"),
        (tree(grid={}, analyses={}, starts={}), "starts: needs at least 1 entry, has 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(given, message):
    with pytest.raises(SpecError, match=message):
        check(parse_study(given))


def test_several_labels_have_no_few_shots():
    given = tree()
    given["targets"]["lungs"] = {"data": "synthetic:xray?train=96&test=48"}
    with pytest.raises(SpecError, match=r"analyses\.grid: lungs has several labels an image"):
        check(parse_study(given))


def test_from_yaml_to_laws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tmp_path / "grid.yaml"
    study.write_text(GRID)
    out = tmp_path / "runs"
    assert main(["study", str(study), "--out", str(out), "--jobs", "1", "--device", "cpu"]) == 0
    assert "Downstream against upstream accuracy" in (out / "report.html").read_text()
    table = read_grid(out)
    assert len(table) == 18 and [t.label for t in table.tasks][:3] == [
        "clips, 1 shot",
        "clips, 2 shots",
        "clips, fine-tuned",
    ]
    assert {"width", "share", "epochs", "parameters"} <= {c.name for c in table.covariates} | {"width"}
    capsys.readouterr()
    assert main(["scaling", str(out), "--draws", "20", "--covariates"]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 5 and "clips, fine-tuned: " in said
    assert main(["scaling", str(out), "--us", "x"]) == 2
    assert f"--us: is for tables; {out} is a run folder" in capsys.readouterr().err
    with pytest.raises(UsageError, match="has no target 'clip'; did you mean 'clips'"):
        read_grid(out, ["clip"])
    (moved,) = open_study(out).results("layers").values()
    assert [task.target for task in moved.tasks] == ["clips", "photos"] and len(moved.points()) == 2 * 18 * 5
    _, again = run_study(load_study(study), out, jobs=1, device="cpu")
    assert not again.done and len(again.reused) == len(make_plan(check(load_study(study))).steps)


def test_networks_that_fit_are_measured_from_yaml_to_the_page(tmp_path: Path) -> None:
    """A tiny grid, raised to fit at any error: the question finds starts, weights and images of every network."""
    grid = {
        "plain": {
            "data": "synthetic:source?train=48&test=24&val=0", "network": "mlp:{width}x2", "width": [4, 6],
            "label_noise": [0, 0.25],
        }
    }  # fmt: skip
    asked = {"generalization": {"fitted": 0.99, "draws": 1, "sigmas": [0.5, 1.0], "alphas": 3, "images": 24}}
    study = tmp_path / "grid.yaml"
    study.write_text(as_yaml(tree(grid=grid, analyses=asked)))
    folder, outcome = run_study(load_study(study), tmp_path / "runs", jobs=1, device="cpu")
    assert outcome.ok, outcome
    (found,) = open_study(folder.root).results("generalization").values()
    assert [row.name for row in found.networks][:2] == [
        "plain width 4 label_noise 0",
        "plain width 4 label_noise 0.25",
    ]
    assert found.n == (24, 24) and found.errors.shape == (4, 24) and set(found.networks[0].modules) >= {"fc1", "fc3"}
    assert all(row.values[0] >= 0 and 0 < row.values[5] < np.inf for row in found.networks)


def test_the_paper_is_small_networks_of_a_wide_range() -> None:
    plan = make_plan(check(load_study("paper:abnar2022", data={"source": "synthetic:source?train=6400&test=100"})))
    trained = [s for s in plan.steps if s.kind == "train" and "source" not in s.inputs]
    assert len(trained) == 178 and len({s.spec["network"]["name"] for s in trained}) == 14
    assert sum(s.kind == "train" for s in plan.steps) == 3 * 178
