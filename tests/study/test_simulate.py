"""Schedules on paper: by hand, against what no schedule can beat, and against studies that are run."""

import random
import re
import time
from pathlib import Path

import pytest

from transferscope.cli.main import main
from transferscope.errors import UsageError
from transferscope.study.check import check
from transferscope.study.estimate import V100, Estimate, StepEstimate, estimate
from transferscope.study.graph import Step
from transferscope.study.load import parse_study
from transferscope.study.on_paper import cluster_lines, cluster_of, laid_out
from transferscope.study.plan import make_plan
from transferscope.study.run import run_study
from transferscope.study.simulate import Cluster, Timeline, simulate
from transferscope.study.yaml_input import parse_yaml

DATA = Step("data", "photo", {"n": 0}, cost=1)
SOURCE = Step("train", "source", {"n": 1}, {"images": DATA}, cost=40)
RUNS = [Step("train", f"P-T {i}", {"n": 2, "i": i}, {"images": DATA, "source": SOURCE}, cost=20) for i in range(3)]
OTHERS = [Step("train", f"RI-T {i}", {"n": 3, "i": i}, {"images": DATA}, cost=10) for i in range(2)]
ASK = Step("analysis", "barrier", {"n": 4}, {str(i): s for i, s in enumerate((*RUNS, *OTHERS))}, cost=5)
STEPS = (DATA, SOURCE, *RUNS, *OTHERS, ASK)
SECONDS = {s.digest: s.cost for s in STEPS}


def spans(line: Timeline) -> dict[str, tuple[float, float]]:
    return {span.step.name: (span.begin, span.end) for span in line.spans}


def test_by_hand_on_one_and_on_two_places() -> None:
    one = simulate(STEPS, SECONDS, Cluster(1, 1))
    assert one.seconds == 1 + 40 + 3 * 20 + 2 * 10 + 5 and one.busy == 1 and one.waits == ()
    two = simulate(STEPS, SECONDS, Cluster(1, 2))
    # The source has the most behind it; beside it both other runs; then three runs on two places; then the question.
    assert spans(two) == {
        "photo": (0, 1), "source": (1, 41), "RI-T 0": (1, 11), "RI-T 1": (11, 21),
        "P-T 0": (41, 61), "P-T 1": (41, 61), "P-T 2": (61, 81), "barrier": (81, 86),
    }  # fmt: skip
    assert [(w.step.name, w.seconds, w.idle) for w in two.waits] == [
        ("source", 20, 20), ("P-T 2", 20, 20), ("barrier", 5, 5), ("photo", 1, 1),
    ]  # fmt: skip
    assert two.way == 1 + 40 + 20 + 5 and [s.name for s in two.longest] == ["photo", "source", "P-T 0", "barrier"]
    assert two.held == 172 and two.busy == pytest.approx(126 / 172)


def test_nodes_decode_once_each_and_processes_start_once_a_place_or_each_time() -> None:
    images = {DATA.digest: 7.0}
    line = simulate(STEPS, SECONDS | {DATA.digest: 7.0}, Cluster(2, 1, start=3), images)
    found = {span.step.name: (span.node, span.begin, span.end) for span in line.spans}
    assert found["photo"] == (0, 0, 10) and found["source"] == (0, 10, 50)  # where the images are already
    assert found["RI-T 0"] == (1, 10, 10 + 3 + 7 + 10) and found["RI-T 1"] == (1, 30, 40)
    gpus = simulate(STEPS, SECONDS, Cluster(1, 2, gpus=True, start=3, each=True), images)
    found = {span.step.name: (span.placed, span.end - span.begin) for span in gpus.spans}
    assert found["photo"] == (False, 1) and found["source"] == (True, 43) and found["barrier"] == (True, 8)


def test_no_place_is_taken_twice_and_the_end_is_within_what_is_proved() -> None:
    chance = random.Random(5)
    for _ in range(30):
        steps: list[Step] = []
        for i in range(chance.randint(1, 40)):
            inputs = {str(k): s for k, s in enumerate(chance.sample(steps, min(len(steps), chance.randint(0, 3))))}
            kind = "analysis" if i > 5 and chance.random() < 0.3 else "train"
            steps.append(Step(kind, f"s{i}", {"i": i}, inputs, cost=chance.uniform(1, 9)))
        seconds = {s.digest: chance.uniform(0.1, 9) for s in steps}
        places = chance.randint(1, 6)
        line = simulate(steps, seconds, Cluster(1, places))
        at = {span.step.digest: span for span in line.spans}
        assert at.keys() == seconds.keys()
        for span in line.spans:
            assert all(at[needed.digest].end <= span.begin for needed in span.step.inputs.values())
            assert sum(other.begin <= span.begin < other.end for other in line.spans) <= places
        work = sum(seconds.values())
        assert max(line.way, work / places) - 1e-9 <= line.seconds <= work / places + line.way + 1e-9
        assert sum(wait.idle for wait in line.waits) == pytest.approx(line.held - work)


