"""A picture of one explanation: the frame, the heat, the viewfinder and the label."""

from __future__ import annotations

import numpy as np

from live_gradcam.config import DEFAULT_ALPHA, DEFAULT_COLORMAP
from live_gradcam.errors import RenderError
from live_gradcam.explanation import Explanation, Region
from live_gradcam.frame import Pixels
from live_gradcam.prediction import Value
from live_gradcam.render.caption import caption_of
from live_gradcam.render.heat import colormap_code
from live_gradcam.render.heat_smoothing import opacity_of
from live_gradcam.render.label_plate import draw_plate_onto
from live_gradcam.render.marks import draw_viewfinder_onto
from live_gradcam.render.styles import paint_onto
from live_gradcam.render.thing_names import draw_names_onto

_BARS = 5


def draw(
    image: Pixels,
    explanation: Explanation,
    alpha: float = DEFAULT_ALPHA,
    colormap: str = DEFAULT_COLORMAP,
    *,
    bars: bool = False,
) -> Pixels:
    """Return a picture that shows an explanation on its frame.

    The heat is drawn over exactly the region that the network saw; if that is not the whole frame, corner brackets mark
    it. The plate at the bottom left names the class. Without evidence there is no heat: the frame stays as it is, and
    the plate says so. If the network is not sure of the class that it chose, the plate says so and the heat is faint.
    Each thing that a scan recognised has its name beside its heat.

    Args:
        image: (H, W, 3) uint8 BGR: the explained frame. It is not changed.
        explanation: the explanation of that frame.
        alpha: opacity of the heat, in [0, 1]: `(1 - alpha) * image + alpha * colour`.
        colormap: name of an OpenCV colour map, such as `jet`.
        bars: whether the five most probable classes stand above the name as bars, the explained one in amber.

    Returns:
        New (H, W, 3) uint8 BGR.

    Raises:
        RenderError: the image is no (H, W, 3) uint8 array, or too small for the explanation's region; `alpha` is out
            of range; the colour map is unknown.
    """
    _validate_image(image)
    _validate_region(explanation.region, image)
    if not 0.0 <= alpha <= 1.0:
        raise RenderError(f"alpha is {alpha}: it must lie between 0 (no heat) and 1 (heat only).")
    picture = np.empty(image.shape, np.uint8)
    paint_onto(
        picture,
        image,
        explanation.heatmap if explanation.has_evidence else None,
        explanation.region,
        style="overlay",
        alpha=alpha,
        colormap=colormap_code(colormap),
        opacity=opacity_of(explanation),
        inset=explanation.inset,
    )
    target = explanation.target
    plate = draw_plate_onto(
        picture,
        caption_of(explanation),
        explanation.top[:_BARS] if bars else (),
        marked=None if isinstance(target, Value) else target.class_id,
    )
    height, width = image.shape[:2]
    if explanation.region != (0, 0, width, height):
        draw_viewfinder_onto(picture, explanation.region, () if plate is None else (plate,))
    draw_names_onto(picture, [(thing.prediction, thing.box) for thing in explanation.things or ()], plate)
    return picture


def _validate_image(image: object) -> None:
    wanted = "draw needs an (H, W, 3) uint8 BGR array, as cv2.imread gives it"
    if not isinstance(image, np.ndarray):
        raise RenderError(f"the image is a {type(image).__name__}: {wanted}.")
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise RenderError(f"the image has the shape {image.shape}: {wanted}.")
    if image.dtype != np.uint8:
        raise RenderError(f"the image's dtype is {image.dtype}: {wanted}.")


def _validate_region(region: Region, image: Pixels) -> None:
    x, y, width, height = region
    frame_height, frame_width = image.shape[:2]
    if x < 0 or y < 0 or width < 1 or height < 1 or x + width > frame_width or y + height > frame_height:
        raise RenderError(
            f"the explanation's region (x {x}, y {y}, {width}×{height}) reaches beyond the image "
            f"({frame_width}×{frame_height}): draw it on the frame that was explained."
        )
