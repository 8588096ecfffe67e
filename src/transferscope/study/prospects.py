"""Which differences a study will be able to tell, claim by claim, before anything is computed."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

from ..errors import StoreError
from ..evidence.finding import Finding
from ..evidence.phrases import short
from ..evidence.pilot import Pilot, Prospect, pilots, prospect, read_pilots
from ..questions.base import Question, starts_asked
from .check import Checked
from .schema import Study
from .stored_study import StoredStudy, open_study

__all__ = ["pilots_for", "prospects", "told"]


def pilots_for(study: Study, folder: Path) -> tuple[tuple[Pilot, ...], str]:
    """Return how much the numbers of claims vary, and where that is known from.

    It is what the run folder holds, where it holds something of this study; else what pilot runs of a paper's study
    have shown, which come with the package; else nothing.

    Args:
        study: the study.
        folder: its run folder, which need not be there.
    """
    try:
        stored = open_study(folder)
        here = pilots(_findings(stored)) if stored.name == study.name else ()
    except StoreError:
        here = ()
    if here:
        return here, "as measured in the run folder"
    if study.paper is not None:
        file = resources.files("transferscope.papers").joinpath(study.paper, f"{study.name}.csv")
        if file.is_file():
            return read_pilots(Path(str(file))), "from pilot runs with other seeds"
    return (), ""


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
        one = prospect(pilot, 2, 0).claim
        for question in by_question.get(one.question or "", ())[:1]:
            targets = question.targets or tuple(checked.targets)
            if pilot.target and pilot.target not in targets:
                continue
            images = [checked.targets[t].test for t in targets if not pilot.target or t == pilot.target]
            limit = getattr(question, "images", None)
            seen = min(images) if limit is None else min(limit, *images)
            found.append(prospect(pilot, _networks(checked.study, question), seen))
    return found


def _networks(study: Study, question: Question) -> int:
    """Return how many networks of each kind the question is about: of the start with the fewest."""
    limit = getattr(question, "runs", None) or getattr(question, "seeds", None)
    plain = [study.starts[name] for name in starts_asked(study, question) if not study.starts[name].altered]
    return min((len(start.seeds[:limit]) for start in plain), default=0)


def told(found: list[Prospect], where: str) -> list[str]:
    """Say what can be told, a line a claim and target.

    Args:
        found: the prospects.
        where: from where it is known how much numbers vary.
    """
    if not found:
        return [
            "which differences could be told is not known before the first run: --plan says it for a run folder that "
            "holds results"
        ]
    lines = [f"what can be told with 80 % power, by claim and target ({where}):"]
    for p in found:
        on = f" {p.target}" if p.target else ""
        size = f"{p.networks} networks of a kind" + (f", {p.images:,} images" if p.images else "")
        tells = "no verdict under 3 of a kind" if p.tells is None else f"{short(p.tells)} {p.claim.units}"
        effect = "" if p.claim.effect is None else f"; its listed effect, {short(p.claim.effect)}, takes "
        seeds = "" if p.claim.effect is None else "more than 200" if p.seeds is None else str(p.seeds)
        lines.append(f"  {p.claim.id}{on}: {size}: {tells}{effect}{seeds}")
    return lines
