"""What lies between domains, in sentences; ``CrossDomain`` has the rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...evidence.contrast import contrast
from ...evidence.finding import Finding, said
from ...evidence.guard import Witness
from ...evidence.judge import judge
from ...evidence.phrases import count, number, shortened
from .._domains import DomainPath, called, groups_of
from .._members import run_of
from .._path_evidence import gain_of, network_count, sample_of, witnesses_of
from .._path_phrases import compared, name_of, not_finite, remarks
from .measure import CrossDomain

__all__ = ["findings", "middle_findings"]


def findings(result: CrossDomain) -> tuple[Finding, ...]:
    """Return the findings of a result: the middle of each path, then P-T against RI-T."""
    every = [w for of in result.witnesses.values() for w in of]
    found = middle_findings(result.paths, every, "000-B.7-b")
    found += _advantages(result)
    for p in result.paths:
        found += not_finite(p.path, "")
    return tuple(found + remarks([p.path for p in result.paths], result.left_out))


def middle_findings(paths: Sequence[DomainPath], witnesses: Iterable[Witness], claim: str | None) -> list[Finding]:
    """Say whether the middle of paths beats both ends: of P-T when there is a claim, of others where it does.

    Args:
        paths: between domains.
        witnesses: what is known of runs and pre-trainings.
        claim: id of the claim about P-T; ``None`` where there is none.
    """
    found, known = [], list(witnesses)
    for group in groups_of(paths):
        for images in group[0].path.sets:
            of_p_t = claim if group[0].path.kind == "P-T & P-T" else None
            if (finding := _middle(group, images, known, of_p_t)) is not None:
                found.append(finding)
    return found


def _middle(group: list[DomainPath], images: str, witnesses: list[Witness], claim: str | None) -> Finding | None:
    sample, gain = sample_of(group[0], images), gain_of(group, images, disjoint=True)
    if sample is None or gain is None or math.isnan(gain.least.value):
        return None
    least, metric = gain.least, sample.metric
    claim = None if metric == "loss" else claim
    if claim is None and not (least.low is not None and least.low > 0):
        return None
    first, last = (compared(metric, end, "lower", "higher") for end in gain.ends)
    at = float(group[0].path.lambdas[gain.at])
    return said(
        f"Between {called(group)}, evaluated on {images}: in the middle (λ = {number(at)}, for the numbers chosen on "
        f"other images) the {name_of(metric)} is {first} than at the one end and {last} than at the other; "
        f"n = {count(sample.n, 'image')}.",
        least,
        n=sample.n if len(group) == 1 else network_count(group),
        unit="images" if len(group) == 1 else "networks",
        target=" & ".join(group[0].trained_on),
        weight=0.6 if claim else 0.3,
        judged=None if claim is None else judge(claim, *gain.ends, networks=witnesses_of(group, witnesses)),
    )


def _advantages(result: CrossDomain) -> list[Finding]:
    """Whether P-T make fewer mistakes than RI-T on a domain that neither was trained on, all networks together."""
    domains = dict.fromkeys(domain for p in result.paths for domain in p.trained_on)
    away = [(domain, images) for domain in domains for images in result.paths[0].path.sets if images != domain]
    found = [_advantage(result, domain, images) for domain, images in away]
    return [finding for finding in found if finding is not None]


def _advantage(result: CrossDomain, domain: str, images: str) -> Finding | None:
    sample = sample_of(result.paths[0], images)
    assert sample is not None, "errors are kept of every domain"
    good, bad = (_errors(result, domain, role, images) for role in ("P-T", "RI-T"))
    failed = {role: _failed(result, domain, role, [*good, *bad]) for role in ("P-T", "RI-T")}
    for of, role in ((good, "P-T"), (bad, "RI-T")):
        of.update(dict.fromkeys(failed[role], np.full(sample.n, 1 - result.chance.get(images, math.nan))))
    if not good or not bad:
        return None
    near, far = (np.stack(list(of.values())) for of in (good, bad))
    difference = contrast(far.mean(1), near.mean(1), (far, near))
    lost = [label for labels in failed.values() for label in labels]
    chance = f" ({shortened(lost)} failed and {'counts' if len(lost) == 1 else 'count'} as chance)" if lost else ""
    metric = sample.metric
    what = "mistakes" if metric != "auc" else "misrankings (1 − AUC)"
    told = (
        f"P-T make {compared(metric, difference, f'fewer {what}', f'more {what}')} than RI-T"
        if math.isfinite(difference.value)
        else f"the {what} of P-T and RI-T cannot be compared, as some are not finite"
    )
    return said(
        f"Trained on {domain} and evaluated on {images}, {told}; {len(near)} and "
        f"{count(len(far), 'network')}{chance}, n = {count(sample.n, 'image')}.",
        difference,
        n=len(near) + len(far),
        unit="networks",
        target=domain,
        weight=0.5,
        judged=None
        if metric == "loss"
        else judge("000-B.7-a", difference, networks=result.witnesses.get(domain, ())),
    )


def _errors(result: CrossDomain, domain: str, role: str, images: str) -> dict[str, NDArray[np.float64]]:
    """The errors of each image, by network of a role that was trained on a domain."""
    found: dict[str, NDArray[np.float64]] = {}
    for p in result.paths:
        sample, path = sample_of(p, images), p.path
        if sample is None:
            continue
        for place, label, of, on in zip((0.0, 1.0), (path.a, path.b), path.roles, p.trained_on, strict=True):
            if of == role and on == domain and run_of(label) not in found:
                found[run_of(label)] = sample.each()[int(np.flatnonzero(path.lambdas == place)[0])]
    return found


def _failed(result: CrossDomain, domain: str, role: str, evaluated: Sequence[str]) -> list[str]:
    """Runs that have no weights to evaluate, as they diverged."""
    labels = [f"{domain} {w.label}" for w in result.witnesses.get(domain, ()) if w.role == role and w.unfit]
    return [label for label in labels if label not in evaluated]
