"""Which differences a study will be able to tell, claim by claim, before anything is computed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from ..columns import columns
from ..errors import StoreError
from ..evidence.claim import Claim
from ..evidence.claims import claim_called
from ..evidence.finding import Finding
from ..evidence.phrases import number, percent, short
from ..evidence.pilot import Pilot, Prospect, pilots, prospect, read_pilots
from ..questions.base import Question, starts_asked
from ..questions.grid.study import OfGrid
from .check import Checked
from .grid import points_of
from .load import load_study
from .schema import Study
from .stored_study import StoredStudy, open_study
from .yaml_input import parse_yaml
from .yaml_output import study_yaml

__all__ = ["pilot_file", "pilots_for", "pilots_in", "prospects", "told"]


def pilots_for(study: Study, folder: str | Path) -> tuple[tuple[Pilot, ...], str]:
    """Return how much the numbers of claims vary, and where that is known from.

    It is what the run folder holds, where it holds something of this study; else, of a paper's study with its own
    network and images, what pilot runs have shown, which come with the package; else nothing.

    Args:
        study: the study.
        folder: its run folder, which need not be there.

    Returns:
        What is known, and where from; where nothing is known, the folder that was looked into.
    """
    try:
        stored = open_study(folder)
        here = pilots_in(stored) if stored.name == study.name else ()
    except StoreError:
        here = ()
    if here:
        before, now = stored.tree.get("network"), parse_yaml(study_yaml(study), study.name)["network"]
        other = "" if before == now else f" with another network, {_network_name(before)}"
        return here, f"as measured in the run folder{other}"
    file = pilot_file(study)
    if file is not None and file.is_file():
        packaged = load_study(f"paper:{study.paper}")
        same = (packaged.targets, packaged.network, packaged.images) == (study.targets, study.network, study.images)
        if same:
            return read_pilots(file), "from pilot runs with other seeds"
    return (), str(folder)


def _network_name(written: Any) -> str:
    return str(written.get("name", "") if isinstance(written, dict) else written)


def pilot_file(study: Study) -> Path | None:
    """Return where it is kept what pilot runs of a paper's study have shown; ``None`` for a study of no paper."""
    if study.paper is None:
        return None
    return Path(str(resources.files("transferscope.papers"))) / study.paper / f"{study.name}.csv"


def pilots_in(stored: StoredStudy) -> tuple[Pilot, ...]:
    """Return how much the numbers of claims vary in a run folder."""
    return pilots(_findings(stored))


def _findings(stored: StoredStudy) -> list[Finding]:
    found: list[Finding] = []
    for item in stored.items:
        for target, result in stored.results(item).items():
            found += [f if f.target else replace(f, target=target) for f in result.findings()]
    return found


def prospects(checked: Checked, known: tuple[Pilot, ...]) -> list[Prospect]:
    """Return what the study can tell of each claim that its questions judge, on each target.

    Args:
        checked: the study.
        known: how much the numbers vary.
    """
    by_question: dict[str, list[Question]] = {}
    for question in checked.study.analyses.values():
        by_question.setdefault(question.called(), []).append(question)
    found = []
    for pilot in known:
        claim = claim_called(pilot.claim)
        for question in by_question.get(claim.question or "", ())[:1]:
            targets = question.targets or tuple(checked.targets)
            about = pilot.target.split(" & ") if pilot.target else targets
            if question.called() == "scaling":  # a task is a target with its shots: "photo, 5 shots"
                about = [pilot.target.rpartition(", ")[0]]
            if not set(about) <= set(targets):
                continue
            images = [checked.targets[target].test for target in about]
            limit = getattr(question, "images", None)
            seen = min(images) if limit is None else min(limit, *images)
            found.append(prospect(pilot, _networks(checked.study, question, claim), seen))
    return found


def _networks(study: Study, question: Question, claim: Claim) -> int:
    """Return how many networks of each kind the question has: of the kind with the fewest.

    A kind has those of the start with the most seeds. Where starts of a kind are held against each other, the start
    with the fewest counts; where networks of one initialisation are, the most that share one. Of a grid it is the
    number of its pre-trainings, or of seeds where they are paired by these.
    """
    if isinstance(question, OfGrid):
        if question.called() == "sources":  # one number a seed
            return min((len(family.seeds) for family in study.grid.values()), default=0)
        return sum(len(points_of(name, family)) for name, family in study.grid.items())
    limit = getattr(question, "runs", None) or getattr(question, "seeds", None)
    of_kind: dict[str, list[int]] = {}
    sharing: Counter[int] = Counter()
    for name in starts_asked(study, question):
        start = study.starts[name]
        if start.altered:
            continue
        of_kind.setdefault("RI-T" if start.source is None else "P-T", []).append(len(start.seeds[:limit]))
        if start.source is None:
            sharing.update(seed if start.init is None else start.init for seed in start.seeds[:limit])
    if claim.one_start:
        return max(sharing.values(), default=0)
    apart = question.tells_apart or question.called() == "learning_curves"
    counts = [min(n) if apart else max(n) for kind, n in of_kind.items() if kind in (claim.kinds or of_kind)]
    return min(counts, default=0)


def told(found: list[Prospect], where: str, *, known: bool = True) -> list[str]:
    """Say what can be told: a heading, then under each claim a line a target.

    Args:
        found: the prospects.
        where: from where it is known how much numbers vary; where nothing is, where it was looked for.
        known: whether it is known.
    """
    if not found and known:
        return []  # no claim is asked about
    if not found:
        return [
            f"which differences could be told is not known: {where} holds no results of a study of this name; give "
            "--out where they lie elsewhere"
        ]
    lines = [
        f"what can be told, {where}: a number of 'tells from' or more gets its verdict in four of five studies, the "
        "effect that docs/claims.md lists in so many as 'power' says; networks are those of each kind"
    ]
    rows: dict[str, list[tuple[str, ...]]] = {}
    for p in found:
        rows.setdefault(p.claim.id, []).append(_row(p))
    head, *table = columns([_HEADS, *(row for of in rows.values() for row in of)], numbers=True)
    lines.append(f"    {head}")
    claims, at = {p.claim.id: p.claim for p in found}, iter(table)
    for name, of in rows.items():
        lines.append(f"  {claims[name].says} [{name}], {_unit(claims[name])}:")
        lines += [f"    {next(at)}" for _ in of]
    return lines


_HEADS = ("target", "networks", "images", "tells from", "listed effect", "power", "networks for 80 %")
"""Columns of what can be told."""


def _row(p: Prospect) -> tuple[str, ...]:
    share = p.claim.units.startswith("share")

    def size(x: float | None) -> str:
        return "–" if x is None else number(100 * x, 1 if abs(x) >= 0.01 else 2) if share else short(x)

    takes = "" if p.claim.effect is None else ">200" if p.seeds is None else str(p.seeds)
    tells = "no verdict" if p.tells is None else size(p.tells)
    chance = "–" if p.chance is None else percent(p.chance, 0)
    images = f"{p.images:,}" if p.images else "–"
    return (p.target or "together", str(p.networks), images, tells, size(p.claim.effect), chance, takes or "–")


def _unit(claim: Claim) -> str:
    return f"points ({claim.units})" if claim.units.startswith("share") else claim.units
