"""Lines of the log: a word for the event, then names with values, on one line whatever a visitor wrote."""

from __future__ import annotations

import json


def log_line(event: str, **values: object) -> str:
    r"""Return `refused status=403 path="/a\nb"`: texts are quoted, and escaped as in JSON.

    Args:
        event: a word.
        values: texts, numbers or None; all but ASCII letters and signs is escaped.
    """
    return " ".join([event, *(f"{name}={_escaped(value)}" for name, value in values.items())])


def _escaped(value: object) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value)).replace("\x7f", "\\u007f")
