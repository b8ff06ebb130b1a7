#!/usr/bin/env python3
"""Run the tests, in an environment made on the first run: `python3 scripts/test.py [PYTEST ARGUMENTS]`.

The slow groups stay out unless named: `python3 scripts/test.py -m bench`.
With LIVE_GRADCAM_NO_SKIPS=1 in the environment, a test that skips fails: see tests/no_skips.py.
"""

import os
import sys

import environment

SLOW_GROUPS = ("bench", "fuzz", "geometry", "keras2", "load", "peers", "soak")


def main() -> int:
    """Run pytest and return its exit code."""
    environment.prepare("demo", "dev")
    quick = " and ".join(f"not {group}" for group in SLOW_GROUPS)
    strict = ["-p", "tests.no_skips"] if os.environ.get("LIVE_GRADCAM_NO_SKIPS", "0") not in ("", "0") else []
    command = [str(environment.PYTHON), "-m", "pytest", "-m", quick, *strict, *sys.argv[1:]]
    return environment.run(command, cwd=environment.ROOT)


if __name__ == "__main__":
    sys.exit(main())
