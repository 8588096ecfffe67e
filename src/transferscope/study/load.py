"""From a file, or a name of the library, to a study whose every setting is known to be possible."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import ModelError, SpecError, UsageError, nearest
from .inventory import absolute
from .library import LIBRARY, PAPERS, library_study, origin, paper_study
from .overrides import changed, with_images, with_one_target
from .problems import problems_of, raise_all
from .schema import SourceSettings, Study
from .yaml_input import read_yaml

__all__ = ["load_study", "parse_study"]

_PAPER = "paper:"


def load_study(
    where: str | Path,
    *,
    data: str | Mapping[str, str] | None = None,
    scale: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Study:
    """Read a study.

    Args:
        where: a YAML file, a name of :data:`~transferscope.study.library.LIBRARY`, or ``paper:neyshabur2020``.
        data: images to take instead of the study's own: one spec string in the place of all targets, or spec strings
            by the name of target or source.
        scale: of a paper: ``mini`` (the default) or ``paper``.
        settings: what to change, by dotted place (``recipe.epochs``), or ``quick`` by the name of a question; for a
            paper also what its scale needs, by name.

    Returns:
        The study, with absolute paths; :func:`~transferscope.study.check.check` says whether it can be run.

    Raises:
        SpecError: everything that is wrong with it, each with its place, what is wrong and what would be right.
    """
    settings = _by_place(settings or {})
    named, dotted = (
        {k: v for k, v in settings.items() if "." not in k},
        {k: v for k, v in settings.items() if "." in k},
    )
    if str(where).startswith(_PAPER):
        given = {k: str(v) for k, v in named.items()}
        name, scale = str(where).removeprefix(_PAPER), scale or "mini"
        tree, base, ours = paper_study(name, scale, given), Path.cwd(), origin(name, scale)
    else:
        if scale is not None:
            raise UsageError(f"--scale {scale}: is for papers, such as {_PAPER}{PAPERS[0]}")
        if str(where) in LIBRARY:
            tree, base, ours = library_study(str(where)), Path.cwd(), origin(str(where))
        else:
            tree, base, ours = _read(Path(where)), Path(where).parent, ""
        dotted = named | dotted
    if isinstance(data, str):
        tree = with_one_target(tree, data, ours)
    elif data is not None:
        tree = with_images(tree, data, ours)
    return parse_study(changed(tree, dotted), base)


def _by_place(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Take ``basin: quick`` for what it says of the question, which is under ``analyses``."""
    from ..questions import QUESTIONS
    from ..questions.presets import QUICK

    return {f"analyses.{k}" if v == QUICK and k in QUESTIONS else k: v for k, v in settings.items()}


def _read(path: Path) -> dict[str, Any]:
    if not path.exists() and path.suffix not in (".yaml", ".yml"):
        known = (*LIBRARY, *(f"{_PAPER}{name}" for name in PAPERS))
        raise SpecError(str(path), f"there is no such file, and no study of this name{nearest(str(path), known)}")
    return read_yaml(path)


def parse_study(tree: Mapping[str, Any], base: Path | None = None) -> Study:
    """Check the shape of a study: known keys, right types, possible values.

    Args:
        tree: plain data, as YAML gives it.
        base: where relative paths start; by default the current folder.

    Raises:
        SpecError: everything that is wrong with it.
    """
    plain, problems = _spelled_out(tree)
    start = base if base is not None else Path.cwd()
    try:
        # JSON has no tuples, so this is how lists may be given for them while all else is strict.
        study = Study.model_validate_json(json.dumps(plain))
    except ValidationError as e:
        raise_all([*problems_of(e, Study), *_images(plain, start), *problems])
        raise
    if not study.starts and not study.grid:
        problems.append(
            SpecError("starts", "needs at least 1 entry, has 0")
            if "starts" in plain
            else SpecError("", "'starts' is missing")
        )
    study, more = _absolute(study, start)
    raise_all([*more, *problems])
    return study


