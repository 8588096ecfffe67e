"""What each command does: call the rooms below, show progress, print where the outcome is."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..columns import columns
from ..errors import UsageError
from .ahead import crew_for, load_beside
from .given import by_place_given, image_options, images_given, named_given, settings_given
from .progress import Display, duration

if TYPE_CHECKING:
    from ..store.folder import RunFolder
    from ..study.crew import Crew
    from ..study.events import StepEvent
    from ..study.files import Files
    from ..study.schedule import Outcome
    from ..study.schema import Study

__all__ = [
    "compare",
    "demo",
    "doctor",
    "inspect",
    "papers",
    "questions",
    "rank",
    "report",
    "scaling",
    "schema",
    "selfcheck",
    "soup",
    "status",
    "study",
]


def demo(options: argparse.Namespace) -> int:
    """Run the demo study, on the embedded images or on the user's."""
    from ..study.load import load_study

    return _run(options, _as_asked(options, load_study("demo", data=options.data)))


def study(options: argparse.Namespace) -> int:
    """Run a study file, or a paper."""
    from ..study.load import load_study

    data = images_given(options.data)
    given = load_study(options.study, data=data, scale=options.scale, settings=by_place_given(options.set))
    asked = _as_asked(options, given)
    on_paper = options.plan and options.engine != "local"
    if (options.nodes is not None or options.gpus is not None) and not on_paper:
        raise UsageError("--nodes and --gpus describe a cluster on paper; give them with --plan --engine ray")
    if not options.plan:
        return _run(options, asked)
    from .plan import run

    return run(options, asked)


def papers(options: argparse.Namespace) -> int:
    """List the papers that can be run."""
    from ..study.library import PAPERS, paper

    print("\n\n".join(paper(name).text() for name in PAPERS))
    return 0


def compare(options: argparse.Namespace) -> int:
    """Compare checkpoints of one network."""
    with crew_for(options) as crew:
        from ..study.compare import Comparison

        asked = Comparison(tuple(options.checkpoints), **_file_options(options, options.checkpoints))
        return _files(options, asked, crew)


def inspect(options: argparse.Namespace) -> int:
    """Look into one checkpoint."""
    with crew_for(options) as crew:
        from ..study.inspect import Inspection

        asked = Inspection((options.checkpoint,), **_file_options(options, [options.checkpoint]))
        return _files(options, asked, crew)


def soup(options: argparse.Namespace) -> int:
    """Average fine-tuned checkpoints, and say whether to take the average."""
    from ..study.soup import SoupFiles, make_soup

    asked = SoupFiles(
        tuple(options.checkpoints), options.model, options.data, save=options.save, at=tuple(options.at),
        init=options.init, init_at=options.init_at, tests=named_given("--test", options.test),
        held_out=options.held_out, method=options.method, accept=options.accept.replace("-", " "),
        methods=tuple(options.methods or ()), **image_options(options),
    )  # fmt: skip
    _prepare()
    display = Display()
    try:
        told = lambda done, total, unit: display.update(done / total, f"{done}/{total} {unit}")  # noqa: E731
        _, lines = make_soup(asked, device=options.device, progress=told)
    finally:
        display.close()
    print("\n".join(lines))
    return 0


def rank(options: argparse.Namespace) -> int:
    """Say which of several pre-trained networks fits a target best."""
    from ..questions.scores.text import text
    from ..study.rank import Ranking
    from ..study.rank import rank as run_ranking
    from ..study.stored_study import open_study

    settings = settings_given(options.set)
    for name in settings:
        if name != "scores":
            raise UsageError(f"--set {name}: only scores are asked here, e.g. --set scores.images=2000")
    of_scores = dict(settings.get("scores", {}))
    if options.finetune is not None:
        of_scores["finetune"] = options.finetune
    images = options.size, options.samples, options.skip_unreadable
    asked = Ranking(tuple(options.candidates), options.data, of_scores, *images, tuple(options.at))
    folder, outcome = _computed(options, run_ranking, asked, options.out)
    found: dict[str, Any] = open_study(folder.address).results("scores")
    for result in found.values():
        print(text(result))
    return _end(folder, outcome, options.jobs, told=True)


