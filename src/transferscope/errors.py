"""Every error a person can meet, each one line: what is wrong, where, what would be right.

::

    TransferscopeError
    ├── UsageError        an argument of a function or of the command line
    │   └── TooFewError   fewer networks than a question takes
    ├── SpecError         a place in a study file or a spec string
    ├── DataError         images, labels, folders, lists
    ├── ModelError        an unknown network, or one that cannot do what is asked of it
    ├── CheckpointError   a file of weights
    └── StoreError        a run folder: not ours, not writable, full, of another version

The command line prints the message after ``error:`` and exits with 2; nothing else is caught there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = [
    "CheckpointError",
    "DataError",
    "ModelError",
    "SpecError",
    "StoreError",
    "TooFewError",
    "TransferscopeError",
    "UsageError",
    "nearest",
]


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class TransferscopeError(Exception):
    r"""Anything this package refuses, with a message that fits on one line.

    Names from files may hold line ends and what terminals take for commands; these are shown as escapes.

    >>> str(TransferscopeError("no module 'a\nb'"))
    "no module 'a\\nb'"
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(_CONTROL.sub(lambda found: repr(found[0])[1:-1], str(message)))


class UsageError(TransferscopeError, ValueError):
    """An argument that cannot be right."""


class TooFewError(UsageError):
    """Fewer networks than a question takes; in a study, where runs diverged, it is left unanswered."""


class SpecError(TransferscopeError):
    """A place in a study file or spec string that cannot be right.

    Args:
        where: dotted place, e.g. ``targets.clipart.recipe.lr``.
        message: what is wrong and what would be right.
    """

    def __init__(self, where: str, message: str) -> None:
        self.where = where
        super().__init__(f"{where}: {message}" if where else message)


class DataError(TransferscopeError):
    """Images or labels that are missing, unreadable or contradict each other."""


class ModelError(TransferscopeError):
    """A network that is unknown or cannot do what is asked of it."""


class CheckpointError(TransferscopeError):
    """A file of weights that cannot be read, or does not fit the network."""


class StoreError(TransferscopeError):
    """A run folder that is not ours, cannot be written, or is of another version."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant.

    Args:
        name: what was given.
        known: the names that exist.

    Returns:
        ``"; did you mean 'x'?"``, or the list of known names when nothing is near.

    >>> nearest("recpie", ["recipe", "seeds"])
    "; did you mean 'recipe'?"
    >>> nearest("zzz", ["b", "a"])
    '; known: a, b'
    >>> nearest("nope", ["opt"])
    '; known: opt'
    """
    names = sorted(set(known))
    lowered = {n.lower(): n for n in reversed(names)}
    # Of two letters one that is right is enough; of more, half of them are in common by chance.
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5 if len(name) <= 2 else 0.6)
    if close:
        return f"; did you mean {lowered[close[0]]!r}?"
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"; known: {shown}" if names else ""
