"""``docs/calibration.md``, from the counts that were kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from transferscope.evidence import claim_called

from .rows import ROWS
from .table import Told, false_of, most, told

__all__ = ["NOTES", "page"]

NOTES: Mapping[str, str] = {
    "hardness for others": (
        "a network that is left out leaves the others, too, by whose answers the rest of the pairs are judged. If "
        "it only took its own pairs along, 7 % of the verdicts were false with five networks a kind. With few "
        "networks the variance is now rather too large: with three a kind there are few verdicts, false or right"
    ),
    "distance of modules": (
        "a slope over depth, as in the next two. Kendall's τ of depth is bounded and often near −1 or 1 where "
        "numbers wander from module to module, so Student's tails are too short: 12 % false with three networks a "
        "kind. A distance of 0 has no logarithm; such a module is left out, and named"
    ),
    "module set back, depth": ("a slope of the error itself, on which images bear, too: τ gave 8 % false"),
    "μ of modules": (
        "a slope of the logarithm: τ gave 10 % false. μ of 0 counts as the least above it that the grid can show "
        "in any module of the network, an infinite one as the largest"
    ),
    "edge of a basin": (
        "the logarithm: where the error has risen is skewed to the right, and Student's upper limit of its mean "
        "was too low (7 % false). So the claim is about the geometric mean"
    ),
    "training error": (
        "the logarithm for the same reason (7 % false, 10 % where networks differ twice as much); 0 counts as "
        "half an image. Logarithms of such numbers are a little skewed to the other side, and with eight tasks at "
        "the margin one was found over it in 6 to 7 % of studies. So the claim is denied only from 2 % on"
    ),
    "steps from the start": (
        "every interval between recorded epochs is judged, over networks. The smallest step of a run, which was "
        "judged before, is skewed to the left, as minima are (6.5 % false), and lies the lower the noisier the "
        "steps"
    ),
    "line, two of a kind, 1 partner": (
        "`partners` joins each network with the next few only. A network that is left out then takes a larger "
        "part of its neighbours' pairs along than it has in the mean, so intervals are rather too wide; most so "
        "for pairs within a kind against pairs across (0 to 2 % false in simulations of their own). 000-3.3-c is "
        "judged by the same rule turned round; a test of the package holds means and contrasts of such pairs"
    ),
}
"""Why a statistic is what it is, by family; the level rests on it."""


def page(counts: pd.DataFrame, study: Mapping[str, float], aa: pd.DataFrame | None) -> str:
    """Return the page.

    Args:
        counts: of all rows.
        study: what whole null studies gave, by name.
        aa: counts of the A/A study, where it was made.
    """
    rows = [told(counts, row) for row in range(len(ROWS))]
    parts = [
        _head(rows),
        _open(rows),
        _claims(rows),
        _power_note(rows),
        _notes(rows),
        _study(study),
        _aa(aa),
        _families(rows),
        _how(counts),
    ]
    return "\n\n".join(parts) + "\n"


def _head(rows: Sequence[Told]) -> str:
    held = sum(t.held for t in rows)
    claims = len({ROWS[t.row].claim for t in rows})
    few = "never" if all(t.silent for t in rows) else "**sometimes**"
    return f"""# Calibration

Do the rules keep what they promise? For every claim that is decided here ({claims}), studies are simulated in which
the claim is on the edge of being true, so that either verdict is a false one, and studies in which its listed effect
is there. The numbers come from the same functions that the questions call, and `judge` gives the verdict. A rule is
held when at most 5 % of the verdicts are false, within the error of so many simulations (one-sided, 1 %: at most
{most(1000)} of 1,000 or {most(300)} of 300).

{held} of {len(rows)} rows are held. With fewer networks than a verdict needs (two of each kind; three pre-trainings
or targets) there was {few} a verdict.

`make calibrate` makes this page anew. `python -m calibrate --claims ID …` simulates some claims only and keeps the
counts of all others, `--new` does so for rows that have none yet, `--studies` puts the null studies together anew;
the A/A study's networks are trained by `python -m calibrate --aa --out FOLDER`."""


