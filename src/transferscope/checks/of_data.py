"""Checks of weights and images together: do labels and normalisation belong to the network?"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch

from ..data.imageset import ImageSet
from ..evidence.guard import above_chance, chance_of
from ..evidence.proportion import proportion
from ..models.batchnorm import norm_layers, recalibrate, recalibration_sample
from ..models.network import Input
from ..rng import numpy_generator
from .subject import Failed, Skipped, Subject

__all__ = ["labels", "normalisation", "recalibrated"]

_LEVEL = 0.999
"""Of intervals: a sound network is to be suspected once in a thousand checks at most."""

_MARGIN = 0.05
"""Accuracy that makes a difference worth a word, whatever is clear about it."""

_KNOWS = 0.5
"""A network that knows its classes by other places is right this often once they are exchanged."""

_OTHERS = (
    "even so it is mostly wrong: did it learn other images or classes than these? If not, the labels may be in "
    "another order than in training"
)

_LEAST = 20
"""Fewest images of a half."""

_NORMALISATIONS = {
    "ImageNet's": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "−1 … 1": ((0.5,) * 3, (0.5,) * 3),
    "0 … 1, none": ((0.0,) * 3, (1.0,) * 3),
    "0 … 255, none": ((0.0,) * 3, (1 / 255,) * 3),
    "CIFAR's": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "CLIP's": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "MNIST's": ((0.1307,) * 3, (0.3081,) * 3),
}


def labels(subject: Subject) -> str:
    """The network is right more often than by chance, and not more often with the classes exchanged."""
    images = _single(subject)
    said = subject.logits(images).argmax(1)
    truth, classes = np.asarray(images.labels), len(images.classes)
    plain, n = said == truth, len(images)
    choose, judge = _halves(n, subject.seed)
    from scipy.optimize import linear_sum_assignment

    counts = np.zeros((classes, classes))
    np.add.at(counts, (truth[choose], said[choose]), 1)
    _, meant = linear_sum_assignment(-(counts + 1e-3 * np.eye(classes)))  # of equal ones the labels as they are
    exchanged = said == meant[truth]
    if _better(exchanged[judge], plain[judge]):
        moved = [c for c in range(classes) if meant[c] != c][:3]
        told = ", ".join(f"{images.classes[c]!r} to the output of {images.classes[meant[c]]!r}" for c in moved)
        raise Failed(
            f"with the classes exchanged the accuracy is {exchanged[judge].mean():.1%} instead of "
            f"{plain[judge].mean():.1%} (images of {told}): "
            + ("are the labels in another order than in training?" if exchanged[judge].mean() >= _KNOWS else _OTHERS)
        )
    found, chance = proportion(int(plain.sum()), n), chance_of(images)
    if not above_chance(found.value, found.low, chance):
        raise Failed(
            f"accuracy is {found.value:.1%} of {n} images, and {chance:.1%} for always naming the commonest class: "
            "other weights, other classes, or another normalisation than in training?"
        )
    return f"accuracy {found.value:.1%} of {n} images; always naming the commonest class gives {chance:.1%}"


def normalisation(subject: Subject) -> str:
    """No other usual normalisation makes the network clearly more often right."""
    images = _single(subject)
    truth = np.asarray(images.labels)
    plain = subject.logits(images).argmax(1) == truth
    choose, judge = _halves(len(images), subject.seed)
    others: dict[str, np.ndarray] = {}
    for name, (mean, std) in _NORMALISATIONS.items():
        channels = subject.input.channels
        other = replace(subject.input, mean=_fitted(mean, channels), std=_fitted(std, channels))
        if not _alike(other, subject.input):
            others[f"{name} ({other.described().partition(', ')[2]})"] = (
                subject.logits(images, other).argmax(1) == truth
            )
    if subject.input.channels == 3:
        turned = replace(images, images=np.ascontiguousarray(np.asarray(images.images)[..., ::-1]))
        others["blue, green, red (channels the other way round)"] = subject.logits(turned).argmax(1) == truth
    best = max(others, key=lambda name: others[name][choose].mean())
    if _better(others[best][judge], plain[judge]):
        raise Failed(
            f"normalised otherwise, {best}, the accuracy is {others[best][judge].mean():.1%} instead of "
            f"{plain[judge].mean():.1%}: give the mean and std of training"
        )
    return f"none of {len(others)} others is better than {subject.input.described().partition(', ')[2]}"


def recalibrated(subject: Subject) -> str:
    """Batch-norm statistics that are collected anew over training images leave the network as right as it was."""
    net = subject.net
    if not norm_layers(net.module):
        raise Skipped("there is no batch norm with running statistics")
    if subject.train is None:
        subject.labelled  # noqa: B018 (no images at all)
        raise Skipped("no training images were given")
    images = _single(subject)
    module = copy.deepcopy(net.fresh(subject.weights))
    chosen = subject.train.subset(np.sort(recalibration_sample(len(subject.train))))
    x = net.input.prepare(torch.from_numpy(np.array(chosen.images)))
    with torch.no_grad():
        recalibrate(module, [part for part in torch.split(x, 64) if len(part) == min(64, len(x))])
    truth = np.asarray(images.labels)
    before = subject.logits(images).argmax(1) == truth
    again = replace_weights(subject, module).logits(images).argmax(1) == truth
    if _better(again, before) or _better(before, again):
        raise Failed(
            f"the accuracy is {again.mean():.1%} with statistics of the training images and {before.mean():.1%} with "
            "its own: were they collected on other images, or with another normalisation?"
        )
    return f"accuracy {before.mean():.1%} with its own, {again.mean():.1%} with statistics of {len(chosen)} images"


def replace_weights(subject: Subject, module: torch.nn.Module) -> Subject:
    """Return the subject with the weights of a module."""
    state = {k: v.detach().clone() for k, v in module.state_dict().items() if isinstance(v, torch.Tensor)}
    return replace(subject, weights={k: state[k] for k in subject.weights})


def _single(subject: Subject) -> ImageSet:
    subject.net  # noqa: B018 (skips where there is none)
    images = subject.learned
    if images.multilabel:
        raise Skipped("is for one label an image")
    if len(images.classes) != subject.classes:
        raise Skipped(f"the images have {len(images.classes)} classes and the network {subject.classes} outputs")
    if len(images) < 2 * _LEAST:
        raise Skipped(f"needs {2 * _LEAST} test images, there are {len(images)}")
    return images


def _halves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places of images to choose on, and of others to judge on."""
    order = numpy_generator("selfcheck", seed, "halves").permutation(n)
    return order[: n // 2], order[n // 2 :]


def _better(one: np.ndarray, other: np.ndarray) -> bool:
    """Say whether one is clearly more often right than the other, of the images where they differ."""
    won, lost = int((one & ~other).sum()), int((other & ~one).sum())
    low = proportion(won, won + lost, level=_LEVEL).low
    return one.mean() > other.mean() + _MARGIN and low is not None and low > 0.5


def _fitted(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values if len(values) == channels else (sum(values) / len(values),) * channels


def _alike(a: Input, b: Input) -> bool:
    return bool(np.allclose([*a.mean, *a.std], [*b.mean, *b.std], atol=0.02, rtol=0.02))
