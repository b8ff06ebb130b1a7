"""A file that was fetched from an address and is held in memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """The content behind an address."""

    name: str
    """The address, fit to be shown."""

    suffix: str
    """The ending of its path, such as `.jpg`, in small letters; empty where it has none."""

    data: bytes
