"""The words of the interface, in the viewer's language: one file for each language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

_SLOT = "{}"
_BETWEEN = " · "
"""Stands between lines that are told together."""


class Words:
    """Puts the program's own words into a language; what it has no words for stays as it is.

    Args:
        table: English text → text in the language. `{}` stands for what differs, which is translated in its turn.
    """

    def __init__(self, table: Mapping[str, str]) -> None:
        self._exact = {text: said for text, said in table.items() if _SLOT not in text}
        patterns = {text: said for text, said in table.items() if _SLOT in text}
        # The longest first: `no evidence for {}` before `{}: no evidence`.
        self._patterns = [
            (re.compile("(.+)".join(map(re.escape, text.split(_SLOT)))), patterns[text])
            for text in sorted(patterns, key=len, reverse=True)
        ]

    def __call__(self, text: str) -> str:
        """Return a text in the language."""
        if not self._exact or not text:
            return text
        if (exact := self._exact.get(text)) is not None:
            return exact
        if _BETWEEN in text:
            return _BETWEEN.join(map(self, text.split(_BETWEEN)))
        for pattern, said in self._patterns:
            if (match := pattern.fullmatch(text)) is not None:
                return said.format(*map(self, match.groups()))
        return text

    def of_figure(self, line: str) -> str:
        """Return a line of figures, a name and a value with a tab between, with the name in the language."""
        name, tab, value = line.partition("\t")
        return f"{self(name)}{tab}{value}"


ENGLISH = Words({})


def table_of(lang: str) -> dict[str, str]:
    """Return English text → text in a language, such as `zh`; empty where the language has no file of its own."""
    if lang == "en":
        return {}
    file = resources.files("live_gradcam").joinpath("languages", f"{lang}.toml")
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


@cache
def words_of(lang: str) -> Words:
    """Return the words of a language; one without a file of its own is spoken English."""
    table = table_of(lang)
    return Words(table) if table else ENGLISH
