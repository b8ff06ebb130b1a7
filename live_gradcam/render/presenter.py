"""The presenter: every frame becomes a picture at once, with the newest explanation carried along."""

from __future__ import annotations

from live_gradcam.config import Following
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame, Pixels
from live_gradcam.render.carrier import CarriedHeat, HeatCarrier
from live_gradcam.render.notice import draw_notice_onto, draw_statistics_onto
from live_gradcam.render.picture import draw_frame
from live_gradcam.render.steady import Steady
from live_gradcam.statistics import Statistics


class Presenter:
    """Draws the frames of one run, in order.

    Args:
        alpha: how opaque the heat is.
        colormap: name of an OpenCV colour map.
        motion: whether heat follows the picture between explanations.
        steady: how heat is made steady.
        statistics: what is shown where figures are asked for.
        show_statistics: whether they are.
    """

    def __init__(
        self,
        *,
        alpha: float,
        colormap: str,
        motion: Following,
        steady: Steady,
        statistics: Statistics,
        show_statistics: bool,
    ) -> None:
        self._alpha = alpha
        self._colormap = colormap
        self._carrier = HeatCarrier(motion=motion, steady=steady)
        self._statistics = statistics
        self.show_statistics = show_statistics

    def explained(self, frame: Frame, explanation: Explanation) -> None:
        """Take in an explanation of this frame or an earlier one."""
        self._carrier.explained(frame, explanation)

    def picture(self, frame: Frame, notice: str | None = None) -> tuple[Pixels, CarriedHeat | None]:
        """Return the picture of a frame, and the heat that is on it.

        Args:
            frame: newer than those before it.
            notice: a quiet line for the top left.

        Returns:
            New (H, W, 3) uint8 BGR, and the carried heat; None as long as nothing was explained.
        """
        carried = self._carrier.see(frame)
        if carried is None:
            picture = frame.pixels.copy()
            notice = notice or "looking …"
        else:
            picture = draw_frame(
                frame.pixels,
                carried.explanation,
                carried.heatmap,
                opacity=carried.opacity,
                alpha=self._alpha,
                colormap=self._colormap,
            )
        if notice:
            draw_notice_onto(picture, notice)
        if self.show_statistics:
            draw_statistics_onto(picture, self._lines())
        return picture, carried

    def _lines(self) -> list[str]:
        statistics = self._statistics
        lines = [f"shown\t{statistics.shown_fps:.1f} fps", f"explained\t{statistics.explained_fps:.1f} fps"]
        for name, spread in (("latency", statistics.latency), ("age of heat", statistics.age)):
            middle, high = spread.quantile(0.5), spread.quantile(0.95)
            if middle is not None and high is not None:
                lines.append(f"{name}\t{middle:.0f} ms, 95% {high:.0f}")
        if statistics.reconnects:
            lines.append(f"reconnected\t{statistics.reconnects}")
        return lines
