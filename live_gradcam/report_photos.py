"""Which file each photograph of an audit's report is, by number: a server shows it without a path in its address."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from live_gradcam.cache_files import write_whole

_FILE = Path(".live-gradcam", "photos.json")


def write_photo_list(folder: Path, photos: Sequence[Path | None]) -> None:
    """Write down the files of a report's photographs.

    Args:
        folder: of the report.
        photos: the file of each photograph, in the order of the report's findings; None where it is unknown.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps({"photos": [None if each is None else str(each.absolute()) for each in photos]})
    write_whole(folder / _FILE, lambda file: file.write(text.encode()))


def read_photo_list(folder: Path) -> tuple[Path | None, ...]:
    """Return the files of a report's photographs, which may be gone by now; none where no list was written.

    Args:
        folder: of the report.
    """
    try:
        listed = json.loads((folder / _FILE).read_bytes())["photos"]
        return tuple(Path(each) if isinstance(each, str) else None for each in listed)
    except (OSError, ValueError, KeyError, TypeError):
        return ()
