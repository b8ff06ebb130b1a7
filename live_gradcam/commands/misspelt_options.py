"""Misspelt options and values: which valid ones are nearest."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from itertools import takewhile
from typing import Any

from live_gradcam.commands.positional_source import WrongUsage, may_be_source
from live_gradcam.name_suggestions import nearest
from live_gradcam.setting_choices import choice_meant, not_among
from live_gradcam.viewer_input import ACTIONS

_MOST_NAMED = 2
_DASHES = ("-", "−", "–")


def one_of(name: str, choices: Sequence[str]) -> Callable[[str], str]:
    """Return a parser for an option's value that is one of a few texts, in any letter case.

    Args:
        name: the option, `--fit`.
        choices: the texts.

    Returns:
        A function for `typer.Option(parser=…)`; it raises `WrongUsage`, with the nearest text.
    """

    def read(received: str) -> str:
        meant = choice_meant(received, choices)
        if meant is None:
            raise WrongUsage(not_among(name, received, choices))
        return meant

    return read


def no_such_option(received: str, context: Any) -> str:  # noqa: ANN401 - of typer's own click
    """Return the message for an option that a command does not have.

    Args:
        received: the option as typed, `--mirorr`.
        context: the command's context.

    Returns:
        One line: the command that has the option, the nearest option of this command, or the key that does it.
    """
    command, said = context.command.name, f"there is no option {received}"
    word = received.lstrip("-").casefold().replace("_", "-")
    parameters = context.command.params
    if word in [each.name for each in parameters if each.param_type_name == "argument"]:
        return f"{said}: give it alone, as in `live-gradcam {command} {word.upper()}`."
    own = {name for each in parameters for name in (*each.opts, *each.secondary_opts)}
    have = [
        name
        for name, other in context.find_root().obj.items()
        if any(f"--{word}" in each.opts for each in other.params)
    ]
    if have and f"--{word}" not in own:
        return f"{said} for `live-gradcam {command}`; `live-gradcam {have[0]}` has it."
    near = nearest(word, _without_opposites(word, own), _MOST_NAMED) if len(word) > 1 else []
    if near:
        return f"{said}. Did you mean {' or '.join(f'--{each}' for each in near)}?"
    action = next((each for each in ACTIONS if each.name == word), None)
    key = f" In the window the key {action.key} does it." if action is not None else ""
    return f"{said}.{key} `live-gradcam {command} --help` lists the options."


def refuse_unquoted_target(typed: Sequence[str]) -> None:
    """Check that a target of several words is quoted, unlike in `--target tabby - tiger cat`.

    Args:
        typed: the arguments after the program's name.

    Raises:
        WrongUsage: it is not; the message shows it with quotes.
    """
    for at, word in enumerate(typed):
        if word in ("--target", "-t"):
            value, rest = "".join(typed[at + 1 : at + 2]), typed[at + 2 :]
        elif word.startswith("--target="):
            value, rest = word.partition("=")[2], typed[at + 1 :]
        else:
            continue
        more = list(takewhile(lambda each: re.match(r"--|-[A-Za-z]$", each) is None, rest))
        whole = " ".join([value, *more])
        dashed = bool(more) and re.match(r"[-−–]($|[^\W\d_])", more[0]) is not None
        lone = bool(more) and more[0] in _DASHES
        if lone:
            is_list = typed[0] == "annotate" and len(more) == 1  # `-` means inputs from stdin
            dashed = not is_list and not (len(more) > 1 and may_be_source(more[1]))
        if dashed or (more and not lone and not may_be_source(more[0]) and _is_class(whole)):
            raise WrongUsage(f"--target takes one text: put it in quotes, --target '{whole}'.")


def _is_class(name: str) -> bool:
    from live_gradcam.models.labels import imagenet_labels  # here, because it is seldom needed

    return bool(nearest(name, imagenet_labels(), 1))


def _without_opposites(word: str, own: Collection[str]) -> Sequence[str]:
    """Return the long options without dashes, and without those that begin with `no-` unless the word does too."""
    names = [each.lstrip("-") for each in own if each.startswith("--")]
    return [each for each in names if word.startswith("no") or not each.startswith("no-")]
