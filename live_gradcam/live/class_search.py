"""The search for a class: completions while the viewer types its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

SHOWN = 6
"""How many completions are offered."""


@dataclass(frozen=True, slots=True)
class ClassSearch:
    """The text typed so far, and the classes that fit it."""

    hint: ClassVar[str] = "type the name of a class"
    none: ClassVar[str] = "no such class"
    mark: ClassVar[str] = "/"

    labels: Sequence[str]
    others: Sequence[Sequence[str]] = ()
    """Further names of each label, which find it too; empty: there are none."""

    text: str = ""
    chosen: int = 0
    """The place of the chosen completion, from 0."""

    @property
    def completions(self) -> tuple[str, ...]:
        """The names that fit; names that begin with the text come first."""
        return tuple(self._told(number) for number in self._found)

    @property
    def class_id(self) -> int | None:
        """The class that Enter chooses; None where no name fits."""
        found = self._found
        return found[self.chosen] if self.chosen < len(found) else None

    @property
    def is_clear(self) -> bool:
        """Whether the text means one class only: no other fits, or the text is a whole name."""
        wanted = self.text.casefold().strip()
        chosen = () if self.class_id is None else self._names(self.class_id)
        exact = any(wanted == name.casefold() for names in chosen for name in names)
        return len(self._found) == 1 or exact

    @property
    def advice(self) -> str:
        """The matches and the next step, as a line for a viewer who types in the terminal."""
        found = self.completions
        if not self.text.strip():
            return "type the name of a class first"
        if not found:
            return f"no class is called '{self.text}': type another name"
        if len(found) == 1:
            return f"'{found[0]}' fits: press Enter again to take it"
        names = ", ".join(found) + (", …" if len(found) == SHOWN else "")
        take = f"press Enter again to take '{found[self.chosen]}'"
        return f"several classes fit ({names}): {take}, or type more of the name"

    def typed(self, key: str) -> ClassSearch:
        """Return the search after one more key: a character, `Backspace`, `ArrowUp`, `ArrowDown` or `Tab`."""
        if key == "Backspace":
            return replace(self, text=self.text[:-1], chosen=0)
        if key in ("ArrowDown", "Tab", "ArrowUp"):
            step = -1 if key == "ArrowUp" else 1
            return replace(self, chosen=(self.chosen + step) % max(1, len(self._found)))
        if len(key) == 1 and key.isprintable():
            return replace(self, text=self.text + key, chosen=0)
        return self

    def with_text(self, text: str) -> ClassSearch:
        """Return the search after a pasted text; characters that cannot be shown are left out."""
        return replace(self, text=self.text + "".join(filter(str.isprintable, text)), chosen=0)

    @property
    def _found(self) -> tuple[int, ...]:
        wanted = self.text.casefold().strip()
        if not wanted:
            return ()
        ranked = []
        for number in range(len(self.labels)):
            for is_other, names in enumerate(self._names(number)):
                found = [name.casefold() for name in names if wanted in name.casefold()]
                if found:
                    name = min(found, key=lambda each: (not each.startswith(wanted), len(each)))
                    begins, word = name.startswith(wanted), f" {wanted}" in name
                    ranked.append((not begins, not word, is_other, len(name), number))
                    break
        return tuple(number for *_, number in sorted(ranked)[:SHOWN])

    def _names(self, number: int) -> tuple[Sequence[str], Sequence[str]]:
        """Return the name of a class, and its further names."""
        return (self.labels[number],), self.others[number] if self.others else ()

    def _told(self, number: int) -> str:
        """Return a name as it is offered: with the further name that found it, if one did."""
        wanted = self.text.casefold().strip()
        (label,), others = self._names(number)
        by = next((name for name in others if wanted in name.casefold()), None)
        return label if by is None or wanted in label.casefold() else f"{label}  ({by})"
