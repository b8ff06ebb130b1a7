"""The task of a network: whether its outputs are classes, independent labels or values, and how each is called.

The last operation decides where it can. A softmax or log-softmax gives classes. A sigmoid with several units gives
labels, with one unit two classes. Functions such as tanh, ReLU, softplus, an exponential or a scaled sigmoid give
values. A linear last layer gives logits or values, and other evidence decides: the user's setting, the loss that the
network was compiled with, the labels, and the name of the output. Without evidence, one unit is a value, and several
units are logits of classes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from live_gradcam.fixed_choices import Task
from live_gradcam.models.labels import Labels, labels_from, numbered_labels
from live_gradcam.number_format import counted

Ending = Literal["softmax", "log-softmax", "sigmoid", "linear", "other"]
"""The function at the end of the network. `softmax` stands for all outputs that are at least 0 and sum to 1, `sigmoid`
for all other outputs in [0, 1] that are computed with sigmoids, `other` for tanh, ReLU and so on."""

_VALUE_NAMES = frozenset(
    (
        "bbox bboxes box boxes coordinate coordinates coords keypoint keypoints landmark landmarks offset "
        "offsets pose position regression regressor xy xywh xyxy"
    ).split()
)
"""Words in the name of an output whose numbers are values."""

_MEASURES = frozenset(
    (
        "x y z w h cx cy x1 y1 x2 y2 xmin ymin xmax ymax x_min y_min x_max y_max center_x center_y width height "
        "left top right bottom length area depth distance angle rotation theta roll pitch yaw age steering "
        "throttle brake speed velocity temperature valence arousal dominance latitude longitude"
    ).split()
)
"""Names of measured quantities: a network whose labels are all among them gives values."""

_UNITS = frozenset(
    (
        "years year yrs months weeks days hours minutes seconds s ms m cm mm km kg g mg lb lbs px pixels deg "
        "degrees rad radians celsius fahrenheit kelvin percent kmh mph usd eur hz db bpm mmhg kcal lux ppm"
    ).split()
)
"""Units at the end of a layer's name, as in `age_years`."""

_SYMBOLS = {"deg": "°", "degrees": "°", "percent": "%", "celsius": "°C", "fahrenheit": "°F", "kelvin": "K"}
_SYMBOLS |= {
    "usd": "USD",
    "eur": "EUR",
    "kmh": "km/h",
    "hz": "Hz",
    "db": "dB",
    "mmhg": "mmHg",
    "pixels": "px",
}

_FORMAL_WORDS = frozenset(
    (
        "activation conv2d log hard dense fc flatten functional head identity lambda layer linear logits model "
        "network out output outputs pred prediction predictions predicted predict probs probabilities relu re lu "
        "leaky elu softmax sigmoid tanh softplus exp reshape rescaling result sequential squeeze top y "
        "regression regressor value values global average pooling2d add multiply subtract divide true power "
        "maximum minimum dropout normalization batch clip operation tensor keras final last bias mat mul "
        "stateful partitioned call"
    ).split()
)
"""Words in the name of a layer that say nothing about the meaning of its output."""

_OPERATION = re.compile(
    r"(AddV?2?|BiasAdd|Cast|Exp|Identity|LogSoftmax|MatMul|Relu|Reshape|Sigmoid|Softmax|Softplus|Squeeze|Tanh)(_\d+)?(:\d+)?"
)
"""The part of a tensor's name in a TensorFlow graph that follows the layer's name."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of an output's task besides the operations that compute it."""

    chosen: Task | None = None
    """The task that the user gave."""

    trained: Task | None = None
    """The task of the loss that the network was compiled with; None where it is unknown."""

    from_logits: bool = False
    """Whether that loss applies the softmax or sigmoid itself."""

    name: str = ""
    """The name of the output or its layer; "" where the name has no meaning."""

    labels: Labels | None = None
    """The user's own labels."""

    is_imagenet: bool = False
    """Whether the network is a known ImageNet classifier."""

    @property
    def of_labels(self) -> tuple[int | None, bool, bool]:
        """The evidence in the labels: their number, whether they have units, whether they are names of measures."""
        if self.labels is None:
            return None, False, False
        names = {name.strip().casefold().replace(" ", "_") for name in self.labels}
        units = self.labels.units or with_units(self.labels, brackets=False).units
        return len(self.labels), any(units), names <= _MEASURES


