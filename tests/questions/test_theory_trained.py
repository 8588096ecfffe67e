"""The theorems' scores against what deep networks came to: by hand, as a sentence, and as a step of a study."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import kendalltau

from transferscope.errors import SpecError
from transferscope.questions.theory.measure import theory_scores
from transferscope.questions.theory.trained import TrainedPair, rank_by_target, trained_pairs
from transferscope.questions.transfer.measure import Transfer, Transferred
from transferscope.study.check import check
from transferscope.study.load import parse_study
from transferscope.study.plan import make_plan
from transferscope.study.yaml_input import parse_yaml

SOURCES, TARGETS = ("source", "b", "c", "d"), ("t", "u", "v", "w", "x")


def run(kind, source, target, seed, error, deviation=1.0, ended="finished"):
    start = f"from {source or 'random'}"
    return Transferred(f"{start} {seed}", target, kind, start, source, seed, 0.1, ended, "accuracy", 0.0, error,
                       deviation, math.nan)  # fmt: skip


def test_pairs_are_means_over_runs_that_did_not_diverge():
    runs = (
        run("fine-tuned", "", "t", 0, 0.2, 3.0),
        run("fine-tuned", "", "t", 1, 0.4, 5.0),
        run("fine-tuned", "", "t", 2, 0.9, 50.0, "diverged at step 3"),
        run("fine-tuned", "b", "t", 0, 0.1, 1.0),
        run("head only", "b", "t", 0, 0.9, 0.1),
        run("scratch", "", "t", 0, 0.5),
        run("scratch", "", "t", 1, 0.7),
        run("fine-tuned", "b", "u", 0, 0.1, 1.0),
    )
    found = trained_pairs(Transfer(runs, {"t": 10}, {"t": 10}, ()))
    assert [(p.source, p.target, p.runs) for p in found] == [("source", "t", 2), ("b", "t", 1), ("b", "u", 1)]
    first, second, third = found
    assert (first.error, first.deviation) == (pytest.approx(0.3), 4.0)
    assert first.improvement == pytest.approx(1 - 0.3 / 0.6) and second.improvement == pytest.approx(1 - 0.1 / 0.6)
    assert math.isnan(third.improvement)


def numbers(follow):
    rng = np.random.default_rng(3)
    scores, pairs = [], []
    for target in TARGETS:
        for source in SOURCES:
            move = rng.random()
            scores.append(SimpleNamespace(source=source, target=target, move=move, gradient=rng.random()))
            error = follow * move + (1 - follow) * rng.random()
            pairs.append(TrainedPair(source, target, 2, move, 1 - error, error))
    return scores, pairs


def test_sources_are_ranked_target_by_target_and_targets_are_the_sample():
    scores, pairs = numbers(0.3)
    found = rank_by_target(scores, pairs, "gradient", "error")
    by_target = []
    for target in TARGETS:
        x = [s.gradient for s in scores if s.target == target]
        by_target.append(kendalltau(x, [p.error for p in pairs if p.target == target]).statistic)
    assert found.value == pytest.approx(np.mean(by_target)) and (found.over, found.n) == ("targets", 5)
    assert found.spread == pytest.approx(np.var(by_target, ddof=1) / 5)
    scores, pairs = numbers(1.0)
    assert rank_by_target(scores, pairs, "move", "deviation").value == pytest.approx(1)
    assert rank_by_target(scores, pairs, "move", "improvement").value == pytest.approx(-1)
    few = [p for p in pairs if p.source in SOURCES[:2]]
    assert math.isnan(rank_by_target(scores, few, "move", "error").value)


def test_it_is_said_and_kept():
    rng = np.random.default_rng(0)
    sets = {name: (rng.standard_normal((9, 5)), np.sign(rng.standard_normal(9))) for name in ("a", "b", "c", "t")}
    plain = theory_scores({n: sets[n] for n in "abc"}, {"t": sets["t"]}, widths=(), resamples=20)
    assert not [f for f in plain.findings() if f.text.startswith("Deep networks")]
    pairs = tuple(TrainedPair(n, "t", 3, 1.0 + i, 0.1 * i, 0.5 - 0.1 * i) for i, n in enumerate("abc"))
    (said,) = [f for f in replace(plain, trained=pairs).findings() if f.text.startswith("Deep networks")]
    assert "9 networks from 3 sources" in said.text and said.claim is None and said.n == 1
    assert said.estimate == rank_by_target(plain.scores, pairs, "move", "error")
    (said,) = [f for f in replace(plain, trained=pairs[:2]).findings() if "takes three sources" in f.text]
    assert math.isnan(said.estimate.value)


STUDY = """
name: held
network: lenet
images: {size: 28, channels: 1}
recipe: {epochs: 1, batch: 32, lr: 0.1, schedule: constant}
source: {data: "synthetic:source?train=48&test=24"}
sources: {colours: {data: "synthetic:source?train=48&test=24&labels=colour"}}
targets: {clips: {data: "synthetic:clipart?train=48&test=24"}}
starts:
  P-T: {from: source, seeds: [0]}
  C-T: {from: colours, seeds: [0]}
  head: {from: source, seeds: [0], recipe: {frozen: body}}
  RI-T: {from: random, seeds: [0]}
analyses: {theory: {widths: [], trained: true}}
"""


def test_a_study_takes_its_plain_networks():
    tree = parse_yaml(STUDY)
    plan = make_plan(check(parse_study(tree)))
    (step,) = [s for s in plan.steps if s.kind == "analysis" and s.spec["settings"]["question"] == "theory"]
    asked = step.inputs["trained runs"].spec
    assert [r["label"] for r in asked["runs"]] == ["P-T 0", "C-T 0", "RI-T 0"]
    tree["analyses"]["theory"]["trained"] = False
    plan = make_plan(check(parse_study(tree)))
    (plain,) = [s for s in plan.steps if s.kind == "analysis"]
    assert "trained runs" not in plain.inputs
    tree["starts"] = {"head": tree["starts"]["head"]}
    tree["analyses"]["theory"]["trained"] = True
    with pytest.raises(SpecError, match=r"analyses\.theory\.trained: is about trained networks and the study has no"):
        check(parse_study(tree))
