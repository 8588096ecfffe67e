"""What does the loss look like around weights, in a plane of random directions?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Unpack, get_args

import numpy as np

from ...data.imageset import ImageSet
from ...errors import UsageError, nearest
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.network import Granularity, Network
from ...models.solution import Solutions
from ...params import check_same
from ...probes.evaluate import EngineOptions, How
from ...progress import Progress, silent
from ...rng import numpy_generator
from .._journeys import modules_of
from .._members import Member, as_members, as_solutions
from .._sides import unlearned
from ..result import Result
from .numbers import MEASURES, over_planes, slope_of, within_of
from .planes import Survey

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Landscape", "Scale", "landscape"]

Scale = Literal["own", "first"]


@dataclass(frozen=True, eq=False)
class Landscape(Result):
    """The loss L(θ + p·a + q·b) around networks, and how much it changes in further random directions.

    Distances are in norms of the filters: p = 0.1 moves every filter by a tenth of its norm.

    Claims are judged at the largest radius, by one number a network: the mean rise of the loss (around trained
    networks) or the mean size of its change (around starts) over planes, directions and images.

    Attributes:
        members: the networks.
        modules: what is moved, one at a time, in forward order; ``("",)`` is the whole network.
        left_out: modules that cannot be moved, and networks that learned nothing and are not compared.
        images: name of the image set.
        n: number of images, the same for all networks.
        axis: p, and q, of the plane's points; 0 is at ``len(axis) // 2``.
        loss: ``(members, modules, p, q)``, in nats; what is not finite is kept.
        radii: distances at which all random directions are looked at, rising; claims are judged at the last.
        rises: L(θ + d) − L(θ), ``(members, modules, radii, planes, 4)`` for d = +a, −a, +b, −b of each plane; the
            first plane is the one of ``loss``.
        cosines: of the angle between a and b of the first plane after filter normalisation, ``(members, modules)``.
        filters: how many filters are moved, ``(modules,)``.
        zeros: how many of them do not move, because they are zero in the network that sets the scale,
            ``(members, modules)``.
        scale: whose filters' norms a step is measured in: each network's ``own``, or those of the ``first``.
        plans: by which plan each module was evaluated.
        how: how the numbers were computed.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "landscape"
    cites: ClassVar[tuple[str, ...]] = (
        "Liu et al. 2019, §3.2",
        "Liu et al. 2019, §4",
        "Liu et al. 2019, Figs. 3b, 3c, 5, 10, 12, 13",
        "Liu et al. 2019, A, B.4",
    )

    members: tuple[Member, ...]
    modules: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    images: str
    n: int
    axis: np.ndarray
    loss: np.ndarray
    radii: np.ndarray
    rises: np.ndarray
    cosines: np.ndarray
    filters: np.ndarray
    zeros: np.ndarray
    scale: Scale
    plans: tuple[str, ...]
    how: How
    witnesses: tuple[Witness, ...] = ()

    @property
    def span(self) -> float:
        """The farthest |p| and |q| of the plane."""
        return float(-self.axis[0])

    @property
    def centre(self) -> np.ndarray:
        """Loss of the networks themselves, ``(members, modules)``: the same for all modules, up to rounding."""
        middle = len(self.axis) // 2
        found: np.ndarray = self.loss[:, :, middle, middle]
        return found

    def place(self, module: str) -> int:
        """Return the place of a module.

        Raises:
            UsageError: when it was not moved.
        """
        if module not in self.modules:
            raise UsageError(f"no landscape of module {module!r}{nearest(module, self.modules)}")
        return self.modules.index(module)

    def within(self, member: int, module: int) -> float:
        """Share of the plane within the span whose loss is at most 0.05 above the centre's."""
        return within_of(self.loss[member, module], self.axis)

    def slope(self, member: int, module: int) -> float:
        """Steepest slope of the plane, in nats for a move by the whole norm of the filters."""
        return slope_of(self.loss[member, module], self.axis)

    def frame(self) -> pd.DataFrame:
        """Return one row for each point of each plane."""
        import pandas as pd

        members, modules, p, q = np.indices(self.loss.shape)
        return pd.DataFrame(
            {
                "network": np.array([m.label for m in self.members])[members.ravel()],
                "module": np.array(self.modules)[modules.ravel()],
                "p": self.axis[p.ravel()],
                "q": self.axis[q.ravel()],
                "loss": self.loss.ravel(),
            }
        )

    def flatness_frame(self) -> pd.DataFrame:
        """Return one row for each network, module and radius: rise and size of the change.

        ``low`` and ``high`` of each are Student's 95 % interval over planes, of this network on these images.
        """
        import pandas as pd

        rows = []
        for i, j, r in np.ndindex(self.rises.shape[:3]):
            rises = self.rises[i, j, r]
            row: dict[str, object] = {
                "network": self.members[i].label,
                "role": self.members[i].role,
                "module": self.modules[j],
                "radius": self.radii[r],
                "centre": self.centre[i, j],
            }
            for name, value in zip(MEASURES, (rises.mean(), np.abs(rises).mean()), strict=True):
                low, high = over_planes(rises, name).interval() or (np.nan, np.nan)
                row |= {name: value, f"{name}_low": low, f"{name}_high": high}
            rows.append(row | {"directions": rises.size, "n": self.n})
        return pd.DataFrame(rows)

    def plane_frame(self) -> pd.DataFrame:
        """Return one row for each network and module: what is in its plane, and which filters moved."""
        import pandas as pd

        rows = [
            {
                "network": self.members[i].label,
                "role": self.members[i].role,
                "module": self.modules[j],
                "centre": self.centre[i, j],
                "lowest": _extreme(np.min, self.loss[i, j]),
                "highest": _extreme(np.max, self.loss[i, j]),
                "not_finite": int((~np.isfinite(self.loss[i, j])).sum()),
                "within": self.within(i, j),
                "slope": self.slope(i, j),
                "cosine": self.cosines[i, j],
                "filters": self.filters[j],
                "zero_filters": self.zeros[i, j],
                "plan": self.plans[j],
            }
            for i, j in np.ndindex(self.loss.shape[:2])
        ]
        return pd.DataFrame(rows)


