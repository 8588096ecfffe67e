"""Recorded trainings in a study: the questions that are asked of runs, with the numbers that the recording gives."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from transferscope.errors import SpecError
from transferscope.models.load import load_weights
from transferscope.store.recording import Recording
from transferscope.study.load import load_study
from transferscope.study.recorded import recorded_run
from transferscope.study.run import run_study
from transferscope.study.stored_study import open_study

from ..recorded import DATA, loop, network

STUDY = f"""
name: mine
network: lenet
images: {{size: 16}}
targets:
  clipart: {{data: "{DATA}"}}
starts:
  RI-T: {{from: random, runs: [runs/a, runs/b]}}
analyses:
  learning_curves: true
  distance: true
  rewind: {{draws: 0, images: 16}}
  criticality: {{alphas: 3, sigmas: [0.0, 0.1], draws: 1, images: 16, ends: [final]}}
  loss_variation: {{images: 16, points: 4}}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("recorded")
    for seed, name in enumerate("ab"):
        loop(here / "runs" / name, seed, epochs=4, steps=[6])
    loop(here / "runs" / "no-rate", epochs=1, optimizer=None)
    return here


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "image-cache"))
    monkeypatch.chdir(place)


def written(place: Path, text: str) -> Path:
    path = place / "study.yaml"
    path.write_text(text)
    return path


def test_questions_about_runs_take_recordings(place: Path, tmp_path: Path) -> None:
    study = load_study(written(place, STUDY))
    _, outcome = run_study(study, tmp_path / "out", jobs=1, device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    found = open_study(tmp_path / "out")
    run = found.run("clipart", "RI-T 0")
    recording = Recording.open(place / "runs/a")
    assert [*run.snapshots] == ["epoch 0", "epoch 1", "step 6", "epoch 2", "epoch 4", "final", "best"]
    assert run.role == "RI-T" and run.group == f"RI {recorded_run('runs/a').start}"
    assert run.lr == 0.05 and run.recipe.epochs == 4 and run.ended == "finished"
    steps = [row for row in recording.rows if row["kind"] == "step"]
    assert run.steps["loss"].tolist() == pytest.approx([row["loss"] for row in steps])
    assert run.steps["accuracy"].tolist() == pytest.approx([row["accuracy"] for row in steps])
    assert run.epochs["epoch"].tolist() == [1, 2, 4] and run.epochs["step"].tolist() == [4, 8, 16]

    net, images = network()
    x = net.input.prepare(torch.from_numpy(images.test.images))
    y = torch.from_numpy(images.test.labels)
    for i, tag in enumerate(("epoch 1", "epoch 2", "final")):  # evaluated here, as a plain pass has it
        logits = net(load_weights(net, place / "runs/a", at=tag).params, x)
        assert run.epochs["test_accuracy"][i] == pytest.approx(float((logits.argmax(1) == y).float().mean()))
        assert run.epochs["test_loss"][i] == pytest.approx(float(functional.cross_entropy(logits, y)), rel=1e-5)

    results: dict[str, Any] = {item: found.results(item) for item in found.items}
    critical = results["criticality"]["clipart"]
    assert {v.path for v in critical.valleys} == {"direct", "optimisation"}  # along the recorded weights
    rewound = results["rewind"]["clipart"]
    assert {n.network for n in rewound.networks} == {"RI-T 0", "RI-T 1"}
    curves = results["learning_curves"][""]
    assert [c.label for c in curves.curves] == ["RI-T 0", "RI-T 1"] and len(
        results["loss_variation"]["clipart"].frame()
    )
    assert "reading recordings" in found.cost and len(found.runs()) == 2

    _, again = run_study(study, tmp_path / "out", jobs=1, device="cpu", threads=1)
    assert not again.done  # nothing changed: nothing is computed again


def test_the_best_weights_have_the_names_of_the_network_where_none_were_chosen(place: Path, tmp_path: Path) -> None:
    loop(place / "runs" / "inner", epochs=1, within=True)
    assert "backbone.conv1.weight" in Recording.open(place / "runs/inner").weights["final"]
    asked = STUDY.replace("[runs/a, runs/b]", "[runs/inner]").partition("  distance")[0]
    run_study(load_study(written(place, asked)), tmp_path / "out", jobs=1, device="cpu", threads=1)
    (step,) = [s for s in open_study(tmp_path / "out").stored.values() if s.record.identity.kind == "recording"]
    best, final = (step.weights()[tag] for tag in ("best", "final"))
    assert best.keys() == final.keys() == network()[0].params().keys()
    assert all(torch.equal(best[name], final[name]) for name in final)


def refused(place: Path, old: str, new: str) -> str:
    from transferscope.study.check import check

    text = STUDY.replace(old, new)
    assert text != STUDY
    with pytest.raises(SpecError) as error:
        check(load_study(written(place, text)))
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("runs/b", "runs/c", "starts.RI-T.runs.1: .*runs/c: is not the folder of a recorder"),
        ("runs/b", "runs/no-rate", "starts.RI-T.recipe.lr: .*no learning rate on record"),
        ("runs/b]", "runs/b], seeds: [1]", "starts.RI-T.seeds: has 1 seeds for 2 runs"),
        ("runs/b]", "runs/b], init: 1", "starts.RI-T.init: is for runs that are trained here"),
        (
            "runs/b]}\n",
            "runs/b]}\n  X: {from: unknown, seeds: [0]}\n",
            "starts.X.from: 'unknown' is for recorded runs",
        ),
        ("draws: 0,", "draws: 0, epochs: [3],", "analyses.rewind.epochs: .*runs/a kept no weights at epoch 3"),
        ("starts:\n", f'  other: {{data: "{DATA}"}}\nstarts:\n', "starts.RI-T.targets: must say which target"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(place: Path, old: str, new: str, said: str) -> None:
    assert re.search(said, refused(place, old, new))


def test_a_rate_that_is_not_on_record_is_taken_from_the_study(place: Path) -> None:
    from transferscope.study.check import check
    from transferscope.study.plan import make_plan

    text = STUDY.replace("[runs/a, runs/b]", "[runs/no-rate], recipe: {lr: 0.3, batch: 64}")
    text = text[: text.index("analyses:")]
    plan = make_plan(check(load_study(written(place, text))))
    (run,) = plan.runs["clipart"].values()
    assert (run.step.spec["recipe"]["lr"], run.step.spec["recipe"]["batch"]) == (0.3, 64)
    assert math.isfinite(run.step.cost)


def test_recorded_runs_are_not_trained_anew(place: Path) -> None:
    from transferscope.study.check import check
    from transferscope.study.plan import make_plan

    source = "source: {checkpoint: runs/a/weights/final.safetensors}\nstarts:\n  P-T: {from: source, seeds: [0]}\n"
    text = STUDY.replace("starts:\n", source) + "  block_shuffle: {blocks: [8]}\n"
    with pytest.raises(
        SpecError, match=r"starts\.RI-T\.runs: are recorded, and a question wants to train such runs anew"
    ):
        make_plan(check(load_study(written(place, text))))
