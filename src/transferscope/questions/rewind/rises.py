"""Modules set back in time, measured: one module of one network after the other, all its times at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch

from ...errors import ModelError, UsageError
from ...evidence.left_out import LeftOut
from ...evidence.phrases import listed
from ...models.build import initialise
from ...models.network import Network
from ...numerics.bootstrap import percentile_interval, resampled_means
from ...params import Params
from ...probes.evaluate import Engine, Evaluation
from ...probes.metrics import as_error
from ...probes.points import Points
from ...progress import Progress, shifted
from ...rng import seed_of
from .._journeys import Journey, Moving

__all__ = ["LEVEL", "Rewound", "measure", "principal"]

LEVEL = 0.95
"""Of every interval."""


@dataclass(frozen=True, eq=False)
class Rewound:
    """One network, each of whose modules was set back in turn.

    Every metric is turned so that larger is worse (1 − accuracy, 1 − AUC); an increase is over the trained network on
    the same images. Not finite where the weights or the network's output are not.

    Attributes:
        network: label.
        role: ``P-T``, ``RI-T`` or empty.
        group: the same for networks trained from one and the same start.
        modules: names of the modules, in forward order.
        times: when the weights are from: ``start``, then what was recorded, in order.
        trained: ``(metrics,)`` of the trained network.
        increase: ``(metrics, modules, times)``.
        low: lower ends of the 95 % bootstrap intervals over images, paired, of ``increase``.
        high: upper ends.
        drawn: ``(metrics, modules, draws)`` increase with the module drawn anew.
        drawn_low: ``(metrics, modules)`` lower ends of the intervals of its mean over draws.
        drawn_high: upper ends.
        plans: how each module was evaluated.
        examples: ``(modules, images)``, by how much each image adds to the increase at the start, in the metric that
            modules are judged by: −1, 0 or 1 of an error, as int8; float32 of others; empty where it was not kept.
        unfit: why it is no witness for claims about networks that learned; empty for nothing known against it.
    """

    network: str
    role: str
    group: str
    modules: tuple[str, ...]
    times: tuple[str, ...]
    trained: np.ndarray
    increase: np.ndarray
    low: np.ndarray
    high: np.ndarray
    drawn: np.ndarray
    drawn_low: np.ndarray
    drawn_high: np.ndarray
    plans: tuple[str, ...]
    examples: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int8))
    unfit: str = ""

    @property
    def label(self) -> str:
        """Name of the network."""
        return self.network


def principal(metrics: Sequence[str]) -> str:
    """Return the metric by which modules are judged.

    >>> principal(["loss", "error"])
    'error'
    """
    return next((m for m in ("auc", "error", "accuracy") if m in metrics), metrics[0])


def measure(
    net: Network,
    engine: Engine,
    journeys: Sequence[Journey],
    moving: Sequence[Moving],
    draws: int,
    resamples: int,
    seed: int,
    progress: Progress,
) -> tuple[tuple[Rewound, ...], tuple[str, ...], int, tuple[LeftOut, ...]]:
    """Evaluate every module of every network; ``rewind`` says what the arguments are.

    Returns:
        Networks, metrics, how often modules were drawn anew, and what was left out.
    """
    left_out: list[LeftOut] = []
    try:
        fresh = [initialise(net, seed_of("rewind", seed, r)) for r in range(draws)]
    except ModelError as e:
        fresh = []
        left_out.append(LeftOut("drawn anew", str(e).removeprefix(f"{net.name}: ")))
    total = sum(len(moving) * (2 + len(j.recorded) + len(fresh)) for j in journeys)
    networks: list[Rewound] = []
    names: tuple[str, ...] = ()
    done = 0
    for journey in journeys:
        free = [m for m in moving if not journey.fixed & set(m.parameters)]
        if not free:
            raise UsageError(
                f"{journey.label}: the start has no such head as {moving[0].name!r}; name another module"
            )
        left_out += [
            LeftOut(f"{journey.label}, {m.name}", "the start has no such head, so it cannot be set back to it")
            for m in moving
            if m not in free
        ]
        weights = [journey.start, *journey.recorded.values(), *fresh]
        times = ("start", *journey.recorded)
        tables: list[list[_Increase]] = []
        plans: list[str] = []
        trained: list[float] = []
        each: list[np.ndarray] = []
        for module in free:
            parts = [_moved(journey.trained, w, module) for w in weights]
            finite = np.array([all(bool(v.isfinite().all()) for v in part.values()) for part in parts])
            if not finite.all():
                bad = [time for time, ok in zip(times, finite, strict=False) if not ok]
                what = f"the weights are not finite at {listed(bad)}, so nothing was measured there"
                left_out.append(LeftOut(f"{journey.label}, {module.name}", what))
            used = [part for part, ok in zip(parts, finite, strict=True) if ok]
            steps = np.concatenate([np.zeros((1, len(used))), np.eye(len(used))])
            points = Points.moved(journey.trained, used, steps)
            found = engine.run(points, shifted(progress, done, total))["images"]
            names = tuple(found.values)
            tables.append([_increase(found, name, finite, len(times), resamples, seed) for name in names])
            plans.append(found.how.plan)
            each.append(_at_start(found, principal(names), bool(finite[0])))
            trained = trained or [float(as_error(name, found.values[name][0])) for name in names]
            done += len(weights) + 1
            progress(done, total, "points")
        increase, low, high, drawn, drawn_low, drawn_high = _columns(tables, len(names))
        networks.append(
            Rewound(
                journey.label,
                journey.role,
                journey.group,
                tuple(m.name for m in free),
                times,
                np.array(trained),
                increase,
                low,
                high,
                drawn,
                drawn_low,
                drawn_high,
                tuple(plans),
                np.stack(each) if len({e.dtype for e in each}) == 1 else np.stack(each).astype(np.float32),
                journey.unfit,
            )
        )
    return tuple(networks), names, len(fresh), tuple(left_out)


def _columns(tables: Sequence[Sequence[_Increase]], metrics: int) -> tuple[np.ndarray, ...]:
    """Gather what :func:`_increase` says of each module and metric, ``(metrics, modules, …)`` each."""
    return tuple(np.array([[table[m][k] for table in tables] for m in range(metrics)]) for k in range(6))


_Increase: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float, float]


def _moved(origin: Params, weights: Params, module: Moving) -> Params:
    double = torch.float64
    return {k: weights[k].to(double) - origin[k].to(double) for k in module.tensors}


def _at_start(found: Evaluation, metric: str, finite: bool) -> np.ndarray:
    """By how much each image adds to the increase with the module at the start; the first point is as trained."""
    if not finite:
        return np.full(found.n, np.nan, np.float32)
    each = as_error(metric, found.examples[metric][:2]).astype(np.float64)
    rise: np.ndarray = each[1] - each[0]
    whole = bool(np.isin(rise, (-1.0, 0.0, 1.0)).all())
    return rise.astype(np.int8 if whole else np.float32)


def _increase(found: Evaluation, metric: str, finite: np.ndarray, times: int, resamples: int, seed: int) -> _Increase:
    """Increase at each time with its interval, at each draw, and the interval of the mean over draws."""
    value, each = (as_error(metric, x[metric]).astype(np.float64) for x in (found.values, found.examples))
    rise = np.full(len(finite), np.nan)
    rise[finite] = value[1:] - value[0]
    paired = np.full((len(finite), found.n), np.nan)
    paired[finite] = each[1:] - each[0]
    means = resampled_means(torch.from_numpy(paired), seed=seed, resamples=resamples)
    ends = [percentile_interval(means[:, t], LEVEL) for t in range(times)]
    low, high = np.nan, np.nan
    if len(finite) > times:
        drawn = percentile_interval(means[:, times:].mean(1), LEVEL)
        low, high = drawn.low, drawn.high
    return rise[:times], np.array([e.low for e in ends]), np.array([e.high for e in ends]), rise[times:], low, high
