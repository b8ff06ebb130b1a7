"""Reads labels from tables: CSV and TSV, with or without a header, and as Excel writes them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from live_gradcam.models.label_entries import WNID, LabelEntry, are_numbers, number_in, readable

_DELIMITERS = ("\t", ",", ";", "|")
_NUMBERS = (
    "index idx id classid classindex classidx labelid labelindex categoryid number no nr num # target code class label "
    "category"
).split()
"""Headers of the column of class numbers, the most certain first; letters only."""

_NAMES = (
    "displayname classname labelname categoryname name label class category names labels classes title text "
    "description species breed"
).split()
"""Headers of the column of names, the most certain first."""

_NAME_ENDS = ("name", "label", "class", "category")
"""Endings of other headers of that column, such as `SignName`."""

_UNITS = ("unit", "units")
_QUANTITY = re.compile(r"\s*[-+]?\d[\d.,']*(?:e[-+]?\d+)?\s*%?\s*", re.IGNORECASE)
"""A count, a share or a measure; a column of these beside the names may tell how often each class occurs."""
_IDENTITY = re.compile(r"n\d{8}|/[mgt]/\w+")
"""Ids of WordNet and of Google's knowledge graph, which are no names."""


def headed_tables(text: str) -> Iterator[list[LabelEntry]]:
    """Yield the reading of a table with a header; nothing for another text.

    The first row is a header if one of its cells is a usual one, or if a column numbers all other rows.
    """
    for delimiter in _delimiters(text):
        rows = _rows(text, delimiter)
        if rows is None or len(rows) < 2:
            continue
        heads = [_folded(cell) for cell in rows[0]]
        if len(heads) < 2 or not all(len(row) == len(heads) for row in rows):
            continue
        if not any(head in _NAMES for head in heads) and not _numbers_below(rows):
            continue
        entries = _by_heads(heads, rows[1:])
        if entries is not None:
            yield entries


def bare_tables(text: str) -> Iterator[list[LabelEntry]]:
    """Yield the reading of a table without a header, in which a column numbers the rows or holds WordNet ids."""
    for delimiter in _delimiters(text):
        rows = _rows(text, delimiter)
        if rows is None or len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
            continue
        if len(rows[0]) > 2 and all(cell.startswith(" ") for row in rows for cell in row[2:]):
            continue  # `0,tench, Tinca tinca`: the comma is part of the name
        columns = list(zip(*rows, strict=True))
        numbers = next(
            (
                place
                for place, column in enumerate(columns)
                if are_numbers([number_in(cell) for cell in column])
            ),
            None,
        )
        others = [column for place, column in enumerate(columns) if place != numbers and not _are_ids(column)]
        others.sort(key=_are_quantities)  # names before counts
        if not others or (numbers is None and len(others) == len(columns)):
            continue
        yield _entries(others[0], None if numbers is None else columns[numbers], None)


def counted_tables(text: str) -> Iterator[list[LabelEntry]]:
    """Yield the reading of a table of names and counts, with or without a header, as names alone.

    Numbers that tell names apart (`boeing,737`, `boeing,747`), or that follow a space, are part of the names.
    """
    text = re.sub(r"(?m)^\s*(?:#|//)(?:[ \t].*)?$", "", text)
    for delimiter in (*_delimiters(text), *(each for each in ":=" if each in text)):
        rows = _rows(text, delimiter)
        if rows is None or len(rows) < 2 or len(rows[0]) < 2 or len({len(row) for row in rows}) != 1:
            continue
        head = rows[0][1:]
        if len(rows) > 2 and not any(map(_QUANTITY.fullmatch, head)) and all(cell.strip() for cell in head):
            rows = rows[1:]
        names, *columns = zip(*rows, strict=True)
        folded = {name.strip().casefold() for name in names}
        is_named = len(folded) == len(names) and not any(map(_QUANTITY.fullmatch, names))
        if is_named and all(map(_are_quantities, columns)):
            yield [LabelEntry(name.strip()) for name in names]


def one_column(text: str) -> Iterator[list[LabelEntry]]:
    """Yield the reading of a list whose first line is a header, such as `label`."""
    rows = _rows(text, ",")
    if rows and len(rows) > 1 and all(len(row) == 1 for row in rows) and _folded(rows[0][0]) in _NAMES:
        yield [LabelEntry(row[0]) for row in rows[1:]]


def _delimiters(text: str) -> Sequence[str]:
    told = re.match(r"sep=(.)[\r\n]", text)  # as Excel writes and reads
    return (told[1],) if told else tuple(each for each in _DELIMITERS if each in text)


def _rows(text: str, delimiter: str) -> list[list[str]] | None:
    """Return the rows, without blank rows and empty last columns; None for no table."""
    text = re.sub(r"\A\s*sep=.[\r\n]+", "", text)
    try:
        rows = list(
            csv.reader(
                io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=False
            )
        )
    except csv.Error:
        return None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    while rows and len(rows[0]) > 1 and all(len(row) == len(rows[0]) and not row[-1].strip() for row in rows):
        rows = [row[:-1] for row in rows]
    return rows or None


def _by_heads(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[LabelEntry] | None:
    columns = dict(enumerate(zip(*rows, strict=True)))
    counted = [
        place for place, column in columns.items() if are_numbers([number_in(cell) for cell in column])
    ]
    numbers = _best(heads, _NUMBERS, counted)
    if numbers is None:  # a header of another language, or none, as pandas writes its index
        numbers = next((place for place in counted if heads[place] not in _NAMES), None)
    if numbers is None:  # wrong numbers under a certain header: `labels_of` reports them
        sure = [place for place in columns if all(number_in(cell) is not None for cell in columns[place])]
        numbers = _best(heads, _NUMBERS[:10], sure)
    rest = [place for place in columns if place != numbers]
    names = _best(heads, _NAMES, rest)
    if names is None:
        texts = [place for place in rest if not _are_ids(columns[place]) and heads[place] not in _UNITS]
        names = next((p for p in texts if heads[p].endswith(_NAME_ENDS)), next(iter(texts), None))
    if names is None:
        return None
    unit = _best(heads, _UNITS, rest)
    return _entries(
        columns[names],
        None if numbers is None else columns[numbers],
        None if unit is None or unit == names else columns[unit],
    )


def _numbers_below(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column numbers all rows but the first, which then is the header."""
    return any(
        number_in(head) is None and are_numbers([number_in(row[place]) for row in rows[1:]])
        for place, head in enumerate(rows[0])
    )


def _are_quantities(column: Sequence[str]) -> bool:
    return all(_QUANTITY.fullmatch(cell) for cell in column)


def _are_ids(column: Sequence[str]) -> bool:
    return all(_IDENTITY.fullmatch(cell.strip()) for cell in column)


def _best(heads: Sequence[str], wanted: Sequence[str], places: Sequence[int]) -> int | None:
    """Return the column, of `places`, whose header comes first in `wanted`; None where none is in it."""
    return min(
        (place for place in places if heads[place] in wanted),
        key=lambda p: wanted.index(heads[p]),
        default=None,
    )


def _entries(
    names: Sequence[str], numbers: Sequence[str] | None, units: Sequence[str] | None
) -> list[LabelEntry]:
    are_wordnet = all(WNID.match(name) for name in names)
    return [
        LabelEntry(
            readable(name) if are_wordnet else name,
            None if numbers is None else number_in(numbers[row]),
            "" if units is None else units[row].strip(),
        )
        for row, name in enumerate(names)
    ]


def _folded(head: str) -> str:
    return re.sub(r"[\s_\-.]+", "", head).casefold()
