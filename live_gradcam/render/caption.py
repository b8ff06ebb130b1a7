"""The caption: the words of a label plate, honest about what the network does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from live_gradcam.explanation import Contrast, Explanation, Prediction, Target, Value
from live_gradcam.render.lettering import AMBER, GREY, Colour, plain

UNSURE = 0.3
"""Below this probability of the most probable class the plate says `not sure`.

A classifier whose probabilities mean what they say is wrong there more than seven times in ten, and so a name in
large letters would be wrong more often than not. See docs/views.md for what the default network gives.
"""

NOT_SURE = "not sure"


@dataclass(frozen=True, slots=True)
class Caption:
    """What a plate says: a headline, and a smaller line below it."""

    label: str
    """The class's name; it is shortened where the picture is too narrow."""

    percent: str
    """Its probability: `62%`; never shortened."""

    note: str = ""
    """The line below; empty: none."""

    note_colour: Colour = GREY
    """BGR."""

    note_matters: bool = False
    """Whether the note is shown on the smallest pictures too."""

    note_in_chart: bool = False
    """Whether the note says nothing but what a chart of the top classes says too."""

    sure: bool = True
    """False where no class is probable; the headline is drawn quietly then."""


def percent(probability: float) -> str:
    """Return a probability as it is read out: `62%`; what rounds to nothing is `<1%`."""
    rounded = f"{probability:.0%}"
    return "<1%" if rounded == "0%" else rounded


def caption_of(
    explanation: Explanation, top: Sequence[Prediction] | None = None, *, sure: bool | None = None
) -> Caption:
    """Word the plate of an explanation.

    The most probable class is the headline; where it is hardly probable, `not sure`. Below it stand the next two,
    or what the heat is for where that is not the most probable class, or that there is no evidence to show.

    Args:
        explanation: what the network said.
        top: the most probable classes as they are to be shown, best first; None: as the explanation has them.
        sure: whether the first of them is to be believed; None: where it reaches `UNSURE`.
    """
    target = explanation.target
    shown = explanation.top if top is None else top
    if not shown:
        number = f"{target.value:.2f}" if isinstance(target, Value) else percent(target.probability)
        note = "" if explanation.has_evidence else "no evidence"
        return Caption(plain(target.label), number, note, note_matters=True)
    first = shown[0]
    if sure is None:
        sure = first.probability >= UNSURE
    label, number = (plain(first.label), percent(first.probability)) if sure else (NOT_SURE, "")
    newest = explanation.top[0] if explanation.top else first
    other = not isinstance(target, Prediction) or target.class_id != newest.class_id
    if not explanation.has_evidence:
        note = f"no evidence for {named(target)}" if other else "no evidence"
        return Caption(label, number, note, GREY, note_matters=True, sure=sure)
    if other:
        return Caption(label, number, f"heat for {named(target)}", AMBER, note_matters=True, sure=sure)
    if not sure:
        perhaps = f"perhaps {named(first)}"
        return Caption(label, number, perhaps, note_matters=True, note_in_chart=True, sure=False)
    return Caption(label, number, "   ".join(named(each) for each in shown[1:3]), note_in_chart=True)


def named(target: Target) -> str:
    """Return a target's name and, where it has one, how probable it is."""
    label = plain(target.label)
    if isinstance(target, Prediction):
        return f"{label} {percent(target.probability)}"
    return label if isinstance(target, Contrast) else f"{label} {target.value:.2f}"
