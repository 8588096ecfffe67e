"""``domains:ROOT?domain=photo``: a folder for each domain and in it one for each class, as PACS and Office-Home do.

``ROOT/DOMAIN/CLASS/…``, or with parts: ``ROOT/DOMAIN/train/CLASS/…`` or ``ROOT/train/DOMAIN/CLASS/…``. Classes are
those of all domains, so that labels are the same whichever domain is asked for. ``domain=photo+sketch`` is the union
of both; where there are no parts each domain is split by itself, so that what is test in one is test in the union.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...errors import DataError, nearest
from ..listing import Divided, Listing, Parts, divide, finish
from ..names import quoted, readable, several
from ..pixels import FilePixels
from .base import SplitSource, folder, union
from .folder import listed_by_class, shown_names
from .layout import PARTS, Layout, find_layout, folders_in, part_called

__all__ = ["Domains"]


@dataclass(frozen=True)
class Domains(SplitSource):
    """``domains:ROOT?domain=photo``.

    Attributes:
        domain: the domain, or several joined by ``+``.
        split: names of the folders for train and test, or for train, val and test; ``none`` where there are no parts.
    """

    scheme: ClassVar[str] = "domains"

    domain: str = ""
    split: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        asked = union(self.domain)
        if not asked:
            self._refuse("no domain given; add ?domain=NAME, e.g. ?domain=photo or ?domain=photo+sketch")
        if len(set(asked)) < len(asked):
            self._refuse(f"domain={self.domain}: a domain is given twice")

    def parts(self, seed: int) -> Parts:
        """Find the images of the domains.

        Raises:
            DataError: a domain that is not there (those there are named), a class folder without images, or a union
                of which only some domains have parts.
        """
        root = folder(self.place)
        layouts = {name: layout for name, layout in _domains(root, self.split).items() if layout.parts["train"]}
        asked = union(self.domain)
        for name in asked:
            if name not in layouts:
                shown = ", ".join(map(readable, layouts)) or "none"
                raise DataError(
                    f"{root}: no domain {name!r}{nearest(name, map(readable, layouts))} (domains: {shown})"
                )
        own = {c for name in asked for of in layouts[name].parts.values() for c in of}
        of_domain = {name: {c for of in layout.parts.values() for c in of} for name, layout in layouts.items()}
        strange = [name for name, classes in of_domain.items() if not classes & own]
        classes = sorted(set.union(*(of_domain[name] for name in layouts if name not in strange)))
        names, renamed = shown_names(root, classes)
        remarks = [*renamed]
        if strange:
            remarks.append(f"the folders {several(map(quoted, strange))} are no domains of these classes")
        if absent := [c for c in classes if c not in own]:
            remarks.append(f"no image of {several(map(quoted, absent))} in {self.domain}; other domains have some")
        if len({frozenset(layouts[name].parts) for name in asked}) > 1:
            raise DataError(f"{root}: of the domains {self.domain} some have parts and some have none")
        notes: list[str] = []
        divided = []
        for name in asked:
            layout = layouts[name]
            listings, left, more = listed_by_class(root, layout, classes)
            remarks += [f"{name}: {remark}" for remark in (*layout.remarks, *left)]
            notes += [f"{name}: {note}" for note in (*layout.notes, *more)]
            divided.append(
                divide(
                    listings["train"],
                    listings.get("val"),
                    listings.get("test"),
                    val_share=self.val,
                    test_share=self.test,
                    seed=seed,
                )
            )
        return finish(
            "+".join(asked),
            names,
            _joined(root, divided),
            samples=self.samples,
            seed=seed,
            notes=tuple(dict.fromkeys(notes)),
            remarks=tuple(remarks),
        )


def _domains(root: Path, given: tuple[str, ...]) -> dict[str, Layout]:
    """Return where the classes of each domain are."""
    below = folders_in(root)
    named = {part_called(p.name) for p in below} - {None}
    here = bool(given) and given != ("none",) and {p.name for p in below} >= {*given}
    if here or ("train" in named and len(named) > 1):
        outer = find_layout(root, given)  # its "classes" are the domains
        names = sorted({name for of in outer.parts.values() for name in of})
        layouts = {}
        for name in names:
            inner = {part: of[name] for part, of in outer.parts.items() if name in of}
            parts = {part: {p.name: p for p in folders_in(path)} for part, path in inner.items()}
            layouts[name] = _only_other_is_test(Layout({"train": {}, **parts}, dict(inner)))
        return layouts
    return {p.name: _only_other_is_test(_layout_of(p, given)) for p in below}


def _layout_of(domain: Path, given: tuple[str, ...]) -> Layout:
    inside = folders_in(domain)
    if not given and "train" not in {part_called(p.name) for p in inside}:
        return Layout({"train": {p.name: p for p in inside}}, {"train": domain})
    return find_layout(domain, given)


def _only_other_is_test(layout: Layout) -> Layout:
    parts, places = dict(layout.parts), dict(layout.places)
    if set(parts) == {"train", "val"}:
        parts["test"], places["test"] = parts.pop("val"), places.pop("val")
        note = f"test: the folder {quoted(places['test'].name)}, as no other is there for it"
        return replace(layout, parts=parts, places=places, notes=[*layout.notes, note])
    return layout


def _joined(root: Path, divided: list[Divided]) -> Divided:
    """Put the parts of several domains one after the other."""
    if len(divided) == 1:
        return divided[0]
    merged = {part: _chained(root, [getattr(of, part) for of in divided]) for part in PARTS}
    notes = tuple(dict.fromkeys(note for of in divided for note in of.notes))
    return Divided(**merged, held=all(of.held for of in divided), notes=notes)


def _chained(root: Path, listings: list[Listing]) -> Listing:
    paths = [path for of in listings for path in of.pixels.paths]  # type: ignore[attr-defined]
    labels = np.concatenate([of.labels for of in listings])
    return Listing(FilePixels(root, paths), labels, np.concatenate([of.ids for of in listings]))
