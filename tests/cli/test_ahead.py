"""What is begun before it is known what there is to do."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from transferscope.cli import ahead
from transferscope.cli.ahead import crew_for
from transferscope.runtime import cores
from transferscope.study.crew import Mate


def asked(**given: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"engine": "local", "jobs": 4, "device": "auto", **given})


@pytest.mark.parametrize(
    ("options", "gpu", "count", "threads"),
    [
        (asked(), False, 3, 2),
        (asked(jobs=None), False, 3, 1),
        (asked(jobs=2), False, 1, 4),
        (asked(jobs=1), False, 0, 8),
        (asked(jobs=0), False, 0, 8),
        (asked(), True, 0, 2),
        (asked(device="cpu"), True, 3, 2),
        (asked(device="cuda"), True, 0, 2),
        (asked(engine="ray"), False, 0, 2),
    ],
)
def test_processes_are_started_where_steps_run_side_by_side(
    options: argparse.Namespace, gpu: bool, count: int, threads: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("transferscope.runtime.cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("transferscope.study.crew.Crew", lambda *given: given)
    monkeypatch.setattr(ahead, "_GPU", tmp_path if gpu else tmp_path / "nothing")
    assert crew_for(options) == (count, threads, "transferscope.cli.helper")
    assert "OMP_NUM_THREADS" not in os.environ, "libraries are loaded already, and do not read it"


def test_a_program_gets_the_threads_of_its_steps_before_its_libraries_are_loaded() -> None:
    code = (
        "import argparse, os, sys; from transferscope.cli.ahead import crew_for\n"
        "with crew_for(argparse.Namespace(engine='local', jobs=1, device='cpu')): pass\n"
        "print(os.environ['OMP_NUM_THREADS'], 'numpy' in sys.modules)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == [str(cores()), "False"]


def test_a_helper_says_when_it_is_idle_and_ends_with_its_orders() -> None:
    helper = Mate.start(1, "transferscope.cli.helper")
    assert helper.process.stdin is not None and helper.process.stdout is not None
    for _ in range(2):
        helper.say("{}")
        assert json.loads(helper.process.stdout.readline()) == {"idle": True}
    helper.process.stdin.close()
    assert helper.process.wait(60) == 0
    helper.process.stdout.close()
