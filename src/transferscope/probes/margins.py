"""How far images are from the decision boundary, in the features of each layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from ..data.feed import Feed
from ..data.imageset import ImageSet
from ..errors import DataError, ModelError, UsageError, nearest
from ..models.network import Granularity, Network
from ..progress import Progress, silent
from ..runtime import full_float32, pick_device
from .activations import Tap, taps
from .entries import entries_an_image
from .forward import Forward
from .gradients import Precision, in_precision

__all__ = ["Form", "Margins", "margins"]

Form: TypeAlias = Literal["logit", "softmax"]


@dataclass(frozen=True, eq=False)
class Margins:
    """Margins of n images at p places.

    Attributes:
        places: modules in forward order, without the head, and last what the head is given.
        values: float64 ``(p, n)``, negative where the image is classified wrongly; infinite, or nan, where the
            difference of the outputs has no gradient.
        spread: float64 ``(p,)`` the root of the total variance of the features, √Σ_d Var_n(h_d); margins over it do
            not grow with the features.
    """

    places: tuple[str, ...]
    values: np.ndarray
    spread: np.ndarray

    @property
    def head(self) -> np.ndarray:
        """Those at the input of the head, exact: there the boundary is flat."""
        found: np.ndarray = self.values[-1]
        return found


def margins(
    net: Network,
    params: Mapping[str, Tensor],
    images: ImageSet,
    modules: Granularity | Sequence[str] = "block",
    *,
    form: Form = "logit",
    top_k: int = 1,
    precision: Precision = "float32",
    batch: int = 64,
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> Margins:
    """Return the distance of each image to the nearest boundary of its class, to first order, at each module.

    d_h = (f_y − f_j)/‖∇_h(f_y − f_j)‖₂, y the label and j the class with the largest output besides: how far the
    features h could move before the prediction changes, were the outputs f linear in them. At the input of the head
    they are, and d = (f_y − f_j)/‖w_y − w_j‖. One forward and one backward pass serve all modules, in eval mode, in
    which images do not meet.

    Source: Elsayed, Krishnan, Mobahi, Regan, Bengio 2018, equation 7, with the logits and the total variance of
    Jiang, Krishnan, Mobahi, Bengio 2019, §3 (whose code divides that by the number of images besides).

    Args:
        net: the network.
        params: its weights.
        images: n images.
        modules: a granularity, or names of modules.
        form: differences of logits, or of softmax probabilities.
        top_k: the least distance to so many of the largest other classes, a backward pass each; 1 is the formula.
        precision: ``float32`` or ``float64``.
        batch: images a pass.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the number of images done.

    Raises:
        UsageError: for another form, or a number of classes that cannot be.
        DataError: for several labels an image, or images that the network cannot look at.
        ModelError: when the network has no head to tell apart, or a module has no gradient.

    >>> from ..models.build import wrap
    >>> from ..models.network import Input
    >>> layers = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> net = wrap(layers, name="tiny", classes=2, input=Input((2, 2), 1, (0.0,), (1.0,)))
    >>> white = ImageSet(np.full((1, 2, 2, 1), 255, np.uint8), np.array([0]), ("a", "b"), np.array(["x"]))
    >>> found = margins(net, {"1.weight": torch.tensor([[1.0] * 4, [0.0] * 4])}, white, [], device="cpu")
    >>> found.places, found.head.tolist()  # (4 − 0)/‖(1, 1, 1, 1)‖
    (('input of 1',), [2.0])
    """
    if form not in ("logit", "softmax"):
        raise UsageError(f"form {form!r}{nearest(form, ('logit', 'softmax'))}")
    if not net.head:
        raise ModelError(f"{net.name}: no final layer can be told apart, so there is no margin at its input")
    if images.multilabel:
        raise DataError(f"{images.name}: an image may have several labels, so it has no margin to another class")
    if len(images.classes) != net.classes or not 1 <= top_k < net.classes:
        raise UsageError(
            f"{images.name}: {len(images.classes)} classes, {net.name} has {net.classes} outputs, and margins to the "
            f"nearest of {top_k} others; give images of its classes, and at least 1 and fewer than all of them"
        )
    where = pick_device(device)
    forward = Forward(net, in_precision(params, precision), where)
    forward.check(images)
    chosen = [tap for tap in taps(net, modules) if not tap.head] if len(modules) else []
    places = [tap.name for tap in chosen] + [f"input of {net.head}"]
    parts: dict[str, list[np.ndarray]] = {name: [] for name in places}
    spreads = {name: _Spread() for name in places}
    forward.module.requires_grad_(False)
    with full_float32(where), _Caught(forward.module, chosen, net.head) as caught:
        feed = Feed(images, where)
        caught.look(forward.net.input.prepare(next(feed.batches(2)).images).to(forward.dtype))
        for part in feed.batches(batch):
            x = forward.net.input.prepare(part.images).to(forward.dtype).requires_grad_(True)
            for name, value in _of_batch(caught, x, part.labels, form, top_k).items():
                parts[name].append(value)
                spreads[name].add(caught.seen[name].reshape(len(x), -1))
            progress(part.start + len(part.images), len(images), "images")
    values = np.stack([np.concatenate(parts[name]) for name in places])
    return Margins(tuple(places), values, np.array([spreads[name].root for name in places]))


def _of_batch(caught: _Caught, x: Tensor, labels: Tensor, form: Form, top_k: int) -> dict[str, np.ndarray]:
    """Margins of a batch by place: the least over the largest other classes."""
    with torch.enable_grad():
        out = caught.run(x)
        out = out.softmax(1) if form == "softmax" else out
        own = out.gather(1, labels[:, None])
        others = out.detach().clone()
        others.scatter_(1, labels[:, None], -torch.inf)
        gaps = own - out.gather(1, others.topk(top_k, dim=1).indices)
    least: dict[str, Tensor] = {}
    for place in range(top_k):
        caught.norms.clear()
        torch.autograd.grad(gaps[:, place].sum(), x, retain_graph=place + 1 < top_k)
        gap = gaps[:, place].detach().double()
        for name in caught.seen:
            if name not in caught.norms:
                raise ModelError(f"module {name!r} has no gradient: the outputs do not depend on it; name others")
            value = gap / caught.norms[name]
            least[name] = value if name not in least else torch.minimum(least[name], value)
    return {name: value.cpu().numpy() for name, value in least.items()}


class _Caught:
    """Runs a network, and catches features and the norms of their gradients, example by example."""

    def __init__(self, module: nn.Module, chosen: Sequence[Tap], head: str) -> None:
        self._module, self._chosen, self._head = module, chosen, head
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._examples = 0
        self._rows: dict[str, int] | None = None
        self.seen: dict[str, Tensor] = {}
        self.norms: dict[str, Tensor] = {}

    def __enter__(self) -> _Caught:
        for tap in self._chosen:
            self._handles.append(self._module.get_submodule(tap.path).register_forward_hook(self._after(tap.name)))
        self._handles.append(self._module.get_submodule(self._head).register_forward_pre_hook(self._before))
        return self

    def __exit__(self, *_: object) -> None:
        while self._handles:
            self._handles.pop().remove()

    def look(self, x: Tensor) -> None:
        """See of two images how many entries each place has for an image: windows may stand beside images."""
        found = []
        for images in (x, x[-1:]):
            with torch.enable_grad():
                self.run(images.detach().requires_grad_(True))
            found.append({name: [h] for name, h in self.seen.items()})
        self._rows = {k: min(rows, default=0) for k, rows in entries_an_image(found[0], found[1], len(x)).items()}

    def run(self, x: Tensor) -> Tensor:
        """Return the logits; of a copy, as the first operation may be in place."""
        self._examples = len(x)
        self.seen.clear()
        logits: Tensor = self._module(x.clone())
        return logits

    def _after(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            first = output[0] if isinstance(output, (tuple, list)) and output else output
            self._catch(name, first)

        return hook

    def _before(self, _: nn.Module, arguments: tuple[Any, ...]) -> None:
        self._catch(f"input of {self._head}", arguments[0])

    def _catch(self, name: str, h: Any) -> None:
        if not isinstance(h, Tensor) or not h.requires_grad:
            raise ModelError(f"module {name!r} passes on no features with a gradient; ask for a module around it")
        if name in self.seen:
            raise ModelError(f"module {name!r} runs more than once in a pass, so that it has no one margin")
        rows = None if self._rows is None else self._rows.get(name, 0)
        if rows is not None and (not rows or len(h) != self._examples * rows):
            raise ModelError(
                f"what module {name!r} passes on does not have image after image on its first axis, so that an image "
                "has no margin there; ask for a module around it"
            )
        self.seen[name] = h.detach().clone()  # before an operation in place can overwrite it
        examples = self._examples

        def keep(gradient: Tensor) -> None:
            self.norms[name] = torch.linalg.vector_norm(
                gradient.detach().reshape(examples, -1), dim=1, dtype=torch.float64
            )

        h.register_hook(keep)  # type: ignore[no-untyped-call]


class _Spread:
    """Total variance of features, batch by batch; about the first batch's mean, so that nothing cancels."""

    def __init__(self) -> None:
        self._about: Tensor | None = None
        self._sum: Tensor = torch.zeros(0)
        self._squares, self._n = 0.0, 0

    def add(self, h: Tensor) -> None:
        """Take in a batch, a row an image."""
        rows = h.double()
        if self._about is None:
            self._about = rows.mean(0)
            self._sum = torch.zeros_like(self._about)
        rows = rows - self._about
        self._sum += rows.sum(0)
        self._squares += float(rows.square().sum())
        self._n += len(rows)

    @property
    def root(self) -> float:
        """√Σ_d Var_n(h_d), the variance that of these images."""
        total = self._squares / self._n - float((self._sum / self._n).square().sum())
        return math.sqrt(max(0.0, total))
