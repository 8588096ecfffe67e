"""Which of some networks to take, or their average, or their ensemble?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Unpack

import numpy as np
import torch
from torch import Tensor

from ...data.imageset import ImageSet
from ...errors import UsageError
from ...evidence.contrast import contrast, mean
from ...evidence.estimate import Estimate
from ...evidence.guard import chance_of
from ...evidence.left_out import LeftOut
from ...evidence.which import Decision, Standing, choose, standing
from ...models.network import Network
from ...models.solution import Solution, Solutions
from ...numerics.averaging import Mean
from ...params import floating
from ...probes.evaluation import EngineOptions, How, check_options
from ...probes.metrics import Contributions
from ...probes.outputs import Outputs
from ...progress import Progress, silent
from .._members import as_solutions
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AVERAGE", "ENSEMBLE", "Which", "which"]

AVERAGE, ENSEMBLE = "average of all", "ensemble of all"
_ANEW = "statistics of batch norm collected anew"


@dataclass(frozen=True, eq=False)
class Which(Result):
    """How good some networks are as they were saved, their average and their ensemble, image by image.

    Attributes:
        target: the task; empty for files.
        metric: ``accuracy``, or ``auc`` for multi-label.
        images: name of the image set.
        networks: labels of the networks.
        outcomes: ``(networks, n)``, what each image adds to the metric of each as saved.
        anew: the same with statistics of batch norm collected anew; ``(0, n)`` without batch norm.
        average: ``(n,)``, the same of the network with the mean of all weights; ``(0,)`` of a single network.
        ensemble: ``(n,)``, the same of the mean of all logits; ``(0,)`` of a single network.
        chance: what always naming the most frequent class reaches; 0.5 of an AUC.
        threshold: a change by statistics collected anew that is said.
        how: how the numbers were computed.
        left_out: networks that give no numbers.
    """

    question: ClassVar[str] = "which"
    cites: ClassVar[tuple[str, ...]] = ()

    target: str
    metric: Literal["accuracy", "auc"]
    images: str
    networks: tuple[str, ...]
    outcomes: np.ndarray
    anew: np.ndarray
    average: np.ndarray
    ensemble: np.ndarray
    chance: float
    threshold: float
    how: How
    left_out: tuple[LeftOut, ...] = ()

    @property
    def n(self) -> int:
        """Number of images."""
        return int(self.outcomes.shape[1])

    def decision(self) -> Decision:
        """Return what to take."""
        several = len(self.networks) > 1
        return choose(
            self.outcomes,
            average=self.average if several else None,
            ensemble=self.ensemble if several else None,
        )

    def metric_of(self, name: str) -> Estimate:
        """Return the metric of a network as saved, of the average or of the ensemble, with its interval over images.

        Raises:
            UsageError: when there is nothing of this name.
        """
        row = self._row(name)
        return mean([row.mean()], row[None])

    def moved(self, name: str) -> Estimate | None:
        """Return by how much the metric of a network changes when statistics of batch norm are collected anew."""
        if not len(self.anew):
            return None
        at = self.networks.index(name)
        a, b = (np.asarray(rows[at], np.float64) for rows in (self.anew, self.outcomes))
        return contrast([a.mean()], [b.mean()], (a[None], b[None]))

    def standings(self) -> tuple[Standing, ...]:
        """Return the networks as saved, the best first, then their average and ensemble, held against the best.

        The best is the one with the highest metric on these images, which flatters it a little; the decision
        corrects for that, this table describes.
        """
        order = sorted(range(len(self.networks)), key=lambda i: (-self.outcomes[i].mean(), i))
        best = self._row(self.networks[order[0]])
        lines = [
            standing(self.networks[i], self._row(self.networks[i]), None if place == 0 else best)
            for place, i in enumerate(order)
        ]
        if len(self.networks) > 1:
            note = _ANEW if len(self.anew) else ""
            lines.append(standing(AVERAGE, self._row(AVERAGE), best, note))
            lines.append(standing(ENSEMBLE, self._row(ENSEMBLE), best, f"{len(self.networks)} networks an answer"))
        return tuple(lines)

    @property
    def stands_for(self) -> str:
        """What the numbers of the standings are."""
        return f"{'AUC' if self.metric == 'auc' else 'accuracy'} on {self.images}"

    def frame(self) -> pd.DataFrame:
        """Return one row a network, then the average and the ensemble: metric, difference to the best, p."""
        import pandas as pd

        rows = []
        for line in self.standings():
            less = line.less
            moved = self.moved(line.name) if line.name in self.networks else None
            rows.append(
                {"name": line.name, self.metric: line.metric.value, "low": _number(line.metric.low),
                 "high": _number(line.metric.high), "over_best": 0.0 if less is None else less.value,
                 "over_best_low": _number(None if less is None else less.low),
                 "over_best_high": _number(None if less is None else less.high), "p": _number(line.p),
                 "statistics_anew": math.nan if moved is None else line.metric.value + moved.value}
            )  # fmt: skip
        return pd.DataFrame(rows)

    def _row(self, name: str) -> np.ndarray:
        if name in self.networks:
            found = self.outcomes[self.networks.index(name)]
        elif name in (AVERAGE, ENSEMBLE) and len(self.networks) > 1:
            found = self.average if name == AVERAGE else self.ensemble
        else:
            raise UsageError(f"nothing is called {name!r}; there are {', '.join(self.networks)}")
        return np.asarray(found, np.float64)


def which(
    net: Network,
    solutions: Solutions,
    images: ImageSet,
    *,
    train: ImageSet | None = None,
    threshold: float = 0.02,
    target: str = "",
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Which:
    """Say which of some networks to take, or their average, or their ensemble.

    Each network is looked at as it was saved. The average has the mean of all weights, its statistics of batch norm
    collected anew; the ensemble answers with the mean of all logits.

    Args:
        net: the network of all.
        solutions: one or more; plain weights are called A, B, C, ….
        images: labelled images that no network was trained or chosen on.
        train: images on which statistics of batch norm are collected anew, unless ``recalibrate_on`` names others.
        threshold: a change of the metric by statistics collected anew from which on it is said.
        target: name of the task.
        progress: told after every network.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`; norm ``interpolated`` averages statistics.

    Raises:
        UsageError: when no network gives numbers, solutions are not of this network, or an option is unknown.

    >>> from torch import nn
    >>> from transferscope.models.network import Input
    >>> module = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((1, 2), 1, (0.0,), (1.0,)))
    >>> pixels = np.array([[255, 0], [0, 255], [255, 1], [1, 255]], np.uint8).reshape(4, 1, 2, 1)
    >>> images = ImageSet(pixels, np.array([0, 1, 0, 1]), ("a", "b"), np.array(list("wxyz")))
    >>> a, b = ({"1.weight": torch.tensor(w)} for w in ([[2.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 2.0]]))
    >>> found = which(net, [a, b], images, device="cpu")
    >>> [found.metric_of(name).value for name in ("A", "B", "average of all", "ensemble of all")]
    [0.5, 0.5, 1.0, 1.0]
    """
    check_options(options, which)
    given = as_solutions(solutions, 1, net)
    if train is not None and options.get("recalibrate_on") is None:
        options["recalibrate_on"] = train
    looked = _Looked(net, images, **options)
    left: list[LeftOut] = []
    names, saved, anew = list[str](), list[np.ndarray](), list[np.ndarray]()
    weights, total = Mean(), torch.zeros(len(images), net.classes, dtype=torch.float64)
    for done, one in enumerate(given):
        row, logits = looked.at(one, as_saved=True)
        finite = all(bool(v.isfinite().all()) for v in floating(one.params).values())
        if not finite or not np.isfinite(row).all():
            left.append(LeftOut(one.label, "holds values that are not finite" if not finite else _NO_NUMBERS))
            continue
        names.append(one.label)
        saved.append(row)
        if looked.outputs.recalibrates:
            anew.append(looked.at(one)[0])
        if len(given) > 1:
            weights.add(one.params)
            total += logits
        progress(done + 1, len(given) + 1, "networks")
    if not names:
        raise UsageError(f"no network gives numbers: {'; '.join(one.text for one in left)}")
    average = ensemble = np.zeros(0)
    if len(names) > 1:
        average, _ = looked.at(Solution(AVERAGE, weights.value()))
        ensemble = looked.row(total / len(names))
    progress(len(given) + 1, len(given) + 1, "networks")
    return Which(
        target=target,
        metric="auc" if images.multilabel else "accuracy",
        images=images.name,
        networks=tuple(names),
        outcomes=_small(np.stack(saved)),
        anew=_small(np.stack(anew)) if anew else np.zeros((0, len(images))),
        average=_small(average),
        ensemble=_small(ensemble),
        chance=chance_of(images),
        threshold=threshold,
        how=looked.outputs.how,
        left_out=tuple(left),
    )


_NO_NUMBERS = "gives answers that are not finite"


class _Looked:
    """Evaluates weights on one set of images."""

    def __init__(self, net: Network, images: ImageSet, **options: Unpack[EngineOptions]) -> None:
        self.outputs = Outputs(net, {images.name: images}, **options)
        self._metric: Literal["accuracy", "auc"] = "auc" if images.multilabel else "accuracy"
        labels = np.asarray(images.labels)
        self._told = Contributions(
            torch.from_numpy(labels.astype(np.float32) if images.multilabel else labels.astype(np.int64))
        )

    def at(self, one: Solution, *, as_saved: bool = False) -> tuple[np.ndarray, Tensor]:
        """Return what each image adds to the metric, nan where an answer is no number, and the logits."""
        (logits,) = self.outputs.of(one.params, as_saved=as_saved).values()
        return self.row(logits), logits

    def row(self, logits: Tensor) -> np.ndarray:
        """Return what each image adds to the metric."""
        if not bool(logits.isfinite().all()):
            return np.full(len(logits), np.nan)
        found: np.ndarray = self._told(self._metric, logits).to(torch.float64).numpy()
        return found


def _small(rows: np.ndarray) -> np.ndarray:
    """As small as they can be stored."""
    return rows.astype(np.uint8) if np.isin(rows, (0, 1)).all() else rows


def _number(end: float | None) -> float:
    return math.nan if end is None else end
