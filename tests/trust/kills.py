"""Kill a study again and again, with SIGKILL at random moments, until it is done (python -m tests.trust.kills OUT).

The process that begins the study forks: a child computes, and is killed; so a sitting costs no start of Python. The
state of trainings and analyses is saved whenever there is one, since sittings are shorter than the usual ten seconds.
"""

import argparse
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from transferscope.probes import partial_results
from transferscope.study.run import run_study
from transferscope.study.schema import Study
from transferscope.study.work import train

from .made import LONGER, contents, study

__all__ = ["kill_often", "sitting"]


def sitting(asked: Study, out: Path, seconds: float | None) -> bool:
    """Compute in a child for so long, or to the end; say whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            train._SAVE_SECONDS = partial_results._SECONDS = 0.0
            _, outcome = run_study(asked, out, device="cpu", threads=1)
            os._exit(0 if outcome.ok else 1)
        except BaseException:  # the child must never go on with what the parent does
            traceback.print_exc()
            os._exit(2)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    if code := os.waitstatus_to_exitcode(status):
        raise AssertionError(f"the study did not go on after a kill: exit code {code}")
    return True


def kill_often(out: Path, kills: int, seed: int = 0) -> tuple[Path, list[Path]]:
    """Run the study once undisturbed, then kill it so often, in a new folder whenever it is done.

    Returns:
        The undisturbed store, and those that were killed, all of them whole in the end.
    """
    asked, chance = study(LONGER), random.Random(seed)
    begun = time.perf_counter()
    assert sitting(asked, out / "whole", None)
    whole = time.perf_counter() - begun
    print(f"undisturbed: {whole:.1f} s", flush=True)
    stores, killed = [out / "killed-0"], 0
    while killed < kills:
        if sitting(asked, stores[-1], chance.uniform(0.0, whole / 5)):
            print(f"{stores[-1].name} is done after {killed} kills", flush=True)
            stores.append(out / f"killed-{len(stores)}")
        else:
            killed += 1
    sitting(asked, stores[-1], None)
    return out / "whole", stores


def main() -> int:
    """Say whether every store has the bytes of the undisturbed one."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.kills", description=__doc__)
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    whole, stores = kill_often(given.out, given.kills, given.seed)
    other = [store for store in stores if contents(store) != contents(whole)]
    print(f"{given.kills} kills, {len(stores)} stores, {len(other)} of them differ from the undisturbed one")
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
