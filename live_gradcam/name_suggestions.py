"""Near names: the valid names whose spelling is closest to what was typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_FEWEST_LETTERS = 4
"""Letters that a text must have to be searched for in the middle of a word."""

_LETTERS_PER_SLIP = 4
_LETTERS_PER_SLIP_IN_PART = 5
_WORD = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"\.\w{2,5}$")


def nearest(name: str, valid: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` valid names, the most similar first. Letter case is ignored, and `ph` equals `f`.

    Names that contain the typed text at the start of a word, or as at least half of the name, come before near
    spellings: `clock` finds `analog clock`. A near spelling has at most one slip for every four letters: a wrong,
    missing or added letter, or two swapped neighbours. A file name's ending is not counted. Names are also compared
    word by word, with one slip for every five letters, if that is closer: `efficentnet` finds `efficientnet-lite0`.
    """
    by_folded = {candidate.casefold(): candidate for candidate in valid}
    typed = name.casefold()
    containing = [folded for folded in by_folded if len(typed) > 2 and _names_part(typed, folded)]
    sounds: dict[str, str] = {}
    for folded in by_folded:
        sounds.setdefault(_sound(folded), folded)
    sound = _sound(typed)
    close = difflib.get_close_matches(sound, sounds, n=10 * count, cutoff=0.65)
    most = -(-len(_ENDING.sub("", sound)) // _LETTERS_PER_SLIP)
    slips = {sounds[each]: _slips(sound, each, most) for each in close}
    spelled = sorted((each for each in slips if slips[each] <= most), key=slips.__getitem__)
    if not containing:
        fewest = slips[spelled[0]] if spelled else None
        spelled = [*_alike_in_part(typed, by_folded, fewest), *spelled]
    ordered = dict.fromkeys([*containing, *spelled])
    return [by_folded[folded] for folded in ordered][:count]


def _sound(folded: str) -> str:
    return folded.replace("ph", "f")


def _alike_in_part(typed: str, names: Iterable[str], below: int | None) -> list[str]:
    """Return the names that contain neighbouring words spelled nearly like the typed text, the nearest first.

    Args:
        typed: what was typed, in lower case.
        names: the names, in lower case.
        below: the number of slips from which a name is rejected; None for no such limit.
    """
    most = len(typed) // _LETTERS_PER_SLIP_IN_PART
    most = most if below is None else min(most, below - 1)
    if most <= 0:
        return []
    found: list[tuple[int, str]] = []
    for name in names:
        words = list(_WORD.finditer(name))
        parts = (
            name[first.start() : last.end()] for place, first in enumerate(words) for last in words[place:]
        )
        near = [_slips(typed, part, most) for part in parts if abs(len(part) - len(typed)) <= most]
        if near and min(near) <= most:
            found.append((min(near), name))
    return [name for _, name in sorted(found, key=lambda each: each[0])]


def _names_part(typed: str, name: str) -> bool:
    at = name.find(typed)
    if at < 0:
        return False
    begins = re.search(rf"(?<![^\W_]){re.escape(typed)}", name) is not None
    return begins or len(typed) >= max(_FEWEST_LETTERS, len(name) / 2)


def _slips(typed: str, meant: str, most: int) -> int:
    """Return the optimal string alignment distance of two texts; any number above `most` if it exceeds `most`."""
    missing = sum(max(0, typed.count(letter) - meant.count(letter)) for letter in set(typed))
    if missing > most:
        return most + 1  # each missing letter is a slip; this rejects most names in a tenth of the time
    before: list[int] = []
    last = list(range(len(meant) + 1))
    for row, letter in enumerate(typed, 1):
        here = [row]
        for column, other in enumerate(meant, 1):
            least = min(last[column] + 1, here[-1] + 1, last[column - 1] + (letter != other))
            if row > 1 and column > 1 and (letter, typed[row - 2]) == (meant[column - 2], other):
                least = min(least, before[column - 2] + 1)
            here.append(least)
        if min(here) > most and min(last) > most:
            return most + 1
        before, last = last, here
    return last[-1]


def unknown_name(kind: str, received: str, valid: Iterable[str], where: str, *, listed: int = 24) -> str:
    """Return the error message for an unknown name.

    Args:
        kind: what was named, such as `colour map`.
        received: what was typed.
        valid: the valid names.
        where: a sentence that says how to list all of them.
        listed: up to this many valid names are listed instead of that sentence.

    Returns:
        One line with the nearest names; if there are none, all valid names or `where`.
    """
    names = list(dict.fromkeys(valid))
    near = nearest(received, names)
    if near:
        hint = f"Did you mean {' or '.join(near)}? {where}".rstrip()
    elif len(names) <= listed:
        hint = f"Valid: {', '.join(sorted(names))}."
    else:
        hint = where
    return f"unknown {kind} '{received}'. {hint}"
