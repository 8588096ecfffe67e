"""What is in a file of weights, and does it fit the network (F36)."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from ...errors import ModelError
from ...models.build import build, designed_for, outputs_of
from ...models.checkpoint import CheckpointFile, read
from ...models.guess import guess
from ...models.heads import FitReport, compare
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
        status: ``fits``, ``renamed``, ``other shape``, ``left over``; ``""`` with no network to compare with.
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
        format: ``safetensors`` or ``pytorch``.
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
        images: what that network sees and how it is normalised, unless told otherwise.
        notes: what is special about that network.
    """

    question: ClassVar[str] = "doctor"
    cites: ClassVar[tuple[str, ...]] = ("F36",)

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
    images: str = ""
    notes: tuple[str, ...] = ()

    @property
    def numbers(self) -> int:
        """Entries of all tensors together."""
        return sum(t.numbers for t in self.tensors)

    @property
    def healthy(self) -> bool:
        """Whether all weights are finite and, when there was a network to compare with, all fit."""
        return not any(t.nonfinite for t in self.tensors) and (self.fit is None or self.fit.complete)

    @property
    def usable(self) -> bool:
        """Whether all weights are finite and fit the network, if there is one, but perhaps for its head."""
        fits = self.fit is None or self.fit.complete or self.fit.but_for_head
        return fits and not any(t.nonfinite for t in self.tensors)

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
        kinds = Counter(t.dtype for t in self.tensors)
        lines = [
            f"{self.path}",
            f"  file       {self.format}, {_bytes(self.size)}",
            f"  weights    {len(self.tensors)} tensors, {self.numbers:,} numbers, "
            + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()),
        ]
        if self.nested:
            lines.append(f"  place      {self.nested}")
        if self.prefix:
            lines.append(f"  prefix     {self.prefix} (taken off every name)")
        if said := [f"{k} = {_short(v)}" for k, v in self.extra.items() if v != "null"]:
            lines.append(f"  beside     {', '.join(said)}")
        if self.dropped:
            lines.append("  not read   " + ", ".join(self.dropped))
        bad = [t for t in self.tensors if t.nonfinite]
        lines += [f"  not finite {t.name}: {t.nonfinite:,} of {t.numbers:,}" for t in bad[:8]]
        if len(bad) > 8:
            lines.append(f"  not finite … and {len(bad) - 8} more tensors")
        if self.fit is None:
            lines.append("  network    none known fits; compare with one by --model NAME")
        else:
            how = "looks like " if self.guessed else ""
            verdict = "fits" if self.fit.complete else "does not fit"
            if self.fit.but_for_head:
                verdict = "fits but for its head; leave that out with --head drop"
            lines.append(f"  network    {how}{self.model} with {self.classes} outputs{self.input}: {verdict}")
            lines += [f"  images     {self.images}"] if self.images else []
            lines += [f"  note       {note}" for note in self.notes]
            lines.append(f"  fits       {len(self.fit.fits)} tensors")
            lines += _lists(self.fit)
        return "\n".join(lines)


def doctor(
    path: str | Path,
    model: str | Network | None = None,
    classes: int | None = None,
    *,
    at: str | None = None,
) -> Diagnosis:
    """Say what is in a file of weights, what of it fits a network, and what is renamed, missing or left over.

    Args:
        path: of the file.
        model: a name that :func:`transferscope.models.build.build` knows, built for images of the channels and size
            that the file's weights want; or a network; by default the known one whose tensors are those of the file,
            if there is one.
        classes: number of outputs of ``model``; by default as many as its head has in the file.
        at: place of the weights in a file that holds several.

    Raises:
        CheckpointError: when the file cannot be read; weights that are not finite are reported, not raised.
        ModelError: for an unknown model.
    """
    file = read(path, at=at, finite=False)
    net: Network | None
    if model is None:
        net = guess(file.params)
    elif isinstance(model, Network):
        net = model
    else:
        net = _built(model, classes, file)
    fit = None if net is None else compare(net, file)
    return Diagnosis(
        path=file.path,
        size=Path(path).stat().st_size,
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
        images="" if net is None else net.input.described(),
        notes=() if net is None else net.notes,
    )


def _built(name: str, classes: int | None, file: CheckpointFile) -> Network:
    net = build(name, outputs_of(name, _ANY) if classes is None else classes)
    if classes is None and (weight := file.params.get(f"{net.head}.weight")) is not None:
        net = build(name, len(weight))
    fit = compare(net, file)
    if fit.complete or fit.but_for_head:
        return net
    # It may have been made for other images: of another size, which our own networks show, or of other channels.
    alike = guess(file.params)
    if alike is not None and alike.name == name:
        return alike if alike.classes == net.classes else build(name, net.classes, input=alike.input)
    if (first := fit.first_layer) is not None:
        channels = first.in_file[1]
        with suppress(ModelError):
            return build(
                name, net.classes, input=Input(net.input.size, channels, (0.5,) * channels, (0.5,) * channels)
            )
    return net


def _unusual(net: Network) -> str:
    """Say what images a network is built for, where they are others than it gets unless told, and how to tell."""
    (height, width), channels = net.input.size, net.input.channels
    told = [f"--size {height}"] if net.input.size != designed_for(net.name).size else []
    told += [f"--channels {channels}"] if channels != 3 else []
    images = f"images of {height}×{width} pixels, {channels} channel{'s' * (channels != 1)}"
    return f" for {images} ({' '.join(told)})" if told else ""


def _row(name: str, value: Tensor, file: CheckpointFile, fit: FitReport | None) -> TensorRow:
    finite = value[value.isfinite()].double()
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
    if name in fit.left_over:
        return "left over"
    if any(name == old for old, _ in fit.renamed):
        return "renamed"
    # A network may have part of the file's prefix in its own names.
    wrong = {m.name.removeprefix(prefix[i:]) for m in fit.mismatched for i in range(len(prefix) + 1)}
    return "other shape" if name in wrong else "fits"


def _lists(fit: FitReport, limit: int = 12) -> list[str]:
    listed = (
        ("renamed", [f"{a} → {b}" for a, b in fit.renamed]),
        ("set to 0", [f"{len(fit.filled)} counters of batch norm, which the file lacks"] if fit.filled else []),
        ("missing", list(fit.missing)),
        ("left over", list(fit.left_over)),
        ("shape", [f"{m.name}: {m.in_file} in the file, {m.in_network} in the network" for m in fit.mismatched]),
    )
    lines = []
    for what, names in listed:
        lines += [f"  {what:<10} {name}" for name in names[:limit]]
        if len(names) > limit:
            lines.append(f"  {what:<10} … and {len(names) - limit} more")
    return lines


def _bytes(size: int) -> str:
    value, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
