"""An interrupt ends the program soon, with exit code 130 and a word on what is kept."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from transferscope.cli.main import main

STUDY = """
name: long
network: fixup_resnet20
images: {size: 32}
recipe: {epochs: 1000, batch: 32, augmentation: {crop: none}}
targets:
  clipart: {data: "synthetic:clipart?train=320&test=40"}
starts:
  RI-T: {from: random, seeds: SEEDS}
analyses: {learning_curves: true}
"""


@contextmanager
def in_the_foreground() -> Iterator[None]:
    """What a shell starts in the background ignores interrupts, and so does what that starts: the tests, say."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("jobs", "how", "seeds"), [("1", signal.SIGINT, [0]), ("2", signal.SIGINT, [0, 1]), ("2", signal.SIGTERM, [0])]
)
def test_a_study_says_what_is_kept_and_how_to_see_it(
    tmp_path: Path, jobs: str, how: signal.Signals, seeds: list[int]
) -> None:
    (tmp_path / "s.yaml").write_text(STUDY.replace("SEEDS", str(seeds)))
    command = [sys.executable, "-m", "transferscope", "study", "s.yaml", "--out", "a run", "--jobs", jobs]
    environment = {**os.environ, "TRANSFERSCOPE_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    with in_the_foreground():
        running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("a run/work/train-*")):
        assert running.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    running.send_signal(how)
    _, said = running.communicate(timeout=15)
    assert running.returncode == 130
    assert said.splitlines()[-2].startswith(f"interrupted: 1 of {2 + len(seeds)} steps are done and kept")
    assert said.splitlines()[-1] == "for the report of what is there: transferscope report 'a run'"
    assert main(["report", str(tmp_path / "a run")]) == 0


def test_a_long_step_of_the_main_thread_is_no_excuse() -> None:
    code = (
        "import ctypes, signal, threading\n"
        "from transferscope.cli.interrupt import answered_soon\n"
        "with answered_soon('what is finished is kept', seconds=0.2):\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # goes to another thread\n"
        "    threading.Timer(0.5, print, ('now',), {'flush': True}).start()  # while the main thread sleeps\n"
        "    ctypes.CDLL(None).sleep(30)\n"
    )
    with in_the_foreground():
        running = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    assert running.stdout is not None and running.stdout.readline() == "now\n"
    running.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130 and said == "\nwhat is finished is kept\n"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("words", "kept"), [(["questions"], False), (["doctor", "absent.pt"], False), (["study", "absent.yaml"], True)]
)
def test_only_commands_with_a_run_folder_say_that_something_is_kept(
    monkeypatch: pytest.MonkeyPatch, words: list[str], kept: bool
) -> None:
    program = sys.modules["transferscope.cli.main"]
    said: list[str] = []
    monkeypatch.setattr(program, "answered_soon", lambda text: said.append(text) or nullcontext())
    monkeypatch.setattr(program, "sleep_while_waiting", lambda: None)
    monkeypatch.setattr(sys, "argv", ["transferscope", *words])
    main()
    assert said[0].startswith("interrupted") and ("what is finished is kept" in said[0]) is kept
