"""The caption: the words of a label plate, honest about what the network does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from live_gradcam.explanation import (
    NO_ANSWER,
    NO_LABEL,
    NOT_SURE,
    Contrast,
    Explanation,
    Lowered,
    Prediction,
    Target,
    Value,
)
from live_gradcam.number import LABEL_HOLDS, number_text, percent_text, with_unit
from live_gradcam.render.lettering import AMBER, GREY, Colour, plain
from live_gradcam.translations import Words

NOTE_GAP = "   "
"""Stands between the classes of a note."""

WEAK_HEAT = "weak heat"
NOT_FINITE = "the network gives NaN or infinity"


@dataclass(frozen=True, slots=True)
class Caption:
    """What a plate says: a headline, and a smaller line below it."""

    label: str
    """The class's or the value's name; it is shortened where the picture is too narrow."""

    percent: str
    """Its probability, `62%`, or the value with its unit, `31.6 years`; never shortened."""

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


def belief_in(explanation: Explanation) -> float:
    """Return how far a target that the network chose is to be believed: 1 from where the plate names it.

    It is the most probable class's probability as a part of the one that is needed for that; at most 1. A target that
    the viewer chose, and a value, count as believed.
    """
    if not explanation.automatic or explanation.task == "values" or not explanation.top:
        return 1.0
    return min(1.0, (explanation.top[0].probability or 0.0) / explanation.needed)


def figure(target: Target, beside: Sequence[Prediction] = ()) -> str:
    """Return what the network says of a target: a probability, `62%`, or a number with its unit, `31.6 years`.

    Args:
        target: the class, the value or the score.
        beside: all the network's values: those of the same unit tell whether a small number is close to zero.
    """
    if isinstance(target, Value):
        return number_text(target.value)
    if target.probability is not None:
        return percent_text(target.probability)
    numbers = [each.value for each in beside if each.unit == target.unit]
    return with_unit(number_text(target.value, numbers), target.unit)


def caption_of(
    explanation: Explanation,
    top: Sequence[Prediction] | None = None,
    *,
    sure: bool | None = None,
    weak: bool = False,
) -> Caption:
    """Word the plate of an explanation.

    The most probable class is the headline; where it is hardly probable, `not sure`. Below it stand the next two,
    or what the heat is for where that is not the most probable class, or that there is no evidence to show (of a
    value: that nothing raises it).

    Args:
        explanation: what the network said.
        top: the most probable classes as they are to be shown, best first; None: as the explanation has them.
        sure: whether the first of them is to be believed; None: where it reaches `UNSURE`.
        weak: whether the heat is weak beside that of other things.
    """
    target = explanation.target
    shown = explanation.top if top is None else top
    if explanation.task == "values" or not explanation.top or not shown:
        return _caption_of_value(explanation)
    first = shown[0]
    labels = explanation.task == "multi-label"
    if sure is None:
        sure = (first.probability or 0.0) >= explanation.needed
    label, number = (plain(first.label), figure(first)) if sure else (NO_LABEL if labels else NOT_SURE, "")
    newest = explanation.top[0] if explanation.top else first
    other = not isinstance(target, Prediction) or target.class_id != newest.class_id
    if not explanation.has_evidence:
        note = f"no evidence for {named(target)}" if other else "no evidence"
        return Caption(label, number, note, GREY, note_matters=True, sure=sure)
    if other:
        note = f"weak heat for {named(target)}" if weak else f"heat for {named(target)}"
        return Caption(label, number, note, AMBER, note_matters=True, sure=sure)
    if not sure:
        perhaps = f"perhaps {named(first)}"
        return Caption(label, number, perhaps, note_matters=True, note_in_chart=True, sure=False)
    if weak:
        return Caption(label, number, WEAK_HEAT, AMBER, note_matters=True)
    others = (
        [each for each in shown[1:] if (each.probability or 0.0) >= LABEL_HOLDS] if labels else shown[1:3]
    )
    return Caption(label, number, NOTE_GAP.join(named(each) for each in others), note_in_chart=True)


def translated(caption: Caption, words: Words) -> Caption:
    """Return a caption in the viewer's language; names of classes are left as they are."""
    label = caption.label if caption.sure else words(caption.label)
    return replace(caption, label=label, note=words(caption.note))


def _caption_of_value(explanation: Explanation) -> Caption:
    """Word the plate of a value, of a score of the user's own, or of a classifier that gives NaN."""
    target = explanation.target
    if not explanation.is_finite and explanation.task != "values":
        return Caption(NO_ANSWER, "", NOT_FINITE, note_matters=True, sure=False)
    shown = target.prediction if isinstance(target, Contrast | Lowered) else target
    label, number = plain(shown.label), figure(shown, explanation.values)
    if shown.value is None:
        return Caption(label, "", NOT_FINITE, note_matters=True, sure=False)
    other = isinstance(target, Contrast | Lowered)
    if not explanation.has_evidence:
        return Caption(label, number, without_heat(explanation), note_matters=True)
    if other:
        return Caption(label, number, f"heat for {named(target)}", AMBER, note_matters=True)
    own = shown.class_id if isinstance(shown, Prediction) else None
    others = [each for each in explanation.values if each.class_id != own][:3]
    return Caption(
        label, number, NOTE_GAP.join(named(each, explanation.values) for each in others), note_in_chart=True
    )


def without_heat(explanation: Explanation) -> str:
    """Say of an explanation without evidence why there is no heat.

    Nothing in the picture raises a value, lowers it, or raises the difference of two; for a class there is no evidence.
    """
    if explanation.task != "values" and explanation.top:
        return "no evidence"
    match explanation.target:
        case Lowered():
            return "nothing lowers it"
        case Contrast():
            return f"nothing raises {named(explanation.target)}"
        case _:
            return "nothing raises it"


def named(target: Target, beside: Sequence[Prediction] = ()) -> str:
    """Return a target's name and what the network says of it: its probability, or its number as by `figure`."""
    return f"{name_of(target)} {figure_of(target, beside)}".rstrip()


def name_of(target: Target) -> str:
    """Return a target's name alone."""
    if isinstance(target, Lowered):
        return f"what lowers {plain(target.prediction.label)}"
    return plain(target.label)


def figure_of(target: Target, beside: Sequence[Prediction] = ()) -> str:
    """Return what stands behind a target's name, as by `figure`; empty for a contrast and for what lowers a value."""
    return "" if isinstance(target, Contrast | Lowered) else figure(target, beside)
