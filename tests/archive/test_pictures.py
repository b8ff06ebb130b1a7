from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import ShadeExplainer
from photos import FORMATS, scene

from live_gradcam.archive.annotate_job import Outcome
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.inputs import find_entries
from live_gradcam.archive.pictures import annotate_pictures
from live_gradcam.archive.record import read_rows
from live_gradcam.frame import Pixels
from live_gradcam.sources.photo import read_picture

AS_IT_WAS = AnnotateSettings(alpha=0)


def save(path: Path, shade: int, size: tuple[int, int] = (64, 48)) -> Path:
    width, height = size
    path.write_bytes(
        cv2.imencode(path.suffix, np.full((height, width, 3), 8 + 8 * shade, np.uint8))[1].tobytes()
    )
    return path


def annotated(
    folder: Path, settings: AnnotateSettings = AS_IT_WAS, explainer: ShadeExplainer | None = None
) -> dict[str, Outcome]:
    entries, _ = find_entries([str(folder)], folder.parent / "out")
    outcomes: list[Outcome] = []
    advanced: list[int] = []
    annotate_pictures(
        entries,
        explainer or ShadeExplainer(),
        settings,
        batch=3,
        advance=advanced.append,
        ended=outcomes.append,
    )
    assert sum(advanced) == len(outcomes) == len(entries)
    return {outcome.entry.name: outcome for outcome in outcomes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    return made


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".bmp", ".jp2", ".ppm"])
def test_pictures_stay_what_they_are(folder: Path, suffix: str) -> None:
    for shade in range(4):
        save(folder / f'it\'s "{shade}" 猫{suffix}', shade)
    outcomes = annotated(folder)
    assert len(outcomes) == 4
    for shade, outcome in enumerate(outcomes.values()):
        assert (outcome.frames, outcome.failure) == (1, None)
        assert outcome.entry.output.name == outcome.entry.source.name
        picture = read_picture(outcome.entry.output)
        assert picture.shape == (48, 64, 3)
        assert abs(int(picture[24, 32, 1]) - (8 + 8 * shade)) <= 2
        (row,) = read_rows(outcome.entry.record)
        assert (row["file"], row["frame"], row["top"][0][0]) == (outcome.entry.name, 0, f"frame {shade}")


def test_a_picture_that_cannot_be_read_is_told_and_the_others_are_done(folder: Path) -> None:
    for shade in range(3):
        save(folder / f"{shade}.png", shade)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    (folder / "empty.png").touch()
    outcomes = annotated(folder)
    assert {name: str(outcome.failure) for name, outcome in outcomes.items() if outcome.failure} == {
        "broken.jpg": "broken.jpg cannot be read: it is damaged or cut short.",
        "empty.png": "empty.png cannot be read: the file is empty.",
    }
    assert sorted(file.name for file in (folder.parent / "out").glob("*.*") if file.is_file()) == [
        "0.png",
        "1.png",
        "2.png",
    ]


def test_of_a_batch_only_the_picture_fails_that_is_to_blame(folder: Path) -> None:
    for shade in range(5):
        save(folder / f"{shade}.png", shade)
    outcomes = annotated(folder, explainer=ShadeExplainer(fails_at=1))
    assert [name for name, outcome in outcomes.items() if outcome.failure] == ["1.png"]
    assert str(outcomes["1.png"].failure) == "1.png: the network fails at frame 1."


def test_a_place_that_is_taken_by_a_folder_is_told(folder: Path) -> None:
    save(folder / "a.png", 0)
    (folder.parent / "out" / "a.png").mkdir(parents=True)
    outcome = annotated(folder)["a.png"]
    assert "cannot be written: Is a directory" in str(outcome.failure)
    assert not list(folder.parent.rglob("*.part*"))


@pytest.mark.parametrize("size", [(1, 1), (7680, 4320), (3, 2000)])
@pytest.mark.long
def test_tiny_and_huge_pictures_keep_their_size(folder: Path, size: tuple[int, int]) -> None:
    save(folder / "a.jpg", 5, size)
    outcome = annotated(folder)["a.jpg"]
    assert outcome.failure is None
    assert read_picture(outcome.entry.output).shape == (*size[::-1], 3)


def test_a_phones_photo_comes_out_upright(folder: Path) -> None:
    from PIL import Image

    upright: Pixels = np.full((40, 60, 3), 128, np.uint8)
    upright[:20, :30] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees clockwise
    turned = np.ascontiguousarray(np.rot90(upright))
    Image.fromarray(turned).save(folder / "a.jpg", exif=exif)
    outcome = annotated(folder)["a.jpg"]
    shown = Image.open(outcome.entry.output)
    assert shown.size == (60, 40)
    assert not shown.getexif().get(0x0112)
    assert np.abs(np.asarray(shown).astype(int) - upright).mean() < 4


def test_heic_and_avif_become_png_and_a_jfif_stays_one(folder: Path) -> None:
    for name, ending in (("HEIC", ".HEIC"), ("AVIF", ".avif"), ("JPEG", ".jfif"), ("JPEG 2000", "")):
        (folder / f"{name}{ending}").write_bytes(FORMATS[name]())
    outcomes = annotated(folder)
    assert {name: outcome.entry.output.name for name, outcome in outcomes.items()} == {
        "HEIC.HEIC": "HEIC.png",
        "AVIF.avif": "AVIF.png",
        "JPEG.jfif": "JPEG.jfif",
        "JPEG 2000": "JPEG 2000.png",
    }
    for outcome in outcomes.values():
        assert outcome.failure is None
        assert np.abs(read_picture(outcome.entry.output)[..., ::-1].astype(int) - scene()).mean() < 3.5


def test_a_photo_that_is_cut_short_is_annotated_and_told(folder: Path) -> None:
    data = FORMATS["JPEG"]()
    (folder / "half.jpg").write_bytes(data[: round(0.8 * len(data))])
    outcome = annotated(folder)["half.jpg"]
    assert outcome.frames == 1
    assert str(outcome.failure) == "half.jpg is cut short: what is missing of it is grey"
    assert outcome.entry.output.exists()
