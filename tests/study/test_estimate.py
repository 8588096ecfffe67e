"""How long a study would take."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from transferscope.models.build import build
from transferscope.models.network import Input
from transferscope.study import estimate as module
from transferscope.study.check import check
from transferscope.study.estimate import estimate
from transferscope.study.load import parse_study
from transferscope.study.plan import make_plan

Tree = Callable[..., dict[str, Any]]


def test_a_line_a_step_and_sums(starts: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEASURED_SECONDS", 0.01)
    plan = make_plan(check(parse_study(starts())))
    found = estimate(plan.steps, device="cpu")
    lines = found.lines()
    assert len(lines) == len(plan.steps) + 3
    run = next(line for line in lines if line.startswith("train photo average 0"))
    assert "2 epochs × 64 images, batch 32, lr 0.05, constant, 2 in parallel" in run
    head = next(line for line in lines if line.startswith("train photo head only 0"))
    assert head.endswith("final layer only")
    assert re.search(r"training images and .* evaluated images a second", lines[-2])
    assert found.seconds == pytest.approx(sum(s.seconds or 0 for s in found.steps)) and found.seconds > 0


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
