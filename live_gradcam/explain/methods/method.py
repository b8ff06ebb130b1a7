"""The registry of all methods. A new method is one function with its docstring, and one line here.

This module does not load TensorFlow, so that names are checked without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.methods import own_methods
from live_gradcam.models.type_names import Tensor
from live_gradcam.name_suggestions import unknown_name

Family = Literal["gradient", "activation", "perturbation", "attention", "pixel"]
"""The family of a method. It determines the arguments of the method's function."""

FINERCAM_STRENGTH = 0.6
"""γ of FinerCAM: how much of the rivals' score is subtracted. As in the first commit of the code of Zhang et al. 2025,
arXiv:2501.11309, for several rivals together (`alpha` of its setting `aggregate`); today that code takes 1."""

FINERCAM_RIVALS = 3
"""T of FinerCAM: how many similar classes the target is contrasted with, as in the same paper."""

SMOOTHGRADCAM_SAMPLES = 30
"""n of Smooth Grad-CAM++: how many noisy copies are looked at."""

SMOOTHGRAD_SAMPLES = 50
"""n of SmoothGrad: how many noisy copies. Past 50 there is little to be gained (section 3.2 of the paper)."""

INTEGRATION_STEPS = 100
"""At how many points of the path Integrated Gradients takes the gradient. On three photographs and the default network
the map then sums to the score difference within 2%; with 50 points it was up to 26% off."""


@dataclass(frozen=True, slots=True)
class Method:
    """An explanation method."""

    name: str
    """As `--method` takes it."""

    family: Family
    """`gradient`: one forward and one backward pass; `activation`: one forward pass; `perturbation`: many passes, a
    map of the layer; `attention`: a map of a transformer's tokens; `pixel`: a map of the input."""

    definition: str | own_methods.OwnMethod
    """Module of this package and name of the function: `gradients.gradcam`; or a method that is not of this package."""

    paper: str
    """Authors, year, and where to find it."""

    passes: str
    """How often the network is run, forward and backward; K is the layer's number of channels, h·w of places."""

    pass_count: Callable[[int], int]
    """The same as a number, forward and backward passes together, for a layer of K channels. If it depends on the
    places, it is estimated."""

    rectified: bool = False
    """Whether the paper's formula ends in a ReLU, which the caller applies."""

    averages: bool = False
    """Whether the map depends on the gradient only through its mean over the places."""

    contrasts: bool = False
    """Whether a class that is named alone is contrasted with its strongest rivals."""

    needs_pooling: bool = False
    """Whether it is defined only where global average pooling and one dense layer follow the layer."""

    needs_attention: bool = False
    """Whether it is defined only for transformers."""

    curved: bool = False
    """Whether it needs the second derivative of the score: its gradients are G − ½ H A, with H the Hessian."""

    by_probability: bool = False
    """Whether its score y is always the probability of a class, whatever the setting `score` says."""

    needs_layer: bool = True
    """Whether it is defined only for networks with a feature map or tokens."""

    bounded_by_length: bool = False
    """Whether the rounding error of the map is in proportion to the length of the vector of all channels at a place,
    as that of a principal component is; else it is in proportion to the method's map of the magnitudes."""

    together: bool = False
    """Whether it is one of the methods that the window shows side by side."""

    slow: bool = False
    """Whether it takes so many passes that a live view offers it only if the settings name it."""

    @property
    def one_pass(self) -> bool:
        """Whether one forward and at most one backward pass are enough. Several such methods can share them."""
        return self.family in ("gradient", "activation")

    @property
    def looks_at_gradient(self) -> bool:
        """Whether it depends on the gradient of the score at the layer."""
        return self.family == "gradient"

    @property
    def maps_pixels(self) -> bool:
        """Whether the map is one of the input, and not of the layer."""
        return self.family == "pixel"

    @property
    def own(self) -> own_methods.OwnMethod | None:
        """The method that is not of this package; None if it is of this one."""
        return None if isinstance(self.definition, str) else self.definition

    @property
    def function(self) -> Callable[..., Tensor]:
        """The function that computes the map.

        Its arguments and its result by family, all float32:

        - `gradient`: (activations, gradients), both (N, h, w, K), to maps (N, h, w), before the ReLU. The gradients
          are ∂y/∂A, or G − ½ H A if the method is `curved`.
        - `activation`: (activations,) (N, h, w, K) to maps (N, h, w).
        - `perturbation`, `attention`: (probe,) of one picture to its map (h, w), before the ReLU, and a bound of its
          rounding error, ().
        - `pixel`: (probe,) of one picture to its map (H, W), at the input's resolution, and such a bound.
        """
        if not isinstance(self.definition, str):
            return self.definition.function
        module, name = self.definition.split(".")
        found: Callable[..., Tensor] = getattr(import_module(f"live_gradcam.explain.methods.{module}"), name)
        return found


def _function_of(name: str) -> str:
    """Return the name of a method's function: `gradcam_pp` for `gradcam++`, `shapley_cam` for `shapley-cam`."""
    return name.replace("++", "_pp").replace("-", "_")


def _always(count: int) -> Callable[[int], int]:
    return lambda channels: count  # noqa: ARG005 - whatever the layer has


_twice = _always(2)  # one object, so that methods made twice are equal


def _each_channel(channels: int) -> int:
    return channels + 1


def _each_place(channels: int) -> int:
    del channels
    return 14 * 14 + 1  # a usual layer's places, at 224 pixels


def _gradient(name: str, paper: str, *, backward: int = 1, **flags: bool) -> Method:
    passes, count = f"1 forward, {backward} backward", _always(1 + backward)
    return Method(name, "gradient", f"gradients.{_function_of(name)}", paper, passes, count, **flags)


