"""How long a call takes, whatever else runs."""

import pytest
import torch

from transferscope.study import pace as module


@pytest.mark.parametrize(
    ("count", "clock", "processor", "quiet", "busy"),
    [
        (1, 0.2, 0.2, 0.2, 1.0),  # nobody else is there
        (1, 5.0, 0.2, 0.2, 25.0),  # the clock is the others'
        (2, 0.12, 0.2, 0.12, 1.0),  # two threads that wait for each other a little
        (2, 5.0, 0.2, 0.2, 25.0),  # no longer than one thread alone
        (2, 0.05, 0.2, 0.1, 1.0),  # a coarse clock: two threads are not four
    ],
)
def test_a_pace_is_of_a_quiet_machine(
    monkeypatch: pytest.MonkeyPatch, count: int, clock: float, processor: float, quiet: float, busy: float
) -> None:
    calls = 0

    def step() -> None:
        nonlocal calls
        calls += 1

    monkeypatch.setattr(module.time, "perf_counter", lambda: clock * calls)
    monkeypatch.setattr(module.time, "process_time", lambda: processor * calls)
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    found = module.pace(step, torch.device("cpu"), 1.0)
    assert found.quiet == pytest.approx(quiet) and found.busy == pytest.approx(busy)
