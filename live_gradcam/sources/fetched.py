"""Content fetched from an address and held in memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """The content of an address."""

    name: str
    """The address, safe to show."""

    suffix: str
    """File name ending of its path, such as `.jpg`, in lower case; empty if it has none."""

    data: bytes
