"""Checks of the module itself: is it a function of its weights and of one image?"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ..models.prepared import same
from ..models.soundness import differ, first_difference, own_random_numbers
from .subject import Failed, Skipped, Subject

__all__ = ["batches", "eval_mode", "float64", "forward_leaves_state", "label_range", "pixels", "repeatable", "tied"]

_PASSES = 4


def eval_mode(subject: Subject) -> str:
    """``eval()`` reaches every part."""
    module = subject.copy()
    left = [f"{path or 'itself'} ({type(part).__name__})" for path, part in module.named_modules() if part.training]
    if left:
        raise Failed(f"stays in training mode after eval(): {_some(left)}; let its train() pass the mode on")
    return f"{len(list(module.modules()))} parts are in eval mode"


def repeatable(subject: Subject) -> str:
    """Two passes of the same images give the same bits, whatever random numbers come: no dropout is live."""
    module = subject.copy()
    with own_random_numbers(), torch.no_grad():
        first = _said(module, subject.x)
        for _ in range(_PASSES):
            if not same(first, _said(module, subject.x)):
                at = first_difference(module, subject.x, subject.x)
                raise Failed(
                    f"passes of the same images differ, first seen at {at}; dropout or the like that eval() does not "
                    "switch off? pass training=self.training to it"
                )
    return f"{_PASSES + 1} passes of {len(subject.x)} images give the same bits"


def forward_leaves_state(subject: Subject) -> str:
    """A pass in eval mode changes neither weights nor buffers."""
    module = subject.copy()
    before = _held(module)
    with own_random_numbers(), torch.no_grad():
        for _ in range(2):
            _said(module, subject.x)
    changed = [name for name, value in _held(module).items() if name not in before or not same(value, before[name])]
    if changed:
        raise Failed(f"a pass in eval mode changes {_some(changed)}; let it change in training mode only")
    return f"{len(before)} tensors are as before"


def batches(subject: Subject) -> str:
    """What it says of an image is the same alone, in a batch, and in a short last batch."""
    module, x = subject.copy(), subject.x
    with own_random_numbers(), torch.no_grad():
        together = _twice(module, x)
        for size in (1, max(1, len(x) - 1), max(1, len(x) // 2)):
            parts = torch.cat([_said(module, part) for part in torch.split(x, size)])
            if differ(together, parts):
                at = first_difference(module, x, x[-1:])
                raise Failed(
                    f"what it says of an image in batches of {size} differs from what it says in one of {len(x)}, "
                    f"first seen at {at} (batch norm without running statistics? a mean over the batch?)"
                )
    return f"the same in batches of {len(x)}, {max(1, len(x) - 1)}, {max(1, len(x) // 2)} and 1"


def float64(subject: Subject) -> str:
    """In float64 it says the same as in float32, up to rounding."""
    module = subject.copy()
    with own_random_numbers(), torch.no_grad():
        single = _twice(module, subject.x)
        try:
            double = _said(module.double(), subject.x.double())
        except Exception as e:  # anybody's code
            said = next(iter(str(e).splitlines()), type(e).__name__)
            raise Failed(
                f"cannot be computed in float64: {said}; make what forward() creates of its input's type"
            ) from e
    scale = float(double.abs().max()) or 1.0
    off = float((single.double() - double).abs().max()) / scale
    if not off < 1e-3:
        raise Failed(f"float32 is off by {off:.1e} of the largest logit; some operation loses its digits")
    return f"float32 is off by {off:.0e} of the largest logit"


def tied(subject: Subject) -> str:
    """Weights that lie in one memory are known to be one weight."""
    module = subject.given  # a copy would give each its own memory
    homes: dict[int, list[str]] = {}
    ids: dict[str, int] = {}
    for path, part in module.named_modules(remove_duplicate=False):
        for leaf, value in part._parameters.items():
            if value is not None and value.numel():
                name = f"{path}.{leaf}".lstrip(".")
                ids[name] = id(value)
                homes.setdefault(value.untyped_storage().data_ptr(), []).append(name)
    shared = [names for names in homes.values() if len(names) > 1]
    missed = [names for names in shared if len({ids[name] for name in names}) > 1]
    if missed:
        raise Failed(
            f"{_some(missed[0])} lie in one memory and are several parameters, so that one would be moved without "
            "the other; make them one, as in decoder.weight = encoder.weight"
        )
    if shared:
        return f"{_some(shared[0])} are one weight, and counted once"
    return "no weight has two names"


def label_range(subject: Subject) -> str:
    """Labels lie within the outputs of the network."""
    images, outputs = subject.labelled, subject.classes
    if len(images.classes) != outputs:
        raise Failed(f"the images have {len(images.classes)} classes and the network {outputs} outputs")
    missing = [c for c in range(outputs) if not images.multilabel and not (images.labels == c).any()]
    none = f"; no test image is of {_some([images.classes[c] for c in missing])}" if missing else ""
    return f"{outputs} classes, {outputs} outputs{none}"


def pixels(subject: Subject) -> str:
    """Pixels use their range of 0 … 255, and the normalisation is on the scale of 0 … 1."""
    mean, std = subject.input.mean, subject.input.std
    if max(*mean, *std) > 1.5:
        raise Failed(
            f"mean {_numbers(mean)} and std {_numbers(std)} are on the scale of 0 … 255; give them on that of 0 … 1"
        )
    seen = subject.labelled.images[: min(256, len(subject.labelled))]
    low, high = int(seen.min()), int(seen.max())
    if high <= 1:
        raise Failed(
            f"all pixels are {low} … {high}: were they on the scale of 0 … 1 when they were made whole numbers?"
        )
    if low == high:
        raise Failed(f"all pixels are {low}")
    return f"pixels are {low} … {high}"


def _said(module: nn.Module, x: Tensor) -> Tensor:
    returned = module(x.clone())
    if isinstance(returned, Tensor):
        return returned.detach().clone()
    values = returned.values() if isinstance(returned, dict) else returned
    first = next((v for v in values if isinstance(v, Tensor) and v.ndim == 2), None)
    if first is None:
        raise Failed(f"returns a {type(returned).__name__} without logits (b, classes)")
    return first.detach().clone()


def _twice(module: nn.Module, x: Tensor) -> Tensor:
    """Return what a module says, where it says it twice; differences have a reason of their own otherwise."""
    first = _said(module, x)
    if differ(first, _said(module, x)):
        raise Skipped("two passes of the same images differ already, see 'repeatable'")
    return first


def _held(module: nn.Module) -> dict[str, Tensor]:
    return {k: copy.deepcopy(v.detach()) for k, v in (*module.named_parameters(), *module.named_buffers())}


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{v:.3g}" for v in values)
