"""The steps of making soups: each ingredient tasted once, then the average, the greedy choice, and what is beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...data.imageset import ImageSet
from ...errors import TooFewError
from ...evidence.contrast import contrast
from ...evidence.estimate import Estimate
from ...evidence.left_out import LeftOut
from ...models.batchnorm import statistics
from ...models.network import Network
from ...numerics.averaging import Accept, Mean, Tried, fingerprint, greedy, in_order, kept, uniform
from ...params import Params, floating
from ...probes.evaluation import EngineOptions
from ...progress import Progress
from .entries import Entry, Kind, LinePoint, SeedSoup, Step
from .ingredients import Ingredient
from .kitchen import HELD_OUT, Kitchen, Rows
from .merged import METHODS, Merged, Method, how_many, merged
from .precheck import PreCheck, heads_of, middles, spread_of

__all__ = ["ANEW", "AVERAGED", "SAVED", "Cook"]

SAVED, ANEW, AVERAGED = "saved", "collected anew", "averaged"
"""Whose statistics of batch norm something has."""


@dataclass(frozen=True, eq=False)
class _Chosen:
    """A greedy choice: its steps, and what each held-out image adds to what it ended with."""

    steps: tuple[Tried, ...]
    rows: dict[tuple[str, ...], np.ndarray]

    @property
    def members(self) -> tuple[str, ...]:
        return kept(self.steps)

    def told(self) -> tuple[Step, ...]:
        """The steps with the paired uncertainty of each."""
        found, inside = list[Step](), tuple[str, ...]()
        for step in self.steps:
            after = (*inside, step.name)
            gain = Estimate(np.nan)
            if inside:
                a, b = self.rows[after], self.rows[inside]
                gain = contrast([a.mean()], [b.mean()], (a[None], b[None]))
            found.append(Step(step.name, step.before, step.after, step.accepted, gain))
            inside = after if step.accepted else inside
        return tuple(found)


class Cook:
    """Makes soups of some ingredients.

    Args:
        net: the network of all.
        given: the ingredients.
        held_out: images to choose on.
        tests: images to judge on.
        init: the weights all started from; ``None`` where not known.
        accept: when a greedy choice takes one more.
        progress: told after every evaluation.
        options: of the engine.
    """

    def __init__(
        self,
        net: Network,
        given: Sequence[Ingredient],
        held_out: ImageSet,
        tests: Mapping[str, ImageSet],
        *,
        init: Mapping[str, Tensor] | None,
        accept: Accept,
        progress: Progress,
        options: EngineOptions,
    ) -> None:
        self.kitchen = Kitchen(net, held_out, tests, **options)
        self.entries: list[tuple[Entry, Rows]] = []
        self.left: list[LeftOut] = []
        self.counters: tuple[str, ...] = ()
        self._tests = list(tests)
        self._head = net.head_tensors()
        self._statistics = statistics(net.module)
        self._init = self._fitting(net, init)
        self._accept, self._progress, self._done = accept, progress, 0
        self._pantry = {one.label: one for one in given}
        self._answers: dict[str, dict[str, Tensor]] = {}
        self._rows: dict[str, Rows] = {}
        self._mean: Params = {}
        self._greedy: _Chosen | None = None
        self._total = 3 * len(given) + 2

    def outcomes(self) -> dict[str, np.ndarray]:
        """Return what each image adds to the metric of all entries, by set; as small as it can be stored."""
        found = {}
        for name in self.entries[0][1]:
            rows = np.stack([row[name] for _, row in self.entries])
            found[name] = rows.astype(np.uint8) if np.isin(rows, (0, 1)).all() else rows
        return found

    def taste(self) -> None:
        """Evaluate each ingredient as it was saved; copies, and what gives no numbers, are left out and named."""
        seen: dict[str, str] = {}
        mean = Mean()
        for label, one in list(self._pantry.items()):
            params = one.load()
            why = "holds values that are not finite" if not _finite(params) else ""
            if not why:
                mark = fingerprint(params)
                first = seen.setdefault(mark, label)
                why = f"is a copy of {first}" if first != label else ""
            if not why:
                answers = self.kitchen.answers(params, as_saved=True)
                rows = self.kitchen.rows(answers)
                why = "gives answers that are not finite" if any(np.isnan(r).any() for r in rows.values()) else ""
            self._tick()
            if why:
                self.left.append(LeftOut(label, why))
                del self._pantry[label]
                continue
            self._answers[label], self._rows[label] = answers, rows
            mean.add(params)
        if len(self._pantry) < 2:
            left = "; ".join(one.text for one in self.left)
            raise TooFewError(f"a soup takes two different ingredients, of these {len(self._pantry)} is left: {left}")
        self._mean, self.counters = mean.value(), mean.counters
        for label in in_order(self._held_out(self._pantry)):
            self._enter(label, "ingredient", (label,), self._rows[label], self._saved)

    def uniform(self) -> None:
        """Evaluate the mean of all ingredients."""
        self._soup("uniform soup", self._mean, tuple(self._pantry))

    def greedy(self) -> tuple[Step, ...]:
        """Choose greedily, and evaluate the soup that comes out."""
        self._greedy = chosen = self._choose(tuple(self._pantry))
        best = chosen.members[0]
        if len(chosen.members) == 1:
            self._enter("greedy soup", "soup", chosen.members, self._rows[best], self._saved)
        else:
            self._soup("greedy soup", uniform(self._loaded(chosen.members)), chosen.members)
        if self.kitchen.outputs.recalibrates:
            rows = self.kitchen.rows(self.kitchen.answers(self._pantry[best].load()))
            self._enter("best single, statistics anew", "soup", (best,), rows, ANEW)
        return chosen.told()

    def ensembles(self) -> tuple[Step, ...]:
        """Evaluate the ensembles of all, by logits and by probabilities, and a greedy one by logits."""
        every = [self._answers[label] for label in self._pantry]
        self._enter("logit ensemble", "ensemble", tuple(self._pantry), self.kitchen.ensemble(every), self._saved)
        likely = [self.kitchen.probabilities(one) for one in every]
        self._enter(
            "probability ensemble", "ensemble", tuple(self._pantry), self.kitchen.ensemble(likely), self._saved
        )
        chosen = self._assembled(tuple(self._pantry))
        rows = self.kitchen.ensemble([self._answers[label] for label in chosen.members])
        self._enter("greedy ensemble", "ensemble", chosen.members, rows, self._saved)
        return chosen.told()

    def with_start(
        self, methods: Sequence[Method], coefficients: Sequence[float], *, density: float, keep: float, seed: int
    ) -> tuple[LinePoint, ...]:
        """Evaluate what needs the start; of each method the coefficient that is best on held-out images stays."""
        if not methods or self._init is None:
            return ()
        self._total += how_many(methods, coefficients)
        best = self._pantry[self.entries[0][0].name]
        found = merged(
            methods, list(self._pantry.values()), best, self._init,
            coefficients=coefficients, density=density, keep=keep, seed=seed, plain=self._statistics,
        )  # fmt: skip
        lines: list[LinePoint] = []
        top: dict[Method, tuple[float, Merged, Rows]] = {}
        for one in found:
            rows = self.kitchen.rows(self.kitchen.answers(one.params))
            self._tick()
            values = {name: float(row.mean()) for name, row in rows.items()}
            lines.append(LinePoint(one.method, one.coefficient, values))
            if one.method not in top or values[HELD_OUT] > top[one.method][0]:
                top[one.method] = (values[HELD_OUT], one, rows)
        for method, (_, one, rows) in top.items():
            coefficient = one.coefficient if how_many([method], (0, 0)) > 1 else None
            self._enter(METHODS[method], "merged", one.members, rows, self._anew, coefficient=coefficient)
        return tuple(lines)

    def precheck(self) -> PreCheck:
        """Look whether these can be averaged."""
        best, *others = (self._pantry[label] for label in in_order(self._held_out(self._pantry)))
        held_out = {label: rows[HELD_OUT] for label, rows in self._rows.items()}
        pantry = list(self._pantry.values())
        return PreCheck(
            rises=middles(self.kitchen, best, others, held_out, self._tick),
            disagreement={one.label: self._apart(best.label, one.label) for one in others},
            heads=heads_of(pantry, self._init, self._head),
            spread=spread_of(pantry, self._mean, self._head, self._statistics, self._init),
            norm=self.kitchen.outputs.recalibrates,
        )

    def of_seeds(self) -> tuple[SeedSoup, ...]:
        """Make a soup of the ingredients of each seed and source, where there are two soups of two ingredients."""
        alike: dict[tuple[str, int], list[str]] = {}
        for label, one in self._pantry.items():
            if one.seed is not None:
                alike.setdefault((one.source, one.seed), []).append(label)
        groups = {key: tuple(of) for key, of in sorted(alike.items()) if len(of) > 1}
        if len(groups) < 2:
            return ()
        self._total += sum(map(len, groups.values()))
        return tuple(self._of_seed(source, seed, members) for (source, seed), members in groups.items())

    def _of_seed(self, source: str, seed: int, members: tuple[str, ...]) -> SeedSoup:
        soup, ensemble = self._choose(members), self._assembled(members)
        alone = self._rows[soup.members[0]]
        every = self._mixed(members)
        mixed = every if set(soup.members) == set(members) else self._mixed(soup.members)
        together = self.kitchen.ensemble([self._answers[label] for label in ensemble.members], self._tests)
        rows = {name: np.stack([of[name] for of in (alone, mixed, together, every)]) for name in self._tests}
        return SeedSoup(seed, members, soup.members, ensemble.members, rows, source)

    def _mixed(self, members: tuple[str, ...]) -> Rows:
        """What test images add to the metric of the mean of some ingredients; of one, as it was saved."""
        if len(members) == 1:
            return self._rows[members[0]]
        return self.kitchen.rows(self.kitchen.answers(uniform(self._loaded(members)), self._tests))

    def _choose(self, labels: tuple[str, ...]) -> _Chosen:
        """Choose a greedy soup of some ingredients; the sum of what is in it is held, one more is read at a time."""
        mean, inside = Mean(), list[str]()
        rows: dict[tuple[str, ...], np.ndarray] = {(label,): self._rows[label][HELD_OUT] for label in labels}

        def metric(chosen: tuple[str, ...]) -> float:
            for label in chosen[len(inside) : -1]:
                mean.add(self._pantry[label].load())
                inside.append(label)
            params = mean.value(self._pantry[chosen[-1]].load())
            rows[chosen] = row = self.kitchen.rows(self.kitchen.answers(params, [HELD_OUT]))[HELD_OUT]
            self._tick()
            return float(row.mean())

        return _Chosen(greedy(self._held_out(labels), metric, accept=self._accept), rows)

    def _assembled(self, labels: tuple[str, ...]) -> _Chosen:
        """Choose a greedy ensemble of some ingredients, by logits as in the paper."""
        rows: dict[tuple[str, ...], np.ndarray] = {(label,): self._rows[label][HELD_OUT] for label in labels}

        def metric(chosen: tuple[str, ...]) -> float:
            members = [self._answers[label] for label in chosen]
            rows[chosen] = row = self.kitchen.ensemble(members, [HELD_OUT])[HELD_OUT]
            return float(row.mean())

        return _Chosen(greedy(self._held_out(labels), metric, accept=self._accept), rows)

    def _soup(self, name: str, params: Params, members: tuple[str, ...]) -> None:
        self._enter(name, "soup", members, self.kitchen.rows(self.kitchen.answers(params)), self._anew)
        if self.kitchen.outputs.recalibrates:
            rows = self.kitchen.rows(self.kitchen.answers(params, as_saved=True))
            self._enter(f"{name}, statistics averaged", "soup", members, rows, AVERAGED)
        self._tick()

    def _enter(
        self, name: str, kind: Kind, members: tuple[str, ...], rows: Rows, of: str, *,
        coefficient: float | None = None,
    ) -> None:  # fmt: skip
        self.entries.append((Entry(name, kind, members, of, coefficient), rows))

    @property
    def _saved(self) -> str:
        return SAVED if self._statistics else ""

    @property
    def _anew(self) -> str:
        return (ANEW if self.kitchen.outputs.recalibrates else AVERAGED) if self._statistics else ""

    def _loaded(self, labels: Sequence[str]) -> Iterator[Params]:
        return (self._pantry[label].load() for label in labels)

    def _held_out(self, labels: Sequence[str] | Mapping[str, Ingredient]) -> dict[str, float]:
        return {label: float(self._rows[label][HELD_OUT].mean()) for label in labels}

    def _apart(self, one: str, other: str) -> float:
        """Share of held-out answers in which two differ."""
        a, b = self._answers[one][HELD_OUT], self._answers[other][HELD_OUT]
        if self.kitchen.metric == "auc":
            return float(((a > 0) != (b > 0)).double().mean())
        return float((a.argmax(1) != b.argmax(1)).double().mean())

    def _fitting(self, net: Network, init: Mapping[str, Tensor] | None) -> Params | None:
        """The start without a final layer of another size, which is named."""
        if init is None:
            return None
        wanted = net.module.state_dict()
        other = [k for k in self._head if k in init and init[k].shape != wanted[k].shape]
        if other:
            self.left.append(LeftOut("the final layer of the start", "is of another size"))
        return {k: v for k, v in init.items() if k not in other}

    def _tick(self) -> None:
        self._done += 1
        self._progress(min(self._done, self._total), self._total, "networks")


def _finite(params: Mapping[str, Tensor]) -> bool:
    return all(bool(value.isfinite().all()) for value in floating(params).values())
