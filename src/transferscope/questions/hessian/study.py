"""How a study asks about hessian: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ..base import (
    OfSomeRuns,
    Weights,
)
from ..words import Words

if TYPE_CHECKING:
    from ...models.network import Network
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["HessianQuestion"]

_PRODUCT = 4.0
"""A product with the Hessian in forward passes."""


class HessianQuestion(OfSomeRuns):
    """How sharp is the minimum: the largest eigenvalues of the loss's Hessian, and their density?"""

    files: ClassVar[int | None] = 1

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Curvature",
        asks="How sharp is the minimum: what are the largest eigenvalues of the loss's Hessian?",
        rows="Liu et al. 2019, §3, Fig. 3a",
        how=(
            "Lanczos with full reorthogonalisation on exact products with the Hessian of the mean loss over "
            "the same fixed images for all networks, without weight decay, until the estimated error of every "
            "eigenvalue is under the stated tolerance. Batch-norm statistics are held fixed. The table has the "
            "residual ‖Hv − λv‖ of each, as Lanczos estimates it; neither it nor the error is given as less "
            "than what rounding leaves open. Which images are drawn depends on the question, so the loss "
            "differs a little from that under other questions.",
            "What is compared is one number a network: the largest eigenvalue, and the sum of the sizes of those "
            "computed. Networks are the sample; a verdict needs three of each kind that learned something.",
        ),
        caption="The largest eigenvalues in order, and the density of all of them where it was asked for.",
    )

    question: Literal["hessian"]
    """The question's name."""
    weights: Weights = "final"
    """Which weights of each run: where it started, those best on validation images, or the final ones."""
    k: Annotated[int, Field(ge=1, le=1000)] = 20
    """How many eigenvalues."""
    which: Literal["magnitude", "algebraic"] = "magnitude"
    """The largest in magnitude, or the largest."""
    module: str | None = None
    """Only of the parameters of this module, by name; default: of all."""
    part: Literal["train", "test"] = "train"
    """Images of which part the loss is that of."""
    images: PositiveInt | None = 256
    """How many of them, the same for all networks."""
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    """Relative error of an eigenvalue at which it is taken as found."""
    probes: Annotated[int, Field(ge=0, le=100)] = 0
    """Random vectors for the density of all eigenvalues; 0 leaves it out, 4 are usual."""
    steps: Annotated[int, Field(ge=1, le=1000)] = 60
    """Lanczos steps of each of these vectors."""

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return the one it is about."""
        return {} if self.module is None else {"module": (self.module,)}

    def refuses(self, net: Network) -> str:
        """Say which operation of the network has no second derivative."""
        from ...probes.twice import no_second_derivative

        return no_second_derivative(net)

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the products it usually takes."""
        products = 6 * self.k + self.probes * self.steps
        return _PRODUCT * products * networks * self.seen(images)

    def answer(self, inputs: Inputs) -> Result:
        """Find the top of the Hessian's spectrum at all networks."""
        from .measure import hessian

        return hessian(
            inputs.net,
            inputs.solutions(self.weights),
            inputs.part(self.part),
            self.k,
            which=self.which,
            module=self.module,
            examples=self.images,
            tolerance=self.tolerance,
            probes=self.probes,
            steps=self.steps,
            witnesses=inputs.witnesses(),
            device=inputs.device,
            progress=inputs.progress,
        )
