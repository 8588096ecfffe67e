"""Two-layer networks trained on a source, then on a target, at growing width, beside what the theorems say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...numerics.lazy import Labelled, lazy_transfer
from ...numerics.two_layer import Start, rotated, start_two_layer
from ...progress import Progress, silent
from ...rng import generator

__all__ = ["Experiment", "WidthRun", "experiment"]

_REST = 1e-3
"""Training goes on until the slowest direction has so small a share left, by the kernel."""


@dataclass(frozen=True)
class WidthRun:
    """A network of one width and seed: what was measured, and three predictions of it.

    ``printed`` is the theorem's right-hand side, ``exact`` the same with what the network says at its start, u(0),
    and ``finite`` that after the steps that were taken. Squares are sums over images.

    Attributes:
        units: m.
        seed: of the start.
        at_start: ‖∂L/∂X₁‖² at random weights, on the target.
        gradient: ‖∂L/∂X₁‖² at the pre-trained weights.
        gradient_printed: Theorem 1: ``at_start`` − ‖y_Q‖² + ‖y_Q − y_{P→Q}‖².
        gradient_exact: ‖r′‖², r′ = (y_Q − u_Q(0)) − H_PQᵀH_P⁻¹(y_P − u_P(0)).
        gradient_finite: ‖r′_K‖², with H_P⁻¹(I − (I − ηH_P)^K) for H_P⁻¹.
        moved: ‖W(Q) − W(P)‖²_F.
        moved_printed: Theorem 2: rᵀH_Q⁻¹r, r = y_Q − y_{P→Q}.
        moved_exact: r′ᵀH_Q⁻¹r′.
        moved_finite: Σ_i (v_iᵀr′_K)²(1 − (1 − ηλ_i)^K)²/λ_i.
        outputs_error: ‖u_Q(P) less what is predicted of it‖/‖y_Q‖ after the steps that were taken.
        source_left: ‖y_P − u_P‖²/‖y_P‖² at the end of pre-training.
        target_left: ‖y_Q − u_Q‖²/‖y_Q‖² at the end.
        flips: share of units × target images whose unit changed side from the random to the last weights.
    """

    units: int
    seed: int
    at_start: float
    gradient: float
    gradient_printed: float
    gradient_exact: float
    gradient_finite: float
    moved: float
    moved_printed: float
    moved_exact: float
    moved_finite: float
    outputs_error: float
    source_left: float
    target_left: float
    flips: float


@dataclass(frozen=True)
class Experiment:
    """Networks trained on one source and one target.

    Attributes:
        source: name of the source.
        target: name of the target.
        labels: what the networks learn.
        source_images: n_P.
        target_images: n_Q.
        source_steps: steps of pre-training, at η = 1/λ_max.
        target_steps: steps of fine-tuning.
        converged: whether these leave a thousandth of the slowest direction, by the kernel.
        start: how units are drawn, ``mirrored`` or ``independent``.
        size: κ.
        runs: the networks, by width, then seed.
    """

    source: str
    target: str
    labels: str
    source_images: int
    target_images: int
    source_steps: int
    target_steps: int
    converged: bool
    start: str
    size: float
    runs: tuple[WidthRun, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """The numbers of units, ascending."""
        return tuple(sorted({run.units for run in self.runs}))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds."""
        return tuple(dict.fromkeys(run.seed for run in self.runs))

    def of(self, units: int) -> tuple[WidthRun, ...]:
        """Return the networks of one width, in the order of the seeds."""
        return tuple(run for run in self.runs if run.units == units)


def experiment(
    p: Labelled,
    q: Labelled,
    *,
    source: str,
    target: str,
    labels: str,
    widths: Sequence[int],
    seeds: int,
    start: Start,
    size: float,
    most_steps: int,
    progress: Progress = silent,
) -> Experiment:
    """Train networks on P, then on Q, and measure what the theorems are about.

    Inputs are turned into the span of both sets, which changes nothing but the work. With several columns of labels
    each is learned by a network of its own from the same start, and squares are summed, as the kernel's are.

    Args:
        p: the source.
        q: the target, with as many columns of labels.
        source: name of the source.
        target: name of the target.
        labels: what the networks learn, in words.
        widths: numbers of units.
        seeds: networks of each width.
        start: how units are drawn.
        size: κ.
        most_steps: of each training.
        progress: is told how many of the networks are done.
    """
    theory = lazy_transfer(p, q)
    wanted = [h.steps_to(_REST) for h in (theory.p, theory.q)]
    k_p, k_q = (min(most_steps, k) for k in wanted)
    x_p, x_q = rotated([p.x, q.x])
    r = theory.residual(p.y, q.y)
    square = float(q.y.square().sum())
    runs = []
    for units in sorted(set(widths)):
        for seed in range(seeds):
            random = generator("theory", "start", units, seed)
            net = start_two_layer(units, x_p.shape[1], start=start, size=size, generator=random)
            said_p, said_q = net.outputs(x_p)[:, None], net.outputs(x_q)[:, None]  # u(0)
            before, ended, tuned, moved, flips = [], [], [], 0.0, 0.0
            for c in range(p.y.shape[1]):
                one = net.copy()
                one.train(x_p, p.y[:, c], theory.p.rate, k_p)
                before.append(one.outputs(x_q))
                ended.append(one.outputs(x_p))
                pretrained = one.weights.clone()
                one.train(x_q, q.y[:, c], theory.q.rate, k_q)
                tuned.append(one.outputs(x_q))
                moved += float((one.weights - pretrained).square().sum())
                flips += float((one.active(x_q) != net.active(x_q)).double().mean()) / p.y.shape[1]
            exact = theory.residual(p.y - said_p, q.y - said_q)
            finite = theory.residual(p.y - said_p, q.y - said_q, k_p)
            left = q.y - torch.stack(before, 1)
            at_start = _square(q.y - said_q)
            runs.append(
                WidthRun(
                    units=units,
                    seed=seed,
                    at_start=at_start,
                    gradient=_square(left),
                    gradient_printed=at_start - square + _square(r),
                    gradient_exact=_square(exact),
                    gradient_finite=_square(finite),
                    moved=moved,
                    moved_printed=theory.q.moved(r),
                    moved_exact=theory.q.moved(exact),
                    moved_finite=theory.q.moved(finite, k_q),
                    outputs_error=(_square(left - finite) / square) ** 0.5,
                    source_left=_square(p.y - torch.stack(ended, 1)) / float(p.y.square().sum()),
                    target_left=_square(q.y - torch.stack(tuned, 1)) / square,
                    flips=flips,
                )
            )
            progress(len(runs), len(set(widths)) * seeds, "networks")
    return Experiment(
        source, target, labels, len(p), len(q), k_p, k_q, wanted == [k_p, k_q], start, size, tuple(runs)
    )  # fmt: skip


def _square(x: Tensor) -> float:
    return float(x.square().sum())