def _open(rows: Sequence[Told]) -> str:
    missed = [t for t in rows if not t.held]
    if not missed:
        return "All rules are held."
    lines = []
    for t in missed:
        row, worst = ROWS[t.row], t.worst
        lines.append(
            f"- **{row.claim} ({row.family.name}): {_percent(t.share)} false** at {_size(worst)}, {worst['case']} "
            f"(others at most {_percent(_second(t))}; first {worst['first'] or 'not simulated again'})."
        )
    return "## Not held\n\n" + "\n".join(lines)


def _notes(rows: Sequence[Told]) -> str:
    first = {ROWS[t.row].family.name: ROWS[t.row].claim for t in reversed(rows)}
    lines = [f"- **{first[name]} ({name})**: {note}." for name, note in NOTES.items()]
    head = (
        "## What the level rests on\n\nWhere a simpler statistic gave false verdicts, and what is judged instead:\n"
    )
    return "\n".join([head, *lines])


def _second(t: Told) -> float:
    shares = (false_of(t.nulls) / t.nulls["simulations"]).drop(t.worst.name)
    return float(shares.max()) if len(shares) else 0.0


def _claims(rows: Sequence[Told]) -> str:
    lines = [
        "## Claims\n",
        "False verdicts: of the worst case and size, both directions together where the rule is of a difference, "
        "else `agrees` / `disagrees` apart; beside it the worst by number of networks (starts, targets, "
        "pre-trainings). "
        "Power: how often the verdict is `agrees` at the listed effect, by number of networks, with 500 images where "
        "images vary; last with 2,000.\n",
        "| claim | data | effect | false, worst | where | false by networks | power by networks | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for t in rows:
        row = ROWS[t.row]
        claim = claim_called(row.claim)
        mark = "held" if t.held else "**not held**"
        if not t.enough:
            mark += "; needs more"
        false = (
            f"{_percent(t.worst['agrees'] / t.worst['simulations'])} / "
            f"{_percent(t.worst['disagrees'] / t.worst['simulations'])}"
            if row.apart
            else _percent(t.share)
        )
        lines.append(
            f"| {row.claim} | {row.family.name} | {claim.effect:g} {claim.units} | {false} | {t.worst['case']}, "
            f"{_size(t.worst)} | {_by_networks(t)} | {_powers(t.powers)} | {mark} |"
        )
    return "\n".join(lines)


def _by_networks(t: Told) -> str:
    worst = (false_of(t.nulls) / t.nulls["simulations"]).groupby(t.nulls["n"]).max()
    return ", ".join(f"{n}: {_percent(share)}" for n, share in worst.items())


def _powers(powers: pd.DataFrame) -> str:
    found = []
    for _, cell in powers.iterrows():
        many = f" ({cell['images']:,} images)" if cell["images"] > 500 else ""
        found.append(f"{cell['n']}{many}: {_percent(cell['agrees'] / cell['simulations'], 0)}")
    return ", ".join(found)


def _power_note(rows: Sequence[Told]) -> str:
    weak = [t for t in rows if not t.enough]
    if not weak:
        return "Every rule finds its listed effect in more than half of the studies at some size."
    names = "; ".join(
        f"{ROWS[t.row].claim} ({ROWS[t.row].family.name}, "
        f"{_percent(float((t.powers['agrees'] / t.powers['simulations']).max()), 0)} at best)"
        for t in weak
    )
    return (
        "These need more networks or images than were tried here: at their listed effect, with the spreads below, "
        f"the verdict falls in at most half of the studies. {names}. What `--plan` says of a study rests on its own "
        "spreads, which may be smaller."
    )


def _study(study: Mapping[str, float]) -> str:
    return f"""## A whole study in which nothing is to be found

{study["studies"]:.0f} studies of all claims on four targets ({study["verdicts"]:.0f} verdicts each), every number at
its null, claims and targets independent of one another (in a real study they share networks, so the counts vary
more). On average chance gave {study["mean"]:.1f} verdicts, at most {study["most"]:.0f}; a report's tally says that
it gives up to {study["bound"]:.1f}. After Benjamini and Hochberg at least one verdict was left in
{study["marked"]:.0f} of the studies ({_percent(study["marked"] / study["studies"])}); {study["marks"]:.0f} verdicts
in all."""


def _aa(aa: pd.DataFrame | None) -> str:
    if aa is None:
        return "## A/A study\n\nNot made yet: `python -m calibrate --aa --out FOLDER`."
    times = int(aa["splits"].max())
    lines = [
        "## A/A study on real runs\n",
        f"{int(aa['networks'].max())} LeNets (24 pixels, `synthetic:photo`, 2,500 training and 1,000 test images, 12 "
        f"epochs) were trained from random weights; {times} times ten of them were drawn and split into two groups "
        "of five, called P-T and RI-T. The two differ by name only, so every verdict is false. Splits share "
        f"networks, so {times} splits are fewer independent ones, and counts vary more than binomially; held means "
        f"at most {most(times)}.\n",
        "| claim | compared | networks | agrees | disagrees | false | |",
        "|---|---|---|---|---|---|---|",
    ]
    for _, of in aa.iterrows():
        false = of["agrees"] + of["disagrees"]
        mark = "held" if false <= most(of["splits"]) else "**not held**"
        lines.append(
            f"| {of['claim']} | {of['what']} | {of['networks']} | {of['agrees']} | {of['disagrees']} | "
            f"{_percent(false / of['splits'])} | {mark} |"
        )
    return "\n".join(lines)


def _families(rows: Sequence[Told]) -> str:
    families = {ROWS[t.row].family.name: ROWS[t.row].family for t in rows}
    lines = ["## Data\n", "| data | what varies |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {f.says} |" for name, f in families.items())])


