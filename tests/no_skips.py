"""A pytest plugin that turns skips into failures, for the machine on which every test should run.

`scripts/test.py` loads it where LIVE_GRADCAM_NO_SKIPS=1. A reason that begins with `only on` (`only on Windows: …`,
`only on a machine with a GPU`) belongs to another machine and may skip; an expected failure is none of its business.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

ELSEWHERE = "only on "


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(ELSEWHERE):
        report.outcome = "failed"
        report.longrepr = f"skipped, and this machine must run it: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at what came of a test."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at what came of a file: a whole one can skip."""
    report = yield
    _refuse_skip(report)
    return report
