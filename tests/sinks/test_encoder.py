"""The encoder: every container, sound that is carried over untouched, and encoders that may not be there."""

from __future__ import annotations

from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import numpy as np
import pytest
from films import RED, packets, plain, write_talkie

from live_gradcam.sinks import codecs
from live_gradcam.sinks.codecs import codec_for
from live_gradcam.sinks.encoder import CONTAINERS, Encoder

EVERY = pytest.mark.parametrize("extension", list(CONTAINERS))


def encode(path: Path, count: int, *, begin: int = 0, audio_from: Path | None = None) -> Path:
    encoder = Encoder(path, "file", audio_from=audio_from)
    for index in range(begin, begin + count):
        encoder.encode(plain(), index / 25)
    encoder.finish()
    return path


@EVERY
def test_each_container_holds_every_picture_at_its_time_in_its_colours(
    tmp_path: Path, extension: str
) -> None:
    path = tmp_path / f"out{extension}"
    moments = [7.0, 7.033, 7.1, 7.104, 7.5, 9.0]
    encoder = Encoder(path, "live")
    for moment in moments:
        encoder.encode(plain(RED, 63, 47), moment)
    encoder.finish()
    assert encoder.codec == ("libvpx-vp9" if extension == ".webm" else "libx264")
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
        stream = container.streams.video[0].codec_context
        assert (stream.pix_fmt, stream.colorspace, stream.color_range) == ("yuv420p", 1, 1)
    assert [float(each.time or 0) for each in decoded] == pytest.approx([m - 7 for m in moments], abs=1e-3)
    for each in decoded:
        colours = each.to_ndarray(format="bgr24").astype(int)
        assert colours.shape == (48, 64, 3)
        assert np.abs(colours - RED).max() <= (6 if extension == ".webm" else 4)


@EVERY
def test_sound_is_carried_over_packet_for_packet(tmp_path: Path, extension: str) -> None:
    kinds = ("libopus", "libopus") if extension == ".webm" else ("aac", "libmp3lame")
    film = write_talkie(tmp_path / "film.mkv", *kinds)
    out = encode(tmp_path / f"out{extension}", 50, audio_from=film)
    for track in (0, 1):
        before, after = packets(film, track), packets(out, track)
        assert [data for _, data in after] == [data for _, data in before]
        # Matroska and WebM count in whole milliseconds.
        assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=1.1e-3)
    with av.open(str(out)) as container:
        assert [each.language for each in container.streams.audio] == ["deu", "eng"]
        video = container.streams.video[0]
        assert (video.start_time or 0) == 0


def test_sound_that_outlasts_the_pictures_is_kept(tmp_path: Path) -> None:
    film = write_talkie(tmp_path / "film.mp4", "aac", seconds=1.0, sound_seconds=4.0)
    out = encode(tmp_path / "out.mp4", 25, audio_from=film)
    assert len(packets(out, 0)) == len(packets(film, 0))


def test_of_a_part_of_a_film_only_that_parts_sound_is_kept(tmp_path: Path) -> None:
    film = write_talkie(tmp_path / "film.mp4", "aac", seconds=4.0)
    out = encode(tmp_path / "out.mp4", 25, begin=50, audio_from=film)
    there = packets(film, 0)
    kept = packets(out, 0)
    # A few packets before the cut are what the decoder needs to begin with.
    assert -0.15 < kept[0][0] <= 0
    assert 0.95 < kept[-1][0] < 1.0
    first = next(index for index, (_, data) in enumerate(there) if data == kept[0][1])
    assert [data for _, data in kept] == [data for _, data in there[first : first + len(kept)]]
    assert [time for time, _ in kept] == pytest.approx(
        [time - 2 for time, _ in there[first : first + len(kept)]], abs=1e-3
    )


def test_a_track_that_the_container_cannot_hold_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = write_talkie(tmp_path / "film.mkv", "libopus", "aac")
    out = encode(tmp_path / "out.webm", 50, audio_from=film)
    assert caplog.messages == [
        "audio track 2 of film.mkv is aac, which WebM cannot hold: it is left out. A name that ends in .mkv keeps "
        "most."
    ]
    assert len(packets(out, 0)) == len(packets(film, 0))
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == 1


def test_a_film_without_sound_stays_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = write_talkie(tmp_path / "film.mp4")
    out = encode(tmp_path / "out.mp4", 50, audio_from=film)
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == 0
        assert container.streams.video[0].frames in (0, 50)
    assert caplog.messages == []


def test_sound_that_cannot_be_read_is_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "film.mp4").write_text("no film at all " * 50)
    out = encode(tmp_path / "out.mp4", 3, audio_from=tmp_path / "film.mp4")
    (told,) = caplog.messages
    assert told.startswith("the sound of film.mp4 cannot be read (")
    with av.open(str(out)) as container:
        assert len(list(container.decode(video=0))) == 3


def test_an_encoder_without_its_hardware_is_not_chosen_and_prints_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert codec_for("mp4", (64, 48), "live").name in {
        "libx264",
        *(each.name for each in codecs._HARDWARE),
    }
    monkeypatch.setattr(codecs, "_works", lambda each, size: each.name == "h264_qsv" and size == (64, 48))
    assert codec_for("mp4", (64, 48), "live").name == "h264_qsv"
    assert codec_for("mp4", (66, 48), "live").name == "libx264"
    assert codec_for("webm", (64, 48), "live").name == "libvpx-vp9"
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_what_encodes_a_picture_works_and_what_does_not_exist_does_not() -> None:
    assert codecs._works(codecs.Codec("libx264", "yuv420p", ()), (64, 48))
    assert not codecs._works(codecs.Codec("h264_of_the_future", "nv12", ()), (64, 48))
    assert not codecs._works(codecs.Codec("libx264", "yuv420p", ()), (63, 47))
