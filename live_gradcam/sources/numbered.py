"""Numbered pictures: the files that match a pattern such as `frame_%04d.jpg`."""

from __future__ import annotations

import re
from pathlib import Path

_NUMBER = re.compile(r"%(0?)(\d*)d")


def numbered_files(pattern: Path) -> list[Path]:
    """Return the files that match a printf pattern, as FFmpeg's image2 does, but also across gaps.

    Args:
        pattern: a path whose last part has one `%d`, or `%04d` for numbers of at least four digits; `%%` is a percent
            sign.

    Returns:
        The files in the order of their numbers; empty if it is no such pattern, or nothing matches.
    """
    parts = pattern.name.split("%%")
    if sum(len(_NUMBER.findall(part)) for part in parts) != 1 or not pattern.parent.is_dir():
        return []
    expression = "%".join(_escaped(part) for part in parts)
    found: list[tuple[int, Path]] = []
    for file in pattern.parent.iterdir():
        match = re.fullmatch(expression, file.name)
        if match is not None and file.is_file():
            found.append((int(match[1]), file))
    return [file for _, file in sorted(found)]


def _escaped(part: str) -> str:
    """Return the regular expression for a part of a name, in which `%04d` matches numbers."""
    match = _NUMBER.search(part)
    if match is None:
        return re.escape(part)
    width = int(match[2] or 1) if match[1] else 1
    # A number has as many digits as it needs, or is zero-padded to the width.
    digits = rf"([0-9]{{{width}}}|[1-9][0-9]{{{width},}})" if width > 1 else r"(0|[1-9][0-9]*)"
    return re.escape(part[: match.start()]) + digits + re.escape(part[match.end() :])
