"""Weights of a file into a network: what fits, what is renamed, left out or missing, and what becomes of the head."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from ..errors import CheckpointError, UsageError
from ..params import Params
from .checkpoint import CheckpointFile
from .composed import compose
from .dialects import translations
from .fit_report import FitReport, Mismatch, complaint, some
from .naming import Naming, find_naming
from .network import Network
from .number_formats import cast, coarser, why_no_cast
from .prepared import same

__all__ = ["FitReport", "HeadPolicy", "Loaded", "Mismatch", "compare", "fit_to", "lent", "outputs"]

HeadPolicy: TypeAlias = Literal["refuse", "drop", "keep"]
"""What to do with the file's head: it must fit (``refuse``), it is never taken (``drop``), or it is taken when it
fits and left out when it does not (``keep``)."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """Weights of a network, and where they came from."""

    params: Params
    report: FitReport


def compare(net: Network, file: CheckpointFile) -> FitReport:
    """Say how the tensors of a file and of a network go together, whatever is done about it."""
    return _match(net, file)[1]


def outputs(net: Network, file: CheckpointFile) -> int | None:
    """Return how many outputs the head of this network has in a file; ``None`` when it has none there."""
    report, name = compare(net, file), f"{net.head}.weight"
    wrong = next(
        (m.in_file[0] for m in report.mismatched if m.name == name and m.in_file[1:] == m.in_network[1:]), None
    )
    return net.classes if wrong is None and name in report.fits else wrong


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
    if file.unusable:
        name, why = next(iter(file.unusable.items()))
        raise CheckpointError(f"{file.path}: {name!r} {why}")
    taken, report = _match(net, file)
    if report.ambiguous:
        choices = ", ".join(repr(p.rstrip(".")) for p in (report.prefix, *report.twins))
        raise CheckpointError(
            f"{file.path}: holds {net.name} several times, at {choices}; choose one with --at NAME (in Python and in "
            "study files at=…)"
        )
    if head == "drop" or (head == "keep" and not set(report.head) <= taken.keys()):
        report = report.without_head()
        taken = {k: v for k, v in taken.items() if k not in report.head}
    if not report.complete and not partial:
        raise CheckpointError(f"{file.path}: {complaint(report)}")
    start = net.params() if fresh is None else fresh
    params = {
        name: cast(taken[name], value) if name in taken else value.detach().clone() for name, value in start.items()
    }
    params |= {name: torch.zeros_like(params[name]) for name in report.filled}
    return Loaded(params, report)


def lent(net: Network, file: CheckpointFile) -> Params:
    """Return the tensors of a file that fits a network whole, under the network's names and as they lie in the file.

    Nothing is copied: of a file that is mapped, only what is looked at is read. Counters of batch norm that the file
    lacks count from 0.

    Raises:
        CheckpointError: when the file does not fit.
    """
    taken, report = _match(net, file)
    if report.ambiguous or not report.complete:
        return fit_to(net, file).params  # says why not
    wanted = net.module.state_dict()
    return {
        name: taken[name] if name in taken else torch.zeros_like(value)
        for name, value in wanted.items()
        if isinstance(value, Tensor)
    }


def _match(net: Network, file: CheckpointFile) -> tuple[Params, FitReport]:
    wanted = net.named()
    naming, params, renamed, rule, made = _named(file, wanted, net.saved_as)
    there = {b: params[a] for a, b in naming.names.items() if b in wanted}
    for a, b in net.tied():
        if a in there and b in there and not same(there[a], there[b]):
            raise CheckpointError(f"{file.path}: {a!r} and {b!r} are one weight in {net.name} and differ in the file")
    unlike = {name: why for name, value in there.items() if (why := why_no_cast(value, wanted[name]))}
    taken = {
        name: there[name]
        for name in wanted
        if name in there and there[name].shape == wanted[name].shape and name not in unlike
    }
    aliases = tuple((a, b) for a, b in net.tied() if a not in there and b in taken)
    taken |= {a: taken[b] for a, b in aliases}
    lacking = [name for name in wanted if name not in there and name not in taken]
    filled = tuple(name for name in lacking if name.endswith("num_batches_tracked"))
    back = file.prefix.endswith(naming.added) and bool(naming.added)  # a prefix that was the network's own
    old = {new: name for name, new in renamed}
    report = FitReport(
        source=file.path,
        network=net.name,
        fits=tuple(name for name in wanted if name in taken),
        renamed=tuple((old.get(a, a), b) for a, b in naming.names.items() if b in wanted and rule),
        filled=filled,
        missing=tuple(name for name in lacking if name not in filled),
        left_over=tuple(old.get(a, a) for a, b in naming.names.items() if b not in wanted),
        mismatched=tuple(
            Mismatch(name, tuple(there[name].shape), tuple(value.shape))
            for name, value in wanted.items()
            if name in there and there[name].shape != value.shape
        ),
        head=net.head_tensors(),
        prefix=naming.prefix,
        added="" if back else naming.added,
        aside=tuple(old.get(a, a) for a in naming.aside),
        aliases=aliases,
        unlike=tuple(unlike.items()),
        formats=coarser({name: (value, wanted[name]) for name, value in taken.items()}),
        made=(*made, *_done(file)),
        rule=rule,
        twins=tuple(file.prefix + twin for twin in naming.twins),
        ambiguous=naming.ambiguous,
        size=_size_of_images(net, there, wanted),
    )
    return taken, report


def _named(
    file: CheckpointFile, wanted: Mapping[str, Tensor], saved_as: Mapping[str, str]
) -> tuple[Naming, Params, tuple[tuple[str, str], ...], str, list[str]]:
    """Find the names under which most of a file fits: its own or another library's, weights put together or not."""
    given = file.params | {
        name: value
        for name, value in file.scalars.items()
        if name in wanted or any(w.endswith(f".{name}") for w in wanted)
    }
    composed = compose(given)
    made: list[str] = []
    if composed.made and find_naming(composed.params, wanted).hits >= find_naming(given, wanted).hits:
        given = composed.params
        made = [f"{len(composed.made)} put together: {some([f'{k} = {v}' for k, v in composed.made.items()])}"]
    best, params, rule = find_naming(given, wanted), given, ""
    renamed: tuple[tuple[str, str], ...] = ()
    if best.hits < len(wanted):
        for other in translations(given, wanted, saved_as):
            naming = find_naming(other.params, wanted)
            if naming.hits > best.hits:
                best, params, renamed, rule = naming, other.params, other.names, other.rule
    return best, params, renamed, rule, made


def _done(file: CheckpointFile) -> list[str]:
    by_kind: dict[str, list[str]] = {}
    for name, what in file.done.items():
        by_kind.setdefault(what, []).append(name)
    return [f"{len(names)} {what}: {some(names)}" for what, names in by_kind.items()]


def _size_of_images(net: Network, there: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> int | None:
    """Return the side of the square images that the file's position embedding is for, where it is another one.

    Of t positions, those of class tokens and registers are as many as in the network; the others are the patches.
    """
    patch = next((v.shape[-1] for v in wanted.values() if v.ndim == 4 and v.shape[-1] == v.shape[-2] > 1), 0)
    for name, value in there.items():
        here = wanted[name].shape
        if not name.rpartition(".")[2].startswith("pos_embed") or value.ndim != 3 or value.shape == here:
            continue
        if (value.shape[0], value.shape[2]) != (here[0], here[2]) or not patch:
            continue
        height, width = net.input.size
        tokens = here[1] - (height // patch) * (width // patch)
        side = math.isqrt(max(0, value.shape[1] - tokens))
        if 0 <= tokens < 64 and side * side == value.shape[1] - tokens:
            return side * patch
    return None
