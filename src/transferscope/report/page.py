"""The page itself: one HTML file that opens from disk and asks nothing of any network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .. import __version__
from ..progress import Progress, silent
from ..questions import QUESTIONS, question_class
from ..questions.result import Result
from ..store.atomic import said_plainly, write_bytes
from .artists import Artists, Order
from .attempts import Attempts
from .beside import BesideSection, beside_section
from .claims import ClaimsSection, claims_section
from .failed_runs import FailedRuns, failed_runs
from .figures import Figures
from .first import First, first_of
from .in_words import answer_lines
from .overview import Overview
from .places import Places
from .sections import Answer, PlannedSection, Said, Section, make_section, plan_section, worth
from .tables import Table, table_of, too_large

if TYPE_CHECKING:
    import pandas as pd

    from ..study.coming import Coming
    from ..study.crew import Crew
    from ..study.stored_study import StoredStudy

__all__ = ["Told", "failures_of", "render", "write_report"]

_IN_SHORT = 8
"""How many findings stand at the top; all of them stand in their sections."""

_REMARK = 0.1
"""Weight of findings that only describe, and stand at the top of no page."""


def write_report(
    folder: str | Path,
    failed: Callable[[str], None] | None = None,
    *,
    answered: Callable[[str], None] | None = None,
    progress: Progress = silent,
    refresh: int = 0,
    processes: int = 1,
    crew: Crew | None = None,
) -> Path:
    """Write ``report.html``, ``figures/`` and ``tables/`` of a run folder from what is in its store.

    A figure, table or sentence that cannot be made costs nothing else of the page, which says why in its place.

    Args:
        folder: a run folder, or its address; steps that are missing are said to be missing.
        failed: told what could not be made, a line each.
        answered: told the answer of the first screen, a line each.
        progress: told after every figure.
        refresh: seconds after which a browser loads the page again; 0 for never.
        processes: that draw figures at the same time; where there are few to be drawn, it is one.
        crew: processes that wait for work already.

    Returns:
        The page's path; of a run folder at an address, that of its mirror on this machine.

    Raises:
        StoreError: when the folder is not a run folder of ours, or cannot be written.
    """
    from ..study.stored_study import open_study

    study = open_study(folder)
    root = study.folder.root
    for part in ("figures", "tables"):
        with said_plainly(root / part):
            (root / part).mkdir(exist_ok=True)
    tries = Attempts()
    results = {
        item: tries.make(f"the section {item}", partial(study.results, item), dict[str, Result]())
        for item in study.items
    }
    sections = _sections(study, results, root, tries, processes, progress, crew)
    page = root / "report.html"
    failed_ones = tries.make("the runs that failed", lambda: _failed_runs(study, results), FailedRuns())
    claims = tries.make(
        "the claims", lambda: claims_section(study, sections, root / "tables", failed_ones.lost), None
    )
    anchors = {section.item: section.anchor for section in sections}
    printed = tries.make("the paper's tables", lambda: beside_section(study, results, root / "tables", anchors), None)
    tries.failed += failures_of(sections)
    first = tries.make("the first screen", lambda: _first(study, sections, results), None)
    text = render(study, sections, claims, printed, tries.failed, first, failed_ones.lines, refresh)
    write_bytes(page, text.encode())
    study.folder.share("report.html", "figures", "tables")
    if failed is not None:
        for line in tries.failed:
            failed(line)
    if answered is not None:
        overview, counted = (None, "") if claims is None else (claims.overview, claims.counted)
        for line in answer_lines(first, overview, failed_ones.lines, _in_short(sections, first, overview), counted):
            answered(line)
    return page


def failures_of(sections: Iterable[Section]) -> list[str]:
    """Return what of the sections could not be made, each line with its section."""
    return [
        f"{section.title}, {part.name}: {line}" if part.name else f"{section.title}: {line}"
        for section in sections
        for part in section.parts
        for line in part.failed
    ]


class Told(Protocol):
    """What a page says besides its sections; a run folder, or a table of models."""

    @property
    def name(self) -> str:
        """The page's title."""

    @property
    def description(self) -> str:
        """What it is about."""

    @property
    def asked(self) -> Sequence[str] | None:
        """What alone was asked for, where that is not all."""

    @property
    def unfinished(self) -> str:
        """What is missing; empty for nothing."""

    @property
    def coming(self) -> Sequence[Coming]:
        """What is not there yet, item by item."""

    @property
    def unanswered(self) -> Sequence[str]:
        """What had nothing to ask about, a line each."""

    @property
    def unlearned(self) -> str:
        """Which pre-training learned nothing; empty for none."""

    @property
    def notes(self) -> Sequence[Any]:
        """What was left out, dropped or changed: where and text."""

    @property
    def cost(self) -> str:
        """What it took."""

    @property
    def machine(self) -> dict[str, Any]:
        """On what it was made."""

    @property
    def text(self) -> str:
        """The file it was made from."""

    def runs(self) -> pd.DataFrame:
        """Return the runs, one a row."""

    def steps(self) -> pd.DataFrame:
        """Return the steps, one a row."""


