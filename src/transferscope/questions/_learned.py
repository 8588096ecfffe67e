"""The networks that a claim about a kind rests on: those that learned something."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ..evidence.guard import Witness
from ._sides import Named

__all__ = ["as_witnesses", "of_kind", "those_that_learned"]

Thing = TypeVar("Thing")
Some = TypeVar("Some", bound=Named)


def those_that_learned(every: Iterable[Thing], unfit: Callable[[Thing], object]) -> list[Thing]:
    """Return those that learned something; all where none did: they decide nothing then, and the reason is said.

    Args:
        every: networks, or pairs or paths between them.
        unfit: says what is wrong with one, nothing where it learned something.

    >>> those_that_learned(["ok", "diverged"], lambda one: one == "diverged")
    ['ok']
    >>> those_that_learned(["diverged"], lambda one: one == "diverged")
    ['diverged']
    """
    found = list(every)
    return [one for one in found if not unfit(one)] or found


def of_kind(networks: Sequence[Some], kind: str) -> list[Some]:
    """Return the networks of a kind that learned something (:func:`those_that_learned`).

    >>> class Network(Witness): group = ""
    >>> networks = [Network("a", "P-T"), Network("b", "P-T", "diverged at step 3"), Network("c", "RI-T")]
    >>> [one.label for one in of_kind(networks, "P-T")]
    ['a']
    """
    return those_that_learned((one for one in networks if one.role == kind), lambda one: one.unfit)


def as_witnesses(networks: Iterable[Named], witnesses: Iterable[Witness]) -> tuple[Witness, ...]:
    """Return what a judge is to know: the networks that a number rests on, and the pre-trainings.

    Args:
        networks: those that the number rests on.
        witnesses: what is known of the runs of a study, and of the pre-trainings they are from.

    >>> as_witnesses([], [Witness("P-T 0", "P-T"), Witness("the pre-training", "P")])
    (Witness(label='the pre-training', role='P', unfit='', condition=''),)
    """
    of = (Witness(one.label, one.role, one.unfit) for one in networks)
    return (*of, *(one for one in witnesses if one.role == "P"))
