"""Translations of the interface, one file for each language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

_SLOT = "{}"
_BETWEEN = " · "
"""Separates lines that are shown together."""


class Words:
    """Translates the program's own texts; a text without a translation is returned unchanged.

    Args:
        table: English text → translation. `{}` stands for a variable part, which is itself translated.
    """

    def __init__(self, table: Mapping[str, str]) -> None:
        self._exact = {text: said for text, said in table.items() if _SLOT not in text}
        patterns = {text: said for text, said in table.items() if _SLOT in text}
        # Longest first: `no evidence for {}` before `{}: no evidence`.
        self._patterns = [
            (re.compile("(.+)".join(map(re.escape, text.split(_SLOT)))), patterns[text])
            for text in sorted(patterns, key=len, reverse=True)
        ]

    def __call__(self, text: str) -> str:
        """Return the translation of a text."""
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
        """Return a line of statistics, a name and a value separated by a tab, with its name translated."""
        name, tab, value = line.partition("\t")
        return f"{self(name)}{tab}{value}"


ENGLISH = Words({})


def table_of(lang: str) -> dict[str, str]:
    """Return English text → translation for a language such as `zh`; empty if it has no file."""
    if lang == "en":
        return {}
    file = resources.files("live_gradcam").joinpath("languages", f"{lang}.toml")
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


@cache
def words_of(lang: str) -> Words:
    """Return a language's translations; English if it has no file."""
    table = table_of(lang)
    return Words(table) if table else ENGLISH
