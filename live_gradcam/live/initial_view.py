"""The view at the beginning of a run, as the settings ask for it."""

from __future__ import annotations

from collections.abc import Callable

from live_gradcam.config import Settings
from live_gradcam.live.choice import Choice, Menu
from live_gradcam.live.view_state import ViewState
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.renderer import Renderer
from live_gradcam.translations import words_of


def initial_view(
    settings: Settings,
    menu: Menu,
    *,
    live: bool = True,
    still: bool = False,
    slides: bool = False,
    legible: bool = False,
    make: Callable[..., ViewState] = ViewState,
) -> ViewState:
    """Return the view as the settings ask for it.

    Args:
        settings: how it looks, and what is asked.
        menu: what there is to choose from.
        live: whether frames come by themselves.
        still: whether they are single pictures, of which nothing goes over from one to the next.
        slides: whether the viewer turns them.
        legible: whether the canvas of a small frame is larger than the frame, for a window.
        make: takes the arguments of `ViewState`.

    Raises:
        SinkError: the session cannot be saved there.
    """
    steady = HeatSmoothing(
        smoothing=0.0 if still else settings.smoothing, scale="frame" if still else settings.scale
    )
    look = Appearance(alpha=settings.alpha, colormap=settings.colormap, statistics=settings.show_stats)
    words = words_of(settings.lang)
    renderer = Renderer(
        look,
        motion="off" if still else settings.motion,
        steady=steady,
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
