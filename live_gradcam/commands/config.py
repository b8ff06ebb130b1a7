"""`config`: the settings of a show as a file, which `--config` takes."""

from __future__ import annotations

from typing import Any

import typer

from live_gradcam.commands import options
from live_gradcam.commands.settings import Command, known_settings, take_options


def config_command(commands: dict[str, Command]) -> Command:
    """Return the command, which takes every option that one of these commands takes.

    Args:
        commands: name → function.
    """
    known = known_settings(commands)

    def config(
        *,
        config: options.ConfigFile = None,
        debug: options.Debug = False,
        **values: Any,  # noqa: ANN401 - each of its setting's kind
    ) -> None:
        """Print all settings as a file for --config, with comments; options given here are set in it."""
        del config, debug
        from live_gradcam.commands.settings_file import write_settings

        # As bytes: what a terminal or a Windows shell takes for the encoding is no concern of the file's.
        typer.echo(write_settings(known, values).encode(), nl=False)

    take_options(config, known.values())
    return config
