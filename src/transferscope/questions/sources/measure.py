"""Sources, what is learned from them and which of their images, by few labelled images of a target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...data.imageset import ImageSplits
from ...errors import UsageError
from ...evidence.contrast import mean
from ...evidence.draws import with_draws
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness, chance_of, on_target
from ...evidence.left_out import LeftOut
from ...probes.outcomes import outcomes
from ...probes.partial_results import Kept
from ...progress import Progress, silent
from .._few_shot import few_shot_right
from ..protocols import GridPoint
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ALL", "TUNED", "SourceKind", "SourceRow", "Sources", "sources"]

ALL, TUNED = "all images", "fine-tuned"
"""Columns besides those of few shots: ridge regression on all images, and fine-tuning on them."""


@dataclass(frozen=True, order=True)
class SourceKind:
    """What pre-trainings have in common that differ in their seed alone.

    Attributes:
        source: what they are trained on.
        objective: what they learn: ``supervised``, ``simclr`` or ``clip``.
        sampling: how their images were chosen; empty where all are taken.
    """

    source: str
    objective: str = "supervised"
    sampling: str = ""

    @property
    def label(self) -> str:
        """What to call it.

        >>> SourceKind("photos", "simclr").label, SourceKind("photos", "supervised", "from hardest").label
        ('photos, SimCLR', 'photos, supervised, from hardest')
        """
        return ", ".join([self.source, WORDS[self.objective], *([self.sampling] if self.sampling else [])])


WORDS = {"supervised": "supervised", "simclr": "SimCLR", "clip": "CLIP"}


@dataclass(frozen=True)
class SourceRow:
    """A pre-training.

    Attributes:
        name: what it is called.
        kind: what it has in common with those of other seeds.
        seed: of initialisation, training and samples.
        upstream: accuracy of its final layer (of an online probe) on the source's test images; nan where it diverged.
        sample: ``images``, ``effective classes``, ``Vendi score`` of what it saw; empty where it saw all.
        ended: ``finished`` or how it did not; one that diverged counts as chance.
    """

    name: str
    kind: SourceKind
    seed: int
    upstream: float
    sample: dict[str, float]
    ended: str


@dataclass(frozen=True, eq=False)
class Sources(Result):
    """Pre-trainings by source, objective and sample on one target, by number of shots.

    Attributes:
        target: its name.
        columns: ``1 shot``, …, ``all images``, and ``fine-tuned`` where they were.
        draws: how often the few images were drawn.
        rows: every pre-training.
        right: ``(pre-trainings, columns, images)`` of each test image the share of draws in which it is right.
        drawn: ``(pre-trainings, columns, draws)`` accuracy of each draw; nan in columns that draw nothing.
        failed: pre-trainings and fine-tunings that diverged: they count as chance.
        chance: what is reached on the target by chance.
    """

    question: ClassVar[str] = "sources"
    cites: ClassVar[tuple[str, ...]] = (
        "Sedghi (slides), The role of pretraining data in transfer learning",
        "Entezari et al. 2023",
    )

    target: str
    columns: tuple[str, ...]
    draws: int
    rows: tuple[SourceRow, ...]
    right: np.ndarray
    drawn: np.ndarray
    failed: tuple[LeftOut, ...]
    chance: float = 0.0

    @property
    def kinds(self) -> tuple[SourceKind, ...]:
        """In the order of the rows."""
        return tuple(dict.fromkeys(row.kind for row in self.rows))

    @property
    def images(self) -> int:
        """Test images of the target."""
        return int(self.right.shape[2])

    def at(self, column: str) -> int:
        """Return the place of a column."""
        return self.columns.index(column)

    def seeds(self, *kinds: SourceKind) -> tuple[int, ...]:
        """Return the seeds that all of some kinds have."""
        each = [{row.seed for row in self.rows if row.kind == kind} for kind in kinds]
        return tuple(sorted(set.intersection(*each))) if each else ()

    def accuracy(self, kind: SourceKind, column: int) -> Estimate:
        """Return the accuracy of a kind, over pre-trainings, draws and images."""
        return self._over([(kind, 1.0)], [column], [1.0])

    def less(self, pairs: Sequence[tuple[SourceKind, SourceKind]], column: int, than: int | None = None) -> Estimate:
        """Return by how much the first of each pair is better than the second, seed by seed, the mean over pairs.

        Args:
            pairs: kinds.
            column: where.
            than: another column, whose difference is taken off.
        """
        share = 1 / len(pairs)
        weighted = [(kind, sign * share) for pair in pairs for kind, sign in zip(pair, (1, -1), strict=True)]
        columns = [column] if than is None else [column, than]
        return self._over(weighted, columns, [1.0, -1.0][: len(columns)])

    def _over(
        self, weighted: Sequence[tuple[SourceKind, float]], columns: Sequence[int], signs: Sequence[float]
    ) -> Estimate:
        """A weighted sum of kinds and columns, one number a seed that all have; and draws, which all share."""
        seeds = self.seeds(*(kind for kind, _ in weighted))
        if not seeds:
            return Estimate(math.nan)
        row_of = {(row.kind, row.seed): i for i, row in enumerate(self.rows)}
        each = np.zeros((len(seeds), self.images))
        draws = np.zeros(self.draws)
        for kind, weight in weighted:
            places = [row_of[kind, seed] for seed in seeds]
            for column, sign in zip(columns, signs, strict=True):
                each += weight * sign * self.right[places, column]
                draws += weight * sign * np.nan_to_num(self.drawn[places, column].mean(0))
        found = mean(each.mean(1), each, over="pre-trainings")
        return with_draws(found, draws) if self.draws > 1 else found

    def judged_by(self, *kinds: SourceKind) -> tuple[Witness, ...]:
        """Return the pre-trainings of some kinds, with whether they clearly beat chance where shots are fewest."""
        rows = [(i, row) for i, row in enumerate(self.rows) if row.kind in kinds]
        ends = (
            (row.name, float(self.right[i, 0].mean()), "" if row.ended == "finished" else row.ended)
            for i, row in rows
        )
        return on_target(ends, self.images, self.chance)

    def seed_means(self, kind: SourceKind, column: int) -> dict[int, float]:
        """Return the accuracy of each seed of a kind."""
        rows = [(row.seed, i) for i, row in enumerate(self.rows) if row.kind == kind]
        return {seed: float(self.right[i, column].mean()) for seed, i in rows}

    def frame(self) -> pd.DataFrame:
        """Return one row a pre-training and column."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "target": self.target, "pre-training": row.name, "source": row.kind.source,
                    "objective": row.kind.objective, "sampling": row.kind.sampling, "seed": row.seed,
                    "upstream accuracy": row.upstream, **row.sample, "column": column,
                    "accuracy": float(self.right[i, at].mean()),
                    "sd over draws": float(self.drawn[i, at].std(ddof=1)) if self.draws > 1 else math.nan,
                    "ended": row.ended,
                }
                for i, row in enumerate(self.rows)
                for at, column in enumerate(self.columns)
            ]
        )  # fmt: skip


