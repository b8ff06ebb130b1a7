"""Films and saved sessions of an audit: which frames are taken, that they are kept, and how they count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from audited import AuditListener, green_model, green_photographs
from films import record

from live_gradcam.audit import film_frames
from live_gradcam.audit.audit import AuditJob, audit_photos
from live_gradcam.audit.film_frames import with_frames
from live_gradcam.audit.photo_folders import AuditPhoto, photos_in_folders, photos_with_truths
from live_gradcam.audit.verdicts import few_lenders
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import SourceError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.session.frame_file import FrameFile
from live_gradcam.session.journal import Journal
from live_gradcam.sources.video import VideoSource


def pictures(count: int, size: tuple[int, int] = (64, 48)) -> list[Pixels]:
    """Return pictures of one colour each, which are all different."""
    width, height = size
    return [np.full((height, width, 3), (3 * number % 256, 200, 90), np.uint8) for number in range(count)]


def film(path: Path, count: int = 35) -> Path:
    """Write a film of ten pictures a second, without a sidecar."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    record(path, pictures(count), [number / 10 for number in range(count)])
    path.with_suffix(".jsonl").unlink()
    return path


def session(folder: Path, frames: list[Pixels], per_second: float = 10.0, media: float | None = None) -> Path:
    """Write what `--save-session` writes, with no answers."""
    folder.mkdir(parents=True)
    file, journal = FrameFile(folder), Journal(folder, {"live": True})
    for number, pixels in enumerate(frames):
        moment = None if media is None else number / media
        journal.frame(Frame(pixels, 7 + number, 1000 + number / per_second, media_time=moment))
        file.add(pixels)
    file.close()
    journal.close()
    return folder


def whole(path: Path, name: str = "cats/clip.mp4") -> AuditPhoto:
    return AuditPhoto(path, name, "cats", film=name)


def taken(path: Path, folder: Path) -> list[AuditPhoto]:
    found, failures = with_frames([whole(path)], folder, lambda _: None)
    assert failures == []
    return found


def test_a_frame_a_second_is_taken_as_it_is(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mp4")
    found = taken(path, tmp_path / "kept")
    assert [each.name for each in found] == [f"cats/clip.mp4/{number:06}.png" for number in (0, 10, 20, 30)]
    assert {(each.truth, each.film, each.is_film) for each in found} == {("cats", "cats/clip.mp4", False)}
    with VideoSource(path) as source:
        frames = {each.index: each.pixels for each in source}
    for each, number in zip(found, (0, 10, 20, 30), strict=True):
        np.testing.assert_array_equal(cv2.imread(str(each.path)), frames[number])


def test_a_film_is_read_once_unless_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "clip.mp4")
    first = taken(path, tmp_path / "kept")
    assert len(taken(film(path, 12), tmp_path / "kept")) == 2
    again = film(tmp_path / "other.mp4")
    assert len(taken(again, tmp_path / "kept")) == len(first)

    def nothing(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(film_frames, "open_film", nothing)
    assert [each.name for each in taken(again, tmp_path / "kept")] == [each.name for each in first]


def test_of_a_long_film_few_frames_are_taken_that_lie_far_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_frames, "MOST_FRAMES", 4)
    found = taken(film(tmp_path / "clip.mp4", 91), tmp_path / "kept")
    numbers = [int(each.path.stem) for each in found]
    assert len(numbers) == 4
    assert numbers[0] == 0
    assert all(22 <= step <= 24 for step in np.diff(numbers))


def test_a_session_gives_its_frames_without_loss_by_the_clock_of_its_journal(tmp_path: Path) -> None:
    frames = [*pictures(25), *pictures(20, (80, 40))]  # another size, another file
    found = taken(session(tmp_path / "talk", frames), tmp_path / "kept")
    assert [int(each.path.stem) for each in found] == [0, 10, 20, 30, 40]
    for each in found:
        np.testing.assert_array_equal(cv2.imread(str(each.path)), frames[int(each.path.stem)])
    # Of a film that was played slowly, its own seconds count.
    slow = taken(session(tmp_path / "slow", pictures(25), per_second=2, media=10), tmp_path / "kept")
    assert [int(each.path.stem) for each in slow] == [0, 10, 20]


