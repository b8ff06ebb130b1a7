"""The content of panes: which heat each of them shows, and its title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from live_gradcam.explanation import Region
from live_gradcam.fixed_choices import View
from live_gradcam.heatmap import share_within
from live_gradcam.question import Answer
from live_gradcam.render.caption import pane_title
from live_gradcam.render.heat_tracking import TrackedHeat
from live_gradcam.render.panes import Pane
from live_gradcam.translations import Words

_PICTURE = "picture"


@dataclass(frozen=True, slots=True, eq=False)
class PaneContent:
    """The content of a pane."""

    pane: Pane

    heat: TrackedHeat | None
    """The heat to draw; None for the picture alone."""

    name: str = ""
    """Title that distinguishes the pane from others; empty for none."""

    tail: str = ""
    """Text after the name that is never shortened: `62%`."""

    plate: Region | None = None
    """(x, y, width, height) on the canvas of the label plate inside the pane; None if there is none."""


def hidden_share(content: PaneContent, plate: Region) -> float:
    """Return the share of a pane's hot heat that a plate on the canvas hides, in [0, 1]."""
    if content.heat is None or content.heat.opacity <= 0:
        return 0.0
    x, y, width, height = content.pane.within(content.heat.explanation.region)
    if not (width and height):
        return 0.0
    on_canvas = x + content.pane.place[0], y + content.pane.place[1], width, height
    return share_within(content.heat.heatmap, on_canvas, plate)


def contents_of(
    view: View,
    panes: Sequence[Pane],
    tracked: Sequence[TrackedHeat],
    *,
    answer: Answer | None,
    names: Sequence[str],
    words: Words,
) -> list[PaneContent]:
    """Return the content of each pane of a view.

    Args:
        view: the layout of the picture.
        panes: its panes.
        tracked: the heat of each explanation; empty before the first answer.
        answer: the answer whose heat it is; None before the first.
        names: names of the models.
        words: translates texts.
    """
    if not tracked:
        return [PaneContent(pane, None) for pane in panes]
    if view == "side":
        return [
            PaneContent(panes[0], None, words(_PICTURE)),
            PaneContent(panes[1], tracked[0], tracked[0].explanation.method),
        ]
    contents = []
    for number, (pane, heat) in enumerate(zip(panes, tracked, strict=False)):
        model = model_of(answer, number)
        name = names[model] if model < len(names) else words(f"model {model + 1}")
        title = pane_title(view, heat.explanation, name, words, stale=heat.stale)
        contents.append(PaneContent(pane, heat, *title))
    return contents


def model_of(answer: Answer | None, number: int) -> int:
    """Return the model's index of an answer's explanation; 0 without an answer."""
    return 0 if answer is None else answer.models[number]
