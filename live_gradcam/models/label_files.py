"""Reads a user's class names from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from live_gradcam.errors import ModelError
from live_gradcam.models.labels import Labels, labels_from

_FORMS = "one name a line, a JSON list, a JSON object id → name, or ImageNet's class index id → [wnid, name]"


def read_labels(path: Path) -> Labels:
    """Return the class names of a file.

    Args:
        path: text with one name a line, or `.json`: a list, an object id → name, or ImageNet's own class index,
            id → [WordNet id, name]. Underscores become spaces in the last.

    Raises:
        ModelError: the file cannot be read, or has another form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ModelError(f"cannot read the labels {path}: {reason}. Expected: {_FORMS}.") from error
    if path.suffix.casefold() != ".json":
        return labels_from([line.strip() for line in text.splitlines() if line.strip()])
    try:
        return labels_from(_names(json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"the labels {path} have no form that is known. Expected: {_FORMS}.") from error


def _names(content: Any) -> list[str]:  # noqa: ANN401 - whatever the JSON holds
    if isinstance(content, list):
        return [str(name) for name in content]
    by_id = {int(class_id): name for class_id, name in content.items()}
    ordered = [by_id[class_id] for class_id in range(len(by_id))]
    return [name[1].replace("_", " ") if isinstance(name, list) else str(name) for name in ordered]
