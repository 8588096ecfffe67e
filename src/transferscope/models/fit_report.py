"""How a file of weights goes together with a network, and what to say of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

__all__ = ["FitReport", "Mismatch", "complaint", "some"]


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
        renamed: pairs (name in the file, name in the network) where the file has another library's names; a prefix
            that is the same for all is not counted.
        filled: counters of batch norm that the file lacks; they count from 0.
        missing: tensors that the network wants and the file lacks.
        left_over: tensors of the file that the network has no place for.
        mismatched: tensors of another shape.
        head: tensors of the network's head.
        head_left_out: those of the file's head that are not taken.
        prefix: what came off all names of the network in the file.
        added: what was put before all names of the file.
        aside: tensors of the file that are no part of the network: of what else was trained beside it.
        aliases: pairs (tensor that the file lacks, the one with which the network ties it).
        unlike: tensors of another kind of number (integers, complex), and why they cannot be taken.
        formats: sentences on numbers that were stored in another format.
        made: sentences on weights that were put together from what the file keeps.
        rule: whose names became whose; ``""`` for the file's own names.
        twins: where in the file the same network is a second time.
        ambiguous: whether it is for chance which of these was taken.
        size: side in pixels of the images that the file's position embedding is for, where the network's is not.
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
    prefix: str = ""
    added: str = ""
    aside: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    unlike: tuple[tuple[str, str], ...] = ()
    formats: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    rule: str = ""
    twins: tuple[str, ...] = ()
    ambiguous: bool = False
    size: int | None = None

    @property
    def complete(self) -> bool:
        """Whether file and network have the same tensors, counters aside."""
        return not (self.missing or self.left_over or self.mismatched or self.unlike)

    @property
    def but_for_head(self) -> bool:
        """Whether nothing is wrong but the head: it is of another size or form, or the file has none."""
        if self.complete or not self.head or not self.fits or self.unlike:
            return False
        wrong = {m.name for m in self.mismatched} | set(self.missing) | set(self.left_over)
        return wrong <= set(self.head) | set(self.of_head(self.left_over))

    def of_head(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return which names lie where the network has its head (``fc.2.weight`` where that is ``fc``)."""
        places = {name.rpartition(".")[0] for name in self.head}
        return tuple(
            name for name in names if any(name.removeprefix(self.prefix).startswith(f"{p}.") for p in places)
        )

    @property
    def first_layer(self) -> Mismatch | None:
        """The convolution that takes images of 1 channel in the file and of 3 in the network, or the reverse."""
        for m in self.mismatched:
            alike = (m.in_file[:1], *m.in_file[2:]) == (m.in_network[:1], *m.in_network[2:])
            if len(m.in_file) == 4 and alike and {m.in_file[1], m.in_network[1]} == {1, 3}:
                return m
        return None

    @property
    def depth(self) -> str:
        """Of which network of more or fewer blocks the file is; ``""`` when that is not what is wrong."""
        wrong = [*self.missing, *(name.removeprefix(self.prefix) for name in self.left_over)]
        in_network = _blocks([*self.fits, *self.missing, *(m.name for m in self.mismatched)])
        in_file = _blocks(
            [*self.fits, *(m.name for m in self.mismatched), *(n.removeprefix(self.prefix) for n in self.left_over)]
        )
        other = {c for c in in_network if in_file.get(c) and in_file[c] != in_network[c]}
        if not other or not all(any(n.startswith(f"{c}.") for c in other) for n in wrong if n not in self.head):
            return ""
        told = [f"{in_file[c]} blocks in {c} where {self.network} has {in_network[c]}" for c in sorted(other)]
        how = f" (--model '{self.deeper[0]}')" if self.deeper else ""
        return f"the file has {', '.join(told)}{how}"

    @property
    def deeper(self) -> tuple[str, ...]:
        """Names of the network with options that may give it the blocks of the file."""
        names = [*self.fits, *(m.name for m in self.mismatched)]
        here = _blocks([*names, *self.missing])
        there = _blocks([*names, *(n.removeprefix(self.prefix) for n in self.left_over)])
        mark = "&" if "?" in self.network else "?"
        for pattern, options in _DEPTHS if self.network.startswith("timm/") else ():
            stages = sorted(c for c in here if re.fullmatch(pattern, c))
            counts = [there[c] for c in stages if c in there]
            if stages and len(counts) == len(stages) and counts != [here[c] for c in stages]:
                value = ",".join(map(str, counts))
                return tuple(f"{self.network}{mark}{option}={value}" for option in options)
        return ()

    def notes(self) -> tuple[str, ...]:
        """Everything that is not plain, one sentence each; empty when the file fits as it is."""
        listed = (
            ("renamed", [f"{a} → {b}" for a, b in self.renamed]),
            ("counters of batch norm set to 0", self.filled),
            ("filled in, as the network ties them", [f"{a} = {b}" for a, b in self.aliases]),
            ("missing in the file", self.missing),
            ("left over in the file", self.left_over),
            (
                "other shape",
                [f"{m.name} {m.in_file} in the file, {m.in_network} in the network" for m in self.mismatched],
            ),
            ("of another kind of number", [f"{name} ({why})" for name, why in self.unlike]),
            ("of the head left out", self.head_left_out),
            ("beside the network in the file, left out", self.aside),
        )
        said = [f"under {self.prefix!r} in the file"] if self.prefix else []
        said += [f"under {self.added!r} in the network"] if self.added else []
        said += [self.rule] if self.rule else []
        said += [f"the file has the network a second time, under {some(self.twins)}"] if self.twins else []
        said += [f"{len(names)} {what}: {some(names)}" for what, names in listed if names]
        return (*said, *self.made, *self.formats)

    def without_head(self) -> FitReport:
        """Return the report when the file's head is not taken."""
        head = set(self.head)
        other_form = set(self.of_head(self.left_over))
        in_file = head & ({*self.fits} | {m.name for m in self.mismatched} | {name for name, _ in self.unlike})
        return replace(
            self,
            fits=tuple(n for n in self.fits if n not in head),
            renamed=tuple(pair for pair in self.renamed if pair[1] not in head),
            missing=tuple(n for n in self.missing if n not in head),
            left_over=tuple(n for n in self.left_over if n not in other_form),
            mismatched=tuple(m for m in self.mismatched if m.name not in head),
            unlike=tuple(pair for pair in self.unlike if pair[0] not in head),
            head_left_out=(
                *(n for n in self.head if n in in_file),
                *(n for n in self.left_over if n in other_form),
            ),
        )


