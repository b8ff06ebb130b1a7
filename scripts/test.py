#!/usr/bin/env python3
"""Run the tests: `python3 scripts/test.py [--quick] [PYTEST ARGUMENTS]`.

The first run makes the environment. `--quick` keeps the tests that start no process and build no network: see
tests/quick.py. The slow groups run only where they are named, in one process: `python3 scripts/test.py -m soak`.
All other tests run in two processes more than there are cores, because many of them wait for a window or a page;
`-n 0` runs them in one. With LIVE_GRADCAM_NO_SKIPS=1 in the environment, a test that skips fails: see
tests/no_skips.py.
"""

import os
import sys

import environment

MOST_PROCESSES = 4
"""Each holds TensorFlow and the networks of its tests: up to 3 GB."""

SLOW_GROUPS = (
    "audits",
    "fuzz",
    "geometry",
    "hostile",
    "keras2",
    "lessons",
    "load",
    "peers",
    "runs",
    "runtimes",
    "screens",
    "soak",
)


def main() -> int:
    """Run pytest and return its exit code."""
    environment.prepare("demo", "dev")
    os.environ.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # each process would compile the package and the tests again
    typed = [argument for argument in sys.argv[1:] if argument != "--quick"]
    plugins = ["-p", "tests.quick"] if len(typed) < len(sys.argv) - 1 else []
    if os.environ.get("LIVE_GRADCAM_NO_SKIPS", "0") not in ("", "0"):
        plugins += ["-p", "tests.no_skips"]
    usual = " and ".join(f"not {group}" for group in SLOW_GROUPS)
    alone = any(argument.startswith("-m") for argument in typed)  # a slow group measures, or fills the memory
    spread = (
        [] if alone else ["-n", str(min(MOST_PROCESSES, (os.cpu_count() or 1) + 2)), "--dist", "worksteal"]
    )
    command = [str(environment.PYTHON), "-m", "pytest", "-m", usual, *spread, *plugins, *typed]
    return environment.run(command, cwd=environment.ROOT)


if __name__ == "__main__":
    sys.exit(main())