def doctor(options: argparse.Namespace) -> int:
    """Say what is in a checkpoint; 1 when it does not fit or is not finite."""
    from ..questions.doctor.measure import doctor as diagnose

    diagnosis = diagnose(options.checkpoint, options.model, classes=options.classes, at=options.at, size=options.size)
    print(diagnosis.text())
    return 0 if diagnosis.usable else 1


def questions(options: argparse.Namespace) -> int:
    """List the questions, in the order of the report."""
    from ..questions import QUESTIONS, question_class

    rows = []
    for name in QUESTIONS:
        kind = question_class(name)
        told = ["of checkpoints, too"] if kind.files is not None else []
        told += [f"{name}: quick"] if kind.quick else []
        rows.append([name, kind.words.asks + (f" ({'; '.join(told)})" if told else "")])
    print(*columns(rows), sep="\n")
    return 0


def report(options: argparse.Namespace) -> int:
    """Write the report of a run folder again, once, or as long as its study is under way."""
    from ..runtime import cores
    from .watch import watch

    failed: list[str] = []
    if options.watch:
        print(f"the page is kept fresh, every {options.watch:g} s; Ctrl-C ends this", file=sys.stderr)
        print(watch(options.folder, options.watch, failed.append))
    else:
        _write_page(options.folder, failed, cores())
    _say_failed(failed)
    return 1 if failed else 0


def status(options: argparse.Namespace) -> int:
    """Say how it stands with a run folder."""
    from ..store.place import is_address
    from ..store.recording import Recording, is_recording
    from ..study.status import status as status_of

    if not is_address(options.folder) and is_recording(Path(options.folder)):
        print(Recording.open(options.folder).line())
        return 0
    print("\n".join(status_of(options.folder).lines()))
    return 0


def scaling(options: argparse.Namespace) -> int:
    """Say what raising upstream accuracy buys, from a table of models."""
    from .scaling import run

    return run(options)


def selfcheck(options: argparse.Namespace) -> int:
    """Check a network; 1 when something is wrong with it."""
    from .selfcheck import run

    return run(options)


def schema(options: argparse.Namespace) -> int:
    """Print the JSON schema of study files."""
    from ..study.schema import json_schema

    print(json.dumps(json_schema(), indent=1, ensure_ascii=False))
    return 0


class _Shown:
    """Events of an engine on the display."""

    def __init__(self) -> None:
        self.display = Display()
        self.reused = 0
        self._noted = set[tuple[str, str]]()

    def event(self, event: StepEvent) -> None:
        """Show one event."""
        if event.what == "reused":
            self.reused += 1
            return
        if self.reused:
            self.display.say(f"{_steps(self.reused)} there already; shown is how far the rest is")
            self.reused = 0
        if event.what == "noted":
            if (event.step, event.text) not in self._noted:  # the step says once more what was seen before it
                self._noted.add((event.step, event.text))
                self.display.say(f"note: {event.step}: {event.text}")
            return
        match event.what:
            case "failed":
                self.display.say(f"failed: {event.step}: {event.text}")
            case "skipped":
                self.display.say(f"skipped: {event.step}: {event.text}")
            case "resumed":
                self.display.say(f"goes on where it was stopped: {event.step}")
            case "waiting":
                self.display.say(f"waiting for {event.step}: {event.text}")
        counted = f" {event.done}/{event.total} {event.unit}" if event.what == "advanced" and event.total else ""
        self.display.update(event.overall, event.step + counted)


def _as_asked(options: argparse.Namespace, given: Study) -> Study:
    """Return a study with what options say of it, so that ``--plan`` is of the very steps that would be run."""
    from ..study.run import leaving_out_unreadable

    return leaving_out_unreadable(given) if options.skip_unreadable else given


