"""Runs that begin with a probed final layer (LP-FT): planned, trained, averaged, and refused where it cannot be."""

import pytest
import torch

from transferscope.errors import SpecError
from transferscope.study.check import check
from transferscope.study.load import parse_study
from transferscope.study.plan import make_plan
from transferscope.study.run import run_study
from transferscope.study.stored_study import open_study
from transferscope.study.yaml_input import parse_yaml

STUDY = """
name: probed
network: "mlp:8"
images: {size: 8}
recipe: {epochs: 1, batch: 16, lr: 0.05, schedule: constant, precision: float32, augmentation: {crop: none}}
source: {data: "synthetic:source?train=64&test=32"}
targets:
  photo: {data: "synthetic:photo?train=48&val=24&test=24"}
  clipart: {data: "synthetic:clipart?train=48&val=24&test=24"}
starts:
  slow: {from: source, head: probe, seeds: [0, 1, 2], targets: [photo]}
  smooth: {from: source, head: probe, seeds: [0, 1, 2], targets: [photo], recipe: {lr: 0.2, label_smoothing: 0.1}}
  new: {from: source, seeds: [0], targets: [photo]}
analyses:
  soup: {starts: [slow, smooth], targets: [photo], shifts: [clipart], methods: [wise_ft], coefficients: [0.5, 1.0]}
  barrier: {points: 3, targets: [photo]}
  distance: {starts: [slow, smooth], targets: [photo]}
"""


def tree(**starts):
    found = parse_yaml(STUDY)
    found["starts"]["slow"] |= starts
    return found


def test_all_runs_on_a_target_share_the_step_that_fits_it() -> None:
    plan = make_plan(check(parse_study(tree())))
    heads = [s for s in plan.steps if s.kind == "head"]
    assert [s.title for s in heads] == ["head photo probed head"]
    runs = plan.runs["photo"]
    assert {
        runs[f"{start} {seed}"].step.inputs["head"].digest for start in ("slow", "smooth") for seed in range(3)
    } == {heads[0].digest}
    assert runs["slow 0"].role == runs["new 0"].role == "P-T" and runs["slow 1"].group == runs["smooth 0"].group
    assert runs["slow 0"].group != runs["new 0"].group and "head" not in runs["new 0"].step.inputs


def test_what_came_to_recipes_later_changes_no_training_of_before() -> None:
    runs = make_plan(check(parse_study(tree()))).runs["photo"]
    assert "label_smoothing" not in runs["slow 0"].step.spec["recipe"]
    assert runs["smooth 0"].step.spec["recipe"]["label_smoothing"] == 0.1


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    place = tmp_path_factory.mktemp("probed")
    patch = pytest.MonkeyPatch()
    patch.setenv("TRANSFERSCOPE_CACHE", str(place / "cache"))
    folder, outcome = run_study(parse_study(tree()), place / "run", device="cpu", threads=1)
    patch.undo()
    assert outcome.ok, outcome.failed
    return open_study(folder.root)


def test_they_begin_as_the_same_numbers(done) -> None:
    runs = done.plan.runs["photo"]
    begun = [
        done.stored[runs[f"{start} {seed}"].step.digest].weights()["epoch 0"]
        for start in ("slow", "smooth")
        for seed in (0, 1)
    ]
    assert all(torch.equal(begun[0][k], other[k]) for other in begun[1:] for k in begun[0])
    ended = [done.stored[runs[f"slow {seed}"].step.digest].weights()["final"] for seed in (0, 1)]
    assert any(not torch.equal(ended[0][k], ended[1][k]) for k in ended[0])
    assert any("fitted by logistic regression" in r.text for r in done.notes)