def test_thousands_of_runs_take_a_moment() -> None:
    runs = [Step("train", f"run {i}", {"i": i}, {"images": DATA}, cost=1 + i % 7) for i in range(4800)]
    ask = Step("analysis", "grid", {}, {str(i): s for i, s in enumerate(runs)})
    steps = (DATA, *runs, ask)
    begun = time.process_time()
    line = simulate(steps, {s.digest: s.cost for s in steps}, Cluster(8, 8))
    assert len(line.spans) == 4802 and line.busy > 0.95
    assert time.process_time() - begun < 5


def test_lines_say_time_cost_waits_and_size() -> None:
    found = Estimate(
        tuple(
            StepEstimate(s, "", None if s.kind == "data" else 3600 * s.cost, 3600 * V100 * s.cost, 2e9) for s in STEPS
        ),
        "meta", 1.0, 1.0, 1.0,
    )  # fmt: skip
    lines = cluster_lines(found, laid_out(found, cluster_of(2, 2)))
    assert lines[0] == (
        "on 2 nodes of 2 GPUs: about 65.0 h from beginning to end, 260 GPU hours, 48 % of them computing"
    )
    assert lines[1] == (
        "no cluster is faster than 65.0 h, the longest way: data photo → train source → train P-T 0 → "
        "analysis barrier"
    )
    assert lines[2] == (
        "it waits 40.0 h for train source (2 of 4 idle); 20.0 h for train P-T 0 (1 of 4 idle); "
        "5.0 h for analysis barrier (3 of 4 idle)"
    )
    assert lines[3].startswith("the store grows to about 16.0 GB")
    assert lines[4] == (
        "assumed: GPUs of 7.5 TFLOP/s, 8 processors for each, 150 images decoded a second and processor, on each "
        "node once"
    )
    for nodes, gpus, said in ((0, 1, "--nodes 0: expected 1"), (1, -1, "--gpus -1: expected 0")):
        with pytest.raises(UsageError, match=said):
            cluster_of(nodes, gpus)


STUDY = """
name: checked
network: fixup_resnet8
images: {size: 32}
recipe: {epochs: 4, batch: 32, lr: 0.05, schedule: constant, augmentation: {crop: pad}, precision: float32}
source: {data: "synthetic:source?train=640&test=64"}
targets:
  photo: {data: "synthetic:photo?train=640&test=256"}
starts:
  P-T: {from: source, seeds: [0, 1, 2]}
  RI-T: {from: random, seeds: [0, 1, 2]}
analyses:
  learning_curves: true
  similarity: true
  barrier: {points: 11}
"""


def test_a_cluster_is_planned_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.yaml").write_text(STUDY)
    given = ["study", str(tmp_path / "s.yaml"), "--device", "cpu"]
    assert main([*given, "--plan", "--engine", "ray", "--nodes", "2", "--gpus", "4"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"12 steps, about .* one after the other on a GPU as fast as the V100 of Neyshabur", said)
    assert re.search(r"on 2 nodes of 4 GPUs: about .* GPU hours, .* % of them computing", said)
    assert re.search(r"the report comes on top: about .* for some 3 figures, drawn one after the other here", said)
    assert "no cluster is faster than" in said and "the longest way: data source → train source → " in said
    assert main([*given, "--nodes", "2"]) == 2
    assert "error: --nodes and --gpus describe a cluster on paper; give them with --plan" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_real_study_takes_what_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    """Within a factor of 1.5, on a machine that does nothing else meanwhile."""
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "cache"))
    study = parse_study(parse_yaml(STUDY))
    found = estimate(make_plan(check(study)).steps, jobs=jobs, device="cpu")
    said = laid_out(found, Cluster(1, jobs, start=5.0 if jobs > 1 else 0.0)).seconds
    begun = time.perf_counter()
    _, outcome = run_study(study, tmp_path / "out", jobs=jobs, device="cpu")
    took = time.perf_counter() - begun
    assert outcome.ok and took / 1.5 < said < took * 1.5, (said, took)