def _how(counts: pd.DataFrame) -> str:
    null = counts[~counts["case"].isin(["effect", "too few"]) & (counts["first"] == "")]["simulations"]
    power, again = counts[counts["case"] == "effect"]["simulations"], counts[counts["first"] != ""]
    error = [100 * (0.05 * 0.95 / n) ** 0.5 for n in (null.max(), null.min())]
    sizes = ", ".join(f"{n:,}" for n in sorted(set(null), reverse=True))
    settled = int((false_of(again) <= again["simulations"].map(most)).sum()) if len(again) else 0
    cells = len(null) + len(again)
    over = (
        f"Some of {cells} cells exceed a limit of 1 % by chance, so the {len(again)} that did were simulated once "
        f"more with other seeds and three times as often; only that counts, and {settled} of them then were within "
        "the limit."
        if len(again)
        else f"None of {cells} cells exceeds a limit of 1 %; one that did would be simulated again with other seeds."
    )
    return f"""## How much was simulated

{sizes} studies for each null truth and size: most where no images vary, fewest where one takes long;
{power.max():,} for each power. The standard error of a share of 5 % is {error[0]:.1f} to {error[1]:.1f} points, that
of a power of 50 % {50 / power.max() ** 0.5:.0f}. {over}
Rows of equal data, rule, truth and size share one simulation. All seeds are fixed; the numbers
do not depend on how many processes there are.
`calibrate/simulated.csv` has all counts, `calibrate/rows.py` the table of rows.

What is simpler here than in a study: networks that learned nothing are not simulated (the guard has its own tests);
where a number is worked out by a question from many measurements (CKA, ε, edges, shares of cells), its values are
drawn, and the functions that turn them into an estimate are the question's; of a plateau, which lies at one of few
checkpoints, the effect is only about the listed one."""


def _size(cell: pd.Series) -> str:
    images = f", {cell['images']:,} images" if cell["images"] else ""
    return f"n = {cell['n']}{images}"


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"
