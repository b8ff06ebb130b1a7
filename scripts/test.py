#!/usr/bin/env python3
"""Run the tests, in an environment made on the first run: `python3 scripts/test.py [PYTEST ARGUMENTS]`.

The slow groups stay out unless named: `python3 scripts/test.py -m bench`. All but they run in one process
more than there are cores, for many tests wait for a window or a page; `-n 0` runs them in one.
With LIVE_GRADCAM_NO_SKIPS=1 in the environment, a test that skips fails: see tests/no_skips.py.
"""

import os
import sys

import environment

MOST_PROCESSES = 4
"""Each holds TensorFlow and the networks of its tests: up to 3 GB."""

SLOW_GROUPS = ("bench", "fuzz", "geometry", "hostile", "keras2", "load", "peers", "screens", "soak")


def main() -> int:
    """Run pytest and return its exit code."""
    environment.prepare("demo", "dev")
    quick = " and ".join(f"not {group}" for group in SLOW_GROUPS)
    strict = ["-p", "tests.no_skips"] if os.environ.get("LIVE_GRADCAM_NO_SKIPS", "0") not in ("", "0") else []
    typed = sys.argv[1:]
    alone = any(argument.startswith("-m") for argument in typed)  # a slow group measures, or fills the memory
    spread = (
        [] if alone else ["-n", str(min(MOST_PROCESSES, (os.cpu_count() or 1) + 1)), "--dist", "worksteal"]
    )
    command = [str(environment.PYTHON), "-m", "pytest", "-m", quick, *spread, *strict, *typed]
    return environment.run(command, cwd=environment.ROOT)


if __name__ == "__main__":
    sys.exit(main())
