"""A study with other images or other settings than its file has, as given on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError, nearest
from .inventory import absolute
from .library import about_several
from .overlay import laid_over

__all__ = ["changed", "with_images", "with_one_target"]

_NAMED = {"starts": "start", "targets": "target", "sources": "source", "analyses": "analysis"}
"""What holds things by names of the study's own."""

_Tree = Mapping[str, Any]
_ENDLESS = 2**31
"""More epochs than any training has."""


def changed(tree: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study with other settings, by dotted place; where training gets shorter, what it keeps goes along.

    ``quick`` of an analysis is laid over what the study says of it, so that it stays about the same targets.

    Raises:
        UsageError: for a place inside of something that holds no settings, or that is not there.

    >>> changed({"recipe": {"epochs": 20, "lr": 0.1}}, {"recipe.epochs": 5})
    {'recipe': {'epochs': 5, 'lr': 0.1}}
    """
    out = dict(tree)
    for place, value in settings.items():
        keys = place.split(".")
        _see_that_it_is_there(out, keys, place)
        _spell_out(out, keys)
        _put(out, keys, _laid_over_it(out, keys, value), place)
    _shorten(tree, out, settings)
    return out


def with_one_target(tree: Mapping[str, Any], data: str, ours: str = "") -> dict[str, Any]:
    """Return a study with one target in the place of its targets, with the recipe of the first of them.

    Args:
        tree: the study.
        data: images, a spec string.
        ours: which study of ours it is, in words; empty for one that a person describes.
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
        analyses = {k: _of_the_one(v) for k, v in analyses.items() if not about_several(k, v)}
    starts = tree.get("starts", {})
    if isinstance(starts, Mapping):
        starts = {
            k: {i: s for i, s in v.items() if i != "targets"} if isinstance(v, Mapping) else v
            for k, v in starts.items()
        }
    out = {**tree, "targets": {name: {**kept, "data": spec}}, "starts": starts, "analyses": analyses}
    return _described(tree, out, {spec: data}, ours)


def with_images(tree: Mapping[str, Any], given: Mapping[str, str], ours: str = "") -> dict[str, Any]:
    """Return a study with other images for its targets and pre-trainings, by name; targets not named are left out.

    Args:
        tree: the study.
        given: target, ``source`` (of a study without one: of its grid, where all families have one) or name under
            ``sources`` or ``grid`` → images, a spec string.
        ours: which study of ours it is, in words; empty for one that a person describes.

    Raises:
        UsageError: for a name that the study has not.

    >>> tree = {"targets": {"a": {"data": "synthetic:photo"}, "b": {"data": "synthetic:clipart"}}}
    >>> with_images(tree, {"b": "synthetic:xray"})["targets"]
    {'b': {'data': 'synthetic:xray'}}
    """
    targets, sources = dict(tree.get("targets") or {}), dict(tree.get("sources") or {})
    grid = dict(tree.get("grid") or {})
    alike = len({of["data"] for of in grid.values()}) == 1
    known = [*targets, *(["source"] if "source" in tree or alike else []), *sources, *grid]
    out, written = dict(tree), {}
    for name, data in given.items():
        spec = absolute(data, Path.cwd(), f"--data {name}")
        written[spec] = data
        if name in targets:
            targets[name] = {**targets[name], "data": spec}
        elif name == "source" and "source" in tree:
            out["source"] = {k: v for k, v in tree["source"].items() if k not in ("checkpoint", "at")} | {
                "data": spec
            }
        elif name == "source" and alike:
            out["grid"] = grid = {family: {**of, "data": spec} for family, of in grid.items()}
        elif name in grid:
            out["grid"] = grid = grid | {name: {**grid[name], "data": spec}}
        elif name in sources:
            sources[name] = {k: v for k, v in sources[name].items() if k not in ("checkpoint", "at")} | {"data": spec}
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
    return _described(tree, out, written, ours)


def _described(tree: _Tree, out: dict[str, Any], written: Mapping[str, str], ours: str) -> dict[str, Any]:
    """Put a true sentence where a study of ours describes its own images; what a person wrote stays.

    Args:
        tree: the study as it was.
        out: the study with other images.
        written: spec string with absolute paths → as the person gave it.
        ours: which study of ours it is.
    """
    if not ours:
        return out
    sources = ({"source": out["source"]} if "source" in out else {}) | dict(out.get("sources") or {})
    if "source" not in sources and (grid := out.get("grid")):
        sources = {"source": next(iter(grid.values())), **sources}
    named = {name if name == "source" else f"source {name}": source for name, source in sources.items()}
    named |= {f"target {name}": target for name, target in out["targets"].items()}
    told = [f"{name} {written[block['data']]}" for name, block in named.items() if block.get("data") in written]
    same = [name for name, block in named.items() if block.get("data") not in written]
    left = [name for name in tree["targets"] if name not in out["targets"]]
    told += [f"as before {', '.join(same)}"] if same else []
    told += [f"left out target{'s' * (len(left) > 1)} {', '.join(left)}"] if left else []
    return out | {"description": f"{ours}, asked of other images: {'; '.join(told)}."}


def _without_targets(name: str, settings: Any, targets: Sequence[str]) -> bool:
    """Say whether nothing is left that the question could be asked of."""
    if about_several(name, settings) and len(targets) < 2:
        return True
    return isinstance(settings, Mapping) and settings.get("targets") == []


def _of_the_one(settings: Any) -> Any:
    """Return settings of a question that is asked of the only target, its figures and tables included."""
    if not isinstance(settings, Mapping):
        return settings
    out = {k: v for k, v in settings.items() if k not in ("targets", "alike", "finetuned", "overlay")}
    if isinstance(out.get("shows"), Mapping):
        out["shows"] = {figure: [] for figure in out["shows"]}
    return out


def _of_these(settings: Any, targets: Sequence[str]) -> Any:
    """Return settings that name only these targets."""
    if not isinstance(settings, Mapping):
        return settings
    out = dict(settings)
    if "overlay" in out and out["overlay"] not in targets:
        del out["overlay"]
    for key in ("targets", "alike", "finetuned"):
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


def _shorten(before: _Tree, after: dict[str, Any], given: _Tree) -> None:
    """Leave out what does not come where training has become shorter: weights to keep, averages on the way.

    The last epoch is kept in the place of those that do not come. What a person asked for stays, to be refused.

    Args:
        before: the study as it was.
        after: the study with other settings; changed.
        given: these settings by place.
    """
    asked = [tuple(place.split(".")) for place in given]
    earlier = _last_epochs(before)
    for place, last in _last_epochs(after).items():
        epochs = _inner(after, *place[:-1]).get(place[-1])
        if last >= earlier.get(place, 0) or any(place[: len(keys)] == keys for keys in asked):
            continue
        if isinstance(epochs, list) and any(isinstance(e, int) and e > last for e in epochs):
            _put(after, place, [e for e in epochs if isinstance(e, int) and e < last] + [last], ".".join(place))
        elif isinstance(epochs, int) and epochs > last:
            _put(after, place, None, ".".join(place))


def _last_epochs(tree: _Tree) -> dict[tuple[str, ...], int]:
    """Return for each place of a study that counts epochs the last one of the shortest training it is about."""
    usual, targets, starts = (_inner(tree, key) for key in ("recipe", "targets", "starts"))
    ends = {
        (target, start): _end(
            usual,
            _inner(targets, target, "recipe"),
            _inner(starts, start, "recipe"),
            _inner(targets, target, "recipes", start),
        )
        for target in targets
        for start in starts
    }
    places: dict[tuple[str, ...], int] = {("record", "epochs"): min(ends.values(), default=_ENDLESS)}
    for start in starts:
        trained = _inner(starts, start).get("targets") or targets
        of_start = [ends[target, start] for target in trained if target in targets]
        places["starts", start, "average", "every"] = min(of_start, default=_ENDLESS)
    for source in (("source",), *(("sources", name) for name in _inner(tree, "sources"))):
        places[*source, "record", "epochs"] = _end(usual, _inner(tree, *source, "recipe"))
    return places


def _end(*patches: _Tree) -> int:
    """Return the last epoch of a recipe; what is none is refused elsewhere."""
    from ..train.recipe import Recipe

    epochs = laid_over(*patches).get("epochs", Recipe.epochs)
    return epochs if isinstance(epochs, int) and epochs > 0 else _ENDLESS


def _inner(tree: _Tree, *keys: str) -> _Tree:
    """Return the settings at a place, empty where there are none."""
    for key in keys:
        inner = tree.get(key)
        tree = inner if isinstance(inner, Mapping) else {}
    return tree


def _see_that_it_is_there(tree: Mapping[str, Any], keys: Sequence[str], place: str) -> None:
    """Refuse one setting of a start, target, source or analysis that the study has not: it would be all it has."""
    if len(keys) < 3 or keys[0] not in _NAMED:
        return
    from ..questions import QUESTIONS

    there, name = tree.get(keys[0]), keys[1]
    known = [*(there if isinstance(there, Mapping) else ()), *(QUESTIONS if keys[0] == "analyses" else ())]
    if name not in known:
        raise UsageError(f"--set {place}: there is no {_NAMED[keys[0]]} {name!r}{nearest(name, known)}")


def _spell_out(tree: dict[str, Any], keys: Sequence[str]) -> None:
    """Write out a question that the study asks in its short form, where one of its settings is changed."""
    from ..questions.presets import QUICK, quick_settings

    if keys[0] == "analyses" and len(keys) > 2 and _inner(tree, "analyses").get(keys[1]) == QUICK:
        place = ".".join(keys[:2])
        _put(tree, keys[:2], quick_settings(place, keys[1]), place)


def _laid_over_it(tree: _Tree, keys: Sequence[str], value: Any) -> Any:
    """Return the quick form of a question laid over what the study says of it; any other value as it is."""
    from ..questions import QUESTIONS
    from ..questions.presets import QUICK, quick_settings

    if keys[0] != "analyses" or len(keys) != 2 or value != QUICK:
        return value
    there = _inner(tree, *keys)
    question = there.get("question", keys[1])
    if not isinstance(question, str) or question not in QUESTIONS:
        return value  # to be refused where the study is read
    return {**there, **quick_settings(".".join(keys), question)}


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
