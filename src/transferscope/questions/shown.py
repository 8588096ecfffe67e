"""A result in a paper, in notes or in a notebook: a table with intervals, sentences, a figure."""

from __future__ import annotations

import math
import numbers
from dataclasses import fields, is_dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from .result import Result

__all__ = ["as_html", "as_latex", "as_markdown", "in_short", "with_intervals"]

_SHOWN = 12
"""Rows of a table, and sentences, that a notebook shows."""

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$", "–": "--", "×": r"$\times$", "·": r"$\cdot$",
    "≤": r"$\le$", "≥": r"$\ge$", "±": r"$\pm$", "∞": r"$\infty$", "→": r"$\to$", "Σ": r"$\Sigma$", "Π": r"$\Pi$",
    "‖": r"$\|$", "√": r"$\surd$", "₂": "$_2$", "₀": "$_0$", "α": r"$\alpha$", "δ": r"$\delta$",
    "ε": r"$\varepsilon$", "θ": r"$\theta$", "λ": r"$\lambda$", "μ": r"$\mu$", "ρ": r"$\rho$", "σ": r"$\sigma$",
    "τ": r"$\tau$", "…": r"\dots{}",
}  # fmt: skip
"""What LaTeX needs written in another way."""


def with_intervals(frame: pd.DataFrame) -> pd.DataFrame:
    """Put the interval of a number beside it in one cell, as papers print it.

    Columns ``low`` and ``high`` go with the number before them, ``x_low`` and ``x_high`` with ``x``. Numbers have
    three significant digits, and as many decimals as their interval.

    Args:
        frame: a tidy table.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"pair": ["P-T & P-T"], "cka": [0.7012], "low": [0.66], "high": [0.745], "n": [1280]})
    >>> with_intervals(frame).to_dict("records")
    [{'pair': 'P-T & P-T', 'cka': '0.701 (0.660 to 0.745)', 'n': '1,280'}]
    """
    import pandas as pd

    names = [str(c) for c in frame.columns]
    owner: dict[str, tuple[str, str]] = {}
    for i, name in enumerate(names):
        if name == "low" and "high" in names and i:
            owner[names[i - 1]] = ("low", "high")
        elif name.endswith("_low") and f"{name[:-4]}_high" in names and name[:-4] in names:
            owner[name[:-4]] = (name, f"{name[:-4]}_high")
    ends = {end for pair in owner.values() for end in pair}
    columns = {}
    for name in names:
        if name in ends:
            continue
        low, high = owner.get(name, ("", ""))
        values = frame[name].tolist()
        if low:
            rows = zip(values, frame[low].tolist(), frame[high].tolist(), strict=True)
            columns[name] = [_cell(*row) for row in rows]
        else:
            columns[name] = [_cell(v) for v in values]
    return pd.DataFrame(columns, index=range(len(frame)), dtype=object)


def as_markdown(result: Result) -> str:
    """Write the table of a result in Markdown, with intervals, and below it what was counted."""
    whole, same = _apart(_columns(result.printed()))
    table = with_intervals(whole)
    lines = [_heads(table), ["---:" if right else "---" for right in _numeric(whole, table)]]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{_counted(result, same)}\n"


def as_latex(result: Result, caption: str | None, label: str) -> str:
    """Write the table of a result in LaTeX, with the rules of booktabs."""
    whole, same = _apart(_columns(result.printed()))
    table = with_intervals(whole)
    kinds = "".join("r" if right else "l" for right in _numeric(whole, table))
    rows = [r" & ".join(map(_escaped, row)) + r" \\" for row in table.to_numpy().tolist()]
    head = r" & ".join(map(_escaped, _heads(table))) + r" \\"
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_escaped(_counted(result, same)) if caption is None else caption}}}",
        *([rf"\label{{{label}}}"] if label else []),
        rf"\begin{{tabular}}{{{kinds}}}",
        r"\toprule",
        head,
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def as_html(result: Result) -> str:
    """Write what a notebook shows: sentences, the figure, and the beginning of the table."""
    from io import BytesIO
    from urllib.parse import quote

    found = sorted(result.findings(), key=lambda f: -f.weight)
    said = "".join(f"<li>{escape(f.text)}</li>" for f in found[:_SHOWN])
    more = f"<p>… and {len(found) - _SHOWN} more: <code>.findings()</code></p>" if len(found) > _SHOWN else ""
    drawn = BytesIO()
    result.plot().savefig(drawn, format="svg")
    address = f"data:image/svg+xml;charset=utf-8,{quote(drawn.getvalue().decode())}"
    whole = _columns(result.printed())
    table = with_intervals(whole.head(_SHOWN))
    head = "".join(f"<th>{escape(name)}</th>" for name in _heads(table))
    rows = "".join(f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in row)}</tr>" for row in table.to_numpy().tolist())
    rest = f"<p>{len(whole) - _SHOWN} more rows: <code>.frame()</code></p>" if len(whole) > _SHOWN else ""
    return (
        f"<div><b>{escape(type(result).__name__)}</b><ul>{said}</ul>{more}"
        f'<img src="{address}" alt="{escape(found[0].text if found else result.question)}" style="max-width: 100%">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{rest}</div>"
    )


