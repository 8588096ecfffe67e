"""The mean of many files of weights, in the memory of fewer than two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import UsageError
from ..numerics.averaging import Mean
from ..params import Params
from .checkpoint import read
from .heads import lent
from .network import Network

__all__ = ["averaged_files"]

_BLOCK = 2**21
"""Numbers that are averaged at a time: 16 MiB of sums."""


def averaged_files(
    net: Network, paths: Sequence[str | Path], *, at: Sequence[str | None] | None = None, block: int = _BLOCK
) -> Params:
    """Return the mean of files of weights, in the numbers and types of the first.

    A few tensors at a time: each file is opened, these are added to a sum in float64, and it is closed again. What is
    held is the mean itself and the sums of a few tensors. Files must not be written to meanwhile; that their numbers
    are finite is for the caller to see.

    Args:
        net: the network of all.
        paths: at least one; safetensors, and PyTorch's own files since 1.6, are read tensor by tensor, older ones
            whole.
        at: which weights of each file that holds several, as :func:`~transferscope.models.checkpoint.read` takes it.
        block: how many numbers are summed at a time, at least; a tensor is never divided.

    Raises:
        CheckpointError: when a file cannot be read, or is not of this network.
        UsageError: without a file.

    >>> import tempfile
    >>> from .build import build, initialise
    >>> from .checkpoint import write
    >>> net = build("lenet", 10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [Path(folder, f"{seed}.safetensors") for seed in range(2)]
    ...     for seed, path in enumerate(paths):
    ...         write(path, initialise(net, seed))
    ...     mean = averaged_files(net, paths)
    >>> bool((mean["fc3.bias"] == (initialise(net, 0)["fc3.bias"] + initialise(net, 1)["fc3.bias"]) / 2).all())
    True
    """
    if not paths:
        raise UsageError("mean of no files; give at least one")
    files = list(zip(paths, [None] * len(paths) if at is None else at, strict=True))
    found: Params = {}
    for names in _blocks(net, block):
        mean = Mean()
        for path, which in files:
            tensors = lent(net, read(path, at=which, finite=False, mapped=True))
            mean.add({name: tensors[name] for name in names})
            del tensors
        found |= mean.value()
    return found


def _blocks(net: Network, least: int) -> Iterator[list[str]]:
    names, count = list[str](), 0
    for name, value in net.module.state_dict().items():
        names, count = [*names, name], count + value.numel()
        if count >= least:
            yield names
            names, count = [], 0
    if names:
        yield names
