"""Do two networks compute the same features?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from ...data.feed import Feed
from ...data.imageset import ImageSet
from ...errors import ModelError, UsageError
from ...evidence.estimate import Estimate, measured, quantile
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.network import Granularity, Network
from ...models.solution import Solution, Solutions
from ...numerics.cka import CKAAccumulator, batch_slices, pair_vector
from ...probes.activations import Taps, pool, taps
from ...probes.forward import Forward
from ...progress import Progress, silent
from ...rng import numpy_generator
from ...runtime import pick_device
from .._members import Member, Pair, as_members, as_networks, as_solutions, kinds, pairs_of
from .._pair_sample import found_unfit
from .._sides import unlearned
from ..result import Result
from ..shown import with_intervals

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Similarity", "similarity"]


@dataclass(frozen=True, eq=False)
class Similarity(Result):
    """CKA between all modules of all networks.

    Attributes:
        members: the networks.
        pairs: all pairs of them.
        modules: for each network, the names of its modules in forward order.
        heads: for each network, the module among them that is the final classifier, or empty.
        cka: ``(m, m)``, the modules of all networks one after the other; nan where features do not vary.
        error: standard errors of ``cka`` over images, by the jackknife over batches; nan with one batch.
        matched: ``(t, 3)``: pair, row and column of ``cka`` of the modules of one name in both networks of a pair (of
            one place, where the names differ and the numbers of modules do not).
        without: ``(batches, t)``: CKA of the matched modules without each batch, for what other images would change.
        images: name of the image set.
        n: number of images.
        batch: images a batch, at most.
        pooled: whether features were averaged over positions.
        left_out: networks that learned nothing and are not compared where others did, and modules without a CKA.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "similarity"
    cites: ClassVar[tuple[str, ...]] = (
        "Neyshabur et al. 2020, §3.2",
        "Neyshabur et al. 2020, Table 1",
        "Neyshabur et al. 2020, Table 7",
    )

    members: tuple[Member, ...]
    pairs: tuple[Pair, ...]
    modules: tuple[tuple[str, ...], ...]
    heads: tuple[str, ...]
    cka: np.ndarray
    error: np.ndarray
    matched: np.ndarray
    without: np.ndarray
    images: str
    n: int
    batch: int
    pooled: bool
    left_out: tuple[LeftOut, ...] = ()
    witnesses: tuple[Witness, ...] = ()

    def rows(self, member: int) -> slice:
        """Return where the modules of a network stand in ``cka``."""
        start = sum(len(names) for names in self.modules[:member])
        return slice(start, start + len(self.modules[member]))

    def matrix(self, a: int | str, b: int | str) -> pd.DataFrame:
        """Return the CKA of every module of one network with every module of another (or of the same).

        Args:
            a: label or place of the network whose modules are the rows.
            b: of the one whose modules are the columns.
        """
        import pandas as pd

        i, j = self._place(a), self._place(b)
        return pd.DataFrame(self.cka[self.rows(i), self.rows(j)], index=self.modules[i], columns=self.modules[j])

    def profile(self) -> pd.DataFrame:
        """Return the mean CKA of each module with itself by kind of pair, with 95 % intervals over images."""
        import pandas as pd

        rows = []
        for kind, pairs in kinds(self.pairs).items():
            for name, entries in self.by_name(self.entries(pairs, heads=True)).items():
                mean = self.estimate(entries)
                rows.append(
                    {
                        "pair": kind,
                        "module": name,
                        "cka": mean.value,
                        "low": math.nan if mean.low is None else mean.low,
                        "high": math.nan if mean.high is None else mean.high,
                        "pairs": len(entries),
                        "n": self.n,
                    }
                )
        return pd.DataFrame(rows, columns=["pair", "module", "cka", "low", "high", "pairs", "n"])

    def table(self) -> pd.DataFrame:
        """Return the same as kinds of pairs by modules, as Neyshabur et al. 2020 prints it in Tables 1 and 7."""
        long = self.profile()
        wide = long.pivot_table(index="pair", columns="module", values="cka", sort=False)
        return wide.rename_axis(columns=None)

    def printed(self) -> pd.DataFrame:
        """Return :meth:`table` with the interval of each number, and how many pairs there are."""
        long = with_intervals(self.profile())
        wide = long.pivot(index=["pair", "pairs"], columns="module", values="cka")
        kinds = long.drop_duplicates("pair")[["pair", "pairs"]].itertuples(index=False, name=None)
        order = [name for name in dict.fromkeys(long["module"]) if name in wide.columns]
        return wide.loc[[*kinds], order].fillna("–").rename_axis(columns=None)

    def frame(self) -> pd.DataFrame:
        """Return one row for each module of each pair with each module of the other; 95 % intervals over images."""
        import pandas as pd

        half = self.error * quantile(0.05, max(len(self.without) - 1, 1))
        blocks = []
        for pair in self.pairs:
            at = np.ix_(_range(self.rows(pair.a)), _range(self.rows(pair.b)))
            names_a, names_b = self.modules[pair.a], self.modules[pair.b]
            blocks.append(
                pd.DataFrame(
                    {
                        "pair": pair.kind,
                        "a": self.members[pair.a].label,
                        "b": self.members[pair.b].label,
                        "module_a": np.repeat(names_a, len(names_b)),
                        "module_b": np.tile(names_b, len(names_a)),
                        "cka": self.cka[at].ravel(),
                        "low": (self.cka - half)[at].ravel(),
                        "high": (self.cka + half)[at].ravel(),
                        "n": self.n,
                    }
                )
            )
        return pd.concat(blocks, ignore_index=True)

    def values(self) -> np.ndarray:
        """Return the CKA of the matched modules, ``(t,)``."""
        matched: np.ndarray = self.cka[self.matched[:, 1], self.matched[:, 2]]
        return matched

    def entries(self, pairs: Sequence[Pair], *, heads: bool = False) -> list[int]:
        """Return which matched modules are of these pairs and have a CKA.

        Args:
            pairs: some of the pairs.
            heads: the final classifiers too; left out by default, for logits are no features.
        """
        wanted = {self.pairs.index(p) for p in pairs}
        kept = []
        for t, (p, row, column) in enumerate(self.matched.tolist()):
            a, b = self.pairs[p].a, self.pairs[p].b
            classifier = self._at(a, row) == self.heads[a] or self._at(b, column) == self.heads[b]
            if p in wanted and (heads or not classifier) and math.isfinite(self.cka[row, column]):
                kept.append(t)
        return kept

    def by_name(self, entries: Sequence[int]) -> dict[str, list[int]]:
        """Sort matched modules by name, in forward order."""
        found: dict[str, list[int]] = {}
        for t in entries:
            p, row, column = self.matched[t].tolist()
            a, b = self._at(self.pairs[p].a, row), self._at(self.pairs[p].b, column)
            found.setdefault(a if a == b else f"{a} ~ {b}", []).append(t)
        return found

    def estimate(self, entries: Sequence[int]) -> Estimate:
        """Return the mean CKA of some matched modules of these networks, with its interval over images.

        θ ± t_{B−1}·√((B−1)/B·Σ_b(θ₍₋b₎ − θ̄)²), θ₍₋b₎ the mean without batch b of B (jackknife, Efron & Stein 1981).

        Args:
            entries: places in ``matched``.
        """
        without = self.without[:, list(entries)].mean(1)
        freedom = len(without) - 1
        variance = freedom * float(without.var()) if freedom else math.nan
        value = float(self.values()[list(entries)].mean())
        return measured(value, over="images", n=self.n, images=self.n, spread=variance, freedom=float(freedom))

    def mean(self, entries: Sequence[int]) -> tuple[float, float | None, float | None]:
        """Return :meth:`estimate` as value, low and high."""
        found = self.estimate(entries)
        return found.value, found.low, found.high

    def _at(self, member: int, row: int) -> str:
        start: int = self.rows(member).start
        return self.modules[member][row - start]

    def _place(self, member: int | str) -> int:
        if isinstance(member, int):
            return member
        labels = [m.label for m in self.members]
        if member not in labels:
            raise UsageError(f"no network is called {member!r}; there are {', '.join(labels)}")
        return labels.index(member)


