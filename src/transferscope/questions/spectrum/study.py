"""How a study asks about spectrum: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from ..base import (
    Granularity,
    Question,
    Weights,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["SpectrumQuestion"]


class SpectrumQuestion(Question):
    """What are the singular values of the layers, and how many of them are near zero?"""

    files: ClassVar[int | None] = 1
    headless: ClassVar[bool] = True

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Spectrum of the layers",
        asks="What are the singular values of the layers, and how many of them are near zero?",
        rows="Neyshabur et al. 2020, App. C, Fig. 31–33; Sedghi et al. 2019",
        how=(
            "Every convolution is taken as the linear map from images to images that it is on its true input "
            "size, with circular padding: its kernel is Fourier-transformed and the block of each frequency "
            "decomposed. Stride, dilation and groups are exact. Matrices are decomposed as they are.",
            "A network has millions of singular values; they are counted under many thresholds. Σ‖W‖_F/‖W‖₂ "
            "and Π‖W‖₂ run over all layers that are not zero; ‖W‖_F is that of the map, the root of the sum of "
            "its squared singular values, which is √(output positions) times that of the kernel.",
            "The singular values of given weights are exact, so networks are the sample, one number each: the "
            "share of its values under the median of P-T, the mean of such shares over modules, and the sums. "
            "A verdict needs three networks of each kind that learned something.",
        ),
        caption="Singular values of the whole network and how many lie under a threshold; norms layer by layer.",
    )

    question: Literal["spectrum"]
    """The question's name."""
    weights: Weights = "final"
    """Which weights of each run: where it started, those best on validation images, or the final ones."""
    modules: Granularity = "layer"
    """Modules whose singular values are counted together."""
    zero_padding: bool = False
    """Measure the largest singular value of each convolution with its own zero padding, too (by Lanczos)."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that no image is passed."""
        return 300.0 * networks

    def answer(self, inputs: Inputs) -> Result:
        """Decompose the layers of all networks."""
        from .measure import spectrum

        return spectrum(
            inputs.net,
            inputs.solutions(self.weights),
            granularity=self.modules,
            zero_padding=self.zero_padding,
            witnesses=inputs.witnesses(),
            workers=inputs.threads,
            progress=inputs.progress,
        )
