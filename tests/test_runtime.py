"""What the machine has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from transferscope import runtime
from transferscope.runtime import cores, free_memory
from transferscope.study import execute

GIB = 2**30


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(runtime, "_CONTAINER", tmp_path)

    def write(available: int | None = None, limit: str | None = None, used: int = 0, cached: int = 0) -> None:
        if available is not None:
            (tmp_path / "meminfo").write_text(f"MemTotal:  99999999 kB\nMemAvailable:   {available // 1024} kB\n")
        if limit is not None:
            (tmp_path / "memory.max").write_text(f"{limit}\n")
            (tmp_path / "memory.current").write_text(f"{used}\n")
            (tmp_path / "memory.stat").write_text(f"active_file 77\ninactive_file {cached}\nslab 5\n")

    return write


def test_free_memory_of_this_machine():
    free = free_memory()
    assert free is None or 0 < free < 2**50


@pytest.mark.parametrize(
    ("said", "free"),
    [
        ({}, None),
        ({"available": 8 * GIB}, 8 * GIB),
        ({"available": 8 * GIB, "limit": "max", "used": GIB}, 8 * GIB),
        ({"available": 8 * GIB, "limit": str(4 * GIB), "used": 3 * GIB, "cached": GIB}, 2 * GIB),
        ({"available": GIB, "limit": str(4 * GIB)}, GIB),
        ({"limit": str(GIB), "used": 2 * GIB}, 0),
    ],
)
def test_free_memory(system, said, free):
    system(**said)
    assert free_memory() == free


@pytest.mark.parametrize(
    ("count", "available", "jobs"),
    [(2, 64 * GIB, 2), (32, 15 * GIB, 10), (8, GIB, 1), (6, None, 6)],
)
def test_side_by_side_is_what_cores_and_memory_allow(system, monkeypatch, count, available, jobs):
    system(available=available)
    monkeypatch.setattr(execute, "cores", lambda: count)
    assert execute.usual_jobs(torch.device("cpu")) == jobs
    assert execute.usual_jobs(torch.device("cuda")) == 1


def test_cores_are_those_that_the_process_is_bound_to(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 8}, raising=False)
    assert cores() == 3
    assert runtime.machine(torch.device("cpu"))["cores"] == 3


@pytest.mark.parametrize(("count", "expected"), [(6, 6), (None, 1)])
def test_cores_where_the_system_binds_no_process(monkeypatch, count, expected):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert cores() == expected


def test_the_program_lets_waiting_threads_sleep_and_a_user_may_say_otherwise():
    code = (
        "import os, sys; from transferscope.cli import main; sys.argv = ['transferscope', 'papers']; main(); "
        "print(os.environ.get('OMP_WAIT_POLICY'), os.environ.get('GOMP_SPINCOUNT'), file=sys.stderr)"
    )
    usual = {k: v for k, v in os.environ.items() if k not in runtime._WAITING}
    for said, expected in (({}, "passive None"), ({"GOMP_SPINCOUNT": "7"}, "None 7")):
        run = [sys.executable, "-c", code]
        done = subprocess.run(run, env={**usual, **said}, capture_output=True, text=True, check=True)
        assert done.stderr.split("\n")[-2] == expected, done.stderr


def test_threads_of_a_torch_that_is_loaded_wait_as_they_did(monkeypatch):
    for name in runtime._WAITING:
        monkeypatch.delenv(name, raising=False)
    assert "torch" in sys.modules and not runtime.sleep_while_waiting()
    assert runtime.sleep_while_waiting({}), "a process that is only to be started"
