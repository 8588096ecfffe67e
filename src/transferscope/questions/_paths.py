"""Straight paths between two networks, evaluated and resampled.

What ``barrier``, ``extrapolation``, ``cross_domain`` and ``combined_domains`` share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from ..data.imageset import ImageSet
from ..errors import TooFewError, UsageError
from ..evidence.left_out import LeftOut
from ..models.network import Network
from ..models.solution import Given, Solution, as_solution, letter, pair_kind
from ..numerics.bootstrap import percentile_interval, resampled_means
from ..params import Params, distance, floating
from ..probes.evaluate import Engine, EngineOptions, How
from ..probes.points import Points
from ..probes.remembered import Remembered
from ..progress import Progress, shifted, silent

__all__ = [
    "LEVEL",
    "BarePair",
    "Curve",
    "Joined",
    "Pair",
    "Path",
    "Traced",
    "Tracer",
    "curve_rows",
    "grid",
    "principal",
]

Pair = tuple[Solution, Solution]
BarePair = tuple[Given, Given]

LEVEL = 0.95
"""Of every band over images."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One metric along one path on one image set.

    Attributes:
        images: name of the set.
        metric: ``loss`` (nats), ``error``, ``accuracy`` or ``auc`` (shares of 1).
        n: number of images.
        values: ``(m,)``, one a λ; not finite where the network's output is not.
        low: ``(m,)`` lower ends of the 95 % bootstrap intervals over images, of this network at this λ.
        high: ``(m,)`` upper ends.
    """

    images: str
    metric: str
    n: int
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Path:
    """θ_λ = (1 − λ)θ_a + λθ_b with metrics at every λ.

    Attributes:
        a: label of the network at λ = 0.
        b: label of the network at λ = 1.
        kind: what sort of pair it is, e.g. ``P-T & RI-T``; the labels when roles are not known.
        roles: roles of the two, empty when not known.
        lambdas: ``(m,)``, rising.
        length: ‖θ_b − θ_a‖₂ over the parameters.
        curves: one a set and metric.
        note: what was done to make the pair comparable, empty when nothing.
        unfit: why either is no witness for claims about networks that learned; empty for nothing known against it.
    """

    a: str
    b: str
    kind: str
    roles: tuple[str, str]
    lambdas: np.ndarray
    length: float
    curves: tuple[Curve, ...]
    note: str = ""
    unfit: tuple[str, str] = ("", "")

    def curve(self, images: str, metric: str) -> Curve:
        """Return the curve of a metric on a set.

        Raises:
            UsageError: when there is none.
        """
        for curve in self.curves:
            if (curve.images, curve.metric) == (images, metric):
                return curve
        known = ", ".join(f"{c.metric} on {c.images}" for c in self.curves)
        raise UsageError(f"no curve of {metric!r} on {images!r}; there are: {known}")

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the image sets, in order."""
        return tuple(dict.fromkeys(c.images for c in self.curves))


@dataclass(frozen=True, eq=False)
class Traced:
    """A path with what its statistics are computed from; never stored.

    Attributes:
        path: the path.
        draws: ``(resamples, m)`` bootstrap means by (set, metric); those of one set share the resamples.
        examples: ``(m, n)`` one number an example by (set, metric).
    """

    path: Path
    draws: Mapping[tuple[str, str], Tensor]
    examples: Mapping[tuple[str, str], np.ndarray]


@dataclass(frozen=True, eq=False)
class Joined:
    """Pairs that can be joined by a path, and those that cannot.

    Attributes:
        pairs: the two solutions, the weights at λ = 0 and 1, and a note on what was done to make them fit.
        left_out: pairs with weights that are not finite.
    """

    pairs: tuple[tuple[Pair, Params, Params, str], ...]
    left_out: tuple[LeftOut, ...]

    @classmethod
    def of(cls, net: Network, pairs: Sequence[BarePair]) -> Joined:
        """Check the pairs; bare weights are called A and B, of further pairs C and D, and so on.

        Raises:
            UsageError: when a solution is not of this network, or what is given are no pairs.
        """
        joined, left_out = [], []
        for place, pair in enumerate(pairs):
            if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
                raise UsageError("pairs: expected a list of pairs of networks, such as [(a, b)]")
            first, second = pair
            a = as_solution(first, letter(2 * place), net)
            b = as_solution(second, letter(2 * place + 1), net)
            if broken := _not_finite(a) or _not_finite(b):
                left_out.append(LeftOut(f"{a.label} & {b.label}", broken))
            else:
                joined.append(((a, b), *_with_one_head(net, a, b)))
        return cls(tuple(joined), tuple(left_out))


