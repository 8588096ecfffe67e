"""Images by a short string: ``SCHEME:PLACE?OPTION=VALUE&…``.

=================================== ============================================================================
``folder:PATH``                     a folder for each class, with or without ``train``/``val``/``test``
``domainnet:ROOT?domain=clipart``   DomainNet's lists; ``domain=real+clipart`` for a union
``chexpert:ROOT``                   CheXpert's CSV files; ``&uncertain=ones&split=official``
``domains:ROOT?domain=photo``       a folder for each domain and in it for each class; ``domain=photo+sketch``
``imagefolder:ROOT``                Hugging Face's image folders: ``metadata.csv`` or ``metadata.jsonl``
``hfparquet:PLACE``                 a parquet file, or a folder of them, as Hugging Face writes images
``torchvision:CIFAR10?root=PATH``   a data set of torchvision; ``&download=true``
``npz:FILE``                        NumPy arrays ``x``, ``y`` or ``x_train``, ``y_train``, …; MedMNIST's files, too
``synthetic:photo``                 drawn pictures; ``synthetic:photo+clipart?train=2000&test=1000``
=================================== ============================================================================

All take ``size``, ``channels`` (1, 3), ``fit`` (``crop``, ``stretch``), ``samples``, ``val``, ``keep``,
``class_count`` and ``label_noise``; ``turn`` (90, 180, 270 degrees), ``shuffle`` (side of the blocks, or ``*`` for
all values) and ``shuffle_seed``, for which decoded images are not decoded again. A question mark belongs to the place
unless what follows are options.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, SpecError, nearest
from ..progress import Progress, silent
from .cache import Prepared, default_cache, prepare
from .decode import Form
from .imageset import ImageSet, ImageSplits, Skipped
from .listing import Listing, Parts
from .look import looked_at
from .names import readable, several
from .sources.base import Source

__all__ = ["SCHEMES", "load_images", "parse"]

SCHEMES = (
    "folder",
    "domains",
    "imagefolder",
    "hfparquet",
    "domainnet",
    "chexpert",
    "torchvision",
    "npz",
    "synthetic",
)

_OPTIONS = re.compile(r"\?([A-Za-z_]+=[^&?]*(?:&[A-Za-z_]+=[^&?]*)*)$")


def parse(spec: str, base: Path | None = None) -> Source:
    """Understand a spec string, without looking at what it names.

    Args:
        spec: see the module's docstring.
        base: where relative paths start, e.g. the folder of a study file; by default the current folder.

    Returns:
        A frozen dataclass of the scheme: :class:`~.sources.folder.Folder`, …; its ``spec`` is the string in one
        spelling, its ``digest`` identifies what is asked for.

    Raises:
        SpecError: an unknown scheme, option or value, with the nearest known one.

    >>> parse("folder:~/my pictures?val=0.2&size=64").spec
    'folder:~/my pictures?size=64&val=0.2'
    >>> parse("foldr:x")
    Traceback (most recent call last):
    transferscope.errors.SpecError: foldr:x: unknown scheme 'foldr'; did you mean 'folder'?
    """
    scheme, colon, rest = spec.strip().partition(":")
    if not colon and scheme in SCHEMES:
        raise SpecError(spec, f"what follows the scheme is missing; expected {scheme}:PLACE")
    if scheme not in SCHEMES:
        hint = nearest(scheme, SCHEMES)
        if not colon and ("/" in spec or (spec and hint.startswith("; known"))):
            raise SpecError(spec, f"a path needs its scheme; did you mean 'folder:{spec}'?")
        raise SpecError(spec, f"unknown scheme {scheme!r}{hint}")
    kind = _kind(scheme)
    found = _OPTIONS.search(rest)
    place = rest[: found.start()] if found else rest
    options = [pair.partition("=")[::2] for pair in found[1].split("&")] if found else []
    given: dict[str, Any] = {}
    extra: list[tuple[str, str]] = []
    known = {f.name: f for f in fields(kind) if f.name not in ("place", "extra")}
    hints = typing.get_type_hints(kind)
    for name, text in options:
        if name in given or name in dict(extra):
            raise SpecError(spec, f"option {name!r} is given twice")
        if name in known:
            given[name] = _value(spec, name, text, hints[name])
        elif "extra" in hints:
            extra.append((name, text))
        else:
            raise SpecError(spec, f"unknown option {name!r}{nearest(name, known)}")
    if extra:
        given["extra"] = tuple(sorted(extra))
    if base is not None:
        if kind.on_disk and place:
            place = str(base / Path(place).expanduser())
        if given.get("root"):
            given["root"] = str(base / Path(given["root"]).expanduser())
    return kind(place, **given)


def load_images(
    spec: str | Source,
    *,
    size: int | None = None,
    channels: int | None = None,
    samples: int | None = None,
    seed: int = 2020,
    parts: Parts | None = None,
    cache: str | Path | None = None,
    skip_unreadable: bool = False,
    workers: int | None = None,
    look: bool = False,
    progress: Progress = silent,
) -> ImageSplits:
    """Load the images of a source, decoded once and then kept in a cache.

    Images are decoded and resized (:mod:`.decode`) the first time and read from the cache from then on; sets above
    256 MiB are memory maps and never in memory as a whole. What is sampled away is not decoded.

    Args:
        spec: a string, see the module's docstring, or what :func:`parse` makes of it.
        size: height and width to bring images to, before ``?size=``; by default they must all have one and keep it.
        channels: 1 (grey) or 3 (RGB, the default), before ``?channels=``.
        samples: images of train and of test to use at random, before ``?samples=``; by default all. Neyshabur et al.
            2020, Appendix A has 50,000.
        seed: of random splits and samples.
        parts: what the source lists with this seed, where that is known; then it is not listed again.
        cache: the cache's folder; by default ``$TRANSFERSCOPE_CACHE`` or the user's cache folder.
        skip_unreadable: leave unreadable images out and list them in ``skipped`` instead of raising.
        workers: images decoded at once; by default one a core.
        look: go through the pixels and say in ``remarks`` which images are in two parts or show next to nothing.
        progress: called with the number of images decoded; not at all when they come from the cache.

    Returns:
        Train, validation (may be empty) and test images.

    Raises:
        SpecError: a spec that cannot be right.
        DataError: images, labels or folders that cannot be used.

    >>> images = load_images("synthetic:clipart?train=24&test=12&val=6", size=16, cache=getfixture("tmp_path"))
    >>> images.train.images.shape, len(images.val), len(images.test), images.classes == images.test.classes
    ((24, 16, 16, 3), 6, 12, True)
    """
    source = _with(parse(spec) if isinstance(spec, str) else spec, size=size, channels=channels, samples=samples)
    parts = source.listed(seed) if parts is None else parts
    folder = Path(cache).expanduser() if cache is not None else default_cache()
    form = _form(source, parts)
    source.check_size(form.height, form.width)
    listings = {"train": parts.train, "val": parts.val, "test": parts.test}
    total, done = sum(map(len, listings.values())), 0
    prepared: dict[str, Prepared] = {}
    for name, listing in listings.items():
        told = _from(progress, done, total)
        prepared[name] = prepare(listing.pixels, form, cache=folder, workers=workers, progress=told)
        done += len(listing)
    skipped = {name: _skipped(listings[name], prepared[name]) for name in listings}
    if any(skipped.values()) and not skip_unreadable:
        _refuse_unreadable(source, folder, [s for of in skipped.values() for s in of], total)
    remarks = parts.remarks
    if look:
        remarks += looked_at(listings, prepared)
    said = [source.spec, _described(form), *source.seen.described, *parts.notes, *parts.remarks]
    settings = "; ".join(said)
    train, val, test = (
        _image_set(parts, name, listings[name], _seen(source, prepared.pop(name)), skipped[name], settings)
        for name in listings
    )
    return ImageSplits(train, val, test, source.spec, remarks)


def _kind(scheme: str) -> type[Source]:
    from .sources.chexpert import CheXpert
    from .sources.domainnet import DomainNet
    from .sources.domains import Domains
    from .sources.folder import Folder
    from .sources.hfparquet import HfParquet
    from .sources.imagefolder import ImageFolder
    from .sources.npz import Npz
    from .sources.synthetic import Synthetic
    from .sources.torchvision_set import Torchvision

    kinds: tuple[type[Source], ...] = (
        *(Folder, Domains, ImageFolder, HfParquet),
        *(DomainNet, CheXpert, Torchvision, Npz, Synthetic),
    )
    return {kind.scheme: kind for kind in kinds}[scheme]


def _value(spec: str, name: str, text: str, hint: Any) -> Any:
    """An option's text as the type of its field."""
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    try:
        return _convert(text, hint)
    except (ValueError, KeyError):
        if choices and isinstance(choices[0], str):
            raise SpecError(spec, f"{name}={text!r}{nearest(text, choices)}") from None
        raise SpecError(spec, f"{name}={text!r} must be {' or '.join(_wanted(hint))}") from None


