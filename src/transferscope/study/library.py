"""Studies that come with the package: the demo, and papers with all their figures and tables."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ..errors import SpecError, nearest
from ..papers import paper_called
from .yaml_input import parse_yaml

__all__ = [
    "LIBRARY",
    "PAPERS",
    "Paper",
    "Scale",
    "about_several",
    "library_study",
    "origin",
    "paper",
    "paper_study",
    "why_left_out",
]

LIBRARY = ("demo",)
"""Studies by a name of their own."""

PAPERS = ("neyshabur2020", "liu2019", "abnar2022", "wortsman2022", "chatterji2020", "entezari2023")
"""Papers, as ``paper:NAME``."""

_PLACE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Scale:
    """One size of a paper's study.

    Attributes:
        about: what it is, in a sentence.
        takes: about how long, in words; as measured where it was run.
        needs: what must be given with ``--set``: name → what it is.
        either: names of which one is enough.
        without: name → items that are left out when it is not given.
    """

    about: str
    takes: str
    needs: Mapping[str, str]
    either: tuple[str, ...]
    without: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Paper:
    """A paper whose experiments are a study.

    Attributes:
        name: what it is called here.
        title: its own.
        cite: authors, place and year.
        figures: figure or table → what it shows.
        scales: its studies by size.
    """

    name: str
    title: str
    cite: str
    figures: Mapping[str, str]
    scales: Mapping[str, Scale]

    def text(self) -> str:
        """Return what to print: the paper, its figures and tables, what each scale needs and how long it takes."""
        lines = [f"paper:{self.name}", f"  {self.title}", f"  {self.cite}", ""]
        width = max(map(len, self.figures))
        lines += [f"  {figure:{width}}  {about}" for figure, about in self.figures.items()]
        for name, scale in self.scales.items():
            lines += ["", f"  --scale {name}: {scale.about}; {scale.takes}"]
            lines += [f"    --set {key}=…  {what}" for key, what in scale.needs.items()]
            if len(scale.either) > 1:
                lines.append(f"    one of {' and '.join(scale.either)} is enough")
            lines += [f"    without {key}: no {', '.join(items)}" for key, items in scale.without.items()]
        return "\n".join(lines)


@cache
def paper(name: str) -> Paper:
    """Return a paper by name.

    Raises:
        SpecError: for a name that is not known.

    >>> paper("neyshabur2020").title
    'What is being transferred in transfer learning?'
    """
    if name not in PAPERS:
        raise SpecError(f"paper:{name}", f"there is no such paper{nearest(name, PAPERS)}")
    tree = _read(name, "about")
    scales = {
        scale: Scale(
            given["about"],
            given["takes"],
            given.get("needs", {}),
            tuple(given.get("either", ())),
            {k: tuple(v) for k, v in given.get("without", {}).items()},
        )
        for scale, given in tree["scales"].items()
    }
    return Paper(name, tree["title"], tree["cite"], tree["figures"], scales)


def library_study(name: str) -> dict[str, Any]:
    """Return a study of :data:`LIBRARY` as plain data."""
    text = resources.files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return parse_yaml(text, f"{name}.yaml")


def about_several(item: str, settings: Any) -> bool:
    """Say whether an item under ``analyses`` is about several targets, and has no answer on one set of images."""
    from ..questions import QUESTIONS, question_class

    named = settings.get("question", item) if isinstance(settings, Mapping) else item
    return named in QUESTIONS and question_class(named).several


def paper_study(name: str, scale: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return a paper's study as plain data.

    Args:
        name: of the paper.
        scale: ``mini`` or ``paper``.
        given: what the scale needs, by name.

    Raises:
        SpecError: for an unknown paper or scale, and for what it needs and is not given.
    """
    about = paper(name)
    if scale not in about.scales:
        raise SpecError("--scale", f"{scale!r} is not a scale of {name}{nearest(scale, about.scales)}")
    wanted = about.scales[scale]
    _check_given(name, scale, wanted, given)
    tree: dict[str, Any] = _filled(_read(name, scale), given)
    for source in [tree.get("source", {}), *tree.get("sources", {}).values()]:
        if "checkpoint" in source:
            # What is said of training it here is for when no weights are given.
            for key in ("data", "recipe", "samples", "record"):
                source.pop(key, None)
    for key, items in wanted.without.items():
        if key not in given:
            tree["analyses"] = {k: v for k, v in tree["analyses"].items() if k not in items}
    return tree