def _run(options: argparse.Namespace, asked: Study) -> int:
    from ..study.run import run_study

    only = getattr(options, "only", None)
    folder, outcome = _computed(options, run_study, asked, options.out, only=only)
    return _end(folder, outcome, options.jobs)


def _computed(
    options: argparse.Namespace, run: Callable[..., tuple[RunFolder, Outcome]], *asked: Any, **more: Any
) -> tuple[RunFolder, Outcome]:
    """Compute what is missing where the options say, showing how far it is."""
    _prepare()
    shown = _Shown()
    where = {"engine": options.engine, "jobs": options.jobs, "device": options.device}
    try:
        return run(*asked, **more, **where, listener=shown.event)
    finally:
        shown.display.close()


def _file_options(options: argparse.Namespace, checkpoints: Sequence[str]) -> dict[str, Any]:
    from ..study.recorded import filled

    given = {
        "model": options.model,
        "data": options.data,
        "init": options.init,
        "at": tuple(options.at),
        "init_at": options.init_at,
        "head": options.head,
        "only": tuple(name.strip() for name in options.only.split(",")) if options.only else None,
        "settings": settings_given(options.set),
        **image_options(options),
    }
    return filled(checkpoints, given)


def _files(options: argparse.Namespace, asked: Files, crew: Crew) -> int:
    from ..study.files import run_files

    load_beside()
    folder, outcome = _computed(options, run_files, asked, options.out, crew=crew)
    return _end(folder, outcome, options.jobs, crew=crew)


def _end(
    folder: RunFolder, outcome: Outcome, jobs: int | None, *, told: bool = False, crew: Crew | None = None
) -> int:
    """Write the report, by no more processes than ran steps, and say what it says and where it is.

    Args:
        folder: the run folder.
        outcome: what was computed.
        jobs: as asked.
        told: whether the answer has been printed already.
        crew: processes that wait for work already.

    Returns:
        1 when a step or a part of the report failed.
    """
    from ..runtime import cores

    parts = [f"{_steps(len(outcome.done))} computed", f"{len(outcome.reused)} there before"]
    parts += [f"{len(outcome.failed)} failed"] if outcome.failed else []
    parts += [f"{len(outcome.skipped)} not begun for that"] if outcome.skipped else []
    print(f"{', '.join(parts)}, in {duration(outcome.seconds)}; writing the report", file=sys.stderr)
    failed: list[str] = []
    try:
        _write_page(folder.shown, failed, jobs or cores(), told=told, crew=crew)
    except KeyboardInterrupt:
        again = f"transferscope report {shlex.quote(folder.shown)}"
        raise KeyboardInterrupt(f"interrupted: all steps are kept; for the report: {again}") from None
    _say_failed(failed)
    return 1 if outcome.failed or failed else 0


def _write_page(
    folder: str, failed: list[str], processes: int, *, told: bool = False, crew: Crew | None = None
) -> None:
    """Write the page, showing how far it is; print the answer, unless it is told, and the page's place."""
    from ..report import write_report

    lines: list[str] = []
    display = Display(patient=True)
    try:
        drawn = lambda done, total, unit: display.update(done / total, f"drawing {done}/{total} {unit}")  # noqa: E731
        page = write_report(
            folder, failed.append, answered=lines.append, progress=drawn, processes=processes, crew=crew
        )
    finally:
        display.close()
    print("\n".join([*([] if told else lines), str(page)]))


def _say_failed(lines: Sequence[str]) -> None:
    for line in lines:
        print(f"failed: report: {line}", file=sys.stderr)


def _steps(count: int) -> str:
    return f"{count} step{'s' * (count != 1)}"


def _prepare() -> None:
    """Set up the process for long numeric work, before the first large allocation."""
    from ..runtime import keep_freed_memory

    keep_freed_memory()
