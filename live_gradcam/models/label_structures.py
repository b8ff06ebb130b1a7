"""Reads labels from JSON and YAML."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from live_gradcam.models.label_entries import WNID, LabelEntry, LabelFault, are_numbers, number_in, readable
from live_gradcam.models.label_text import lines_of

Content = Any
"""A value in a structured file: a number, a text, a list or a mapping."""

_WRAPPERS = (
    "labels id2label idx_to_class idx2class index_to_class names class_names classes label_names categories "
    "class_indices class_to_idx class2idx label2id wordLabels tags label_map labelmap class_map fine_label_names items"
).split()
"""Keys of the labels in larger structures, the most certain first."""

NAMES = "display_name name class_name label_name label class title text category caption".split()
"""Keys of a class's name, the most certain first."""

_NUMBERS = "id index idx class_id class_index label_id category_id number label class".split()
_UNITS = ("unit", "units")

_MOST_NODES = 20_000
"""Most lists and mappings of a file that are searched for labels."""

_MOST_YAML = 2_000_000
"""Most characters of YAML; the parser takes seconds for more."""

_MOST_YAML_IN_PYTHON = 300_000
"""Most characters of YAML where the parser in C is not installed."""

_YAML_BEGINS = re.compile(
    rf"(?:{'|'.join(_WRAPPERS)}|nc|path|train|val|test|dataset_info|download)\s*:(?:\s|$)"
)


def json_entries(text: str) -> list[LabelEntry]:
    """Return the entries of JSON, of JSON with one object a line, or of a printed Python list or dict.

    Raises:
        LabelFault: the text is none of these, or has no labels in a known form.
    """
    try:
        return entries_of(json.loads(text, object_pairs_hook=_without_twins))
    except RecursionError:
        raise LabelFault("its JSON is nested too deeply") from None
    except LabelFault:
        raise
    except ValueError as error:
        reason = (
            f"it begins like JSON, but is invalid (line {error.lineno})"
            if hasattr(error, "lineno")
            else str(error)
        )
    lines = lines_of(text)
    if len(lines) > 1 and all(line[0] == "{" and line[-1] == "}" for line in lines):
        try:
            return entries_of([json.loads(line, object_pairs_hook=_without_twins) for line in lines])
        except (LabelFault, RecursionError, ValueError):
            raise LabelFault(reason) from None
    try:
        return entries_of(ast.literal_eval(text.strip()))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        raise LabelFault(reason) from None


def assigned(text: str) -> str | None:
    """Return the list or dict in a line of a program, `names = ["cat", "dog"]`; None for another text."""
    match = re.fullmatch(r"(?:#[^\n]*\n|\s)*[A-Za-z_][\w.]*\s*=\s*([\[{].*[\]}])\s*;?\s*", text, re.DOTALL)
    return None if match is None else match[1]


def is_yaml(text: str) -> bool:
    """Whether a text is YAML and no list of names: it has a list, a known key, or the mark of a document."""
    lines = [line for line in lines_of(text) if not line.startswith("#")]
    if not lines:
        return False
    if lines[0].startswith(("---", "%YAML")) or any(_YAML_BEGINS.match(line) for line in lines):
        return True
    return all(line.startswith("- ") for line in lines) or _is_quoted_mapping(lines)


_DEEPEST = 100
"""Most levels of lists and mappings in YAML."""


def yaml_entries(text: str) -> list[LabelEntry]:
    """Return the entries of YAML: a list, a mapping, or one of them under a key such as `names:`.

    Every scalar is a text (`no`, `1.0` and `null` are names), and only lists and mappings are built.

    Raises:
        LabelFault: it is no YAML, or has no labels in a known form.
    """
    import yaml  # few files need it

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    most = _MOST_YAML_IN_PYTHON if loader is yaml.BaseLoader else _MOST_YAML
    if len(text) > most:
        raise LabelFault(f"it is YAML of {len(text):,} characters, and {most:,} are the most")
    body = text.split("\n---", 1)[0] if text.startswith("---") else text  # the front matter of a page
    try:
        depth = 0
        # Checked before loading, which recurses in C at each level.
        for event in yaml.parse(body, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise LabelFault("its YAML is nested too deeply")
        return entries_of(yaml.load(body, Loader=loader))
    except RecursionError:
        raise LabelFault("its YAML is nested too deeply") from None
    except yaml.YAMLError as error:
        if "nesting depth" in str(error):
            raise LabelFault("its YAML is nested too deeply") from None
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1})"
        raise LabelFault(f"it begins like YAML, but is invalid{where}") from None
    except (ValueError, TypeError) as error:  # a key that is a list, and the like
        raise error if isinstance(error, LabelFault) else LabelFault("it is YAML without labels") from None


def entries_of(content: Content) -> list[LabelEntry]:
    """Return the entries of a structure, wherever in it the labels are.

    Raises:
        LabelFault: it has no labels in a known form.
    """
    fault: LabelFault | None = None
    for candidate in _candidates(content):
        try:
            return _direct(candidate)
        except LabelFault as error:
            fault = fault or error
    raise fault or LabelFault("it holds no labels")


