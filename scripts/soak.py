#!/usr/bin/env python3
"""Run the live loop for ten minutes with each engine, or for that many seconds, and see that nothing grows.

python3 scripts/soak.py [SECONDS]

The demo is the camera and gives frames as fast as it can. What is looked at: tests/test_soak.py.
"""

import os
import sys

import environment


def main(arguments: "list[str]") -> int:
    """Run the soak test and return pytest's exit code."""
    if len(arguments) > 1 or not all(argument.isdecimal() for argument in arguments):
        print(__doc__)
        return 2
    environment.prepare("demo", "dev")
    if arguments:
        os.environ["LIVE_GRADCAM_SOAK_SECONDS"] = arguments[0]
    command = [str(environment.PYTHON), "-m", "pytest", "-q", "-m", "soak", "tests/test_soak.py"]
    return environment.run(command, cwd=environment.ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
