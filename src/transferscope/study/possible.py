"""Whether a question can be asked of a study: enough runs, known names, and what it needs on record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..data.shuffle import divisors
from ..errors import SpecError, nearest
from ..models.network import Network
from ..train.recipe import Recipe
from .questions import QuestionSettings
from .questions.lines import Barrier, Basin, CombinedDomains, CrossDomain
from .questions.reuse import BlockShuffle, Checkpoints, Samples
from .questions.starts import SourceChoice, Variants
from .recorded import Kept
from .schema import Study
from .survey import Found

__all__ = [
    "asked_starts",
    "blocks_of",
    "domain_groups",
    "epochs_of",
    "of_labels",
    "of_network",
    "of_study",
    "unknown",
    "usual_starts",
]


def domain_groups(targets: Mapping[str, Found]) -> list[tuple[str, ...]]:
    """Return the groups of two or more targets that have the same classes."""
    groups: dict[tuple[tuple[str, ...], bool], list[str]] = {}
    for name, found in targets.items():
        groups.setdefault((found.classes, found.multilabel), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def asked_starts(study: Study, question: QuestionSettings) -> list[str]:
    """Return the starts whose runs a question is about: those it names, else all that it can take as alike.

    Runs from another pre-training, or with frozen layers, are not what the papers' claims about P-T are about, and
    would be averaged with those that are.
    """
    if question.starts is not None:
        return list(question.starts)
    if question.tells_apart:
        return list(study.starts)
    used = dict.fromkeys(s.source for s in study.starts.values() if s.source is not None)
    alike = {None, next((name for name in study.pretrainings if name in used), None)}
    frozen = {name for name, start in study.starts.items() if start.recipe.get("frozen", "none") != "none"}
    found = [name for name, start in study.starts.items() if start.source in alike and name not in frozen]
    return found or list(study.starts)


def usual_starts(study: Study, question: QuestionSettings) -> list[str]:
    """Return the starts whose runs a question trains: those it names, else the first from a source and at random."""
    if question.starts is not None:
        return list(question.starts)
    plain = {name: start for name, start in study.starts.items() if not start.altered}
    first = [next((n for n, s in plain.items() if (s.source is None) == fresh), None) for fresh in (False, True)]
    return [name for name in first if name is not None]


def blocks_of(question: BlockShuffle, side: int) -> tuple[str, ...]:
    """Return the sides of blocks, from all values moved to none.

    >>> blocks_of(BlockShuffle(question="block_shuffle"), 6)
    ('*', '1', '2', '3', '6')
    """
    if question.blocks is None:
        return ("*", *map(str, divisors(side)))
    sizes = sorted({b for b in question.blocks if b != "*"})
    return (*(["*"] if "*" in question.blocks else []), *map(str, sizes))


def epochs_of(question: Checkpoints, recorded: Sequence[int]) -> tuple[int, ...]:
    """Return the epochs of the pre-training from which runs start."""
    return tuple(sorted(set(recorded if question.epochs is None else question.epochs)))


def unknown(names: Iterable[str] | None, known: Iterable[str], where: str, what: str) -> Iterator[SpecError]:
    """Yield a line for each name that is not known."""
    for name in names or ():
        if name not in known:
            yield SpecError(where, f"there is no {what} {name!r}{nearest(name, known)}")


def of_network(where: str, question: QuestionSettings, net: Network) -> Iterator[SpecError]:
    """Yield what is wrong with the modules that a question names."""
    named = question.named_modules()
    known = [m.name for granularity in ("layer", "block", "stage") for m in net.modules(granularity)] if named else []
    for key, names in named.items():
        yield from unknown(names, known, f"{where}.{key}", f"module of {net.name}")


def of_labels(where: str, question: QuestionSettings, images: Mapping[str, Found]) -> Iterator[SpecError]:
    """Yield what is wrong with the metrics of a question for the labels that images have."""
    if "auc" in (getattr(question, "metrics", None) or ()):
        for name, found in images.items():
            if not found.multilabel:
                message = f"'auc' is for several labels an image; {name} has one, take 'accuracy'"
                yield SpecError(f"{where}.metrics", message)


def of_study(
    where: str,
    question: QuestionSettings,
    study: Study,
    targets: Mapping[str, Found],
    recipes: Mapping[tuple[str, str], Recipe],
) -> Iterator[SpecError]:
    """Yield what keeps a question from being answered.

    Args:
        where: its place in the study.
        question: what is asked.
        study: of what.
        targets: images by target, all of them.
        recipes: recipe by target and start, those that are right.
    """
    references = list(_references(where, question, study))
    if references:
        yield from references
        return
    asked = {n: found for n, found in targets.items() if question.targets is None or n in question.targets}
    yield from of_labels(where, question, asked)
    if isinstance(question, Samples):
        return
    if isinstance(question, (BlockShuffle, Checkpoints)):
        yield from _trained_for(where, question, study, asked)
    elif isinstance(question, CrossDomain):
        if not domain_groups(asked):
            yield SpecError(where, f"needs two targets of the same classes; there are {_classes(asked)}")
    elif isinstance(question, CombinedDomains):
        yield from _unions(where, question, targets)
    else:
        yield from _runs(where, question, study, asked)
        yield from _weights(where, question, study, asked, recipes)


def _references(where: str, question: QuestionSettings, study: Study) -> Iterator[SpecError]:
    yield from unknown(question.targets, study.targets, f"{where}.targets", "target")
    yield from unknown(question.starts, study.starts, f"{where}.starts", "start")
    for figure, targets in question.shows.items():
        yield from unknown(targets, study.targets, f"{where}.shows.{figure}", "target")
    if isinstance(question, Variants):
        named = [n for n in (question.reference, question.scratch) if n is not None]
        yield from unknown(named, study.starts, where, "start")
    if isinstance(question, BlockShuffle):
        yield from unknown(question.alike, study.targets, f"{where}.alike", "target")
    if isinstance(question, SourceChoice):
        for key in ("nearest_first", "other_labels"):
            yield from unknown(getattr(question, key), study.pretrainings, f"{where}.{key}", "source")
    if isinstance(question, SourceChoice) and len(study.pretrainings) < 2:
        yield SpecError(where, "compares pre-trainings and the study has one; add others under 'sources'")
    if isinstance(question, CombinedDomains):
        if question.targets is not None:
            yield SpecError(f"{where}.targets", "is not for this question: 'unions' names the targets")
        for i, union in enumerate(question.unions):
            yield from unknown(union, study.targets, f"{where}.unions.{i}", "target")


def _unions(where: str, question: CombinedDomains, targets: Mapping[str, Found]) -> Iterator[SpecError]:
    for i, union in enumerate(question.unions):
        if len(set(union)) < len(union):
            yield SpecError(f"{where}.unions.{i}", f"names a target twice: {list(union)}")
        members = {name: targets[name] for name in union}
        if [set(g) for g in domain_groups(members)] != [set(union)]:
            yield SpecError(f"{where}.unions.{i}", f"joins targets of different classes: {_classes(members)}")


def _runs(where: str, question: QuestionSettings, study: Study, asked: Iterable[str]) -> Iterator[SpecError]:
    least = question.least_runs
    # The best and the final weights of one run make a pair.
    if isinstance(question, Barrier) and set(question.ends) == {"best", "final"}:
        least = 1
    for name in asked:
        counts = _counts(question, study, name)
        if sum(counts.values()) < least:
            runs = f"{least} run{'s' * (least > 1)}"
            yield SpecError(where, f"needs {runs} on {name}, there are {sum(counts.values())}; add a start or a seed")
        elif isinstance(question, Basin) and "mixed" not in question.groups:
            wanted = 2 if "pairs" in question.groups else 3
            if max(counts.values()) < wanted:
                message = f"needs {wanted} runs on {name} that start alike (from source, or from random); add a seed"
                yield SpecError(where, message)


def _trained_for(
    where: str, question: BlockShuffle | Checkpoints, study: Study, asked: Iterable[str]
) -> Iterator[SpecError]:
    """Yield why a question has no starts whose runs it could train."""
    starts = {name: study.starts[name] for name in usual_starts(study, question)}
    pretrained = [name for name, start in starts.items() if start.source is not None]
    if not pretrained:
        yield SpecError(where, "needs a start 'from: source'; add one under 'starts'")
    elif isinstance(question, Checkpoints) and len(pretrained) > 1:
        yield SpecError(f"{where}.starts", f"names {len(pretrained)} pre-trained starts; name the one to vary")
    elif isinstance(question, BlockShuffle) and len(pretrained) == len(starts):
        yield SpecError(where, "compares with a start 'from: random'; add one under 'starts'")
    for name, start in starts.items():
        for target in asked:
            if start.targets is not None and target not in start.targets:
                yield SpecError(where, f"is asked of {target}, which the start {name!r} is not trained on")


def _counts(question: QuestionSettings, study: Study, target: str) -> dict[str, int]:
    """Return how many runs on a target a question is about, by what they start from."""
    limit = getattr(question, "runs", None)
    counts = {"source": 0, "random": 0}  # from whichever source
    for name in asked_starts(study, question):
        start = study.starts[name]
        if target in (start.targets or (target,)):
            counts["random" if start.source is None else "source"] += len(start.seeds[:limit])
    return counts


def _weights(
    where: str,
    question: QuestionSettings,
    study: Study,
    asked: Mapping[str, Found],
    recipes: Mapping[tuple[str, str], Recipe],
) -> Iterator[SpecError]:
    """Yield the recorded weights that a question needs and the runs will not have kept, and what to record."""
    named, wanted = question.named_weights(), question.wants_recorded()
    starts = asked_starts(study, question)
    for (target, start), recipe in recipes.items():
        if target not in asked or start not in starts:
            continue
        if target not in (study.starts[start].targets or asked):
            continue
        kept = Kept(study.record, recipe, asked[target].train)
        for key, tags in named.items():
            yield from kept.missing(tags, f"{where}.{key}")
        if wanted is not None and not kept.between():
            place = f"{where}.{wanted}".rstrip(".")
            yield SpecError(place, f"needs weights kept between start and end, and there are none; {kept.advice()}")


def _classes(targets: Mapping[str, Found]) -> str:
    return ", ".join(
        f"{name} ({len(found.classes)} classes: {found.classes[0]}, …)" for name, found in targets.items()
    )