def test_what_cannot_be_read_is_told_of_and_costs_no_other(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    cut = session(tmp_path / "cut", pictures(30))
    for reel in cut.glob("frames*.mkv"):
        reel.write_bytes(reel.read_bytes()[: reel.stat().st_size // 2])
    empty = tmp_path / "empty"
    empty.mkdir()
    Journal(empty, {}).close()
    photo = AuditPhoto(tmp_path / "1.png", "cats/1.png", "cats")
    films = [whole(each, each.name) for each in (broken, cut, empty)]
    found, failures = with_frames([*films, photo], tmp_path / "kept", lambda _: None)
    assert found[-1] == photo
    assert {each.film for each in found[:-1]} == {"cut"}
    assert [each.name for each in failures] == ["broken.mp4", "cut", "empty"]
    assert "is cut short" in str(failures[1])
    _, again = with_frames([films[1]], tmp_path / "kept", lambda _: None)
    assert again == [failures[1]]


def test_films_and_sessions_lie_in_the_folders_of_their_classes_or_stand_in_the_table(tmp_path: Path) -> None:
    film(tmp_path / "cats/clip.mp4", 5)
    session(tmp_path / "dogs/talk", [*pictures(3), *pictures(3, (80, 40))])
    (tmp_path / "dogs/1.png").write_bytes(b"")
    photos, failures = photos_in_folders([str(tmp_path)])
    assert failures == []
    assert {(each.name, each.truth, each.is_film) for each in photos} == {
        ("cats/clip.mp4", "cats", True),
        ("dogs/talk", "dogs", True),
        ("dogs/1.png", "dogs", False),
    }
    assert {each.path for each in photos if each.is_film} == {
        tmp_path / "cats/clip.mp4",
        tmp_path / "dogs/talk",
    }
    named, failures = photos_with_truths([str(tmp_path)], {"clip.mp4": "a", "dogs/talk": "b"})
    assert {(each.name, each.truth) for each in named} == {("cats/clip.mp4", "a"), ("dogs/talk", "b")}
    assert len(failures) == 1


def test_drawn_heat_is_refused_in_one_line_that_names_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "cats/out.mp4"
    path.parent.mkdir()
    record(path, pictures(5))
    with pytest.raises(SourceError, match=r"cats/out.mp4: is a recording: .*--save-session DIR") as error:
        photos_in_folders([str(tmp_path)])
    assert "\n" not in str(error.value)
    film(tmp_path / "cats/clip.mp4", 5)
    photos, failures = photos_in_folders([str(tmp_path)])
    assert [each.name for each in photos] == ["cats/clip.mp4"]
    assert len(failures) == 1
    (tmp_path / "cats/.live-gradcam").mkdir()
    (tmp_path / "cats/.live-gradcam/clip.mp4.jsonl").touch()
    with pytest.raises(SourceError, match="there is nothing to audit"):
        photos_in_folders([str(tmp_path)])


def audited(folder: Path, **job: Any) -> Any:
    settings = ExplainSettings(model=str(folder / "green.keras"), preprocess="none", engine="tensorflow")
    masks = folder / "masks"
    return audit_photos(
        [str(folder / "photos")], settings, AuditJob(masks=masks, **job), progress=AuditListener()
    ).report


@pytest.mark.audits
def test_a_film_counts_as_one_photograph(tmp_path: Path) -> None:
    """A film of 21 frames with known things is no 21 photographs; three photographs and a film are four."""
    green_model(tmp_path / "green.keras")
    green_photographs(tmp_path, 20)
    before = audited(tmp_path)
    for number in range(3, 20):
        (tmp_path / f"photos/bright/{number:03}.png").unlink()
    clip = [np.asarray(cv2.imread(str(tmp_path / "photos/bright/000.png")), np.uint8)] * 21
    session(tmp_path / "photos/bright/talk", clip, per_second=1)
    for number in range(21):
        mask = tmp_path / f"masks/bright/talk/{number:06}.png"
        mask.parent.mkdir(exist_ok=True)
        mask.write_bytes((tmp_path / "masks/bright/000.png").read_bytes())
    found = audited(tmp_path, keep=tmp_path / "kept")
    assert found.failures == ()
    bright = found.of("bright")
    assert bright.count == 24
    assert bright.verdict == "cannot tell"
    assert "4 photographs or films with a known thing, and 20 are needed" in bright.sentence
    frames = [each for each in found.photos if each.film == "bright/talk"]
    assert len(frames) == 21
    own = [each for each in found.photos if each.truth == "bright" and each.film is None]
    mean = np.mean(
        [*(each.background_need for each in own), np.mean([each.background_need for each in frames])]
    )
    assert bright.background_need.mean == pytest.approx(mean, abs=1e-12)
    assert bright.background_need.count == 4
    assert bright.clusters == ()  # one frame of the film and three photographs are too few
    assert before.of("dark").verdict == "thing"
    # The film lends its background as one, and four are too few.
    assert found.of("dark").lenders == 4
    assert few_lenders(4) in found.of("dark").sentence
    again = audited(tmp_path, keep=tmp_path / "kept")
    assert again.classes == found.classes


def test_the_copies_of_a_film_are_compared_as_one_photograph() -> None:
    from live_gradcam.audit.comparison import value_change
    from live_gradcam.audit.findings import PhotoFinding

    def photo(number: int, need: float, film: str | None) -> PhotoFinding:
        heat = np.zeros((2, 2), np.float32)
        return PhotoFinding(
            name=f"{number}.png",
            truth="a",
            predicted="a",
            probability=0.9,
            truth_probability=0.9,
            heatmap=heat,
            background_need=need,
            film=film,
        )

    first = [photo(0, 0.5, None), photo(1, 0.2, "a.mp4"), photo(2, 0.4, "a.mp4")]
    other = [replace(each, background_need=0.0) for each in first]
    change = value_change(list(zip(first, other, strict=True)), "background_need")
    assert change is not None
    assert change.first == pytest.approx(0.4)
    assert change.difference.count == 2
