"""What is given as ``KEY=VALUE`` or as several numbers."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

from ..errors import UsageError

__all__ = ["by_place_given", "image_options", "images_given", "named_given", "numbers_given", "settings_given"]


def images_given(given: Sequence[str]) -> str | dict[str, str] | None:
    """Read ``--data``: one spec string, or several as ``NAME=SPEC``."""
    from ..data.spec import SCHEMES

    bare = [text for text in given if text.partition(":")[0] in SCHEMES or "=" not in text.partition(":")[0]]
    if bare and len(given) > 1:
        raise UsageError(f"--data {bare[0]}: with several sets each needs a name, e.g. photo={bare[0]}")
    if bare:
        return bare[0]
    found: dict[str, str] = {}
    for text in given:
        name, _, spec = text.partition("=")
        if name in found:
            raise UsageError(f"--data {text}: {name!r} is given twice, before as {found[name]}; give each set once")
        found[name] = spec
    return found or None


def by_place_given(given: Sequence[str]) -> dict[str, Any]:
    """Read ``--set KEY=VALUE``, the value as in a study file."""
    from ..study.yaml_input import parse_yaml

    settings = {}
    for text in given:
        place, is_given, value = text.partition("=")
        if not (is_given and place):
            raise UsageError(f"--set {text!r}: expected KEY=VALUE, e.g. recipe.epochs=5")
        settings[place] = parse_yaml(f"value: {value}", f"--set {place}")["value"]
    return settings


def named_given(option: str, given: Sequence[str]) -> dict[str, str]:
    """Read ``NAME=SPEC``, each name once."""
    found: dict[str, str] = {}
    for text in given:
        name, is_given, spec = text.partition("=")
        if not (is_given and name and spec) or ":" in name:
            raise UsageError(f"{option} {text!r}: expected NAME=SPEC, e.g. sketch=folder:sketches")
        if name in found or name in ("test", "held-out"):
            raise UsageError(f"{option} {text!r}: there is a set called {name!r} already; give it another name")
        found[name] = spec
    return found


def settings_given(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read ``QUESTION.KEY=VALUE``, the value as in a study file, and ``QUESTION=quick``; what comes later counts."""
    from ..questions import QUESTIONS
    from ..questions.presets import QUICK, quick_settings
    from ..study.yaml_input import parse_yaml

    settings: dict[str, dict[str, Any]] = {}
    for text in given:
        place, is_given, value = text.partition("=")
        name, dot, key = place.partition(".")
        if is_given and name in QUESTIONS and not dot and value == QUICK:
            settings.setdefault(name, {}).update(quick_settings(f"--set {name}", name))
            continue
        if not (is_given and dot and name and key):
            raise UsageError(
                f"--set {text!r}: expected QUESTION.KEY=VALUE, e.g. landscape.points=50, or e.g. landscape=quick"
            )
        settings.setdefault(name, {})[key] = parse_yaml(f"value: {value}", f"--set {place}")["value"]
    return settings


def numbers_given(option: str, text: str | None) -> tuple[float, ...] | None:
    """Read numbers that are joined by commas."""
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(map(math.isfinite, numbers)):
        raise UsageError(f"{option} {text!r}: expected numbers joined by commas, e.g. 0.5,0.5,0.5")
    return numbers


def image_options(options: argparse.Namespace) -> dict[str, Any]:
    """Read the options that say how images are prepared."""
    return {
        "size": options.size,
        "channels": options.channels,
        "samples": options.samples,
        "mean": numbers_given("--mean", options.mean),
        "std": numbers_given("--std", options.std),
        "skip_unreadable": options.skip_unreadable,
    }
