"""What is begun before it is known what there is to do: processes, which load what any step and any page needs."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..study.crew import Crew

__all__ = ["crew_for", "load_beside"]

_MOST = 3
"""Processes at most: questions about files are few."""

_GPU = Path("/dev/nvidiactl")
"""There where a GPU is: steps then run one after the other, in this process."""


def crew_for(options: argparse.Namespace) -> Crew:
    """Start processes that load while this one reads files; none where steps are not run side by side here.

    This process performs steps beside them, so its libraries get as many threads, where they are still to be loaded:
    the bits of a sum may depend on it, and the short passes that look at a network wait for no other thread.

    Args:
        options: ``engine``, ``jobs`` and ``device``, as they were given.
    """
    from ..runtime import cores, usual_threads
    from ..study.crew import Crew

    jobs = cores() if options.jobs is None else max(1, options.jobs)
    here = options.engine == "local" and (options.device == "cpu" or (options.device == "auto" and not _GPU.exists()))
    threads = usual_threads(jobs)
    if here and "numpy" not in sys.modules:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    return Crew(min(jobs - 1, _MOST) if here else 0, threads, "transferscope.cli.helper")


def load_beside() -> None:
    """Load in a thread what a page needs, while steps are performed in another."""
    from ..report import load_ahead

    threading.Thread(target=load_ahead, daemon=True).start()
