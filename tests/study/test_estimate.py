"""How long a study would take."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from transferscope.models.build import build
from transferscope.models.network import Input
from transferscope.study import estimate as module
from transferscope.study.check import check
from transferscope.study.estimate import Estimate, estimate
from transferscope.study.graph import Step
from transferscope.study.load import parse_study
from transferscope.study.pace import Pace
from transferscope.study.plan import make_plan

Tree = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """What else runs beside the tests is no matter of theirs."""
    if "said" not in request.node.name:
        monkeypatch.setattr(module, "_BUSY", float("inf"))


def test_a_line_a_step_and_sums(starts: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEASURED_SECONDS", 0.01)
    plan = make_plan(check(parse_study(starts())))
    found = estimate(plan.steps, device="cpu")
    lines = found.lines()
    run = next(line for line in lines if line.startswith("train photo average 0"))
    assert "2 epochs × 64 images, batch 32, lr 0.05, constant, 2 in parallel" in run
    head = next(line for line in lines if line.startswith("train photo head only 0"))
    assert head.endswith("final layer only")
    assert re.search(r"training images and .* evaluated images a second", lines[-2])
    assert re.match(r"[\d.]+ [MG]FLOP \([\d.]+ MFLOP an image forward\)$", lines[-1]), "no GPU is needed for this"
    assert found.seconds == pytest.approx(sum(s.seconds or 0 for s in found.steps)) and found.seconds > 0


def test_runs_that_only_differ_in_their_seed_are_one_line(starts: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEASURED_SECONDS", 0.01)
    given = starts(starts__same={"from": "random", "init": 0, "seeds": [0, 1, 2]})
    plan = make_plan(check(parse_study(given)))
    found = estimate(plan.steps, device="cpu")
    lines = found.lines()
    (together,) = [line for line in lines if re.match(r"2 × train photo P-T +\d", line)]
    assert together.endswith("  each 2 epochs × 64 images, batch 32, lr 0.05, constant")
    # The first run from the shared initialisation is RI-T 0; runs on shuffled images are others than those on photo.
    assert sum(line.startswith("2 × train photo same ") for line in lines) == 1
    assert sum(line.startswith("2 × train photo RI-T ") for line in lines) == 1
    assert any(line.startswith("train photo RI-T 0 (8)") for line in lines)
    counts = [int(many[1]) if (many := re.match(r"(\d+) × ", line)) else 1 for line in lines[:-3]]
    assert sum(counts) == len(plan.steps)


def test_a_gpu_is_named_where_it_takes_a_minute_there() -> None:
    step = module.StepEstimate(Step("analysis", "distance photo", {}), "6 runs", 3.0, 60.0 * module.V100)
    long, short = (Estimate((s,), "cpu", 1.0, 1.0, 1e6) for s in (step, replace(step, operations=59e6)))
    assert re.search(r"^447\.3 TFLOP .* about 60 s on a GPU as fast as the V100 ", long.lines()[-1])
    assert short.lines()[-1] == "59.0 MFLOP (1.0 MFLOP an image forward)"


def test_operations_are_counted_from_the_network() -> None:
    # Grey images of 32 px, padded for the first convolution: a multiplication and an addition for every weight used.
    net = build("lenet", 10, input=Input((32, 32), 1, (0.5,), (0.5,)))
    sizes = {k: tuple(v.shape) for k, v in net.params().items() if v.ndim > 1}
    sides = {"conv1.weight": 32, "conv2.weight": 12}
    by_hand = 0
    for name, shape in sizes.items():
        products = 1
        for n in shape:
            products *= n
        by_hand += 2 * products * sides.get(name, 1) ** 2
    assert module._operations(net) == by_hand


def test_a_busy_machine_is_said_with_what_it_makes_of_the_time() -> None:
    step = module.StepEstimate(Step("analysis", "distance photo", {}), "6 runs", 30.0, 1e6)
    quiet, busy = (Estimate((step,), "cpu", 1.0, 1.0, 1e6, often).lines() for often in (1.2, 4.0))
    assert not any("busy" in line for line in quiet)
    assert any(re.search(r"busy with other work: .* 4\.0 times as long, about 2 min$", line) for line in busy)


def test_it_is_measured_with_the_threads_of_a_worker(starts: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[int] = set()

    def pace(step: object, device: torch.device, most: float) -> Pace:
        seen.add(torch.get_num_threads())
        return Pace(1.0, 1.0)

    monkeypatch.setattr(module, "pace", pace)
    monkeypatch.setattr("transferscope.runtime.cores", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    estimate(make_plan(check(parse_study(starts()))).steps, jobs=2, device="cpu")
    assert seen == {3} and torch.get_num_threads() == before
