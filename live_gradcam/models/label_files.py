"""Reads class names from a file; the content decides the format, not the name."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from live_gradcam.errors import ModelError
from live_gradcam.models.label_entries import LabelEntry, LabelFault, labels_of
from live_gradcam.models.label_structures import (
    NAMES,
    assigned,
    entries_of,
    is_yaml,
    json_entries,
    yaml_entries,
)
from live_gradcam.models.label_tables import bare_tables, counted_tables, headed_tables, one_column
from live_gradcam.models.label_text import UTF_8, decoded, line_readings
from live_gradcam.models.labels import Labels

logger = logging.getLogger(__name__)

MOST_BYTES = 16_000_000
"""Bytes of a label file at most; the names of a million classes take less."""

_FORMS = (
    "one name a line (with or without its number), CSV, JSON, YAML, a label map (pbtxt), Teachable Machine's "
    "metadata.json"
)

_STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "it is a Git LFS pointer, not the file. Fetch it with: git lfs pull"),
    (b"PK\x03\x04", "it is a ZIP archive or an Excel workbook. Unpack it, or save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "it is an Excel or Word document. Save it as CSV"),
    (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file, perhaps the model itself. Give the file of names"),
    (b"\x89PNG", "it is a picture. Give the file of names"),
    (b"\xff\xd8\xff", "it is a picture. Give the file of names"),
    (b"GIF8", "it is a picture. Give the file of names"),
    (b"%PDF", "it is a PDF document. Save the names as text"),
    (b"\x1f\x8b", "it is compressed (gzip). Unpack it first"),
    (b"BZh", "it is compressed (bzip2). Unpack it first"),
    (b"\xfd7zXZ", "it is compressed (xz). Unpack it first"),
    (b"7z\xbc\xaf", "it is compressed (7z). Unpack it first"),
)
"""First bytes of files of other kinds, and what to do with such a file."""

_PICKLED = (
    "it is a Python pickle, which can run code when it is read. Where it was made, write JSON instead: "
    "json.dump(class_indices, open('labels.json', 'w'))"
)
_PAGE = re.compile(r"\s*(?:<\?xml.{,2000})?(?:<!doctype html|<html|<head)", re.IGNORECASE | re.DOTALL)
_XML = re.compile(
    r"\s*(?:<\?xml\b|<!doctype\b|<(?:annotations?|labels?|classes|root)\b[^>\n]*>)", re.IGNORECASE
)


def read_labels(path: Path, counts: Collection[int] = ()) -> Labels:
    """Return the class names of a file.

    Args:
        path: one of these, whatever its name:

            - text with one name a line, alone, with a number before or after it, or after a WordNet id
            - a CSV or TSV table
            - JSON or YAML: a list, a mapping id → name or name → id, ImageNet's class index, or one of these inside
              another structure, as in Teachable Machine's metadata.json
            - TensorFlow's label map
            - a NumPy array of texts

            Numbers begin at 0 or 1 and may come in any order. A name may occur twice.
        counts: possible numbers of classes. Where a file can be read in two ways, the one with such a number is taken:
            its first line may be a header or a name.

    Raises:
        ModelError: the file cannot be read, or has another form.
    """
    if not path.exists():
        raise ModelError(f"there is no file of labels '{path}'. Check the path.")
    try:
        content = _content(path)
        if content.startswith(b"\x93NUMPY"):
            return labels_of(array_entries(content))
        text, encoding = decoded(content)
        labels = _best(text, counts)
    except LabelFault as fault:
        raise ModelError(_refusal(path, str(fault))) from None
    if encoding != UTF_8:
        logger.warning(
            "%s is not UTF-8: its names are read as %s. If they look wrong, save it as UTF-8",
            path.name,
            encoding,
        )
    return labels


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise LabelFault("it is a folder")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise LabelFault(error.strerror or "it cannot be opened") from error
    except ValueError as error:  # a NUL in the name
        raise LabelFault("its name is none") from error
    for beginning, reason in _STRANGERS:
        if content.startswith(beginning):
            raise LabelFault(reason)
    if re.match(rb"\x80[\x02-\x05]", content):
        raise LabelFault(_PICKLED)
    if len(content) > MOST_BYTES:
        raise LabelFault(f"it is larger than {MOST_BYTES // 1_000_000} MB, too large for names")
    if not content.strip():
        raise LabelFault("it is empty")
    return content


def _best(text: str, counts: Collection[int]) -> Labels:
    """Return the first reading of a text with a right number of names, or else the first reading.

    Raises:
        LabelFault: no reading gives labels.
    """
    if _PAGE.match(text):
        raise LabelFault("it is a web page, not the file. Download the file itself (on GitHub: Raw)")
    if _XML.match(text):
        pascal = " (an annotation of one picture, as of Pascal VOC)" if "<annotation" in text[:2000] else ""
        raise LabelFault(
            f"it is XML{pascal}, not a list of names. Write the names into a text file, one a line"
        )
    first: Labels | None = None
    fault: LabelFault | None = None
    for entries in _readings(text):
        try:
            labels = labels_of(entries)
        except LabelFault as error:
            fault = fault or error
            continue
        if not counts or len(labels) in counts:
            return labels
        first = first or labels
    if first is not None and fault is None:
        return first
    if fault is not None:
        raise fault
    raise LabelFault("there is no name in it")


def _readings(text: str) -> Iterator[list[LabelEntry]]:
    """Yield the possible readings of a text, the likeliest first.

    Raises:
        LabelFault: the format is certain, and the text is damaged.
    """
    begin = text.lstrip()[:1]
    if begin in ("{", "[") and not re.match(r"\s*\[[^\]\n]*\]\s*\n\s*[^\s\]]", text):
        yield json_entries(text)
    elif (content := assigned(text)) is not None:
        yield json_entries(content)
    elif is_pbtxt(text):
        yield pbtxt_entries(text)
    elif is_yaml(text):
        yield yaml_entries(text)
    else:
        yield from chain(headed_tables(text), one_column(text), _unheaded(text), _lines(text))


def _lines(text: str) -> Iterator[list[LabelEntry]]:
    """Yield the readings of lines; a reading as names with counts comes first if the lines are not numbered."""
    lines = line_readings(text)
    first = next(lines, None)
    if first is not None and not any(entry.number is not None for entry in first):
        yield from counted_tables(text)
    if first is not None:
        yield first
    yield from lines


def _unheaded(text: str) -> Iterator[list[LabelEntry]]:
    """Yield the reading of a table without a header where it tells more than lines do."""
    lines = next(iter(line_readings(text)), [])
    numbered = any(entry.number is not None for entry in lines)
    if (
        '"' in text
        or not numbered
        or any(separator in entry.name for entry in lines for separator in "\t,;|")
    ):
        yield from bare_tables(text)


def _refusal(path: Path, reason: str) -> str:
    shown = str(path) if len(str(path)) <= 100 else f"…{str(path)[-99:]}"
    reason = reason if len(reason) <= 200 else f"{reason[:199]}…"
    if ". " in reason:  # the reason already says what to do
        return f"cannot read the labels {shown}: {reason}."
    return f"cannot read the labels {shown}: {reason}. Expected: {_FORMS}."


def array_entries(content: bytes) -> list[LabelEntry]:
    """Return the entries of a NumPy file with a list of texts or numbers, from `np.save("classes.npy", classes)`.

    Raises:
        LabelFault: it holds something else, or Python objects, which are a pickle.
    """
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, kind = read(stream)
        left = len(content) - stream.tell()
        if kind.hasobject:
            raise LabelFault(
                "it is a NumPy file of Python objects, which can run code when it is read. Save it as "
                "numpy.save(FILE, names.astype(str))"
            )
        if len(shape) != 1 or kind.kind not in "USiu" or kind.itemsize * shape[0] > left:
            raise LabelFault("it is a NumPy file, but no list of names")
        array = np.frombuffer(content, kind, shape[0], stream.tell())
    except LabelFault:
        raise
    except Exception:  # NumPy's parser of headers may raise any error of Python's own parser
        raise LabelFault("it is a NumPy file that is damaged") from None
    try:
        return [
            LabelEntry(each.decode() if isinstance(each, bytes) else str(each)) for each in array.tolist()
        ]
    except UnicodeDecodeError:
        raise LabelFault("it is a NumPy file of bytes that are no UTF-8 text") from None


_PBTXT = re.compile(
    r"\s+|\#[^\n]*|(?P<word>[A-Za-z_]\w*)|(?P<number>-?\d+)|(?P<sign>[{}<>:;,\[\]])"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def is_pbtxt(text: str) -> bool:
    """Whether a text is a label map of TensorFlow: `item { id: 1 name: 'cat' }`, a protocol buffer as text."""
    return re.search(r"(?:^|[\s}])(?:item|entries|class|label)s?\s*:?\s*[{<]\s*[A-Za-z_#]", text) is not None


def pbtxt_entries(text: str) -> list[LabelEntry]:
    """Return the entries of a label map; a display name counts before the id of a knowledge graph.

    Raises:
        LabelFault: it is damaged.
    """
    items: list[dict[str, str]] = []
    depth, key, position = 0, "", 0
    while position < len(text):
        match = _PBTXT.match(text, position)
        if match is None:
            raise LabelFault(
                f"it begins like a label map, but is invalid (line {text.count(chr(10), 0, position) + 1})"
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
        unnumbered[0]["id"] = "0"  # protocol buffers leave out a 0
    return entries_of(items)


def _unescaped(quoted: str) -> str:
    """Return a text of a protocol buffer without its escapes, which may be single bytes of UTF-8."""

    def byte(match: re.Match[bytes]) -> bytes:
        if match[1] or match[2]:
            return bytes([int(match[1] or match[2], 8 if match[1] else 16) & 255])
        return _ESCAPED.get(match[3], match[3])

    return _ESCAPE.sub(byte, quoted[1:-1].encode()).decode(errors="replace")
