"""What drawn pictures show, without drawing them: their objects, findings and colours."""

from __future__ import annotations

import numpy as np

from ..rng import numpy_generator
from . import synthetic
from .synthetic import _draws, _others, _palette, _things, _xray

__all__ = ["attributes", "captions"]

_CHUNK = 128
"""Pictures drawn from one stream, as :func:`~transferscope.data.synthetic.render` draws them."""

_GREY = ("quickdraw", "xray")
_STYLES = {"source": "photo", "photo": "photo", "clipart": "clip art", "quickdraw": "drawing", "xray": "chest x ray"}


def attributes(domain: str, count: int, seed: int, imbalance: float = 0.0) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the labels that :func:`~transferscope.data.synthetic.render` gives pictures, of both kinds.

    The labels come first in the stream of a picture, so that nothing need be drawn.

    Args:
        domain: one of ``synthetic.DOMAINS``.
        count: how many pictures, at most 128 (those of one stream).
        seed: names the stream.
        imbalance: of object labels.

    Returns:
        Objects int64 ``(count,)``, or for ``xray`` findings uint8 ``(count, 5)``; and colours int64 ``(count,)``,
        ``None`` where pictures are grey.

    >>> objects, colours = attributes("clipart", 3, seed=7)
    >>> [bool((of == synthetic.render("clipart", 3, 8, 7, labels=kind)[1]).all())
    ...  for of, kind in ((objects, "object"), (colours, "colour"))]
    [True, True]
    """
    rng = numpy_generator("synthetic", domain, seed, 0)
    if domain == "xray":
        return _xray.draw_findings(rng, _CHUNK)[:count], None
    shapes = _others.SHAPES if domain == "source" else _things.SHAPES
    share = np.cumsum((1.0 - imbalance) ** (np.arange(len(shapes)) / (len(shapes) - 1)))
    objects = np.searchsorted(share, rng.random(_CHUNK) * share[-1], side="right")[:count]
    return objects, None if domain in _GREY else _palette.draw_hues(rng, _CHUNK)[0][:count]


def captions(domain: str, objects: np.ndarray, colours: np.ndarray | None) -> list[str]:
    """Say of each picture what it shows, in which colour and style.

    >>> captions("clipart", np.array([0]), np.array([1]))
    ['a clip art of an orange car']
    """
    names, hues, style = synthetic.classes(domain), tuple(_draws.HUES), _STYLES[domain]
    if objects.ndim == 2:
        shown = [" and ".join(n for n, there in zip(names, row, strict=True) if there) for row in objects]
        return [f"a {style} with {of or 'no finding'}" for of in shown]
    of = [names[k] for k in objects] if colours is None else [
        f"{hues[c]} {names[k]}" for k, c in zip(objects, colours, strict=True)
    ]  # fmt: skip
    return [f"a {style} of {'an' if thing[0] in 'aeiou' else 'a'} {thing.replace('_', ' ')}" for thing in of]
