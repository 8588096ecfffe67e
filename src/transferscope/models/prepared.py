"""A module as a network can be made of it: a private copy on the CPU, of one number format, each weight once.

``state_dict`` of such a copy holds its weights and nothing else. A tensor that has several names (tied layers, a
layer that is used twice) is there under the first of them, so that it is moved, measured and counted once; loading
gives it to all. What a part adds by ``get_extra_state`` is no weight: it stays as it is in the copy.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..errors import ModelError

__all__ = ["aliases", "choose_output", "is_extra", "logits_of", "prepared", "same", "unwrapped", "usual_output"]

_EXTRA = "_extra_state"
_ORDINARY = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def prepared(module: nn.Module, name: str) -> tuple[nn.Module, tuple[str, ...]]:
    """Copy a module as a network needs it.

    Args:
        module: is not touched.
        name: of the network, for errors.

    Returns:
        The copy in eval mode, and what is other than in the module, a sentence each.

    Raises:
        ModelError: when it cannot be copied, or holds what is no weight of an ordinary kind.

    >>> tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    >>> tied[1].weight = tied[0].weight
    >>> list(prepared(tied, "tied")[0].state_dict())
    ['0.weight', '0.bias', '1.bias']
    """
    notes = []
    module = unwrapped(module)
    _check_kinds(module, name)
    try:
        copied = copy.deepcopy(module).cpu()
    except (
        RuntimeError,
        TypeError,
        ValueError,
        AttributeError,
    ) as e:  # weights computed by a hook, open files, locks
        raise ModelError(f"{name}: cannot be copied: {next(iter(str(e).splitlines()), type(e).__name__)}") from e
    named = {k: v for k, v in copied.state_dict(keep_vars=True).items() if isinstance(v, Tensor)}
    formats = {str(v.dtype).removeprefix("torch.") for v in named.values() if v.is_floating_point()} - {"float32"}
    if formats:
        copied = copied.float()
        notes.append(f"weights of {', '.join(sorted(formats))} are taken as float32")
    _set_up(copied)
    if twice := aliases(copied):
        first, *more = twice.items()
        notes.append(
            f"{first[0]} is the same tensor as {first[1]} and counted once"
            + (f", so are {len(more)} more" if more else "")
        )
    kept = [key for key in module.state_dict() if is_extra(key)]
    if kept:
        notes.append(f"extra state ({', '.join(kept[:3])}{', …' * (len(kept) > 3)}) is no weight and stays as it is")
    return copied.eval(), tuple(notes)


def unwrapped(module: nn.Module) -> nn.Module:
    """Take off what ``torch.compile`` and data parallelism put around a module.

    >>> inner = nn.Linear(2, 2)
    >>> unwrapped(nn.DataParallel(inner)) is inner, unwrapped(inner) is inner
    (True, True)
    """
    while True:
        around = isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel))
        inner = module.module if around else getattr(module, "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def aliases(module: nn.Module) -> dict[str, str]:
    """Return further names of tensors that have several, each with the name under which it is counted.

    >>> shared = nn.Linear(2, 2)
    >>> aliases(nn.Sequential(shared, nn.ReLU(), shared))
    {'2.weight': '0.weight', '2.bias': '0.bias'}
    """
    first: dict[int, str] = {}
    found: dict[str, str] = {}
    for path, part in module.named_modules(remove_duplicate=False):
        kept = {k: v for k, v in part._buffers.items() if k not in part._non_persistent_buffers_set}
        for leaf, value in (part._parameters | kept).items():
            name = f"{path}.{leaf}" if path else leaf
            if value is not None and first.setdefault(id(value), name) != name:
                found[name] = first[id(value)]
    return found


def is_extra(key: str) -> bool:
    """Say whether a name of a state dict is that of extra state, which is no weight.

    >>> is_extra("fc._extra_state"), is_extra("fc.weight")
    (True, False)
    """
    return key.rpartition(".")[2] == _EXTRA


def same(a: Tensor, b: Tensor) -> bool:
    """Say whether two tensors hold the same numbers, NaN being NaN."""
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def choose_output(module: nn.Module, output: int | str | None) -> None:
    """Let a copy return the logits alone, of several outputs (:func:`logits_of`)."""
    module.register_forward_hook(partial(_pick, output))


def usual_output(returned: Any, classes: int) -> tuple[int | str | None, str]:
    """Say which of several outputs are the logits: the one called so, else the first with a number for each class.

    Returns:
        its place or name, ``None`` where there is none; and why, where it has no name that says it.

    >>> one, two = torch.zeros(1, 3), torch.zeros(1, 8)
    >>> usual_output((two, one), 3), usual_output({"main": one, "aux": one}, 3)[0], usual_output((two,), 3)
    ((1, 'the only one with a number for each class'), 'main', (None, ''))
    """
    if logits_of(returned, None) is not returned:
        return "logits", ""
    if not isinstance(returned, (Mapping, tuple, list)):
        return None, ""
    named = returned.items() if isinstance(returned, Mapping) else enumerate(returned)
    found = [key for key, v in named if isinstance(v, Tensor) and v.ndim == 2 and v.shape[1] == classes]
    if not found:
        return None, ""
    alone = len(found) == 1
    return found[0], f"the {'only one' if alone else f'first of {len(found)}'} with a number for each class"


def logits_of(returned: Any, output: int | str | None) -> Any:
    """Choose the logits among several outputs; what is a tensor, or holds none of this name, is returned as it is.

    >>> logits_of({"logits": 1, "loss": 2}, None), logits_of((3, 4), 1)
    (1, 4)
    """
    if isinstance(returned, Tensor):
        return returned
    if output is None or isinstance(output, str):
        key = output or "logits"
        found = returned.get(key) if isinstance(returned, Mapping) else getattr(returned, key, None)
        return returned if found is None else found
    if isinstance(returned, (tuple, list)) and -len(returned) <= output < len(returned):
        return returned[output]
    return returned


def _pick(output: int | str | None, _: nn.Module, __: Any, returned: Any) -> Any:
    return logits_of(returned, output)


def _check_kinds(module: nn.Module, name: str) -> None:
    """Refuse weights that no question could move."""
    for key, value in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(value):
            raise ModelError(
                f"{name}: {key!r} has no shape yet (a lazy layer); run the module once on an image first"
            )
        if value.is_meta:
            raise ModelError(f"{name}: {key!r} holds no numbers (it is on the meta device); build it on the CPU")
        if value.layout is not torch.strided or value.is_quantized:
            what = "quantised" if value.is_quantized else str(value.layout).removeprefix("torch.")
            raise ModelError(f"{name}: {key!r} is {what}; questions move dense weights, give the module with those")
        if value.is_complex():
            raise ModelError(f"{name}: {key!r} is complex; questions move real weights, hold its two parts apart")
        if value.is_floating_point() and value.dtype not in _ORDINARY:
            raise ModelError(
                f"{name}: {key!r} is of {str(value.dtype).removeprefix('torch.')}; expected float32 or a format that "
                "becomes it without a scale (float64, float16, bfloat16)"
            )
    _check_memory(module, name)


def _check_memory(module: nn.Module, name: str) -> None:
    """Refuse different parameters that lie in the same memory: one would move with the other, unseen."""
    spans: dict[int, list[tuple[int, int, str]]] = {}
    for key, value in module.named_parameters():
        if value.numel():
            start = int(value.storage_offset()) * value.element_size()
            extent = sum((int(n) - 1) * int(step) for n, step in zip(value.shape, value.stride(), strict=True)) + 1
            spans.setdefault(value.untyped_storage().data_ptr(), []).append(
                (start, start + extent * value.element_size(), key)
            )
    for placed in spans.values():
        placed.sort()
        for (_, end, one), (start, _, other) in pairwise(placed):
            if start < end:
                raise ModelError(
                    f"{name}: {one!r} and {other!r} share memory but are not one parameter; make them one"
                )


def _set_up(module: nn.Module) -> None:
    """Let ``state_dict`` and ``load_state_dict`` of a copy speak of weights only, each once."""
    twice = aliases(module)
    if not twice and not any(map(is_extra, module.state_dict())):
        return
    module.register_state_dict_post_hook(partial(_without, tuple(twice)))  # type: ignore[no-untyped-call]
    module.register_load_state_dict_pre_hook(partial(_with, tuple(twice.items())))  # type: ignore[no-untyped-call]


def _without(twice: tuple[str, ...], module: nn.Module, state: dict[str, Any], prefix: str, _: Any) -> None:
    extra = [key for key in state if is_extra(key)]
    for key in (*(prefix + name for name in twice), *extra):
        state.pop(key, None)


def _with(twice: tuple[tuple[str, str], ...], module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name, first in twice:
        if prefix + first in state:
            state.setdefault(prefix + name, state[prefix + first])
    for path, part in module.named_modules():
        if type(part).set_extra_state is not nn.Module.set_extra_state:
            place = f"{prefix}{path}." if path else prefix
            state.setdefault(place + _EXTRA, part.get_extra_state())
