"""``transferscope scaling``: from a table of models to the plain answer, tables and a page."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import UsageError
from .progress import Display, duration

if TYPE_CHECKING:
    from ..data.tables.models import ModelTable
    from ..questions.prediction_power.measure import PredictionPower
    from ..questions.scaling.measure import Scaling

__all__ = ["add_options", "run"]

_DETAILED = 12
"""Up to so many tasks each has all its figures on the page."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add(
        "table", metavar="TABLE",
        help="CSV, TSV or JSON lines: a row for each model, or for each model and task; or the run folder of a study "
        "with a grid of pre-trainings, or its address",
    )  # fmt: skip
    add("--us", nargs="+", default=[], metavar="NAME", help="upstream accuracy: columns, or tasks of a long table")
    add("--ds", nargs="+", default=[], metavar="NAME", help="downstream tasks (default: all others)")
    add(
        "--name",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns that together name a model (default: guessed)",
    )
    add("--dataset", metavar="COLUMN", help="of a long table: the column of the tasks (default: guessed)")
    add("--value", metavar="COLUMN", help="of a long table: the column of the accuracies (default: guessed)")
    add("--shots", metavar="COLUMN", help="of a long table: the column of the shots; a wide one has cars_5shot, …")
    add(
        "--covariates",
        nargs="*",
        metavar="COLUMN",
        help="what else is known of models (default: guessed; none: none)",
    )
    add(
        "--group",
        metavar="COLUMN",
        help="models of one group are held out together; none for none (default: of one name)",
    )
    add("--images", nargs="+", default=[], metavar="NAME=N", help="test images of tasks, for the noise they make")
    add("--unit", choices=("guess", "share", "percent"), default="guess", help="of the accuracies (default: guess)")
    add(
        "--duplicates", choices=("refuse", "best", "mean"), default="refuse",
        help="what to make of several values of a model on a task (default: refuse)",
    )  # fmt: skip
    add(
        "--from", dest="start", type=float, metavar="X", help="upstream accuracy gains start at (default: the median)"
    )
    add("--to", dest="end", type=float, metavar="Y", help="upstream accuracy gains end at (default: the best)")
    add("--margin", type=float, default=0.01, metavar="M", help="what the rest of the way must buy (default: 0.01)")
    add("--draws", type=int, default=1000, metavar="N", help="halves of the models that are fitted (default: 1000)")
    add("--overlay", metavar="NAME", help="follow the best models of this task on the others (default: the first)")
    add(
        "--grid", nargs="+", default=[], metavar="COLUMN", help="factors of a grid: does each alone follow the curve?"
    )
    add("--tail", action="store_true", help="fit hulls with their descending tail")
    add("--seed", type=int, default=0, metavar="S", help="of all draws (default: 0)")
    add(
        "--out", metavar="DIR",
        help="write tables, figures and report.html here, to a folder or an address, s3://… (default: print only)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Read, fit, print, and write the page when asked to."""
    from ..questions.prediction_power.measure import CONFIGURATION, prediction_power
    from ..questions.scaling.findings import plain_answer
    from ..questions.scaling.measure import scaling
    from ..store.place import Place, is_address

    started = time.monotonic()
    if options.out and is_address(options.out):
        Place(options.out).exists("report.html")  # an address that cannot be reached is said now, not after the fits
    table, sampled = _table(options)
    for note in table.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.group not in (None, "none") and not table.covariates:
        raise UsageError(f"--group {options.group}: is about what covariates explain, and {table.source} has none")
    display = Display()
    try:
        result = scaling(
            table, start=options.start, end=options.end, margin=options.margin, draws=options.draws,
            overlay=options.overlay, grid=options.grid, tail=options.tail, seed=options.seed,
            sampled=sampled, progress=lambda done, of: display.update(0.7 * done / max(of, 1), "laws"),
        )  # fmt: skip
        power = None
        if table.covariates:
            power = prediction_power(
                table, group=CONFIGURATION if sampled and options.group is None else options.group, seed=options.seed,
                sampled=sampled,
                progress=lambda done, of: display.update(0.7 + 0.3 * done / max(of, 1), "covariates"),
            )  # fmt: skip
    finally:
        display.close()
    for law in result.laws:
        against = f"[{law.us}] " if len(table.upstream) > 1 else ""
        print(f"{against}{plain_answer(law, result)}")
    if power is not None:
        for finding in power.findings():
            if finding.weight >= 0.5:
                print(finding.text)
    failed: list[str] = []
    if options.out:
        print(_page(options, table, result, power, duration(time.monotonic() - started), failed.append))
    for line in failed:
        print(f"failed: report: {line}", file=sys.stderr)
    return 1 if failed else 0


def _table(options: argparse.Namespace) -> tuple[ModelTable, bool]:
    """Read the table, or the grid of a run folder, whose models claims can be judged by."""
    from ..data.tables.models import read_models
    from ..study.grid_table import is_run_folder, read_grid

    if is_run_folder(options.table):
        usual = {"unit": "guess", "duplicates": "refuse"}
        for name in ("us", "name", "dataset", "value", "shots", "images", "covariates", *usual):
            given = getattr(options, name)
            if given and given != usual.get(name):
                raise UsageError(f"--{name}: is for tables; {options.table} is a run folder, which says it itself")
        table = read_grid(options.table, options.ds)
        return (table, True) if options.covariates is None else (replace(table, covariates=()), True)
    if not options.us:
        raise UsageError("--us: say which column is the upstream accuracy, e.g. --us imagenet1k")
    table = read_models(
        options.table, options.us, options.ds, name=options.name, dataset=options.dataset, value=options.value,
        shots=options.shots, covariates=_covariates(options), images=_images(options.images), unit=options.unit,
        duplicates=options.duplicates,
    )  # fmt: skip
    return table, False


def _page(
    options: argparse.Namespace,
    table: ModelTable,
    result: Scaling,
    power: PredictionPower | None,
    took: str,
    failed: Callable[[str], None],
) -> str:
    from ..questions.prediction_power.words import PowerWords
    from ..questions.scaling.words import ScalingWords, TaskWords
    from ..report.table_page import Shown, TableNote, TablePage, write_table_page

    shown = [Shown(ScalingWords(), {"": result})]
    several = len(table.upstream) > 1
    names = {id(law): f"{law.task} against {law.us}" if several else law.task for law in result.laws}
    brief = len(result.laws) > _DETAILED
    shown.append(Shown(TaskWords(brief=brief), {names[id(law)]: result.only(law) for law in result.laws}))
    frames = {"points": result.points()}
    if power is not None:
        shown.append(Shown(PowerWords(), {"": power}))
    notes = [TableNote(table.source, note) for note in table.notes]
    notes += [TableNote("scaling", gone.text) for gone in result.left_out]
    notes += [] if power is None else [TableNote("covariates", gone.text) for gone in power.left_out]
    about = TablePage(
        name=f"Scaling: {table.source.rpartition('/')[2]}",
        description=f"{len(table)} models on {len(table.tasks)} tasks, against {', '.join(table.upstream)}.",
        text=" ".join(["transferscope", "scaling", *map(shlex.quote, _given(options))]),
        notes=notes,
        cost=f"Computed in {took}.",
        machine=_versions(),
    )
    return str(write_table_page(options.out, about, shown, frames, failed))


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("transferscope", "numpy", "scipy", "scikit-learn", "matplotlib")}


