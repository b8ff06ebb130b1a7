"""The names of a model's classes, and the search for a class by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Literal, get_args

from live_gradcam.errors import ModelError, TargetError
from live_gradcam.fixed_choices import Lang
from live_gradcam.name_suggestions import unknown_name

MOST_LISTED = 8
"""Most names that a message lists."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The names of a network's classes, labels or values, in the order of its outputs."""

    names: tuple[str, ...]
    """The name of each class, `names[class_id]`."""

    synonyms: tuple[tuple[str, ...], ...] = ()
    """Other names of each class; empty, or as long as `names`."""

    translations: tuple[tuple[str, ...], ...] = ()
    """The names in each further language, each as long as `names`; a class is found by them, too."""

    units: tuple[str, ...] = ()
    """The unit of each value, such as `years`, `""` for none; empty, or as long as `names`."""

    kind: Literal["class", "label", "value"] = field(default="class", compare=False)
    """The word for one of them in messages."""

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, class_id: int) -> str:
        return self.names[class_id]

    def find(self, target: int | str) -> int:
        """Return the id of a class.

        Args:
            target: an id, an id as text, or a name in any language; letter case, spaces, hyphens and underscores do
                not count.

        Raises:
            TargetError: no class, or more than one, has that name; or the id is out of range.
        """
        text = str(target).strip()
        if re.fullmatch(r"[+-]?\d+", text):
            class_id = int(text)
            if not 0 <= class_id < len(self.names):
                raise TargetError(f"there is no {self.kind} {class_id}: {self._range()}.")
            return class_id
        if len(exact := self.exactly(text)) == 1:
            return exact[0]  # `A-` among `A`, `A+` and `A-`
        wanted = _folded(text)
        in_all_languages = list(zip(self.names, *self.translations, strict=True))
        matches = [i for i, names in enumerate(in_all_languages) if wanted in map(_folded, names)]
        if not matches:
            matches = [i for i, others in enumerate(self.synonyms) if wanted in map(_folded, others)]
        if not matches:
            matches = [i for i, names in enumerate(in_all_languages) if wanted in map(_folded_bare, names)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            found = ", ".join(f"{self.names[i]} ({i})" for i in matches)
            raise TargetError(
                f"'{text}' is the name of {len(matches)} {_plural(self.kind)}: {found}. Give the number."
            )
        known = [name for names in in_all_languages for name in names]
        raise TargetError(unknown_name(self.kind, text, known, self._where(), listed=0))

    def exactly(self, name: str) -> list[int]:
        """Return the ids of the classes with exactly this name, in any language; only letter case does not count."""
        wanted = name.strip().casefold()
        named = zip(self.names, *self.translations, strict=True)
        return [i for i, names in enumerate(named) if any(wanted == each.casefold() for each in names)]

    def _range(self) -> str:
        if len(self.names) == 1:
            return f"this model has one {self.kind}, number 0"
        return f"this model's {_plural(self.kind)} are 0 to {len(self.names) - 1}"

    def _where(self) -> str:
        """Return the sentence of a message that lists the names, or tells where to find them."""
        if self in (imagenet_labels("en"), imagenet_labels("zh")):
            return "`live-gradcam classes QUERY` searches the names."
        if len(self.names) <= MOST_LISTED:
            return f"Valid: {', '.join(self.names)}."
        if self.are_numbered:
            return f"They have no names: {self._range()}. --labels FILE gives names."
        return (
            f"The {len(self.names)} names are those of --labels, or of the file beside the model; or give a number: "
            f"{self._range()}."
        )

    @property
    def are_numbered(self) -> bool:
        """Whether the classes have numbers in place of names, such as `class 0`."""
        return self.names == numbered_labels(len(self.names)).names

    @property
    def other_names(self) -> tuple[tuple[str, ...], ...]:
        """The names in further languages and the synonyms of each class; empty where no class has any."""
        if not self.translations and not self.synonyms:
            return ()
        return tuple(
            (*(names[i] for names in self.translations), *self._synonyms_of(i))
            for i in range(len(self.names))
        )

    def without_first(self) -> Labels:
        """Return the labels without those of class 0."""
        return Labels(
            self.names[1:],
            self.synonyms[1:],
            tuple(names[1:] for names in self.translations),
            self.units[1:],
            self.kind,
        )

    def search(self, query: str) -> list[int]:
        """Return the ids of all classes with a name, in any language, or a synonym that contains the query.

        Classes that contain it as a whole word come first.
        """
        wanted = query.casefold().replace("_", " ").strip()
        whole, part = [], []
        for class_id, names in enumerate(zip(self.names, *self.translations, strict=True)):
            text = " · ".join((*names, *self._synonyms_of(class_id))).casefold()
            if re.search(rf"\b{re.escape(wanted)}\b", text):
                whole.append(class_id)
            elif wanted in text:
                part.append(class_id)
        return whole + part

    def _synonyms_of(self, class_id: int) -> tuple[str, ...]:
        return self.synonyms[class_id] if self.synonyms else ()


def _plural(kind: str) -> str:
    return "classes" if kind == "class" else f"{kind}s"


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()


def _folded_bare(name: str) -> str:
    """Return a folded name without the part in brackets: `crane` for `crane (bird)`."""
    return _folded(name.split(" (")[0])


@cache
def imagenet_labels(lang: Lang = "en") -> Labels:
    """Return the 1000 classes of ImageNet (ILSVRC 2012) in the order of their WordNet ids.

    Args:
        lang: language of `names`; the other language goes to `translations`, and the synonyms are English.

    Raises:
        ModelError: there is no such language.
    """
    if lang not in get_args(Lang):
        raise ModelError(
            unknown_name("language", lang, get_args(Lang), "--labels FILE takes names in any other language.")
        )
    rows = _rows_of("imagenet.tsv")
    english = tuple(name for _, name, _ in rows)
    synonyms = tuple(tuple(filter(None, others.split(", "))) for *_, others in rows)
    chinese = tuple(name for _, name in _rows_of("imagenet_zh.tsv"))
    return Labels(chinese, synonyms, (english,)) if lang == "zh" else Labels(english, synonyms, (chinese,))


@cache
def wordnet_names() -> dict[str, str]:
    """Return WordNet id (`n02124075`) → English name, for the classes of ImageNet."""
    return {wnid: name for wnid, name, _ in _rows_of("imagenet.tsv")}


def _rows_of(table: str) -> list[list[str]]:
    """Return the rows of a table in this package; the first column holds WordNet ids."""
    text = resources.files("live_gradcam.models").joinpath("data", table).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()]


def translated(labels: Labels, lang: Lang) -> Labels:
    """Return labels in another language where they are ImageNet's; other labels are returned unchanged.

    Args:
        labels: labels of a model.
        lang: the language; `en` returns `labels` unchanged.

    Raises:
        ModelError: there is no such language.
    """
    if lang == "en":
        return labels
    wanted = imagenet_labels(lang)
    return wanted if labels == imagenet_labels() else labels


def numbered_labels(count: int) -> Labels:
    """Return the labels `class 0`, `class 1`, … for classes without names."""
    return Labels(tuple(f"class {class_id}" for class_id in range(count)))


def labels_from(names: Sequence[str]) -> Labels:
    """Return labels with the given names."""
    return Labels(tuple(str(name) for name in names))
