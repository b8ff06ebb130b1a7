"""The command line: its commands, exit codes and error messages."""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import typer
from typer.core import TyperCommand

from live_gradcam.commands import help_json
from live_gradcam.commands.annotate import annotate, with_ray_address
from live_gradcam.commands.audit import audit
from live_gradcam.commands.benchmark import benchmark
from live_gradcam.commands.cameras import cameras
from live_gradcam.commands.classes import classes
from live_gradcam.commands.config import config_command
from live_gradcam.commands.doctor import doctor
from live_gradcam.commands.evaluate import evaluate
from live_gradcam.commands.export import export
from live_gradcam.commands.layers import layers
from live_gradcam.commands.live import live
from live_gradcam.commands.methods import methods
from live_gradcam.commands.misspelt_options import no_such_option, refuse_unquoted_target
from live_gradcam.commands.models import models
from live_gradcam.commands.positional_source import DEFAULT, USAGE, WrongUsage, with_command
from live_gradcam.commands.replay import replay
from live_gradcam.commands.serve import serve
from live_gradcam.commands.teach import teach
from live_gradcam.errors import LiveGradcamError, SettingsError, one_line, reason_of
from live_gradcam.escaping import shown
from live_gradcam.redaction import SecretsHidden, remember_address, without_secrets
from live_gradcam.source_address import is_address
from live_gradcam.stream_address import remember_stream
from live_gradcam.version import __version__

COMMANDS: dict[str, Callable[..., Any]] = {
    "live": live,
    "annotate": annotate,
    "cameras": cameras,
    "models": models,
    "layers": layers,
    "methods": methods,
    "classes": classes,
    "evaluate": evaluate,
    "audit": audit,
    "teach": teach,
    "benchmark": benchmark,
    "serve": serve,
    "export": export,
    "doctor": doctor,
    "replay": replay,
}
COMMANDS["config"] = config_command(COMMANDS)
_SEVERAL_MODELS = ("benchmark", "evaluate")
"""Commands whose `--model` may be repeated; that of `live` has `--beside` for a second one."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_INTERRUPTED = 130  # typer's exit code for Ctrl-C


class _Command(TyperCommand):
    """A command whose help shows no `<bool>` after switches, since they take no value."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - of typer's own click
        """Return the options and arguments."""
        params = super().get_params(ctx)
        for each in params:
            if getattr(each, "is_flag", False):
                each.metavar = ""
        return params


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"live-gradcam {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False,
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the version and exit.",
    ),
) -> None:
    del version


