"""A diagnosis as lines for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...models.heads import FitReport

if TYPE_CHECKING:
    from .measure import Diagnosis

__all__ = ["as_text"]

_MOST = 12


def as_text(found: Diagnosis) -> str:
    """Return what is in the file, how it goes with the network, and the command that would use it."""
    kinds = Counter(t.dtype for t in found.tensors)
    lines = [
        f"{found.path}",
        f"  file       {found.format}, {_bytes(found.size)}",
        f"  weights    {len(found.tensors)} tensors, {found.numbers:,} numbers, "
        + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()),
    ]
    if found.nested:
        lines.append(f"  place      {found.nested}")
    if found.others:
        lines.append("  also there " + ", ".join(f"{_top(other)} (--at {_top(other)})" for other in found.others))
    if found.prefix:
        lines.append(f"  prefix     {found.prefix} (taken off every name)")
    said = [f"{k} = {_short(v)}" for k, v in found.extra.items() if v not in ("null", "None")]
    if said:
        more = f", and {len(said) - _MOST} more" if len(said) > _MOST else ""
        lines.append(f"  beside     {', '.join(said[:_MOST])}{more}")
    if found.dropped:
        more = f", and {len(found.dropped) - _MOST} more" if len(found.dropped) > _MOST else ""
        lines.append(f"  not read   {', '.join(found.dropped[:_MOST])}{more}")
    lines += [f"  kept as    {count} tensors {what}" for what, count in found.done.items()]
    lines += _few("no numbers", _by_reason(found.unusable.items(), " "))
    bad = [f"{t.name}: {t.nonfinite:,} of {t.numbers:,}" for t in found.tensors if t.nonfinite]
    lines += _few("not finite", bad, "tensors")
    if found.fit is None:
        return "\n".join([*lines, "  network    none known fits; compare with one by --model NAME"])
    how = "looks like " if found.guessed else ""
    lines.append(f"  network    {how}{found.model} with {found.classes} outputs{found.input}: {_verdict(found)}")
    lines += [f"  images     {found.images}"] if found.images else []
    lines += [f"  note       {note}" for note in found.notes]
    lines.append(f"  fits       {len(found.fit.fits)} tensors")
    lines += _fit_lines(found.fit)
    lines += [f"  hint       it looks like {found.instead} (--model {found.instead})"] if found.instead else []
    return "\n".join([*lines, *([f"  use        {found.use}"] if found.use else [])])


def _verdict(found: Diagnosis) -> str:
    fit = found.fit
    if fit is not None and fit.complete:
        if fit.ambiguous:
            places = [f"--at {place.rstrip('.')}" for place in (fit.prefix, *fit.twins)]
            return f"fits in several places; choose one: {', '.join(places)}"
        return "fits by names and shapes, but has no numbers for it" if found.unusable else "fits"
    return "fits but for its head; leave that out with --head drop" if fit and fit.but_for_head else "does not fit"


def _fit_lines(fit: FitReport) -> list[str]:
    lines = [f"  found at   {fit.prefix} (taken off every name of the network)"] if fit.prefix else []
    lines += [f"  put before {fit.added} (before every name of the file)"] if fit.added else []
    lines += [f"  names      {fit.rule}: {len(fit.renamed)} tensors"] if fit.rule else []
    lines += [f"  second     {twin} (--at {twin.rstrip('.')})" for twin in fit.twins]
    lines += [f"  made       {sentence}" for sentence in (*fit.made, *fit.formats)]
    listed = (
        ("renamed", [f"{a} → {b}" for a, b in fit.renamed if a != b]),
        ("set to 0", [f"{len(fit.filled)} counters of batch norm, which the file lacks"] if fit.filled else []),
        ("tied", [f"{a} = {b}, as in the network" for a, b in fit.aliases]),
        ("missing", list(fit.missing)),
        ("left over", list(fit.left_over)),
        ("shape", [f"{m.name}: {m.in_file} in the file, {m.in_network} in the network" for m in fit.mismatched]),
        ("numbers", _by_reason(fit.unlike, ": ")),
        ("beside it", list(fit.aside)),
    )
    for what, names in listed:
        lines += _few(what, names)
    hints = [fit.depth, f"its position embedding is for images of {fit.size} pixels (--size)" if fit.size else ""]
    return lines + [f"  hint       {hint}" for hint in hints if hint]


def _by_reason(found: Iterable[tuple[str, str]], link: str) -> list[str]:
    """Say a reason once with the first of its tensors and the number of the others."""
    names: dict[str, list[str]] = {}
    for name, why in found:
        names.setdefault(why, []).append(name)
    more = {why: f" (and so {len(of) - 1} more)" if len(of) > 1 else "" for why, of in names.items()}
    return [f"{of[0]}{link}{why}{more[why]}" for why, of in names.items()]


def _few(what: str, names: list[str], unit: str = "") -> list[str]:
    lines = [f"  {what:<10} {name}" for name in names[:_MOST]]
    more = len(names) - _MOST
    return lines + ([f"  {what:<10} … and {more} more{f' {unit}' if unit else ''}"] if more > 0 else [])


def _top(place: str) -> str:
    return place or "the top"


def _bytes(size: int) -> str:
    value, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
