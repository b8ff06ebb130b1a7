"""Labels in TensorFlow's label map, a protocol buffer's text: `item { id: 1 name: 'cat' }`."""

from __future__ import annotations

import re

from live_gradcam.models.label_entries import LabelEntry, LabelFault
from live_gradcam.models.label_structures import NAMES, entries_of

_PBTXT = re.compile(
    r"\s+|\#[^\n]*|(?P<word>[A-Za-z_]\w*)|(?P<number>-?\d+)|(?P<sign>[{}<>:;,\[\]])"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def is_pbtxt(text: str) -> bool:
    """Return whether a text is TensorFlow's label map, `item { id: 1 name: 'cat' }`."""
    return re.search(r"(?:^|[\s}])(?:item|entries|class|label)s?\s*:?\s*[{<]\s*[A-Za-z_#]", text) is not None


def pbtxt_entries(text: str) -> list[LabelEntry]:
    """Return the entries of a label map; the name that is meant to be shown comes before an id of a knowledge graph.

    Raises:
        LabelFault: it is none.
    """
    items: list[dict[str, str]] = []
    depth, key, position = 0, "", 0
    while position < len(text):
        match = _PBTXT.match(text, position)
        if match is None:
            raise LabelFault(
                f"it begins like a label map and is none (line {text.count(chr(10), 0, position) + 1})"
            )
        position = match.end()
        if match["sign"] in ("{", "<"):
            depth += 1
            if depth == 1:
                items.append({})
        elif match["sign"] in ("}", ">"):
            depth -= 1
        elif match["word"]:
            key = match["word"]
        elif depth == 1 and key and (match["number"] or match["text"]):
            value = match["number"] or _unescaped(match["text"])
            items[-1].setdefault(key, value)
            key = ""
    if depth:
        raise LabelFault("its last item is not closed: the file is cut off")
    items = [item for item in items if any(name in item for name in NAMES)]
    unnumbered = [item for item in items if "id" not in item]
    if len(unnumbered) == 1 < len(items):
        unnumbered[0]["id"] = "0"  # which its writer leaves out
    return entries_of(items)


def _unescaped(quoted: str) -> str:
    """Return a protocol buffer's text, in which bytes of UTF-8 may stand as octal numbers."""

    def byte(match: re.Match[bytes]) -> bytes:
        if match[1] or match[2]:
            return bytes([int(match[1] or match[2], 8 if match[1] else 16) & 255])
        return _ESCAPED.get(match[3], match[3])

    return _ESCAPE.sub(byte, quoted[1:-1].encode()).decode(errors="replace")
