"""Training a network, as a stream of events; what becomes of them is the caller's business."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..data.imageset import ImageSplits
from ..models.network import Network
from ..models.solution import Given, as_solution
from ..params import check_same
from ..progress import Progress, silent
from ..runtime import pick_device
from .course import Course, check
from .events import Event, Record
from .pace import Pace
from .recipe import Recipe
from .starts import Start
from .state import FitState
from .trainer import Trainer

__all__ = ["fit"]


def fit(
    net: Network,
    start: Start | Given,
    images: ImageSplits,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    record: Record | None = None,
    state: FitState | None = None,
    pace: Pace | None = None,
    progress: Progress = silent,
) -> Iterator[Event]:
    """Train a network and yield what happens (Neyshabur et al. 2020, Appendix A).

    The same arguments give the same events: on CPU, with the same number of threads, to the last bit, also when the
    run was stopped and goes on from a state it gave. A loss that is not finite ends the run. The best weights are
    those of the epoch that is best on the validation part (accuracy, or AUC when multi-label; ties go to the lower
    loss, then to the earlier epoch); the test part is only reported.

    Args:
        net: the network.
        start: its weights at the start.
        images: what to train on, choose by, and report.
        recipe: how to train.
        seed: of data order, augmentation and dropout; a new head was drawn in ``start``.
        device: where to compute.
        record: what to keep; by default the start, the best and the final weights.
        state: where to go on, from :class:`Saved`; else the run begins at ``start``.
        pace: which images come into play first; by default all are from the start.
        progress: told how many steps are done.

    Returns:
        The events, computed as they are asked for: :class:`Steps`, :class:`Epoch`, :class:`Snapshot`,
        :class:`Saved`, and last :class:`Ended`.

    Raises:
        UsageError: when recipe or start do not suit the network or the images.
        DataError: when the images do not suit the network.
    """
    weights = start.params if isinstance(start, Start) else as_solution(start, "start", net).params
    check(net, weights, images, recipe)
    if state is None:
        state = FitState(0, dict(weights))
    check_same(weights, state.params)
    trainer = Trainer(net, state.params, recipe, seed, pick_device(device))
    trainer.pace = pace
    trainer.go_on_in(state.precision)
    trainer.optimiser.load_momentum(state.momentum)
    return Course(trainer, images, record or Record(), state, progress).events()
