"""YAML to plain data, with an error that names the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import SpecError

__all__ = ["parse_yaml", "read_yaml"]

_MOST_VALUES = 100_000
_DEEPEST = 40
"""More than any study has: with aliases a short file can hold more values than any memory, or hold itself."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Raises:
        SpecError: when it is absent, not UTF-8, not YAML, or holds something else; with the line where there is one.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as e:
        raise SpecError(str(path), "there is no such file; expected a study file (YAML)") from e
    except IsADirectoryError as e:
        raise SpecError(str(path), "is a folder; expected a study file (YAML)") from e
    except UnicodeDecodeError as e:
        raise SpecError(str(path), f"is not UTF-8 text (byte {e.start}); save it as UTF-8") from e
    except OSError as e:
        raise SpecError(str(path), f"cannot be read ({e.strerror})") from e
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str = "study") -> dict[str, Any]:
    """Parse YAML 1.2 that holds one mapping of plain data.

    Args:
        text: the YAML.
        name: the file's name, for errors.

    Raises:
        SpecError: when it is not YAML, has a key twice, or is not a mapping with text keys.

    >>> parse_yaml("lr: 1e-4")
    {'lr': 0.0001}
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        tree = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        where = f"{name}, line {mark.line + 1}" if mark is not None else name
        problem = " ".join(str(e.problem or e.context or e).split())
        hint = "; indent with spaces" if "'\\t'" in problem else ""
        raise SpecError(where, f"not valid YAML: {problem}{hint}") from e
    except (YAMLError, ValueError, RecursionError) as e:
        raise SpecError(name, f"not valid YAML: {' '.join(str(e).split())}") from e
    if tree is None:
        raise SpecError(name, "is empty; expected a study: name, network, source, targets, starts, analyses")
    if not isinstance(tree, dict):
        kind = {"list": "a list", "str": "text"}.get(type(tree).__name__, f"a {type(tree).__name__}")
        raise SpecError(name, f"holds {kind}; expected a mapping: name, network, source, targets, starts, analyses")
    _Plain(name).check(tree, "", 0)
    return tree


class _Plain:
    """Refuses what JSON could not hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen = 0

    def check(self, value: Any, place: str, depth: int) -> None:
        self.seen += 1
        if self.seen > _MOST_VALUES or depth > _DEEPEST:
            raise SpecError(self.name, "holds more values than a study can have; does an alias (*name) hold itself?")
        if isinstance(value, dict):
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise SpecError(place or self.name, f"the key {key!r} is not text; put it in quotes: '{key}'")
                self.check(inner, f"{place}.{key}".lstrip("."), depth + 1)
        elif isinstance(value, list):
            for i, inner in enumerate(value):
                self.check(inner, f"{place}.{i}", depth + 1)
        elif value is not None and not isinstance(value, (bool, int, float, str)):
            raise SpecError(place, f"{value} is read as a {type(value).__name__}; put it in quotes if text is meant")
