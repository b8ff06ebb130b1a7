"""Where labels may lie beside a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".txt", ".json", ".csv", ".tsv", ".yaml", ".yml", ".pbtxt")
"""Suffixes of files of labels beside a model, in the order in which they are tried."""

STEMS = tuple(
    (
        "labels label class_names classes class_indices class_labels label_names label_map labelmap labels_map "
        "names synset synset_words"
    ).split()
)
"""Names of label files without the suffix, in the order in which they are tried."""

OTHERS = ("metadata.json", "config.json", "data.yaml", "classes.npy")
"""Other files that may hold labels: of Teachable Machine, Hugging Face, Ultralytics and scikit-learn's LabelEncoder."""

FOLDERS = ("assets", "assets.extra")
"""Folders inside a SavedModel that may hold label files."""


def label_places(model: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the files to try, and whether the name alone says that a file holds labels."""
    folder, stem = model.parent, model.name if model.is_dir() else model.stem
    own = [(folder / f"{stem}{joint}labels{suffix}", True) for joint in "._-" for suffix in SUFFIXES]
    own += [(folder / f"{stem}{suffix}", False) for suffix in SUFFIXES]
    within = [model, *(model / each for each in FOLDERS)] if model.is_dir() else []
    usual = [
        (place / name, surely)
        for place in (*within, folder)
        for name, surely in (
            *((f"{stem}{suffix}", True) for stem in STEMS for suffix in SUFFIXES),
            *((name, False) for name in OTHERS),
        )
    ]
    yield from ((path, surely) for path, surely in (*own, *usual) if path != model)