def in_short(result: Any) -> str:
    """Name a result and say how much is in it.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Found:
    ...     n: int
    ...     pairs: tuple[str, ...]
    >>> in_short(Found(400, ("a", "b")))
    'Found(n=400, pairs: 2)'
    """
    parts = []
    for field in fields(result) if is_dataclass(result) else ():
        value = getattr(result, field.name)
        if isinstance(value, (bool, int, str)) and len(str(value)) <= 40:
            parts.append(f"{field.name}={value!r}")
        elif hasattr(value, "__len__") and not isinstance(value, str):
            parts.append(f"{field.name}: {len(value)}" if getattr(value, "ndim", 1) else field.name)
    return f"{type(result).__name__}({', '.join(parts[:8])}{', …' if len(parts) > 8 else ''})"


def _columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Names of rows as columns of their own."""
    return frame if frame.index.names == [None] else frame.reset_index()


def _apart(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Part columns of words or counts that say the same in every row from the others: these belong in the caption.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"pair": ["a & b", "a & c"], "images": [400, 400], "cka": [0.7, 0.7]})
    >>> rest, same = _apart(frame)
    >>> list(rest.columns), same
    (['pair', 'cka'], {'images': '400'})
    """
    if len(frame) < 2:
        return frame, {}
    columns = [c for c in frame.columns if frame[c].dtype.kind != "f" and frame[c].astype(str).nunique() == 1]
    same = {str(c): _cell(frame[c].iloc[0]) for c in columns}
    return (frame.drop(columns=columns), same) if len(columns) < len(frame.columns) else (frame, {})


def _heads(table: pd.DataFrame) -> list[str]:
    return [str(c).replace("_", " ") for c in table.columns]


def _numeric(frame: pd.DataFrame, table: pd.DataFrame) -> list[bool]:
    return [frame[c].dtype.kind in "iufc" for c in table.columns]


def _counted(result: Result, same: dict[str, str]) -> str:
    """What a table's caption says: how many images, what is the same in all rows, and what brackets are."""
    n = getattr(result, "n", None)
    images = f"n = {n:,} images. " if isinstance(n, int) and not isinstance(n, bool) else ""
    known = {"n": _cell(n)} if images else {}
    told = [f"{name.replace('_', ' ')} {cell}" for name, cell in same.items() if known.get(name) != cell]
    rows = f"In all rows: {', '.join(told)}. " if told else ""
    return f"{images}{rows}Brackets: 95 % intervals."


def _cell(value: Any, low: Any = None, high: Any = None) -> str:
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}"
    if not isinstance(value, numbers.Real):
        return "–" if value is None or str(value) in ("nan", "<NA>") else str(value)
    if math.isnan(float(value)):
        return "–"
    ends = [float(x) for x in (low, high) if isinstance(x, numbers.Real) and math.isfinite(float(x))]
    text = _number(float(value), float(value))
    if len(ends) < 2:
        return text
    return f"{text} ({_number(ends[0], float(value))} to {_number(ends[1], float(value))})"


def _number(x: float, like: float) -> str:
    """Three significant digits of ``like``, and as many decimals for what stands beside it."""
    if not math.isfinite(x):
        return "∞" if x > 0 else "−∞"
    if like and not 1e-3 <= abs(like) < 1e6:
        return f"{x:.2e}".replace("-", "−")
    decimals = max(0, 2 - math.floor(math.log10(abs(like)))) if like else 2
    return f"{x:,.{decimals}f}".replace("-", "−")


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