def _sections(
    study: StoredStudy,
    results: Mapping[str, Mapping[str, Result]],
    root: Path,
    tries: Attempts,
    processes: int,
    progress: Progress,
    crew: Crew | None,
) -> list[Section]:
    order = {name: i for i, name in enumerate(QUESTIONS)}
    places, planned = Places(), list[PlannedSection]()
    for item in sorted(study.items, key=lambda item: order[study.items[item]]):
        answers = {target: Answer(result, study.made(item, target)) for target, result in results[item].items()}
        if answers:
            question, shows = question_class(study.items[item]), study.shows.get(item, ())
            one = partial(plan_section, question, item, answers, places, shows)
            plan = tries.make(f"the section {item}", one, None)
            planned += [] if plan is None else [plan]
    made: list[Section] = []
    with Figures(root / "figures") as figures, Artists(root, _orders(planned, figures), processes, crew) as artists:
        figures.ahead = artists
        figures.watch(progress, sum(len(part.pictures) for section in planned for part in section.parts))
        for plan in planned:
            one_made = partial(make_section, plan, figures, root / "tables")
            section = tries.make(f"the section {plan.item}", one_made, None)
            made += [] if section is None else [section]
    return made


def _orders(planned: Iterable[PlannedSection], figures: Figures) -> list[Order]:
    return [
        Order(section.item, part.target, picture.view.name, picture.name, picture.numbers)
        for section in planned
        for part in section.parts
        for picture in part.pictures
        if figures.lacks(picture.name, picture.numbers)
    ]


def render(
    study: Told,
    sections: Sequence[Section],
    claims: ClaimsSection | None,
    printed: BesideSection | None,
    failed: Sequence[str] = (),
    first: First | None = None,
    broken: Sequence[str] = (),
    refresh: int = 0,
) -> str:
    """Return the page as text.

    Args:
        study: what it is about.
        sections: one a question.
        claims: the papers' claims; ``None`` for none.
        printed: printed tables beside the measured; ``None`` for none.
        failed: what could not be made, a line each.
        first: what files or candidates are decided by.
        broken: which runs failed, a line each.
        refresh: seconds after which a browser loads it again; 0 for never.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("transferscope.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = files("transferscope.report").joinpath("templates/report.css").read_text(encoding="utf-8")
    overview = None if claims is None else claims.overview
    trained = study.runs().drop(columns="condition", errors="ignore")  # which the names of runs say
    runs, steps = table_of(trained, most=200), table_of(study.steps(), most=500)
    sections = _with_room(sections)
    short = _in_short(sections, first, overview)
    return environment.get_template("report.html.j2").render(
        version=__version__,
        css=Markup(css),  # our own file, without a closing tag in it
        title=study.name,
        lead=study.description,
        asked=", ".join(study.asked or ()),
        unfinished=study.unfinished,
        coming=study.coming,
        refresh=refresh,
        unlearned=study.unlearned,
        unanswered=study.unanswered,
        failed=failed,
        first=first,
        overview=overview,
        broken=broken,
        short=short,
        legend=overview is not None or any(f.verdict for f in short),
        sections=sections,
        long=bool(runs.rest or steps.rest) or any(part.table.rest for section in sections for part in section.parts),
        claims=claims,
        beside=printed,
        runs=runs,
        notes=study.notes,
        cost=study.cost,
        machine=_machine(study.machine),
        steps=steps,
        study_file=study.text,
    )


def _with_room(sections: Sequence[Section]) -> list[Section]:
    """Leave the rows of the largest tables, beyond those on the screen, to the files beside the page."""
    gone = too_large([len(part.table.rest) for section in sections for part in section.parts])
    made, place = [], 0
    for section in sections:
        parts = []
        for part in section.parts:
            parts.append(replace(part, table=part.table.begun()) if place in gone else part)
            place += 1
        made.append(replace(section, parts=tuple(parts)))
    return made


def _first(
    study: StoredStudy, sections: Sequence[Section], results: Mapping[str, Mapping[str, Result]]
) -> First | None:
    """What files or candidates are decided by; several answers to a question have their own sections instead."""
    answers = Counter(study.items[s.item] for s in sections for _ in s.parts)
    made = [(s, results[s.item]) for s in sections if answers[study.items[s.item]] == 1]
    return first_of((next(iter(of.values())), s.parts[0].anchor, s.anchor) for s, of in made if of)


def _failed_runs(study: StoredStudy, results: Mapping[str, Mapping[str, Result]]) -> FailedRuns:
    return failed_runs([(target, r) for of in results.values() for target, r in of.items()], study.runs())


def _in_short(sections: Iterable[Section], first: First | None, overview: Overview | None) -> list[Said]:
    """What stands at the top besides the answer: nothing where it is a line a target."""
    told = () if overview is not None else [s for s in sections if first is None or s.anchor != first.section]
    return in_short([f for part in section.parts for f in part.findings] for section in told)


def in_short(findings: Iterable[Sequence[Said]]) -> list[Said]:
    """Choose what stands at the top: the weightiest findings, the best of every question before the second of any.

    What could not be told weighs less than what could; what two sections say in the same words stands there once.
    """
    said: set[tuple[str, str]] = set()

    def new(found: Said) -> bool:
        known = (found.about, found.text) in said
        said.add((found.about, found.text))
        return not known

    ranked = [sorted((f for f in of if f.weight > _REMARK and new(f)), key=worth, reverse=True) for of in findings]
    rounds = [(i, -worth(f), n, f) for n, question in enumerate(ranked) for i, f in enumerate(question)]
    chosen = sorted(rounds, key=lambda r: (r[0], r[1], r[2]))[:_IN_SHORT]
    return [f for *_, f in sorted(chosen, key=lambda r: r[2])]


def _machine(described: dict[str, Any]) -> Table:
    import pandas as pd

    rows = [(key, str(value)) for key, value in described.items()]
    return table_of(pd.DataFrame(rows, columns=["what", "which"]), most=100)