def _given(options: argparse.Namespace) -> list[str]:
    """What was typed, as far as it is not what would be there anyway."""
    words = [options.table, *(["--us", *options.us] if options.us else [])]
    for name in ("ds", "name", "dataset", "value", "shots", "covariates", "group", "images", "overlay", "grid"):
        given = getattr(options, name)
        if given or (name == "covariates" and given is not None):  # given without a name it means none
            words += [f"--{name}", *([given] if isinstance(given, str) else given)]
    plain = {"unit": "guess", "duplicates": "refuse", "margin": 0.01, "draws": 1000, "seed": 0}
    words += [
        w for name, usual in plain.items() if (g := getattr(options, name)) != usual for w in (f"--{name}", str(g))
    ]
    for name, option in (("start", "--from"), ("end", "--to")):
        if (given := getattr(options, name)) is not None:
            words += [option, str(given)]
    return [*words, *(["--tail"] if options.tail else []), "--out", options.out]


def _covariates(options: argparse.Namespace) -> tuple[str, ...] | None:
    return None if options.covariates is None else tuple(options.covariates)


def _images(given: list[str]) -> dict[str, int]:
    found = {}
    for text in given:
        name, is_given, number = text.rpartition("=")
        if not is_given or not number.isdigit() or int(number) < 1:
            raise UsageError(f"--images {text!r}: expected NAME=N with a whole number of images, e.g. cars=8041")
        found[name] = int(number)
    return found
