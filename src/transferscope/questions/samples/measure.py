"""What do the images look like?  Neyshabur et al. 2020, Fig. 1, Liu et al. 2019, Fig. 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...errors import UsageError
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Samples", "samples"]


@dataclass(frozen=True, eq=False)
class Samples(Result):
    """Some images under titles.

    Attributes:
        pictures: title → uint8 ``(k, h, w, c)``; sizes may differ between titles.
        labels: title → what each of them shows.
    """

    question: ClassVar[str] = "samples"
    cites: ClassVar[tuple[str, ...]] = ("Neyshabur et al. 2020, Fig. 1", "Liu et al. 2019, Fig. 1")

    pictures: dict[str, np.ndarray]
    labels: dict[str, tuple[str, ...]]

    def frame(self) -> pd.DataFrame:
        """Return one row an image: title, what it shows, size, mean and standard deviation of its values (0…255)."""
        import pandas as pd

        rows = []
        for title, images in self.pictures.items():
            _, height, width, channels = images.shape
            for i, (image, label) in enumerate(zip(images, self.labels[title], strict=True)):
                rows.append(
                    {
                        "title": title,
                        "image": i,
                        "label": label,
                        "height": height,
                        "width": width,
                        "channels": channels,
                        "mean": float(image.mean()),
                        "sd": float(image.std()),
                    }
                )
        return pd.DataFrame(rows)


def samples(pictures: Mapping[str, np.ndarray], labels: Mapping[str, Sequence[str]]) -> Samples:
    """Put some images side by side, a row a title.

    Args:
        pictures: title (a target, or a target with its blocks shuffled) → uint8 ``(k, h, w, c)``, c = 1 or 3, k ≥ 1.
        labels: title → what each of them shows, k names.

    Raises:
        UsageError: for no images, other shapes or types, or labels that do not fit them.

    >>> found = samples({"photo": np.zeros((2, 8, 8, 3), np.uint8)}, {"photo": ["cat", "dog"]})
    >>> found.findings()[0].text
    'photo: 2 images of 8×8 pixels, RGB: cat and dog; values 0 of 255 in the mean, standard deviation 0.'
    """
    if not pictures:
        raise UsageError("samples of no images; give at least one title with its images")
    for title, images in pictures.items():
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
            raise UsageError(
                f"{title}: images must be uint8 (k, h, w, 1 or 3), at least one; got {images.dtype} {images.shape}"
            )
        if title not in labels or len(labels[title]) != len(images):
            raise UsageError(f"{title}: {len(images)} images and {len(labels.get(title, ()))} labels; need one each")
    return Samples(
        {title: np.array(images) for title, images in pictures.items()},
        {title: tuple(map(str, labels[title])) for title in pictures},
    )
