r"""Names of files: how they are read from what was typed, shown on one line, and extended.

On Linux a name is bytes; Python stands in a lone surrogate for a byte that is not UTF-8. Such a name opens its file,
but no terminal, table or JSON file can hold it: `shown` and `json_text` write `\xe9` there.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"  # controls, and what turns text around
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_IN_JSON = re.compile(
    "[\x7f-\x9f\u2028\u2029\ud800-\udfff]"
)  # Python and others end lines at some of them
_LONGEST = 255
"""Bytes of a name on every usual file system."""


def expanded(typed: str | Path) -> Path:
    """Return the path that was typed, with `~` and `~user` replaced by a home folder.

    A file that is called so is meant before any home folder, and a `~` that names no user stays.
    """
    path = Path(typed)
    if not str(path).startswith("~") or os.path.lexists(path):
        return path
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def shown(name: str | Path) -> str:
    r"""Return a name or a line that holds names, fit for a terminal: `a\nb`, `caf\xe9.jpg`."""
    return _UNPRINTABLE.sub(_escaped, str(name))


def json_text(value: Any, *, ascii_only: bool = False, indent: int | None = None) -> str:  # noqa: ANN401 - whatever JSON holds
    r"""Return a value as JSON that every reader takes: bytes of a name that are not UTF-8 become `\xe9`.

    Args:
        value: what `json.dumps` takes; NaN and infinity, which JSON has not, raise ValueError.
        ascii_only: whether other letters are escaped.
        indent: as of `json.dumps`.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    if _NOT_IN_JSON.search(text):
        text = _SURROGATE.sub(lambda found: _escaped(found).replace("\\", "\\\\"), text)
        text = _NOT_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return json.dumps(json.loads(text), indent=indent) if ascii_only else text


def matches(pattern: str | Path, *, recursive: bool = False) -> Iterator[Path]:
    """Give what a glob matches, in no order; brackets in the name of a folder that exists stand for themselves.

    Args:
        pattern: such as `photos [2024]/*.jpg`.
        recursive: whether `**` goes through folders.
    """
    fixed = fixed_part(pattern)
    rest = str(Path(pattern).relative_to(fixed)) if fixed != Path() else str(pattern)
    whole = Path(glob.escape(str(fixed)), rest)
    yield from map(Path, glob.iglob(str(whole), recursive=recursive))  # noqa: PTH207 - Path.glob takes no absolute one


def fixed_part(pattern: str | Path) -> Path:
    """Return the folder that a glob starts from: its leading parts that have no sign in them, or that exist."""
    fixed = Path()
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part) and not (fixed / part).is_dir():
            break
        fixed = fixed / part
    return fixed


def marked(path: Path, mark: str) -> Path:
    """Return the path with a mark before its ending, `NAME.part.EXT`, in a name that is not too long."""
    return fitting(path.with_name(f"{path.stem}.{mark}{path.suffix}"))


def fitting(path: Path) -> Path:
    """Return the path; where its name is too long for a file system, shortened and told apart by a number."""
    name = path.name
    if len(os.fsencode(name)) <= _LONGEST:
        return path
    # The last two endings: of `NAME.part.mp4` both matter.
    stem, endings = name, ""
    for _ in range(2):
        stem, dot, ending = stem.rpartition(".")
        if not dot or len(ending) > 12:
            stem, dot = f"{stem}{dot}{ending}", ""
            break
        endings = f".{ending}{endings}"
    endings = f"~{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}{endings}"
    while len(os.fsencode(stem + endings)) > _LONGEST:
        stem = stem[:-1]
    return path.with_name(stem + endings)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return found[0].encode("unicode_escape").decode("ascii")
