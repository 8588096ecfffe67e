"""The words around what covariates add to upstream accuracy."""

from __future__ import annotations

from typing import Any

from ..words import View, Words

__all__ = ["PowerWords"]


class PowerWords:
    """Prediction power, on a page."""

    words = Words(
        "Prediction power of upstream accuracy",
        "Once upstream accuracy is known, what do size, data, compute and settings still explain, and which of them?",
        "Sedghi (slides), Abnar et al. 2022",
        (
            "The law of upstream accuracy is fitted without a fifth of the models, and what it leaves is predicted "
            "from the covariates by a linear part (ridge) and by boosted trees, fitted without the same fifth, "
            "three times. R² compares with the mean of the others, so it may be negative. Pre-trainings of a grid "
            "that differ in their seed alone are held out together; of a table, --group holds out whole families.",
            "A covariate's importance is what is lost when it is shuffled among the models held out. The interval "
            "of what covariates gain is over models (or groups) and takes held-out errors as independent; it is that "
            "of the better of both ways, so it is one of 97.5 %. Beside it "
            "stands the F-test of a linear part in the sample, how far covariates give each other (variance "
            "inflation), and, with --images, the part that test images make and nothing can explain.",
        ),
        "Held-out R² by upstream accuracy, by covariates, by both (left); importance of each covariate (right).",
    )

    def called(self) -> str:
        """Return the question's name."""
        return "prediction-power"

    def views(self, result: Any) -> tuple[View, ...]:
        """Return no further pictures."""
        return ()
