"""What is traced: everything that a compiled graph depends on besides the model, the picture and the classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from live_gradcam.config import Fusion, Score, Smooth
from live_gradcam.explain.methods.method import Method
from live_gradcam.explain.targets import ScoreFunction

Pace = Callable[[], int]
"""Returns how many inputs go through the network next, at least 1. It may wait, and it may raise to end the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSpec:
    """One graph to compile. Equal plans of one model are one graph."""

    methods: tuple[Method, ...]
    """Several only of those that need one pass: they share it."""

    layers: tuple[str, ...] | None
    """Paths of the target layers; None chooses one."""

    input_size: tuple[int, int]
    """(height, width) in pixels."""

    score: Score = "logit"
    targets: int = 1
    """How many maps each method makes in one call."""

    function: ScoreFunction | None = None
    """The user's own score; None: that of a class."""

    rivals: int = 3
    """How many of the strongest rivals a class is set against where none is named."""

    fusion: Fusion = "mean"
    smooth: Smooth = "none"
    grid: tuple[int, int] | None = None
    """(height, width) of a transformer's tokens; None finds it."""

    channels: int = 0
    """How many of the layer's strongest channels are given beside the maps."""

    pace: Pace | None = None
    """Is called before each pass of a method of many passes, inside the graph; None: they follow one another."""

    @property
    def one_pass(self) -> bool:
        """Whether its methods need but one pass: then it takes several pictures at once, too."""
        return all(method.one_pass for method in self.methods)

    @property
    def lays_maps(self) -> bool:
        """Whether its graph itself lays maps over the picture, or over one another."""
        several = self.layers is not None and len(self.layers) > 1
        return several or self.smooth == "augment" or not self.one_pass

    @property
    def contrasting(self) -> tuple[bool, ...]:
        """Which kinds of goal there are: classes alone (False), or set against their strongest rivals (True).

        Methods of one kind share the goals, and so the gradients. The goals are numbered kind by kind, and within
        a kind target by target.
        """
        if self.function is not None:
            return (False,)
        return tuple(dict.fromkeys(method.contrasts for method in self.methods))

    @property
    def goals(self) -> int:
        """How many different goals the maps have."""
        return len(self.contrasting) * self.targets

    def goal_number(self, method: int, target: int) -> int:
        """Return which goal a method's map of a target has, all counted from 0."""
        kinds = self.contrasting
        kind = kinds.index(self.methods[method].contrasts) if len(kinds) > 1 else 0
        return kind * self.targets + target
