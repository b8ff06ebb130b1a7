#!/usr/bin/env python3
"""Show the demo, in an environment that is made on the first run: `python3 scripts/demo.py [ARGUMENTS]`.

The arguments are those of `live-gradcam`; without --source it is the demo. Where there is no display, demo.mp4
and demo.png are written to the current folder instead.
"""

import sys

import environment


def main() -> int:
    """Make the environment, run the demo in it, and return its exit code."""
    missing_library = environment.prepare("demo", "fast")
    windowless = "" if missing_library is None else environment.window_hint(missing_library)
    show = environment.ROOT / "scripts" / "show.py"
    # -P: what stands beside show.py is for the Python outside, and must not hide a module of the same name.
    return environment.run([str(environment.PYTHON), "-P", str(show), windowless, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
