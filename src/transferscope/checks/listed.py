"""Every check there is, in the order in which they are run, and how one is run."""

from __future__ import annotations

import time
import unittest
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import TransferscopeError
from . import of_data, of_function, of_numbers, of_weights
from .subject import Failed, Skipped, Subject

__all__ = ["CHECKS", "Check", "CheckFailedError", "Checked"]

Status: TypeAlias = Literal["passed", "failed", "skipped"]

CHECKS: tuple[Callable[[Subject], str], ...] = (
    of_function.eval_mode,
    of_function.repeatable,
    of_function.forward_leaves_state,
    of_function.batches,
    of_function.float64,
    of_function.tied,
    of_weights.modules,
    of_weights.round_trip,
    of_weights.ends,
    of_weights.no_barrier,
    of_weights.apart,
    of_weights.one_module,
    of_weights.unmoved,
    of_weights.soup,
    of_numbers.cka_of_itself,
    of_numbers.cka_of_shuffled,
    of_numbers.gradient,
    of_numbers.hessian,
    of_numbers.spectrum,
    of_numbers.ridge,
    of_function.label_range,
    of_function.pixels,
    of_data.labels,
    of_data.normalisation,
    of_data.recalibrated,
)


class CheckFailedError(TransferscopeError, AssertionError):
    """A check found something wrong."""


@dataclass(frozen=True)
class Checked:
    """What came out of a check.

    Attributes:
        check_name: which.
        status: ``passed``, ``failed`` or ``skipped``.
        reason: what was seen, what is wrong, or why it does not apply; one line.
        seconds: how long it took.
        exception: what was raised, where the check itself broke down; else ``None``.
    """

    check_name: str
    status: Status
    reason: str
    seconds: float
    exception: BaseException | None = None


@dataclass(frozen=True, eq=False)
class Check:
    """One check of one network; a test runner calls it, which passes, raises, or skips.

    Attributes:
        subject: what is checked.
        function: the check.
    """

    subject: Subject
    function: Callable[[Subject], str]

    @property
    def name(self) -> str:
        """Name of the check."""
        return self.function.__name__

    @property
    def about(self) -> str:
        """What it sees to, in a sentence."""
        return (self.function.__doc__ or "").split("\n")[0]

    def __str__(self) -> str:
        return self.name

    def run(self) -> Checked:
        """Run it; nothing that goes wrong is raised."""
        begun = time.perf_counter()

        def came_out(status: Status, reason: object, exception: BaseException | None = None) -> Checked:
            line = " ".join(str(reason).split())
            return Checked(self.name, status, line, time.perf_counter() - begun, exception)

        try:
            return came_out("passed", self.function(self.subject))
        except Failed as e:
            return came_out("failed", e)
        except Skipped as e:
            return came_out("skipped", e)
        except Exception as e:  # a module is anybody's code, and all checks are to be run
            return came_out("failed", f"broke down: {type(e).__name__}: {e}", e)

    def __call__(self) -> None:
        """Run it as a test.

        Raises:
            CheckFailedError: what is wrong.
            unittest.SkipTest: why it does not apply, which pytest takes for a skip.
        """
        found = self.run()
        if found.status == "skipped":
            raise unittest.SkipTest(found.reason)
        if found.status == "failed":
            raise CheckFailedError(f"{found.check_name}: {found.reason}") from found.exception
