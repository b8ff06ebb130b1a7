"""Near names: which valid names are spelled most like a name that was typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_FEWEST_LETTERS = 4
"""Of what is looked for in the middle of a word."""


_LETTERS_A_SLIP = 4


_LETTERS_A_SLIP_IN_PART = 5


_WORD = re.compile(r"[^\W_]+")


_ENDING = re.compile(r"\.\w{2,5}$")


def nearest(name: str, valid: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` of the valid names, the most alike first; letter case does not count, and `ph` is an `f`.

    Names in which what was typed begins a word, or is at least half of the name, come before near spellings, so
    `clock` finds `analog clock`. A near spelling has one slip of the keyboard for every four letters, or fewer: a
    wrong, missing or added letter, or two neighbours that changed places. The ending of a file is not counted. Where
    some words of a name are nearer than any whole name, they count, with one slip for every five letters: `efficentnet`
    finds `efficientnet-lite0`.
    """
    by_folded = {candidate.casefold(): candidate for candidate in valid}
    typed = name.casefold()
    containing = [folded for folded in by_folded if len(typed) > 2 and _names_part(typed, folded)]
    sounds: dict[str, str] = {}
    for folded in by_folded:
        sounds.setdefault(_sound(folded), folded)
    sound = _sound(typed)
    close = difflib.get_close_matches(sound, sounds, n=10 * count, cutoff=0.65)
    most = -(-len(_ENDING.sub("", sound)) // _LETTERS_A_SLIP)
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
    """Return the names some neighbouring words of which are spelled nearly as what was typed, the nearest first.

    Args:
        typed: what was typed, in small letters.
        names: likewise.
        below: how many slips are too many; None: as many as may be.
    """
    most = len(typed) // _LETTERS_A_SLIP_IN_PART
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
    """Return the optimal string alignment distance of two texts, or more than `most` where it is more."""
    missing = sum(max(0, typed.count(letter) - meant.count(letter)) for letter in set(typed))
    if missing > most:
        return most + 1  # each letter that is missing is a slip; most names end here, in a tenth of the time
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
    """Word the message for a name that is not known.

    Args:
        kind: what was named, such as `colour map`.
        received: what was typed.
        valid: the names that would have been right.
        where: a sentence that tells how to see all of them.
        listed: as many names at most are listed instead of that sentence.

    Returns:
        One line that lists all the valid names where they are few, else the nearest.
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
