"""Questions that train runs of their own: on shuffled images, and from earlier pre-trained weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field, PositiveInt, WithJsonSchema

from ..strict import Name
from .base import QuestionSettings

__all__ = ["BlockShuffle", "Checkpoints", "Samples"]


def _known_block(block: Any) -> Any:
    if block == "*" or (type(block) is int and block > 0):
        return block
    raise ValueError(f"expected the side of a block in pixels, such as 8, or '*', got {block!r}")


_Block: TypeAlias = Annotated[
    Any,
    AfterValidator(_known_block),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "*"}]}),
]


class Samples(QuestionSettings):
    """What do the images look like, as they are and with their blocks shuffled?"""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "shows"})
    least_runs: ClassVar[int] = 0

    question: Literal["samples"]
    """The question's name."""
    images: Annotated[int, Field(ge=1, le=50)] = 6
    """Images of each target."""
    blocks: tuple[_Block, ...] = ()
    """Sides of blocks in pixels with which to show them shuffled, too; ``*`` shuffles all values."""
    source: bool = True
    """Show images of the pre-training, too."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that it only reads."""
        return 100.0


class BlockShuffle(QuestionSettings):
    """Are features reused, or only low-level statistics? Trains runs on images whose blocks are shuffled."""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "blocks", "seeds", "shuffle_seed"})

    question: Literal["block_shuffle"]
    """The question's name."""
    blocks: tuple[_Block, ...] | None = None
    """Sides of the blocks in pixels, all dividing that of the images; ``*`` moves every value, across channels, too;
    default: ``*`` and all that divide it."""
    seeds: PositiveInt | None = None
    """Train only so many runs of each start; default: one a seed."""
    shuffle_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the permutation, one for all images."""
    alike: tuple[Name, ...] = ()
    """Targets that look like the images of the pre-training, by the paper's account of where features are reused."""
    pictures: Annotated[int, Field(ge=0, le=24)] = 4
    """How many images of each target are shown shuffled."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that it only reads what the runs recorded."""
        return 200.0


class Checkpoints(QuestionSettings):
    """From which checkpoint of the pre-training should one start? Trains runs from earlier ones."""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "epochs", "seeds"})

    question: Literal["checkpoints"]
    """The question's name."""
    epochs: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=2)] | None = None
    """Epochs of the pre-training after which to start, 0 being its random weights; default: all that are recorded."""
    seeds: PositiveInt | None = None
    """Train only so many runs from each; default: one a seed."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that it only reads what the runs recorded."""
        return 200.0
