"""The prompt: a class is typed, and found as one types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

SHOWN = 6
"""How many completions are offered."""


@dataclass(frozen=True, slots=True)
class ClassSearch:
    """What was typed so far, and what it could become."""

    labels: Sequence[str]
    others: Sequence[Sequence[str]] = ()
    """For each label further names, by which it is found; empty: there are none."""

    text: str = ""
    chosen: int = 0
    """Which of the completions, from 0."""

    @property
    def completions(self) -> tuple[str, ...]:
        """Return the names that fit, those that begin so first."""
        return tuple(self._told(number) for number in self._found)

    @property
    def class_id(self) -> int | None:
        """The class that Enter takes; None where no name fits."""
        found = self._found
        return found[self.chosen] if self.chosen < len(found) else None

    @property
    def is_clear(self) -> bool:
        """Whether but one class is meant: there is no other, or the text is all of a name."""
        wanted = self.text.casefold().strip()
        chosen = () if self.class_id is None else self._names(self.class_id)
        exact = any(wanted == name.casefold() for names in chosen for name in names)
        return len(self._found) == 1 or exact

    @property
    def advice(self) -> str:
        """What is found, and what to do next: a line for who types elsewhere and does not look at the picture."""
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
        """Return the prompt after one more key: a character, `Backspace`, `ArrowUp`, `ArrowDown` or `Tab`."""
        if key == "Backspace":
            return replace(self, text=self.text[:-1], chosen=0)
        if key in ("ArrowDown", "Tab", "ArrowUp"):
            step = -1 if key == "ArrowUp" else 1
            return replace(self, chosen=(self.chosen + step) % max(1, len(self._found)))
        if len(key) == 1 and key.isprintable():
            return replace(self, text=self.text + key, chosen=0)
        return self

    def with_text(self, text: str) -> ClassSearch:
        """Return the prompt after a text that came as a whole; what cannot be shown is left out of it."""
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
        """Return the name of a class, and its further ones."""
        return (self.labels[number],), self.others[number] if self.others else ()

    def _told(self, number: int) -> str:
        """Return a name as it is offered: with the other one, where it is found by that."""
        wanted = self.text.casefold().strip()
        (label,), others = self._names(number)
        by = next((name for name in others if wanted in name.casefold()), None)
        return label if by is None or wanted in label.casefold() else f"{label}  ({by})"
