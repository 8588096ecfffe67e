"""Probes and the head in studies and of files: which pre-trainings go together, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from transferscope.errors import SpecError
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.study.check import check
from transferscope.study.files import run_files
from transferscope.study.inspect import Inspection
from transferscope.study.load import load_study, parse_study
from transferscope.study.run import run_study
from transferscope.study.stored_study import open_study
from transferscope.study.yaml_input import parse_yaml

STUDY = """
name: small
network: "mlp:12-8"
images: {size: 8}
recipe: {epochs: 1, batch: 32, augmentation: {crop: none}}
sources:
  small 0: {data: "synthetic:source?train=48&test=40", recipe: {head_weight_decay: 0.0001}}
  small 1: {data: "synthetic:source?train=48&test=40", recipe: {head_weight_decay: 0.0001}, seed: 1}
  large 0: {data: "synthetic:source?train=48&test=40", recipe: {head_weight_decay: 1.0}}
  large 1: {data: "synthetic:source?train=48&test=40", recipe: {head_weight_decay: 1.0}, seed: 1}
targets: {clips: {data: "synthetic:clipart?train=96&test=40"}}
starts: {P-T: {from: small 0, seeds: [0]}}
analyses:
  probe: {shots: [1, 2], draws: 2}
  head: {shots: 2, draws: 2}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "image-cache"))


def test_in_a_study_pre_trainings_of_one_kind_are_told_by_their_settings(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    folder, outcome = run_study(load_study(str(tmp_path / "study.yaml")), tmp_path / "run", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    study = open_study(folder.root)
    (probed,) = study.results("probe").values()
    assert probed.networks == ("P small 0", "P small 1", "P large 0", "P large 1", "random weights")
    assert probed.kinds == ("small 0", "small 0", "large 0", "large 0", "") and probed.target == "clips"
    assert [f.n for f in probed.findings() if f.claim == "003-m"] == [2, 2]
    (grid,) = study.results("head").values()
    assert grid.settings == (1e-4, 1e-4, 1.0, 1.0) and grid.seeds == (0, 1, 0, 1)
    assert grid.grid.values == (1e-4, 1.0) and grid.grid.rows.tolist() == [[0, 2], [1, 3]]
    assert grid.targets == ("clips",) and {w.role for w in grid.witnesses} == {"P"} and len(grid.witnesses) == 4
    found = grid.findings()
    assert {f.claim for f in found if f.claim} == {"003-n", "003-o", "003-p", "003-q", "003-r"}
    assert not any(f.verdict in ("agrees", "disagrees") for f in found), "two seeds are no sample"
    assert grid.head_norm_change().value < 0, "weight decay of the head is that of the recipe"


def test_a_pre_training_that_diverged_costs_the_others_nothing(tmp_path: Path) -> None:
    """It has no final weights: probes and scores leave it out, and say so; of the head's metrics it is chance."""
    tree = parse_yaml(STUDY.replace("head_weight_decay: 1.0}", "head_weight_decay: 1.0e+30}"))
    probe = {"shots": [1, 2], "draws": 2, "linear": False}
    tree["analyses"] = {"probe": probe, "head": {"shots": 2, "draws": 2}}
    tree["analyses"]["scores"] = {"draws": 2, "permutations": 1}
    _, outcome = run_study(parse_study(tree), tmp_path / "run", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    study = open_study(tmp_path / "run")
    (probed,), (scored,) = study.results("probe").values(), study.results("scores").values()
    assert probed.networks == ("P small 0", "P small 1", "random weights")
    assert probed.kin["large 0"] == ("the pre-training large 0", "the pre-training large 1")
    assert all("large" not in f.why for f in probed.findings() if f.claim == "003-m"), "those of one kind finished"
    assert {"P small 0", "P small 1"} <= set(scored.labels) and not any("large" in label for label in scored.labels)
    (grid,) = study.results("head").values()
    assert (
        np.isnan(grid.norms[2:]).all() and np.ptp(grid.right[2:]) == 0 and grid.grid.rows.tolist() == [[0, 2], [1, 3]]
    )
    metrics = [f for f in grid.findings() if f.claim in ("003-n", "003-o", "003-r")]
    assert len(metrics) == 3 and all("small" in f.why for f in metrics if f.silenced), "not by those that diverged"
    assert all(f.silenced for f in grid.findings() if f.claim in ("003-p", "003-q"))
    notes = [n.text for n in study.notes]
    assert any("the pre-training large 0" in t and "diverged at step" in t for t in notes)


def refused(**changes: object) -> str:
    tree = parse_yaml(STUDY)
    for place, value in changes.items():
        *path, last = place.split("__")
        inner = tree
        for key in path:
            inner = inner[key]
        inner[last] = value
    with pytest.raises(SpecError) as caught:
        check(parse_study(tree))
    return str(caught.value)


def test_what_is_no_grid_is_refused() -> None:
    assert "there are 1; add some under 'sources'" in refused(analyses__head={"shots": 2, "sources": ["small 0"]})
    same = {"shots": 2, "sources": ["small 0", "small 1"]}
    assert "all have one value of recipe.head_weight_decay" in refused(analyses__head=same)
    other = {"data": "synthetic:source?train=40&test=40", "recipe": {"head_weight_decay": 1.0}}
    assert "large 0 and small 0 differ in more than seed and head_weight_decay" in refused(
        **{"sources__large 0": other}
    )
    assert "clips has 96 training images of 12 classes for 50 shots" in refused(analyses__head={"shots": 50})


def test_what_cannot_be_probed_is_refused() -> None:
    assert "[5, 1] do not rise" in refused(analyses__probe={"shots": [5, 1]})
    assert "there is no source 'smell 0'; did you mean 'small 0'" in refused(analyses__probe={"sources": ["smell 0"]})
    assert "clips has 96 training images of 12 classes for 9 shots" in refused(analyses__probe={"shots": [9]})


def test_of_a_file(tmp_path: Path) -> None:
    net = build("lenet", 12, input=Input((16, 16)))
    torch.save(initialise(net, 0), tmp_path / "a.pt")
    settings = {"probe": {"shots": [1], "draws": 2, "linear": False}}
    asked = Inspection(
        (str(tmp_path / "a.pt"),), model="lenet", data="synthetic:photo?train=96&test=48", size=16,
        only=("probe", "head"), settings=settings,
    )  # fmt: skip
    folder, outcome = run_files(asked, tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    study = open_study(folder.root)
    (probed,) = study.results("probe").values()
    assert probed.networks == ("a.pt", "random weights") and probed.target == ""
    assert np.isfinite(probed.values[:, 0]).all()
    (head,) = study.results("head").values()
    assert head.grid is None and head.findings()[0].text.startswith("a.pt: the median margin at input of fc")
