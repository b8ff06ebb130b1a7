"""`doctor`: whether this machine is ready for the show."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.text import Text

from live_gradcam.commands import options
from live_gradcam.commands.live import live
from live_gradcam.commands.settings import fields_of, settings_of, take_options
from live_gradcam.config import Settings
from live_gradcam.errors import DeviceError, ModelError, TargetError
from live_gradcam.process.stderr_filter import native_stderr_filtered

if TYPE_CHECKING:
    from live_gradcam.commands.findings import Finding, State

_MARKS: dict[State, tuple[str, str]] = {
    "good": ("ok  ", "green"),
    "note": ("note", "yellow"),
    "fault": ("FIX ", "bold red"),
}
_OF_EACH_RUN = ("frames", "duration", "stats", "overwrite", "save_session", "also")


def doctor(
    *,
    config: options.ConfigFile = None,
    verbose: options.Verbose = False,
    debug: options.Debug = False,  # noqa: ARG001 - read by main
    **values: Any,  # noqa: ANN401 - each of its setting's kind
) -> None:
    """Check whether this machine is ready: run the whole program for some seconds with these settings."""
    del config
    began = time.monotonic()
    if not verbose:
        logging.getLogger("live_gradcam").setLevel(logging.ERROR)  # what it warns of stands in the findings
    from live_gradcam.settings_check import refuse_typos

    settings = Settings(**fields_of(values))
    with suppress(ModelError, TargetError, DeviceError):  # a finding, told with all the others
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
            from live_gradcam.commands.rehearsal import rehearse

            reached = rehearse(settings, report, began=began)
    except KeyboardInterrupt:
        raise typer.Exit(1) from None  # nobody knows whether it is ready
    if not faults:
        console.print(Text.assemble(("ready", "bold green"), f": {reached}"))
        return
    console.print(Text.assemble(("not ready", "bold red"), ". What to change:"))
    for fault in faults:
        console.print(Text(f"      {fault.subject:<8}  {fault.change}"))
    raise typer.Exit(1)


take_options(
    doctor, (each for each in settings_of("live", live).values() if each.parameter not in _OF_EACH_RUN)
)
