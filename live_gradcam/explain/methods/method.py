"""What a method is, and the registry of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.methods import activations, gradients, pixels
from live_gradcam.explain.methods.perturbations import (
    SMOOTHGRADCAM_SAMPLES,
    ablationcam,
    scorecam,
    smoothgradcam_pp,
)
from live_gradcam.explain.methods.pixels import INTEGRATION_STEPS, SMOOTHGRAD_SAMPLES
from live_gradcam.near_names import unknown_name

Family = Literal["gradient", "activation", "perturbation", "pixel"]
"""What a method looks at, and so what its function takes."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way to explain."""

    name: str
    """As `--method` takes it."""

    family: Family
    """`gradient`: one forward and one backward pass; `activation`: one forward pass; `perturbation`: many passes, a
    map of the layer; `pixel`: a map of the input."""

    function: Callable[..., Any]
    """By family, all float32:

    - `gradient`: (activations, gradients), both (N, h, w, K), to maps (N, h, w), before the ReLU.
    - `activation`: (activations,) (N, h, w, K) to maps (N, h, w).
    - `perturbation`: (probe,) of one picture to its map (h, w), before the ReLU.
    - `pixel`: (probe,) of one picture to its map (H, W), at the input's resolution.
    """

    rectified: bool
    """Whether the paper's formula ends in a ReLU, which the caller applies."""

    paper: str
    """Authors, year, and where to find it."""

    passes: str
    """What it costs: how often the network is run, forward and backward; K is the layer's number of channels."""

    pass_count: Callable[[int], int]
    """The same as a number, forward and backward passes together, for a layer of K channels."""

    @property
    def one_pass(self) -> bool:
        """Whether one pass of the network is enough, which several such methods can share."""
        return self.family in ("gradient", "activation")

    @property
    def averages(self) -> bool:
        """Whether of the gradient it looks at nothing but the mean over the places."""
        return self.function in (gradients.gradcam, gradients.finercam)

    @property
    def contrasts(self) -> bool:
        """Whether a class that is named alone is set against its strongest rivals."""
        return self.function is gradients.finercam


def _always(count: int) -> Callable[[int], int]:
    return lambda channels: count  # noqa: ARG005 - whatever the layer has


def _each_channel(channels: int) -> int:
    return channels + 1


def _gradient(name: str, function: Callable[..., Any], rectified: bool, paper: str) -> Method:
    return Method(name, "gradient", function, rectified, paper, "1 forward, 1 backward", _always(2))


def _activation(name: str, function: Callable[..., Any], paper: str) -> Method:
    return Method(name, "activation", function, False, paper, "1 forward", _always(1))


def _perturbation(
    name: str, function: Callable[..., Any], passes: str, count: Callable[[int], int], paper: str
) -> Method:
    return Method(name, "perturbation", function, True, paper, passes, count)


def _pixel(name: str, function: Callable[..., Any], forward: int, backward: int, paper: str) -> Method:
    passes = f"{forward} forward, {backward} backward"
    return Method(name, "pixel", function, False, paper, passes, _always(forward + backward))


_METHODS = {
    method.name: method
    for method in (
        _gradient("gradcam", gradients.gradcam, True, "Selvaraju et al. 2016, arXiv:1610.02391"),
        _gradient("gradcam++", gradients.gradcam_pp, True, "Chattopadhay et al. 2017, arXiv:1710.11063"),
        _gradient("hirescam", gradients.hirescam, False, "Draelos and Carin 2020, arXiv:2011.08891"),
        _gradient("elementwise", gradients.elementwise, False, "Pillai and Pirsiavash 2021, AAAI"),
        _gradient("xgradcam", gradients.xgradcam, True, "Fu et al. 2020, arXiv:2008.02312"),
        _gradient("layercam", gradients.layercam, True, "Jiang et al. 2021, IEEE TIP"),
        _gradient("eigengradcam", gradients.eigengradcam, False, "Gildenblat 2021, pytorch-grad-cam"),
        _gradient("finercam", gradients.finercam, True, "Zhang et al. 2025, arXiv:2501.11309"),
        _gradient("cam", gradients.cam, False, "Zhou et al. 2016, arXiv:1512.04150"),
        _activation("eigencam", activations.eigencam, "Muhammad and Yeasin 2020, arXiv:2008.00299"),
        _activation("kpcacam", activations.kpcacam, "Karmani et al. 2024, arXiv:2410.00267"),
        _activation("fem", activations.fem, "Fuad et al. 2020, IPTA"),
        _perturbation(
            "scorecam", scorecam, "K + 1 forward", _each_channel, "Wang et al. 2019, arXiv:1910.01279"
        ),
        _perturbation(
            "ablationcam",
            ablationcam,
            "1 forward, K from the layer on",
            _each_channel,
            "Desai and Ramaswamy 2020, WACV",
        ),
        _perturbation(
            "smoothgradcam++",
            smoothgradcam_pp,
            f"{SMOOTHGRADCAM_SAMPLES + 1} forward, {SMOOTHGRADCAM_SAMPLES} backward",
            _always(2 * SMOOTHGRADCAM_SAMPLES + 1),
            "Omeiza et al. 2019, arXiv:1908.01224",
        ),
        _pixel("saliency", pixels.saliency, 1, 1, "Simonyan et al. 2013, arXiv:1312.6034"),
        _pixel(
            "smoothgrad",
            pixels.smoothgrad,
            SMOOTHGRAD_SAMPLES,
            SMOOTHGRAD_SAMPLES,
            "Smilkov et al. 2017, arXiv:1706.03825",
        ),
        _pixel(
            "integrated-gradients",
            pixels.integrated_gradients,
            INTEGRATION_STEPS,
            INTEGRATION_STEPS,
            "Sundararajan et al. 2017, arXiv:1703.01365",
        ),
        _pixel(
            "guided-backprop",
            pixels.guided_backprop,
            1,
            1,
            "Springenberg et al. 2014, arXiv:1412.6806",
        ),
        _pixel(
            "guided-gradcam",
            pixels.guided_gradcam,
            1,
            2,
            "Selvaraju et al. 2016, arXiv:1610.02391",
        ),
    )
}

METHODS = tuple(_METHODS)
"""The names that `--method` knows."""


def method_named(name: str) -> Method:
    """Return the method of that name.

    Raises:
        LiveGradcamError: there is none.
    """
    try:
        return _METHODS[name.casefold()]
    except KeyError:
        raise LiveGradcamError(
            unknown_name("method", name, METHODS, f"Valid: {', '.join(METHODS)}.")
        ) from None
