"""Explanations show themselves: in a notebook as picture and table, elsewhere in a window."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import cv2
import networks
import numpy as np
import pytest

import live_gradcam as lg
from live_gradcam import notebook
from live_gradcam.frame import Pixels

IPython = pytest.importorskip("IPython", reason="only where IPython is installed")


@pytest.fixture(scope="module")
def explainer() -> lg.Explainer:
    model = lg.load_model(networks.colour_network(), preprocess="unit", labels=["<b>red</b> & co", "blue"])
    return lg.Explainer(model, fit="crop")


def red_on_the_left(height: int, width: int) -> Pixels:
    image = np.full((height, width, 3), 40, np.uint8)
    image[:, : width // 2] = (0, 0, 255)
    return image


def decoded(data: bytes) -> Pixels:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_jupyter_gets_a_picture_and_a_table(explainer: lg.Explainer) -> None:
    from IPython.core.formatters import DisplayFormatter

    image = red_on_the_left(300, 400)
    explanation = explainer.explain(image)
    formatter: Any = DisplayFormatter()
    data, _ = formatter.format(explanation)
    picture = decoded(data["image/png"])
    np.testing.assert_array_equal(picture, lg.draw(image, explanation, bars=True))
    assert "<b>red</b>" not in data["text/html"]
    assert "&lt;b&gt;red&lt;/b&gt; &amp; co" in data["text/html"]
    probabilities = [f"{100 * (each.probability or 0):.1f}px" for each in explanation.top]
    assert re.findall(r"width:([\d.]+px);min", data["text/html"]) == probabilities
    assert "evidence for" in data["text/html"]
    embedded = re.search(r'src="data:image/jpeg;base64,([^"]+)"', data["text/html"])
    assert embedded is not None
    shown = decoded(base64.b64decode(embedded[1])).astype(int)
    assert np.abs(shown - lg.draw(image, explanation)).mean() < 4  # JPEG


def test_the_picture_is_a_copy_of_what_was_explained(explainer: lg.Explainer) -> None:
    image = red_on_the_left(100, 100)
    explanation = explainer.explain(image)
    before = explanation._repr_png_()
    image[:] = 0  # a camera's buffer that is used again
    assert explanation._repr_png_() == before


def test_an_explainer_of_files_keeps_no_picture_and_explains_alike(explainer: lg.Explainer) -> None:
    image = red_on_the_left(100, 100)
    usual = explainer.explain(image)
    explainer.keeps_pictures = False
    try:
        alike = explainer.explain(image)
    finally:
        explainer.keeps_pictures = True
    assert alike.image is None
    assert alike.said == usual.said
    np.testing.assert_array_equal(alike.heatmap, usual.heatmap)


def test_of_a_large_picture_a_small_copy_is_kept_with_the_region_where_it_was(
    explainer: lg.Explainer,
) -> None:
    image = red_on_the_left(1200, 1920)
    explanation = explainer.explain(image)
    assert explanation.image is not None
    assert explanation.image.shape == (400, 640, 3)
    assert explanation.frame_size == (1920, 1200)
    assert explanation.region == (360, 0, 1200, 1200)
    picture = decoded(explanation._repr_png_() or b"").astype(int)
    # Outside the square that the network saw, 120 pixels on each side, the picture is as it was.
    np.testing.assert_array_equal(picture[20:100, 2:118], explanation.image[20:100, 2:118])
    np.testing.assert_array_equal(picture[20:100, 522:], explanation.image[20:100, 522:])
    assert (picture[20:100, 140:300] != explanation.image[20:100, 140:300]).any(axis=2).all()


def test_every_explanation_of_a_call_can_be_shown(explainer: lg.Explainer) -> None:
    image = red_on_the_left(16, 16)
    found = [
        *explainer.explain_batch([image, image]),
        *explainer.explain_targets(image, ["blue", "#1"]),
        *explainer.explain_top(image, 2),
    ]
    assert all((each._repr_png_() or b"").startswith(b"\x89PNG") for each in found)


def test_without_evidence_the_line_says_so(explainer: lg.Explainer) -> None:
    explanation = explainer.explain(np.zeros((16, 16, 3), np.uint8))
    assert not explanation.has_evidence
    assert "no heat: no evidence for" in (explanation._repr_html_() or "")


def test_values_are_rows_of_numbers_with_their_units() -> None:
    model = lg.load_model(networks.headed_network(1), preprocess="unit", labels=["age [years]"])
    html = lg.Explainer(model).explain(networks.picture())._repr_html_() or ""
    assert re.search(r"<td>age</td><td>[−\d.]+ years</td>", html)


class Shown:
    """Takes the place of a notebook, or of a window."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, inside: bool) -> None:
        self.displayed: list[lg.Explanation] = []
        self.opened: list[lg.Explanation] = []
        monkeypatch.setattr(notebook, "_display", lambda: self.displayed.append if inside else None)
        monkeypatch.setattr(notebook, "_show_in_window", lambda found, _: self.opened.append(found))


def test_a_picture_or_a_file_is_explained_and_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, explainer: lg.Explainer
) -> None:
    shown = Shown(monkeypatch, inside=True)
    image = red_on_the_left(40, 40)
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), image)
    for thing in (image, path, str(path)):
        lg.show(thing, model=explainer.model, target="blue", fit="stretch")
    assert [each.target.label for each in shown.displayed] == ["blue"] * 3
    assert shown.opened == []