@dataclass(frozen=True, slots=True)
class Decision:
    """The task of an output, and why."""

    task: Task
    reason: str
    """A clause that gives the reason."""

    is_guess: bool = False
    """Whether there was no evidence, so that the user should be warned."""

    def warning(self, model: str, units: int) -> str:
        """Return the warning that names the decision and the option that changes it."""
        one = units == 1
        numbers = "its one output is" if one else f"its {units} outputs are"
        meaning, otherwise = {
            "classes": (
                "a logit that decides between two classes" if one else "logits of classes",
                "--task values if values are meant"
                + ("" if one else ", --task multi-label if several can be right at once"),
            ),
            "multi-label": ("independent labels", "--task values if values are meant"),
            "values": (
                "a value, not a class" if one else "values, not classes",
                "--task classes if classes are meant" if one else "--task multi-label if labels are meant",
            ),
        }[self.task]
        return f"{model}: {numbers} taken as {meaning} ({self.reason}). Say {otherwise}."


def decided(ending: Ending, units: int, evidence: Evidence) -> Decision:
    """Decide the task of an output by the rules in this module's docstring.

    Args:
        ending: the function at the end of the network.
        units: length of the output's last axis.
        evidence: what else is known.
    """
    if evidence.chosen is not None:
        return Decision(evidence.chosen, "as you said")
    trained = evidence.trained
    if ending in ("softmax", "log-softmax"):
        return Decision("classes", f"it ends in a {ending}")
    if ending == "sigmoid":
        two_sided = units == 1 and evidence.of_labels[0] == 2
        if trained == "values" and not two_sided:
            ending_in = "a sigmoid" if units == 1 else "sigmoids"
            return Decision(
                "values", f"it ends in {ending_in} and was trained as a regression", is_guess=True
            )
        if units == 1:
            return Decision("classes", "it ends in one sigmoid unit")
        return Decision("multi-label", "it ends in sigmoids")
    if trained is not None:
        return Decision(_fitting(trained, units), "the loss it was compiled with says so")
    if ending == "other":
        return Decision("values", "it ends in neither a softmax nor a sigmoid")
    return _of_linear(units, evidence)


def _of_linear(units: int, evidence: Evidence) -> Decision:
    count, have_units, are_measures = evidence.of_labels
    if evidence.is_imagenet:
        return Decision("classes", "it is an ImageNet classifier")
    if have_units:
        return Decision("values", "its labels have units")
    if are_measures:
        return Decision("values", "its labels are names of measures")
    if {word.casefold() for word in _words(evidence.name)} & _VALUE_NAMES:
        return Decision("values", f"its output is called '{evidence.name}'")
    if units == 1:
        if count == 2:
            return Decision("classes", "it has two labels")
        named = count is not None or bool(evidence.name)
        return Decision("values", "its last layer is linear", is_guess=not named)
    return Decision("classes", "its last layer is linear", is_guess=True)


def _fitting(task: Task, units: int) -> Task:
    """Return the task, but `classes` for one unit trained on labels: it decides between two classes."""
    return "classes" if units == 1 and task == "multi-label" else task