def similarity(
    net: Network | Sequence[Network],
    solutions: Solutions,
    images: ImageSet,
    *,
    modules: Granularity | Sequence[str] | Mapping[str, Sequence[str]] = "stage",
    pooled: bool = False,
    batch: int = 64,
    seed: int = 0,
    witnesses: Sequence[Witness] = (),
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> Similarity:
    """Compare the features of networks by linear CKA with the unbiased HSIC₁ estimator over minibatches.

    CKA(K, L) = Σ_b HSIC₁(K_b, L_b) / √(Σ_b HSIC₁(K_b, K_b) · Σ_b HSIC₁(L_b, L_b)), K = XXᵀ of the features X of a
    batch b (Neyshabur et al. 2020, §3.2; Kornblith et al. 2019; Nguyen et al. 2021). Sums in float64, nothing
    clamped, so that unrelated features scatter around 0. Every network sees the same images in the same order, drawn
    at random once, because batches of a set that is sorted by class would compare features within classes only; each
    runs once over them.

    Args:
        net: the network, or one a solution where architectures (or heads) differ.
        solutions: two or more, with labels; plain weights are called A, B, C, ….
        images: at least 4; labels are not looked at.
        modules: a granularity, or names of modules; by label of the solution where the networks differ.
        pooled: average features over positions or tokens instead of flattening them.
        batch: images a batch; larger batches are a little less noisy and cost more.
        seed: of the order of the images.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the number of batches done.

    Returns:
        All pairs of all modules of all networks, each with its error over images.

    Raises:
        UsageError: for fewer than two solutions or 4 images, or labels that are not distinct.
        ModelError: when a module does not exist or has no features.
    """
    named = as_solutions(solutions, net=net)
    nets = as_networks(net, len(named))
    where = pick_device(device)
    chosen = [taps(n, _modules_of(modules, s)) for n, s in zip(nets, named, strict=True)]
    forwards = [Forward(n, s.params, where) for n, s in zip(nets, named, strict=True)]
    for forward in forwards:
        forward.check(images)
    slices = batch_slices(len(images), batch)
    order = torch.from_numpy(numpy_generator("similarity", seed, len(images)).permutation(len(images)))
    feed, total = Feed(images, where), CKAAccumulator()
    with ExitStack() as stack:
        seen = [
            stack.enter_context(Taps(f.module, points, lambda x: pair_vector(pool(x) if pooled else x)))
            for f, points in zip(forwards, chosen, strict=True)
        ]
        two = next(feed.batches(2))
        without = [
            _without_features(n, s, _modules_of(modules, s), one.look(f, two))
            for n, s, f, one in zip(nets, named, forwards, seen, strict=True)
        ]
        for done, part in enumerate(slices, 1):
            now = feed.gather(order[part].sort().values)
            for forward in forwards:
                forward(now)
            vectors = [one.collect() for one in seen]
            total.update([v for one in vectors for v in one.values()])
            progress(done, len(slices), "batches")
    names = tuple(map(tuple, vectors))
    pairs = pairs_of(named)
    matched = _matched(pairs, names)
    heads = tuple(next((t.name for t in points if t.head), "") for points in chosen)
    cka = total.cka().cpu().numpy()
    members, flat = _flat(as_members(named), names, heads, cka)
    witnesses = found_unfit(members, witnesses)
    return Similarity(
        members=members,
        pairs=pairs,
        modules=names,
        heads=heads,
        cka=cka,
        error=total.standard_error().cpu().numpy(),
        matched=matched,
        without=total.left_out(matched[:, 1].tolist(), matched[:, 2].tolist()).cpu().numpy(),
        images=images.name,
        n=len(images),
        batch=batch,
        pooled=pooled,
        left_out=(*unlearned(members, witnesses), *(left for of in without for left in of), *flat),
        witnesses=witnesses,
    )


def _without_features(
    net: Network, solution: Solution, asked: Granularity | Sequence[str], without: Mapping[str, str]
) -> list[LeftOut]:
    """Say which modules have no features of single images; an error where they were asked for by name."""
    if without and not isinstance(asked, str):
        name, why = next(iter(without.items()))
        raise ModelError(f"module {name!r} of {net.name} has no features: {why}; ask for a module around it")
    return [LeftOut(f"{name} of {solution.label}", why) for name, why in without.items()]


_FLAT = "features are the same for all images or not finite"


def _flat(
    members: Sequence[Member], modules: Sequence[Sequence[str]], heads: Sequence[str], cka: np.ndarray
) -> tuple[tuple[Member, ...], list[LeftOut]]:
    """Return the modules that have no CKA; a network that has no other is no witness."""
    known = iter(np.isfinite(np.diagonal(cka)).tolist())
    found, left = [], []
    for member, names, head in zip(members, modules, heads, strict=True):
        without = [name for name, there in zip(names, known, strict=False) if not there]
        left += [LeftOut(f"{name} of {member.label}", _FLAT) for name in without]
        body = [name for name in names if name != head] or names
        dead = not member.unfit and set(body) <= set(without)
        found.append(replace(member, unfit="has features that are the same for all images") if dead else member)
    return tuple(found), left


def _modules_of(
    modules: Granularity | Sequence[str] | Mapping[str, Sequence[str]], solution: Solution
) -> Granularity | Sequence[str]:
    if not isinstance(modules, Mapping):
        return modules
    if solution.label not in modules:
        raise UsageError(f"modules are named for {', '.join(modules)}, but not for {solution.label!r}")
    return modules[solution.label]


def _matched(pairs: Sequence[Pair], modules: Sequence[Sequence[str]]) -> np.ndarray:
    """Pair, row and column of the modules of two networks that correspond."""
    starts = np.cumsum([0, *map(len, modules)])
    found = []
    for p, pair in enumerate(pairs):
        first, second = modules[pair.a], modules[pair.b]
        both = [(i, second.index(name)) for i, name in enumerate(first) if name in second]
        if not both and len(first) == len(second):
            both = [(i, i) for i in range(len(first))]
        found += [(p, starts[pair.a] + i, starts[pair.b] + j) for i, j in both]
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def _range(part: slice) -> range:
    return range(part.start, part.stop)
