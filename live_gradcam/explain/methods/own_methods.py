"""Methods of other people: a function of activations and gradients, from an installed package or from a program."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.models.type_names import Tensor
from live_gradcam.plugins import Plugin, failure, plugin_named, plugins_of

logger = logging.getLogger(__name__)

_SHAPE = (2, 5, 7, 11)
"""Pictures, rows, columns and channels of the trial: all different, so that exchanged axes show."""

_NAME = re.compile(r"[a-z][a-z0-9_]+")


class CamFunction(Protocol):
    """Computes the heat maps of a method of your own: the form of the function for a plug-in or `Explainer(method=…)`.

    It consists of TensorFlow operations, because it becomes part of the compiled graph. Each picture is by itself: a
    map depends on no other picture of the batch, and on nothing random. It is called a second time with |A| and
    |∂y/∂A|, to bound the rounding error of the map: a map whose peak is below that bound has no evidence.
    """

    def __call__(self, activations: Tensor, gradients: Tensor, /) -> Tensor:
        """Return the maps.

        Args:
            activations: A, the target layer's output, (N, h, w, K) float32 for N pictures.
            gradients: ∂y/∂A, the gradient of the explained score, the same shape.

        Returns:
            The maps, (N, h, w) float32: evidence for the target where positive. Negative values are not drawn.
        """


@dataclass(frozen=True, slots=True)
class OwnMethod:
    """A method that is not of this package."""

    name: str
    """In lower case, as `--method` takes it."""

    given: Plugin | CamFunction
    """Where the function is, or the function itself."""

    @property
    def origin(self) -> str:
        """The package and its version, or the module of the program."""
        given = self.given
        return given.package if isinstance(given, Plugin) else str(getattr(given, "__module__", "a program"))

    @property
    def function(self) -> CamFunction:
        """The function. It was tried once, and its maps are checked in every graph.

        Raises:
            LiveGradcamError: it cannot be imported, it raises, or its maps have another form.
        """
        return _tried(self)

    def __str__(self) -> str:
        return f"the method '{self.name}' of {self.origin}"


_given: dict[str, OwnMethod] = {}


def own_method(function: CamFunction, taken: tuple[str, ...]) -> OwnMethod:
    """Make a function of a program a method, which can from now on be named; an earlier one of that name is replaced.

    Args:
        function: computes the maps; it has a name.
        taken: the names of this package's methods.

    Raises:
        SettingsError: it is no function, or its name cannot be one of a method.
    """
    name = getattr(function, "__name__", None)
    if not callable(function) or not isinstance(name, str):
        raise SettingsError(
            f"method is {type(function).__name__}: a name or a function (activations, gradients) is needed."
        )
    folded = name.casefold()
    if _NAME.fullmatch(folded) is None or folded in taken:
        why = (
            "a method of live_gradcam has that name. Rename it"
            if folded in taken
            else "it needs a name of its own. Define it with def"
        )
        raise SettingsError(f"the function '{name}' cannot be a method: {why}.")
    _given[folded] = OwnMethod(folded, function)
    return _given[folded]


def own_method_named(name: str) -> OwnMethod | None:
    """Return the method of a program or an installed package, in whatever case; None if there is none.

    Raises:
        LiveGradcamError: two packages have a method of that name.
    """
    folded = name.casefold()
    if folded in _given:
        return _given[folded]
    plugin = plugin_named("method", folded)
    return None if plugin is None else OwnMethod(folded, plugin)


def own_method_names() -> tuple[str, ...]:
    """Return the names of the methods of programs and installed packages."""
    return tuple(dict.fromkeys([*_given, *(plugin.name for plugin in plugins_of("method"))]))


@cache
def warn_not_finite(method: OwnMethod) -> None:
    """Log a warning, once, that a method gave no finite numbers for a picture."""
    logger.warning(
        "%s gave numbers that are not finite: such a map is not drawn. Divide with tf.math.divide_no_nan.",
        method,
    )


@cache
def _tried(method: OwnMethod) -> CamFunction:
    """Return a method's function with its checks, after a trial with numbers as a network has them."""
    given = method.given.load() if isinstance(method.given, Plugin) else method.given

    def checked(activations: Tensor, gradients: Tensor) -> Tensor:
        import tensorflow as tf  # here, so that names are checked without it

        try:
            maps = given(activations, gradients)
        except (Exception, SystemExit) as error:
            raise failure("method", str(method), "failed", error) from error
        if not tf.is_tensor(maps):
            raise _wrong(method, f"returned {type(maps).__name__}: it must return a tensor")
        if maps.dtype != tf.float32 or not maps.shape.is_compatible_with(activations.shape[:3]):
            raise _wrong(
                method,
                f"returned {_form(maps)} for activations {_form(activations)}: it must return (N, h, w) float32",
            )
        return maps

    _try(method, checked)
    return checked


def _try(method: OwnMethod, checked: CamFunction) -> None:
    """Call a method's function with random numbers.

    Raises:
        LiveGradcamError: its maps are not finite, or depend on more than their own picture.
    """
    import numpy as np
    import tensorflow as tf

    draws = np.random.default_rng(0)
    # Several times as large for each picture, so that a maximum or a sum over all of them is not that of each.
    sizes = 3.0 ** np.arange(_SHAPE[0]).reshape(-1, 1, 1, 1)
    with tf.init_scope():  # out of the graph that is being traced
        activations = tf.constant(sizes * np.maximum(draws.normal(size=_SHAPE), 0), tf.float32)
        gradients = tf.constant(sizes * draws.normal(size=_SHAPE), tf.float32)
        maps = checked(activations, gradients).numpy()
        each = [checked(activations[n : n + 1], gradients[n : n + 1]).numpy() for n in range(_SHAPE[0])]
    if not np.isfinite(maps).all():
        count = int((~np.isfinite(maps)).sum())
        raise _wrong(
            method,
            f"returned {count} of {maps.size} numbers that are not finite, for finite activations and gradients: "
            "divide with tf.math.divide_no_nan",
        )
    if not np.allclose(np.concatenate(each), maps, rtol=1e-3, atol=1e-3 * np.abs(maps).max()):
        raise _wrong(
            method,
            "returned another map for a picture that was alone: each picture of the batch must be explained by "
            "itself, without anything random",
        )


def _form(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {tensor.dtype.name}"


def _wrong(method: OwnMethod, what: str) -> LiveGradcamError:
    return failure("method", str(method), what)
