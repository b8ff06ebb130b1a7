#!/usr/bin/env python3
"""Run every check, all of them even where one fails.

`python3 scripts/check.py [--no-tests] [PYTEST ARGUMENTS]`
"""

import sys
import time

import environment


def main() -> int:
    """Run the checks, print a summary, and return 1 where one failed."""
    environment.prepare("demo", "dev")
    arguments = [argument for argument in sys.argv[1:] if argument != "--no-tests"]
    python = str(environment.PYTHON)
    checks = {
        "ruff check": [python, "-m", "ruff", "check"],
        "ruff format": [python, "-m", "ruff", "format", "--check"],
        "mypy": [python, "-m", "mypy"],
        "codespell": [str(environment.PYTHON.with_name("codespell"))],
        "documentation site": [sys.executable, str(environment.ROOT / "scripts" / "site.py")],
        "oxlint": [str(environment.PYTHON.with_name("oxlint")), "live_gradcam/server/page"],
    }
    if len(arguments) == len(sys.argv) - 1:
        tests = [sys.executable, str(environment.ROOT / "scripts" / "test.py"), *arguments]
        checks["tests"] = tests
        checks["upper bounds on time"] = [*tests, "-m", "timed"]
    summary = []
    failed = False
    for name, command in checks.items():
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        code = environment.run(command, cwd=environment.ROOT)
        summary.append(f"{'FAILED' if code else 'ok':>6}  {name} ({time.monotonic() - began:.0f} s)")
        failed = failed or code != 0
    print("", *summary, sep="\n", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
