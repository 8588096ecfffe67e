"""The weights of a module under its own names, whatever it is wrapped in."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..models.prepared import is_extra
from ..params import Params

__all__ = ["is_sharded", "own_weights", "plain_names"]

_WRAPPERS: Mapping[str, tuple[str, ...]] = {
    "torch._dynamo.eval_frame:OptimizedModule": ("_orig_mod",),
    "torch.nn.parallel.distributed:DistributedDataParallel": ("module",),
    "torch.nn.parallel.data_parallel:DataParallel": ("module",),
    "torch.optim.swa_utils:AveragedModel": ("module",),
    "torch.distributed.fsdp.fully_sharded_data_parallel:FullyShardedDataParallel": ("_fsdp_wrapped_module",),
    "torch.distributed.algorithms._checkpoint.checkpoint_wrapper:CheckpointWrapper": ("_checkpoint_wrapped_module",),
}
"""Classes that hold a module and are none of their own, and what they call it."""


def own_weights(module: nn.Module) -> Params:
    """Return the tensors of a module by its own names; not copies.

    Wrappers of DDP, FSDP, ``torch.compile``, weight averaging and activation checkpointing leave no trace in the
    names, in whatever order they lie around the module or around parts of it. Weights that lie in pieces on several
    processes are put together, for which all of them must call this.

    Args:
        module: may be wrapped.

    >>> inner = nn.Linear(2, 2)
    >>> sorted(own_weights(nn.DataParallel(inner)))
    ['bias', 'weight']
    """
    if is_sharded(module):
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        state: Mapping[str, Any] = get_model_state_dict(module, options=options)
    else:
        state = module.state_dict()
    return plain_names(module, {k: v for k, v in state.items() if isinstance(v, Tensor) and not is_extra(k)})


def plain_names(module: nn.Module, params: Mapping[str, Tensor]) -> Params:
    """Return tensors without what wrappers put into their names."""
    within = sorted(_within(module), key=lambda place: -place.count("."))  # what lies deeper first
    averaged = _class("torch.optim.swa_utils:AveragedModel")
    counts = averaged is not None and isinstance(module, averaged)  # how often it averaged
    out: Params = {}
    for name, value in params.items():
        for place in within:
            if name.startswith(place):
                name = place[: place[:-1].rfind(".") + 1] + name.removeprefix(place)
        if not (counts and name == "n_averaged"):
            out[name] = value
    return out


def is_sharded(module: nn.Module) -> bool:
    """Say whether the weights lie in pieces on several processes."""
    tensor = _class("torch.distributed.tensor:DTensor")
    pieces = tensor is not None and any(isinstance(p, tensor) for p in module.parameters())
    fsdp = _class("torch.distributed.fsdp.fully_sharded_data_parallel:FullyShardedDataParallel")
    return pieces or (fsdp is not None and any(isinstance(m, fsdp) for m in module.modules()))


def _within(module: nn.Module) -> list[str]:
    """List beginnings of names whose last part is a wrapper's."""
    kinds = [(kind, attributes) for name, attributes in _WRAPPERS.items() if (kind := _class(name)) is not None]
    return [
        f"{path}.{attribute}.".lstrip(".")
        for path, part in module.named_modules()
        for kind, attributes in kinds
        if isinstance(part, kind)
        for attribute in attributes
    ]


def _class(name: str) -> Any:
    """Return a class where somebody has imported it already; a module cannot be of it otherwise."""
    place, _, attribute = name.partition(":")
    return getattr(sys.modules.get(place), attribute, None)
