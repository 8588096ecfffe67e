"""What earlier runs say of the runs to come: which difference a study will be able to tell, claim by claim."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from ..errors import StoreError
from .bounds import Above, Below, NotBelow, PeakAbove, PeakUnder, Under, Within
from .claim import Claim
from .claims import claim_called
from .combined import AllOf, Each, InOrder, Not
from .finding import Finding
from .power import Design, Question, detectable, power, seeds_needed
from .rules import Rule

__all__ = ["Pilot", "Prospect", "asked", "pilots", "prospect", "read_pilots", "write_pilots"]

_ONE_A_PRETRAINING = ("probe", "head", "grid", "scaling", "sources")
"""Questions whose numbers are one a pre-training, or paired by its seed, so that no two kinds are contrasted."""

_SEEDS = ("probe", "head", "sources")
"""Those of which a verdict takes four seeds of pre-training."""

_OF_CHECKPOINTS = ("000-3.5-a", "000-3.5-b", "000-3.5-c", "002-5.2-a")
"""Claims over checkpoints of one pre-training: what one brings to all seeds does not fall with more seeds."""

_OTHER_SIDE: dict[Question, Question] = {"under": "over", "over": "under", "equivalence": "over"}
"""What is asked where the contrary is to be shown."""

_TWO_SIDED = 0.975
"""One end of a 95 % interval decides; in :mod:`.power` that is a limit of this level."""


@dataclass(frozen=True)
class Pilot:
    """How much the number of a claim varies on a target.

    Attributes:
        claim: id of the claim.
        target: where it was measured.
        kinds: how many kinds of networks vary: 1, or 2 that are contrasted.
        sd: standard deviation between networks of a kind (of pairs: √(n·V)); of ratios that of the logarithm.
        image_sd: standard deviation over images, image by image; 0 where images play no part.
        log: whether the number is a ratio.
        networks: how many networks this is from, all kinds together.
    """

    claim: str
    target: str
    kinds: int
    sd: float
    image_sd: float
    log: bool
    networks: int


@dataclass(frozen=True)
class Prospect:
    """What a study can tell of a claim on a target.

    Attributes:
        claim: the claim.
        target: the target.
        networks: planned of each kind.
        images: planned test images.
        tells: the number (a difference; on the log scale a ratio) that is told with 80 % power; ``None`` when fewer
            than three networks of a kind, or four pre-trainings, are planned.
        chance: the probability of the verdict that the claim's effect gives, with what is planned; ``None`` as for
            ``tells``, or without a listed effect.
        seeds: networks of each kind that the claim's effect takes; ``None`` when no number up to 200 is enough.
    """

    claim: Claim
    target: str
    networks: int
    images: int
    tells: float | None
    chance: float | None
    seeds: int | None


def asked(rule: Rule) -> tuple[Question, float, float]:
    """Return what a rule asks of its first number: the question of :mod:`.power`, its margin, its level.

    >>> asked(Above()), asked(PeakUnder(0.02)), asked(AllOf(Under(0.01), Above()))
    (('difference', 0.0, 0.95), ('under', 0.02, 0.95), ('under', 0.01, 0.95))
    >>> asked(Not(Within(0.02)))
    ('over', 0.02, 0.975)
    """
    if isinstance(rule, AllOf):
        return asked(rule.parts[0])
    if isinstance(rule, (Each, InOrder)):
        return asked(rule.rule)
    if isinstance(rule, Not):
        question, margin, _ = asked(rule.rule)
        return _OTHER_SIDE.get(question, question), margin, _TWO_SIDED
    if isinstance(rule, (Above, Below)):
        return ("over" if isinstance(rule, Above) else "under", rule.margin, _TWO_SIDED) if rule.margin else (
            "difference", 0.0, 0.95,
        )  # fmt: skip
    if isinstance(rule, PeakAbove):
        return "over", rule.margin, _TWO_SIDED
    if isinstance(rule, (Under, PeakUnder)):
        return "under", rule.margin, 0.95
    if isinstance(rule, NotBelow):
        return "over", rule.margin, 0.95
    assert isinstance(rule, Within), "every other rule is named above"
    return "equivalence", rule.margin, 0.95


def pilots(findings: Iterable[Finding]) -> tuple[Pilot, ...]:
    """Return how much the numbers of claims vary, from findings whose estimates are over networks.

    With as many networks of each kind: s² = n·V of one kind (or of pre-trainings paired by seed), n·V/4 of two kinds
    that are contrasted, n all networks. A variance with n − 1 degrees of freedom is of one kind; of two it has n − 2
    at most. Correlations over targets and trends over checkpoints are left out, as their spread is not one of
    networks. Of several findings of one claim and target the one with the largest spread counts.

    Args:
        findings: of pilot runs, each with its target.
    """
    found: dict[tuple[str, str], Pilot] = {}
    for finding in findings:
        e = finding.estimate
        if finding.claim is None or not e.general or e.spread is None or e.n < 2:
            continue
        claim = claim_called(finding.claim)
        if e.scale == "fisher" or claim.id in _OF_CHECKPOINTS:
            continue
        whole = e.freedom is None or e.freedom > e.n - 1.5
        kinds = 1 if whole or claim.question in _ONE_A_PRETRAINING else 2
        sd = math.sqrt(e.n * e.spread / (1 if kinds == 1 else 4))
        image_sd = math.sqrt((e.noise or 0.0) * e.images)
        one = Pilot(claim.id, finding.target, kinds, sd, image_sd, e.scale == "log", e.n)
        known = found.get((claim.id, finding.target))
        if known is None or known.sd < sd:
            found[claim.id, finding.target] = one
    return tuple(found.values())


def prospect(pilot: Pilot, networks: int, images: int) -> Prospect:
    """Return what a study of this size can tell.

    Args:
        pilot: how much the number varies.
        networks: planned of each kind.
        images: planned test images.
    """
    claim = claim_called(pilot.claim)
    assert claim.rule is not None, "pilots are of claims that are judged"
    question, margin, level = asked(claim.rule)
    if pilot.log and margin:  # a ratio over 1 is a logarithm over 0
        margin = math.log(margin)
    image_sd = pilot.image_sd if images else 0.0
    sds = (pilot.sd,) * pilot.kinds
    effect = None if claim.effect is None else math.log(claim.effect) if pilot.log else claim.effect
    tells = chance = None
    if networks >= (4 if claim.question in _SEEDS else 3):
        design = Design((networks,) * pilot.kinds, sds, image_sd, images if image_sd else 0)
        tells = detectable(question, design, margin=margin, level=level)
        tells = math.exp(tells) if pilot.log else tells
        chance = None if effect is None else power(question, effect, design, margin=margin, level=level)
    seeds = None
    if effect is not None:
        seeds = seeds_needed(
            question, effect, sds, margin=margin, image_sd=image_sd, images=images if image_sd else 0, level=level
        )
    return Prospect(claim, pilot.target, networks, images, tells, chance, seeds)


def write_pilots(found: Sequence[Pilot], path: Path) -> None:
    """Write pilots as a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([f.name for f in fields(Pilot)])
        rows.writerows(
            (*astuple(one)[:3], f"{one.sd:.4g}", f"{one.image_sd:.4g}", *astuple(one)[5:]) for one in found
        )


def read_pilots(path: Path) -> tuple[Pilot, ...]:
    """Read what :func:`write_pilots` wrote.

    Raises:
        StoreError: when the file is not such a table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return tuple(
                Pilot(
                    row["claim"], row["target"], int(row["kinds"]), float(row["sd"]), float(row["image_sd"]),
                    row["log"] == "True", int(row["networks"]),
                )
                for row in csv.DictReader(file)
            )  # fmt: skip
    except (OSError, KeyError, ValueError) as e:
        raise StoreError(f"{path}: is no table of pilots ({e}); delete it to do without") from e
