"""Predictions and targets: what the network says about one of its outputs, and which output is explained."""

from __future__ import annotations

from dataclasses import dataclass

from live_gradcam.number_format import number_text, percent_text, with_unit


@dataclass(frozen=True, slots=True)
class Prediction:
    """The network's prediction for one of its outputs: a class, a label, or a value."""

    class_id: int
    """Index of the output unit, from 0."""

    label: str
    """Readable name of the class or value: `Egyptian cat`, `age`."""

    probability: float | None
    """In [0, 1]; None if the network is no classifier, or gives NaN."""

    value: float | None = None
    """The output of the network's last layer: a probability, log-probability, logit or plain value. If one unit decides
    between two classes, the first class has the negated output. None if NaN, infinite or unknown."""

    unit: str = ""
    """Unit of a plain value, such as `years`; empty if it has none."""

    @property
    def title(self) -> str:
        """The name with its unit, as in a table's header: `age [years]`."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    def __str__(self) -> str:
        if self.probability is not None:
            return f"{self.label} {percent_text(self.probability)}"
        return f"{self.label} {with_unit(number_text(self.value), self.unit)}"


@dataclass(frozen=True, slots=True)
class Contrast:
    """A class contrasted with others: the evidence for it rather than for them."""

    prediction: Prediction
    """The explained class."""

    rivals: tuple[Prediction, ...]
    """The classes to contrast it with, strongest first."""

    strength: float
    """Factor of the rivals' score that is subtracted; 1 for the plain difference."""

    @property
    def class_id(self) -> int:
        """Id of the explained class."""
        return self.prediction.class_id

    @property
    def label(self) -> str:
        """Names of both sides: `tabby − tiger cat`."""
        return f"{self.prediction.label} − {', '.join(rival.label for rival in self.rivals)}"

    @property
    def probability(self) -> float | None:
        """Probability of the explained class, in [0, 1]; None if the network is no classifier."""
        return self.prediction.probability

    @property
    def value(self) -> float | None:
        """The network's output for the explained class."""
        return self.prediction.value

    @property
    def unit(self) -> str:
        """Unit of that output."""
        return self.prediction.unit


@dataclass(frozen=True, slots=True)
class Lowered:
    """A value of a network that is no classifier, explained by what decreases it."""

    prediction: Prediction
    """The explained value."""

    @property
    def class_id(self) -> int:
        """Index of the output unit, from 0."""
        return self.prediction.class_id

    @property
    def label(self) -> str:
        """The target as it is written: `age −`."""
        return f"{self.prediction.label} −"

    @property
    def probability(self) -> None:
        """None: a value has no probability."""

    @property
    def value(self) -> float | None:
        """The network's output."""
        return self.prediction.value

    @property
    def unit(self) -> str:
        """Unit of that output."""
        return self.prediction.unit


@dataclass(frozen=True, slots=True)
class Value:
    """The user's own score: a function of the model's outputs."""

    label: str
    """Name of the function."""

    value: float | None
    """Its result; None if NaN or infinite."""


Target = Prediction | Contrast | Lowered | Value


def class_name(target: Target) -> str:
    """Return the name of the class that a target's probability is of: of a contrast, the class that it is for."""
    return target.prediction.label if isinstance(target, Contrast) else target.label
