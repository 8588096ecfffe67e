"""The study that comes with the package holds what it promises, and stays small enough for a few minutes."""

import pytest

from transferscope.questions import QUESTIONS
from transferscope.study.check import check
from transferscope.study.load import load_study
from transferscope.study.plan import make_plan


@pytest.fixture(scope="module")
def plan():
    return make_plan(check(load_study("demo")))


def test_it_pretrains_and_has_three_of_each_on_two_targets(plan):
    assert plan.items.keys() <= QUESTIONS.keys() and len(plan.items) >= 16
    single = [runs for target, runs in plan.runs.items() if "+" not in target]
    assert len(single) == 2
    for runs in single:
        labels = {run.step.digest: label for label, run in reversed(runs.items())}
        first = [label.rpartition(" ")[0] for label in labels.values()]
        assert first.count("P-T") >= 3 and first.count("RI-T") >= 3, "of different digests: trained apart"
    (pretraining,) = {s.name for s in plan.steps if s.kind == "train"} - {
        run.step.name for runs in plan.runs.values() for run in runs.values()
    }
    assert pretraining == "source"


def test_it_is_small(plan):
    images = {
        name: int(target.data.split("train=")[1].split("&")[0]) for name, target in load_study("demo").targets.items()
    }
    distinct = {r.step.digest: (target, r.step) for target, runs in plan.runs.items() for r in runs.values()}
    trained = sum(
        step.spec["recipe"]["epochs"] * sum(images[part.strip()] for part in target.split("+"))
        for target, step in distinct.values()
    )
    assert 300_000 < trained < 1_000_000, "a LeNet trains on about 4,000 images in a processor second"


def test_it_takes_other_images():
    plan = make_plan(check(load_study("demo", data="synthetic:quickdraw?train=60&test=40")))
    assert plan.runs.keys() == {"quickdraw"} and "barrier" in plan.items