def sources(
    points: Iterable[GridPoint],
    images: ImageSplits,
    *,
    target: str = "",
    shots: Sequence[int] = (1, 5, 10, 20),
    draws: int = 5,
    seed: int = 0,
    device: str = "auto",
    kept: Kept | None = None,
    total: int = 0,
    progress: Progress = silent,
) -> Sources:
    """Evaluate pre-trainings on different sources with few and with all labelled images (Entezari et al. 2023).

    Features are what the final layer is given; ridge regression with λ by leave-one-out, on ``shots`` images a class
    (the same ones for every pre-training) and on all training images, gives test accuracy. Where pre-trainings were
    fine-tuned on the target, that is one more column. A pre-training that diverged counts as chance.

    Args:
        points: the pre-trainings.
        images: of the target, one label an image.
        target: its name.
        shots: images a class, rising.
        draws: how often they are drawn.
        seed: of the draws.
        device: where features are computed.
        kept: where partial results are kept, a pre-training at a time.
        total: how many pre-trainings there are, for progress; 0 where it is not known.
        progress: told how many pre-trainings are done.

    Raises:
        UsageError: for no pre-trainings, several labels an image, or numbers of shots that cannot be.
    """
    if images.train.labels.ndim == 2:
        raise UsageError(f"{target}: has several labels an image; a few-shot accuracy takes one label an image")
    if not shots or list(shots) != sorted(set(shots)) or shots[0] < 1 or draws < 1:
        raise UsageError(f"shots {list(shots)} and {draws} draws; expected rising numbers from 1, and a draw or more")
    rows, right, drawn, failed = [], [], [], []
    tuned, chance = False, chance_of(images.test)
    for done, point in enumerate(points):
        kind = SourceKind(point.source or point.family, point.objective, point.sampling)
        rows.append(SourceRow(point.name, kind, point.seed, point.accuracy, dict(point.sample), point.ended))
        if point.params is None:
            failed.append(LeftOut(point.name, point.ended, target))
            each, of_draws = (np.full((len(shots) + 1, n), chance) for n in (len(images.test), draws))
        else:
            each, of_draws = few_shot_right(point, images, shots, draws, None, seed, device, kept, whole=True)
        if point.finetuned is not None:
            tuned = True
            after = np.full(len(images.test), chance)
            if point.tuned is not None and point.tuned_net is not None:
                after = outcomes(point.tuned_net, point.tuned, images.test, "accuracy", device=device)
            elif point.params is not None:
                failed.append(LeftOut(f"{point.name}, fine-tuned", "diverged", target))
            each = np.concatenate([each, after[None]])
            of_draws = np.concatenate([of_draws, np.full((1, draws), math.nan)])
        right.append(each.astype(np.float32))
        drawn.append(of_draws)
        progress(done + 1, max(total, done + 1), "pre-trainings")
    if not rows:
        raise UsageError("sources of no pre-trainings; give some")
    few = [f"{count} shot{'s' * (count > 1)}" for count in shots]
    return Sources(
        target, (*few, ALL, *([TUNED] if tuned else [])), draws, tuple(rows), np.stack(right), np.stack(drawn),
        tuple(failed), chance,
    )  # fmt: skip
