"""``python -m calibrate.verdicts RUN``: the papers' claims in a run folder, as ``docs/results.md`` shows them.

It reads ``tables/claims.csv``, which the report of the run folder is made from: one row a claim, one column a target,
✓ agrees, ✗ disagrees, ? cannot tell; then how many verdicts fall, and how many are left when many are given at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from transferscope.evidence.claims import claim_called

__all__ = ["main", "verdicts"]

_SYMBOLS = {"agrees": "✓", "disagrees": "✗", "cannot tell": "?"}
_TOGETHER = "together"


def main(arguments: Sequence[str]) -> int:
    """Print the table and the counts."""
    parser = argparse.ArgumentParser(prog="python -m calibrate.verdicts", description=__doc__)
    parser.add_argument("folder", type=Path, help="run folder with a report")
    options = parser.parse_args(arguments)
    print(verdicts(pd.read_csv(options.folder / "tables" / "claims.csv", keep_default_na=False)))
    return 0


def verdicts(claims: pd.DataFrame) -> str:
    """Write claims as a table in Markdown, and the counts below it.

    Args:
        claims: one row a claim and target, with ``id``, ``target``, ``verdict``, ``stands``.
    """
    apart = [t for t in dict.fromkeys(claims["target"]) if t and "&" not in t]
    columns = [*apart, *([_TOGETHER] if set(claims["target"]) - set(apart) else [])]
    rows = ["| claim | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    for name, mine in claims.groupby("id", sort=False):
        claim = claim_called(str(name))
        cells = []
        for column in columns:
            here = mine[mine["target"] == column] if column in apart else mine[~mine["target"].isin(apart)]
            cells.append(" ".join(_SYMBOLS[verdict] for verdict in here["verdict"]))
        place = f" ({claim.section})" if claim.section else ""
        rows.append(f"| {claim.says[:1].upper()}{claim.says[1:]}{place} | " + " | ".join(cells) + " |")
    counts = claims["verdict"].value_counts()
    fallen = int(counts.get("agrees", 0) + counts.get("disagrees", 0))
    kept = int((claims["stands"].astype(str) == "True").sum())
    return "\n".join(
        [
            *rows,
            "",
            f"Of {len(claims)} verdicts {fallen} fall: {counts.get('agrees', 0)} agree and "
            f"{counts.get('disagrees', 0)} do not; {kept} are left after Benjamini and Hochberg.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
