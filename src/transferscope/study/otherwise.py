"""A study with other images or other settings than its file has, as given on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError, nearest
from .survey import absolute

__all__ = ["changed", "with_images", "with_one_target"]

_SEVERAL = ("cross_domain", "combined_domains")
"""Questions about several domains, which have no answer on one set of images."""


def changed(tree: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study with other settings, by dotted place.

    Raises:
        UsageError: for a place inside of something that holds no settings.

    >>> changed({"recipe": {"epochs": 20, "lr": 0.1}}, {"recipe.epochs": 5})
    {'recipe': {'epochs': 5, 'lr': 0.1}}
    """
    out = dict(tree)
    for place, value in settings.items():
        _put(out, place.split("."), value, place)
    return out


def with_one_target(tree: Mapping[str, Any], data: str) -> dict[str, Any]:
    """Return a study with one target in the place of its targets, with the recipe of the first of them.

    Args:
        tree: the study.
        data: images, a spec string.
    """
    from ..data.spec import parse

    spec = absolute(data, Path.cwd(), "--data")
    name = Path(parse(spec).place.rstrip("/")).name or "data"
    targets = tree.get("targets")
    first: Any = next(iter(targets.values()), {}) if isinstance(targets, Mapping) else {}
    kept = (
        {k: v for k, v in first.items() if k in ("recipe", "recipes", "samples")}
        if isinstance(first, Mapping)
        else {}
    )
    analyses = tree.get("analyses")
    if isinstance(analyses, Mapping):
        analyses = {
            k: {i: s for i, s in v.items() if i not in ("targets", "shows", "alike")} if isinstance(v, Mapping) else v
            for k, v in analyses.items()
            if not _about_several(k, v)
        }
    starts = tree.get("starts")
    if isinstance(starts, Mapping):
        starts = {
            k: {i: s for i, s in v.items() if i != "targets"} if isinstance(v, Mapping) else v
            for k, v in starts.items()
        }
    return {**tree, "targets": {name: {**kept, "data": spec}}, "starts": starts, "analyses": analyses}


def with_images(tree: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return a study with other images for its targets and pre-trainings, by name; targets not named are left out.

    Args:
        tree: the study.
        given: target, ``source`` or name under ``sources`` → images, a spec string.

    Raises:
        UsageError: for a name that the study has not.

    >>> tree = {"targets": {"a": {"data": "synthetic:photo"}, "b": {"data": "synthetic:clipart"}}}
    >>> with_images(tree, {"b": "synthetic:xray"})["targets"]
    {'b': {'data': 'synthetic:xray'}}
    """
    targets, sources = dict(tree.get("targets") or {}), dict(tree.get("sources") or {})
    known = [*targets, *(["source"] if "source" in tree else []), *sources]
    out = dict(tree)
    for name, data in given.items():
        spec = absolute(data, Path.cwd(), f"--data {name}")
        if name in targets:
            targets[name] = {**targets[name], "data": spec}
        elif name == "source" and "source" in tree:
            out["source"] = {k: v for k, v in tree["source"].items() if k != "checkpoint"} | {"data": spec}
        elif name in sources:
            sources[name] = {k: v for k, v in sources[name].items() if k != "checkpoint"} | {"data": spec}
        else:
            raise UsageError(f"--data {name}: the study has no target or source of this name{nearest(name, known)}")
    named = [name for name in targets if name in given]
    if named:
        out["targets"] = {name: targets[name] for name in named}
        out["starts"] = {k: _of_these(v, named) for k, v in dict(tree.get("starts") or {}).items()}
        analyses = {k: _of_these(v, named) for k, v in dict(tree.get("analyses") or {}).items()}
        out["analyses"] = {k: v for k, v in analyses.items() if not _without_targets(k, v, named)}
    if sources:
        out["sources"] = sources
    return out


def _about_several(name: str, settings: Any) -> bool:
    return name in _SEVERAL or (isinstance(settings, Mapping) and settings.get("question") in _SEVERAL)


def _without_targets(name: str, settings: Any, targets: Sequence[str]) -> bool:
    """Say whether nothing is left that the question could be asked of."""
    if _about_several(name, settings) and len(targets) < 2:
        return True
    return isinstance(settings, Mapping) and settings.get("targets") == []


def _of_these(settings: Any, targets: Sequence[str]) -> Any:
    """Return settings that name only these targets."""
    if not isinstance(settings, Mapping):
        return settings
    out = dict(settings)
    for key in ("targets", "alike"):
        if isinstance(out.get(key), list):
            out[key] = [t for t in out[key] if t in targets]
    if isinstance(out.get("unions"), list):
        out["unions"] = [u for u in out["unions"] if set(u) <= set(targets)]
        if not out["unions"]:
            out["targets"] = []
    if isinstance(out.get("shows"), Mapping):
        kept = {figure: [t for t in of or [] if t in targets] for figure, of in out["shows"].items()}
        out["shows"] = {figure: of for figure, of in kept.items() if of or not out["shows"][figure]}
    return out


def _put(tree: dict[str, Any], keys: Sequence[str], value: Any, place: str) -> None:
    first, *rest = keys
    if not rest:
        tree[first] = value
        return
    inner = tree.get(first)
    inner = {} if inner is None or inner is True else inner
    if not isinstance(inner, Mapping):
        raise UsageError(f"--set {place}: {first!r} holds {inner!r}, no settings")
    copy = dict(inner)
    _put(copy, rest, value, place)
    tree[first] = copy
