"""The specification of a graph: all that it depends on besides the model, the pictures and the classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from live_gradcam.errors import SettingsError, reason_of
from live_gradcam.explain.methods.method import Method
from live_gradcam.explain.targets import ScoreFunction
from live_gradcam.fixed_choices import Fusion, Score, Smooth

Pace = Callable[[], int]
"""Returns how many inputs go through the network next, at least 1. It may wait, and it may raise to end the run."""

MakePace = Callable[[], Pace]
"""Returns the pace of one method and target of one graph: each has its own, because the length of a pass differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSpec:
    """The specification of one graph. Equal specifications of one model share one graph."""

    methods: tuple[Method, ...]
    """The methods. Several methods share a graph and its forward pass if each of them needs one pass only."""

    layers: tuple[str, ...] | None
    """Paths of the target layers; None chooses one."""

    input_size: tuple[int, int]
    """(height, width) in pixels."""

    score: Score = "logit"
    targets: int = 1
    """How many maps each method makes in one run."""

    function: ScoreFunction | None = None
    """The user's own score; None explains classes."""

    rivals: int = 3
    """How many of its strongest rivals a class is contrasted with if no rival is named."""

    fusion: Fusion = "mean"
    smooth: Smooth = "none"
    grid: tuple[int, int] | None = None
    """(height, width) of a transformer's tokens; None finds it."""

    slots: int = 0
    """How many classes a head has that is an argument of the graph (`TaughtHead`); 0: the network's own head."""

    channels: int = 0
    """How many of the layer's strongest channels the graph returns beside the maps."""

    activation: bool = False
    """Whether the graph returns the layer's activation."""

    pace: MakePace | None = None
    """Returns a function that is called before each pass of a method of many passes; None: passes never wait."""

    @property
    def one_pass(self) -> bool:
        """Whether all methods need one pass only. Such a graph takes several pictures at once."""
        return all(method.one_pass for method in self.methods)

    @property
    def lays_maps(self) -> bool:
        """Whether the graph itself lays maps over the picture, or over one another."""
        several = self.layers is not None and len(self.layers) > 1
        return several or self.smooth == "augment" or not self.one_pass

    @property
    def contrasting(self) -> tuple[bool, ...]:
        """The kinds of goals: classes alone (False), or classes contrasted with their strongest rivals (True).

        A goal is a score that is differentiated. Methods of one kind share the goals, and so the gradients. The goals
        are numbered kind by kind, and within a kind target by target.
        """
        if self.function is not None:
            return (False,)
        return tuple(dict.fromkeys(method.contrasts for method in self.methods))

    @property
    def goals(self) -> int:
        """How many different goals the maps have."""
        return len(self.contrasting) * self.targets

    def goal_number(self, method: int, target: int) -> int:
        """Return the number of the goal of a method's map of a target; all are counted from 0."""
        kinds = self.contrasting
        kind = kinds.index(self.methods[method].contrasts) if len(kinds) > 1 else 0
        return kind * self.targets + target


GraphKey = tuple[int, GraphSpec]
"""The key of a graph: the number of its model in the engine, and its specification."""


def paths_in(layers: str) -> tuple[str, ...]:
    """Return the paths of the layers that `--layer` names: several are separated by commas.

    Raises:
        SettingsError: it is no text.
    """
    if not isinstance(layers, str):  # as a program's author may write it
        raise SettingsError(
            f"layer is {reason_of(repr(layers))}. Give a layer's name, or several in one text: 'late, early'."
        )
    return tuple(path.strip() for path in layers.split(","))
