"""Which stream is shown, which formats are opened, and which are not."""

from __future__ import annotations

import http.server
import subprocess
import threading
from pathlib import Path

import av
import pytest
from clips import index_of, made_by_ffmpeg, write_clip
from films import packets

from live_gradcam.archive.inputs import find_entries
from live_gradcam.errors import SourceError
from live_gradcam.media_file import FORMATS, open_container, picture_stream
from live_gradcam.sinks.encoder import Encoder
from live_gradcam.sources.film_display import video_info
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.video import VideoSource


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", [40 * i for i in range(12)])


def cover_of(folder: Path) -> Path:
    return made_by_ffmpeg(folder / "cover.jpg", "-frames:v", "1", source="color=red:s=600x600:d=0.04")


def with_cover(clip: Path, name: str, *, first: bool) -> Path:
    """Add a cover picture that is larger than the film."""
    path = clip.with_name(name)
    inputs = [cover_of(clip.parent), clip] if first else [clip, cover_of(clip.parent)]
    number = 0 if first else 1
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-i", str(inputs[0]), "-i", str(inputs[1]), "-map", "0", "-map", "1"]
        + ["-c", "copy", f"-disposition:v:{number}", "attached_pic", str(path)],
        check=True,
    )
    return path


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.m4v"])
def test_a_cover_picture_is_never_the_film(clip: Path, name: str, first: bool) -> None:
    path = with_cover(clip, name, first=first)
    with VideoSource(path) as source:
        assert [index_of(frame.pixels) for frame in source] == list(range(12))
        assert source.damage is None
    promise = video_info(path)
    assert promise is not None
    assert (promise.frames, promise.size) == (12, (64, 48))


def test_the_stream_that_is_marked_default_is_shown_even_where_another_is_larger(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:d=0.2"]
    command += ["-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.2", "-map", "0", "-map", "1"]
    for default, size in ((0, (320, 240)), (1, (64, 48))):
        marks = [f"-disposition:v:{default}", "default", f"-disposition:v:{1 - default}", "0"]
        subprocess.run([*command, *marks, "-y", str(path)], check=True)
        with VideoSource(path) as source:
            assert source.size == size
    subprocess.run([*command, "-disposition:v", "0", "-y", str(path)], check=True)
    with VideoSource(path) as source:
        assert source.size == (320, 240), "where none is marked, the largest"


@pytest.mark.parametrize("name", ["song.mp3", "song.m4a", "song.flac"])
def test_a_song_with_a_cover_picture_is_no_film(tmp_path: Path, name: str) -> None:
    song = made_by_ffmpeg(tmp_path / f"plain {name}", source="sine=d=1")
    covered = tmp_path / name
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(song), "-i", str(cover_of(tmp_path)), "-map", "0", "-map", "1"]
        + ["-c", "copy", "-disposition:v", "attached_pic", str(covered)],
        check=True,
    )
    with pytest.raises(SourceError) as error:
        open_source(covered)
    assert str(error.value) == (
        f"{name} has no video in it: it is sound with a cover picture. Give a video, a picture or a folder of them."
    )
    with pytest.raises(SourceError, match=r"has no video in it\. Give"):
        open_source(song)
    assert video_info(covered) is None


def test_only_the_sound_is_copied_and_its_marks_stay(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    cover = cover_of(tmp_path)
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=64x48:d=1",
        "-f",
        "lavfi",
        "-i",
        "sine=d=1",
    ]
    command += ["-f", "lavfi", "-i", "sine=880:d=1", "-map", "0", "-map", "1", "-map", "2", "-c:a", "aac"]
    command += ["-attach", str(cover), "-metadata:s:t", "mimetype=image/jpeg"]
    command += ["-disposition:a:0", "0", "-disposition:a:1", "default", str(path)]
    subprocess.run(command, check=True)
    with VideoSource(path) as source:
        assert source.size == (64, 48)
        encoder = Encoder(tmp_path / "out.mkv", "file", audio_from=path)
        for frame in source:
            encoder.encode(frame.pixels, frame.time)
        encoder.finish()
    with av.open(str(tmp_path / "out.mkv")) as made:
        assert [stream.type for stream in made.streams] == ["video", "audio", "audio"]
        assert [bool(track.disposition & 1) for track in made.streams.audio] == [False, True]
    for track in (0, 1):
        assert [data for _, data in packets(tmp_path / "out.mkv", track)] == [
            data for _, data in packets(path, track)
        ]


def test_aac_of_a_transport_stream_goes_into_mp4(tmp_path: Path) -> None:
    path = made_by_ffmpeg(tmp_path / "film.ts", "-c:a", "aac", again="sine=d=1")
    with VideoSource(path) as source:
        encoder = Encoder(tmp_path / "out.mp4", "file", audio_from=path)
        for frame in source:
            encoder.encode(frame.pixels, frame.time)
        encoder.finish()
    with av.open(str(tmp_path / "out.mp4")) as made:
        samples = sum(frame.samples for frame in made.decode(audio=0))
    assert samples == pytest.approx(44_100, abs=3000)


RAW = {
    "clip.h264": ("-c:v libx264 -bf 2", 50),
    "clip.264": ("-c:v libx264 -f h264", 50),
    "clip.hevc": ("-c:v libx265 -x265-params log-level=none", 50),
    "clip.h265": ("-c:v libx265 -x265-params log-level=none -f hevc", 50),
    "clip.m2v": ("-c:v mpeg2video", 50),
    "clip.m4v": ("-c:v mpeg4 -f m4v", 50),
    "clip.mjpeg": ("-c:v mjpeg", 25),
}


