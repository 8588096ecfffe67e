"""Captions as numbers: words of a small vocabulary, made of the captions themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError

__all__ = ["PADDING", "UNKNOWN", "Vocabulary", "words_of"]

PADDING, UNKNOWN = 0, 1
"""Tokens of no word: after the end of a caption, and of a word that the vocabulary has not."""

_WORD = re.compile(r"[^\W_]+")


def words_of(caption: str) -> list[str]:
    """Return the words of a caption in lower case, without punctuation.

    >>> words_of("A Tea-pot, red!")
    ['a', 'tea', 'pot', 'red']
    """
    return _WORD.findall(caption.casefold())


@dataclass(frozen=True)
class Vocabulary:
    """The words that have a token of their own, the most frequent first.

    Attributes:
        words: the word of token i + 2; 0 is no word, 1 one that is not known.
        length: tokens of a caption; longer ones are cut.

    >>> vocabulary = Vocabulary.of(["a red cup", "a blue cup"])
    >>> vocabulary.words, vocabulary.tokens(["a green cup"]).tolist()
    (('a', 'cup', 'blue', 'red'), [[2, 1, 3]])
    """

    words: tuple[str, ...]
    length: int

    @classmethod
    def of(cls, captions: Iterable[str], *, most: int = 8192, longest: int = 32) -> Vocabulary:
        """Take the words of captions.

        Args:
            captions: those of the training images.
            most: words at most.
            longest: tokens of a caption at most.

        Raises:
            DataError: when no caption has a word.
        """
        counts: Counter[str] = Counter()
        length = 0
        for words in map(words_of, captions):
            counts.update(words)
            length = max(length, len(words))
        if not counts:
            raise DataError("no caption has a word in it; image-text pre-training takes captions")
        first = sorted(counts, key=lambda word: (-counts[word], word))[:most]
        return cls(tuple(first), min(length, longest))

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return len(self.words) + 2

    def tokens(self, captions: Sequence[str]) -> np.ndarray:
        """Return the tokens of captions, int64 ``(n, length)``, filled up with 0 behind."""
        place = {word: i + 2 for i, word in enumerate(self.words)}
        found = np.full((len(captions), self.length), PADDING, np.int64)
        for row, caption in zip(found, captions, strict=True):
            known = [place.get(word, UNKNOWN) for word in words_of(caption)][: self.length]
            row[: len(known)] = known
        return found
