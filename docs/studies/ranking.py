"""How well each score ranks pre-trained networks: ``python ranking.py RUN RUN …``, run folders of ranking.yaml.

All candidates of all runs are ranked by a score, and by what fine-tuning made of them (test accuracy, mean over
seeds). Printed is the weighted τ of the two rankings by target, and over targets how far it lies over that of
leave-one-out ridge, paired, with a 95 % interval of Student's t over targets.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from transferscope.evidence.contrast import mean
from transferscope.numerics import weighted_tau
from transferscope.questions.scores.values import LOSSES, SCORES
from transferscope.report.places import slug


def candidates(run: Path) -> pd.DataFrame:
    """Return one row a candidate and target: its scores, and its accuracy after fine-tuning."""
    tables = run / "tables"
    tuned = pd.read_csv(tables / "transfer.csv")
    tuned = tuned[tuned["kind"] == "fine-tuned"].set_index(["target", "source"])
    rows = []
    for path in sorted(tables.glob("scores-*.csv")):
        scores = pd.read_csv(path)
        target = next(t for t in tuned.index.unique("target") if f"scores-{slug(t)}" == path.stem)
        for name, of in scores.groupby("candidate"):
            found = dict(zip(of["score"], of["value"], strict=True))
            source = str(name).removeprefix("P").strip() or "source"  # scores call pre-trained weights P
            accuracy = 1 - float(tuned.loc[(target, source), "test_error"])
            rows.append(
                {"target": target, "candidate": f"{of['network'].iloc[0]} {source}", "tuned": accuracy, **found}
            )
    return pd.DataFrame(rows)


def main(runs: list[str]) -> None:
    """Print the tables."""
    every = pd.concat([candidates(Path(run)) for run in runs], ignore_index=True)
    names = [name for name in SCORES if name in every]
    tau = {
        name: {
            target: weighted_tau(of[name] * (-1 if name in LOSSES else 1), of["tuned"])
            for target, of in every.groupby("target")
        }
        for name in names
    }
    found = pd.DataFrame(tau).T
    less = [mean(row) for row in found.sub(found.loc["ridge"]).to_numpy()]
    shown = found.assign(
        mean=found.mean(axis=1), less=[e.value for e in less], low=[e.low for e in less], high=[e.high for e in less]
    )
    print(every.pivot(index="candidate", columns="target", values="tuned").round(3).to_string())
    print()
    print(shown.rename(index=SCORES).round(2).to_string())


if __name__ == "__main__":
    main(sys.argv[1:])
