"""How much noise does a module take on its way from its first to its last weights?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Unpack, get_args

import numpy as np

from ...data.imageset import ImageSet
from ...errors import UsageError, nearest
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.network import Granularity, Network
from ...probes.evaluate import EngineOptions, How
from ...probes.evaluation import check_options
from ...progress import Progress, silent
from ...train.run import Run
from .._journeys import Journey, Passage, journeys_of, modules_of
from .._sides import unlearned
from ..result import Result
from .grid import Grid, Noise, PathKind
from .valleys import Judge, Limit, Subject, Valley, measure, spread_of_sum

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SIGMAS", "Criticality", "Subject", "Valley", "criticality"]

SIGMAS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Noise of each weight, as a share of the root mean square of the module's weights."""


@dataclass(frozen=True, eq=False)
class Criticality(Result):
    """Metrics of networks one module of which is on its way from start to end, with noise, and μ_i of each module.

    How claims are judged: on the direct path to the first end (a transition on every path to it), one number a
    network, and networks are the sample: the slope of log μ_i over depth, both as defined and over the number of
    parameters; the share of cells within ε and the share of modules with a transition, means over modules;
    Spearman's ρ over cells. Modules and cells of one network are not independent and are never counted as a sample.

    Attributes:
        networks: the trained networks.
        valleys: one a network, module and path.
        modules: names of the modules in forward order.
        head: the one that holds the final classifier, empty when none does.
        parts: ``train``, on which ε is judged, and ``test`` when it was given.
        images: names of these image sets.
        n: their numbers of images.
        metrics: that were measured.
        judge: the metric that must stay within ε.
        noise: ``relative`` (σ times the root mean square of the module's trained weights) or ``absolute``.
        draws: of the noise.
        left_out: what could not be measured, and networks that learned nothing and decide nothing, with the reason.
        how: how the numbers were computed, as of the last module; each valley has its own plan.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "criticality"
    cites: ClassVar[tuple[str, ...]] = (
        "Neyshabur et al. 2020, §3.4",
        "Neyshabur et al. 2020, Def. 3.2",
        "Neyshabur et al. 2020, Fig. 6",
        "Neyshabur et al. 2020, B.9",
        "Neyshabur et al. 2020, Fig. 30",
    )

    networks: tuple[Subject, ...]
    valleys: tuple[Valley, ...]
    modules: tuple[str, ...]
    head: str
    parts: tuple[str, ...]
    images: tuple[str, ...]
    n: tuple[int, ...]
    metrics: tuple[str, ...]
    judge: Judge
    noise: Noise
    draws: int
    left_out: tuple[LeftOut, ...]
    how: How
    witnesses: tuple[Witness, ...] = ()

    def valley(self, network: str, module: str, path: PathKind = "direct", end: str | None = None) -> Valley:
        """Return one path of one module of one network, to its first end unless another is named.

        Raises:
            UsageError: when there is none.
        """
        known = {(v.network, v.module, v.path, v.end): v for v in reversed(self.valleys)}
        for key, valley in reversed(known.items()):
            if key[:3] == (network, module, path) and end in (None, key[3]):
                return valley
        for what, given, there in (
            ("network", network, [v.network for v in self.valleys]),
            ("module", module, [v.module for v in self.valleys]),
        ):
            if given not in there:
                raise UsageError(f"no {what} {given!r} was measured{nearest(given, there)}")
        told = sorted({f"{v.path} to {v.end}" for v in self.valleys if (v.network, v.module) == (network, module)})
        raise UsageError(f"{network}, {module}: no path {path!r} to {end or 'any end'}; there are: {', '.join(told)}")

    def along(self, network: str, path: PathKind = "direct", end: str | None = None) -> tuple[Valley, ...]:
        """Return one path of all modules of a network in forward order, to its first end unless another is named."""
        found = [v for v in self.valleys if (v.network, v.path) == (network, path)]
        chosen = end if end is not None or not found else found[0].end
        return tuple(v for v in found if v.end == chosen)

    def ends(self) -> tuple[str, ...]:
        """Return the ends of paths, the one where the other modules stay first."""
        return tuple(dict.fromkeys(v.end for v in self.valleys))

    def gap(self, valley: Valley, metric: str = "error") -> np.ndarray:
        """Return the mean over draws of test minus train at each cell, ``(p, s)``.

        Raises:
            UsageError: when there are no test images, or the metric was not measured.
        """
        if "test" not in self.parts:
            raise UsageError("the gap is that of test and train; give test images, too")
        m = self.place(metric)
        between: np.ndarray = valley.means(self.parts.index("test"), m) - valley.means(0, m)
        return between

    def place(self, metric: str) -> int:
        """Return where a metric stands in ``values``.

        Raises:
            UsageError: when it was not measured.
        """
        if metric not in self.metrics:
            raise UsageError(f"metric {metric!r} was not measured{nearest(metric, self.metrics)}")
        return self.metrics.index(metric)

    def frame(self) -> pd.DataFrame:
        """Return one row a network, module and path: μ_i, where it is found, and what it is made of.

        ``least`` and ``most`` are the range of μ_i and of μ_i without each of the draws.
        """
        import pandas as pd

        roles = {s.label: s.role for s in self.networks}
        rows = [
            {
                "network": v.network,
                "role": roles[v.network],
                "module": v.module,
                "path": v.path,
                "end": v.end,
                "mu": v.mu,
                "least": v.least,
                "most": v.most,
                "mu_relative": v.relative,
                "alpha": v.alpha,
                "sigma": v.sigma,
                "distance": v.distance,
                "norm": v.norm,
                "parameters": v.size,
                "points": v.points,
                "plan": v.plan,
            }
            for v in self.valleys
        ]
        return pd.DataFrame(rows)

    def cell_frame(self) -> pd.DataFrame:
        """Return one row a cell of every surface, part and metric: mean over draws of the noise and their spread."""
        import pandas as pd

        rows = []
        for v in self.valleys:
            named = {"network": v.network, "module": v.module, "path": v.path, "end": v.end}
            for p in range(v.values.shape[2]):
                place = {"place": v.places[p], "alpha": v.alphas[p], "distance": v.alphas[p] * v.distance}
                for s, sigma in enumerate(v.sigmas):
                    cell = named | place | {"sigma": sigma}
                    for i, (part, n) in enumerate(zip(self.parts, self.n, strict=True)):
                        for m, metric in enumerate(self.metrics):
                            drawn = v.values[i, m, p, s]
                            spread = drawn.std(ddof=1) if len(drawn) > 1 else np.nan
                            rows.append(
                                cell
                                | {"images": part, "n": n, "metric": metric, "value": drawn.mean(), "spread": spread}
                                | {"draws": self.draws}
                            )
        return pd.DataFrame(rows)

    def network_frame(self) -> pd.DataFrame:
        """Return one row a network and path: network criticality Σμ_i, and its range without each of the draws."""
        import pandas as pd

        rows = []
        for s in self.networks:
            for path, end in dict.fromkeys((v.path, v.end) for v in self.valleys if v.network == s.label):
                of = self.along(s.label, path, end)
                least, most = spread_of_sum(of)
                rows.append(
                    {
                        "network": s.label,
                        "role": s.role,
                        "path": path,
                        "end": end,
                        "criticality": sum(v.mu for v in of),
                        "least": least,
                        "most": most,
                        "relative": sum(v.relative for v in of),
                        "modules": len(of),
                        "without": sum(np.isposinf(v.mu) for v in of),
                        "epsilon": s.epsilon,
                    }
                )
        return pd.DataFrame(rows)


def criticality(
    net: Network,
    runs: Run | Sequence[Passage],
    train: ImageSet,
    test: ImageSet | None = None,
    *,
    ends: Sequence[str] = ("best", "final"),
    modules: Granularity | Sequence[str] = "block",
    paths: Sequence[PathKind] | None = None,
    alphas: int | Sequence[float] | np.ndarray = 11,
    sigmas: Sequence[float] | np.ndarray = SIGMAS,
    draws: int = 3,
    noise: Noise = "relative",
    epsilon: float | None = None,
    margin: float = 0.01,
    judge: Judge = "error",
    metrics: Sequence[str] | None = None,
    surface: bool = True,
    seed: int = 0,
    witnesses: Sequence[Witness] = (),
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Criticality:
    """Measure how critical each module of trained networks is (Neyshabur et al. 2020, Def. 3.2, after Chatterji et
    al. 2020).

    μ_i = min over α, σ of α²‖θ_i − θ_i⁰‖²_F/σ², where the network with module i at (1 − α)θ_i⁰ + αθ_i + u,
    u ~ N(0, σ²), and all others as trained has a mean error of at most ε on the training images. α = 1 is the trained
    end. Network criticality is Σμ_i.

    A training run has up to four paths: direct and optimisation (what the run recorded), to the best weights θ* and
    to the final ones θᶠ (Neyshabur et al. 2020, Fig. 6). All other modules are at the first of ``ends``. What a run
    cannot give is left out, and the result says what to record for it.

    Args:
        net: the network of all runs.
        runs: with the same task; P-T beside RI-T, say. Runs that diverged are left out. In the place of a run its
            weights can stand in order of time, by name or not: the start, what was recorded, the trained ones, such
            as ``[(start, end)]``. Where the head of a start is missing or of another size, the head is not moved.
        train: images on which ε is judged, usually of the training set.
        test: images for the second row of the heat maps, and the gap.
        ends: of runs: ``best``, ``final`` or both.
        modules: ``layer``, ``block``, ``stage``, or names of modules. Running statistics move with their module.
        paths: ``direct``, ``optimisation`` or both; by default those there are.
        alphas: number of places on a direct path, or the places, from 0 (start) to 1 (end).
        sigmas: noise; cells without noise are drawn, and play no part in μ_i.
        draws: R, of the noise; the same directions for all cells and networks.
        noise: ``relative``, with σ‖θ_i‖_F/√(number of weights) a coordinate; or ``absolute``, with σ.
        epsilon: what the judging metric may be; by default that of the trained network plus ``margin``.
        margin: how much worse than the trained network a cell may be.
        judge: ``error`` or ``loss``.
        metrics: as well as the judging one; by default what suits the labels.
        surface: whether to evaluate all cells. ``False`` searches for μ_i alone, from the least α²d²/σ² on.
        seed: of the noise.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        progress: told the points done, over all modules of all networks.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`; batch norm is ``interpolated`` by default,
            as only one module moves.

    Raises:
        UsageError: for weights of another network or that are not finite at the end, an empty grid, a module that
            does not exist (the nearest is named), an optimisation path without recorded weights, or when no run has
            the weights that are asked for.

    >>> import torch
    >>> from transferscope.models.network import Input
    >>> module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((1, 1), 1, (0.0,), (1.0,)))
    >>> white = ImageSet(np.full((1, 1, 1, 1), 255, np.uint8), np.array([0]), ("a", "b"), np.array(["x"]))
    >>> start, end = {"1.weight": torch.tensor([[-1.0], [1.0]])}, {"1.weight": torch.tensor([[1.0], [-1.0]])}
    >>> found = criticality(net, [(start, end)], white, alphas=[0.4, 0.6, 1.0], sigmas=[0.01], device="cpu")
    >>> v = found.valleys[0]  # right as long as α > 1/2; ‖θ − θ⁰‖² = 8, a noise of 0.01 a weight
    >>> v.alpha, v.sigma, round(v.mu / (0.6**2 * 8 / 0.01**2), 6)
    (0.6, 0.01, 1.0)
    """
    check_options(options, criticality)
    grid, limit = Grid.of(alphas, sigmas, draws, noise, seed), Limit(judge, epsilon, margin)
    kinds: tuple[PathKind, ...] = get_args(PathKind)
    if isinstance(paths, str):
        raise UsageError(f"paths {paths!r}: expected several, e.g. [{paths!r}]")
    for kind in paths or ():
        if kind not in kinds:
            raise UsageError(f"path {kind!r}{nearest(kind, kinds)}")
    if paths is not None and not paths:
        raise UsageError("no path is asked for; give 'direct', 'optimisation' or both")
    journeys, left_out = journeys_of(net, runs, ends)
    if paths is None or "optimisation" in paths:
        left_out = (*left_out, *_without_steps(journeys, needed=paths is not None))
    chosen = modules_of(net, modules)
    if options.get("norm") is None:
        options["norm"] = "interpolated"
    sets = {"train": train} if test is None or not surface else {"train": train, "test": test}
    networks, valleys, broken, names, how = measure(
        net, journeys, sets, chosen.moving, paths or kinds, grid, limit, metrics=metrics, surface=surface,
        progress=progress, options=options,
    )  # fmt: skip
    return Criticality(
        networks,
        valleys,
        tuple(m.name for m in chosen.moving),
        chosen.head,
        tuple(sets),
        tuple(images.name for images in sets.values()),
        tuple(map(len, sets.values())),
        names,
        limit.judge,
        grid.noise,
        grid.draws,
        (*left_out, *chosen.left_out, *broken, *unlearned(networks, ())),
        how,
        tuple(witnesses),
    )


def _without_steps(journeys: Sequence[Journey], *, needed: bool) -> tuple[LeftOut, ...]:
    """Return why runs have no optimisation path; of plain weights nobody expects one unless it is asked for."""
    missing = [LeftOut(j.label, reason) for j in journeys for reason in j.missing.values()]
    if needed and not any(j.until.get(end) for j in journeys for end in j.ends):
        if missing:
            raise UsageError(f"{missing[0].subject}: {missing[0].reason}")
        raise UsageError(
            "an optimisation path needs weights that were kept between the start and the end; give them in order, "
            "[(start, …, end)], for example those after epochs 1, 2, 4, 8, …"
        )
    return tuple(missing)
