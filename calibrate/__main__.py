"""``python -m calibrate``: simulate all rules and write the page; see the options."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd

from transferscope.evidence import Verdict

from .kept import lacking, merged
from .null_study import null_studies
from .page import page
from .rows import ROWS
from .simulate import QUICK, Amount, Cell, cells_of, counted, run
from .table import COLUMNS, over_the_limit

_TIMES, _OTHER_SEEDS = 3, 10_000
HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "calibration.md"
SIMULATED, STUDY, AA = HERE / "simulated.csv", HERE / "study.json", HERE / "aa.csv"


def main(arguments: list[str]) -> int:
    """Do what the options ask for."""
    parser = argparse.ArgumentParser(prog="python -m calibrate", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few simulations; nothing is written")
    parser.add_argument("--page", action="store_true", help="only write the page anew from the counts that are kept")
    parser.add_argument("--again", action="store_true", help="only simulate again what is over the limit")
    parser.add_argument(
        "--claims", nargs="+", metavar="ID", help="only simulate these claims; the counts of all others are kept"
    )
    parser.add_argument("--new", action="store_true", help="only simulate rows that have no counts yet")
    parser.add_argument(
        "--studies", action="store_true", help="only put whole null studies together anew, from one cell a claim"
    )
    parser.add_argument("--processes", type=int, default=2, help="how many at once (default: 2)")
    parser.add_argument(
        "--aa", action="store_true", help="train networks, split them at random, write calibrate/aa.csv"
    )
    parser.add_argument("--out", type=Path, help="folder of the networks of --aa; a stopped training goes on there")
    parser.add_argument("--networks", type=int, default=24, help="how many for --aa, up to 40 (default: 24)")
    parser.add_argument("--splits", type=int, default=200, help="how many splits for --aa (default: 200)")
    options = parser.parse_args(arguments)
    if options.aa and (options.out is None or not 12 <= options.networks <= 40):
        parser.error("--aa needs --out FOLDER, and --networks from 12 to 40")
    if unknown := sorted({*(options.claims or ())} - {row.claim for row in ROWS}):
        parser.error(f"--claims: no row is of {', '.join(unknown)}; expected ids such as {ROWS[0].claim}")
    if options.quick and (options.claims or options.new):
        parser.error("--quick tries all rows and writes nothing; leave --claims and --new out")
    some = options.page or options.again or options.aa or options.studies
    if options.aa:
        _aa(options.out, options.networks, options.splits)
    elif options.claims or options.new:
        _some(options.claims or (), options.new, options.processes)
    elif not some:
        _all(QUICK if options.quick else Amount(), options.processes, keep=not options.quick)
    if options.studies:
        _studies(options.processes)
    if options.again or options.claims or options.new or not (some or options.quick):
        _again(options.processes)
    if not options.quick and SIMULATED.exists():
        counts = pd.read_csv(SIMULATED, keep_default_na=False)
        if without := lacking(counts, ROWS):
            names = ", ".join(f"{ROWS[i].claim} ({ROWS[i].family.name})" for i in without)
            parser.error(f"no counts of {names}; simulate them with --new")
        aa = pd.read_csv(AA) if AA.exists() else None
        PAGE.write_text(page(counts, json.loads(STUDY.read_text()), aa), encoding="utf-8")
        print(f"wrote {PAGE}")
    return 0


def _all(amount: Amount, processes: int, *, keep: bool) -> None:
    counts, outcomes = _simulated(range(len(ROWS)), amount, processes)
    studies = null_studies(outcomes, 250 if keep else 5)
    print(studies)
    if keep:
        counts.to_csv(SIMULATED, index=False)
        STUDY.write_text(json.dumps(vars(studies), indent=1) + "\n", encoding="utf-8")


def _some(claims: Collection[str], new: bool, processes: int) -> None:
    """Simulate the rows of some claims, or those without counts, and keep the counts of all others as they are."""
    kept = pd.read_csv(SIMULATED, keep_default_na=False)
    lacks = lacking(kept, ROWS) if new else []
    counts, _ = _simulated(
        [i for i, row in enumerate(ROWS) if row.claim in claims or i in lacks], Amount(), processes
    )
    merged(kept, counts, ROWS).to_csv(SIMULATED, index=False)


def _studies(processes: int) -> None:
    """Simulate, of each claim, the one cell that whole null studies are made of; seeds are those of the counts."""
    claims = {row.claim: i for i, row in reversed(list(enumerate(ROWS)))}
    cells = [next(c for c in cells_of(i, Amount()) if _in_studies(c)) for i in sorted(claims.values())]
    outcomes = {ROWS[count.cell.row].claim: list(count.outcomes) for count in counted(cells, processes)}
    studies = null_studies(outcomes, 250)
    print(studies)
    STUDY.write_text(json.dumps(vars(studies), indent=1) + "\n", encoding="utf-8")


def _in_studies(cell: Cell) -> bool:
    row = ROWS[cell.row]
    return cell.case == row.cases[0].name and cell.n > row.family.counts[0]


Outcomes = dict[str, list[tuple[Verdict, float | None]]]


def _simulated(rows: Iterable[int], amount: Amount, processes: int) -> tuple[pd.DataFrame, Outcomes]:
    began, lines = time.monotonic(), []
    outcomes: Outcomes = {}
    for count in run(rows, amount, processes):
        cell, row = count.cell, ROWS[count.cell.row]
        lines.append((cell.row, row.claim, row.family.name, cell.case, cell.n, cell.images, cell.simulations,
                      count.agrees, count.disagrees, ""))  # fmt: skip
        if row.claim not in outcomes and _in_studies(cell):
            outcomes[row.claim] = list(count.outcomes)
        if not len(lines) % 50:
            print(f"{len(lines)} cells, {time.monotonic() - began:.0f} s", flush=True)
    return pd.DataFrame(lines, columns=COLUMNS).sort_values(["row"], kind="stable"), outcomes


def _again(processes: int) -> None:
    """Simulate what is over the limit once more, three times as often and with other seeds; only that counts then.

    Some of many cells are over a limit of 1 % by chance.
    """
    counts = pd.read_csv(SIMULATED, keep_default_na=False)
    over = over_the_limit(counts[counts["first"] == ""])
    cells = []
    for _, one in over.iterrows():
        truth = next(case.truth for case in ROWS[one["row"]].cases if case.name == one["case"])
        cells.append(Cell(one["row"], one["case"], truth, one["n"], one["images"], _TIMES * one["simulations"]))
    places = {(c.row, c.case, c.n, c.images): at for c, at in zip(cells, over.index, strict=True)}
    for count in counted(cells, processes, first=_OTHER_SEEDS):
        c = count.cell
        at = places[c.row, c.case, c.n, c.images]
        was = f"{counts.loc[at, 'agrees']} + {counts.loc[at, 'disagrees']} of {counts.loc[at, 'simulations']}"
        counts.loc[at, ["simulations", "agrees", "disagrees"]] = c.simulations, count.agrees, count.disagrees
        counts.loc[at, "first"] = was
        print(f"{ROWS[c.row].claim}, {c.case}, n = {c.n}: {was}, then {count.agrees} + {count.disagrees}", flush=True)
    counts.to_csv(SIMULATED, index=False)


def _aa(out: Path, networks: int, times: int) -> None:
    from .aa import splits
    from .aa_networks import measure, train

    found = splits(measure(train(networks, out), on_lines=12), times)
    found.to_csv(AA, index=False)
    print(found.to_string(index=False))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
