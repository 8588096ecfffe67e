"""How a study asks about similarity: settings, steps, answer and words."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..base import (
    Ends,
    Granularity,
    Question,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["SimilarityQuestion"]


class SimilarityQuestion(Question):
    """Do two networks compute the same features?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2
    headless: ClassVar[bool] = True

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Feature similarity",
        asks="Do two networks compute the same features?",
        rows="Neyshabur et al. 2020, Tables 1 and 7",
        how=(
            "Linear CKA with the unbiased HSIC₁ estimator over minibatches: HSIC₁(K, L), HSIC₁(K, K) and "
            "HSIC₁(L, L) are summed over the batches in float64 and divided once; nothing is clamped, so "
            "unrelated features scatter around zero. Features are the flattened outputs of each module on the "
            "same test images.",
            "Each pair of networks has one number, its mean CKA over modules without the head. Networks are the "
            "sample: intervals leave out one network at a time, with all its pairs, and one batch of images at a "
            "time; the pre-trained network is given. A verdict needs three networks of each kind that learned "
            "something.",
        ),
        caption=(
            "CKA of each module with itself by kind of pair; below, of every module with every module of the other "
            "network, for the first pair of a kind, of four kinds at most."
        ),
    )

    question: Literal["similarity"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    modules: Granularity = "stage"
    """Which modules are compared."""
    only: tuple[str, ...] = ()
    """Compare only these modules, by name; default: all."""
    pooled: bool = False
    """Average features over positions instead of flattening them."""
    batch: Annotated[int, Field(ge=4)] = 64
    """Images a batch of the estimator."""
    images: Annotated[int, Field(ge=4)] | None = 2000
    """Use at most this many test images."""
    source: bool = True
    """Compare with the pre-trained weights, too."""

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return those that are compared."""
        return {"only": self.only}

    def answer(self, inputs: Inputs) -> Result:
        """Compare features of all networks, and of the pre-trained one."""
        from .measure import similarity

        solutions, net = inputs.solutions(self.weights), inputs.net
        nets = [net] * len(solutions)
        if (source := inputs.source()) is not None:
            solutions, nets = [source[0], *solutions], [source[1], *nets]
        modules: Any = self.only or self.modules
        head = set(net.head_tensors())
        if headless := [s.label for s in solutions if not head <= s.params.keys()]:
            inputs.note("head", f"{', '.join(headless)}: no final layer; features are compared without it")
            if not self.only:
                modules = [m.name for m in net.modules(self.modules) if not head >= set(m.tensors)]
            # The forward pass wants one, whatever it is.
            solutions = [
                dataclasses.replace(s, params={**n.params(), **s.params})
                for n, s in zip(nets, solutions, strict=True)
            ]
        return similarity(
            nets,
            solutions,
            inputs.tests(self.images)[inputs.targets[0]],
            modules=modules,
            pooled=self.pooled,
            batch=self.batch,
            witnesses=inputs.witnesses(),
            device=inputs.device,
            progress=inputs.progress,
        )