def test_a_soup_of_them_starts_from_it(done) -> None:
    (found,) = done.results("soup").values()
    assert found.precheck.heads == "one start" and not found.left_out
    assert len(found.of_seeds) == 3 and found.shifted == ("clipart",)
    start = done.stored[done.plan.runs["photo"]["slow 0"].step.digest].weights()["epoch 0"]
    assert found.lines and found.entry("WiSE-FT").coefficient in (0.5, 1.0)
    assert {f.claim for f in found.findings() if f.claim} == {f"003-{x}" for x in "bcstuv"}
    assert start["fc2.weight"].shape[0] == 12


def of_target(done, question: str):
    (found,) = done.results(question).values()
    return found


def test_a_line_from_the_pre_trained_network_begins_with_its_probed_head(done) -> None:
    found = of_target(done, "barrier")
    ends = {(p.path.a, p.path.b): p.path for p in found.paths if "P" in p.path.roles}
    probed = "P with the probed head"
    assert set(ends) == {(probed, f"{start} {seed}") for start in ("slow", "smooth") for seed in range(3)} | {
        ("P", "new 0")
    }
    for (a, _), path in ends.items():
        assert path.kind == ("P & P-T (probed head)" if a == probed else "P & P-T")
        assert bool(path.note) == (a == "P"), "only there a head is borrowed"
    begun = {path.curve("test", "error").values[0] for (a, _), path in ends.items() if a == probed}
    assert len(begun) == 1, "one network, whichever run is at the other end"
    told = [f.text for f in found.findings()]
    assert any(text.startswith("P & P-T (probed head), 6 pairs of 7 networks: ") for text in told)
    assert sum("the head is new 0's all along" in text for text in told) == 1


def test_distances_are_measured_from_where_probed_runs_began(done) -> None:
    found = of_target(done, "distance")
    assert found.members[0].label == "P with the probed head"
    assert not any(found.missing) and len(found.starts()) == 6, "own starts, heads included"
    run = done.stored[done.plan.runs["photo"]["slow 0"].step.digest].weights()
    squares = [float((run["final"][k] - v).square().sum()) for k, v in run["epoch 0"].items()]
    (pair,) = [p for p in found.starts() if found.members[p.b].label == "slow 0"]
    assert found.whole()[found.pairs.index(pair)] == pytest.approx(sum(squares) ** 0.5, rel=1e-4)
    assert any(f.text.startswith("P & P-T (probed head): ") for f in found.findings())


def test_only_answers_about_probed_starts_are_other_answers() -> None:
    def source(starts: list[str], question: str) -> dict[str, str]:
        study = tree() | {"analyses": {question: {"starts": starts, "targets": ["photo"]}}}
        study["starts"]["new"]["seeds"] = [0, 1]
        return make_plan(check(parse_study(study))).items[question]["photo"].spec["source"]

    plain = {"label": "P", "weights": "final"}
    for question in ("barrier", "distance"):
        assert source(["new"], question) == plain
        assert source(["slow", "new"], question) == plain | {"head": "probed"}
    assert source(["slow", "new"], "similarity") == plain, "whose features are before the head"


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        ({"from": "random"}, r"starts\.slow\.head: is for pre-trained weights; start from a source"),
        ({"basin_noise": 0.1}, r"starts\.slow\.head: a probed final layer is of the weights as pre-trained"),
        ({"head": "keep"}, r"starts\.slow\.head: the source's final layer has 16 outputs, photo has 12 classes"),
        ({"head": "prob"}, r"starts\.slow\.head: 'prob' is not one of"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(starts, message) -> None:
    with pytest.raises(SpecError, match=message):
        check(parse_study(tree(**starts)))


def test_images_that_no_head_can_be_fitted_to() -> None:
    several = tree()
    several["targets"]["photo"]["data"] = "synthetic:xray?train=48&val=24&test=24"
    del several["analyses"]
    with pytest.raises(SpecError, match=r"starts\.slow\.head: photo has several labels an image, so no final layer"):
        check(parse_study(several))
    none = tree()
    none["targets"]["photo"]["data"] = "synthetic:photo?train=48&val=0&test=24"
    with pytest.raises(SpecError, match=r"starts\.slow\.head: photo has no validation images"):
        check(parse_study(none))
