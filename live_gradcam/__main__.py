"""`python -m live_gradcam`, and the command `live-gradcam`."""

from typing import NoReturn

from live_gradcam.process.lifecycle import run_as_program


def main() -> NoReturn:
    """Run the command line as a program of its own."""
    run_as_program(_command_line)


def _command_line() -> int:
    from live_gradcam.cli import (
        main,
    )  # here, because Ctrl-C during this import already ends the program cleanly

    return main()


if __name__ == "__main__":
    main()
