"""From a file, or a name of the library, to a study whose every setting is known to be possible."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import SpecError, nearest
from .problems import problems_of, raise_all
from .reading import parse_yaml, read_yaml
from .schema import Study
from .survey import absolute

__all__ = ["LIBRARY", "load_study", "parse_study"]

LIBRARY = ("demo",)
"""Studies that come with the package."""


def load_study(where: str | Path, *, data: str | None = None) -> Study:
    """Read a study.

    Args:
        where: a YAML file, or a name of :data:`LIBRARY`.
        data: images to take instead of the study's targets, a spec string.

    Returns:
        The study, with absolute paths; :func:`~transferscope.study.check.check` says whether it can be run.

    Raises:
        SpecError: everything that is wrong with it, each with its place, what is wrong and what would be right.
    """
    if str(where) in LIBRARY:
        text = resources.files(__package__).joinpath("library", f"{where}.yaml").read_text(encoding="utf-8")
        tree, base = parse_yaml(text, f"{where}.yaml"), Path.cwd()
    else:
        path = Path(where)
        if not path.exists() and path.suffix not in (".yaml", ".yml"):
            raise SpecError(
                str(where), f"there is no such file, and no study of this name{nearest(str(where), LIBRARY)}"
            )
        tree, base = read_yaml(path), path.parent
    if data is not None:
        tree = _with_data(tree, absolute(data, Path.cwd(), "data"))
    return parse_study(tree, base)


def parse_study(tree: Mapping[str, Any], base: Path | None = None) -> Study:
    """Check the shape of a study: known keys, right types, possible values.

    Args:
        tree: plain data, as YAML gives it.
        base: where relative paths start; by default the current folder.

    Raises:
        SpecError: everything that is wrong with it.
    """
    plain, problems = _spelled_out(tree)
    raise_all(problems)
    try:
        # JSON has no tuples, so this is how lists may be given for them while all else is strict.
        study = Study.model_validate_json(json.dumps(plain))
    except ValidationError as e:
        raise_all(problems_of(e, Study))
        raise
    return _absolute(study, base if base is not None else Path.cwd())


def _spelled_out(tree: Mapping[str, Any]) -> tuple[dict[str, Any], list[SpecError]]:
    """Write out the short forms: a network that is a name, analyses that are ``true``."""
    out = dict(tree)
    problems = []
    if isinstance(out.get("network"), str):
        out["network"] = {"name": out["network"]}
    for key in ("images", "recipe", "analyses"):
        if key in out and out[key] is None:
            out[key] = {}
    analyses = out.get("analyses")
    if isinstance(analyses, Mapping):
        from .questions import QUESTIONS

        spelled: dict[str, Any] = {}
        for name, given in analyses.items():
            if given is False:
                continue
            settings = {} if given is True or given is None else given
            if not isinstance(settings, Mapping):
                problems.append(SpecError(f"analyses.{name}", f"expected true, false or settings, got {given!r}"))
                continue
            question = settings.get("question", name)
            if question not in QUESTIONS:
                hint = nearest(str(question), QUESTIONS)
                problems.append(SpecError(f"analyses.{name}", f"unknown question {question!r}{hint}"))
                continue
            spelled[name] = {"question": question, **settings}
        out["analyses"] = spelled
    return out, problems


def _absolute(study: Study, base: Path) -> Study:
    problems: list[SpecError] = []

    def resolved(spec: str, where: str) -> str:
        try:
            return absolute(spec, base, where)
        except SpecError as e:
            problems.append(e)
            return spec

    targets = {
        name: target.model_copy(update={"data": resolved(target.data, f"targets.{name}.data")})
        for name, target in study.targets.items()
    }
    source = study.source
    if source is not None:
        update: dict[str, str] = {}
        if source.data is not None:
            update["data"] = resolved(source.data, "source.data")
        if source.checkpoint is not None:
            update["checkpoint"] = str((base / Path(source.checkpoint).expanduser()).absolute())
        source = source.model_copy(update=update)
    raise_all(problems)
    return study.model_copy(update={"targets": targets, "source": source})


def _with_data(tree: Mapping[str, Any], spec: str) -> dict[str, Any]:
    """Put one target with these images in the place of the study's targets, with the recipe of the first of them."""
    from ..data.spec import parse

    place = parse(spec).place.rstrip("/")
    name = Path(place).name or "data"
    targets = tree.get("targets")
    first: Any = next(iter(targets.values()), {}) if isinstance(targets, Mapping) else {}
    kept = (
        {k: v for k, v in first.items() if k in ("recipe", "recipes", "samples")}
        if isinstance(first, Mapping)
        else {}
    )
    analyses = tree.get("analyses")
    if isinstance(analyses, Mapping):
        # Questions about several domains have no answer on one set of images.
        several = ("cross_domain", "combined_domains")
        analyses = {
            k: {i: s for i, s in v.items() if i != "targets"} if isinstance(v, Mapping) else v
            for k, v in analyses.items()
            if k not in several and not (isinstance(v, Mapping) and v.get("question") in several)
        }
    return {**tree, "targets": {name: {**kept, "data": spec}}, "analyses": analyses}