def origin(name: str, scale: str = "") -> str:
    """Say in a sentence's words which study of ours this is.

    Args:
        name: of :data:`LIBRARY`, or of a paper.
        scale: of a paper.

    >>> origin("demo"), origin("liu2019", "mini")
    ('The demo study', 'Liu et al. 2019, made small')
    """
    if name in LIBRARY:
        return f"The {name} study"
    small = ", made small" if scale == "mini" else ""
    return f"{paper_called(name).short}{small}"


def why_left_out(name: str, study: str, targets: Collection[str]) -> str | None:
    """Say why a study of ours has not one of its analyses, figures or tables; ``None`` when it is none of them.

    Args:
        name: of the analysis, figure or table.
        study: name of the study.
        targets: those it has left.

    >>> why_left_out("table3", "neyshabur2020-mini", ["clipart"])
    'needs target xray, which --data left out'
    """
    found = next(((key, tree) for key, tree in _ours().items() if tree["name"] == study), None)
    if found is None:
        return None
    (ours, scale), tree = found
    items: Mapping[str, Any] = tree["analyses"]
    settings = {item: s if isinstance(s, Mapping) else {} for item, s in items.items()}
    item = name if name in items else next((i for i, s in settings.items() if name in s.get("shows", ())), None)
    if item is None:
        return None
    asked = settings[item]
    unions = [target for union in asked.get("unions", ()) for target in union]
    wanted = (
        asked.get("shows", {}).get(name) or asked.get("targets") or [*dict.fromkeys(unions)] or [*tree["targets"]]
    )
    if about_several(item, asked):
        if len(set(wanted) & set(targets)) > 1:
            return None
        return f"needs two of the targets {', '.join(wanted)}; with --data there is only {', '.join(targets)}"
    if not set(wanted) & set(targets):
        which = f"target {wanted[0]}" if len(wanted) == 1 else f"one of the targets {', '.join(wanted)}"
        return f"needs {which}, which --data left out"
    if ours in PAPERS:
        needs = paper(ours).scales[scale]
        for key, items_without in needs.without.items():
            if item in items_without:
                return f"needs --set {key}=… ({needs.needs[key]})"
    return None


def _check_given(name: str, scale: str, wanted: Scale, given: Mapping[str, str]) -> None:
    for key in given:
        if key not in wanted.needs:
            raise SpecError(f"--set {key}", f"is nothing that {name} needs at this scale{nearest(key, wanted.needs)}")
    chosen = [key for key in wanted.either if key in given]
    if len(chosen) > 1:
        raise SpecError("--set", f"give one of {' and '.join(wanted.either)}, not both")
    # Of those of which one is enough, all are named where there is none.
    optional = {*wanted.without, *wanted.either} - (set() if chosen else set(wanted.either))
    missing = [key for key in wanted.needs if key not in given and key not in optional]
    if missing:
        told = "; ".join(f"{key}=… ({wanted.needs[key]})" for key in missing)
        more = f"; one of {' and '.join(wanted.either)} is enough" if wanted.either and not chosen else ""
        raise SpecError("--set", f"paper:{name} at scale {scale} needs {told}{more}")


@cache
def _ours() -> dict[tuple[str, str], dict[str, Any]]:
    """Return every study that comes with the package, as its file has it, by name and scale."""
    of_papers = {(name, scale): _read(name, scale) for name in PAPERS for scale in paper(name).scales}
    return {(name, ""): library_study(name) for name in LIBRARY} | of_papers


def _read(name: str, file: str) -> dict[str, Any]:
    text = resources.files("transferscope.papers").joinpath(name, f"{file}.yaml").read_text(encoding="utf-8")
    return parse_yaml(text, f"{name}/{file}.yaml")


def _filled(tree: Any, given: Mapping[str, str]) -> Any:
    """Put what is given in its places; entries with a place for something else are left out."""
    if isinstance(tree, Mapping):
        return {k: _filled(v, given) for k, v in tree.items() if not (isinstance(v, str) and _open(v, given))}
    if isinstance(tree, list):
        return [_filled(v, given) for v in tree if not (isinstance(v, str) and _open(v, given))]
    return _PLACE.sub(lambda found: given[found[1]], tree) if isinstance(tree, str) else tree


def _open(text: str, given: Mapping[str, str]) -> bool:
    return any(name not in given for name in _PLACE.findall(text))
