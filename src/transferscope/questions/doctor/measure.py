"""What is in a file of weights, and does it fit the network."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from ...errors import ModelError, UsageError
from ...models.build import build, designed_for, outputs_of
from ...models.checkpoint import CheckpointFile, read
from ...models.guess import guess
from ...models.heads import FitReport, compare, outputs
from ...models.network import Input, Network
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Diagnosis", "TensorRow", "doctor"]

_ANY = 1000
"""Number of outputs where nobody says; ImageNet's."""


@dataclass(frozen=True)
class TensorRow:
    """One tensor of a file.

    Attributes:
        name: in the file, without the prefix.
        shape: of the tensor.
        dtype: e.g. ``"float32"``.
        numbers: how many entries it has.
        rms: √(mean of squares) over its finite entries, 0 when there are none.
        nonfinite: entries that are NaN or infinite.
        status: ``fits``, ``renamed``, ``other shape``, ``other numbers``, ``left over``, ``beside`` for what is no
            part of the network; ``""`` with no network to compare with.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    numbers: int
    rms: float
    nonfinite: int
    status: str


@dataclass(frozen=True)
class Diagnosis(Result):
    """What is in a file of weights, and how it goes with a network.

    Attributes:
        path: of the file.
        size: of the file, in bytes.
        format: ``safetensors``, ``pytorch`` or ``distributed``.
        nested: where in the file the weights lie, ``""`` at the top.
        prefix: what was taken off every name.
        extra: numbers and strings beside the weights.
        dropped: what else is in the file.
        tensors: every tensor.
        model: the network it was compared with, ``""`` for none.
        classes: number of outputs of that network.
        input: what it sees, where that is not what it gets unless told.
        guessed: whether the network was found by its tensors instead of being given.
        fit: the comparison.
        others: other weights in the file; ``--at`` takes these names.
        done: what was done to tensors that are kept in another form, with their number.
        unusable: tensors that hold no numbers to compute with, and why.
        images: what that network sees and how it is normalised, unless told otherwise.
        notes: what is special about that network.
        instead: another known network that the file fits, where it does not fit the one that was given.
        use: the command that would use the file, ``""`` when none would.
    """

    question: ClassVar[str] = "doctor"
    cites: ClassVar[tuple[str, ...]] = ()

    path: str
    size: int
    format: str
    nested: str
    prefix: str
    extra: dict[str, str]
    dropped: tuple[str, ...]
    tensors: tuple[TensorRow, ...]
    model: str = ""
    classes: int = 0
    input: str = ""
    guessed: bool = False
    fit: FitReport | None = None
    others: tuple[str, ...] = ()
    done: dict[str, int] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    use: str = ""
    images: str = ""
    notes: tuple[str, ...] = ()
    instead: str = ""

    @property
    def numbers(self) -> int:
        """Entries of all tensors together."""
        return sum(t.numbers for t in self.tensors)

    @property
    def healthy(self) -> bool:
        """Whether all weights are finite and, when there was a network to compare with, all fit."""
        return self._sound and (self.fit is None or self.fit.complete)

    @property
    def usable(self) -> bool:
        """Whether all weights are finite and fit the network, if there is one, but perhaps for its head."""
        return self._sound and (self.fit is None or self.fit.complete or self.fit.but_for_head)

    @property
    def _sound(self) -> bool:
        return not self.unusable and not any(t.nonfinite for t in self.tensors)

    def frame(self) -> pd.DataFrame:
        """Return one row a tensor."""
        import pandas as pd

        columns = {
            "name": [t.name for t in self.tensors],
            "shape": ["×".join(map(str, t.shape)) for t in self.tensors],
            "dtype": [t.dtype for t in self.tensors],
            "numbers": [t.numbers for t in self.tensors],
            "rms": [t.rms for t in self.tensors],
            "nonfinite": [t.nonfinite for t in self.tensors],
            "status": [t.status for t in self.tensors],
        }
        return pd.DataFrame(columns)

    def text(self) -> str:
        """Return the whole diagnosis for a terminal."""
        from .text import as_text

        return as_text(self)


def doctor(
    path: str | Path,
    model: str | Network | None = None,
    classes: int | None = None,
    *,
    at: str | None = None,
    size: int | None = None,
) -> Diagnosis:
    """Say what is in a file of weights, what of it fits a network, and what is renamed, missing or left over.

    Args:
        path: of the file, of an index of parts, or of a folder.
        model: a name that :func:`transferscope.models.build.build` knows, built for images of the channels and size
            that the file's weights want; or a network; by default the known one whose tensors are those of the file,
            if there is one.
        classes: number of outputs of ``model``; by default as many as its head has in the file.
        at: which weights, in a file that holds several.
        size: side in pixels of the images that ``model`` is built for; by default found in the file, where it tells.

    Raises:
        CheckpointError: when the file cannot be read; weights that are not finite are reported, not raised.
        ModelError: for an unknown model.
        UsageError: for a size, or a number of classes, without the name of a model.
    """
    if size is not None and not isinstance(model, str):
        raise UsageError("a size of images goes with the name of a network (--size with --model)")
    if classes is not None and not isinstance(model, str):
        raise UsageError("a number of classes goes with the name of a network (--classes with --model)")
    file = read(path, at=at, finite=False)
    net: Network | None
    if model is None:
        net = guess(file.params) or _named_in(file)
    elif isinstance(model, Network):
        net = model
    else:
        net = _built(model, classes, file, size)
    fit = None if net is None else compare(net, file)
    found = Diagnosis(
        path=file.path,
        size=file.size,
        format=file.format,
        nested=file.nested,
        prefix=file.prefix,
        extra=dict(file.extra),
        dropped=file.dropped,
        tensors=tuple(_row(name, value, file, fit) for name, value in file.params.items()),
        model="" if net is None else net.name,
        classes=0 if net is None else net.classes,
        input="" if net is None or isinstance(model, Network) else _unusual(net),
        guessed=model is None and net is not None,
        fit=fit,
        others=file.others,
        done=_counted(file.done),
        unusable=dict(file.unusable),
        images="" if net is None else net.input.described(),
        notes=() if net is None else net.notes,
        instead=_instead(fit, file) if isinstance(model, str) else "",
    )
    return found if net is None or isinstance(model, Network) else replace(found, use=_use(found, net, file.at))


def _built(name: str, classes: int | None, file: CheckpointFile, size: int | None = None) -> Network:
    seen = None if size is None else replace(designed_for(name), size=(size, size))
    net = build(name, outputs_of(name, _ANY) if classes is None else classes, input=seen)
    if classes is None and (found := outputs(net, file)) is not None:
        net = build(name, found, input=seen)
    fit = compare(net, file)
    if fit.complete or fit.but_for_head:
        return net
    if size is not None:
        return _of_its_depth(net, file)
    # It may have been made for other images: of another size, which our own networks show, or of other channels.
    alike = guess(file.params)
    if alike is not None and alike.name == name:
        return alike if alike.classes == net.classes else build(name, net.classes, input=alike.input)
    seen = net.input
    if fit.size is not None:
        seen = replace(seen, size=(fit.size, fit.size))
    if (first := fit.first_layer) is not None:
        channels = first.in_file[1]
        seen = Input(seen.size, channels, (0.5,) * channels, (0.5,) * channels)
    if seen is not net.input:
        with suppress(ModelError):
            net = build(name, net.classes, input=seen)
    return _of_its_depth(net, file)


def _instead(fit: FitReport | None, file: CheckpointFile) -> str:
    if fit is None or fit.complete or fit.but_for_head or file.unusable:
        return ""
    other = guess(file.params)
    return "" if other is None or other.name == fit.network else other.name


def _of_its_depth(net: Network, file: CheckpointFile) -> Network:
    """Return the network with as many blocks as the file has, where it has an option for that and then fits."""
    for name in compare(net, file).deeper:
        with suppress(ModelError):
            other = build(name, net.classes, input=net.input)
            fit = compare(other, file)
            if fit.complete or fit.but_for_head:
                return other
    return net


_NAMES = ("arch", "model", "model_name", "architecture", "args.arch", "args.model", "hyper_parameters.model_name")


def _named_in(file: CheckpointFile) -> Network | None:
    """Return the network whose name the file has beside the weights, if it fits; timm's saver writes one."""
    for name in dict.fromkeys(file.extra[key] for key in _NAMES if key in file.extra):
        for known in (name, f"timm/{name}", f"torchvision/{name}"):
            with suppress(ModelError):
                net = _built(known, None, file)
                fit = compare(net, file)
                if fit.complete or fit.but_for_head:
                    return net
    return None


