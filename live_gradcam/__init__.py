"""See what a network sees: predictions and the pixels behind them, live.

The public names load what they need when they are first used, so that importing this package imports neither
TensorFlow nor OpenCV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from live_gradcam.process import opencv_environment as _opencv
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.version import __version__ as __version__

if TYPE_CHECKING:
    from live_gradcam import notebook as notebook
    from live_gradcam.audit.audit import audit
    from live_gradcam.audit.findings import AuditReport
    from live_gradcam.camera_widget import CameraWidget
    from live_gradcam.config import Settings
    from live_gradcam.errors import (
        DeviceError,
        LayerError,
        LiveGradcamError,
        ModelError,
        RenderError,
        SettingsError,
        SinkError,
        SourceError,
        TargetError,
    )
    from live_gradcam.explain.concept_fit import Concepts, concepts
    from live_gradcam.explain.explainer import Explainer
    from live_gradcam.explain.methods.own_methods import CamFunction
    from live_gradcam.explanation import Explanation
    from live_gradcam.frame import Frame
    from live_gradcam.metrics.evaluation import Evaluation, evaluate
    from live_gradcam.models.loading import load_model
    from live_gradcam.models.model import Model
    from live_gradcam.notebook import show
    from live_gradcam.pipeline import run
    from live_gradcam.prediction import Prediction
    from live_gradcam.render.single_picture import draw
    from live_gradcam.rendered_picture import Rendered
    from live_gradcam.sinks.sink import Sink
    from live_gradcam.sources.function_source import FunctionSource
    from live_gradcam.sources.opening import open_source
    from live_gradcam.sources.source import LiveSource, Source

_HOMES = {
    "AuditReport": "audit.findings",
    "CamFunction": "explain.methods.own_methods",
    "CameraWidget": "camera_widget",
    "Concepts": "explain.concept_fit",
    "DeviceError": "errors",
    "Evaluation": "metrics.evaluation",
    "Explainer": "explain.explainer",
    "Explanation": "explanation",
    "Frame": "frame",
    "FunctionSource": "sources.function_source",
    "LayerError": "errors",
    "LiveGradcamError": "errors",
    "LiveSource": "sources.source",
    "Model": "models.model",
    "ModelError": "errors",
    "Prediction": "prediction",
    "RenderError": "errors",
    "Rendered": "rendered_picture",
    "Settings": "config",
    "SettingsError": "errors",
    "Sink": "sinks.sink",
    "SinkError": "errors",
    "Source": "sources.source",
    "SourceError": "errors",
    "TargetError": "errors",
    "concepts": "explain.concept_fit",
    "evaluate": "metrics.evaluation",
    "draw": "render.single_picture",
    "load_model": "models.loading",
    "open_source": "sources.opening",
    "run": "pipeline",
    "show": "notebook",
}

_MODULES = frozenset({"audit", "notebook"})
"""Modules that are names of the package: `audit` is also a function, `notebook` draws what `Explanation` shows."""

__all__ = [
    "AuditReport",
    "CamFunction",
    "CameraWidget",
    "Concepts",
    "DeviceError",
    "Evaluation",
    "Explainer",
    "Explanation",
    "Frame",
    "FunctionSource",
    "LayerError",
    "LiveGradcamError",
    "LiveSource",
    "Model",
    "ModelError",
    "Prediction",
    "RenderError",
    "Rendered",
    "Settings",
    "SettingsError",
    "Sink",
    "SinkError",
    "Source",
    "SourceError",
    "TargetError",
    "__version__",
    "audit",
    "concepts",
    "draw",
    "evaluate",
    "load_model",
    "open_source",
    "run",
    "show",
]

_opencv.prepare()  # here, because every module that imports cv2 lies below this package


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Load a public name from the module it lives in."""
    if name in _MODULES:
        return import_module(f"live_gradcam.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'live_gradcam' has no attribute '{name}'")
    with native_stderr_filtered():
        value = getattr(import_module(f"live_gradcam.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
