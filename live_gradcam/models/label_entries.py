"""The entries of a label file, each a name and perhaps a number and a unit, and their conversion to labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from live_gradcam.models.labels import Labels

LONGEST_NAME = 1000
"""Most characters of a class name; a file with a longer one is of another kind."""

WNID = re.compile(r"n\d{8}")
"""A WordNet id, as in ImageNet's lists: `n02123045`."""

_NUMBER = re.compile(r"\s*(\d{1,9})(?:\.0)?\s*")
_SQUARE = re.compile(r"(\S.*?)\s*\[([^\[\]]{1,16})\]")
_ROUND = re.compile(r"(\S.*?)\s+\(([^()]{1,16})\)")
_UNITS_IN_WORDS = """
    % ‰ ° °C °F K C F € $ £ ¥ EUR USD GBP CNY JPY years year yrs yr y months weeks days d hours hrs h minutes min
    seconds sec s ms µs mm cm m km in ft mi mm² cm² m² km² m2 cm2 mm³ cm³ m³ ml l L kg g mg µg t lb lbs oz m/s km/h mph
    m/s² Hz kHz MHz dB V mV A mA W kW Wh kWh J kJ cal kcal N Nm Pa hPa kPa bar psi mmHg lux lx lm cd rad deg degrees
    degree px pixels pixel bpm rpm fps ppm ppb mol mmol mmol/l mg/dl g/l kg/m² kg/m2 points stars Jahre Monate Tage
    Stunden Minuten Sekunden Punkte Grad 岁 年 个月 天 小时 分钟 秒 米 厘米 千克 公斤 克 元
"""
_UNITS = frozenset(_UNITS_IN_WORDS.split())
"""Units that may follow a name in brackets."""


class LabelFault(ValueError):
    """A file cannot be read as labels; the message is the reason, without a full stop."""


@dataclass(frozen=True, slots=True)
class LabelEntry:
    """One class in a label file."""

    name: str

    number: int | None = None
    """The number of the class in the file; None: its position."""

    unit: str = ""
    """The unit of its value, where the file has a column or key for it."""

    synonyms: tuple[str, ...] = ()


def number_in(text: object) -> int | None:
    """Return a cell, key or value as a whole number; None where it is none."""
    if isinstance(text, bool):
        return None
    if isinstance(text, int):
        return text
    match = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    return None if match is None else int(match[1])


def are_numbers(numbers: Sequence[int | None]) -> bool:
    """Whether these are class numbers: each once, without a gap, from 0 or 1, in any order."""
    found = {number for number in numbers if number is not None}
    return (
        len(found) == len(numbers) > 0 and max(found) - min(found) == len(found) - 1 and min(found) in (0, 1)
    )


def labels_of(entries: Sequence[LabelEntry]) -> Labels:
    """Return entries as labels, in the order of their numbers, which begin at 0 or 1.

    A unit in brackets after a name, `age [years]`, moves to `units`. In square brackets any text counts if every name
    has one; otherwise only a known unit does. In round brackets only a known unit counts that is not a single letter,
    because `crane (bird)` tells namesakes apart.

    Raises:
        LabelFault: there are no entries, a number is missing or occurs twice, or a name is empty or too long.
    """
    if not entries:
        raise LabelFault("there is no name in it")
    numbers = [entry.number for entry in entries]
    if any(number is not None for number in numbers):
        _check(numbers)
        entries = sorted(entries, key=lambda entry: entry.number or 0)
    names = [" ".join(entry.name.split()) for entry in entries]
    for place, name in enumerate(names):
        if not name:
            raise LabelFault(f"the name of class {place} is empty")
        if len(name) > LONGEST_NAME:
            raise LabelFault(f"the name of class {place} has {len(name)} characters")
    bare, units = names_and_units(names)
    units = tuple(entry.unit or unit for entry, unit in zip(entries, units, strict=True))
    synonyms = tuple(entry.synonyms for entry in entries)
    return Labels(bare, synonyms if any(synonyms) else (), units=units if any(units) else ())


def names_and_units(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names without their units in brackets, and the units, `""` for none, by the rules of `labels_of`."""
    squares = [_SQUARE.fullmatch(name) for name in names]
    every = all(squares)
    bare, units = [], []
    for name, square in zip(names, squares, strict=True):
        found = square if square is not None and (every or square[2].strip() in _UNITS) else None
        if found is None and (rounded := _ROUND.fullmatch(name)) is not None:
            unit = rounded[2].strip()
            found = (
                rounded
                if unit in _UNITS and not (len(unit) == 1 and unit.isascii() and unit.isalpha())
                else None
            )
        bare.append(name if found is None else found[1])
        units.append("" if found is None else found[2].strip())
    return tuple(bare), tuple(units)


def readable(name: str) -> str:
    """Return a name from ImageNet's lists with spaces: `Egyptian cat` for `Egyptian_cat`."""
    return name.replace("_", " ")


def with_synonyms(text: str, number: int | None = None) -> LabelEntry:
    """Return the entry for the words of a synset, `tabby, tabby cat`: a name and its synonyms."""
    name, *others = (readable(word.strip()) for word in text.split(", "))
    return LabelEntry(name, number, synonyms=tuple(filter(None, others)))


def _check(numbers: Iterable[int | None]) -> None:
    counted: set[int] = set()
    for number in numbers:
        if number is None:
            raise LabelFault("some names have a number and some have none")
        if number in counted:
            raise LabelFault(f"the number {number} occurs twice")
        counted.add(number)
    first, last = min(counted), max(counted)
    if first not in (0, 1):
        raise LabelFault(f"its numbers begin at {first}, not at 0 or 1")
    if last - first + 1 != len(counted):
        gap = next(number for number in range(first, last) if number not in counted)
        raise LabelFault(f"its numbers run from {first} to {last}, but {gap} is missing")
