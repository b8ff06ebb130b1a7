"""From settings to models that are ready to be explained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from live_gradcam.config import ExplainSettings
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.graph_spec import Pace
from live_gradcam.explain.methods.method import Method, method_named
from live_gradcam.models.devices import choose_device
from live_gradcam.models.loading import load_model
from live_gradcam.models.model import Model
from live_gradcam.question import Question, TargetSpec

Say = Callable[[str], None]


def load_explainer(settings: ExplainSettings, size: tuple[int, int], say: Say) -> Explainer:
    """Load the model that the settings name and compile it.

    Args:
        settings: model, method and all.
        size: (width, height) in pixels of the frames to come.
        say: takes each line that is worth telling.

    Raises:
        LiveGradcamError: a setting is wrong, or the model cannot be loaded or explained.
    """
    model, device = load_chosen(settings)
    explainer = explainer_for(
        model, settings, method=settings.method, layer=settings.layer, target=settings.target
    )
    explainer.prepare(size)
    _tell(model, device, explainer.method, explainer.layer, say)
    return explainer


def load_answering(
    settings: ExplainSettings, size: tuple[int, int], say: Say, *, others: tuple[Any, ...] = ()
) -> Engine:
    """Load the models that the settings name, and compile the first question that they ask.

    Args:
        settings: model, method and all.
        size: (width, height) in pixels of the frames to come.
        say: takes each line that is worth telling.
        others: models beside the first, with their own labels and preprocessing.

    Raises:
        LiveGradcamError: a setting is wrong, or a model cannot be loaded or explained.
    """
    model, device = load_chosen(settings)
    beside = [load_model(other, allow_unsafe=settings.allow_unsafe, lang=settings.lang) for other in others]
    answering = Engine([model, *beside], **_manner(settings))
    question = Question(methods=(settings.method,), layer=settings.layer, targets=(settings.target,))
    answering.compile(question, size)
    _tell(model, device, method_named(settings.method), answering.layer_of(question, size), say)
    for other in beside:
        say(f"beside it {other.name}")
    return answering


def load_chosen(settings: ExplainSettings) -> tuple[Model, str]:
    """Choose the device and load the model that the settings name, and compile nothing yet.

    Returns:
        The model, and the device in words.

    Raises:
        LiveGradcamError: a setting is wrong, or the model cannot be loaded.
    """
    device = choose_device(settings.device)
    model = load_model(
        settings.model,
        settings.labels,
        settings.preprocess,
        output=settings.output,
        task=settings.task,
        inputs=settings.inputs,
        allow_unsafe=settings.allow_unsafe,
        lang=settings.lang,
    )
    return model, device


def explainer_for(
    model: Model,
    settings: ExplainSettings,
    *,
    method: str,
    layer: str | None,
    target: TargetSpec = None,
    freeze: bool = True,
    pace: Pace | None = None,
) -> Explainer:
    """Return an explainer of a loaded model, which explains in the manner of the settings.

    Args:
        model: what is explained.
        settings: how; of method, layer and target they say nothing here.
        method: how it is explained.
        layer: the target layer; None: the last whose activation is a feature map.
        target: what is explained; None: the most probable class.
        freeze: as `Explainer` takes it.
        pace: likewise.

    Raises:
        LiveGradcamError: a setting is wrong, or the model cannot be explained.
    """
    return Explainer(
        model, method=method, layer=layer, target=target, freeze=freeze, pace=pace, **_manner(settings)
    )


def _manner(settings: ExplainSettings) -> dict[str, Any]:
    """Return what stays the same whatever is asked, as `Explainer` and `Engine` both take it."""
    stays = ("fit", "score", "fusion", "smooth", "grid", "strength", "rivals")
    return {name: getattr(settings, name) for name in stays}


def _tell(model: Model, device: str, method: Method, layer: str | None, say: Say) -> None:
    say(f"{model.name} on {device}: {method.name} at {layer}")
    if not method.one_pass:
        say(f"{method.name} takes {method.passes} passes for each explanation: it will be slow")
