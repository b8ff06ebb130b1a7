"""Reads a user's class names from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from live_gradcam.errors import ModelError
from live_gradcam.models.labels import Labels, labels_from

_FORMS = (
    "one name a line, a JSON list, a JSON object id → name or name → id, or ImageNet's class index "
    "id → [wnid, name]"
)


def read_labels(path: Path) -> Labels:
    """Return the class names of a file.

    Args:
        path: text with one name a line (where every line begins with its own number, as Teachable Machine writes
            them, the numbers are left out), or `.json`: a list, an object id → name, name → id (Keras's
            `class_indices`), or ImageNet's own class index, id → [WordNet id, name]. Underscores become spaces in
            the last. A name may stand there twice; it is then told apart by its number.

    Raises:
        ModelError: the file cannot be read, or has another form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ModelError(f"cannot read the labels {path}: {reason}. Expected: {_FORMS}.") from error
    if path.suffix.casefold() != ".json":
        return labels_from(_unnumbered([line.strip() for line in text.splitlines() if line.strip()]))
    try:
        return labels_from(_names(json.loads(text, object_pairs_hook=_without_twins)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"the labels {path} have no form that is known. Expected: {_FORMS}.") from error


def _unnumbered(lines: list[str]) -> list[str]:
    numbered = [line.partition(" ") for line in lines]
    if all(number == str(i) and name.strip() for i, (number, _, name) in enumerate(numbered)):
        return [name.strip() for _, _, name in numbered]
    return lines


def _without_twins(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return the object, or refuse one that gives a key twice: JSON would take the last and say nothing."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key stands twice")
    return content


def _names(content: Any) -> list[str]:  # noqa: ANN401 - whatever the JSON holds
    if isinstance(content, dict) and all(type(value) is int for value in content.values()):
        content = _without_twins([(class_id, name) for name, class_id in content.items()])
    if isinstance(content, dict):
        by_id = {int(class_id): name for class_id, name in content.items()}
        content = [by_id[class_id] for class_id in range(len(content))]
        content = [name[1].replace("_", " ") if isinstance(name, list) else name for name in content]
    if not isinstance(content, list) or not all(isinstance(name, str) for name in content):
        raise TypeError("a name is no text")
    return content
