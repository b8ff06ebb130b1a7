"""A QR code as text, to be read off a terminal by a phone's camera."""

from __future__ import annotations

import io

_MARGIN = 2
"""Modules of white around the code. The standard wants 4; phones read 2, and a terminal has few lines."""

_WHITE_ON_BLACK, _AS_BEFORE = "\x1b[97;40m", "\x1b[0m"


def qr_code(text: str, *, coloured: bool) -> str:
    """Return a QR code of block characters, two modules in each; a link of 70 characters takes 19 lines.

    Args:
        text: what it says.
        coloured: whether the terminal takes colours; else light modules have the colour of its text, and on a white
            terminal the code is inverted, which most phones read too.
    """
    import segno  # of the extra `web`; only needed where a phone is to read the link

    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, border=_MARGIN, compact=True)
    lines = out.getvalue().rstrip("\n").split("\n")
    if coloured:
        lines = [f"{_WHITE_ON_BLACK}{line}{_AS_BEFORE}" for line in lines]
    return "\n".join(lines)
