import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from transferscope.store.lock import locked

HOLD = """
import sys, time
from pathlib import Path
from transferscope.store.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_the_second_waits_and_a_killed_owner_lets_go(tmp_path: Path) -> None:
    process = holder(tmp_path / "deep" / "l.lock")
    told: list[str] = []

    def kill_soon() -> None:
        while not told:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_soon)
    killer.start()
    with locked(tmp_path / "deep" / "l.lock", told.append):
        pass
    killer.join()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    assert len(told) == 1 and told[0].startswith(f"process {process.pid} on ")


def test_free_lock_is_taken_in_silence_and_again(tmp_path: Path) -> None:
    told: list[str] = []
    for _ in range(2):
        with locked(tmp_path / "l.lock", told.append):
            assert (tmp_path / "l.lock.owner").exists()
        assert not (tmp_path / "l.lock.owner").exists()
    assert told == []
