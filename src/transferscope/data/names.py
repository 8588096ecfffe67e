"""Names of files and folders in words: what is no UTF-8 is shown as escapes, so that it can be printed and stored."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["is_readable", "quoted", "readable", "several"]


def readable(name: str) -> str:
    r"""Return a name as text that can be encoded: bytes that are no UTF-8 become escapes such as ``\xe9``.

    >>> readable("ca\udce9"), readable("café")
    ('ca\\xe9', 'café')
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_readable(name: str) -> bool:
    r"""Whether a name, as the file system gave it, is UTF-8.

    >>> is_readable("ca\udce9"), is_readable("café")
    (False, True)
    """
    return name.isascii() or readable(name) == name


def quoted(name: str) -> str:
    r"""Return a name in quotes, on one line.

    >>> quoted("ca\udce9"), quoted("two\nlines")
    ("'ca\\xe9'", "'two\\nlines'")
    """
    return "'" + readable(name).replace("\n", "\\n").replace("\r", "\\r") + "'"


def several(names: Iterable[str], shown: int = 5) -> str:
    """Name the first few.

    >>> several("abcdefg", 3)
    'a, b, c and 4 more'
    """
    all_names = list(names)
    more = len(all_names) - shown
    return ", ".join(all_names[:shown]) + (f" and {more} more" if more > 0 else "")
