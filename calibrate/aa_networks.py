"""Real networks of one kind for the A/A study: trained from random weights, and what is measured of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from transferscope.data.augmentation import Augmentation
from transferscope.data.imageset import ImageSet
from transferscope.data.spec import load_images
from transferscope.evidence.images import Resampled
from transferscope.models.build import build
from transferscope.models.network import Input, Network
from transferscope.numerics.cka import CKAAccumulator, batch_slices, pair_vector
from transferscope.params import Params, difference, distance, lerp, norm
from transferscope.probes.activations import features
from transferscope.questions.similarity.batches import over_batches
from transferscope.train.events import Record
from transferscope.train.fit import fit
from transferscope.train.recipe import Recipe
from transferscope.train.run import collect
from transferscope.train.starts import random

__all__ = ["LAMBDAS", "Measured", "measure", "train"]

IMAGES, SIZE, CLASSES = "synthetic:photo?train=2500&test=1000", 24, 12
RECIPE = Recipe(
    epochs=12, batch=32, lr=0.2, schedule="cosine", augmentation=Augmentation(crop="pad", padding=2)
)  # fmt: skip
LAMBDAS = np.linspace(0.0, 1.0, 11)
_BATCH, _CKA_IMAGES = 50, 500

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of n networks and of all pairs of them.

    Attributes:
        labels: ``(images,)``.
        right: ``(networks, images)``.
        speed: ``(networks,)``, training accuracy averaged over epochs.
        moved: distance of each network to its own start.
        stable: Σ‖W‖_F/‖W‖₂ over matrices, of each network.
        pairs: places of the two networks of each pair.
        apart: distance of each pair.
        cka: linear CKA of the last hidden layer of each pair.
        cka_images: the same as on resampled images.
        lines: ``{(a, b): (places, images)}``, errors on the line between two networks.
    """

    labels: NDArray[np.int64]
    right: Array
    speed: Array
    moved: Array
    stable: Array
    pairs: tuple[tuple[int, int], ...]
    apart: Array
    cka: Array
    cka_images: Resampled
    lines: dict[tuple[int, int], Array]


def network() -> Network:
    """Return the network without weights."""
    return build("lenet", CLASSES, input=Input((SIZE, SIZE), 3, (0.5,) * 3, (0.25,) * 3))


def train(n: int, out: Path) -> list[Path]:
    """Train networks with seeds 0 to n − 1; what is in the folder already is not trained again."""
    out.mkdir(parents=True, exist_ok=True)
    net, images = network(), load_images(IMAGES, size=SIZE)
    found = []
    for seed in range(n):
        path = out / f"network-{seed}.pt"
        if not path.exists():
            began = time.monotonic()
            start = random(net, seed)
            events = fit(net, start, images, RECIPE, seed=seed, record=Record(evaluate_train=500))
            run = collect(events, label=f"RI-T {seed}", recipe=RECIPE, role="RI-T", group=start.group, seed=seed)
            kept = {"start": start.params, "final": run.snapshots["final"], "speed": run.optimisation_speed()}
            torch.save(kept, path.with_suffix(".part"))
            path.with_suffix(".part").rename(path)
            print(f"network {seed}: accuracy {run.final_metric():.3f}, {time.monotonic() - began:.0f} s", flush=True)
        found.append(path)
    return found


def measure(paths: list[Path], on_lines: int) -> Measured:
    """Measure networks and their pairs on the test images.

    Args:
        paths: from :func:`train`.
        on_lines: so many of the networks, the first ones, are joined by lines.
    """
    net, test = network(), load_images(IMAGES, size=SIZE).test
    kept = [torch.load(path, weights_only=True) for path in paths]
    weights: list[Params] = [k["final"] for k in kept]
    x, labels = net.input.prepare(torch.from_numpy(np.array(test.images))), torch.from_numpy(np.array(test.labels))
    pairs = tuple(combinations(range(len(weights)), 2))
    cka, images = _similarities(net, weights, test, pairs)
    return Measured(
        labels=labels.numpy(),
        right=np.stack([1 - _errors(net, w, x, labels) for w in weights]),
        speed=np.array([float(k["speed"]) for k in kept]),
        moved=np.array([norm(difference(k["final"], k["start"])) for k in kept]),
        stable=np.array([_stable(w) for w in weights]),
        pairs=pairs,
        apart=np.array([distance(weights[a], weights[b]) for a, b in pairs]),
        cka=cka,
        cka_images=images,
        lines={
            (a, b): np.stack([_errors(net, lerp(weights[a], weights[b], float(t)), x, labels) for t in LAMBDAS])
            for a, b in combinations(range(on_lines), 2)
        },
    )


def _errors(net: Network, weights: Params, x: torch.Tensor, labels: torch.Tensor) -> Array:
    with torch.inference_mode():
        return (net(weights, x).argmax(1) != labels).numpy().astype(np.float64)


def _stable(weights: Params) -> float:
    matrices = [w.flatten(1).double() for w in weights.values() if w.ndim > 1]
    return float(sum(w.norm() / torch.linalg.matrix_norm(w, 2) for w in matrices))


def _similarities(
    net: Network, weights: list[Params], test: ImageSet, pairs: tuple[tuple[int, int], ...]
) -> tuple[Array, Resampled]:
    *_, layer, _ = [module.name for module in net.modules("layer")]
    hidden = [torch.from_numpy(features(net, w, test, [layer], device="cpu")[layer]) for w in weights]
    seen = CKAAccumulator()
    for part in batch_slices(_CKA_IMAGES, _BATCH):
        seen.update([pair_vector(h[part]) for h in hidden])
    rows, columns = zip(*pairs, strict=True)
    values = seen.cka()[list(rows), list(columns)].numpy()
    return values, over_batches(seen.left_out(rows, columns).numpy().T, _CKA_IMAGES)