def _unusual(net: Network) -> str:
    """Say what images a network is built for, where they are others than it gets unless told, and how to tell."""
    (height, width), channels = net.input.size, net.input.channels
    told = _options(net)
    images = f"images of {height}×{width} pixels, {channels} channel{'s' * (channels != 1)}"
    return f" for {images} ({' '.join(told)})" if told else ""


def _options(net: Network) -> list[str]:
    told = [f"--size {net.input.size[0]}"] if net.input.size != designed_for(net.name).size else []
    return told + ([f"--channels {net.input.channels}"] if net.input.channels != 3 else [])


def _use(found: Diagnosis, net: Network, at: str) -> str:
    """Return the command that looks into the file."""
    if not found.usable or found.fit is None:
        return ""
    words = [f"transferscope inspect {shlex.quote(found.path)}", f"--model {shlex.quote(net.name)}"]
    where = at or (found.fit.prefix.rstrip(".") if found.fit.ambiguous else "")
    words += [f"--at {shlex.quote(where)}"] if where else []
    words += _options(net) + (["--head drop"] if found.fit.but_for_head else [])
    return " ".join([*words, "--data folder:PHOTOS"])


def _counted(done: Mapping[str, str]) -> dict[str, int]:
    return dict(Counter(done.values()))


def _row(name: str, value: Tensor, file: CheckpointFile, fit: FitReport | None) -> TensorRow:
    known = torch.empty(0) if value.is_meta else value.abs() if value.is_complex() else value.to(torch.float64)
    finite = known[known.isfinite()].double()
    return TensorRow(
        name=name,
        shape=tuple(value.shape),
        dtype=str(value.dtype).removeprefix("torch."),
        numbers=value.numel(),
        rms=float(finite.square().mean().sqrt()) if finite.numel() else 0.0,
        nonfinite=file.nonfinite.get(name, 0),
        status="" if fit is None else _status(name, file.prefix, fit),
    )


def _status(name: str, prefix: str, fit: FitReport) -> str:
    if name in fit.aside:
        return "beside"
    if name in fit.left_over:
        return "left over"
    # A network may have part of the file's prefix in its own names.
    own = name.removeprefix(fit.prefix)
    there = {dict(fit.renamed).get(name, fit.added + own), *(prefix[i:] + own for i in range(len(prefix)))}
    if there & {m.name for m in fit.mismatched}:
        return "other shape"
    if there & {unlike for unlike, _ in fit.unlike}:
        return "other numbers"
    return "renamed" if any(name == old for old, _ in fit.renamed) else "fits"
