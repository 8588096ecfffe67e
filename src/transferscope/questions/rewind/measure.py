"""How much worse does a network get when one module is set back in time?  Row F13."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Unpack

from torch import Tensor

from ...data.imageset import ImageSet
from ...errors import UsageError, nearest
from ...models.network import Granularity, Network
from ...models.solution import Solution, Weights
from ...probes.evaluate import Engine, EngineOptions, How
from ...probes.metrics import default_metrics
from ...progress import Progress, silent
from ...train.run import Run
from .._journeys import Journey, Omission, journeys_of, modules_of
from .._phrases import listed
from ..result import Result
from .rises import Rewound, measure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Rewind", "Rewound", "rewind", "rewind_of"]


@dataclass(frozen=True, eq=False)
class Rewind(Result):
    """By how much the error rises when one module is set back, or drawn anew, and all others stay as trained.

    How claims are judged: by the increase of the error (1 − AUC where there is an AUC). A module is critical when the
    95 % interval of its increase lies above ``threshold``, and is not when it ends at or below it; with several
    networks of one role the interval is the hull of theirs. An order of modules is judged by Kendall's τ at p < 0.05.

    Attributes:
        networks: one a trained network.
        modules: names of the modules in forward order.
        first: the one with the network's first layer, empty when it is not among them.
        head: the one with the final classifier, empty when it is not among them.
        images: name of the image set.
        n: number of images.
        metrics: that were measured, all as errors.
        threshold: increase up to which a module is not critical.
        draws: how often each module was drawn anew.
        resamples: bootstrap resamples of every interval.
        left_out: what could not be measured, and why.
        how: how the numbers were computed, as of the last module.
    """

    question: ClassVar[str] = "rewind"
    cites: ClassVar[tuple[str, ...]] = ("F13", "000 §3.4", "000 Fig. 5")

    networks: tuple[Rewound, ...]
    modules: tuple[str, ...]
    first: str
    head: str
    images: str
    n: int
    metrics: tuple[str, ...]
    threshold: float
    draws: int
    resamples: int
    left_out: tuple[Omission, ...]
    how: How

    def principal(self) -> str:
        """Return the metric by which modules are judged."""
        return next((m for m in ("auc", "error", "accuracy") if m in self.metrics), self.metrics[0])

    def place(self, metric: str) -> int:
        """Return where a metric stands in the arrays.

        Raises:
            UsageError: when it was not measured.
        """
        if metric not in self.metrics:
            raise UsageError(f"metric {metric!r} was not measured{nearest(metric, self.metrics)}")
        return self.metrics.index(metric)

    def frame(self) -> pd.DataFrame:
        """Return one row a network, module, time and metric; ``drawn anew`` is the mean over draws."""
        import pandas as pd

        rows = []
        for one in self.networks:
            for i, module in enumerate(one.modules):
                for m, metric in enumerate(self.metrics):
                    told = [
                        (time, one.increase[m, i, t], one.low[m, i, t], one.high[m, i, t])
                        for t, time in enumerate(one.times)
                    ]
                    if one.drawn.shape[2]:
                        drawn = one.drawn[m, i].mean()
                        told.append(("drawn anew", drawn, one.drawn_low[m, i], one.drawn_high[m, i]))
                    rows += [
                        {
                            "network": one.network,
                            "role": one.role,
                            "module": module,
                            "time": time,
                            "metric": metric,
                            "trained": one.trained[m],
                            "increase": value,
                            "low": low,
                            "high": high,
                            "n": self.n,
                        }
                        for time, value, low, high in told
                    ]
        return pd.DataFrame(rows)


def rewind(
    net: Network,
    start: Solution | Mapping[str, Tensor],
    end: Solution | Mapping[str, Tensor],
    images: ImageSet,
    *,
    recorded: Weights = (),
    modules: Granularity | Sequence[str] = "block",
    draws: int = 3,
    metrics: Sequence[str] | None = None,
    threshold: float = 0.02,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Rewind:
    """Set each module of a trained network back to earlier weights, and draw it anew (F13; 000 §3.4, Fig. 5).

    Source: Zhang, Bengio & Singer 2019, "Are all layers created equal?".

    Args:
        net: the network.
        start: θ⁰. Where its head is missing or of another size, the head is not set back.
        end: the trained weights.
        images: to evaluate on, usually the test set.
        recorded: weights kept during training, in order of time, by name or numbered from 1.
        modules: ``layer``, ``block``, ``stage``, or names of modules. Running statistics go with their module.
        draws: how often to draw each module anew, as the network's constructor does; 0 for not at all.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default what suits the labels.
        threshold: increase of the error, or of 1 − AUC, up to which a module is not critical.
        resamples: bootstrap resamples over images.
        seed: of the draws and the resamples.
        progress: told the points done, over all modules.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`; batch norm is ``interpolated`` by default,
            as only one module moves.

    Raises:
        UsageError: for weights of another network, or a module that does not exist (the nearest is named).

    >>> import numpy as np, torch
    >>> from transferscope.models.network import Input
    >>> module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((1, 1), 1, (0.0,), (1.0,)))
    >>> pixels, labels, ids = np.full((4, 1, 1, 1), 255, np.uint8), np.array([0, 0, 0, 1]), np.array(list("wxyz"))
    >>> white = ImageSet(pixels, labels, ("a", "b"), ids)
    >>> start, end = {"1.weight": torch.tensor([[-1.0], [1.0]])}, {"1.weight": torch.tensor([[1.0], [-1.0]])}
    >>> found = rewind(net, start, end, white, draws=0, metrics=["error"], device="cpu")
    >>> found.networks[0].trained, found.networks[0].increase  # from 1 of 4 wrong to 3 of 4
    (array([0.25]), array([[[0.5]]]))
    """
    journey = Journey.between(net, start, end, recorded)
    return _rewind(
        net, (journey,), images, (), modules, draws, metrics, threshold, resamples, seed, progress, options
    )  # fmt: skip


def rewind_of(
    net: Network,
    runs: Run | Sequence[Run],
    images: ImageSet,
    *,
    weights: str = "best",
    epochs: Sequence[int] | None = None,
    modules: Granularity | Sequence[str] = "block",
    draws: int = 3,
    metrics: Sequence[str] | None = None,
    threshold: float = 0.02,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Rewind:
    """Set the modules of training runs back to what the runs recorded, as :func:`rewind` does.

    Args:
        net: the network of all runs.
        runs: with the same task; P-T beside RI-T, say. Runs that diverged are left out.
        images: to evaluate on, usually the test set.
        weights: which trained weights all other modules have: ``best`` or ``final``.
        epochs: those to go back to besides the start; by default all that was recorded before the trained weights.
        modules: as for :func:`rewind`.
        draws: as for :func:`rewind`.
        metrics: as for :func:`rewind`.
        threshold: as for :func:`rewind`.
        resamples: as for :func:`rewind`.
        seed: as for :func:`rewind`.
        progress: told the points done, over all modules of all runs.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: as for :func:`rewind`, or when runs lack the weights that are asked for.
    """
    journeys, left_out = journeys_of(net, runs, (weights,))
    if epochs is not None:
        by_label = {run.label: run for run in ((runs,) if isinstance(runs, Run) else runs)}
        chosen = [_only(journey, by_label[journey.label], sorted(set(epochs)), weights) for journey in journeys]
        journeys, left_out = tuple(j for j, _ in chosen), (*left_out, *(o for _, late in chosen for o in late))
    return _rewind(
        net, journeys, images, left_out, modules, draws, metrics, threshold, resamples, seed, progress, options
    )  # fmt: skip


def _only(journey: Journey, run: Run, epochs: Sequence[int], weights: str) -> tuple[Journey, tuple[Omission, ...]]:
    """Keep some recorded epochs, and name those that are not before the trained weights."""
    tags = {epoch: f"epoch {epoch}" for epoch in epochs if epoch}
    for epoch, tag in tags.items():
        if tag not in run.snapshots:
            there = [t.removeprefix("epoch ") for t in run.snapshots if t.startswith("epoch ")]
            raise UsageError(
                f"{run.label} on {run.target} kept no weights of epoch {epoch}, but of {listed(there)}; "
                f"record it, e.g. record.epochs: {list(epochs)}"
            )
    before = journey.before(weights)
    kept = {tag: before[tag] for tag in tags.values() if tag in before}
    late = [tag for tag in tags.values() if tag not in before]
    reason = f"{listed(late)} did not come before its {weights} weights and is left out"
    found = replace(journey, recorded=kept, until={weights: len(kept)})
    return found, (Omission(run.label, reason),) if late else ()


def _rewind(
    net: Network,
    journeys: Sequence[Journey],
    images: ImageSet,
    left_out: Sequence[Omission],
    modules: Granularity | Sequence[str],
    draws: int,
    metrics: Sequence[str] | None,
    threshold: float,
    resamples: int,
    seed: int,
    progress: Progress,
    options: EngineOptions,
) -> Rewind:
    if draws < 0:
        raise UsageError(f"draws: {draws}; expected 0 or more")
    chosen = modules_of(net, modules)
    if options.get("norm") is None:
        options["norm"] = "interpolated"
    asked = default_metrics(images.multilabel) if metrics is None else metrics
    engine = Engine(net, {"images": images}, metrics=asked, per_example=True, **options)
    networks, names, drawn, broken = measure(net, engine, journeys, chosen.moving, draws, resamples, seed, progress)
    return Rewind(
        networks,
        tuple(m.name for m in chosen.moving),
        chosen.first,
        chosen.head,
        images.name,
        len(images),
        names,
        threshold,
        drawn,
        resamples,
        (*left_out, *chosen.left_out, *broken),
        engine.how,
    )