def _app_of(names: Iterable[str]) -> typer.Typer:
    """Return a parser of these commands. That of all takes twenty times as long as that of one."""
    app = typer.Typer(
        help="Point a camera at something and see, live, what the network says it is and which pixels made it say so.",
        epilog="Without a command, `live` runs, and a bare argument is its source. `live-gradcam` alone: the webcam; "
        "`live-gradcam photo.jpg`, `live-gradcam clip.mp4`, `live-gradcam photos/`: files; `live-gradcam demo`: a desk "
        "with clocks and photos, for a first try. `live-gradcam live --help` lists all options. "
        "`live-gradcam --help --json` lists all commands and options for programs.",
        subcommand_metavar="[SOURCE] | COMMAND …",
        no_args_is_help=False,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in names:
        app.command(name, cls=_Command)(COMMANDS[name])
    return app


app = _app_of(COMMANDS)


class _AllCommands(Mapping[str, Any]):
    """All commands by their names, for messages that compare them. They are parsed once one is looked up."""

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - of typer's own click
        return _parsed().commands[name]


@cache
def _parsed() -> Any:  # noqa: ANN401 - of typer's own click
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the arguments after the program's name; None: those of the process.

    Returns:
        0: done; 1: failed, with the reason in one line on stderr; 2: wrong usage.
    """
    # One network runs at a time, layer after layer, so a second thread between operations only adds thread switches.
    # It is set here and not in `models`, because a user's own program may do other work in TensorFlow.
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    try:
        typed = list(sys.argv[1:] if arguments is None else arguments)
        if help_json.wanted(typed):
            sys.stdout.write(f"{help_json.help_json(app, COMMANDS, typed)}\n")
            return 0
        refuse_unquoted_target(typed)
        typed = with_command(typed, COMMANDS)
    except WrongUsage as error:
        sys.stderr.write(f"{_usage(error)}\nlive-gradcam: {_wrong_usage(error)}\n")
        return 2
    if typed[0] in ("annotate", "audit"):
        typed = with_ray_address(typed)
    debug = "--debug" in typed
    verbose = "--verbose" in typed or debug
    before = ""
    for word in typed:
        address = word.partition("=")[2] if word.startswith("-") else word
        if is_address(address):
            remember_address(address)
            if "--record" in (before, word.partition("=")[0]):
                remember_stream(address)
        before = word
    logging.basicConfig(level=logging.WARNING, force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_OneLine("live-gradcam: %(message)s"))
    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # damaged photos have messages of our own
    warnings.filterwarnings("ignore", module=r"PIL\.")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a file name may have characters that the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    logging.getLogger("live_gradcam").setLevel(
        logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING
    )
    try:
        parser = _app_of([typed[0]]) if typed[0] in COMMANDS else app
        code = parser(
            _second_model(typed), prog_name="live-gradcam", standalone_mode=False, obj=_AllCommands()
        )
    except typer.TyperException as error:
        sys.stderr.write(f"{_usage(error)}\nlive-gradcam: {_wrong_usage(error)}\n")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 0
    except LiveGradcamError as error:
        if debug and error.args and str(error) != error.args[0]:
            sys.stderr.write(f"{error.args[0]}\n")
        return _fail(str(error), debug=debug)
    except ImportError as error:
        # If OpenCV cannot be loaded, the search for a display names the system library to install.
        from live_gradcam.sinks.display_check import find_display

        return _fail((find_display() if "cv2" not in sys.modules else None) or str(error), debug=debug)
    except OSError as error:
        if error.errno not in _FULL:
            return _unexpected(error, debug=debug)
        where = f" '{shown(error.filename)}'" if isinstance(error.filename, str) else ""
        advice = "Free some space, or write to another folder; then run the same command again."
        return _fail(f"cannot write{where}: {error.strerror}. {advice}", debug=debug)
    except Exception as error:
        return _unexpected(error, debug=debug)
    # The code is that of a `typer.Exit`.
    return code if isinstance(code, int) and code != _INTERRUPTED else 0


def _unexpected(error: Exception, *, debug: bool) -> int:
    """Tell of an error that nothing expected, and return the exit code."""
    line = reason_of(error, 240)
    return _fail(f"unexpected {type(error).__name__}: {line} (--debug shows where)", debug=debug)


def _usage(error: typer.TyperException) -> str:
    """Return the usage line of the command, or of the program for `live`."""
    context = getattr(error, "ctx", None)
    if context is None or context.command.name == DEFAULT:
        return USAGE
    return " ".join(context.get_usage().split())


def _wrong_usage(error: typer.TyperException) -> str:
    """Return the message for wrong usage: one line, with the nearest valid option if there is one."""
    option, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    line = error.format_message()
    if hasattr(error, "possibilities") and isinstance(option, str) and context is not None:
        line = no_such_option(option, context)
    elif (number := _not_a_number(error)) is not None:
        line = number
    return one_line(shown(without_secrets(line)))


def _not_a_number(error: typer.TyperException) -> str | None:
    """Return the message for a text where a number is expected; None for any other error."""
    faults: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()  # pydantic's
    kind = {"int_parsing": "a whole number", "int_from_float": "a whole number", "float_parsing": "a number"}
    wanted = kind.get(str(faults[0]["type"])) if faults else None
    if wanted is None or getattr(error, "param", None) is None:
        return None
    option = max(error.param.opts, key=len)  # type: ignore[attr-defined]  # of a BadParameter
    return f"{option} is '{faults[0]['input']}': it must be {wanted}."


def _second_model(typed: list[str]) -> list[str]:
    """Return the arguments with `--beside` instead of a second `--model`.

    Raises:
        SettingsError: there is a third one.
    """
    places = [place for place, word in enumerate(typed) if word.partition("=")[0] in ("--model", "-m")]
    if len(places) < 2 or typed[0] in _SEVERAL_MODELS:
        return typed
    if len(places) > 2:
        raise SettingsError(f"{len(places)} models are named: one can be shown, or two beside each other.")
    _, equals, value = typed[places[1]].partition("=")
    return [*typed[: places[1]], f"--beside{equals}{value}", *typed[places[1] + 1 :]]


def _fail(line: str, *, debug: bool) -> int:
    if debug:
        sys.stderr.write(without_secrets(traceback.format_exc()))
    sys.stderr.write(f"live-gradcam: {one_line(shown(without_secrets(line)))}\n")
    return 1


class _OneLine(SecretsHidden):
    """Keeps a log message on one line, even if a file name in it contains line breaks."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return shown(super().formatMessage(record))
