"""Whether a module is a function of its weights and of one image: every question takes it for one.

It is not when it draws random numbers in eval mode (dropout that ``eval()`` does not switch off), when a forward pass
changes it (a counter, statistics that go on running), or when what it says of an image depends on the others of the
batch (batch norm without running statistics). Two passes tell: one of some images together, one of the last alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..rng import generator
from .prepared import same

__all__ = ["check_function", "differ", "first_difference", "own_random_numbers"]

_IMAGES = 2
_DRAWS = 12
"""Passes under different random numbers, where a pass draws some: a rare event shows, too."""
_NEAR = 1e-3
"""Largest difference, in shares of the largest logit, that rounding in batches of other sizes may make."""


def check_function(module: nn.Module, name: str, size: tuple[int, int], channels: int) -> None:
    """Refuse a module in eval mode that is no function of its weights and of one image; it is left as it was.

    Args:
        module: in eval mode, float32, takes ``(b, channels, height, width)`` and returns a tensor ``(b, …)``.
        name: of the network, for errors.
        size: height and width in pixels.
        channels: of an image.

    Raises:
        ModelError: naming what differs and where.

    >>> check_function(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), "plain", (2, 2), 1)
    >>> alive = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Dropout(0.5).train())
    >>> check_function(alive, "alive", (2, 2), 1)
    Traceback (most recent call last):
    transferscope.errors.ModelError: alive: two passes of one image differ, first seen at '2' (Dropout), as random...
    """
    x = torch.rand((_IMAGES, channels, *size), generator=generator("two passes")) * 2 - 1
    before = _held(module)
    try:
        with torch.no_grad(), own_random_numbers() as drawn:
            _fill_zeros(module)
            start = _held(module)
            together, alone = _run(module, x, name), _run(module, x[-1:], name)
            _compare(module, name, x, together, alone, drawn(), _changed(start, module))
    finally:
        _restore(module, before)


def _compare(
    module: nn.Module, name: str, x: Tensor, together: Tensor, alone: Tensor, draws: bool, changed: list[str]
) -> None:
    last = x[-1:]
    if draws and any(differ(_run(module, last, name), alone) for _ in range(_DRAWS)):
        where = first_difference(module, last, last)
        raise ModelError(
            f"{name}: two passes of one image differ, first seen at {where}, as random numbers are drawn in eval "
            "mode (dropout that eval() does not switch off?); make it a function of its weights and image"
        )
    if changed:
        raise ModelError(
            f"{name}: a forward pass in eval mode changes {_some(changed)}, so no two passes are of one network; "
            "let it change in training mode only"
        )
    if not differ(together[-1:], alone):
        return
    if differ(_run(module, last, name), alone):
        where = first_difference(module, last, last)
        raise ModelError(
            f"{name}: two passes of one image differ, first seen at {where}; make it a function of weights and image"
        )
    raise ModelError(
        f"{name}: what it says of an image depends on the others of the batch, first seen at "
        f"{first_difference(module, x, last)} (batch norm without running statistics?); "
        "make it look at images one by one"
    )


def _run(module: nn.Module, x: Tensor, name: str) -> Tensor:
    try:
        returned = module(x.clone())  # which may be changed in place
    except Exception as e:  # the module is anybody's code, and took an empty image before
        reason = next(iter(str(e).splitlines()), type(e).__name__)
        raise ModelError(f"{name}: a forward pass of {len(x)} image{'s' * (len(x) != 1)} fails: {reason}") from e
    if not isinstance(returned, Tensor) or not returned.ndim or len(returned) != len(x):
        shape = tuple(returned.shape) if isinstance(returned, Tensor) else type(returned).__name__
        raise ModelError(f"{name}: returns {shape} for {len(x)} images; expected one row an image")
    return returned.detach().clone()


def differ(a: Tensor, b: Tensor) -> bool:
    """Say whether two outputs differ by more than rounding may make of one."""
    if a.shape != b.shape:
        return True
    a, b = a.double(), b.double()
    scale = torch.maximum(a.abs(), b.abs()).nan_to_num(0, 0, 0).max() if a.numel() else torch.zeros(())
    return not torch.allclose(a, b, rtol=0, atol=float(scale) * _NEAR, equal_nan=True)


def first_difference(module: nn.Module, one: Tensor, other: Tensor) -> str:
    """Name the first submodule that says different things of the last image in two passes."""
    for _ in range(_DRAWS):
        for (path, kind, said), (_, _, again) in zip(_outputs(module, one), _outputs(module, other), strict=False):
            if said.ndim != again.ndim or differ(said[-1:], again[-1:]):
                return f"{path!r} ({kind})" if path else f"its own forward ({kind})"
    return f"its own forward ({type(module).__name__})"


def _outputs(module: nn.Module, x: Tensor) -> list[tuple[str, str, Tensor]]:
    found: list[tuple[str, str, Tensor]] = []

    def note(path: str, part: nn.Module) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.is_floating_point() and output.ndim:
                found.append((path, type(part).__name__, output.detach().clone()))

        return part.register_forward_hook(hook)

    handles = [note(path, part) for path, part in module.named_modules()]
    try:
        module(x.clone())
    finally:
        for handle in handles:
            handle.remove()
    return found


@torch.no_grad()
def _fill_zeros(module: nn.Module) -> None:
    """Give weights that are all zero some numbers: a new head of zeros would hide every difference."""
    drawn = generator("two passes", "weights")
    for value in module.parameters():
        if value.numel() and not value.any():
            value.copy_(torch.randn(value.shape, generator=drawn) * 0.02)


@contextmanager
def own_random_numbers() -> Iterator[Any]:
    """Give back the state of every usual generator, and say whether one was drawn from."""
    with torch.random.fork_rng(devices=[]):
        state, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002 (what others draw from)
        tensors = torch.get_rng_state()

        def drawn() -> bool:
            now = np.random.get_state()  # noqa: NPY002
            same = all(np.array_equal(a, b) for a, b in zip(numbers, now, strict=True))
            return not (same and torch.equal(tensors, torch.get_rng_state()) and random.getstate() == state)

        try:
            yield drawn
        finally:
            random.setstate(state)
            np.random.set_state(numbers)  # noqa: NPY002


def _held(module: nn.Module) -> dict[str, Tensor]:
    named = (*module.named_parameters(), *module.named_buffers())
    return {name: value.detach().clone() for name, value in named}


def _changed(before: dict[str, Tensor], module: nn.Module) -> list[str]:
    now = dict((*module.named_parameters(), *module.named_buffers()))
    return [k for k, v in before.items() if k in now and not same(v, now[k])]


@torch.no_grad()
def _restore(module: nn.Module, before: dict[str, Tensor]) -> None:
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        if name in before and value.shape == before[name].shape:
            value.copy_(before[name])


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
