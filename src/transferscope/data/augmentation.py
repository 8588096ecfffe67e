"""What is varied in training images, as plain settings; :mod:`transferscope.data.augment` does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import UsageError

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """How training images are varied; every image of every step has its own draw.

    The defaults are the usual ones for photographs (Neyshabur et al. 2020, Appendix A: random crop and left-right
    flip). For 32×32 images ``crop="pad"`` is usual; for block-shuffled images, use :meth:`off` (Neyshabur et al.
    2020, §3.1).

    Attributes:
        crop: "resized" cuts a box of random area and shape and scales it to the image's size, "pad" moves the image
            by up to ``padding`` pixels each way and fills with black, "none" leaves it where it is.
        scale: least and largest area of a resized box, as a share of the image.
        ratio: least and largest width over height of a resized box.
        padding: how many pixels "pad" moves at most.
        flip: whether half of the images are mirrored left-right.
        mixup: α of mixup (Zhang et al. 2018): every image is mixed with another one of its batch, with a share drawn
            from Beta(α, α); 0 for none.

    Raises:
        UsageError: naming the field that cannot be right.
    """

    crop: Literal["none", "pad", "resized"] = "resized"
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (0.75, 4 / 3)
    padding: int = 4
    flip: bool = True
    mixup: float = 0.0

    def __post_init__(self) -> None:
        checks = {
            "crop": (self.crop in ("none", "pad", "resized"), "'none', 'pad' or 'resized'"),
            "scale": (
                len(self.scale) == 2 and 0 < self.scale[0] <= self.scale[1] <= 1,
                "two shares of the area, 0 < least ≤ largest ≤ 1",
            ),
            "ratio": (
                len(self.ratio) == 2 and 0 < self.ratio[0] <= self.ratio[1] < float("inf"),
                "two numbers, 0 < least ≤ largest",
            ),
            "padding": (self.padding >= 0, "a number of pixels, 0 or more"),
            "mixup": (0 <= self.mixup < float("inf"), "0 (none) or a positive number such as 0.2"),
        }
        for field, (right, wanted) in checks.items():
            if not right:
                raise UsageError(f"{field}: {getattr(self, field)!r} is wrong; expected {wanted}")

    @classmethod
    def off(cls) -> Augmentation:
        """Images as they are.

        >>> Augmentation.off().moves
        False
        """
        return cls(crop="none", flip=False)

    @property
    def moves(self) -> bool:
        """Whether pixels change place (mixup does not move them)."""
        return self.flip or (self.crop == "pad" and self.padding > 0) or self.crop == "resized"
