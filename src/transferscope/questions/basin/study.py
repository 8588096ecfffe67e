"""How a study asks about basin: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError
from ..base import (
    Ends,
    Metric,
    NormPolicy,
    OfPairs,
)
from ..words import Words

if TYPE_CHECKING:
    from ...models.solution import Solution
    from ..protocols import ImagesView, Inputs, StudyView
    from ..result import Result

__all__ = ["BasinQuestion"]


class BasinQuestion(OfPairs):
    """Do solutions live in one (ε, δ)-basin, and how large are ε and δ?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2
    # An eighth of the work for two networks: noise takes most of it, and a rise of 2ε is seen on fewer images, too.
    # Lines grow with the number of seeds, not with its square. Claims are judged of pairs, on the extended set.
    quick: ClassVar[Mapping[str, Any]] = {
        "samples": 24, "draws": 8, "images": 500, "groups": ["pairs"], "partners": 2,
    }  # fmt: skip

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Basin",
        asks="Do solutions live in one (ε, δ)-basin, and how large are ε and δ?",
        rows="Neyshabur et al. 2020, Def. 3.1, §3.3",
        how=(
            "S is what solutions span: the segment between two, the simplex of more, sampled uniformly. μ is "
            "the mean error on S and ε the mean distance of the error from μ. δ is the smallest noise with "
            "which the error rises by at least 2ε over μ, both (2) at points where a ray through S leaves it, "
            "shaken by noise of length about δ, and (3) beyond them, by a distance drawn with standard "
            "deviation δ; found by doubling and bisection with the same draws throughout. Noise moves "
            "parameters only.",
            "S is measured as spanned, and extended to where the error has risen over that of the solution by "
            "the stated rise. On these images it is one basin when ε is under the threshold and δ exists, both "
            "with their intervals, which are over draws.",
            "Of a kind of pairs, two numbers a pair are judged, draws averaged: ε of the extended set, and by how "
            "much the error around it exceeds μ + 2ε at the largest δ that is tried; over 0 there is a δ. "
            "Networks are the sample, one left out at a time, and images vary, too, by working both out again on "
            "resampled images. A verdict needs three networks that learned something.",
        ),
        caption=(
            "Error at points of S, and how far it rises around S with the noise; δ is where both conditions reach "
            "2ε. Of many groups the first of each kind."
        ),
    )

    question: Literal["basin"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    groups: Annotated[tuple[Literal["pairs", "all", "mixed"], ...], Field(min_length=1)] = ("pairs", "all")
    """What spans a basin: ``pairs`` of runs that both start from pre-trained, or both from random weights, ``all``
    such runs together where there are more than two, ``mixed`` pairs of one of each."""
    samples: Annotated[int, Field(ge=2, le=10_000)] = 64
    """Points drawn from what they span."""
    draws: Annotated[int, Field(ge=2, le=10_000)] = 32
    """Draws of the noise for each δ that is tried."""
    width: Annotated[float, Field(gt=0)] | None = None
    """Draw only until the 95 % interval of ε is no wider than this, such as 0.002; then ``samples`` and ``draws`` are
    the most. Default: all."""
    limit: Annotated[float, Field(gt=0)] | None = None
    """The largest δ that is tried; default: the mean norm of the solutions."""
    extend: bool = True
    """Extend what they span to where the basin ends, too, as extrapolation finds it."""
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Rise of the error at which it ends; where only the loss is measured 0.1 nats."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """ε of the error up to which it is one basin; for the loss 0.05 nats."""
    metrics: tuple[Metric, ...] | None = None
    """What is measured; default: error and loss, for several labels an image AUC and loss."""
    images: PositiveInt | None = 1000
    """Use at most this many test images."""
    norm: NormPolicy = "recalibrated"
    """Batch-norm statistics off the solutions: collected anew, interpolated, or kept."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the points of what pairs span, and of some fourteen δ in two conditions."""
        points = (self.samples + 28 * self.draws) * (2 if self.extend else 1)
        return self.seen(images) * points * self.lines(networks) / (1 if "mixed" in self.groups else 2)

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield that there are too few runs, or too few that start alike."""
        few = list(super().lacks(where, study, images))
        yield from few
        if few or "mixed" in self.groups:
            return
        wanted = 2 if "pairs" in self.groups else 3
        for target in images:
            if max(self.run_counts(study, target).values()) < wanted:
                yield SpecError(
                    where,
                    f"needs {wanted} runs on {target} that start alike (from source, or from random); add a seed",
                )

    def answer(self, inputs: Inputs) -> Result:
        """Measure what groups of networks span."""
        from .measure import BasinRule, basin

        rule = BasinRule(
            samples=self.samples,
            draws=self.draws,
            limit=self.limit,
            extend=self.extend,
            rise=self.rise,
            threshold=self.threshold,
            width=self.width,
        )
        (images,) = inputs.sets(("test",), self.images).values()
        return basin(
            inputs.net,
            groups_of(inputs.solutions(self.weights), self.groups, self.partners),
            images,
            witnesses=inputs.witnesses(),
            rule=rule,
            metrics=self.metrics,
            progress=inputs.progress,
            **self.engine(inputs, inputs.splits.train),
        )


def groups_of(
    solutions: Sequence[Solution], wanted: Sequence[str], partners: int | None = None
) -> list[tuple[Solution, ...]]:
    """Return what spans basins: ``pairs`` of one role, ``all`` of it, ``mixed`` pairs.

    Args:
        solutions: the networks.
        wanted: which of these.
        partners: how many others that follow it each network is paired with; ``None`` for all.

    >>> from transferscope.models.solution import Solution
    >>> a, b, c = (Solution(label, {}, role) for label, role in (("a", "P-T"), ("b", "P-T"), ("c", "RI-T")))
    >>> [[s.label for s in group] for group in groups_of([a, b, c], ["pairs", "all", "mixed"])]
    [['a', 'b'], ['a', 'c'], ['b', 'c']]
    """
    from .._run_pairs import pairs_among

    pairs = pairs_among(solutions, partners)
    groups: list[tuple[Solution, ...]] = [p for p in pairs if "pairs" in wanted and p[0].role == p[1].role]
    groups += [p for p in pairs if "mixed" in wanted and p[0].role != p[1].role]
    roles: dict[str, list[Solution]] = {}
    for solution in solutions:
        roles.setdefault(solution.role, []).append(solution)
    return groups + [tuple(of) for of in roles.values() if "all" in wanted and len(of) > 2]
