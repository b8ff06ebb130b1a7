"""`doctor`: check whether this machine is ready for a live run."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.text import Text

from live_gradcam.commands.options import given, takes_settings
from live_gradcam.config import Settings
from live_gradcam.errors import DeviceError, LayerError, ModelError, TargetError
from live_gradcam.process.stderr_filter import native_stderr_filtered

if TYPE_CHECKING:
    from live_gradcam.commands.doctor_findings import Finding, State

_MARKS: dict[State, tuple[str, str]] = {
    "good": ("ok  ", "green"),
    "note": ("note", "yellow"),
    "fault": ("FIX ", "bold red"),
}
_OF_EACH_RUN = ("frames", "duration", "stats", "overwrite", "save_session", "also", "sinks")


@takes_settings(Settings, without=_OF_EACH_RUN)
def doctor(**typed: Any) -> None:  # noqa: ANN401 - each of its setting's kind
    """Check whether this machine is ready: run the whole program for some seconds with these settings."""
    began = time.monotonic()
    if not typed["verbose"]:
        logging.getLogger("live_gradcam").setLevel(logging.ERROR)  # the findings include the warnings
    from live_gradcam.settings_check import refuse_typos

    settings = Settings(**given(Settings, typed))
    with suppress(
        ModelError, LayerError, TargetError, DeviceError
    ):  # reported later, with the other findings
        refuse_typos(settings)
    console = Console(highlight=False, soft_wrap=True)
    faults: list[Finding] = []

    def report(finding: Finding) -> None:
        mark, style = _MARKS[finding.state]
        console.print(Text.assemble((mark, style), f"  {finding.subject:<8}  {finding.text}"))
        if finding.state == "fault":
            faults.append(finding)

    try:
        with console.status("looking …"), native_stderr_filtered():
            from live_gradcam.commands.doctor_run import trial_run

            reached = trial_run(settings, report, began=began)
    except KeyboardInterrupt:
        raise typer.Exit(1) from None  # the result is unknown
    if not faults:
        console.print(Text.assemble(("ready", "bold green"), f": {reached}"))
        return
    console.print(Text.assemble(("not ready", "bold red"), ". What to change:"))
    for fault in faults:
        console.print(Text(f"      {fault.subject:<8}  {fault.change}"))
    raise typer.Exit(1)