def landscape(
    net: Network,
    solutions: Solutions,
    images: ImageSet,
    *,
    span: float = 0.1,
    points: int = 51,
    modules: Granularity | Sequence[str] | None = None,
    examples: int | None = 256,
    planes: int = 8,
    radii: Sequence[float] | None = None,
    scale: Scale = "own",
    seed: int = 0,
    witnesses: Sequence[Witness] = (),
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Landscape:
    """Evaluate the loss in a plane around networks, and its rise in further random directions (Liu et al. 2019, Fig.
    3, 5, 12).

    g(p, q) = L(θ + p·a + q·b): a and b are Gaussian, made orthogonal, and then each filter of theirs gets the norm of
    θ's filter; parameters of one dimension stay, as do running statistics. p and q are −span … span in even steps; an
    even number of points ends one step short of span, so that the centre is always one of them. With 200 points and
    span 0.1 they are the paper's, p = −100 … 99 times η = 0.001.

    All networks compared have the same images, the same Gaussian draw and the same p and q. As in the paper each is
    then scaled to its own filters, so that no network looks flatter for having larger weights; with ``scale="first"``
    all move by the very same vectors instead.

    Args:
        net: the network of all.
        solutions: one or more, trained or not; plain weights are called A, B, C, ….
        images: the examples, with labels.
        span: of p and q, in norms of the filters.
        points: a side of the plane.
        modules: move one of these at a time, the rest stays: names of layers, blocks or stages, or all of a
            granularity; by default the whole network is moved.
        examples: draw this many of the images at random, once for all networks; all of them for ``None``.
        planes: pairs of random directions in which flatness is measured; the first is the plane that is shown.
        radii: distances at which it is measured, in norms of the filters; by default ¼, ½ and all of the span.
        scale: ``own`` or ``first``.
        seed: of drawn images and directions.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        progress: told after every point, of the points of all networks and modules.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`; batch norm's statistics stay at θ
            (``norm="interpolated"``) unless ``norm="recalibrated"`` is asked for.

    Raises:
        UsageError: for weights of another network, a module that does not exist or has no filters, or settings that
            cannot be.

    >>> import torch
    >>> from transferscope.models.network import Input
    >>> module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((1, 1), 1, (0.0,), (1.0,)))
    >>> white = ImageSet(np.full((1, 1, 1, 1), 255, np.uint8), np.array([0]), ("a", "b"), np.array(["x"]))
    >>> theta = {"1.weight": torch.tensor([[2.0], [-2.0]])}
    >>> found = landscape(net, {"tiny": theta}, white, points=3, planes=2, device="cpu")
    >>> found.axis, found.centre.round(4), found.loss.shape  # log(1 + exp(−4)) at θ
    (array([-0.1,  0. ,  0.1]), array([[0.0181]]), (1, 1, 3, 3))
    """
    named = as_solutions(solutions, least=1, net=net)
    _check_settings(span, points, planes, examples, scale)
    distances = np.sort(np.asarray([span / 4, span / 2, span] if radii is None else radii, dtype=np.float64))
    if distances.ndim != 1 or not len(distances) or not (np.isfinite(distances) & (distances > 0)).all():
        raise UsageError(f"radii {radii}; expected at least one positive number, in norms of the filters")
    for solution in named:
        try:
            check_same(net.module.state_dict(), solution.params)
        except UsageError as e:
            raise UsageError(f"{solution.label}: {e}") from e
    chosen, left_out = _filters_of(net, modules)
    if examples is not None and examples < len(images):
        drawn = numpy_generator("landscape", seed, len(images)).choice(len(images), examples, replace=False)
        images = images.subset(np.sort(drawn))
    options = {"norm": "interpolated", **options}
    axis = (np.arange(points) - points // 2) * (span / (points // 2))
    survey = Survey(net, images, axis, distances, planes, seed, options)
    survey.report(progress, len(named) * len(chosen), whole=modules is None)
    found = [
        [
            survey.of(s.params, named[0].params if scale == "first" else s.params, tensors, whole=modules is None)
            for tensors in chosen.values()
        ]
        for s in named
    ]
    members = as_members(named)
    return Landscape(
        members=members,
        modules=tuple(chosen),
        left_out=(*left_out, *unlearned(members, witnesses)),
        images=images.name,
        n=len(images),
        axis=axis,
        loss=np.stack([[f.loss for f in row] for row in found]),
        radii=distances,
        rises=np.stack([[f.rises for f in row] for row in found]),
        cosines=np.array([[f.cosine for f in row] for row in found]),
        filters=np.array([f.filters for f in found[0]], dtype=np.int64),
        zeros=np.array([[f.zeros for f in row] for row in found], dtype=np.int64),
        scale=scale,
        plans=tuple(f.plan for f in found[0]),
        how=survey.how,
        witnesses=tuple(witnesses),
    )


def _check_settings(span: float, points: int, planes: int, examples: int | None, scale: str) -> None:
    if not (np.isfinite(span) and span > 0):
        raise UsageError(f"span {span}; expected a positive number, in norms of the filters (the paper's is 0.1)")
    if points < 3:
        raise UsageError(f"{points} points a side; a plane needs at least 3 (the paper has 200)")
    if planes < 1 or (examples is not None and examples < 1):
        raise UsageError(f"{planes} planes, {examples} examples; give at least 1 of each")
    if scale not in get_args(Scale):
        raise UsageError(f"scale {scale!r}{nearest(scale, get_args(Scale))}")


def _filters_of(
    net: Network, modules: Granularity | Sequence[str] | None
) -> tuple[dict[str, tuple[str, ...]], tuple[LeftOut, ...]]:
    """Return the parameters that have filters by module, and the modules that have none."""
    state = net.module.state_dict()
    if modules is None:
        trained = [name for name, _ in net.module.named_parameters()]
        every: dict[str, Sequence[str]] = {"": trained}
        left_out: list[LeftOut] = []
    else:
        chosen = modules_of(net, modules)
        every = {m.name: m.parameters for m in chosen.moving}
        left_out = [LeftOut(one.subject, one.reason) for one in chosen.left_out]
    found: dict[str, tuple[str, ...]] = {}
    for module, parameters in every.items():
        filters = tuple(name for name in parameters if state[name].ndim > 1)
        if filters:
            found[module] = filters
            continue
        reason = "has no filters, only parameters of one dimension (biases, norms, scales), which stay where they are"
        if not isinstance(modules, str):
            raise UsageError(f"{net.name}: {'the network' if modules is None else f'module {module!r}'} {reason}")
        left_out.append(LeftOut(module, reason))
    if not found:
        raise UsageError(f"{net.name}: none of its modules has filters; name others than {modules!r}")
    return found, tuple(left_out)


def _extreme(of: Callable[[np.ndarray], np.floating], loss: np.ndarray) -> float:
    finite = loss[np.isfinite(loss)]
    return float(of(finite)) if len(finite) else np.nan