def _spelled_out(tree: Mapping[str, Any]) -> tuple[dict[str, Any], list[SpecError]]:
    """Write out short forms: a network that is a name, analyses ``true`` or ``quick``, recorded runs by number."""
    out = dict(tree)
    problems = []
    if isinstance(starts := out.get("starts"), Mapping):
        out["starts"] = {name: _with_seeds(start) for name, start in starts.items()}
    if isinstance(out.get("network"), str):
        out["network"] = {"name": out["network"]}
    for key in ("images", "recipe", "analyses"):
        if key in out and out[key] is None:
            out[key] = {}
    analyses = out.get("analyses")
    if isinstance(analyses, Mapping):
        from ..questions import QUESTIONS
        from ..questions.presets import QUICK, quick_settings

        spelled: dict[str, Any] = {}
        for name, given in analyses.items():
            where = f"analyses.{name}"
            if given is False:
                continue
            settings = {} if given is True or given is None or given == QUICK else given
            # What is wrong here is taken out, so that what is wrong elsewhere is found at the same time.
            if not isinstance(settings, Mapping):
                problems.append(SpecError(where, f"expected true, false, quick or settings, got {given!r}"))
                continue
            question = settings.get("question", name)
            if not isinstance(question, str) or question not in QUESTIONS:
                hint = nearest(str(question), QUESTIONS)
                problems.append(SpecError(where, f"unknown question {question!r}{hint}"))
                continue
            if given == QUICK:
                try:
                    settings = quick_settings(where, question)
                except SpecError as e:
                    problems.append(e)
                    continue
            spelled[name] = {"question": question, **settings}
        out["analyses"] = spelled
    return out, problems


def _with_seeds(start: Any) -> Any:
    """Number the recorded runs of a start."""
    if isinstance(start, Mapping) and isinstance(start.get("runs"), list) and "seeds" not in start:
        return {**start, "seeds": list(range(len(start["runs"])))}
    return start


def _images(tree: Mapping[str, Any], base: Path) -> list[SpecError]:
    """Find what is wrong with the image strings of a study that is wrong elsewhere, too."""
    problems = []
    blocks = {"source": tree.get("source")}
    for several in ("sources", "grid", "targets"):
        named = tree.get(several)
        blocks |= {f"{several}.{k}": v for k, v in named.items()} if isinstance(named, Mapping) else {}
    for place, block in blocks.items():
        if isinstance(block, Mapping) and isinstance(block.get("data"), str):
            try:
                absolute(block["data"], base, f"{place}.data")
            except SpecError as e:
                problems.append(e)
    return problems


def _absolute(study: Study, base: Path) -> tuple[Study, list[SpecError]]:
    """Make the paths of a study absolute; what is wrong with them comes beside it."""
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

    def found(source: SourceSettings, where: str) -> SourceSettings:
        update: dict[str, str] = {}
        if source.data is not None:
            update["data"] = resolved(source.data, f"{where}.data")
        if source.checkpoint is not None:
            update["checkpoint"] = str((base / Path(source.checkpoint).expanduser()).absolute())
        return source.model_copy(update=update)

    update: dict[str, object] = {"targets": targets}
    if study.network.name.startswith(("py:", "hf/")):
        from ..models.build import with_absolute_path

        try:
            name = with_absolute_path(study.network.name, base)
            update["network"] = study.network.model_copy(update={"name": name})
        except ModelError as e:
            problems.append(SpecError("network", str(e)))
    if study.source is not None:
        update["source"] = found(study.source, "source")
    if study.grid:
        update["grid"] = {
            name: g.model_copy(update={"data": resolved(g.data, f"grid.{name}.data")})
            for name, g in study.grid.items()
        }
    if study.sources:
        update["sources"] = {name: found(s, f"sources.{name}") for name, s in study.sources.items()}
    if any(start.runs is not None for start in study.starts.values()):
        update["starts"] = {
            name: start.model_copy(
                update={"runs": tuple(str((base / Path(run).expanduser()).absolute()) for run in start.runs)}
            )
            if start.runs is not None
            else start
            for name, start in study.starts.items()
        }
    return study.model_copy(update=update), problems
