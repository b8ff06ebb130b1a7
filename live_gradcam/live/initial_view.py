"""The view at the beginning of a run, as the settings ask for it."""

from __future__ import annotations

from collections.abc import Callable

from live_gradcam.config import Settings
from live_gradcam.live.choice import Choice, Menu
from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.renderer import Renderer
from live_gradcam.sources.source import Slides, Source
from live_gradcam.translations import words_of


def initial_view(
    settings: Settings,
    menu: Menu,
    *,
    live: bool = True,
    still: bool = False,
    slides: bool = False,
    legible: bool = False,
    proves: bool = False,
    make: Callable[..., InteractiveView] = InteractiveView,
) -> InteractiveView:
    """Return the view as the settings ask for it.

    Args:
        settings: the first question and the appearance.
        menu: what the viewer can choose from.
        live: whether frames arrive in real time.
        still: whether frames are single pictures; no heat is then tracked or smoothed from one to the next.
        slides: whether the viewer moves from picture to picture, as in a slide show.
        legible: whether a small frame is enlarged, for a window.
        proves: whether each frame waits for the masking test of its heat.
        make: makes the view from the arguments of `InteractiveView`.

    Raises:
        SinkError: the session cannot be saved there.
    """
    smoothing = HeatSmoothing(
        seconds=0.0 if still else settings.smoothing, scale="frame" if still else settings.scale
    )
    look = Appearance(
        alpha=settings.alpha,
        colormap=settings.colormap,
        view=settings.view,
        statistics=settings.show_stats,
        badge=settings.faithfulness is not False,
    )
    words = words_of(settings.lang)
    renderer = Renderer(
        look,
        motion="off" if still else settings.motion,
        smoothing=smoothing,
        models=menu.models,
        words=words,
        legible=legible,
    )
    choice = Choice(
        method=settings.method,
        layer=settings.layer,
        target=settings.target,
        look=look,
        mirror=settings.mirror,
        proves=proves,
    )
    return make(
        renderer,
        menu,
        choice,
        live=live,
        slides=slides,
        fullscreen=settings.fullscreen,
        words=words,
    )


def turned_by_hand(source: Source, settings: Settings, *, in_window: bool) -> bool:
    """Return whether the viewer moves from picture to picture, as in a slide show.

    If the run is recorded, or if a setting ends it, the pictures follow one another automatically.

    Args:
        source: the source.
        settings: the settings of the run.
        in_window: whether there is a window.
    """
    ends = settings.record or settings.frames or settings.duration
    return in_window and not ends and isinstance(source, Slides) and not source.single
