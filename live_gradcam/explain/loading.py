"""Turns settings into models that are ready to be explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from live_gradcam.config import ExplainSettings
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.graph_cache import Limit
from live_gradcam.explain.graph_spec import MakePace
from live_gradcam.explain.methods.method import Method, method_named
from live_gradcam.models.devices import choose_device
from live_gradcam.models.loading import load_model
from live_gradcam.models.model import Model
from live_gradcam.question import Question

Say = Callable[[str], None]


def load_explainer(settings: ExplainSettings, size: tuple[int, int], say: Say) -> Explainer:
    """Load the model that the settings name, and compile it.

    Args:
        settings: model, method and the other settings of explanations.
        size: (width, height) in pixels of the frames to come.
        say: receives each message for the user.

    Raises:
        LiveGradcamError: a setting is wrong, or the model cannot be loaded or explained.
    """
    model, device = load_chosen(settings)
    explainer = Explainer(
        model,
        settings.method,
        settings.layer,
        settings.target,
        settings.fit,
        settings.score,
        fusion=settings.fusion,
        smooth=settings.smooth,
        grid=settings.grid,
        strength=settings.strength,
        rivals=settings.rivals,
    )
    explainer.prepare(size)
    _tell(model, device, explainer.method, explainer.layer, say)
    return explainer


def load_engine(
    settings: ExplainSettings, size: tuple[int, int], say: Say, *, others: tuple[Any, ...] = ()
) -> Engine:
    """Load the models that the settings name, and compile the first question.

    Args:
        settings: model, method and the other settings of explanations.
        size: (width, height) in pixels of the frames to come.
        say: receives each message for the user.
        others: models beside the first, with their own labels and preprocessing.

    Raises:
        LiveGradcamError: a setting is wrong, or a model cannot be loaded or explained.
    """
    model, device = load_chosen(settings)
    beside = [load_model(other, allow_unsafe=settings.allow_unsafe, lang=settings.lang) for other in others]
    engine = engine_for([model, *beside], settings)
    question = Question(methods=(settings.method,), layer=settings.layer, targets=(settings.target,))
    engine.compile(question, size)
    _tell(model, device, method_named(settings.method), engine.layer_of(question, size), say)
    for other in beside:
        say(f"beside it {other.name}")
    return engine


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


def engine_for(
    models: Sequence[Model],
    settings: ExplainSettings,
    *,
    pace: MakePace | None = None,
    batches: Sequence[int] = (),
    limit: Limit | None = None,
) -> Engine:
    """Return an engine of loaded models with the settings that stay the same whatever is asked.

    Args:
        models: the models to explain.
        settings: fit, score and the like; method, layer and target belong to the questions.
        pace: as `Engine` takes it.
        batches: as `Engine` takes them.
        limit: as `Engine` takes it.

    Raises:
        SettingsError: a setting is wrong.
    """
    return Engine(
        models,
        fit=settings.fit,
        score=settings.score,
        fusion=settings.fusion,
        smooth=settings.smooth,
        grid=settings.grid,
        strength=settings.strength,
        rivals=settings.rivals,
        pace=pace,
        batches=batches,
        limit=limit,
    )


def _tell(model: Model, device: str, method: Method, layer: str | None, say: Say) -> None:
    say(f"{model.name} on {device}: {method.name} at {layer}")
    if method.slow:
        say(f"{method.name} takes {method.passes} passes for each explanation: it will be slow")
