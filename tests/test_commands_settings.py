"""The settings: which options the commands share, and how one command takes those of another."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Annotated, Any

import pytest
import typer

from live_gradcam.cli import COMMANDS
from live_gradcam.commands import options
from live_gradcam.commands.settings import settings_of, take_options
from live_gradcam.config import ExplainSettings, Settings


@pytest.mark.parametrize("name", ["live", "annotate", "serve", "doctor"])
def test_all_that_is_said_of_an_explanation_can_be_said_to_every_command_that_explains(name: str) -> None:
    known = {setting.parameter for setting in settings_of(name, COMMANDS[name]).values()}
    assert {each.name for each in fields(ExplainSettings)} <= known


def test_live_has_an_option_for_each_of_its_settings_and_the_same_default() -> None:
    options_of_live = {each.parameter: each for each in settings_of("live", COMMANDS["live"]).values()}
    assert set(options_of_live) == {each.name for each in fields(Settings)}
    usual = Settings()
    for name, option in options_of_live.items():
        # 0 is typed as a text, and nothing is None, False or empty.
        assert str(option.default) == str(getattr(usual, name)) or not (
            option.default or getattr(usual, name)
        )


def test_what_is_taken_stands_before_config_and_what_is_declared_stays() -> None:
    def lender(
        *, taken: Annotated[int, typer.Option(help="lent")] = 1, kept: Annotated[int, typer.Option()] = 2
    ) -> None: ...

    def command(
        *,
        kept: Annotated[str, typer.Option(help="own")] = "own",
        config: options.ConfigFile = None,
        debug: options.Debug = False,
        **lent: Any,
    ) -> None: ...

    take_options(command, settings_of("lender", lender).values())
    assert list(inspect.signature(command).parameters) == ["kept", "taken", "config", "debug"]
    found = settings_of("command", command)
    assert (found["kept"].kind, found["kept"].default) == (str, "own")
    assert (found["taken"].kind, found["taken"].default, found["taken"].option.help) == (int, 1, "lent")
