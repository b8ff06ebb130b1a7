"""`config`: print all settings as a file for `--config`."""

from __future__ import annotations

from typing import Any

import typer

from live_gradcam.commands.options import Command, known_options, with_options


def config_command(commands: dict[str, Command]) -> Command:
    """Return the command `config`, with every option of these commands (name → function) that is a setting."""
    known = known_options(commands)

    def config(**typed: Any) -> None:  # noqa: ANN401 - each of its setting's kind
        """Print all settings as a file for --config, with comments; options given here are set in it."""
        from live_gradcam.commands.settings_file import write_settings

        # As bytes: the encoding of a terminal or a Windows shell must not change the file.
        typer.echo(write_settings(known, typed).encode(), nl=False)

    return with_options(config, known.values(), verbose=False)
