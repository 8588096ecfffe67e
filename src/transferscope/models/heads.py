"""Weights of a file into a network: what fits, what is renamed, left out or missing, and what becomes of the head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from ..errors import CheckpointError, UsageError
from ..params import Params
from .checkpoint import PREFIXES, CheckpointFile
from .network import Network
from .prepared import same

__all__ = ["FitReport", "HeadPolicy", "Loaded", "Mismatch", "compare", "fit_to"]

HeadPolicy: TypeAlias = Literal["refuse", "drop", "keep"]
"""What to do with the file's head: it must fit (``refuse``), it is never taken (``drop``), or it is taken when it
fits and left out when it does not (``keep``)."""


@dataclass(frozen=True)
class Mismatch:
    """A tensor of one name and two shapes."""

    name: str
    in_file: tuple[int, ...]
    in_network: tuple[int, ...]


@dataclass(frozen=True)
class FitReport:
    """How a file's tensors and a network's go together; names are the network's where it has one.

    Attributes:
        source: path of the file.
        network: name of the network.
        fits: tensors that the file and the network have in one shape.
        renamed: pairs (name in the file, name in the network) of those among them that had another name; a prefix
            that all names of the file share is not counted.
        filled: counters of batch norm that the file lacks; they count from 0.
        missing: tensors that the network wants and the file lacks.
        left_over: tensors of the file that the network has no place for.
        mismatched: tensors of another shape.
        head: tensors of the network's head.
        head_left_out: those of the file's head that are not taken.
    """

    source: str
    network: str
    fits: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...] = ()
    filled: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    left_over: tuple[str, ...] = ()
    mismatched: tuple[Mismatch, ...] = ()
    head: tuple[str, ...] = ()
    head_left_out: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether file and network have the same tensors, counters aside."""
        return not (self.missing or self.left_over or self.mismatched)

    @property
    def but_for_head(self) -> bool:
        """Whether nothing is wrong but the size of the head."""
        wrong = {m.name for m in self.mismatched}
        return bool(wrong) and wrong <= set(self.head) and not (self.missing or self.left_over)

    @property
    def first_layer(self) -> Mismatch | None:
        """The convolution that takes images of 1 channel in the file and of 3 in the network, or the reverse."""
        for m in self.mismatched:
            alike = (m.in_file[0], *m.in_file[2:]) == (m.in_network[0], *m.in_network[2:])
            if len(m.in_file) == 4 and alike and {m.in_file[1], m.in_network[1]} == {1, 3}:
                return m
        return None

    def notes(self) -> tuple[str, ...]:
        """Everything that is not plain, one sentence each; empty when the file fits as it is."""
        listed = (
            ("renamed", [f"{a} → {b}" for a, b in self.renamed]),
            ("counters of batch norm set to 0", self.filled),
            ("missing in the file", self.missing),
            ("left over in the file", self.left_over),
            (
                "other shape",
                [f"{m.name} {m.in_file} in the file, {m.in_network} in the network" for m in self.mismatched],
            ),
            ("of the head left out", self.head_left_out),
        )
        return tuple(f"{len(names)} {what}: {_some(names)}" for what, names in listed if names)


@dataclass(frozen=True, eq=False)
class Loaded:
    """Weights of a network, and where they came from."""

    params: Params
    report: FitReport


def compare(net: Network, file: CheckpointFile) -> FitReport:
    """Say how the tensors of a file and of a network go together, whatever is done about it."""
    return _match(net, file)[1]


def fit_to(
    net: Network,
    file: CheckpointFile,
    *,
    head: HeadPolicy = "refuse",
    fresh: Mapping[str, Tensor] | None = None,
    partial: bool = False,
) -> Loaded:
    """Return the weights of a file as those of a network; nothing is left out without being asked for and named.

    Args:
        net: the network.
        file: what :func:`transferscope.models.checkpoint.read` returned.
        head: what to do with the file's head, see :data:`HeadPolicy`.
        fresh: weights for what is not taken from the file (a new head); the template's own when ``None``.
        partial: accept a file with missing or left over tensors, or tensors of another shape outside the head.

    Raises:
        CheckpointError: when the file does not fit, naming the first tensor that does not.

    >>> from transferscope.models.build import build
    >>> net, params = build("lenet", 10), build("lenet", 3).params()
    >>> loaded = fit_to(net, CheckpointFile("a.pt", "pytorch", params), head="drop")
    >>> loaded.report.notes()
    ('2 of the head left out: fc3.weight, fc3.bias',)
    """
    if head not in ("refuse", "drop", "keep"):
        raise UsageError(f"head {head!r}: expected refuse, drop or keep")
    if head != "refuse" and not net.head:
        raise UsageError(f"head {head!r}: {net.name} has no head to tell apart; name it, wrap(..., head='fc')")
    if file.nonfinite:
        raise CheckpointError(f"{file.path}: {next(iter(file.nonfinite))!r} is not finite")
    taken, report = _match(net, file)
    if head == "drop" or (head == "keep" and not set(report.head) <= taken.keys()):
        report = _without_head(report)
        taken = {k: v for k, v in taken.items() if k not in report.head}
    if not report.complete and not partial:
        raise CheckpointError(f"{file.path}: {_complaint(report)}")
    start = net.params() if fresh is None else fresh
    params = {
        name: taken[name].to(value.dtype).clone() if name in taken else value.detach().clone()
        for name, value in start.items()
    }
    params |= {name: torch.zeros_like(params[name]) for name in report.filled}
    return Loaded(params, report)


