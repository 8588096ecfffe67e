"""How long a study takes on this machine's processes or on a cluster, by simulating the schedule of its estimates."""

from __future__ import annotations

from ..errors import UsageError
from ..runtime import cores
from .estimate import V100, Estimate, hours
from .graph import Step
from .simulate import Cluster, Timeline, simulate
from .training_steps import DATA_COST

__all__ = ["cluster_lines", "cluster_of", "here_line", "laid_out"]

_DECODED = 150.0
"""Images a second that a processor decodes and brings to their size: photographs of some hundred pixels."""

_CPUS_A_GPU = 8
"""Processors that a node has for each GPU."""

_START = 5.0
"""Seconds until a process has loaded its libraries."""

_START_ON_GPU = 15.0
"""The same with CUDA."""

_AROUND = 0.2
"""Seconds that a step takes besides computing: reading its inputs, publishing its outcome."""

_SHOWN = 3
"""Waits that are printed."""


def cluster_of(nodes: int | None, gpus: int | None) -> Cluster:
    """Return a cluster whose nodes have so many GPUs, or, without GPUs, as many processors as this machine.

    Raises:
        UsageError: for fewer than one node, or less than no GPUs.
    """
    if nodes is not None and nodes < 1:
        raise UsageError(f"--nodes {nodes}: expected 1 or more")
    if gpus is not None and gpus < 0:
        raise UsageError(f"--gpus {gpus}: expected 0 or more GPUs of each node")
    if gpus:
        return Cluster(nodes or 1, gpus, gpus=True, start=_START_ON_GPU, each=True)
    return Cluster(nodes or 1, cores(), start=_START)


def laid_out(found: Estimate, cluster: Cluster) -> Timeline:
    """Lay the steps of an estimate out on a cluster."""
    processors = _CPUS_A_GPU * cluster.places if cluster.gpus else cluster.places
    images = {
        s.step.digest: s.step.cost / DATA_COST / (_DECODED * processors)
        for s in found.steps
        if s.step.kind == "data" and not s.step.inputs
    }
    seconds = {s.step.digest: _AROUND + images.get(s.step.digest, s.seconds or 0.0) for s in found.steps}
    return simulate([s.step for s in found.steps], seconds, cluster, images)


def here_line(found: Estimate, jobs: int) -> str:
    """Say how long it takes on this machine, so many steps side by side."""
    line = laid_out(found, Cluster(1, jobs, start=_START if jobs > 1 else 0.0))
    many = f"{jobs} steps side by side" if jobs > 1 else "one step after the other"
    return f"about {hours(line.seconds)} here with {many} (--jobs {jobs}), preparing images included"


def cluster_lines(found: Estimate, line: Timeline) -> list[str]:
    """Say how long it takes on a cluster, what that costs, where it waits and how much is stored."""
    cluster = line.cluster
    places = cluster.nodes * cluster.places
    what = "GPU" if cluster.gpus else "processor"
    total = line.held / 3600
    lines = [
        f"on {_count(cluster.nodes, 'node')} of {_count(cluster.places, what)}: about {hours(line.seconds)} from "
        f"beginning to end, {total:,.0f} {what} hours, {100 * line.busy:.0f} % of them computing",
        f"no cluster is faster than {hours(line.way)}, the longest way: {_way(line.longest)}",
    ]
    told = [
        f"{hours(wait.seconds)} for {wait.step.title} ({wait.idle / wait.seconds:.0f} of {places} idle)"
        for wait in line.waits[:_SHOWN]
        if wait.idle >= 0.01 * line.held
    ]
    lines.append(f"it waits {'; '.join(told)}" if told else "it waits for no step for long")
    stored = sum(s.stored for s in found.steps)
    lines.append(f"the store grows to about {_bytes(stored)}: weights and histories; results of questions are small")
    assumed = [f"{_DECODED:.0f} images decoded a second and processor, on each node once"]
    if cluster.gpus:
        fast = f"GPUs of {V100 / 1e12:.1f} TFLOP/s" if not found.measured else "GPUs as fast as this one"
        assumed = [fast, f"{_CPUS_A_GPU} processors for each", *assumed]
    lines.append(f"assumed: {', '.join(assumed)}")
    return lines


def _way(steps: tuple[Step, ...]) -> str:
    titles = [step.title for step in steps]
    return " → ".join(titles if len(titles) <= 6 else [*titles[:3], "…", *titles[-2:]])


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _bytes(size: float) -> str:
    """Write a number of bytes.

    >>> _bytes(2.34e12), _bytes(5.6e7)
    ('2.3 TB', '56.0 MB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size / 1e6:,.1f} MB"