@pytest.mark.parametrize("name", RAW)
def test_a_codecs_data_without_a_container_plays_at_its_rate_which_is_said_once(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    options, fps = RAW[name]
    path = made_by_ffmpeg(tmp_path / name, *options.split(), source="testsrc2=s=64x48:r=50:d=1")
    with open_source(path) as source:
        times = [frame.time for frame in source]
    assert times == pytest.approx([index / fps for index in range(50)])
    assert caplog.messages == [f"{name} stores no times: {fps} frames a second are assumed"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.ts", ""),
        ("clip.m2ts", ""),
        ("clip.mts", "-f mpegts"),
        ("clip.3gp", "-c:v mpeg4"),
        ("clip.wmv", ""),
        ("clip.asf", ""),
        ("clip.flv", ""),
        ("clip.vob", ""),
        ("clip.ogv", "-vf noise=alls=40:allf=t"),
        ("clip.mxf", "-c:v mpeg2video"),
        ("clip.avi", "-c:v libx264 -bf 3"),
        ("clip.y4m", "-pix_fmt yuv420p"),
        ("clip.ivf", "-c:v libvpx"),
        ("clip.nut", "-c:v ffv1"),
    ],
)
def test_other_containers_give_every_frame_at_its_time_and_are_found_in_folders(
    tmp_path: Path, name: str, options: str
) -> None:
    path = made_by_ffmpeg(tmp_path / name, *options.split())
    with open_source(path) as source:
        times = [frame.time for frame in source]
    assert times == pytest.approx([0.04 * i for i in range(25)], abs=2e-3)
    (entry,), _ = find_entries([str(tmp_path)], tmp_path / "out")
    assert (entry.name, entry.kind) == (name, "video")


def test_code_whose_name_ends_like_a_films_is_no_film(tmp_path: Path) -> None:
    (tmp_path / "main.ts").write_text("export const answer: number = 42;\n")
    (tmp_path / "index.mts").write_text("Greet();\n")
    clip = made_by_ffmpeg(tmp_path / "clip.ts")
    entries, failures = find_entries([str(tmp_path)], tmp_path / "out")
    assert [entry.source for entry in entries] == [clip]
    assert failures == []
    with pytest.raises(SourceError, match=r"^main\.ts cannot be opened: it is text, no picture or film\."):
        open_source(tmp_path / "main.ts")


def test_titles_in_another_encoding_are_no_reason_to_fail(tmp_path: Path) -> None:
    path = made_by_ffmpeg(tmp_path / "titled.avi", "-metadata", "title=Cafe")
    path.write_bytes(path.read_bytes().replace(b"Cafe", b"Caf\xe9"))
    with VideoSource(path) as source:
        assert len(list(source)) == 25


@pytest.fixture
def asked() -> list[str]:
    return []


def test_no_list_is_followed_to_other_files_or_addresses(
    tmp_path: Path, clip: Path, asked: list[str]
) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/x.ts"
        lists = {
            "list.m3u8": f"#EXTM3U\n#EXTINF:2,\n{address}\n#EXT-X-ENDLIST\n",
            "local.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{clip.name}\n#EXT-X-ENDLIST\n",
            "hidden.mp4": f"#EXTM3U\n#EXTINF:2,\n{address}\n",
            "list.ffconcat": f"ffconcat version 1.0\nfile {clip.name}\n",
            "list.pls": f"[playlist]\nFile1={address}\n",
        }
        try:
            for name, text in lists.items():
                (tmp_path / name).write_text(text)
                with pytest.raises(SourceError) as error:
                    open_source(tmp_path / name)
                assert str(error.value) == (
                    f"{name} cannot be opened: it is a playlist: it names films, and holds none. Give one of "
                    "these films, or its address."
                )
            for name, text in {
                "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
                "manifest.mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{address}'
                "</BaseURL></MPD>",
            }.items():
                (tmp_path / name).write_text(text)
                with pytest.raises(SourceError, match="cannot be opened"):
                    open_source(tmp_path / name)
        finally:
            server.shutdown()
            thread.join()
    assert asked == []


def test_every_admitted_format_is_one_that_ffmpeg_has() -> None:
    assert sorted(set(FORMATS) - av.format.formats_available) == []


def test_a_container_names_the_stream_that_a_player_shows(clip: Path) -> None:
    with open_container(clip) as container:
        stream = picture_stream(container)
        assert stream is not None
        assert stream.type == "video"


@pytest.mark.parametrize("name", ["ticks.flv", "ticks.mkv"])
def test_a_clock_of_milliseconds_is_not_taken_for_the_frame_rate(tmp_path: Path, name: str) -> None:
    quick = ("-c:v", "libx264", "-bsf:v", "h264_metadata=tick_rate=1200", "-flvflags", "no_metadata")
    path = made_by_ffmpeg(tmp_path / "ticks.flv", *quick, source="testsrc2=s=64x48:r=30:d=1")
    if name != path.name:
        path = made_by_ffmpeg(tmp_path / name, "-c", "copy", source=str(path))
        data = path.read_bytes()
        # DefaultDuration, which the file may leave out, becomes another element that is ignored.
        path.write_bytes(data.replace(b"\x23\xe3\x83", b"\x2e\xb5\x24"))
    with VideoSource(path) as source:
        moments = [frame.media_time for frame in source]
        assert len(moments) == 30
        assert source.fps == pytest.approx(29 / 0.967)
    told = video_info(path)
    assert told is not None
    assert 29 <= told.frames <= 33