def _convert(text: str, hint: Any) -> Any:
    kinds = _kinds(hint)
    for kind in kinds[:-1]:
        with suppress(ValueError, KeyError):
            return _convert(text, kind)
    hint = kinds[-1]
    if typing.get_origin(hint) is typing.Literal:
        return {str(choice): choice for choice in typing.get_args(hint)}[text]
    if typing.get_origin(hint) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if hint is bool:
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
    return hint(text)


def _wanted(hint: Any) -> Iterator[str]:
    """What an option's text may be, in words."""
    for kind in _kinds(hint):
        if typing.get_origin(kind) is typing.Literal:
            yield from map(str, typing.get_args(kind))
        else:
            yield {float: "a number", bool: "true or false"}.get(kind, "a whole number")


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types that a value may have, ``None`` left out: that is an option which is not given."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return tuple(kind for kind in typing.get_args(hint) if kind is not type(None))
    return (hint,)


def _from(progress: Progress, before: int, whole: int) -> Progress:
    """Progress of a part as progress of the whole."""

    def told(done: int, total: int, unit: str) -> None:
        progress(before + done, whole, unit)

    return told


def _with(source: Source, **given: Any) -> Source:
    return replace(source, **{name: value for name, value in given.items() if value is not None})


def _form(source: Source, parts: Parts) -> Form:
    size = source.size if source.size is not None else source.default_size
    if size is not None:
        return Form(size, size, source.channels, source.fit)
    height, width = parts.train.pixels.size()
    return Form(height, width, source.channels, source.fit, exact=True)


