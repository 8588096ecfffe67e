"""A file of weights as a solution of a network, ready for every question."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from .checkpoint import read
from .heads import fit_to
from .network import Network
from .solution import Solution

__all__ = ["load_weights"]


def load_weights(
    net: Network, path: str | Path, *, head: Literal["refuse", "keep"] = "refuse", label: str | None = None
) -> Solution:
    """Read a checkpoint (safetensors, or a pickle of tensors, which is never run) into a network's names and shapes.

    As on the command line: prefixes such as ``module.`` and usual nestings are seen through, counters of batch norm
    that the file lacks count from 0, and numbers take the network's format. :func:`transferscope.doctor` says more.

    Args:
        net: the network the weights are of.
        path: of the file.
        head: ``keep`` leaves out final layers of another size, as pre-trained weights have them; otherwise they are
            an error.
        label: what figures call it; by default the file's name.

    Raises:
        CheckpointError: when the file cannot be read, is not finite, or is not of this network.

    >>> import tempfile
    >>> from .build import build, initialise
    >>> from .checkpoint import write
    >>> net = build("lenet", 10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder, "mine.safetensors"), initialise(net, 0))
    ...     mine = load_weights(net, Path(folder, "mine.safetensors"))
    >>> mine.label, len(mine.params)
    ('mine.safetensors', 10)
    """
    loaded = fit_to(net, read(path), head=head)
    drawn = set(loaded.report.head) - set(loaded.report.fits)
    return Solution(
        Path(path).name if label is None else label, {k: v for k, v in loaded.params.items() if k not in drawn}
    )
