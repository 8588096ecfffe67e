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
    net: Network,
    path: str | Path,
    *,
    at: str | None = None,
    head: Literal["refuse", "keep", "drop"] = "refuse",
    label: str | None = None,
) -> Solution:
    """Read a checkpoint (safetensors, or a pickle of tensors, which is never run) into a network's names and shapes.

    As on the command line: prefixes such as ``module.encoder_q.`` and usual nestings are seen through, names of other
    libraries are put into the network's, counters of batch norm that the file lacks count from 0, and numbers take
    the network's format. :func:`transferscope.doctor` says what was done.

    Args:
        net: the network the weights are of.
        path: of the file, of an index of parts, or of a folder with one of these or a distributed checkpoint.
        at: which weights, where the file holds several, such as ``"state_dict_ema"``.
        head: ``keep`` leaves out final layers of another size, as pre-trained weights have them, and ``drop`` all of
            them; otherwise such layers are an error.
        label: what figures call it; by default the file's name, and ``at``.

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
    loaded = fit_to(net, read(path, at=at), head=head)
    drawn = set(loaded.report.head) - set(loaded.report.fits)
    usual = Path(path).name if at is None else f"{Path(path).name} at {at}"
    return Solution(usual if label is None else label, {k: v for k, v in loaded.params.items() if k not in drawn})
