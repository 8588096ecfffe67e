"""The page of a table of models: the same page as a study's, without runs and steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..store.atomic import said_plainly, write_bytes
from ..store.digest import digest
from ..store.place import Place, is_address
from ..store.remote import mirror_of, shared
from .figures import Figures
from .page import failures_of, render
from .places import Places
from .sections import Answer, Asked, make_section, plan_section

if TYPE_CHECKING:
    import pandas as pd

    from ..questions.result import Result
    from ..study.coming import Coming

__all__ = ["Shown", "TableNote", "TablePage", "write_table_page"]


@dataclass(frozen=True)
class TableNote:
    """What was left out, dropped or changed."""

    where: str
    text: str


@dataclass(frozen=True)
class TablePage:
    """What the page says besides its sections; see :class:`~transferscope.report.page.Told`."""

    name: str
    description: str
    text: str
    notes: Sequence[TableNote] = ()
    cost: str = ""
    machine: dict[str, Any] = field(default_factory=dict)
    asked: Sequence[str] | None = None
    unfinished: str = ""
    coming: Sequence[Coming] = ()
    unlearned: str = ""
    unanswered: Sequence[str] = ()

    def runs(self) -> pd.DataFrame:
        """Return no runs."""
        import pandas as pd

        return pd.DataFrame()

    def steps(self) -> pd.DataFrame:
        """Return no steps."""
        import pandas as pd

        return pd.DataFrame()


@dataclass(frozen=True)
class Shown:
    """A section to make: its words, and results by the part's name, the name ``""`` when there is one."""

    asked: Asked
    results: Mapping[str, Result]


def write_table_page(
    folder: str | Path,
    about: TablePage,
    shown: Sequence[Shown],
    tables: Mapping[str, pd.DataFrame],
    failed: Callable[[str], None] | None = None,
) -> Path:
    """Write ``report.html``, ``figures/`` and ``tables/``.

    Args:
        folder: made if absent; or an address, such as ``s3://bucket/scaling``, to which everything goes from its
            mirror on this machine, the page last.
        about: title and notes.
        shown: the sections in order.
        tables: further tables to write beside the page, by name.
        failed: told what could not be made, a line each.

    Returns:
        The page's path; of an address, that of its mirror.

    Raises:
        StoreError: when the folder cannot be written, or the address not reached.
    """
    place = Place(str(folder)) if is_address(folder) else None
    root = Path(folder) if place is None else mirror_of(place)
    for part in (root, root / "figures", root / "tables"):
        with said_plainly(part):
            part.mkdir(parents=True, exist_ok=True)
    places = Places(tuple(tables))
    sections = []
    with Figures(root / "figures") as figures:
        for section in shown:
            answers = {name: Answer(result, _identity(result)) for name, result in section.results.items()}
            item = section.asked.called()
            planned = plan_section(section.asked, item, answers, places)
            sections.append(make_section(planned, figures, root / "tables"))
    for name, frame in tables.items():
        write_bytes(root / "tables" / f"{name}.csv", frame.to_csv(index=False).encode())
    page = root / "report.html"
    lines = failures_of(sections)
    write_bytes(page, render(about, sections, None, None, lines).encode())
    if place is not None:
        shared(place, root, "figures", "tables", "report.html")
    if failed is not None:
        for line in lines:
            failed(line)
    return page


def _identity(result: Result) -> str:
    """Identity of the numbers: of all that the result would be stored as."""
    from hashlib import blake2b

    from ..records import to_tree

    tree, arrays = to_tree(result)
    hashes = {key: blake2b(value.tobytes(), digest_size=16).hexdigest() for key, value in arrays.items()}
    return digest({"kind": type(result).__name__, "tree": tree, "arrays": hashes})
