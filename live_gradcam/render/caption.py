"""The caption: the text of a label plate, which says when the network is not sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from live_gradcam.explanation import NO_ANSWER, NO_LABEL, NONE_OF_THESE, NOT_SURE, NOT_TAUGHT, Explanation
from live_gradcam.fixed_choices import View
from live_gradcam.number_format import LABEL_HOLDS, number_text, percent_text, with_unit
from live_gradcam.prediction import Contrast, Lowered, Prediction, Target, Value
from live_gradcam.render.lettering import AMBER, GREY, Colour, plain
from live_gradcam.translations import Words

NOTE_GAP = "   "
"""Separates the classes of a note."""

WEAK_HEAT = "weak heat"
NOT_FINITE = "the network gives NaN or infinity"


@dataclass(frozen=True, slots=True)
class Caption:
    """Text of a label plate: a headline, and a smaller line below it."""

    label: str
    """Name of the class or value; shortened if the picture is too narrow."""

    percent: str
    """Its probability, `62%`, or the value with its unit, `31.6 years`; never shortened."""

    note: str = ""
    """The line below; empty for none."""

    note_colour: Colour = GREY
    """Colour of the note, BGR."""

    note_matters: bool = False
    """Whether the note is also shown on the smallest pictures."""

    note_in_chart: bool = False
    """Whether a chart of the top classes already says what the note says."""

    sure: bool = True
    """False if no class is probable; then the headline is drawn in grey."""

    colour: Colour | None = None
    """Colour of the headline, BGR; None for white or grey."""


def confidence_of(explanation: Explanation) -> float:
    """Return how much a target that the network chose can be trusted, in [0, 1]; 1 if the plate names it.

    This is the top probability divided by the probability that is needed to name a class. A target that the viewer
    chose, or a value, returns 1.
    """
    if not explanation.automatic or explanation.task == "values" or not explanation.top:
        return 1.0
    return min(1.0, (explanation.top[0].probability or 0.0) / explanation.needed)


def figure(target: Target, beside: Sequence[Prediction] = ()) -> str:
    """Return a target's number as text: a probability, `62%`, or a value with its unit, `31.6 years`.

    Args:
        target: the class, the value or the score.
        beside: all values of the network; those of the same unit decide how a number near zero is written.
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
    """Return the caption of an explanation.

    The headline is the most probable class, or `not sure`. The note below has the next two classes; or the target, if
    it is not the most probable class; or that there is no evidence (for a value: that nothing raises it). If the
    network is not sure and the viewer chose the target, the heat is drawn in full, as the answer to the viewer's
    question: then the headline names the target, and the note says `not sure`.

    Args:
        explanation: the explanation.
        top: the most probable classes to show, best first; None for the explanation's own.
        sure: whether to name the first of them; None to compare its probability with `Explanation.needed`.
        weak: whether the heat is weak compared with other recent heat.
    """
    target = explanation.target
    shown = explanation.top if top is None else top
    if explanation.task != "values" and not explanation.top and explanation.is_finite:
        return Caption(NOT_TAUGHT, "", sure=False)
    if explanation.task == "values" or not explanation.top or not shown:
        return _caption_of_value(explanation)
    first = shown[0]
    if not explanation.is_known:
        nearest = f"nearest: {plain(first.label)}"
        return Caption(NONE_OF_THESE, "", nearest, note_matters=True, note_in_chart=True, sure=False)
    labels = explanation.task == "multi-label"
    if sure is None:
        sure = (first.probability or 0.0) >= explanation.needed
    label, number = (plain(first.label), figure(first)) if sure else (NO_LABEL if labels else NOT_SURE, "")
    newest = explanation.top[0] if explanation.top else first
    other = not isinstance(target, Prediction) or target.class_id != newest.class_id
    if not explanation.has_evidence:
        note = f"no evidence for {named(target)}" if other else "no evidence"
        return Caption(label, number, note, GREY, note_matters=True, sure=sure)
    perhaps = f"perhaps {named(first)}"
    is_asked = not sure and not explanation.automatic
    if is_asked or other:
        name = name_of(target) if is_asked else named(target)
        heat = f"weak heat for {name}" if weak else f"heat for {name}"
        if not is_asked:
            return Caption(label, number, heat, AMBER, note_matters=True, sure=sure)
        doubt = f"no label: {perhaps}" if labels else f"not sure: {perhaps}"
        return Caption(heat, figure_of(target), doubt if other else label, note_matters=True, sure=False)
    if not sure:
        return Caption(label, number, perhaps, note_matters=True, note_in_chart=True, sure=False)
    if weak:
        return Caption(label, number, WEAK_HEAT, AMBER, note_matters=True)
    others = (
        [each for each in shown[1:] if (each.probability or 0.0) >= LABEL_HOLDS] if labels else shown[1:3]
    )
    return Caption(label, number, NOTE_GAP.join(named(each) for each in others), note_in_chart=True)


def translated(caption: Caption, words: Words) -> Caption:
    """Return a translated caption; class names stay as they are."""
    label = caption.label if caption.sure else words(caption.label)
    return replace(caption, label=label, note=words(caption.note))


def _caption_of_value(explanation: Explanation) -> Caption:
    """Return the caption of a value, of the user's own score, or of a classifier that gives NaN."""
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
    """Return the text that says why an explanation without evidence has no heat.

    For a value: nothing in the picture raises it, lowers it, or raises the difference of two values. For a class: there
    is no evidence.
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
    """Return a target's name with its number as `figure` writes it."""
    return f"{name_of(target)} {figure_of(target, beside)}".rstrip()


def name_of(target: Target) -> str:
    """Return a target's name."""
    if isinstance(target, Lowered):
        return f"what lowers {plain(target.prediction.label)}"
    return plain(target.label)


def figure_of(target: Target, beside: Sequence[Prediction] = ()) -> str:
    """Return the number after a target's name, as `figure` writes it; empty for a contrast and a lowered value."""
    return "" if isinstance(target, Contrast | Lowered) else figure(target, beside)


def pane_title(
    view: View, explanation: Explanation, model: str, words: Words, *, stale: bool
) -> tuple[str, str]:
    """Return the title of a pane in a view with several, and the text after it.

    Args:
        view: the layout of the picture.
        explanation: the explanation in the pane.
        model: name of its model.
        words: translates texts.
        stale: whether the scene has changed since the explanation.
    """
    match view:
        case "methods" | "channels":
            return explanation.method, ""
        case "targets" if not stale:
            tail = figure_of(explanation.target, explanation.values)
            if not explanation.has_evidence:
                tail = f"{tail}: {words(without_heat(explanation))}"
            name = name_of(explanation.target)
            return words(name) if isinstance(explanation.target, Lowered) else name, tail
        case "models":
            return model, ""
        case "concepts":
            layer = explanation.layer.partition(",")[0].rpartition("/")[2]
            return words(f"concepts of {layer}"), ""
        case _:
            return "", ""