def _match(net: Network, file: CheckpointFile) -> tuple[Params, FitReport]:
    wanted = net.named()
    names = max(
        _namings(file),
        key=lambda n: sum(wanted[b].shape == file.params[a].shape for a, b in n.items() if b in wanted),
    )
    whole = len({b.removesuffix(a) for a, b in names.items()}) == 1  # all as in the file, its prefix put back perhaps
    there = {b: file.params[a] for a, b in names.items() if b in wanted}
    for a, b in net.tied():
        if a in there and b in there and not same(there[a], there[b]):
            raise CheckpointError(
                f"{file.path}: {a!r} and {b!r} are one weight in {net.name}, and differ in the file"
            )
    there |= {a: there[b] for a, b in net.tied() if a not in there and b in there}
    taken = {name: there[name] for name in wanted if name in there and there[name].shape == wanted[name].shape}
    lacking = [name for name in wanted if name not in there]
    filled = tuple(name for name in lacking if name.endswith("num_batches_tracked"))
    return taken, FitReport(
        source=file.path,
        network=net.name,
        fits=tuple(taken),
        renamed=() if whole else tuple((a, b) for a, b in names.items() if a != b and b in taken),
        filled=filled,
        missing=tuple(name for name in lacking if name not in filled),
        left_over=tuple(a for a, b in names.items() if b not in wanted),
        mismatched=tuple(
            Mismatch(name, tuple(there[name].shape), tuple(value.shape))
            for name, value in wanted.items()
            if name in there and name not in taken
        ),
        head=net.head_tensors(),
    )


def _namings(file: CheckpointFile) -> Iterator[dict[str, str]]:
    """Yield the certain ways to name the file's tensors: as they are, and with prefixes of wrappers put back or off.

    A prefix that only some names have comes off those (a Lightning module holds its loss beside the model), and one
    that was taken off all comes back when it was the network's own.
    """
    yield {name: name for name in file.params}
    back = file.prefix
    while back:
        yield {name: back + name for name in file.params}
        back = back.partition(".")[2]
    for prefix in PREFIXES:
        shorter = {name: name.removeprefix(prefix) for name in file.params}
        if len(set(shorter.values())) == len(shorter):
            yield shorter


def _without_head(report: FitReport) -> FitReport:
    head = set(report.head)
    in_file = head & ({*report.fits} | {m.name for m in report.mismatched})
    return replace(
        report,
        fits=tuple(n for n in report.fits if n not in head),
        renamed=tuple(pair for pair in report.renamed if pair[1] not in head),
        missing=tuple(n for n in report.missing if n not in head),
        mismatched=tuple(m for m in report.mismatched if m.name not in head),
        head_left_out=tuple(n for n in report.head if n in in_file),
    )


def _complaint(report: FitReport) -> str:
    if not report.fits:
        has = _some(report.left_over)
        return f"is of another architecture than {report.network}: it has {has}; 'transferscope doctor' says more"
    if report.but_for_head:
        m = report.mismatched[0]
        return (
            f"its head is of another size ({m.name} {m.in_file}, {report.network} wants {m.in_network}); "
            "give images of the classes it was trained for, or leave it out (--head drop)"
        )
    if (first := report.first_layer) is not None:
        n = first.in_file[1]
        return (
            f"its first layer takes images of {n} channel{'s' * (n != 1)} ({first.name} {first.in_file}, "
            f"{report.network} as built here {first.in_network}); give --channels {n}, in a study "
            f"'images: {{channels: {n}}}'"
        )
    wrong = replace(report, filled=(), renamed=())
    return f"does not fit {report.network}: {'; '.join(wrong.notes())}; 'transferscope doctor' says more"


def _some(names: tuple[str, ...] | list[str], count: int = 4) -> str:
    return ", ".join(names[:count]) + (", …" if len(names) > count else "")
