"""Columns of text: nothing in them is ever cut, and each line is out as soon as it is known."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import typer


class Columns:
    """Prints rows whose cells stand below each other.

    Args:
        header: the columns' names.
        widest: for each column the longest text that comes, as far as it is known; what is longer moves the rest of
            its row to the right.
        right: numbers of the columns that are set flush right.
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
        typer.echo("  ".join(padded).rstrip())  # which flushes


def print_columns(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Iterable[int] = ()) -> None:
    """Print a table that is known as a whole."""
    widest = [max((row[n] for row in rows), key=_width, default="") for n in range(len(header))]
    columns = Columns(header, widest, right=right)
    for row in rows:
        columns.row(*row)


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
