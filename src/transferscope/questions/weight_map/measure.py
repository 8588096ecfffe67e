"""Do the minima of different tasks lie where their starts were, or where their data are?"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...errors import UsageError, nearest
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.solution import PROBED_HEAD, Solution
from ...progress import Progress, silent
from .._sides import unlearned
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MapPoint", "WeightMap", "weight_map"]

_LEAST = 4
_COLUMNS = 2**16
"""Weights of all networks that are compared at a time; a block stays near the processor."""
_RANDOM = ("RI", "RI-T")


@dataclass(frozen=True)
class MapPoint:
    """One network on the map.

    Attributes:
        label: its name; networks on different targets may share it.
        target: what it was trained on; empty for sources and starts.
        role: ``P``, ``RI``, ``P-T``, ``RI-T`` or empty.
        group: the same for networks trained from one and the same start.
        unfit: why it is no witness for claims about networks that learned; empty for nothing known against it.
    """

    label: str
    target: str
    role: str
    group: str
    unfit: str = ""

    @property
    def start(self) -> str:
        """Which weights it comes from: a name of pre-trained ones, or ``random`` for all random ones together.

        A final layer that was fitted to the task makes no other start: final layers are not compared.

        >>> MapPoint("P-T 0", "photo", "P-T", "P").start, MapPoint("RI-T 1", "photo", "RI-T", "RI 1").start
        ('P', 'random')
        >>> MapPoint("P-T 0", "photo", "P-T", "P, probed head").start
        'P'
        """
        return "random" if self.role in _RANDOM else self.body or self.role

    @property
    def body(self) -> str:
        """The group, whichever final layer it began with."""
        return self.group.removesuffix(PROBED_HEAD)

    @property
    def name(self) -> str:
        """Label and target."""
        return f"{self.label} ({self.target})" if self.target else self.label


@dataclass(frozen=True, eq=False)
class WeightMap(Result):
    """Networks of several targets in the plane, and the distances that the plane was made from.

    Attributes:
        points: the networks.
        distance: ‖θ_a − θ_b‖₂ over the tensors that all have, ``(n, n)``, float64.
        position: where t-SNE puts them, ``(n, 2)``.
        divergence: Kullback–Leibler divergence that t-SNE ended with.
        perplexity: that was used.
        seed: of the map.
        compared: the tensors that were compared.
        numel: how many weights they have.
        left_out: networks that learned nothing and are not compared where others did; tensors that not all networks
            have in one shape, or that were not to be compared.
        witnesses: what is known of the runs and pre-trainings that the networks are from, by target.
    """

    question: ClassVar[str] = "weight_map"
    cites: ClassVar[tuple[str, ...]] = (
        "Liu et al. 2019, §3",
        "Liu et al. 2019, Fig. 4",
        "Liu et al. 2019, A",
        "van der Maaten & Hinton 2008",
    )

    points: tuple[MapPoint, ...]
    distance: np.ndarray
    position: np.ndarray
    divergence: float
    perplexity: float
    seed: int
    compared: tuple[str, ...]
    numel: int
    left_out: tuple[LeftOut, ...]
    witnesses: dict[str, tuple[Witness, ...]] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """Targets in the order of the networks, without the empty one of sources and starts."""
        return tuple(dict.fromkeys(p.target for p in self.points if p.target))

    def order_kept(self) -> float:
        """Return Spearman's ρ of the distances on the map and the true ones; nan where either are all equal."""
        from scipy.stats import spearmanr

        at = np.triu_indices(len(self.points), 1)
        shown = np.linalg.norm(self.position[at[0]] - self.position[at[1]], axis=1)
        true = self.distance[at]
        return float(spearmanr(shown, true).statistic) if np.ptp(true) and np.ptp(shown) else math.nan

    def pair_frame(self) -> pd.DataFrame:
        """Return one row a pair of networks: what they share, how far apart they are, and how far on the map."""
        import pandas as pd

        rows = []
        for i, a in enumerate(self.points):
            for j in range(i + 1, len(self.points)):
                b = self.points[j]
                rows.append(
                    {
                        "a": a.name,
                        "b": b.name,
                        "same_start": bool(a.group) and a.body == b.body,
                        "same_target": bool(a.target) and a.target == b.target,
                        "distance": self.distance[i, j],
                        "on_map": float(np.linalg.norm(self.position[i] - self.position[j])),
                    }
                )
        return pd.DataFrame(rows)

    def frame(self) -> pd.DataFrame:
        """Return one row a network: where it comes from, where it is on the map, and which network is nearest."""
        import pandas as pd

        apart = self.distance + np.diag(np.full(len(self.points), np.inf))
        near = apart.argmin(1)
        return pd.DataFrame(
            {
                "target": [p.target for p in self.points],
                "network": [p.label for p in self.points],
                "role": [p.role for p in self.points],
                "start": [p.group for p in self.points],
                "x": self.position[:, 0],
                "y": self.position[:, 1],
                "nearest": [self.points[i].name for i in near],
                "distance_to_nearest": apart.min(1),
            }
        )


