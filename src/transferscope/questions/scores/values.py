"""All scores of one candidate's features on one set of labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ...numerics.scores import (
    Decomposition,
    LooKnn,
    LooRidge,
    Neighbours,
    NotDefinedError,
    Targets,
    TaskMove,
    decompose,
    gbc,
    h_score,
    leep,
    logme,
    loo_knn,
    loo_ridge,
    nce,
    neighbours,
    transrate,
)
from ..protocols import NOT_LEARNED
from .source import Learned, ratios

__all__ = ["EACH", "LOSSES", "SCORES", "Prepared", "Values", "permuted", "prepare", "values"]

T = TypeVar("T")

SCORES: dict[str, str] = {
    "ridge": "leave-one-out ridge",
    "ridge_loss": "log-loss of ridge",
    "knn": "nearest neighbours",
    "logme": "LogME",
    "h_score": "H-score",
    "transrate": "TransRate",
    "transrate_coarse": "TransRate (ε 0.01)",
    "gbc": "GBC",
    "leep": "LEEP",
    "nce": "NCE",
    "task_move": "distance left (Theorem 2)",
    "task_gradient": "gradient at the start (Theorem 1)",
}
"""Every score, with what sentences call it; larger is better, but for :data:`LOSSES`."""

LOSSES = frozenset({"ridge_loss", "task_move", "task_gradient"})
"""Those that are better when they are smaller."""

EACH = ("ridge", "ridge_loss", "knn")
"""Those that are means over images (areas under the ROC curve, of several labels an image, are not)."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What does not depend on the labels, or why it does not exist.

    Attributes:
        decomposition: of the features.
        neighbours: of each image.
        probabilities: of the source classes.
        source: what the candidate was pre-trained on.
        move: what that says of these images.
        seconds: what the decomposition took.
        searched: seconds for the neighbours.
        moved: seconds for the kernels of source and target.
    """

    decomposition: Decomposition | NotDefinedError
    neighbours: Neighbours | NotDefinedError
    probabilities: Tensor | NotDefinedError
    source: Learned | NotDefinedError
    move: TaskMove | NotDefinedError
    seconds: float
    searched: float
    moved: float


@dataclass(frozen=True)
class Values:
    """All scores.

    Attributes:
        values: by name; nan where one is not defined.
        reasons: why a score is not defined.
        seconds: that each took.
        each: ``(3, n)``: what each image adds to the scores of :data:`EACH`; nan where that is not so.
    """

    values: dict[str, float]
    reasons: dict[str, str]
    seconds: dict[str, float]
    each: np.ndarray


def prepare(features: np.ndarray, logits: np.ndarray | str, k: int, source: Learned | str = NOT_LEARNED) -> Prepared:
    """Decompose features and find neighbours.

    Args:
        features: ``(n, d)``.
        logits: ``(n, z)`` of a softmax over source classes, or why there are none.
        k: how many neighbours vote.
        source: what the candidate was pre-trained on, or why that is not known.

    Raises:
        UsageError: when features are not finite.
    """
    whole = torch.from_numpy(np.ascontiguousarray(features))
    begun = time.perf_counter()
    decomposed = _or_why(lambda: decompose(whole))
    middle = time.perf_counter()
    near = _or_why(lambda: neighbours(whole, k))
    end = time.perf_counter()
    if isinstance(logits, str):
        probabilities: Tensor | NotDefinedError = NotDefinedError(logits)
    else:
        probabilities = torch.from_numpy(np.ascontiguousarray(logits)).to(torch.float64).softmax(1)
    known: Learned | NotDefinedError = NotDefinedError(source) if isinstance(source, str) else source
    last = time.perf_counter()
    move = _or_why(lambda: _there(known).move(whole))
    moved = time.perf_counter() - last
    return Prepared(decomposed, near, probabilities, known, move, middle - begun, end - middle, moved)


def values(prepared: Prepared, targets: Targets, classes: Sequence[str] = ()) -> Values:
    """Compute every score that is defined.

    Args:
        prepared: of n images.
        targets: their labels.
        classes: names of all classes, by which source and target are seen to have the same ones.
    """

    def of_features(score: Callable[[Decomposition, Targets], float]) -> Callable[[], float]:
        return lambda: score(_there(prepared.decomposition), targets)

    found: dict[str, float] = {}
    reasons: dict[str, str] = {}
    seconds: dict[str, float] = {}

    def add(name: str, score: Callable[[], float]) -> None:
        begun = time.perf_counter()
        value = _or_why(score)
        seconds[name] = time.perf_counter() - begun
        found[name] = np.nan if isinstance(value, NotDefinedError) else value
        if isinstance(value, NotDefinedError):
            reasons[name] = value.reason

    begun = time.perf_counter()
    ridge = _or_why(lambda: loo_ridge(_there(prepared.decomposition), targets))
    fitting = time.perf_counter() - begun
    add("ridge", lambda: _headline(_there(ridge)))
    seconds["ridge"] += fitting
    add("ridge_loss", lambda: _there(ridge).log_loss)
    begun = time.perf_counter()
    knn = _or_why(lambda: loo_knn(_there(prepared.neighbours), targets))
    voting = time.perf_counter() - begun
    add("knn", lambda: _headline(_there(knn)))
    seconds["knn"] += prepared.searched + voting
    add("logme", of_features(logme))
    add("h_score", of_features(h_score))
    add("transrate", of_features(transrate))
    add("transrate_coarse", of_features(lambda d, t: transrate(d, t, epsilon=1e-2)))
    add("gbc", of_features(gbc))
    add("leep", lambda: leep(_there(prepared.probabilities), targets))
    add("nce", lambda: nce(_there(prepared.probabilities), targets))
    names = tuple(classes[c] for c in targets.kept) if classes else ()
    begun = time.perf_counter()
    ratio = _or_why(lambda: ratios(_there(prepared.move), _there(prepared.source), targets, names))
    comparing = prepared.moved + time.perf_counter() - begun
    for place, name in enumerate(("task_move", "task_gradient")):
        add(name, lambda place=place: _there(ratio)[place])  # type: ignore[misc]
    seconds["task_move"] += comparing
    each = np.full((len(EACH), len(targets.columns)), np.nan, np.float32)
    if targets.labels is not None:
        if not isinstance(ridge, NotDefinedError):
            each[:2] = ridge.right.numpy(), ridge.losses.numpy()
        if not isinstance(knn, NotDefinedError):
            each[2] = knn.right.numpy()
    return Values(found, reasons, seconds, each)


def permuted(targets: Targets, order: np.ndarray) -> Targets:
    """Return the labels of other images."""
    places = torch.from_numpy(order)
    labels = None if targets.labels is None else targets.labels[places]
    return replace(targets, columns=targets.columns[places], labels=labels)


def _headline(found: LooRidge | LooKnn) -> float:
    """What candidates are ordered by: accuracy, of several labels an image the mean area under the ROC curve."""
    return found.accuracy if found.auc is None else found.auc


def _or_why(compute: Callable[[], T]) -> T | NotDefinedError:
    try:
        return compute()
    except NotDefinedError as e:
        return e


def _there(found: T | NotDefinedError) -> T:
    if isinstance(found, NotDefinedError):
        raise found
    return found