_DEPTHS = (
    (r"blocks", ("depth", "num_blocks")),
    (r"stages\.\d+\.blocks", ("depths",)),
    (r"layers\.\d+\.blocks", ("depths",)),
    (r"layer\d+", ("layers",)),
)
"""Containers of blocks in networks of timm, and what their constructors call how many blocks there are."""


def complaint(report: FitReport) -> str:
    """Say in one line why a file does not fit, and what would be right."""
    more = "; 'transferscope doctor' says more"
    if not report.fits and not report.unlike:
        has = some(report.left_over or report.aside)
        return f"is of another architecture than {report.network}: it has {has}{more}"
    if report.unlike:
        name, why = report.unlike[0]
        others = f", and {len(report.unlike) - 1} more so" if len(report.unlike) > 1 else ""
        return f"{name} holds {why}{others}; give the weights as they were before they were turned into these numbers"
    if report.but_for_head:
        return _of_head(report)
    if (first := report.first_layer) is not None:
        n = first.in_file[1]
        return (
            f"its first layer takes images of {n} channel{'s' * (n != 1)} ({first.name} {first.in_file}, "
            f"{report.network} as built here {first.in_network}); give --channels {n}, in a study "
            f"'images: {{channels: {n}}}'"
        )
    wrong = replace(
        report, filled=(), renamed=(), aliases=(), aside=(), formats=(), made=(), prefix="", added="", rule=""
    )
    told = [*([report.depth] if report.depth else []), *([_size(report)] if report.size else []), *wrong.notes()]
    return f"does not fit {report.network}: {'; '.join(told)}{more}"


def _of_head(report: FitReport) -> str:
    if report.mismatched:
        m = report.mismatched[0]
        if m.in_file[:1] == m.in_network[:1]:
            return (
                f"its head takes other features ({m.name} {m.in_file}, {report.network} wants {m.in_network}); "
                "leave it out (--head drop)"
            )
        return (
            f"its head is of another size, {m.in_file[0]} classes in the file and {m.in_network[0]} wanted ({m.name} "
            f"{m.in_file}, {report.network} as built here {m.in_network}); give images of the classes it was trained "
            "for, or leave it out (--head drop)"
        )
    other = report.of_head(report.left_over)
    what = f"has another head ({some(other)})" if other else f"has no head ({some(report.missing)})"
    missing = f"{len(report.missing)} missing in the file: {some(report.missing)}; " if not other else ""
    return f"does not fit {report.network}: {missing}it {what}; take it without (--head drop)"


def _size(report: FitReport) -> str:
    return (
        f"its position embedding is for images of {report.size}×{report.size} pixels; give --size {report.size}, "
        f"in a study 'images: {{size: {report.size}}}'"
    )


def _blocks(names: Sequence[str]) -> dict[str, int]:
    """Count the numbered blocks of every container: ``layer1`` → 3."""
    found: dict[str, set[int]] = {}
    for name in names:
        for m in re.finditer(r"\.(\d+)(?=\.)", name):
            found.setdefault(name[: m.start()], set()).add(int(m[1]))
    return {container: len(numbers) for container, numbers in found.items() if numbers == set(range(len(numbers)))}


def some(names: Sequence[str], count: int = 4) -> str:
    """Name the first few.

    >>> some(["a", "b", "c"], 2)
    'a, b, …'
    """
    return ", ".join(names[:count]) + (", …" if len(names) > count else "")
