"""Which pre-trained network fits a target best, before any training?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from ...evidence.estimate import Estimate, measured, quantile
from ...evidence.left_out import LeftOut
from ...evidence.which import Standing
from ...numerics.scores import targets_of
from ...numerics.weighted_tau import weighted_tau
from ...probes.partial_results import Kept
from ...progress import Progress, silent
from ...rng import numpy_generator
from ..result import Result
from .candidate import Candidate, Scored, check, observed
from .labels import check_counts, known_labels, subsets_of
from .settled import Settled
from .values import EACH, SCORES, permuted, prepare, values

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Candidate", "Scored", "Scores", "scores"]

_LEVEL = 0.05
_PROMISED = 0.8
"""How likely a difference is told with the number of images that is named."""

LOSSES = frozenset({"ridge_loss"})


@dataclass(frozen=True, eq=False)
class Scores(Result):
    """Scores of some candidates for one target.

    Attributes:
        candidates: in the order in which they were given.
        names: of the scores, see :data:`SCORES`.
        values: ``(candidates, scores)``; nan where a score is not defined.
        subsets: ``(draws, candidates, scores)`` on subsets of the images, the same for all candidates; no draws where
            there is no interval.
        factor: what the variance over subsets is multiplied by to be that over images: m/(n − m) for m of n images.
        each: ``(candidates, 3, n)``: what each image adds to ridge's accuracy and log-loss and to that of neighbours;
            nan for several labels an image.
        null: ``(permutations, candidates, scores)`` with the labels permuted, the same for all candidates.
        images: name of the images.
        n: how many.
        classes: how many classes (labels) they have.
        multilabel: whether an image may have several labels; ridge and neighbours are then areas under the ROC curve.
        chance: share of the most frequent class; 0.5 for several labels.
        entropy: of the labels, in nats: what the log-loss is without features.
        left_out: classes, images and intervals that are not there, and scores that are not defined.
        settled: what short trainings of the best say, where they were asked for.
    """

    question: ClassVar[str] = "scores"
    cites: ClassVar[tuple[str, ...]] = ()

    candidates: tuple[Scored, ...]
    names: tuple[str, ...]
    values: np.ndarray
    subsets: np.ndarray
    factor: float
    each: np.ndarray
    null: np.ndarray
    images: str
    n: int
    classes: int
    multilabel: bool
    chance: float
    entropy: float
    left_out: tuple[LeftOut, ...] = ()
    settled: Settled | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the candidates."""
        return tuple(c.label for c in self.candidates)

    def order(self) -> list[int]:
        """Return the candidates' places, the best by leave-one-out ridge first; those without it last."""
        ridge = self.of("ridge")
        return sorted(range(len(ridge)), key=lambda i: (math.isnan(ridge[i]), -ridge[i]))

    def of(self, name: str) -> np.ndarray:
        """Return one score of all candidates."""
        found: np.ndarray = self.values[:, self.names.index(name)]
        return found

    def estimate(self, place: int, name: str = "ridge") -> Estimate:
        """Return a score of one candidate with its interval over the target's images."""
        return self._estimate(name, place)

    def difference(self, a: int, b: int, name: str = "ridge") -> Estimate:
        """Return how far the score of one candidate lies over that of another, on the same images."""
        return self._estimate(name, a, b)

    def _estimate(self, name: str, plus: int, minus: int | None = None) -> Estimate:
        """Return a score, or a difference of two, with the larger of its variances over subsets and image by image.

        The second is too small where what is fitted varies, too, and a floor where what is fitted hardly does.
        """
        at = self.names.index(name)

        def of(numbers: np.ndarray) -> np.ndarray:
            found: np.ndarray = numbers[plus] if minus is None else numbers[plus] - numbers[minus]
            return found

        value, draws = float(of(self.values[:, at])), of(self.subsets[:, :, at].T)
        if len(draws) < 2 or not np.isfinite(draws).all():
            return Estimate(value, n=self.n, images=self.n)
        spread, noise = self.factor * float(draws.var(ddof=1)), None
        if name in EACH and not self.multilabel:
            spread = max(spread, float(of(self.each[:, EACH.index(name)]).astype(np.float64).var(ddof=1)) / self.n)
            noise = None if name in LOSSES else 4 / self.n**2  # of a count of images: the rule of three
        return measured(
            value, over="images", n=self.n, images=self.n, spread=spread, freedom=len(draws) - 1, noise=noise
        )

    def standings(self) -> tuple[Standing, ...]:
        """Return the candidates by leave-one-out ridge, the best first, each held against it on the same images."""
        order = self.order()
        found = []
        for i in order:
            less = None if i == order[0] else self.difference(i, order[0])
            note = f"{self.candidates[i].network}"
            found.append(Standing(self.labels[i], self.estimate(i), less, None if less is None else less.p(), note))
        return tuple(found)

    @property
    def stands_for(self) -> str:
        """What the numbers of the standings are."""
        return f"leave-one-out ridge {'AUC' if self.multilabel else 'accuracy'} on training images"

    def told_apart(self) -> dict[int, Estimate]:
        """Return the candidates that another one surely beats by ridge, with how far the best lies over each.

        A candidate is beaten when, for some other one, the one-sided p of the difference is at most 0.05 divided by
        the number of others. The true best is then among those that are not beaten in 95 % of cases, however many
        candidates there are (Bonferroni).
        """
        order = self.order()
        level = _LEVEL / max(1, len(order) - 1)
        beaten = {}
        for i in order[1:]:
            found = [self.difference(j, i).p_over() for j in order if j != i]
            if any(p is not None and p <= level for p in found):
                beaten[i] = self.difference(order[0], i)
        return beaten

    def tied(self) -> list[int]:
        """Return the places of the best candidate and of those that cannot be told apart from it, best first."""
        ridge, beaten = self.of("ridge"), self.told_apart()
        return [i for i in self.order() if i not in beaten and math.isfinite(ridge[i])]

    def images_needed(self, a: int, b: int) -> int | None:
        """Return about how many images would tell two candidates apart, were their difference as large as it seems.

        n·V·(z_α + z_β)²/d², V the variance of the difference d over these n images, with a power of 80 %.

        Returns:
            The number, at least n; ``None`` where there is no variance or no difference.
        """
        found = self.difference(a, b)
        variance = (found.spread or 0.0) + (found.noise or 0.0)
        if not found.known or not found.value or not variance:
            return None
        level = _LEVEL / max(1, len(self.candidates) - 1)
        reach = quantile(2 * level) + quantile(2 * (1 - _PROMISED))
        needed = self.n * variance * (reach / found.value) ** 2
        return max(self.n, math.ceil(needed)) if math.isfinite(needed) else None

    def p(self, place: int, name: str) -> float:
        """Return the share of permutations of the labels that give at least this score, itself counted as one."""
        at = self.names.index(name)
        drawn, value = self.null[:, place, at], self.values[place, at]
        if math.isnan(value) or not len(drawn):
            return math.nan
        reached = (drawn <= value) if name in LOSSES else (drawn >= value)
        return (1 + int(reached.sum())) / (1 + len(drawn))

    def agreement(self) -> dict[str, float]:
        """Return the weighted τ of each score with leave-one-out ridge over the candidates."""
        ridge = self.of("ridge")
        others = [name for name in self.names if name != "ridge"]
        return {name: weighted_tau(-self.of(name) if name in LOSSES else self.of(name), ridge) for name in others}

    def table(self) -> pd.DataFrame:
        """Return one row a candidate, the best by ridge first: scores, and what it costs."""
        import pandas as pd

        tied, rows = self.tied(), []
        for i in self.order():
            c, ridge = self.candidates[i], self.estimate(i)
            rows.append(
                {
                    "candidate": c.label,
                    "network": c.network,
                    "ridge": ridge.value,
                    "low": _number(ridge.low),
                    "high": _number(ridge.high),
                    "tied_with_best": i in tied,
                    **{name: float(self.of(name)[i]) for name in self.names if name != "ridge"},
                    "parameters": c.parameters,
                    "ms_an_image": c.milliseconds,
                    "megabytes": c.memory / 1e6,
                    "features": c.width,
                    "side": c.side,
                }
            )
        return pd.DataFrame(rows)

    def frame(self) -> pd.DataFrame:
        """Return one row for each candidate and score: 95 % interval over images, null, seconds, cost."""
        import pandas as pd

        tied, rows = self.tied(), []
        for i in self.order():
            c = self.candidates[i]
            for at, name in enumerate(self.names):
                found, drawn = self.estimate(i, name), self.null[:, i, at]
                rows.append(
                    {
                        "candidate": c.label,
                        "network": c.network,
                        "score": name,
                        "value": found.value,
                        "low": _number(found.low),
                        "high": _number(found.high),
                        "null_mean": float(drawn.mean()) if len(drawn) else math.nan,
                        "p": self.p(i, name),
                        "seconds": c.seconds[name],
                        "not_defined_because": c.reasons.get(name, ""),
                        "tied_with_best": i in tied,
                        "parameters": c.parameters,
                        "ms_an_image": c.milliseconds,
                        "megabytes": c.memory / 1e6,
                        "features": c.width,
                        "n": self.n,
                    }
                )
        return pd.DataFrame(rows)