def weight_map(
    solutions: Mapping[str, Sequence[Solution]],
    *,
    leave_out: Collection[str] = (),
    perplexity: float | None = None,
    seed: int = 0,
    witnesses: Mapping[str, Sequence[Witness]] | None = None,
    progress: Progress = silent,
) -> WeightMap:
    """Place networks of several targets in the plane by t-SNE of the distances between their weights.

    d_ij = ‖θ_i − θ_j‖₂ over the floating tensors that all networks have in one shape, in float64; t-SNE of the matrix
    d (van der Maaten & Hinton 2008) from random places drawn from ``seed``, as Liu et al. 2019 do in Fig. 4 and
    describes in A. What the map shows near is near; what it shows far, and how far, is not to be trusted: findings
    use d itself.

    Args:
        solutions: target → networks trained on it; sources and starts under the target ``""``. Networks of one
            target need labels of their own.
        leave_out: tensors not to be compared, e.g. heads and batch-norm statistics.
        perplexity: about how many neighbours count, under the number of networks; default: a third of the others, at
            most 30.
        seed: of the map.
        witnesses: what is known of the runs and pre-trainings that the networks are from, by target.
        progress: told the number of tensors done.

    Returns:
        Distances, places and what they rest on.

    Raises:
        UsageError: for fewer than 4 networks, two of one name, no shared tensor, weights that are not finite, or a
            perplexity that is out of range.
    """
    points, networks = _flat(solutions)
    n = len(points)
    if n < _LEAST:
        raise UsageError(f"{n} network(s) given; a map needs at least {_LEAST}")
    asked = min(30.0, (n - 1) / 3) if perplexity is None else perplexity
    if not 0 < asked < n:
        raise UsageError(f"perplexity {asked:g}: expected a number above 0 and under {n}, the number of networks")
    compared, others = _shared(networks, leave_out)
    known = {target: tuple(of) for target, of in (witnesses or {}).items()}
    square = np.zeros(n * (n - 1) // 2)
    for done, name in enumerate(compared, 1):
        square += _squares(name, points, networks)
        progress(done, len(compared), "tensors")
    distance = np.zeros((n, n))
    distance[np.triu_indices(n, 1)] = np.sqrt(square)
    distance += distance.T
    position, divergence = _embedded(distance, asked, seed)
    return WeightMap(
        points=points,
        distance=distance,
        position=position,
        divergence=divergence,
        perplexity=float(asked),
        seed=seed,
        compared=compared,
        numel=sum(networks[0].params[name].numel() for name in compared),
        left_out=(*_unlearned(points, known), *others),
        witnesses=known,
    )


def _flat(solutions: Mapping[str, Sequence[Solution]]) -> tuple[tuple[MapPoint, ...], list[Solution]]:
    points: list[MapPoint] = []
    networks: list[Solution] = []
    for target, of_target in solutions.items():
        for s in of_target:
            point = MapPoint(s.label, target, s.role, s.group, s.unfit)
            if any(p.name == point.name for p in points):
                raise UsageError(f"two networks are called {point.name!r}; give each a label of its own")
            points.append(point)
            networks.append(s)
    return tuple(points), networks


def _unlearned(points: Sequence[MapPoint], witnesses: Mapping[str, Sequence[Witness]]) -> list[LeftOut]:
    """Return the networks that are not compared, because they did not learn."""
    targets = dict.fromkeys([p.target for p in points if p.target] + [*witnesses])
    return [
        replace(one, target=target)
        for target in targets
        for one in unlearned([p for p in points if p.target == target], witnesses.get(target, ()))
    ]


def _shared(networks: Sequence[Solution], leave_out: Collection[str]) -> tuple[tuple[str, ...], list[LeftOut]]:
    """Names of the tensors that all networks have in one shape, and the others."""
    known = list(dict.fromkeys(name for s in networks for name in s.params))
    for name in leave_out:
        if name not in known:
            raise UsageError(f"leave_out: no network has a tensor {name!r}{nearest(name, known)}")
    compared = tuple(name for name in known if name not in leave_out and _alike(name, networks))
    if not compared:
        raise UsageError("the networks have no tensor of one name and shape; give networks of one architecture")
    reasons = {name: "not to be compared" if name in leave_out else "not in all networks as numbers of one shape"
               for name in known if name not in compared}  # fmt: skip
    return compared, [LeftOut(name, why) for name, why in reasons.items()]


def _alike(name: str, networks: Sequence[Solution]) -> bool:
    if not all(name in s.params for s in networks):
        return False
    tensors = [s.params[name] for s in networks]
    return tensors[0].is_floating_point() and all(t.shape == tensors[0].shape for t in tensors)


def _squares(name: str, points: Sequence[MapPoint], networks: Sequence[Solution]) -> np.ndarray:
    """Squared distances of all pairs in one tensor, in the order of ``np.triu_indices``."""
    rows: list[Tensor] = [s.params[name].detach().flatten() for s in networks]
    total = torch.zeros(len(rows) * (len(rows) - 1) // 2, dtype=torch.float64)
    for at in range(0, len(rows[0]), _COLUMNS):
        # Differences, not a product of matrices: networks that are equal are at 0 exactly.
        block = torch.stack([row[at : at + _COLUMNS].to("cpu", torch.float64) for row in rows])
        finite = block.isfinite().all(1)
        if not finite.all():
            broken = points[int((~finite).nonzero()[0])].name
            raise UsageError(f"weights of {broken} are not finite in {name!r}; leave out networks that diverged")
        total += torch.pdist(block).square()
    found: np.ndarray = total.numpy()
    return found


def _embedded(distance: np.ndarray, perplexity: float, seed: int) -> tuple[np.ndarray, float]:
    from sklearn.manifold import TSNE

    largest = float(distance.max()) or 1.0
    map_ = TSNE(
        n_components=2,
        metric="precomputed",
        init="random",
        perplexity=perplexity,
        method="exact",
        random_state=seed,
        # The package's own choice is at least 50, which throws a few points far apart and ends at a worse divergence.
        learning_rate=max(5.0, len(distance) / 48),
    )
    position = np.asarray(map_.fit_transform(distance / largest), dtype=np.float64)
    divergence = float(map_.kl_divergence_)
    return position - position.mean(0), divergence if math.isfinite(divergence) else math.nan
