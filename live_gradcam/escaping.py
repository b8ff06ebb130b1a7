"""Printable text: names and lines that a terminal, a table or a JSON file can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""What a JSON file can hold."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, and characters that change the direction of text."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters at which Python and other readers end a line, and surrogates."""


def shown(name: str | Path) -> str:
    r"""Return a name, or a line that holds names, with unprintable characters escaped: `a\nb`, `caf\xe9.jpg`."""
    return _UNPRINTABLE.sub(_escaped, str(name))


def json_text(value: Json, *, ascii_only: bool = False, indent: int | None = None) -> str:
    r"""Return a value as JSON that every reader accepts: bytes of a name that are not UTF-8 become `\xe9`.

    Args:
        value: what `json.dumps` takes. NaN and infinity, which JSON lacks, raise ValueError.
        ascii_only: whether to escape non-ASCII letters.
        indent: as in `json.dumps`.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    if _NOT_IN_JSON.search(text):
        text = _SURROGATE.sub(lambda found: _escaped(found).replace("\\", "\\\\"), text)
        text = _NOT_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return json.dumps(json.loads(text), indent=indent) if ascii_only else text


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return found[0].encode("unicode_escape").decode("ascii")
