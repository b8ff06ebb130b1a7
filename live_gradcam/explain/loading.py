"""From settings to models that are ready to be explained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from live_gradcam.config import ExplainSettings
from live_gradcam.explain.answering import Answering
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.methods.method import Method, method_named
from live_gradcam.models.devices import choose_device
from live_gradcam.models.loading import load_model
from live_gradcam.models.model import Model
from live_gradcam.question import Question

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
    device = choose_device(settings.device)
    explainer = Explainer(
        _loaded(settings.model, settings),
        method=settings.method,
        layer=settings.layer,
        target=settings.target,
        fit=settings.fit,
        score=settings.score,
        fusion=settings.fusion,
        smooth=settings.smooth,
        grid=settings.grid,
        strength=settings.strength,
        rivals=settings.rivals,
    )
    explainer.prepare(size)
    _tell(explainer.model, device, explainer.method, explainer.layer, say)
    return explainer


def load_answering(
    settings: ExplainSettings, size: tuple[int, int], say: Say, *, others: tuple[Any, ...] = ()
) -> Answering:
    """Load the models that the settings name, and compile the first question that they ask.

    Args:
        settings: model, method and all.
        size: (width, height) in pixels of the frames to come.
        say: takes each line that is worth telling.
        others: models beside the first, with their own labels and preprocessing.

    Raises:
        LiveGradcamError: a setting is wrong, or a model cannot be loaded or explained.
    """
    device = choose_device(settings.device)
    models = [_loaded(settings.model, settings)]
    models += [load_model(other, allow_unsafe=settings.allow_unsafe, lang=settings.lang) for other in others]
    answering = Answering(
        models,
        fit=settings.fit,
        score=settings.score,
        fusion=settings.fusion,
        smooth=settings.smooth,
        grid=settings.grid,
        strength=settings.strength,
        rivals=settings.rivals,
    )
    question = Question(methods=(settings.method,), layer=settings.layer, targets=(settings.target,))
    answering.compile(question, size)
    _tell(models[0], device, method_named(settings.method), answering.layer_of(question, size), say)
    for model in models[1:]:
        say(f"beside it {model.name}")
    return answering


def _loaded(model: Any, settings: ExplainSettings) -> Model:  # noqa: ANN401 - a name, a file or a keras.Model
    return load_model(
        model,
        settings.labels,
        settings.preprocess,
        output=settings.output,
        inputs=settings.inputs,
        allow_unsafe=settings.allow_unsafe,
        lang=settings.lang,
    )


def _tell(model: Model, device: str, method: Method, layer: str | None, say: Say) -> None:
    say(f"{model.name} on {device}: {method.name} at {layer}")
    if not method.one_pass:
        say(f"{method.name} takes {method.passes} passes for each explanation: it will be slow")
