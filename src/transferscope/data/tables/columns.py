"""Which column is which: names as people type them against names as tables have them, and guesses that are said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...errors import DataError, nearest
from .cells import missing, number
from .reading import RawTable

__all__ = ["find", "guess_covariates", "guess_named", "key_of", "looks_like_accuracy", "shots_in"]

DATASET_WORDS = (
    "downstream_dataset",
    "dataset",
    "data set",
    "task",
    "ds",
    "target",
    "finetuned_dataset",
    "benchmark",
)
VALUE_WORDS = (
    "accuracy", "acc", "acc1", "lp_acc1", "top1", "top-1", "top1_acc", "test_accuracy", "test_acc", "score", "value",
    "result", "metric",
)  # fmt: skip
NAME_WORDS = (
    "name",
    "model",
    "model_name",
    "model_fullname",
    "checkpoint",
    "network",
    "arch",
    "pretrained",
    "source",
)
SHOT_WORDS = ("shots", "shot", "n_shots", "num_shots", "k_shot", "k", "fewshot_k", "n_shot")
IMAGE_WORDS = ("n_test", "test_images", "num_test", "test_size", "images", "n_images", "count", "test_count")

_COVARIATE = re.compile(
    r"param|flop|gmac|\bmacs|size|samples|epochs?|\blr\b|learning.rate|\bwd\b|weight.decay|batch|\bbs\b|arch|famil|"
    r"pretrain|upstream|width|depth|mix|smooth|\baug|seed|method|loss|crop|resolution|compute|steps|dropout|warmup|optim"
)
_SHOTS = re.compile(
    r"^(?P<task>.+?)[\s_@:/-]*\(?(?P<shots>\d+)[\s_-]*shots?\)?$|^(?P<task2>.+?)@(?P<shots2>\d+|inf)$", re.IGNORECASE
)
_NO_ACCURACY = re.compile(r"err|loss|rank|diff|time|date|\bid\b|std|_ci|stderr", re.IGNORECASE)
_LEVELS = 0.34
"""Most different words a covariate may have, as a share of the rows; more are names."""


def key_of(name: str) -> str:
    """Return a name without what people leave out: case, spaces, dashes, underscores.

    >>> key_of("ImageNet 1k") == key_of("imagenet-1K")
    True
    """
    return re.sub(r"[^\w]|_", "", name.lower())


def find(wanted: str, known: Sequence[str], what: str, path: str) -> str:
    """Return the known name that was meant: the same, the same but for case and dashes, or the only one that has it.

    Args:
        wanted: as typed.
        known: what there is.
        what: what it is, for errors: ``column``.
        path: of the file.

    Raises:
        DataError: when none or several could be meant.

    >>> find("cars", ["ImageNet 1k", "Stanford Cars"], "column", "t.csv")
    'Stanford Cars'
    """
    if wanted in known:
        return wanted
    key = key_of(wanted)
    for fits in (
        [name for name in known if key_of(name) == key],
        [name for name in known if key and key in key_of(name)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise DataError(f"{path}: {wanted!r} could be {' or '.join(map(repr, fits[:6]))}; give the whole {what}")
    raise DataError(f"{path}: there is no {what} {wanted!r}{nearest(wanted, known)}")


def guess_named(words: Iterable[str], columns: Sequence[str]) -> str | None:
    """Return the first column that is called by one of some words, in the order of the words."""
    keys = {key_of(name): name for name in reversed(columns)}
    return next((keys[key_of(word)] for word in words if key_of(word) in keys), None)


def shots_in(name: str) -> tuple[str, float] | None:
    """Take the number of shots out of a column's name.

    >>> shots_in("cars_5shot"), shots_in("pets@10"), shots_in("Caltech-101")
    (('cars', 5.0), ('pets', 10.0), None)
    """
    found = _SHOTS.match(name)
    if found is None:
        return None
    task, shots = found["task"] or found["task2"], found["shots"] or found["shots2"]
    return task.strip(" _-"), float(shots)


def looks_like_accuracy(table: RawTable, column: str) -> bool:
    """Whether all its cells are numbers from 0 to 100, most are there, they vary, and its name is of no setting."""
    cells = [cell for cell in table.column(column) if not missing(cell)]
    if 2 * len(cells) < len(table.rows) or is_setting(column) or _NO_ACCURACY.search(column):
        return False
    if key_of(column) in {"line", "index", "column1"}:
        return False
    values = [number(cell) for cell in cells]
    if any(v is None or not 0 <= v <= 100 for v in values):
        return False
    return len({*values}) > 1


def is_setting(column: str) -> bool:
    """Whether a column's name is of size, data, compute or a hyper-parameter."""
    return _COVARIATE.search(column.lower().replace("_", " ")) is not None


def guess_covariates(table: RawTable, taken: Iterable[str]) -> tuple[str, ...]:
    """Return columns that are called like size, data, compute or a hyper-parameter, and vary without being names."""
    used, found = set(taken), []
    for column in table.columns:
        if column in used or not is_setting(column):
            continue
        cells = [cell for cell in table.column(column) if not missing(cell)]
        levels = set(cells)
        is_number = all(number(cell) is not None for cell in cells)
        if len(levels) > 1 and (is_number or len(levels) <= max(2, _LEVELS * len(cells))):
            found.append(column)
    return tuple(found)
