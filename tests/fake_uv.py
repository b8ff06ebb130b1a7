"""A pretend `uv` for the tests of the scripts: makes a `.venv` in a moment and installs nothing.

It is copied to a folder on the PATH as `uv`. Beside it, `log` gets one line for each call, and `behaviour` may
hold a word: `fail`, `offline`, `hang` (until the script is gone), `no-libgl` (the wheel with windows can't load),
`broken-opencv`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

HOME = Path(__file__).resolve().parent
PYTHON = """#!/bin/sh
# A pretend interpreter: it answers what the scripts ask of it, and writes down what it was to run.
case "$*" in
  *"import cv2"*)
    if [ "$(cat "{home}/opencv")" = headless ]; then exit 0; fi
    case "$(cat "{home}/behaviour")" in
      no-libgl) echo "ImportError: libNoSuch.so.1: cannot open shared object file: No such file" >&2; exit 1;;
      broken-opencv) echo "ImportError: numpy is too old" >&2; exit 1;;
    esac;;
  *distributions*)
    if [ "$(cat "{home}/opencv")" = headless ]; then printf '\\n5.0.0\\n'; else printf '5.0.0\\n\\n'; fi;;
  *) echo "ran $*"; exit 7;;
esac
"""


def main(arguments: list[str]) -> int:
    """Do as `uv` would, without doing it."""
    with (HOME / "log").open("a", encoding="utf-8") as log:
        log.write(" ".join(arguments) + "\n")
    behaviour = (HOME / "behaviour").read_text("utf-8")
    if arguments[0] == "venv":
        venv = Path(arguments[-1])
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        (venv / "pyvenv.cfg").write_text("version_info = {}.{}.0\n".format(*sys.version_info[:2]), "utf-8")
        (venv / "bin" / "python").write_text(PYTHON.format(home=HOME), "utf-8")
        (venv / "bin" / "python").chmod(0o755)
        return 0
    if "--editable" in arguments:
        script = os.getppid()
        while behaviour == "hang" and os.getppid() == script:
            time.sleep(0.05)
        if behaviour in ("fail", "offline"):
            cause = "dns error" if behaviour == "offline" else "No space left on device"
            sys.stderr.write("line one\n" + f"error: {cause}\n")
            return 2
    if arguments[1] == "install":
        headless = any("headless" in argument for argument in arguments)
        (HOME / "opencv").write_text("headless" if headless else "windows", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