def _candidates(content: Content) -> Iterator[Content]:
    """Yield what may be the labels: the whole structure, then the values of usual keys, level by level."""
    yield content
    queue, seen, left = deque([content]), set[int](), _MOST_NODES
    while queue and left > 0:
        node = queue.popleft()
        left -= 1
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Mapping):
            keyed = [key for wrapper in _WRAPPERS for key in node if key == wrapper]
            yield from (
                node[key] for key in keyed if isinstance(node[key], (list, tuple, Mapping)) and node[key]
            )
            queue.extend(value for value in node.values() if isinstance(value, (list, Mapping)))
        elif isinstance(node, list):
            queue.extend(value for value in node[:_MOST_NODES] if isinstance(value, (list, Mapping)))


def _direct(content: Content) -> list[LabelEntry]:
    if isinstance(content, (list, tuple)):
        return _listed(content)
    if isinstance(content, Mapping):
        return _mapped(content)
    raise LabelFault("it holds no list and no object")


def _listed(content: Sequence[Content]) -> list[LabelEntry]:
    if all(_is_name(each) for each in content):
        return [LabelEntry(str(each)) for each in content]
    if all(isinstance(each, Mapping) for each in content):
        if all(len(each) == 1 and number_in(next(iter(each))) is not None for each in content):
            return _mapped(_without_twins([pair for each in content for pair in each.items()]))
        return _objects(content)
    if all(isinstance(each, (list, tuple)) and len(each) in (2, 3) for each in content):
        return _pairs([(each[0], each[1]) for each in content])
    raise LabelFault("not every name in its list is a text")


def _pairs(pairs: Sequence[tuple[Content, Content]]) -> list[LabelEntry]:
    if all(isinstance(first, str) and WNID.fullmatch(first) and _is_name(name) for first, name in pairs):
        return [LabelEntry(readable(str(name))) for _, name in pairs]
    for numbers, names in (zip(*pairs, strict=True), reversed(list(zip(*pairs, strict=True)))):
        counted = [number_in(each) for each in numbers]
        if are_numbers(counted) and all(_is_name(name) for name in names):
            return [LabelEntry(str(name), number) for name, number in zip(names, counted, strict=True)]
    raise LabelFault("its list holds lists, but no pairs of a number and a name")


def _mapped(content: Mapping[Content, Content]) -> list[LabelEntry]:
    keys, values = list(content), list(content.values())
    if not keys:
        raise LabelFault("its object is empty")
    numbers = [number_in(key) for key in keys]
    if all(isinstance(value, (list, tuple)) and len(value) in (2, 3) for value in values):
        if all(number is not None for number in numbers) and all(_is_name(value[1]) for value in values):
            return [LabelEntry(readable(str(value[1])), n) for n, value in zip(numbers, values, strict=True)]
        raise LabelFault("its object holds lists, but not a WordNet id and a name for each number")
    if all(isinstance(value, Mapping) for value in values):
        if all(number is not None for number in numbers):
            return _objects([{"id": key, **value} for key, value in content.items()])
        return _objects([{**value, NAMES[0]: key} for key, value in content.items()], numbered=True)
    if not all(_is_name(value) for value in values):
        raise LabelFault("not every name in its object is a text")
    inverse = [number_in(value) for value in values]
    are_ints = all(type(value) is int for value in values)
    if all(number is not None for number in inverse) and (are_ints or not are_numbers(numbers)):
        return [LabelEntry(str(key), number) for key, number in zip(keys, inverse, strict=True)]
    if all(number is not None for number in numbers):
        return [LabelEntry(str(value), number) for value, number in zip(values, numbers, strict=True)]
    if all(isinstance(key, str) and WNID.fullmatch(key) for key in keys):
        return [LabelEntry(readable(str(value))) for value in values]
    raise LabelFault("its object gives no number for each name")


def _objects(objects: Sequence[Mapping[Content, Content]], *, numbered: bool = False) -> list[LabelEntry]:
    """Return the entries of mappings with a name and perhaps a number and a unit; `numbered` requires the number."""
    entries = []
    for each in objects:
        fields = {str(key).casefold(): value for key, value in each.items()}
        names = [name for name in NAMES if _is_name(fields.get(name))]
        texts = [name for name in names if isinstance(fields[name], str) and number_in(fields[name]) is None]
        name = next(chain(texts, names), None)
        if name is None:
            raise LabelFault("not every object in it has a name")
        number = next(
            (found for key in _NUMBERS if key != name and (found := number_in(fields.get(key))) is not None),
            None,
        )
        if numbered and number is None:
            raise LabelFault("its objects give no number for each name")
        unit = next((str(fields[key]) for key in _UNITS if isinstance(fields.get(key), str)), "")
        entries.append(LabelEntry(str(fields[name]), number, unit))
    return entries


def _is_name(value: Content) -> bool:
    return isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _without_twins(pairs: list[tuple[Content, Content]]) -> dict[Content, Content]:
    """Return the mapping, or refuse one with a key twice, of which JSON silently takes the last."""
    content = dict(pairs)
    if len(content) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise LabelFault(f"'{str(twice)[:40]}' occurs twice in it")
    return content


def _is_quoted_mapping(lines: Sequence[str]) -> bool:
    """Whether lines are a mapping `0: 'cat'` with some names in quotes."""
    found = [re.fullmatch(r"\s*\d+\s*:\s*(.*)", line) for line in lines]
    return all(found) and any(match is not None and re.fullmatch(r"'.*'|\".*\"", match[1]) for match in found)
