"""The viewer's choice, the menu it is made from, and the question it asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from live_gradcam.config import DEFAULT_METHOD
from live_gradcam.explanation import Region
from live_gradcam.fixed_choices import View
from live_gradcam.prediction import Target
from live_gradcam.question import Question, TargetSpec
from live_gradcam.render.appearance import Appearance
from live_gradcam.translations import ENGLISH, Words

PANES = 4
"""The most methods or targets that are compared at once."""

LOWERED = -2
"""In place of a rival, for values: what lowers the value is explained."""

CHANNELS = 9
"""The number of channels in the view `channels`."""

CONCEPTS = 4
"""The number of concepts in the view `concepts`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The choice of a viewer."""

    method: str = DEFAULT_METHOD
    layer: str | None = None
    """None: the last feature map."""

    target: TargetSpec = None
    """None: the most probable class."""

    rival: int | None = None
    """The class that the target is contrasted with; −1: the second most probable class of each frame; `LOWERED`: see
    there; None: no contrast."""

    area: Region | None = None
    """(x, y, width, height) of the part of the frame that is explained; None: the whole frame."""

    look: Appearance = field(default_factory=Appearance)
    mirror: bool = False

    curves: bool = False
    """Whether the curves of the heat are measured on the frozen picture."""

    proves: bool = False
    """Whether each frame waits for the masking test of its heat, as where nobody watches a file."""


def question_of(choice: Choice, menu: Menu) -> Question:
    """Return the question that a choice asks of the networks."""
    view = choice.look.view
    methods: tuple[str, ...] = (choice.method,)
    targets: tuple[TargetSpec, ...] = (_target(choice),)
    models: tuple[int, ...] = (0,)
    if view == "methods":
        others = [method for method in menu.together if method != choice.method]
        methods = (choice.method, *others)[:PANES]
    elif view == "targets":
        count = min(PANES, len(menu.labels) or PANES)
        targets = tuple(f"#{rank}" for rank in range(1, count + 1))
    elif view == "models":
        models = tuple(range(len(menu.models)))
    return Question(
        models=models,
        methods=methods,
        layer=choice.layer,
        targets=targets,
        area=choice.area,
        channels=CHANNELS if view == "channels" else 0,
        concepts=CONCEPTS if view == "concepts" else 0,
        proof=choice.look.share if view == "proof" or (choice.proves and choice.look.badge) else None,
        curves=choice.curves,
    )


def chosen_in_words(
    choice: Choice, menu: Menu, view: View, *, explained: Target | None = None, words: Words = ENGLISH
) -> str:
    """Return what differs from the defaults, for a small line: `hirescam · layer block3_conv3 · tabby`.

    Args:
        choice: the choice.
        menu: has the names of the classes.
        view: the view that is shown; a part of the choice that it does not use is not named.
        explained: the target that was explained last, which has the full name of a typed target; None: there is none.
        words: the viewer's language.
    """
    chosen = []
    if choice.method != DEFAULT_METHOD and view != "methods":
        chosen.append(choice.method)
    if choice.layer is not None:
        layers = ", ".join(path.rpartition("/")[2] for path in choice.layer.split(","))
        chosen.append(words(f"layer {layers}"))
    if view != "targets":
        chosen.append(_target_in_words(choice, menu, explained, words))
    return " · ".join(filter(None, chosen))


def _target_in_words(choice: Choice, menu: Menu, explained: Target | None, words: Words) -> str:
    target, rival = choice.target, choice.rival
    if callable(target):
        return str(getattr(target, "__name__", words("a score of your own")))
    if isinstance(target, str):  # as it was typed: a name in another language, or a contrast in full
        label = target if "#" in target else _name_of(explained) or target
    else:
        label = "" if target is None else _label(target, menu, words)
    if rival is None:
        return label
    if rival == LOWERED:
        return words(f"what lowers {label}") if label else words("what lowers it")
    return f"{label} − {_label(rival, menu, words)}" if label and rival >= 0 else words("first − second")


def _name_of(target: Target | None) -> str:
    """Return the name of a target in the viewer's language; empty: there is none."""
    return "" if target is None else " ".join(target.label.split())


def _label(class_id: int, menu: Menu, words: Words) -> str:
    return menu.labels[class_id] if 0 <= class_id < len(menu.labels) else words(f"class {class_id}")


def _target(choice: Choice) -> TargetSpec:
    if choice.rival is None:
        return choice.target
    if choice.rival == LOWERED:
        return f"{'#1' if choice.target is None else choice.target} -"
    if choice.rival < 0:
        return "#1 - #2"
    return f"{choice.target} - {choice.rival}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """The methods, layers, classes and models that a viewer can choose from."""

    methods: Sequence[str]
    """In the order of the key `m`."""

    together: Sequence[str] = ()
    """The methods that share one network pass, best first, for the view of up to four."""

    layers: Sequence[tuple[str, str]] = field(default_factory=tuple)
    """(path, shape) of each layer, from shallow to deep; empty until they are known."""

    labels: Sequence[str] = ()
    """The names of the classes or values, by id."""

    other_names: Sequence[Sequence[str]] = ()
    """Further names of each class, in other languages too, which find it; empty: there are none."""

    values: bool = False
    """Whether the outputs are values, not classes."""

    models: Sequence[str] = ("",)
    """Names of the models, one or two."""
