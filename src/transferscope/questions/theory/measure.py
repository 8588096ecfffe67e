"""What does the theory of wide two-layer networks say of a source and a target, and do networks do it?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ...errors import UsageError
from ...evidence.contrast import mean
from ...evidence.estimate import Estimate
from ...evidence.left_out import LeftOut
from ...evidence.trend import slopes
from ...numerics.two_layer import Start
from ...progress import Progress, silent
from ..result import Result
from .inputs import Given, both, halves, named, task
from .networks import Experiment, WidthRun, experiment
from .scores import TaskScore, score
from .trained import TrainedPair

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Experiment", "TaskScore", "Theory", "WidthRun", "ntk_transfer", "theory_scores"]

What = Literal["gradient", "moved"]
"""Of Theorem 1, of Theorem 2."""


@dataclass(frozen=True, eq=False)
class Theory(Result):
    """What the theorems' right-hand sides are for real inputs, and what trained networks do.

    Attributes:
        scores: of each source and target.
        experiments: networks of growing width, of some of them.
        centred: whether the mean input was subtracted.
        ridge: that was added to the kernels of the scores, as a share of the mean of their diagonals.
        left_out: sources and targets without a score, with the reason.
        trained: what networks of a study came to, by source and target; none where they were not looked at.
    """

    question: ClassVar[str] = "theory"
    cites: ClassVar[tuple[str, ...]] = (
        "Liu et al. 2019, §6",
        "Liu et al. 2019, Theorem 1",
        "Liu et al. 2019, Theorem 2",
    )

    scores: tuple[TaskScore, ...]
    experiments: tuple[Experiment, ...]
    centred: bool
    ridge: float
    left_out: tuple[LeftOut, ...] = ()
    trained: tuple[TrainedPair, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that have scores."""
        return tuple(dict.fromkeys(one.source for one in self.scores))

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that have scores."""
        return tuple(dict.fromkeys(one.target for one in self.scores))

    def excess(self, of: Experiment, what: What, against: str = "printed") -> Estimate:
        """Return measured over predicted less 1, of the widest networks; the mean over seeds.

        Each seed has a pre-training of its own, so pre-trainings are the sample.

        Args:
            of: the networks.
            what: ``gradient`` or ``moved``.
            against: ``printed``, ``exact`` or ``finite``.
        """
        return mean([_excess(run, what, against) for run in of.of(of.widths[-1])], over="pre-trainings")

    def slope(self, of: Experiment, what: What | Literal["outputs"]) -> Estimate:
        """Return how the error falls with width: the slope of log |error| in log m, one a seed; −½ in theory.

        The error is that of the prediction after the steps that were taken, as a share; of ``outputs`` it is the
        length of the error of u_Q(P), which has all images in it and varies less from seed to seed. nan with fewer
        than two widths.
        """
        if len(of.widths) < 2:
            return Estimate(math.nan)
        rows = []
        for seed in of.seeds:
            mine = [next(run for run in of.of(m) if run.seed == seed) for m in of.widths]
            errors = [run.outputs_error if what == "outputs" else abs(_excess(run, what, "finite")) for run in mine]
            rows.append(np.log(np.maximum(errors, 1e-16)))
        return mean(slopes(np.log(of.widths), np.array(rows)), over="pre-trainings")

    def frame(self) -> pd.DataFrame:
        """Return one row for each source and target: both scores with intervals over images, and the null."""
        import pandas as pd

        return pd.DataFrame([_row(one) for one in self.scores])

    def network_frame(self) -> pd.DataFrame:
        """Return one row a network: what was measured and what is predicted."""
        import pandas as pd

        rows = [
            {"source": e.source, "target": e.target, "start": e.start, **asdict(run)}
            for e in self.experiments
            for run in e.runs
        ]
        return pd.DataFrame(rows)


def ntk_transfer(
    P: Given,
    Q: Given,
    *,
    widths: Sequence[int] = (256, 1024, 4096),
    seeds: int = 8,
    start: Start = "mirrored",
    size: float = 1.0,
    most_steps: int = 5000,
    centre: bool = True,
    ridge: float = 0.0,
    resamples: int = 100,
    progress: Progress = silent,
) -> Theory:
    """Say what the theory predicts of a transfer from P to Q, and train two-layer networks to see whether it happens.

    With H∞ the kernel of :func:`~transferscope.numerics.relu_gram.relu_gram`, y_{P→Q} = H_PQᵀH_P⁻¹y_P and
    r = y_Q − y_{P→Q}: ‖∂L/∂X₁‖² at the pre-trained weights is ‖r‖², under ‖y_Q‖² where P helps (Theorem 1); and
    ‖W(Q) − W(P)‖²_F is rᵀH_Q⁻¹r, under y_QᵀH_Q⁻¹y_Q where it helps (Theorem 2; the paper's body prints it without
    the square). As printed both need u(0) = 0, which independent units have only for κ → 0 and a mirrored start has
    always; the exact form with u(0), and that after the steps that were taken, stand beside the printed one.

    Source: Liu et al. 2019, §6 and Appendix C.

    Args:
        P: the source: images, or ``(inputs, labels)``; labels ``(n,)`` or ``(n, k)`` from −1 to 1.
        Q: the target, of inputs as long. With as many columns labels are taken as of the same meaning.
        widths: numbers of units m; none trains nothing.
        seeds: networks of each width, each with a pre-training of its own; four at least for intervals.
        start: ``mirrored``, or ``independent`` units as the paper has them.
        size: κ, the standard deviation of the weights at the start.
        most_steps: of each training, at η = 1/λ_max; it ends when a thousandth of the slowest direction is left.
        centre: subtract the mean input.
        ridge: added to the kernels of the scores, as a share of the mean of their diagonals; 0 as in the theorems.
        resamples: halves for the intervals, and permutations of labels for the null; 2 or more.
        progress: is told how many networks are done.

    Returns:
        The scores and the networks. Images of other classes than the source's have a score with a fitted head and no
        networks, and the result says so.

    Raises:
        UsageError: for the same input with other labels, a singular kernel, or inputs that do not fit.

    >>> import transferscope as ts
    >>> found = ntk_transfer((np.eye(3)[:2], [1, -1]), (np.eye(3)[:2], [1, -1]), widths=[], centre=False)
    >>> round(found.scores[0].move, 6), round(found.scores[0].gradient, 6)  # nothing is left to learn
    (0.0, 0.0)
    >>> found = ntk_transfer((np.eye(3)[:1], [1]), (np.eye(3)[1:2], [1]), widths=[], centre=False)
    >>> found.scores[0].move  # at right angles: the source says nothing of the target
    1.0
    """
    _check(widths=widths, seeds=seeds, most_steps=most_steps, resamples=resamples)
    if start not in ("mirrored", "independent"):
        raise UsageError(f"start {start!r}: expected 'mirrored' or 'independent'")
    names = next(iter(named(P, "P"))), next(iter(named(Q, "Q")))
    p, q = task(names[0], P), task(names[1], Q)
    fitted = p.labels != q.labels
    sides = both(p, q, centre=centre)
    one = score(
        *sides, source=p.name, target=q.name, fitted=fitted, ridge=ridge, halves=resamples, permutations=resamples
    )
    done, left = [], []
    if fitted and widths:
        left.append(LeftOut(f"networks from {p.name}", "labels are of other classes than the source's", q.name))
    elif widths:
        done.append(
            experiment(
                *sides,
                source=p.name,
                target=q.name,
                labels=f"{len(p.labels)} column{'s' * (len(p.labels) > 1)}",
                widths=_widths(widths),
                seeds=seeds,
                start=start,
                size=size,
                most_steps=most_steps,
                progress=progress,
            )
        )
    return Theory((one,), tuple(done), centre, ridge, tuple(left))


def theory_scores(
    sources: Given | Mapping[str, Given],
    targets: Given | Mapping[str, Given],
    *,
    images: int | None = 400,
    network_images: int = 16,
    widths: Sequence[int] = (),
    seeds: int = 8,
    most_steps: int = 5000,
    centre: bool = True,
    ridge: float = 0.0,
    resamples: int = 100,
    progress: Progress = silent,
) -> Theory:
    """Say of several sources and targets how like they are, by the right-hand sides of both theorems.

    Args:
        sources: by name: images, or ``(inputs, labels)`` as in :func:`ntk_transfer`, features of a network, say.
        targets: by name; a source is not held against itself.
        images: of each at most so many, drawn at random.
        network_images: images of each that networks are trained on, with one label: half of the classes against the
            rest.
        widths: numbers of units of networks to train from the first source on each target; none by default.
        seeds: networks of each width.
        most_steps: of each training.
        centre: subtract the mean input.
        ridge: added to the kernels of the scores, as a share of the mean of their diagonals.
        resamples: halves for the intervals, and permutations of labels for the null.
        progress: is told how many sources and targets are done.

    Raises:
        UsageError: for no source or target, and what :func:`ntk_transfer` refuses.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((120, 20))
    >>> y = np.sign(x[:, 0])
    >>> found = theory_scores({"P": (x[:60], y[:60])}, {"same": (x[60:], y[60:]), "flipped": (x[60:], -y[60:])})
    >>> [round(one.gradient, 1) for one in found.scores]
    [0.5, 2.6]
    """
    _check(widths=widths, seeds=seeds, most_steps=most_steps, resamples=resamples)
    for what, number in (("images", 2 if images is None else images), ("network_images", network_images)):
        _whole(what, number, 2)
    given = named(sources, "source"), named(targets, "target")
    pairs = [(p, q) for p in given[0] for q in given[1] if given[0][p] is not given[1][q]]
    if not pairs:
        raise UsageError("theory of no source and target; give at least one of each, and not the same for both")
    scores: list[TaskScore] = []
    done: list[Experiment] = []
    left: list[LeftOut] = []
    seen: set[str] = set()
    for count, (p, q) in enumerate(pairs):
        tasks = task(p, given[0][p], images), task(q, given[1][q], images)
        if tasks[0].x.shape[1] != tasks[1].x.shape[1]:
            sizes = " and ".join(f"{t.x.shape[1]:,} numbers" for t in tasks)
            left.append(LeftOut(p, f"inputs have other sizes: {sizes}", q))
            continue
        fitted = tasks[0].labels != tasks[1].labels
        sides = both(*tasks, centre=centre)
        scores.append(
            score(*sides, source=p, target=q, fitted=fitted, ridge=ridge, halves=resamples, permutations=resamples)
        )
        if widths and q not in seen:
            seen.add(q)
            few = halves(given[0][p], network_images, p), halves(given[1][q], network_images, q)
            done.append(
                experiment(
                    *both(*few, centre=centre),
                    source=p,
                    target=q,
                    labels=few[0].labels[0],
                    widths=_widths(widths),
                    seeds=seeds,
                    start="mirrored",
                    size=1.0,
                    most_steps=most_steps,
                )
            )
        progress(count + 1, len(pairs), "pairs")
    return Theory(tuple(scores), tuple(done), centre, ridge, tuple(left))


def _check(*, widths: Sequence[int], seeds: int, most_steps: int, resamples: int) -> None:
    """Refuse settings that are not what they are taken for."""
    if isinstance(widths, (int, str)):
        raise UsageError(f"widths {widths!r}: expected several numbers of units, e.g. [256, 1024, 4096]")
    for width in widths:
        _whole("widths", width, 1)
    for name, value, least in (("seeds", seeds, 1), ("most_steps", most_steps, 1), ("resamples", resamples, 2)):
        _whole(name, value, least)


def _whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name} {value!r}: expected a whole number, {least} or more")


def _widths(widths: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(set(widths)))


def _excess(run: WidthRun, what: What, against: str) -> float:
    predicted: float = getattr(run, f"{what}_{against}")
    measured: float = getattr(run, what)
    return measured / predicted - 1 if predicted > 0 else math.nan


def _row(one: TaskScore) -> dict[str, object]:
    move, gradient = one.moves, one.gradients
    return {
        "source": one.source,
        "target": one.target,
        "move": one.move,
        "move_low": _or_nan(move.low),
        "move_high": _or_nan(move.high),
        "p": one.p,
        "gradient": one.gradient,
        "gradient_low": _or_nan(gradient.low),
        "gradient_high": _or_nan(gradient.high),
        "alignment": one.alignment,
        "fitted_head": one.fitted,
        "source_complexity": one.source_complexity,
        "target_complexity": one.target_complexity,
        "random_complexity": one.random_complexity,
        "source_least": one.source_least,
        "source_condition": one.source_condition,
        "target_least": one.target_least,
        "target_condition": one.target_condition,
        "source_images": one.source_images,
        "target_images": one.target_images,
        "merged": one.merged,
    }


def _or_nan(x: float | None) -> float:
    return math.nan if x is None else x
