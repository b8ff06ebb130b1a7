"""Labels in lines of text: names alone, with a number before or behind them, or behind WordNet ids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from live_gradcam.models.label_entries import WNID, LabelEntry, are_numbers, with_synonyms
from live_gradcam.models.labels import wordnet_names

_COMMENT = re.compile(r"(#|//)(\s|$)")
_BEFORE = tuple(
    re.compile(rf"\s*(\d{{1,9}}){separator}\s*(\S.*)")
    for separator in (
        r" *\t",
        " *: ?",
        " *, ?",
        " *; ?",
        " *= ?",
        r" *-> ?",
        r" - ",
        r" *\| ?",
        r"[.)] ",
        " ",
    )
)
"""A number before the name, in the ways to separate them; the first that fits every line is meant."""

_BEHIND = tuple(
    re.compile(rf"\s*(\S.*?){separator}(\d{{1,9}})\s*")
    for separator in (r"\t *", ": *", ", *", "; *", "= *", " +")
)
_SYNSET = re.compile(r"(n\d{8})(?:[\s,:;]+(\S.*))?")
_QUOTED = re.compile(r"(['\"])(.+)\1,?")
_PLURAL = re.compile(r"e?s$")

_SURE = 5
"""Lines of which all begin with a number and a sign: fewer may be names."""


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, however they end, without blank ones and without spaces at either end.

    Not `splitlines`, which breaks at characters that stand in names, too.
    """
    return [line for line in map(str.strip, re.split(r"\r\n|\r|\n", text)) if line]


def line_readings(text: str) -> Iterator[list[LabelEntry]]:
    """Yield the ways to read lines, the likeliest first: without comments, then with every line a name.

    A single line may be a list of names.

    Raises:
        LabelFault: the lines are numbered, but not from 0 or 1 without a gap.
    """
    lines = lines_of(text)
    bare = [line for line in lines if not _COMMENT.match(line)]
    if bare and (synsets := _synsets(bare)) is not None:
        yield synsets
        return
    if bare and (numbered := _numbered(bare)) is not None:
        yield numbered
        return
    if len(bare) == 1 and (listed := re.split(r"\s*[,;]\s*", bare[0].strip(",;"))) and len(listed) > 1:
        yield _plain(listed)
    if bare:
        yield _plain(bare)
    if len(bare) != len(lines):
        yield _plain(lines)


def _plain(lines: Sequence[str]) -> list[LabelEntry]:
    return [LabelEntry(name) for name in _unquoted(lines)]


def _unquoted(names: Sequence[str]) -> list[str]:
    """Return names without the quotes, and the commas behind them, that every one of them has."""
    matches = [_QUOTED.fullmatch(name) for name in names]
    return [
        match[2] if match is not None and all(matches) else name
        for match, name in zip(matches, names, strict=True)
    ]


def _synsets(lines: Sequence[str]) -> list[LabelEntry] | None:
    """Return the entries of `n02123045 tabby, tabby cat`, with or without words and numbers; None for other lines."""
    matches = [_SYNSET.fullmatch(line) for line in lines]
    if not all(matches) or not matches:
        return None
    words = [match[2] for match in matches if match is not None]
    if all(words):
        numbered = _numbered(words, sure=False)
        if numbered is not None:  # `n02119789 1 kit_fox`, the devkit's own order
            return [with_synonyms(entry.name, entry.number) for entry in numbered]
        return [with_synonyms(text) for text in words]
    if any(words):
        return None
    known = wordnet_names()
    return [LabelEntry(known.get(line, line)) for line in lines]


def _numbered(lines: Sequence[str], *, sure: bool = True) -> list[LabelEntry] | None:
    """Return the entries of numbered lines; None where the numbers are part of the names, or there are none.

    Raises:
        LabelFault: they are surely numbers of classes, but one is missing or stands twice.
    """
    for place, pattern in enumerate(_BEFORE):
        matches = [pattern.fullmatch(line) for line in lines]
        if not all(matches):
            continue
        entries = [LabelEntry(match[2].strip(), int(match[1])) for match in matches if match is not None]
        if are_numbers([entry.number for entry in entries]):
            return None if _is_counted_thing(entries) else _named_behind(entries)
        if sure and len(lines) >= _SURE and (place < len(_BEFORE) - 1 or _is_nearly_numbered(entries)):
            return entries  # and what is wrong with the numbers is said where they are put in order
        return None
    for pattern in _BEHIND:
        matches = [pattern.fullmatch(line) for line in lines]
        if not all(matches):
            continue
        entries = [LabelEntry(match[1].strip(), int(match[2])) for match in matches if match is not None]
        space = pattern is _BEHIND[-1]
        if are_numbers([entry.number for entry in entries]) and not _is_counted_thing(entries):
            if space and min(entry.number or 0 for entry in entries) != 0:
                return None  # `Class 1`, `Class 2`: names
            return entries
        return None
    return None


def _named_behind(entries: list[LabelEntry]) -> list[LabelEntry]:
    """Return entries with the WordNet id, or the quotes, of every name taken off."""
    names = _unquoted([entry.name for entry in entries])
    entries = [replace(entry, name=name) for entry, name in zip(entries, names, strict=True)]
    if all(WNID.match(entry.name) for entry in entries):
        matches = [_SYNSET.fullmatch(entry.name) for entry in entries]
        if all(match is not None and match[2] for match in matches):
            return [
                replace(with_synonyms(match[2]), number=entry.number)
                for match, entry in zip(matches, entries, strict=True)
                if match is not None
            ]
    return entries


def _is_counted_thing(entries: Sequence[LabelEntry]) -> bool:
    """Return whether the numbers count one thing, as in `1 star`, `2 stars`: then they are part of the names."""
    names = {_PLURAL.sub("", entry.name.casefold()) for entry in entries}
    return len(entries) > 1 and len(names) == 1


def _is_nearly_numbered(entries: Sequence[LabelEntry]) -> bool:
    """Return whether most numbers of a range are there, in rising order: a list with gaps."""
    numbers = [entry.number or 0 for entry in entries]
    rising = all(before < after for before, after in pairwise(numbers))
    return rising and numbers[0] <= 1 and len(numbers) > (numbers[-1] - numbers[0]) / 2
