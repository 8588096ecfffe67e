"""What is raised where a score has no meaning: a reason that reads on after "not defined because"."""

from __future__ import annotations

from ...errors import UsageError

__all__ = ["NotDefinedError"]


class NotDefinedError(UsageError):
    """A score that does not exist for these labels, features or predictions.

    Args:
        reason: why, as it follows ``not defined because``.

    >>> error = NotDefinedError("an image may have several labels")
    >>> str(error), error.reason
    ('not defined because an image may have several labels', 'an image may have several labels')
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not defined because {reason}")
