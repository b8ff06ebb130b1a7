"""Turns settings into models that are ready to be explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from live_gradcam.config import ExplainSettings
from live_gradcam.explain.compilers import compiler_for, runtime_for
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.graph_cache import Limit
from live_gradcam.explain.graph_spec import MakePace
from live_gradcam.explain.methods.method import Method, method_named
from live_gradcam.explain.openvino.library import processor
from live_gradcam.models.model_key import ModelKey, key_of
from live_gradcam.models.remembered_model import KnownModel, ModelMemory, warnings_noted
from live_gradcam.question import Question
from live_gradcam.taught_head import TaughtHead

if TYPE_CHECKING:
    from live_gradcam.models.model import Model

Say = Callable[[str], None]


def preload(settings: ExplainSettings) -> None:
    """Start OpenVINO, if a model that it has kept graphs of is to be explained.

    Raises:
        LiveGradcamError: it cannot be started.
    """
    if runtime_for(settings.engine, settings.device) == "tensorflow":
        return
    if ModelMemory().knows(key_of(settings)):
        processor()


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
        engine=runtime_for(settings.engine, settings.device),
        precision=settings.precision,
        **_lasting(settings),
    )
    explainer.keeps_pictures = False  # whoever explains files has the pictures
    explainer.prepare(size)
    _tell(model, device, explainer.method, explainer.layer, say)
    return explainer


def load_engine(
    settings: ExplainSettings,
    size: tuple[int, int],
    say: Say,
    *,
    others: tuple[Any, ...] = (),
    head: TaughtHead | None = None,
) -> Engine:
    """Load the models that the settings name, and compile the first question.

    Args:
        settings: model, method and the other settings of explanations.
        size: (width, height) in pixels of the frames to come.
        say: receives each message for the user.
        others: models beside the first, with their own labels and preprocessing.
        head: takes the place of the first model's own; None: its own.

    Raises:
        LiveGradcamError: a setting is wrong, or a model cannot be loaded or explained.
    """
    model, device = load_chosen(settings)
    beside = [load_chosen(_alone(settings, other))[0] for other in others]
    engine = engine_for([model, *beside], settings)
    question = Question(
        methods=(settings.method,), layer=settings.layer, targets=(settings.target,), head=head
    )
    engine.compile(question, size)
    _tell(model, device, method_named(settings.method), engine.layer_of(question, size), say)
    for other in beside:
        say(f"beside it {other.name}")
    return engine


def load_chosen(settings: ExplainSettings, *, calls: int = 1) -> tuple[KnownModel, str]:
    """Choose the device and load the model that the settings name, and compile nothing yet.

    A model whose graphs OpenVINO keeps is not loaded before something has to be traced.

    Args:
        settings: the settings of the model.
        calls: how many calls of networks may run at once, some of which wait (`devices.room_for_waiting`).

    Returns:
        The model, and the device in words.

    Raises:
        LiveGradcamError: a setting is wrong, or the model cannot be loaded.
    """
    runtime = runtime_for(settings.engine, settings.device)
    if runtime == "tensorflow":
        return _loaded(settings, None, calls)
    key = key_of(settings)
    remembered = None if key is None else ModelMemory().recall(key, lambda: _loaded(settings, key, calls)[0])
    return _loaded(settings, key, calls) if remembered is None else (remembered, "CPU")


def _loaded(settings: ExplainSettings, key: ModelKey | None, calls: int) -> tuple[Model, str]:
    from live_gradcam.models.devices import choose_device, room_for_waiting  # these load TensorFlow
    from live_gradcam.models.loading import load_named

    if calls > 1:
        room_for_waiting(calls)
    device = choose_device(settings.device)
    with warnings_noted() as warnings:
        model = load_named(settings)
    model.warnings.update(warnings)
    return replace(model, key=key), device


def _alone(settings: ExplainSettings, model: Any) -> ExplainSettings:  # noqa: ANN401 - also a keras.Model
    """Return the settings of a model beside the first, with its own labels and preprocessing."""
    return ExplainSettings(
        model=model,
        allow_unsafe=settings.allow_unsafe,
        lang=settings.lang,
        device=settings.device,
        engine=settings.engine,
        precision=settings.precision,
    )


def engine_for(
    models: Sequence[KnownModel],
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
        pace=pace,
        batches=batches,
        limit=limit,
        compiler=compiler_for(runtime_for(settings.engine, settings.device), settings.precision),
        **_lasting(settings),
    )


def _lasting(settings: ExplainSettings) -> dict[str, Any]:
    """Return the settings that stay the same whatever is asked, as `Engine` and `Explainer` take them."""
    names = ("fit", "score", "fusion", "smooth", "grid", "strength", "rivals")
    return {name: getattr(settings, name) for name in names}


def _tell(model: KnownModel, device: str, method: Method, layer: str | None, say: Say) -> None:
    say(f"{model.name} on {device}: {method.name} at {layer}")
    if method.slow:
        say(f"{method.name} takes {method.passes} passes for each explanation: it will be slow")
