r"""File names: expand what was typed, suggest near names, match globs, and extend names.

On Linux a name is bytes; Python represents a byte that is not UTF-8 by a lone surrogate. Such a name opens its file,
but no terminal, table or JSON file can hold it: `shown` and `json_text` write `\xe9` there.
"""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from live_gradcam.escaping import shown
from live_gradcam.name_suggestions import nearest

_MOST_BESIDE = 5_000
"""Files of a folder that are compared with a missing name."""

_LONGEST = 255
"""Bytes that a name may have on every common file system."""


def expanded(typed: str | Path) -> Path:
    """Return the typed path, with `~` and `~user` replaced by a home folder.

    A file of that literal name takes precedence, and a `~` that names no user stays.
    """
    path = Path(typed)
    if not str(path).startswith("~") or os.path.lexists(path):
        return path
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def nearest_paths(path: str | Path, *, among: Callable[[Path], bool] | None = None) -> list[str]:
    """Return up to three existing paths that are spelled nearly like a missing one, the best first.

    The first missing part of the path is corrected: `foto/2024/a.jpg` finds `photo/2024/a.jpg`. A folder ends with a
    slash. A file of the same name with another ending counts as near.

    Args:
        path: what was typed.
        among: returns whether a file or folder may be suggested; None for all.
    """
    missing = expanded(path)
    while not missing.parent.is_dir() and missing.parent != missing:
        missing = missing.parent
    rest = expanded(path).relative_to(missing)
    hidden = missing.name.startswith(".")
    try:
        beside = list(itertools.islice(missing.parent.iterdir(), _MOST_BESIDE))
    except OSError:
        return []
    beside = [each for each in sorted(beside) if (hidden or not each.name.startswith("."))]
    if among is not None:
        beside = [each for each in beside if among(each)]
    names = [each.name for each in beside]
    stem = missing.stem.casefold()
    same = [name for name in names if Path(name).stem.casefold() == stem != ""]
    found = []
    for name in list(dict.fromkeys([*same, *nearest(missing.name, names)]))[:3]:
        near = missing.with_name(name)
        inside = near / rest
        near = inside if os.path.lexists(inside) else near
        found.append(f"{shown(near)}{os.sep}" if near.is_dir() else shown(near))
    return found


def matches(pattern: str | Path, *, recursive: bool = False) -> Iterator[Path]:
    """Yield the paths that a glob matches, in no order. Brackets in the name of an existing folder are literal.

    Args:
        pattern: such as `photos [2024]/*.jpg`.
        recursive: whether `**` descends into folders.
    """
    fixed = fixed_part(pattern)
    rest = str(Path(pattern).relative_to(fixed)) if fixed != Path() else str(pattern)
    whole = Path(glob.escape(str(fixed)), rest)
    yield from map(Path, glob.iglob(str(whole), recursive=recursive))  # noqa: PTH207 - Path.glob takes no absolute one


def fixed_part(pattern: str | Path) -> Path:
    """Return the folder that a glob starts from: its leading parts that have no wildcard, or that exist."""
    fixed = Path()
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part) and not (fixed / part).is_dir():
            break
        fixed = fixed / part
    return fixed


def marked(path: Path, mark: str) -> Path:
    """Return the path with a mark before its ending, `NAME.part.EXT`, shortened if the name is too long."""
    return fitting(path.with_name(f"{path.stem}.{mark}{path.suffix}"))


def fitting(path: Path) -> Path:
    """Return the path; if its name is too long for a file system, shortened and made unique by a hash."""
    name = path.name
    if len(os.fsencode(name)) <= _LONGEST:
        return path
    # Keep the last two endings: in `NAME.part.mp4` both matter.
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