def _described(form: Form) -> str:
    colours = "RGB" if form.channels == 3 else "grey"
    how = (
        "as they are"
        if form.exact
        else {"crop": "shorter side resized, middle cut out", "stretch": "stretched"}[form.fit]
    )
    return f"{form.height}×{form.width} {colours}, {how}"


def _seen(source: Source, prepared: Prepared) -> Prepared:
    """The decoded images as the source wants to look at them."""
    images = source.seen(prepared.images)
    return prepared if images is prepared.images else replace(prepared, images=images, digest="")


def _skipped(listing: Listing, prepared: Prepared) -> tuple[Skipped, ...]:
    return tuple(
        Skipped(readable(listing.pixels.label_of(f.position) or str(listing.ids[f.position])), f.reason)
        for f in prepared.failures
    )


def _refuse_unreadable(source: Source, folder: Path, skipped: list[Skipped], total: int) -> None:
    """Name the first few, and write all of them to a file."""
    where = folder / f"unreadable-{source.digest}.txt"
    text = "".join(f"{s.path}\t{s.reason}\n" for s in skipped)
    try:
        where.write_text(text, encoding="utf-8", errors="surrogateescape")
        listed = f"all of them: {where}"
    except OSError as e:
        listed = f"the list of all could not be written to {where} ({e.strerror})"
    first = several((f"{s.path} ({s.reason})" for s in skipped), shown=3)
    raise DataError(
        f"{len(skipped)} of {total} images cannot be read: {first}; {listed}; "
        "mend or remove them, or leave them out (skip_unreadable: true under images, --skip-unreadable)"
    )


def _image_set(
    parts: Parts, name: str, listing: Listing, prepared: Prepared, skipped: tuple[Skipped, ...], settings: str
) -> ImageSet:
    labels = listing.labels[prepared.kept]
    if skipped and name != "val" and (not len(labels) or (labels.ndim == 1 and len(np.unique(labels)) < 2)):
        raise DataError(
            f"{parts.name}: with {len(skipped)} unreadable images left out, {len(labels)} {name} images of "
            "fewer than two classes are left"
        )
    ids = listing.ids[prepared.kept]
    said = None if listing.captions is None else listing.captions[prepared.kept]
    made = ImageSet(prepared.images, labels, parts.classes, ids, f"{parts.name} {name}", skipped, settings, said)
    return made.knowing(prepared.digest)
