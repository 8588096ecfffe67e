"""``python -m calibrate.pilots FOLDER``: keep what pilot runs say of a paper's study, and write ``docs/power.md``.

The folder is that of a paper's study, run with other seeds. How much the numbers of claims vary there is kept beside
the study. From this the page says which differences the study can tell, before the study itself is run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from transferscope.evidence.phrases import percent, short
from transferscope.evidence.pilot import Prospect, read_pilots, write_pilots
from transferscope.study.check import check
from transferscope.study.library import PAPERS
from transferscope.study.load import load_study
from transferscope.study.prospects import pilot_file, pilots_in, prospects
from transferscope.study.stored_study import open_study

__all__ = ["main", "page"]

PAGE = Path(__file__).parent.parent / "docs" / "power.md"
ENOUGH = 0.8

_HEAD = """# Power: what the small studies can tell

Before a paper's small study was run, pilots with other seeds, another pre-training among them, showed how much each
number varies between networks and over images. From this follows which difference a study of this size tells in four
of five cases, and how many networks of each kind the claim's listed effect would take. The sizes of the studies were
chosen from this table and from the time that two cores have, before their verdicts were looked at; no claim is left
out for what it says.

- *tells*: the number that is told with 80 % power, in the claim's units ([claims.md](claims.md)); of a claim that
  nothing is lost or no barrier is there, the true number up to which that is shown.
- *effect*: the listed one, half of what the paper prints, where it prints a number.
- *power*: the probability of the verdict at that effect with what is planned, of the claim's first number.
- *takes*: networks of each kind for 80 %; a dash where 200 would not do, as when the images are too few.

`python -m calibrate.pilots FOLDER` makes this page anew from a run folder of pilots."""


def main(arguments: Sequence[str]) -> int:
    """Keep the pilots of a run folder, if one is given, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m calibrate.pilots", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="run folder of the pilots; none: only write the page")
    options = parser.parse_args(arguments)
    if options.folder is not None:
        stored = open_study(options.folder)
        file = next((f for name in PAPERS if (f := _file(name)) and f.stem == stored.name), None)
        if file is None:
            parser.error(f"{options.folder}: is no run folder of a paper's small study")
        write_pilots(sorted(pilots_in(stored), key=lambda one: (one.claim, one.target)), file)
        print(f"wrote {file}")
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


def page() -> str:
    """Write the page."""
    parts = [_HEAD]
    for name in PAPERS:
        file = _file(name)
        if file is None or not file.is_file():
            continue
        found = prospects(check(load_study(f"paper:{name}")), read_pilots(file))
        enough = [p for p in found if p.chance is not None and p.chance >= ENOUGH]
        listed = [p for p in found if p.claim.effect is not None]
        parts += [
            f"## paper:{name}",
            f"{len(enough)} of {len(listed)} claims on a target are told with 80 % power or more at their listed "
            "effect.",
            _table(found),
        ]
    return "\n\n".join(parts) + "\n"


def _file(paper: str) -> Path | None:
    return pilot_file(load_study(f"paper:{paper}"))


def _table(found: Sequence[Prospect]) -> str:
    head = ("claim", "target", "networks", "images", "tells", "effect", "power", "takes")
    lines = [head, ("---",) * len(head), *map(_row, found)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _row(p: Prospect) -> tuple[str, ...]:
    effect = "" if p.claim.effect is None else f"{short(p.claim.effect)} {p.claim.units}"
    return (
        p.claim.id,
        p.target or "all",
        str(p.networks),
        f"{p.images:,}" if p.images else "",
        "no verdict" if p.tells is None else short(p.tells),
        effect,
        "" if p.chance is None else percent(p.chance, 0),
        "" if p.claim.effect is None else "–" if p.seeds is None else str(p.seeds),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
