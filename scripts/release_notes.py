#!/usr/bin/env python3
"""Print what CHANGELOG.md says of a release; fail where tag, version and changelog do not fit together.

python3 scripts/release_notes.py vVERSION
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class NotReadyError(Exception):
    """Tag, version and changelog do not fit together."""


def notes(tag: str, version_file: str, changelog: str) -> str:
    """Return the text of a release.

    Args:
        tag: `v1.2.3`.
        version_file: the content of `live_gradcam/version.py`.
        changelog: the content of `CHANGELOG.md`.

    Raises:
        NotReadyError: the version is another one, or its section of the changelog is missing, undated or empty.
    """
    version = re.search(r'^__version__ = "(.+)"$', version_file, re.MULTILINE)
    if version is None or tag != f"v{version[1]}":
        found = "none" if version is None else version[1]
        raise NotReadyError(
            f"the tag is {tag} and live_gradcam/version.py has {found}: the tag must be v{found}."
        )
    heading = rf"^## \[{re.escape(version[1])}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)"
    section = re.search(heading, changelog, re.MULTILINE | re.DOTALL)
    if section is None:
        raise NotReadyError(f"CHANGELOG.md has no heading '## [{version[1]}] - YEAR-MONTH-DAY'.")
    if "\n- " not in section[1]:
        raise NotReadyError(f"CHANGELOG.md lists nothing under {version[1]}.")
    return section[1].strip()


def main(arguments: "list[str]") -> int:
    """Print the text of the release that a tag names."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    version_file = (ROOT / "live_gradcam" / "version.py").read_text("utf-8")
    try:
        print(notes(arguments[0], version_file, (ROOT / "CHANGELOG.md").read_text("utf-8")))
    except NotReadyError as error:
        print(f"not ready: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
