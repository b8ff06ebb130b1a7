"""The names of classes: ImageNet's, or a user's own, and how to find one by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from live_gradcam.errors import TargetError, unknown_name


@dataclass(frozen=True, slots=True)
class Labels:
    """Class names in the order of the network's outputs."""

    names: tuple[str, ...]
    """One readable name for each class, `names[class_id]`."""

    synonyms: tuple[tuple[str, ...], ...] = ()
    """Other names for each class, where there are any; empty, or as long as `names`."""

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, class_id: int) -> str:
        return self.names[class_id]

    def find(self, target: int | str) -> int:
        """Return the id of the one class that is meant.

        Args:
            target: a class id, its digits, or a name: letter case, spaces, hyphens and underscores don't count.

        Raises:
            TargetError: no class, or more than one, has that name; or the id is out of range.
        """
        text = str(target).strip()
        if re.fullmatch(r"[+-]?\d+", text):
            class_id = int(text)
            if not 0 <= class_id < len(self.names):
                raise TargetError(
                    f"there is no class {class_id}: this model's classes are 0 to {len(self.names) - 1}."
                )
            return class_id
        wanted = _folded(text)
        matches = [i for i, name in enumerate(self.names) if _folded(name) == wanted]
        if not matches:
            matches = [i for i, others in enumerate(self.synonyms) if wanted in map(_folded, others)]
        if not matches:
            matches = [i for i, name in enumerate(self.names) if _folded(name.split(" (")[0]) == wanted]
        if len(matches) == 1:
            return matches[0]
        if matches:
            found = ", ".join(f"{self.names[i]} ({i})" for i in matches)
            raise TargetError(f"'{text}' is the name of {len(matches)} classes: {found}. Give the number.")
        raise TargetError(
            unknown_name("class", text, self.names, "`live-gradcam classes QUERY` searches the names.")
        )

    def search(self, query: str) -> list[int]:
        """Return the ids of all classes whose name or synonym contains the query, whole words first."""
        wanted = query.casefold().replace("_", " ").strip()
        whole, part = [], []
        for class_id, name in enumerate(self.names):
            text = " · ".join((name, *self._synonyms_of(class_id))).casefold()
            if re.search(rf"\b{re.escape(wanted)}\b", text):
                whole.append(class_id)
            elif wanted in text:
                part.append(class_id)
        return whole + part

    def _synonyms_of(self, class_id: int) -> tuple[str, ...]:
        return self.synonyms[class_id] if self.synonyms else ()


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()


@cache
def imagenet_labels() -> Labels:
    """Return the 1000 classes of ImageNet (ILSVRC 2012) in their usual order, that of their WordNet ids."""
    names, synonyms = [], []
    text = resources.files("live_gradcam.models").joinpath("data/imagenet.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        _, name, others = line.split("\t")
        names.append(name)
        synonyms.append(tuple(filter(None, others.split(", "))))
    return Labels(tuple(names), tuple(synonyms))


def numbered_labels(count: int) -> Labels:
    """Return `class 0`, `class 1`, … for a model whose classes nobody has named."""
    return Labels(tuple(f"class {class_id}" for class_id in range(count)))


def labels_from(names: Sequence[str]) -> Labels:
    """Return labels with the given names."""
    return Labels(tuple(str(name) for name in names))