def _activation(name: str, paper: str) -> Method:
    where = f"activations.{_function_of(name)}"
    return Method(name, "activation", where, paper, "1 forward", _always(1), bounded_by_length=True)


def _perturbation(
    name: str,
    paper: str,
    passes: str,
    count: Callable[[int], int],
    *,
    rectified: bool = True,
    by_probability: bool = False,
    slow: bool = True,
) -> Method:
    where = f"perturbations.{_function_of(name)}"
    flags = {"rectified": rectified, "by_probability": by_probability, "slow": slow}
    return Method(name, "perturbation", where, paper, passes, count, **flags)


def _pixel(name: str, paper: str, forward: int, backward: int, **flags: bool) -> Method:
    passes = f"{forward} forward, {backward} backward"
    where, flags = f"pixels.{_function_of(name)}", {"needs_layer": False, **flags}
    return Method(name, "pixel", where, paper, passes, _always(forward + backward), **flags)


_METHODS = {
    method.name: method
    for method in (
        _gradient(
            "gradcam", "Selvaraju et al. 2016, arXiv:1610.02391", rectified=True, averages=True, together=True
        ),
        _gradient("gradcam++", "Chattopadhay et al. 2017, arXiv:1710.11063", rectified=True, together=True),
        _gradient("hirescam", "Draelos and Carin 2020, arXiv:2011.08891", together=True),
        _gradient("elementwise", "after Pillai and Pirsiavash 2021, AAAI"),
        _gradient("xgradcam", "Fu et al. 2020, arXiv:2008.02312", rectified=True),
        _gradient("layercam", "Jiang et al. 2021, IEEE TIP", rectified=True, together=True),
        _gradient("eigengradcam", "Gildenblat 2021, pytorch-grad-cam", bounded_by_length=True),
        _gradient(
            "finercam", "Zhang et al. 2025, arXiv:2501.11309", rectified=True, averages=True, contrasts=True
        ),
        _gradient("shapley-cam", "Cai 2025, arXiv:2501.06261", backward=2, rectified=True, curved=True),
        _gradient("cam", "Zhou et al. 2016, arXiv:1512.04150", needs_pooling=True),
        _activation("eigencam", "Muhammad and Yeasin 2020, arXiv:2008.00299"),
        _activation("kpcacam", "Karmani et al. 2024, arXiv:2410.00267"),
        _activation("fem", "Fuad et al. 2020, IPTA"),
        _perturbation("scorecam", "Wang et al. 2019, arXiv:1910.01279", "K + 1 forward", _each_channel),
        _perturbation(
            "ablationcam", "Desai and Ramaswamy 2020, WACV", "1 forward, K from the layer on", _each_channel
        ),
        _perturbation(
            "smoothgradcam++",
            "Omeiza et al. 2019, arXiv:1908.01224",
            f"{SMOOTHGRADCAM_SAMPLES + 1} forward, {SMOOTHGRADCAM_SAMPLES} backward",
            _always(2 * SMOOTHGRADCAM_SAMPLES + 1),
        ),
        _perturbation(
            "reciprocam",
            "Byun and Lee 2022, arXiv:2209.14074",
            "1 forward, h·w from the layer on",
            _each_place,
            rectified=False,
            by_probability=True,
            slow=False,
        ),
        Method(
            "legrad",
            "attention",
            "attention.legrad",
            "Bousselham et al. 2024, arXiv:2404.03214",
            "1 forward, 1 backward",
            _always(2),
            needs_attention=True,
        ),
        _pixel("saliency", "Simonyan et al. 2013, arXiv:1312.6034", 1, 1),
        _pixel(
            "smoothgrad",
            "Smilkov et al. 2017, arXiv:1706.03825",
            SMOOTHGRAD_SAMPLES,
            SMOOTHGRAD_SAMPLES,
            slow=True,
        ),
        _pixel(
            "integrated-gradients",
            "Sundararajan et al. 2017, arXiv:1703.01365",
            INTEGRATION_STEPS,
            INTEGRATION_STEPS,
            slow=True,
        ),
        _pixel("attnlrp", "Achtibat et al. 2024, arXiv:2402.05602", 3, 2),
        _pixel("guided-backprop", "Springenberg et al. 2014, arXiv:1412.6806", 1, 1),
        _pixel("guided-gradcam", "Selvaraju et al. 2016, arXiv:1610.02391", 1, 2, needs_layer=True),
    )
}

METHODS = tuple(_METHODS)
"""The names of this package's methods."""


def method_names() -> tuple[str, ...]:
    """Return all names that `--method` knows: those of this package, then those of programs and other packages."""
    return (*METHODS, *(name for name in own_methods.own_method_names() if name not in _METHODS))


def method_named(name: str) -> Method:
    """Return the method of that name. A package that it belongs to is not imported yet.

    Raises:
        LiveGradcamError: there is none, or two packages have one of that name.
    """
    if (method := _METHODS.get(name.casefold())) is not None:
        return method
    if (own := own_methods.own_method_named(name)) is not None:
        return _of(own)
    names = method_names()
    raise LiveGradcamError(unknown_name("method", name, names, f"Valid: {', '.join(names)}."))


def method_of(method: str | own_methods.CamFunction) -> Method:
    """Return the method of that name, or the one that a function computes.

    Raises:
        LiveGradcamError: there is none of that name, or the function cannot be a method.
    """
    return method_named(method) if isinstance(method, str) else _of(own_methods.own_method(method, METHODS))


def _of(own: own_methods.OwnMethod) -> Method:
    return Method(own.name, "gradient", own, own.origin, "1 forward, 1 backward", _twice)
