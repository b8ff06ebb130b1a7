"""From settings to an explainer that is ready."""

from __future__ import annotations

from collections.abc import Callable

from live_gradcam.config import ExplainSettings
from live_gradcam.explain.explainer import Explainer
from live_gradcam.models.devices import choose_device
from live_gradcam.models.loading import load_model


def load_explainer(settings: ExplainSettings, size: tuple[int, int], say: Callable[[str], None]) -> Explainer:
    """Load the model that the settings name and compile it.

    Args:
        settings: model, method and all.
        size: (width, height) in pixels of the frames to come.
        say: takes each line that is worth telling.

    Raises:
        LiveGradcamError: a setting is wrong, or the model cannot be loaded or explained.
    """
    device = choose_device(settings.device)
    model = load_model(
        settings.model,
        settings.labels,
        settings.preprocess,
        output=settings.output,
        inputs=settings.inputs,
        allow_unsafe=settings.allow_unsafe,
    )
    explainer = Explainer(
        model,
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
    say(f"{model.name} on {device}: {explainer.method.name} at {explainer.layer}")
    if explainer.method.family in ("perturbation", "pixel"):
        say(
            f"{explainer.method.name} takes {explainer.method.passes} passes for each explanation: it will be slow"
        )
    return explainer