def scores(
    candidates: Sequence[Candidate],
    *,
    draws: int = 20,
    permutations: int = 20,
    k: int = 20,
    seed: int = 0,
    device: str | torch.device = "auto",
    kept: Kept | None = None,
    progress: Progress = silent,
) -> Scores:
    """Score candidates by the features of their penultimate layers on a target's training images, without training.

    Every candidate sees the images once, with its own input normalisation and in its own size. Intervals come from
    subsets without replacement, shared by all candidates, within classes; never from a bootstrap, in which copies of
    an image would be their own neighbours.

    Args:
        candidates: one or more, on the same images in the same order.
        draws: subsets for the intervals; 0 for none.
        permutations: of the labels, for the null; 0 for none.
        k: how many neighbours vote.
        seed: of subsets and permutations.
        device: ``cpu``, ``cuda`` or ``auto``; features are computed there, scores on the CPU.
        kept: where features and scores are kept in case of a stop.
        progress: told how many candidates' parts are done.

    Raises:
        UsageError: for no candidates, two of one label, or different images.
        DataError: when there are fewer images than classes, or a class has a single image.
        ModelError: when a network has no final layer before which features could be taken.
    """
    check(candidates, draws, permutations)
    labels, chosen, left = known_labels(candidates[0].images)
    targets = targets_of(labels)
    check_counts(candidates[0].images, targets)
    subsets, why = subsets_of(targets, draws, seed)
    if why:
        left.append(LeftOut("intervals", why))
    orders = [numpy_generator("scores", "null", seed, p).permutation(len(labels)) for p in range(permutations)]
    tell = _Told(progress, len(candidates), len(subsets) + len(orders))
    found, rows, of_subsets, of_null, each = [], [], [], [], []
    for number, candidate in enumerate(candidates):
        about, features, logits = observed(number, candidate, chosen, device, kept)
        prepared = prepare(features, logits, k)
        whole = values(prepared, targets)
        tell.part()
        known = kept.load(f"scores-{number}") if kept is not None else None
        if known is not None:
            under, null = known["subsets"], known["null"]
        else:
            under = np.full((len(subsets), len(SCORES)), np.nan)
            for at, part in enumerate(subsets):
                some = logits if isinstance(logits, str) else logits[part]
                under[at] = _row(values(prepare(features[part], some, k), targets_of(labels[part])).values)
                tell.part()
            null = np.full((len(orders), len(SCORES)), np.nan)
            for at, order in enumerate(orders):
                null[at] = _row(values(prepared, permuted(targets, order)).values)
                tell.part()
            if kept is not None:
                kept.save(f"scores-{number}", {"subsets": under, "null": null})
        found.append(
            Scored(**about, decomposing=prepared.seconds, reasons=whole.reasons, seconds=whole.seconds)  # type: ignore[arg-type]
        )
        rows.append(_row(whole.values))
        each.append(whole.each)
        of_subsets.append(under)
        of_null.append(null)
        left += [LeftOut(f"{SCORES[name]} of {candidate.label}", f"not defined because {reason}")
                 for name, reason in whole.reasons.items()]  # fmt: skip
    m, n = len(subsets[0]) if subsets else 0, len(labels)
    counts = targets.counts.numpy()
    return Scores(
        candidates=tuple(found),
        names=tuple(SCORES),
        values=np.stack(rows),
        subsets=np.stack(of_subsets, 1),
        factor=m / (n - m) if m else math.nan,
        each=np.stack(each),
        null=np.stack(of_null, 1),
        images=candidates[0].images.name,
        n=n,
        classes=len(counts),
        multilabel=targets.labels is None,
        chance=0.5 if targets.labels is None else float(counts.max()) / n,
        entropy=targets.entropy(),
        left_out=tuple(left),
    )


class _Told:
    """Progress over candidates and their parts."""

    def __init__(self, progress: Progress, candidates: int, parts: int) -> None:
        self._progress, self._done, self._total = progress, 0, candidates * (1 + parts)

    def part(self) -> None:
        self._done += 1
        self._progress(self._done, self._total, "parts")


def _row(found: dict[str, float]) -> np.ndarray:
    return np.array([found[name] for name in SCORES])


def _number(end: float | None) -> float:
    return math.nan if end is None else end
