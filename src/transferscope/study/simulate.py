"""A study on a cluster, on paper: which step runs when and where, and what is waited for.

List scheduling: whenever a place is free, the next step of :class:`~.schedule.Schedule` goes there, as the engines do
it; durations are estimates. No schedule is shorter than the longest way through the steps, or than all work divided
by the places; a list schedule is at most their sum (Graham, "Bounds on Multiprocessing Timing Anomalies", SIAM J.
Appl. Math. 17(2), 1969).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import UsageError
from .graph import Step
from .needs import WITHOUT_GPU
from .schedule import Schedule

__all__ = ["Cluster", "Span", "Timeline", "Wait", "simulate"]


@dataclass(frozen=True)
class Cluster:
    """What computes.

    Attributes:
        nodes: how many machines.
        places: how many steps each computes side by side: its GPUs, or its processors.
        gpus: whether places are GPUs; steps that only read images or files then take none.
        start: seconds until a process is ready.
        each: whether every step has a process of its own, as on GPUs, or one a place does them all.
    """

    nodes: int
    places: int
    gpus: bool = False
    start: float = 0.0
    each: bool = False

    def __post_init__(self) -> None:
        if self.nodes < 1 or self.places < 1:
            raise UsageError(f"a cluster has 1 node and 1 place at least, got {self.nodes} and {self.places}")


@dataclass(frozen=True)
class Span:
    """When a step runs.

    Attributes:
        step: which.
        node: on which node, from 0.
        begin: seconds from the start.
        end: seconds from the start.
        placed: whether it takes a place.
    """

    step: Step
    node: int
    begin: float
    end: float
    placed: bool


@dataclass(frozen=True)
class Wait:
    """Places that have nothing to do because a step has not ended.

    Attributes:
        step: what is waited for: of all that run then, that with the most work behind it.
        seconds: how long.
        idle: places that are idle, times seconds.
    """

    step: Step
    seconds: float
    idle: float


@dataclass(frozen=True)
class Timeline:
    """A schedule.

    Attributes:
        cluster: what computes.
        spans: all steps in the order of their beginnings.
        waits: by step, most idle places first.
        longest: the longest way through the steps, the seconds of which no number of places makes less.
        way: seconds of that way.
    """

    cluster: Cluster
    spans: tuple[Span, ...]
    waits: tuple[Wait, ...]
    longest: tuple[Step, ...]
    way: float

    @property
    def seconds(self) -> float:
        """From beginning to end."""
        return max((span.end for span in self.spans), default=0.0)

    @property
    def held(self) -> float:
        """Places times seconds from beginning to end: what is paid."""
        return self.seconds * self.cluster.nodes * self.cluster.places

    @property
    def busy(self) -> float:
        """Share of the held that computes, 0 to 1."""
        used = sum(span.end - span.begin for span in self.spans if span.placed)
        return used / self.held if self.held else 1.0


def simulate(
    steps: Sequence[Step], seconds: Mapping[str, float], cluster: Cluster, images: Mapping[str, float] | None = None
) -> Timeline:
    """Lay out steps on a cluster.

    Args:
        steps: each after its inputs.
        seconds: of each step, by digest.
        cluster: what computes.
        images: seconds that decoding takes on a node that has not yet done so, by digest of the ``data`` step; each
            node has a cache of its own.

    >>> data = Step("data", "photo", {})
    >>> runs = [Step("train", f"run {i}", {"seed": i}, {"images": data}) for i in range(3)]
    >>> found = simulate([data, *runs], {s.digest: 10.0 for s in (data, *runs)}, Cluster(1, 2))
    >>> found.seconds, found.way, found.busy
    (30.0, 20.0, 0.6666666666666666)
    >>> [(wait.step.name, wait.seconds, wait.idle) for wait in found.waits]
    [('photo', 10.0, 10.0), ('run 2', 10.0, 10.0)]
    """
    decoding = images or {}
    schedule = Schedule(steps, cluster.nodes * cluster.places)
    free, decoded = [cluster.places] * cluster.nodes, [set[str]() for _ in range(cluster.nodes)]
    cold = [cluster.places] * cluster.nodes  # places whose process is still to be started
    running: list[tuple[float, int, Span]] = []
    spans: list[Span] = []
    behind = _behind(steps, seconds)
    waits: dict[str, Wait] = {}
    held: Step | None = None
    now = 0.0
    while True:
        while (step := held or schedule.take()) is not None:
            placed = not (cluster.gpus and step.kind in WITHOUT_GPU)
            held = step if placed and not any(free) else None
            if held is not None:
                break
            used = _images_of(step)
            extra = [sum(decoding.get(d, 0.0) for d in used - there) for there in decoded]
            node = min(
                (n for n in range(cluster.nodes) if free[n] or not placed), key=lambda n: (extra[n], -free[n], n)
            )
            start = 0.0
            if placed:
                free[node] -= 1
                if cluster.each or cold[node]:
                    start, cold[node] = cluster.start, max(0, cold[node] - 1)
            more = 0.0 if step.kind == "data" else extra[node]
            decoded[node] |= used
            span = Span(step, node, now, now + start + more + seconds[step.digest], placed)
            spans.append(span)
            heapq.heappush(running, (span.end, len(spans), span))
        if not running:
            break
        then, _, ended = heapq.heappop(running)
        if (idle := sum(free)) and then > now:
            _waited(waits, (ended, *(span for _, _, span in running)), behind, then - now, idle)
        now = then
        free[ended.node] += ended.placed
        schedule.finish(ended.step, reused=False)
    order = sorted(waits.values(), key=lambda wait: -wait.idle)
    longest = _longest(steps, behind)
    way = behind[longest[0].digest] if longest else 0.0
    return Timeline(cluster, tuple(spans), tuple(order), longest, way)


def _waited(
    waits: dict[str, Wait], running: Iterable[Span], behind: Mapping[str, float], seconds: float, idle: int
) -> None:
    step = max((span.step for span in running), key=lambda s: behind[s.digest])
    before = waits.get(step.digest, Wait(step, 0.0, 0.0))
    waits[step.digest] = Wait(step, before.seconds + seconds, before.idle + idle * seconds)


def _images_of(step: Step) -> set[str]:
    """Return digests of the images that a step reads; of a union, those of its parts."""
    found = set[str]()
    for one in (step, *step.inputs.values()):
        if one.kind == "data":
            found |= {part.digest for part in one.inputs.values()} or {one.digest}
    return found


def _behind(steps: Sequence[Step], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of the longest way from each step's beginning to the end."""
    after = {s.digest: 0.0 for s in steps}
    for step in reversed(steps):
        for needed in step.inputs.values():
            if needed.digest in after:
                after[needed.digest] = max(after[needed.digest], after[step.digest] + seconds[step.digest])
    return {s.digest: after[s.digest] + seconds[s.digest] for s in steps}


def _longest(steps: Sequence[Step], behind: Mapping[str, float]) -> tuple[Step, ...]:
    after: dict[str, list[Step]] = {s.digest: [] for s in steps}
    for step in steps:
        for needed in step.inputs.values():
            if needed.digest in after:
                after[needed.digest].append(step)
    way: list[Step] = []
    ahead = list(steps)
    while ahead:
        way.append(max(ahead, key=lambda s: behind[s.digest]))
        ahead = after[way[-1].digest]
    return tuple(way)
