"""Tables of text in aligned columns; no cell is cut."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import typer


class Columns:
    """Prints aligned rows, each at once.

    Args:
        header: the names of the columns.
        widest: for each column, the longest text that is expected. A longer text moves the rest of its row.
        right: numbers of the columns that are aligned to the right.
    """

    def __init__(self, header: Sequence[str], widest: Sequence[str], *, right: Iterable[int] = ()) -> None:
        self._widths = [max(map(_width, pair)) for pair in zip(header, widest, strict=True)]
        self._right = frozenset(right)
        self.row(*header)

    def row(self, *cells: str) -> None:
        """Print one row at once."""
        padded = [
            " " * (width - _width(cell)) + cell if n in self._right else cell + " " * (width - _width(cell))
            for n, (cell, width) in enumerate(zip(cells, self._widths, strict=True))
        ]
        typer.echo("  ".join(padded).rstrip())  # it flushes


def print_columns(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Iterable[int] = ()) -> None:
    """Print a table whose rows are all known."""
    widest = [max((row[n] for row in rows), key=_width, default="") for n in range(len(header))]
    columns = Columns(header, widest, right=right)
    for row in rows:
        columns.row(*row)


def _width(text: str) -> int:
    """Return the width of a text in terminal cells: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
