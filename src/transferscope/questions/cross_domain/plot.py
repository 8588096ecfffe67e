"""Picture of the lines between networks trained on different domains (Neyshabur et al. 2020, Fig. 19–23)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._domains_plot import draw_domains
from .measure import CrossDomain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot"]


def plot(
    result: CrossDomain,
    *,
    metrics: Sequence[str] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> Figure:
    """Draw metrics over λ: a row a metric and pair of domains, a column the domain they are evaluated on.

    Args:
        result: what to draw.
        metrics: which; by default accuracy (or AUC) and loss.
        pairs: of which domains, by what both ends were trained on; by default all for which there is room.

    Raises:
        UsageError: for a pair of domains that was not measured.
    """
    return draw_domains(result.paths, metrics, pairs)