def labels_for(task: Task, units: int, evidence: Evidence) -> Labels:
    """Return the labels of an output.

    Args:
        task: the task of the output.
        units: length of its last axis.
        evidence: holds the user's labels, if any, which must fit.

    Returns:
        One name for each class, label or value. One unit that decides between classes has two; where only one of them
        has a name, `cat`, the other is `not cat`. A value without a label has the name of the output or its layer.
    """
    labels = evidence.labels
    if task == "values":
        if labels is not None:
            return replace(with_units(labels), kind="value")
        name, unit = named_with_unit(evidence.name)
        name = name or "value"
        names = [name] if units == 1 else [f"{name} {number}" for number in range(units)]
        return Labels(tuple(names), units=(unit,) * units, kind="value")
    kind: Literal["class", "label"] = "label" if task == "multi-label" else "class"
    if labels is None:
        return replace(numbered_labels(2 if units == 1 else units), kind=kind)
    if units == 1 and len(labels) == 1:
        return labels_from([f"not {labels[0]}", labels[0]])
    return labels if labels.kind == kind else replace(labels, kind=kind)


def fits(labels: int, units: int, task: Task | None) -> bool:
    """Whether a number of labels is right for an output; a task of None is decided later, by a trace."""
    if units != 1:
        return labels == units
    return labels in {"values": (1,), None: (1, 2)}.get(task, (1, 2))


def wrong_number(model: str, task: Task | None, units: int, labels: int, source: str = "") -> str:
    """Return the message for a wrong number of labels; `source` is where they come from: ` in labels.txt`."""
    given = f"{counted(labels, 'label')} {'was' if labels == 1 else 'were'} given{source}"
    if task == "values":
        return (
            f"{model} has {counted(units, 'value')} but {given}: one for each value, in the order of its outputs, is "
            "needed. If its outputs are classes, say --task classes."
        )
    classes = 2 if units == 1 else units
    missing = (
        " If its class 0 is the background, put a line 'background' in front."
        if classes == labels + 1
        else ""
    )
    return (
        f"{model} has {counted(classes, 'class')} but {given}: one for each class, in the order of its outputs, is "
        f"needed.{missing}"
    )


def difference(task: Task | None, units: int, labels: int) -> str:
    """Return both numbers where labels do not fit: `it has 4 names, the model has 5 classes`."""
    has = counted(units, "value") if task == "values" else counted(2 if units == 1 else units, "class")
    return f"it has {counted(labels, 'name')}, the model has {has}"


def with_units(labels: Labels, *, brackets: bool = True) -> Labels:
    """Return labels with the units moved from the names, `age [years]` or `age (years)`, to `units`.

    Args:
        labels: the user's labels.
        brackets: whether units in round brackets count. In the names of classes they tell namesakes apart.
    """
    if any(labels.units):
        return labels
    form = r"(.*\S)\s*[\[(]\s*([^\[\]()]+?)\s*[\])]" if brackets else r"(.*\S)\s*\[\s*([^\[\]]+?)\s*\]"
    found = [re.fullmatch(form, name.strip()) for name in labels.names]
    if not any(found):
        return labels
    pairs = [
        (each[1], each[2]) if each else (name, "") for each, name in zip(found, labels.names, strict=True)
    ]
    return Labels(tuple(name for name, _ in pairs), units=tuple(unit for _, unit in pairs))


def named_with_unit(name: str) -> tuple[str, str]:
    """Return the name and unit of a value from the name of its layer: `age` and `years` for `age_years_output`."""
    words = _words(name)
    while len(words) > 1 and words[-1].casefold() in _FORMAL_WORDS | {""}:
        words.pop()
    while len(words) > 1 and words[0].casefold() in _FORMAL_WORDS:
        words.pop(0)
    unit = ""
    if len(words) > 1 and words[-1].casefold() in _UNITS:
        unit = words.pop().casefold()
        if len(words) > 1 and words[-1].casefold() == "in":
            words.pop()
    return " ".join(words), _SYMBOLS.get(unit, unit)


def telling(name: str) -> str:
    """Return a layer's name; "" where it has no meaning, as `dense_3` and `output`."""
    parts = name.split("/")
    while len(parts) > 1 and _OPERATION.fullmatch(parts[-1]):  # `age/BiasAdd` in a frozen graph
        parts.pop()
    own = parts[-1]
    formal = all(word.casefold() in _FORMAL_WORDS or word.isdigit() for word in _words(own))
    return "" if formal else own


def _words(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\s_.\-]+", spaced) if word]
