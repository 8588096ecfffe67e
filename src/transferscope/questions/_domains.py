"""Paths between networks trained on different domains, evaluated on every domain.

What ``cross_domain`` and ``combined_domains`` share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Unpack

import numpy as np

from ..data.imageset import ImageSet
from ..errors import TooFewError, UsageError
from ..evidence.guard import Witness
from ..evidence.left_out import LeftOut
from ..evidence.phrases import count
from ..models.network import Network
from ..models.solution import Solution
from ..probes.evaluate import EngineOptions, How
from ..probes.metrics import as_error
from ..progress import Progress, shifted
from ._path_evidence import ImageErrors, both_learned, errors_of, unlearned
from ._path_numbers import Height, Heights, heights_of
from ._paths import Joined, Path, Traced, Tracer, curve_rows, principal
from .result import Result

if TYPE_CHECKING:
    import pandas as pd

    from .protocols import Inputs

__all__ = ["DomainPath", "DomainPaths", "End", "Traces", "called", "groups_of", "is_union", "parts_of",
           "solutions_by_domain", "trace_domains", "witnesses_by_domain"]  # fmt: skip


@dataclass(frozen=True, eq=False)
class DomainPath(Heights):
    """A path between networks trained on two domains.

    Attributes:
        trained_on: domain of the network at λ = 0 and at λ = 1; a union is written ``real+clipart``.
        path: the metrics on the line, one curve a metric and domain they were evaluated on.
        heights: of the barrier, by domain, metric and definition.
        errors: of each image, by domain: what claims are judged by.
    """

    trained_on: tuple[str, str]
    path: Path
    heights: tuple[Height, ...]
    errors: tuple[ImageErrors, ...] = ()


@dataclass(frozen=True, eq=False)
class DomainPaths(Result):
    """What the answers to ``cross_domain`` and ``combined_domains`` have in common.

    Attributes:
        paths: one a pair of domains and role.
        left_out: pairs that could not be evaluated, networks without a counterpart, and those that learned nothing.
        resamples: bootstrap resamples of every band.
        how: how the numbers were computed.
    """

    paths: tuple[DomainPath, ...]
    left_out: tuple[LeftOut, ...]
    resamples: int
    how: How

    def frame(self) -> pd.DataFrame:
        """Return one row a path, domain it was evaluated on, metric and λ."""
        import pandas as pd

        rows = [
            row
            for p in self.paths
            for row in curve_rows(p.path, trained_on_a=p.trained_on[0], trained_on_b=p.trained_on[1])
        ]
        return pd.DataFrame(rows)


def groups_of(paths: Sequence[DomainPath]) -> list[list[DomainPath]]:
    """Put the paths between two domains of one kind of pair together, those whose networks learned something.

    They share no network, as the i-th of one domain is joined with the i-th of the other.
    """
    found: dict[tuple[tuple[str, str], str], list[DomainPath]] = {}
    for p in paths:
        found.setdefault((p.trained_on, _kind(p.path)), []).append(p)
    return [both_learned(group) for group in found.values()]


def _kind(path: Path) -> str:
    return path.kind if all(path.roles) else f"{path.a} & {path.b}"


def called(group: Sequence[DomainPath]) -> str:
    """Name the networks at the ends of some paths between two domains."""
    path, (first, second) = group[0].path, group[0].trained_on
    if len(group) == 1:
        return f"{path.a} ({first}) and {path.b} ({second})"
    roles = [path.roles[0]] if path.roles[0] == path.roles[1] else list(path.roles)
    return f"{' and '.join(roles)} of {first} and of {second} ({count(len(group), 'pair')})"


def parts_of(domain: str) -> tuple[str, ...]:
    """Take the name of a union apart.

    >>> parts_of("real+clipart"), parts_of("real")
    (('real', 'clipart'), ('real',))
    """
    return tuple(part.strip() for part in domain.split("+"))


def is_union(domain: str) -> bool:
    """Whether a domain is a union of several."""
    return len(parts_of(domain)) > 1


@dataclass(frozen=True, eq=False)
class End:
    """One network that was evaluated on every domain.

    Attributes:
        label: its name.
        domain: what it was trained on.
        errors: by domain it was evaluated on, the metric that claims are judged by and one number an example of it,
            ``(n,)``, larger is worse.
    """

    label: str
    domain: str
    errors: Mapping[str, tuple[str, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Traces:
    """All paths of a question.

    Attributes:
        paths: in the order of the domains.
        ends: the networks themselves by (domain, role), each once.
        left_out: what of the solutions is in no path, or plays no part in what is said of kinds.
        how: how the numbers were computed.
    """

    paths: tuple[DomainPath, ...]
    ends: Mapping[tuple[str, str], tuple[End, ...]]
    left_out: tuple[LeftOut, ...]
    how: How


def trace_domains(
    net: Network,
    solutions: Mapping[str, Sequence[Solution]],
    sets: Mapping[str, ImageSet],
    wanted: Callable[[str, str], bool],
    *,
    train: Mapping[str, ImageSet] | None,
    lambdas: np.ndarray,
    metrics: Sequence[str] | None,
    resamples: int,
    seed: int,
    progress: Progress,
    **options: Unpack[EngineOptions],
) -> Traces:
    """Evaluate the path of every wanted pair of domains and every role on every domain.

    The i-th solution of a role on one domain is paired with the i-th of the same role on the other. Batch norm is
    recalibrated, unless ``recalibrate_on`` names images, on training images of the domains that either of the two was
    trained on, as many of each.

    Raises:
        UsageError: when the sets have different classes, or no pair of solutions is to be had.
    """
    _check_classes(sets)
    groups = [
        ((first, second), Joined.of(net, pairs))
        for first, second in combinations(solutions, 2)
        if wanted(first, second) and (pairs := _paired(solutions[first], solutions[second]))
    ]
    if not groups:
        raise TooFewError(
            f"no two solutions of one role on two of the domains {', '.join(solutions)}; give at least one on each"
        )
    left_out = tuple(missing for _, joined in groups for missing in joined.left_out)
    total = sum(len(joined.pairs) for _, joined in groups) * len(lambdas)
    if not total:
        raise UsageError(left_out[0].reason)
    paths: list[DomainPath] = []
    ends: dict[tuple[str, str], dict[str, End]] = {}
    for domains, joined in groups:
        if not joined.pairs:
            continue
        chosen: EngineOptions = {**options}
        if chosen.get("recalibrate_on") is None and train:
            names = dict.fromkeys(part for domain in domains for part in parts_of(domain))
            chosen["recalibrate_on"] = _union_of([train[d] for d in names if d in train])
        tracer = Tracer(net, joined, sets, lambdas, metrics=metrics, resamples=resamples, seed=seed, **chosen)
        for traced in tracer.paths(shifted(progress, len(paths) * len(lambdas), total)):
            paths.append(DomainPath(domains, traced.path, heights_of(traced), errors_of(traced)))
            for domain, role, end in zip(domains, traced.path.roles, _ends(traced, domains), strict=True):
                ends.setdefault((domain, role), {}).setdefault(end.label, end)
    alone = _alone(solutions, paths, wanted, left_out)
    found = {k: tuple(v.values()) for k, v in ends.items()}
    return Traces(tuple(paths), found, (*left_out, *alone, *unlearned(paths)), tracer.how)


def _alone(
    solutions: Mapping[str, Sequence[Solution]],
    paths: Sequence[DomainPath],
    wanted: Callable[[str, str], bool],
    left_out: Sequence[LeftOut],
) -> list[LeftOut]:
    """Networks that are at the end of no path, as the other domains have fewer of their role."""
    ends = {end for p in paths for end in (p.path.a, p.path.b)}
    named = {name for one in left_out for name in one.subject.split(" & ")}
    return [
        LeftOut(s.label, "has no counterpart on another domain")
        for domain, those in solutions.items()
        for s in those
        if s.label not in ends and s.label not in named and any(wanted(domain, other) for other in solutions)
    ]


def _ends(traced: Traced, domains: tuple[str, str]) -> tuple[End, ...]:
    path = traced.path
    ends = []
    for label, domain, place in zip((path.a, path.b), domains, (0.0, 1.0), strict=True):
        row = int(np.flatnonzero(path.lambdas == place)[0])
        errors = {}
        for images in path.sets:
            metric = principal(path, images)
            errors[images] = (metric, as_error(metric, traced.examples[images, metric][row].astype(np.float64)))
        ends.append(End(label, domain, errors))
    return tuple(ends)


def _paired(first: Sequence[Solution], second: Sequence[Solution]) -> list[tuple[Solution, Solution]]:
    pairs = []
    for role in dict.fromkeys(s.role for s in first):
        pairs += list(zip([s for s in first if s.role == role], [s for s in second if s.role == role], strict=False))
    return pairs


def _check_classes(sets: Mapping[str, ImageSet]) -> None:
    if not sets:
        raise UsageError("no image set to evaluate on; give one a domain")
    name, first = next(iter(sets.items()))
    for other, images in sets.items():
        if images.classes != first.classes:
            raise UsageError(
                f"{name} and {other} have different classes; networks of different domains can be compared "
                "only when all domains have the same classes in the same order"
            )


def _union_of(sets: Sequence[ImageSet]) -> ImageSet | None:
    """As many images of each set as the smallest has, in one set."""
    if not sets:
        return None
    count = min(map(len, sets))
    parts = [s.sample(count) for s in sets]
    return ImageSet(
        np.concatenate([p.images for p in parts]),
        np.concatenate([p.labels for p in parts]),
        sets[0].classes,
        np.concatenate([p.ids for p in parts]),
        name=" + ".join(p.name for p in parts),
    )


def witnesses_by_domain(inputs: Inputs) -> dict[str, tuple[Witness, ...]]:
    """Return what is known of a study's runs and their pre-trainings, by the domain the runs were trained on."""
    return {target: inputs.witnesses(target) for target in dict.fromkeys(run.target for run in inputs.runs)}


def solutions_by_domain(inputs: Inputs, weights: str) -> tuple[dict[str, list[Solution]], dict[str, ImageSet]]:
    """Return the solutions of a study's runs by the domain they were trained on, and the training images of each.

    A run is called by its domain, too: ``photo P-T 0``.
    """
    solutions: dict[str, list[Solution]] = {}
    for run in inputs.runs:
        if (solution := inputs.at(run, weights)) is not None:
            labelled = dataclasses.replace(solution, label=f"{run.target} {solution.label}")
            solutions.setdefault(run.target, []).append(labelled)
    return solutions, {target: splits.train for target, splits in inputs.images.items()}
