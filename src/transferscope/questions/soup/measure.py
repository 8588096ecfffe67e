"""Is the average of several fine-tuned networks better than the best of them, and why or why not?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Unpack

import numpy as np
from torch import Tensor

from ...data.imageset import ImageSet
from ...errors import UsageError, nearest
from ...evidence.contrast import contrast, mean
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...evidence.which import Decision, Standing, choose, standing
from ...models.network import Network
from ...models.solution import Solution
from ...numerics.averaging import Accept
from ...probes.evaluation import EngineOptions, How, check_options
from ...progress import Progress, silent
from ..result import Result
from .cooking import Cook
from .entries import OF_A_SEED, Entry, LinePoint, OfASeed, SeedSoup, Step, over_sets
from .ingredients import Ingredient, apart, gathered
from .kitchen import HELD_OUT
from .merged import METHODS, Method
from .precheck import PreCheck

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HELD_OUT", "Entry", "Ingredient", "LinePoint", "SeedSoup", "Soup", "Step", "soup"]


@dataclass(frozen=True, eq=False)
class Soup(Result):
    """Ingredients, what can be made of them, and how good each is.

    Everything is chosen on held-out images and judged on test images that are none of them. Intervals are over images
    and paired: they speak of these networks. Where there are ingredients of several seeds, each seed makes a soup of
    its own; these share no network, and are what claims about soups are judged by.

    Attributes:
        target: the task; empty for files.
        metric: ``accuracy``, or ``auc`` for multi-label.
        entries: all that was evaluated, ingredients first, the best on held-out images at the top.
        outcomes: ``(entries, n)`` by set, what each image adds to the metric.
        tests: names of the sets to judge on; the first is the task's own.
        steps: how the greedy soup came about.
        ensemble_steps: how the greedy ensemble came about.
        lines: what methods with a coefficient give at each.
        precheck: whether these can be averaged, and why not; ``None`` where it was not asked for.
        accept: when the greedy soup took one more.
        counters: integer tensors that differ between ingredients; a soup has those of its first.
        of_seeds: soups of one seed each.
        how: how the numbers were computed.
        left_out: what plays no part: copies, networks that give no numbers, stray images.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "soup"
    cites: ClassVar[tuple[str, ...]] = ("Sedghi (slides), model soups", "Wortsman et al. 2022")

    target: str
    metric: Literal["accuracy", "auc"]
    entries: tuple[Entry, ...]
    outcomes: dict[str, np.ndarray]
    tests: tuple[str, ...]
    steps: tuple[Step, ...]
    ensemble_steps: tuple[Step, ...]
    lines: tuple[LinePoint, ...]
    precheck: PreCheck | None
    accept: Accept
    counters: tuple[str, ...]
    of_seeds: tuple[SeedSoup, ...]
    how: How
    left_out: tuple[LeftOut, ...] = ()
    witnesses: tuple[Witness, ...] = ()

    @property
    def ingredients(self) -> tuple[str, ...]:
        """Labels of the ingredients, by their held-out metric."""
        return tuple(e.name for e in self.entries if e.kind == "ingredient")

    @property
    def best(self) -> str:
        """The ingredient that is best on held-out images."""
        return self.ingredients[0]

    @property
    def n(self) -> dict[str, int]:
        """How many images each set has."""
        return {name: rows.shape[1] for name, rows in self.outcomes.items()}

    def entry(self, name: str) -> Entry:
        """Return what is called so.

        Raises:
            UsageError: when there is nothing of this name.
        """
        return self.entries[self._at(name)]

    def has(self, name: str) -> bool:
        """Whether something of this name was evaluated."""
        return any(e.name == name for e in self.entries)

    def value(self, name: str, images: str) -> float:
        """Return the metric of an entry on a set."""
        return float(self.row(name, images).mean())

    def row(self, name: str, images: str) -> np.ndarray:
        """Return what each image of a set adds to the metric of an entry, ``(n,)``."""
        found: np.ndarray = self.outcomes[images][self._at(name)].astype(np.float64)
        return found

    def oracle(self, images: str) -> str:
        """Return the ingredient that is best on a test set itself, which nobody can choose in advance."""
        values = {name: self.value(name, images) for name in self.ingredients}
        return min(values, key=lambda name: (-values[name], name))

    def metric_of(self, name: str, images: str) -> Estimate:
        """Return the metric of an entry with its interval over images."""
        row = self.row(name, images)
        return mean([row.mean()], row[None])

    def less(self, name: str, other: str, images: str) -> Estimate:
        """Return by how much the metric of one exceeds that of another, with a paired interval over images."""
        a, b = self.row(name, images), self.row(other, images)
        return contrast([a.mean()], [b.mean()], (a[None], b[None]))

    def standings(self) -> tuple[Standing, ...]:
        """Return the networks as saved, the best on held-out images first, then soups and ensembles, held against it.

        On the first test set, which had no part in any choice.
        """
        images, best = self.tests[0], self.row(self.best, self.tests[0])
        return tuple(
            standing(
                e.name,
                self.row(e.name, images),
                None if e.name == self.best else best,
                _note(e),
            )
            for e in self.entries
        )

    @property
    def stands_for(self) -> str:
        """What the numbers of the standings are."""
        return f"{self.measured} on {self.tests[0]}"

    @property
    def measured(self) -> str:
        """The metric in words."""
        return "AUC" if self.metric == "auc" else "accuracy"

    @property
    def shifted(self) -> tuple[str, ...]:
        """The test sets besides the task's own."""
        return self.tests[1:]

    def seed_gain(
        self, of: OfASeed, less: OfASeed = "best", *, share: float = 0.0, shifted: bool = False
    ) -> Estimate:
        """Return by how much something made of the networks of one seed exceeds something else: the mean over seeds.

        Args:
            of: what: the greedy soup, the greedy ensemble, the uniform soup.
            less: what it is held against.
            share: so much of what the greedy ensemble gains over the best single one is subtracted, too.
            shifted: the mean over all shifted test sets, each weighted alike, instead of the task's own.
        """
        names = self.shifted if shifted else self.tests[:1]
        if not names or not self.of_seeds:
            return Estimate(math.nan)
        found = []
        for one in self.of_seeds:
            rows = over_sets([one.rows[name].astype(np.float64) for name in names])
            row = dict(zip(OF_A_SEED, rows, strict=True))
            found.append(row[of] - row[less] - share * (row["ensemble"] - row["best"]))
        return mean([each.mean() for each in found], np.stack(found))

    def decision(self, images: str) -> Decision:
        """Return what to take by a test set: one ingredient, the greedy soup as their average, the greedy ensemble.

        All were chosen on held-out images, so the best single one is the best there, and is held against the others.

        Args:
            images: name of a test set.
        """
        soup, ensemble = (self.entry(f"greedy {what}") for what in ("soup", "ensemble"))
        return choose(
            np.stack([self.row(name, images) for name in self.ingredients]),
            average=self.row(soup.name, images) if len(soup.members) > 1 else None,
            ensemble=self.row(ensemble.name, images) if len(ensemble.members) > 1 else None,
            best=0,
        )

    def frame(self) -> pd.DataFrame:
        """Return one row an entry: the metric on each set, and its difference to the best single one."""
        import pandas as pd

        rows = []
        for entry in self.entries:
            row: dict[str, object] = {
                "name": entry.name, "kind": entry.kind, "members": len(entry.members), "passes": entry.passes,
                "statistics": entry.statistics,
                "coefficient": math.nan if entry.coefficient is None else entry.coefficient,
                HELD_OUT: self.value(entry.name, HELD_OUT),
            }  # fmt: skip
            for name in self.tests:
                gap = self.less(entry.name, self.best, name)
                low, high = (math.nan if end is None else end for end in (gap.low, gap.high))
                row |= {name: self.value(entry.name, name), f"{name}_over_best": gap.value,
                        f"{name}_low": low, f"{name}_high": high}  # fmt: skip
            rows.append(row)
        return pd.DataFrame(rows)

    def step_frame(self) -> pd.DataFrame:
        """Return one row a step of the greedy soup and of the greedy ensemble."""
        import pandas as pd

        rows = [
            {"of": of, "tried": s.name, "before": s.before, "after": s.after, "accepted": s.accepted,
             "gain": s.gain.value, "low": s.gain.low, "high": s.gain.high}
            for of, steps in (("greedy soup", self.steps), ("greedy ensemble", self.ensemble_steps))
            for s in steps
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def _at(self, name: str) -> int:
        names = [e.name for e in self.entries]
        if name not in names:
            raise UsageError(f"nothing is called {name!r}{nearest(name, names)}")
        return names.index(name)


def _note(entry: Entry) -> str:
    """What else must be known of something to choose it."""
    if entry.kind == "ensemble":
        return f"{entry.passes} network{'s' * (entry.passes != 1)} an answer"
    return "" if entry.statistics in ("", "saved") else f"statistics of batch norm {entry.statistics}"


def soup(
    net: Network,
    ingredients: Sequence[Ingredient | Solution | Mapping[str, Tensor]],
    held_out: ImageSet,
    tests: ImageSet | Mapping[str, ImageSet],
    *,
    init: Mapping[str, Tensor] | None = None,
    train: ImageSet | None = None,
    accept: Accept = "not worse",
    methods: Sequence[Method] = (),
    coefficients: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
    density: float = 0.2,
    keep: float = 0.5,
    precheck: bool = True,
    seed: int = 0,
    target: str = "",
    left_out: Sequence[LeftOut] = (),
    witnesses: Sequence[Witness] = (),
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Soup:
    """Average fine-tuned networks (Wortsman et al. 2022, Recipe 1), beside the best of them and their ensembles.

    Args:
        net: the network of all.
        ingredients: two or more sets of its weights; plain weights are called A, B, ….
        held_out: images to choose on.
        tests: images to judge on, one set or several by name (shifted ones, say); the first is the task's own.
        init: the weights all ingredients started from; what it lacks (a final layer) is averaged plainly.
        train: images on which statistics of batch norm are collected anew, unless ``recalibrate_on`` names others.
        accept: when the greedy soup takes one more: ``not worse`` (the paper) or ``better`` (the authors' code).
        methods: ways that need ``init``: ``wise_ft``, ``model_stock``, ``task_arithmetic``, ``ties``, ``dare``.
        coefficients: tried on held-out images where a method has one.
        density: share of each task vector that TIES keeps.
        keep: share that DARE keeps.
        precheck: whether to look why a soup may fail; it takes a pass over the held-out images an ingredient.
        seed: of DARE's draws.
        target: name of the task.
        left_out: what is known to be missing; named in the result.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        progress: told after every network, soup or step.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`; norm ``interpolated`` averages statistics.

    Raises:
        UsageError: for fewer than two different ingredients, ingredients of two networks, held-out images that are
            test images, sets of other classes, methods without ``init``, or an unknown option.

    >>> import torch
    >>> from torch import nn
    >>> from transferscope.models.network import Input
    >>> module = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((1, 2), 1, (0.0,), (1.0,)))
    >>> pixels = np.array([[255, 0], [0, 255], [255, 1], [1, 255]], np.uint8).reshape(4, 1, 2, 1)
    >>> images = ImageSet(pixels, np.array([0, 1, 0, 1]), ("a", "b"), np.array(list("wxyz")))
    >>> a, b = ({"1.weight": torch.tensor(w)} for w in ([[2.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 2.0]]))
    >>> found = soup(net, [a, b], images.subset([0, 1]), images.subset([2, 3]), device="cpu")
    >>> found.value("A", "test"), found.value("greedy soup", "test"), found.entry("greedy soup").members
    (0.5, 1.0, ('A', 'B'))
    """
    check_options(options, soup)
    given = gathered(ingredients)
    for method in methods:
        if method not in METHODS:
            raise UsageError(f"method {method!r}{nearest(method, METHODS)}")
    if methods and init is None:
        raise UsageError(f"{METHODS[methods[0]]} needs the weights that all started from; give init")
    sets = {"test": tests} if isinstance(tests, ImageSet) else dict(tests)
    if not sets:
        raise UsageError("no test images; give at least one set")
    if HELD_OUT in sets:
        raise UsageError(f"a test set is called {HELD_OUT!r}, which are the images to choose on; rename it")
    for name, images in sets.items():
        if images.classes != held_out.classes or images.multilabel != held_out.multilabel:
            raise UsageError(
                f"{name}: its classes are not those of the held-out images; give sets of the same classes"
            )
    chosen_on, strays = apart(held_out, sets)
    if train is not None and options.get("recalibrate_on") is None:
        options["recalibrate_on"] = train
    cook = Cook(net, given, chosen_on, sets, init=init, accept=accept, progress=progress, options=options)
    cook.taste()
    cook.uniform()
    steps = cook.greedy()
    ensemble_steps = cook.ensembles()
    lines = cook.with_start(methods, coefficients, density=density, keep=keep, seed=seed)
    checked = cook.precheck() if precheck else None
    return Soup(
        target=target,
        metric=cook.kitchen.metric,
        entries=tuple(entry for entry, _ in cook.entries),
        outcomes=cook.outcomes(),
        tests=tuple(sets),
        steps=steps,
        ensemble_steps=ensemble_steps,
        lines=lines,
        precheck=checked,
        accept=accept,
        counters=cook.counters,
        of_seeds=cook.of_seeds(),
        how=cook.kitchen.outputs.how,
        left_out=(*left_out, *strays, *cook.left),
        witnesses=tuple(witnesses),
    )
