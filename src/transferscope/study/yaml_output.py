"""A study as YAML again: what was asked, in the short forms a person would use, with absolute paths."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .schema import Study

__all__ = ["as_yaml", "study_yaml"]


def study_yaml(study: Study) -> str:
    """Write a study as YAML from which the same study is read, wherever it lies."""
    tree = study.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if set(tree["network"]) == {"name"}:
        tree["network"] = tree["network"]["name"]
    analyses = {}
    for name, settings in tree.get("analyses", {}).items():
        short = {k: v for k, v in settings.items() if (k, v) != ("question", name)}
        analyses[name] = short or True
    if analyses:
        tree["analyses"] = analyses
    return as_yaml({k: v for k, v in tree.items() if v is not None})


def as_yaml(tree: Mapping[str, Any]) -> str:
    """Write plain data as YAML, short lists and mappings on one line.

    >>> print(as_yaml({"starts": {"P-T": {"from": "source", "seeds": [0, 1]}}}), end="")
    starts:
      P-T: {from: source, seeds: [0, 1]}
    """
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(_folded(tree, top=True), out)
    return out.getvalue()


def _folded(value: Any, top: bool = False) -> Any:
    """Mark the innermost mappings, and lists of plain values, to be written on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(value, Mapping):
        out = CommentedMap({k: _folded(v) for k, v in value.items()})
        flat = all(not isinstance(v, Mapping) or not v for v in value.values())
        if flat and not top and len(str(dict(value))) < 90:
            out.fa.set_flow_style()
        return out
    if isinstance(value, (list, tuple)):
        items = CommentedSeq([_folded(v) for v in value])
        items.fa.set_flow_style()
        return items
    return value
