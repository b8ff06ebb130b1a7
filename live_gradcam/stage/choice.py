"""The choice: all that a viewer has chosen, and the question that comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from live_gradcam.config import DEFAULT_METHOD
from live_gradcam.explanation import Region
from live_gradcam.look import Look
from live_gradcam.question import Question, TargetSpec
from live_gradcam.stage.menu import Menu

PANES = 4
"""How many methods or targets are compared at once."""

LOWERED = -2
"""Stands in the place of a rival."""

CHANNELS = 9
"""How many channels the strip shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """All that a viewer has chosen."""

    method: str = DEFAULT_METHOD
    layer: str | None = None
    """None: the last feature map."""

    target: TargetSpec = None
    """None: whatever is most probable."""

    rival: int | None = None
    """Class that the target is set against; −1: the runner-up of every moment; `LOWERED`: none, but a value is
    explained by what lowers it; None: it is not."""

    area: Region | None = None
    """(x, y, width, height) of the part of the frame that is looked at; None: all of it."""

    look: Look = field(default_factory=Look)
    mirror: bool = False


def question_of(choice: Choice, menu: Menu) -> Question:
    """Return what the networks are to be asked."""
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
    )


def _target(choice: Choice) -> TargetSpec:
    if choice.rival is None:
        return choice.target
    if choice.rival == LOWERED:
        return f"{'#1' if choice.target is None else choice.target} -"
    if choice.rival < 0:
        return "#1 - #2"
    return f"{choice.target} - {choice.rival}"