def test_an_explanation_is_shown_and_one_without_an_image_takes_it_beside(
    monkeypatch: pytest.MonkeyPatch, explainer: lg.Explainer
) -> None:
    shown = Shown(monkeypatch, inside=False)
    image = red_on_the_left(40, 60)
    explanation = explainer.explain(image)
    lg.show(explanation)
    assert shown.opened == [explanation]
    bare = explainer._engine.answer(image, explainer._question).explanations[0]
    assert (bare._repr_png_(), bare._repr_html_()) == (None, None)
    with pytest.raises(lg.RenderError, match=r"kept no image.*show\(image, explanation\)"):
        lg.show(bare)
    lg.show(image, bare)
    np.testing.assert_array_equal(
        decoded(shown.opened[1]._repr_png_() or b""), lg.draw(image, bare, bars=True)
    )


def test_the_photo_without_heat_may_stand_beside(
    monkeypatch: pytest.MonkeyPatch, explainer: lg.Explainer
) -> None:
    shown = Shown(monkeypatch, inside=True)
    image = red_on_the_left(300, 400)
    explanation = explainer.explain(image)
    lg.show(explanation, view="side")
    beside: Any = shown.displayed[0]
    picture = decoded(beside._repr_png_())
    np.testing.assert_array_equal(picture[:, :400], image)
    assert (picture[:, 400:-400] == 255).all()
    np.testing.assert_array_equal(picture[:, -400:], lg.draw(image, explanation, bars=True))
    assert "evidence for" in beside._repr_html_()
    wrong: Any = "sides"
    with pytest.raises(lg.SettingsError, match=r"^view is 'sides'\. Did you mean side\? Valid: one, side\.$"):
        lg.show(explanation, view=wrong)


def test_the_heat_is_drawn_as_draw_draws_it(monkeypatch: pytest.MonkeyPatch, explainer: lg.Explainer) -> None:
    shown = Shown(monkeypatch, inside=True)
    image = red_on_the_left(300, 400)
    explanation = explainer.explain(image)
    lg.show(explanation, alpha=0.9, colormap="inferno")
    drawn: Any = shown.displayed[0]
    expected = lg.draw(image, explanation, 0.9, "inferno", bars=True)
    np.testing.assert_array_equal(decoded(drawn._repr_png_()), expected)
    assert (expected != lg.draw(image, explanation, bars=True)).any()
    lg.show(explanation, alpha=0.9, colormap="inferno", view="side")
    beside: Any = shown.displayed[1]
    np.testing.assert_array_equal(decoded(beside._repr_png_())[:, -400:], expected)


def test_a_keyword_that_there_is_not_is_told_with_the_nearest() -> None:
    wrong: dict[str, Any] = {"methoz": "gradcam"}
    with pytest.raises(
        TypeError,
        match=r"^show\(\): unknown keyword 'methoz'\. Did you mean method\? help\(live_gradcam\.Explainer\)",
    ):
        lg.show("coffee.png", **wrong)
    with pytest.raises(TypeError, match=r"^run\(\): unknown keyword 'sourze'\. Did you mean source\?"):
        lg.run(**{"sourze": "demo"})  # type: ignore[arg-type]  # as somebody without a type checker may write


def test_a_missing_file_is_told_with_the_nearest_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("coffee.png", red_on_the_left(8, 8))
    Path("cofee.txt").touch()
    with pytest.raises(lg.SourceError, match=r"^there is no file 'cofee\.png'\. Did you mean coffee\.png\?$"):
        lg.show("cofee.png")


def test_what_is_no_picture_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Shown(monkeypatch, inside=True)
    with pytest.raises(lg.SourceError, match=r"missing\.jpg"):
        lg.show(tmp_path / "missing.jpg")


CELLS = (
    """
import sys
sys.path.insert(0, {tests!r})
import networks
import live_gradcam as lg
explainer = lg.Explainer(lg.load_model(networks.colour_network(), preprocess="unit", labels=["red", "blue"]))
image = networks.picture()
explainer.explain(image)
""",
    "lg.show(image, model=explainer.model)",
)


@pytest.mark.runs
def test_a_notebook_shows_what_its_cells_explain() -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    here = str(Path(__file__).parent)
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.format(tests=here)) for cell in CELLS]
    )
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    outputs: list[list[Any]] = [cell.outputs for cell in book.cells]
    for found in outputs:
        (data,) = (each.data for each in found if each.output_type in ("execute_result", "display_data"))
        assert "evidence for" in data["text/html"]
        picture = decoded(io.BytesIO(base64.b64decode(data["image/png"])).read())
        assert picture.shape == (16, 16, 3)


def test_an_address_is_no_photo() -> None:
    with pytest.raises(
        lg.SourceError, match=r"takes the path of a file or an array, and https://.*/cat\.jpg is an"
    ):
        lg.show("https://example.org/cat.jpg")


def test_the_text_of_an_explanation_has_no_arrays(explainer: lg.Explainer) -> None:
    assert "array(" not in repr(explainer.explain(red_on_the_left(16, 16)))
