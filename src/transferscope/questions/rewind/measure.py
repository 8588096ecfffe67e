"""How much worse does a network get when one module is set back in time?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Unpack

from ...data.imageset import ImageSet
from ...errors import UsageError, nearest
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...evidence.phrases import listed
from ...models.network import Granularity, Network
from ...probes.evaluate import Engine, EngineOptions, How
from ...probes.evaluation import check_options
from ...probes.metrics import default_metrics
from ...progress import Progress, silent
from ...train.run import Run
from .._journeys import Journey, Passage, journeys_of, modules_of
from .._sides import unlearned
from ..result import Result
from .rises import Rewound, measure, principal

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Rewind", "Rewound", "rewind"]


@dataclass(frozen=True, eq=False)
class Rewind(Result):
    """By how much the error rises when one module is set back, or drawn anew, and all others stay as trained.

    How claims are judged: by the increase of the error (1 − AUC where there is an AUC) with the module at the start,
    one number a network; networks are the sample, and images vary, too. The order of modules is one slope over depth
    a network. Of one network a module is called critical when the interval of its increase over images lies above
    ``threshold``; that describes this network and judges no claim.

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
        left_out: what could not be measured, and networks that learned nothing and decide nothing, with the reason.
        how: how the numbers were computed, as of the last module.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "rewind"
    cites: ClassVar[tuple[str, ...]] = ("Neyshabur et al. 2020, §3.4", "Neyshabur et al. 2020, Fig. 5")

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
    left_out: tuple[LeftOut, ...]
    how: How
    witnesses: tuple[Witness, ...] = ()

    def principal(self) -> str:
        """Return the metric by which modules are judged."""
        return principal(self.metrics)

    def place(self, metric: str) -> int:
        """Return where a metric stands in the arrays.

        Raises:
            UsageError: when it was not measured.
        """
        if metric not in self.metrics:
            raise UsageError(f"metric {metric!r} was not measured{nearest(metric, self.metrics)}")
        return self.metrics.index(metric)

    def frame(self) -> pd.DataFrame:
        """Return one row a network, module, time and metric; ``drawn anew`` is the mean over draws.

        ``low`` and ``high`` are the ends of the 95 % interval over images.
        """
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
    runs: Run | Sequence[Passage],
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
    witnesses: Sequence[Witness] = (),
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Rewind:
    """Set each module of trained networks back to earlier weights, and draw it anew (Neyshabur et al. 2020, §3.4,
    Fig. 5).

    Source: Zhang, Bengio & Singer 2019, "Are all layers created equal?".

    Args:
        net: the network of all runs.
        runs: with the same task; P-T beside RI-T, say. Runs that diverged are left out. In the place of a run its
            weights can stand in order of time, by name or not: the start, what was recorded, the trained ones, such
            as ``[(start, end)]``. Where the head of a start is missing or of another size, the head is not set back.
        images: to evaluate on, usually the test set.
        weights: of runs, which trained weights all other modules have: ``best`` or ``final``.
        epochs: of runs, those to go back to besides the start; by default all that was recorded before the trained
            weights.
        modules: ``layer``, ``block``, ``stage``, or names of modules. Running statistics go with their module.
        draws: how often to draw each module anew, as the network's constructor does; 0 for not at all.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default what suits the labels.
        threshold: increase of the error, or of 1 − AUC, up to which a module is not critical.
        resamples: bootstrap resamples over images.
        seed: of the draws and the resamples.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        progress: told the points done, over all modules of all networks.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`; batch norm is ``interpolated`` by default,
            as only one module moves.

    Raises:
        UsageError: for weights of another network, a module that does not exist (the nearest is named), or when runs
            lack the weights that are asked for.

    >>> import numpy as np, torch
    >>> from transferscope.models.network import Input
    >>> module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((1, 1), 1, (0.0,), (1.0,)))
    >>> pixels, labels, ids = np.full((4, 1, 1, 1), 255, np.uint8), np.array([0, 0, 0, 1]), np.array(list("wxyz"))
    >>> white = ImageSet(pixels, labels, ("a", "b"), ids)
    >>> start, end = {"1.weight": torch.tensor([[-1.0], [1.0]])}, {"1.weight": torch.tensor([[1.0], [-1.0]])}
    >>> found = rewind(net, [(start, end)], white, draws=0, metrics=["error"], device="cpu")
    >>> found.networks[0].trained, found.networks[0].increase  # from 1 of 4 wrong to 3 of 4
    (array([0.25]), array([[[0.5]]]))
    """
    check_options(options, rewind)
    if draws < 0:
        raise UsageError(f"draws: {draws}; expected 0 or more")
    if not isinstance(threshold, (int, float)) or not 0 < threshold < 1:
        raise UsageError(f"threshold {threshold!r}: expected a rise of the error between 0 and 1, e.g. 0.02")
    journeys, left_out = journeys_of(net, runs, (weights,))
    if epochs is not None:
        by_label = {run.label: run for run in ((runs,) if isinstance(runs, Run) else runs) if isinstance(run, Run)}
        chosen_epochs = [
            _only(j, by_label[j.label], sorted(set(epochs)), weights) if j.label in by_label else (j, ())
            for j in journeys
        ]
        journeys = tuple(j for j, _ in chosen_epochs)
        left_out = (*left_out, *(o for _, late in chosen_epochs for o in late))
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
        (*left_out, *chosen.left_out, *broken, *unlearned(networks, ())),
        engine.how,
        tuple(witnesses),
    )


def _only(journey: Journey, run: Run, epochs: Sequence[int], weights: str) -> tuple[Journey, tuple[LeftOut, ...]]:
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
    return found, (LeftOut(run.label, reason),) if late else ()