class Tracer:
    """Evaluates paths between pairs, one after the other.

    Args:
        net: the network of all solutions.
        joined: the pairs.
        sets: image sets by name.
        lambdas: where on each path.
        metrics: as for :class:`~transferscope.probes.evaluate.Engine`.
        resamples: bootstrap resamples.
        seed: of the resamples.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: when there is no pair, or sets or options do not suit the network.
    """

    def __init__(
        self,
        net: Network,
        joined: Joined,
        sets: Mapping[str, ImageSet],
        lambdas: np.ndarray,
        *,
        metrics: Sequence[str] | None = None,
        resamples: int = 1000,
        seed: int = 0,
        **options: Unpack[EngineOptions],
    ) -> None:
        if not joined.pairs:
            raise TooFewError(
                joined.left_out[0].reason if joined.left_out else "no pair of networks to compare; give at least one"
            )
        self._net, self._lambdas, self._resamples, self._seed = net, lambdas, resamples, seed
        self._joined = joined.pairs
        self._engine = Engine(net, sets, metrics=metrics, per_example=True, **options)
        # A network is the end of many paths; of a single one nothing is met again, and no weights need be hashed.
        self._evaluator = Remembered(self._engine) if len(self._joined) > 1 else self._engine

    @property
    def how(self) -> How:
        """How numbers are computed, as of the last path."""
        return self._engine.how

    def paths(self, progress: Progress = silent) -> Iterator[Traced]:
        """Yield every path in the order of the pairs; ``progress`` counts the points of all."""
        m = len(self._lambdas)
        for i, (pair, a, b, note) in enumerate(self._joined):
            yield self._trace(pair, a, b, note, shifted(progress, i * m, len(self._joined) * m))

    def _trace(self, pair: Pair, a: Params, b: Params, note: str, progress: Progress) -> Traced:
        evaluations = self._evaluator.run(Points.line(a, b, self._lambdas), progress)
        curves: list[Curve] = []
        draws: dict[tuple[str, str], Tensor] = {}
        examples: dict[tuple[str, str], np.ndarray] = {}
        m = len(self._lambdas)
        for name, found in evaluations.items():
            rows = torch.from_numpy(np.concatenate(list(found.examples.values())))
            means = resampled_means(rows, seed=self._seed, resamples=self._resamples)
            for k, (metric, values) in enumerate(found.values.items()):
                of_metric = means[:, k * m : (k + 1) * m]
                low, high = _bands(of_metric)
                curves.append(Curve(name, metric, found.n, values, low, high))
                draws[name, metric] = of_metric
                examples[name, metric] = found.examples[metric]
        first, second = pair
        names = [k for k, _ in self._net.module.named_parameters()]
        path = Path(
            first.label, second.label, pair_kind(first, second), (first.role, second.role),
            self._lambdas, distance(a, b, names), tuple(curves), note, (first.unfit, second.unfit),
        )  # fmt: skip
        return Traced(path, draws, examples)


def grid(lambdas: int | Sequence[float] | np.ndarray, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Return the λ of a path in rising order; always with both end points, 0 and 1.

    Args:
        lambdas: how many, evenly from ``low`` to ``high``; or the λ themselves.
        low: the first.
        high: the last.

    Raises:
        UsageError: when there are fewer than three, or one is not finite.

    >>> grid(5), grid([0.5])
    (array([0.  , 0.25, 0.5 , 0.75, 1.  ]), array([0. , 0.5, 1. ]))
    """
    if isinstance(lambdas, int):
        if lambdas < 3:
            raise UsageError(f"lambdas = {lambdas}; expected at least 3 points, such as 21")
        places = np.round(np.linspace(low, high, lambdas), 12)
    else:
        places = np.asarray(lambdas, dtype=np.float64).ravel()
    if not len(places) or not np.isfinite(places).all():
        raise UsageError("lambdas: expected a number of points, such as 21, or finite values of λ")
    return np.union1d(places, [0.0, 1.0]) + 0.0  # no −0


def _bands(draws: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper ends of the interval of every column."""
    found = [percentile_interval(column, LEVEL) for column in draws.T]
    return np.array([i.low for i in found]), np.array([i.high for i in found])


def principal(path: Path, images: str) -> str:
    """Name the metric that claims are judged by: the AUC where there is one, else the error, else what there is.

    The loss has no natural scale, so no threshold for it would mean the same on two data sets.
    """
    metrics = [c.metric for c in path.curves if c.images == images]
    return next((m for m in ("auc", "error", "accuracy") if m in metrics), metrics[0])


def curve_rows(path: Path, **more: object) -> list[dict[str, object]]:
    """Return one row a λ and curve for a table, ``more`` in front."""
    return [
        {**more, "kind": path.kind, "a": path.a, "b": path.b, "images": c.images, "n": c.n, "metric": c.metric,
         "lambda": float(t), "value": float(v), "low": float(low), "high": float(high)}
        for c in path.curves
        for t, v, low, high in zip(path.lambdas, c.values, c.low, c.high, strict=True)
    ]  # fmt: skip


def _not_finite(solution: Solution) -> str:
    """Say which weights are not finite, or nothing."""
    for name, value in floating(solution.params).items():
        if wrong := int((~value.isfinite()).sum()):
            return (
                f"{solution.label}: {name!r} holds {wrong} of {value.numel()} values that are not finite "
                "(a diverged run?); give an earlier checkpoint"
            )
    return ""


def _with_one_head(net: Network, a: Solution, b: Solution) -> tuple[Params, Params, str]:
    """Return the weights of both, all of the network's shapes.

    A pre-trained network has the head of its own classes. Where the head of one of the two does not fit the network,
    the other's head is used for both, and the note says so.
    """
    wanted = {k: v.shape for k, v in net.module.state_dict().items()}
    heads = net.head_tensors()
    fits = [all(k in s.params and s.params[k].shape == wanted[k] for k in heads) for s in (a, b)]
    weights = [dict(a.params), dict(b.params)]
    note = ""
    if fits[0] != fits[1]:
        whole, other = (0, 1) if fits[0] else (1, 0)
        weights[other].update({k: weights[whole][k] for k in heads})
        labels = (a.label, b.label)
        note = f"the head is {labels[whole]}'s all along: {labels[other]}'s does not fit {net.classes} classes"
    for solution, params in zip((a, b), weights, strict=True):
        for name in sorted(wanted.keys() | params.keys()):
            found = f"is {tuple(params[name].shape)}" if name in params else "is missing"
            right = f"{tuple(wanted[name])}" if name in wanted else "no such tensor"
            if found != f"is {right}":
                raise UsageError(
                    f"{solution.label} does not fit {net.name}: {name!r} {found}, expected {right}; "
                    "give checkpoints of one architecture"
                )
    return weights[0], weights[1], note
