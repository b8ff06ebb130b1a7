"""The server from outside: what each address gives, and what every kind of wrong is answered with."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import logging
import socket as sockets
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from limits import at_most, until
from networks import colour_network, headed_network
from served import Served, answer_to, jpeg, read_answer, said, send_frame, small_service
from server.test_picture_decoding import deflated, png_of, png_that_claims
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from live_gradcam.explain.array_types import Ids, Numbers, Pictures
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.runtime import GraphOutputs
from live_gradcam.explain.tensorflow_graph import TensorFlowGraph
from live_gradcam.fixed_choices import Fit
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Scores, heat_over, hottest
from live_gradcam.metrics.controls import shifted
from live_gradcam.metrics.curves import curve
from live_gradcam.metrics.masking import faithfulness
from live_gradcam.number_format import percent_text
from live_gradcam.render.single_picture import draw
from live_gradcam.server import photo_process, picture_decoding
from live_gradcam.server import websocket as visit
from live_gradcam.server.explain_response import MOST_BYTES
from live_gradcam.server.messages import MOST_BYTES as MOST_MESSAGE_BYTES
from live_gradcam.server.page_setup import PAGE
from live_gradcam.server.queued_work import Done, QueuedWork
from live_gradcam.server.settings import ServerSettings

TOKEN = "a-token-that-nobody-knows"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(small_service()) as served:
        yield served


def noise(seed: int, height: int = 16, width: int = 16) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def is_alive(served: Served) -> bool:
    with served.socket() as socket:
        return served.get("/healthz").status == 200 and len(answer_to(socket, 1, jpeg()).maps) == 1


# Programs


@pytest.mark.long
def test_a_picture_is_explained_as_the_explainer_does(served: Served) -> None:
    pixels = noise(3)
    reply = served.explain("?method=hirescam&target=blue", jpeg(pixels, ".png"), "image/png")
    assert reply.status == 200, reply.body
    expected = Explainer(served.service.model, "hirescam", target="blue").explain(pixels)
    found = reply.json
    assert found["top"][0]["label"] == expected.top[0].label
    assert found["top"][0]["probability"] == pytest.approx(expected.top[0].probability, abs=1e-5)
    assert found["target"]["label"] == "blue"
    assert (found["method"], found["layer"]) == ("hirescam", expected.layer)
    np.testing.assert_allclose(found["heatmap"], expected.heatmap, atol=2e-4)
    assert (found["size"], found["region"]) == ([16, 16], [0, 0, 16, 16])
    assert found["overlay_png"] is None


@pytest.mark.long
def test_the_heat_of_a_picture_is_tested_for_those_who_ask(served: Served) -> None:
    pixels = noise(3)
    found = served.explain("?test=true", jpeg(pixels, ".png"), "image/png").json
    explainer = Explainer(served.service.model)
    explanation = explainer.explain(pixels)
    whole = (0, 0, 16, 16)

    def score(pictures: Sequence[Pixels]) -> Scores:
        class_id = explanation.top[0].class_id
        answers = explainer.explain_batch(pictures, targets=[class_id] * len(pictures))
        return np.array([each.target.probability for each in answers], np.float64)  # type: ignore[union-attr]

    expected = faithfulness(pixels, whole, explanation, score)
    assert found["test"]["heat"]["alone"] == pytest.approx(expected.heat.alone, abs=1e-4)
    assert found["test"]["heat"]["without"] == pytest.approx(expected.heat.without, abs=1e-4)
    assert list(found["test"]["controls"]) == ["shifted", "shuffled"]
    assert found["test"]["holds"] == expected.holds
    assert found["untested"] is None
    assert not expected.is_sure, "the tests' network knows nothing of noise"
    assert found["test"]["reason"] == "the network is not sure"
    chosen = served.explain("?test=true&target=blue", jpeg(pixels, ".png"), "image/png").json["test"]
    assert (chosen["reason"], type(chosen["holds"])) == (None, bool)
    slow = served.explain("?test=true&method=scorecam", jpeg(pixels, ".png"), "image/png").json
    assert (slow["test"], slow["untested"]) == (None, "no test: the method takes many passes")
    unasked = served.explain("?method=scorecam", jpeg(pixels, ".png"), "image/png").json
    assert (unasked["test"], unasked["untested"]) == (None, None)
    with served.socket() as socket:
        socket.send(json.dumps({"ask": 3, "methods": ["gradcam"], "share": 0.2}))
        answer = answer_to(socket, 7, jpeg(pixels, ".png"))
    told = answer.header["test"]
    mask = hottest(heat_over(explanation, whole, (16, 16)), 0.2)
    np.testing.assert_array_equal(answer.mask, mask)
    assert (told["share"], told["part"]) == (0.2, [0, 0, 1, 1])
    smaller = faithfulness(pixels, whole, explanation, score, share=0.2)
    assert told["alone"] == pytest.approx(smaller.heat.alone, abs=1e-4)


def test_the_heat_is_tested_now_and_then_while_the_answers_go_on(served: Served) -> None:
    with served.socket() as socket:
        socket.send(json.dumps({"ask": 3, "methods": ["gradcam"], "targets": ["blue"], "badge": True}))
        told: list[dict[str, Any]] = []
        began, answers = time.monotonic(), 0
        while len(told) < 2 and time.monotonic() < began + 60:
            send_frame(socket, answers, jpeg())
            while isinstance(message := socket.recv(20), str):
                told.append(json.loads(message))
            answers += 1
            assert read_answer(message).header["test"] is None
    first, second = told
    assert first["ask"] == 3
    assert (first["tested"]["label"], first["tested"]["class_id"]) == ("blue", 2)
    assert {"alone", "without", "controls", "holds", "share", "baseline"} <= set(second["tested"])
    assert time.monotonic() - began > 1  # figures that change more often cannot be read
    assert answers > 3


def test_the_curves_of_a_frame_come_after_its_answer_and_are_those_of_the_formula(served: Served) -> None:
    pixels, whole = noise(3), (0, 0, 16, 16)
    with served.socket() as socket:
        socket.send(json.dumps({"ask": 4, "methods": ["gradcam"], "targets": [2], "curves": True}))
        answer_to(socket, 0, jpeg(pixels, ".png"))
        told = said(socket)
    assert (told["ask"], told["reason"]) == (4, "")
    assert [(each["way"], each["name"]) for each in told["curves"]] == [
        ("deletion", "gradcam"),
        ("insertion", "gradcam"),
        ("deletion", ""),
        ("insertion", ""),
    ]
    explainer = Explainer(served.service.model, target=2)

    def score(pictures: Sequence[Pixels]) -> Scores:
        answers = explainer.explain_batch(pictures)
        return np.array([each.target.probability for each in answers], np.float64)  # type: ignore[union-attr]

    heat = heat_over(explainer.explain(pixels), whole, (16, 16))
    label = explainer.explain(pixels).target.label
    assert [each["label"] for each in told["curves"]] == [label] * 4
    for each in told["curves"]:
        own = heat if each["name"] else shifted(heat)
        expected = curve(each["way"], pixels, own, score, steps=10)
        assert each["fractions"] == pytest.approx(expected.fractions, abs=1e-4)
        assert each["scores"] == pytest.approx(expected.scores, abs=2e-4)
        assert each["area"] == pytest.approx(expected.area, abs=2e-4)


def test_where_there_are_no_curves_the_page_is_told_why(served: Served) -> None:
    with served.socket() as socket:
        socket.send(json.dumps({"ask": 5, "methods": ["scorecam"], "curves": True}))
        for number in itertools.count():  # until the method is compiled
            send_frame(socket, number, jpeg())
            if isinstance(message := socket.recv(20), str):
                break
    assert json.loads(message) == {"curves": [], "reason": "no test: the method takes many passes", "ask": 5}


def test_a_visitor_s_curves_put_few_pictures_into_the_queue_at_once_and_the_newest_answer_counts(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, most = 0, 0
    explained_by_service = served.service.explained

    async def counted(work: QueuedWork) -> Done:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        try:
            return await explained_by_service(work)
        finally:
            waiting -= 1

    monkeypatch.setattr(served.service, "explained", counted)
    with served.socket() as socket:
        for ask in (1, 2, 3):
            socket.send(json.dumps({"ask": ask, "methods": ["gradcam"], "targets": [ask], "curves": True}))
            send_frame(socket, ask, jpeg())
        asks = []
        while 3 not in asks:
            message = socket.recv(20)
            if isinstance(message, str):
                asks.append(json.loads(message)["ask"])
    assert most == 4
    assert waiting == 0
    assert asks == sorted(asks)


def test_the_overlay_is_the_picture_with_the_heat_on_it(served: Served) -> None:
    pixels = noise(4, 200, 300)
    reply = served.explain("?overlay=true&alpha=1&colormap=viridis", jpeg(pixels))
    overlay = cv2.imdecode(
        np.frombuffer(base64.b64decode(reply.json["overlay_png"]), np.uint8), cv2.IMREAD_COLOR
    )
    assert overlay is not None
    assert overlay.shape == (200, 300, 3)
    assert not np.allclose(overlay, pixels, atol=40)


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("?method=gradcan", 400, "unknown method 'gradcan'. Did you mean gradcam"),
        ("?target=purple", 400, "unknown class 'purple'"),
        ("?target=4", 400, "there is no class 4: this model's classes are 0 to 3"),
        ("?layer=haed", 400, "unknown layer 'haed'"),
        ("?colormap=jett", 400, "unknown colour map 'jett'. Did you mean jet"),
        ("?target=os:system", 400, "the target 'os:system' cannot be used here"),
        ("?target=lock", 400, "the target 'lock' cannot be used here"),
        ("?alpha=2", 422, "alpha: Input should be less than or equal to 1."),
        ("?overlay=perhaps", 422, "overlay: Input should be a valid boolean"),
        ("?method=" + "x" * 100, 422, "method: String should have at most 64 characters."),
    ],
)
def test_a_question_that_makes_no_sense_is_told(served: Served, query: str, status: int, detail: str) -> None:
    reply = served.explain(query)
    assert reply.status == status
    assert detail in reply.detail


@pytest.mark.parametrize(
    ("data", "kind", "status", "detail"),
    [
        (
            b"hello",
            "image/jpeg",
            415,
            "this is no picture that can be read: JPEG, PNG, WebP, HEIC, AVIF can.",
        ),
        (b"", "image/png", 415, "this is no picture"),
        (
            jpeg(),
            "text/plain",
            415,
            "the Content-Type must be one of image/jpeg, image/png, image/webp, image/heic",
        ),
        (jpeg()[:300], "image/jpeg", 415, "the picture is damaged"),
        (png_that_claims(60_000, 60_000), "image/png", 413, "the picture has 60000×60000 pixels"),
        (bytes(MOST_BYTES + 1), "image/jpeg", 413, "the file has more than 12 MB: send a smaller one."),
    ],
)
def test_what_is_no_picture_is_told(served: Served, data: bytes, kind: str, status: int, detail: str) -> None:
    reply = served.explain("", data, kind)
    assert reply.status == status
    assert detail in reply.detail


def test_a_body_without_a_length_is_cut_off_where_it_becomes_too_large(served: Served) -> None:
    chunks = (bytes(1_000_000) for _ in range(40))
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)) as connection:
        try:
            connection.request(
                "POST", "/explain", chunks, {"Content-Type": "image/jpeg"}, encode_chunked=True
            )
            with connection.getresponse() as response:
                status = response.status
        except (BrokenPipeError, ConnectionResetError):
            status = 413  # the server hung up on what it will not take
    assert status == 413
    assert is_alive(served)


def test_many_programs_at_once_are_explained_together(served: Served) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda seed: served.explain("", jpeg(noise(seed), ".png"), "image/png"), range(24))
        )
    assert [reply.status for reply in replies] == [200] * 24
    explainer = Explainer(served.service.model)
    for seed, reply in enumerate(replies):
        expected = explainer.explain(noise(seed))
        assert reply.json["top"][0]["label"] == expected.top[0].label


@pytest.mark.runs
@pytest.mark.long
def test_photos_that_are_slow_to_decode_hold_up_no_others(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, begun, go_on = photo_process.decode_apart, threading.Semaphore(0), threading.Event()

    def slowly(data: bytes, most_pixels: int) -> Pixels:
        begun.release()
        assert go_on.wait(20)
        return decode(data, most_pixels)

    monkeypatch.setattr(picture_decoding, "decode_apart", slowly)
    avif = jpeg(noise(1, 32, 32), ".avif")
    with ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(served.explain, "", avif, "image/avif") for _ in range(3)]
        assert begun.acquire(timeout=20)
        try:
            for seed in range(3):
                assert served.explain("", jpeg(noise(seed), ".png"), "image/png").status == 200
            assert not begun.acquire(timeout=0.2)  # one at a time
        finally:
            go_on.set()
        assert [each.result(60).status for each in slow] == [200] * 3


def test_the_openapi_document_describes_what_there_is(served: Served) -> None:
    document = served.get("/openapi.json").json
    assert set(document["paths"]) == {"/healthz", "/metrics", "/setup", "/explain", "/video.mjpg"}
    body = document["paths"]["/explain"]["post"]["requestBody"]
    photos = {"image/jpeg", "image/png", "image/webp", "image/heic", "image/heif", "image/avif"}
    assert set(body["content"]) == photos
    assert {"200", "400", "413", "415", "422", "429", "503"} <= set(
        document["paths"]["/explain"]["post"]["responses"]
    )


def test_the_documentation_page_loads_nothing_from_outside(served: Served) -> None:
    page = served.get("/docs").body.decode()
    assert "//" not in page.replace("<!doctype html>", "")
    for path in ("/docs/swagger/swagger-ui-bundle.js", "/docs/swagger/swagger-ui.css", "/page/docs.js"):
        assert path in page
        assert served.get(path).status == 200


def test_metrics_are_prometheus_text(served: Served) -> None:
    served.explain()
    reply = served.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = dict(line.rsplit(" ", 1) for line in reply.body.decode().splitlines() if line[0] != "#")
    assert float(lines["live_gradcam_explained_total"]) > 0
    assert float(lines["live_gradcam_visitors"]) == 0
    assert float(lines["process_resident_memory_bytes"]) > 0


def test_health_says_which_model_answers(served: Served) -> None:
    assert served.get("/healthz").json == {"status": "ok", "version": "0.1.0", "model": "pooled"}


# The page's files


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/style.css", "/page/icon.svg"])
def test_the_page_is_there(served: Served, path: str) -> None:
    assert served.get(path).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/page/../app.py",
        "/page/%2e%2e/app.py",
        "/page/..%2fapp.py",
        "/page//etc/passwd",
        "/docs/swagger/%2e%2e/core.py",
        "/page/",
        "/etc/passwd",
        "/page/main.js%00.png",
    ],
)
def test_no_path_leaves_the_pages_folder(served: Served, path: str) -> None:
    reply = served.get(path)
    assert reply.status in (400, 404), reply.body[:200]


def test_every_reply_carries_the_headers_that_keep_a_browser_safe(served: Served) -> None:
    for path in ("/", "/healthz", "/nothing", "/page/main.js"):
        headers = served.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in headers
        assert headers["cache-control"] == "no-store"


# Who may come in


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "a b", "[::1", "x@localhost"]
)
def test_a_host_of_another_name_is_refused(served: Served, host: str) -> None:
    for path in ("/", "/healthz", "/setup"):
        assert served.get(path, Host=host).status in (400, 421)
    assert served.refused_socket(Host=host).status in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1", "[::1]:80", "192.168.7.7:8000"])
def test_a_tunnel_or_an_address_is_no_other_name(served: Served, host: str) -> None:
    assert served.get("/healthz", Host=host).status == 200


def test_a_name_of_ones_own_can_be_allowed() -> None:
    with Served(small_service(), ServerSettings(allow_host=("teacher.example",))) as served:
        assert served.get("/healthz", Host="Teacher.example:443").status == 200
        assert served.get("/healthz", Host="other.example").detail.startswith(
            "this server does not have the name"
        )


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_another_sites_page_may_not_use_it(served: Served, origin: str) -> None:
    assert served.refused_socket(Origin=origin).status == 403
    assert served.get("/explain", jpeg(), Origin=origin, Content_Type="image/jpeg").status == 403
    assert served.get("/setup", Sec_Fetch_Site="cross-site").status == 403


def test_its_own_page_may(served: Served) -> None:
    origin = f"http://127.0.0.1:{served.port}"
    with served.socket(Origin=origin) as socket:
        assert answer_to(socket, 7, jpeg()).header["frame"] == 7


def test_without_the_token_nothing_is_computed_and_nothing_is_told() -> None:
    with Served(small_service(), token=TOKEN) as served:
        for given in ("", "Bearer wrong", f"Basic {TOKEN}"):
            for path in ("/setup", "/metrics", "/video.mjpg", "/nothing"):
                assert served.get(path, Authorization=given).status == 401
            reply = served.get("/explain", jpeg(), Content_Type="image/jpeg", Authorization=given)
            assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
        assert "the token is wrong" in served.get("/setup?token=wrong").detail
        assert "a token is needed: open the link" in served.refused_socket().detail
        assert served.refused_socket("?token=wrong").status == 401
        assert served.refused_socket("?token=").status == 401
        assert served.refused_socket("?token=%ff%fe").status == 401
        assert [served.get(path).status for path in ("/", "/healthz", "/page/main.js")] == [200] * 3
        assert served.get("/setup", Authorization=f"Bearer {TOKEN}").status == 200
        with served.socket(f"?token={TOKEN}") as socket:
            assert answer_to(socket, 1, jpeg()).header["frame"] == 1


def test_it_speaks_tls_with_a_certificate_of_its_own() -> None:
    with Served(small_service(), ServerSettings(tls="self-signed")) as served:
        with sockets.create_connection(("127.0.0.1", served.port)) as plain:
            context = ssl._create_unverified_context()
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                certificate = secure.getpeercert(binary_form=True)
        assert certificate is not None
        trusting = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(certificate))
        with urllib.request.urlopen(served.url("/healthz"), context=trusting) as reply:
            assert reply.status == 200


# The socket


def test_a_frame_is_answered_with_its_map(served: Served) -> None:
    pixels = noise(5)
    with served.socket() as socket:
        answer = answer_to(socket, 41, jpeg(pixels, ".png"))
    expected = Explainer(served.service.model).explain(pixels)
    [found] = answer.header["maps"]
    np.testing.assert_array_equal(answer.maps[0], np.rint(expected.heatmap * 255))
    assert answer.header["frame"] == 41
    assert answer.header["top"][0][1] == expected.top[0].label
    assert found["target"]["label"] == expected.target.label
    assert found["peak"] == pytest.approx(float(expected.raw_heatmap.max()), rel=1e-3)
    assert (found["region"], found["inset"], found["things"]) == ([0, 0, 1, 1], [0, 0, 1, 1], None)


def test_a_scan_tells_each_thing_with_its_place() -> None:
    pixels = np.zeros((180, 320, 3), np.uint8)
    pixels[75:105, 45:75, 2] = pixels[75:105, 235:265, 0] = 255
    picture = jpeg(pixels, ".png")
    with Served(small_service(colour_network(), ("red", "blue"), fit="scan")) as served:
        found = served.explain("?overlay=true", picture, "image/png").json
        with served.socket() as socket:
            answer = answer_to(socket, 1, picture)
        expected = Explainer(served.service.model, fit="scan").explain(pixels)
    assert expected.things is not None
    assert len(expected.things) == 2
    assert [(each["guess"]["label"], tuple(each["box"])) for each in found["things"]] == [
        (each.prediction.label, each.box) for each in expected.things
    ]
    drawn = cv2.imdecode(np.frombuffer(base64.b64decode(found["overlay_png"]), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(drawn, draw(pixels, expected))
    [seen] = answer.header["maps"]
    np.testing.assert_array_equal(answer.maps[0], np.rint(expected.heatmap * 255))
    for thing, (label, share, box) in zip(
        seen["things"],
        [(each.prediction.label, each.prediction.probability, each.box) for each in expected.things],
        strict=True,
    ):
        assert (thing["label"], thing["percent"]) == (label, percent_text(share or 0.0))
        ends = (box[0] / 320, box[1] / 180, (box[0] + box[2]) / 320, (box[1] + box[3]) / 180)
        assert thing["box"] == pytest.approx(ends)


@pytest.mark.long
def test_what_is_asked_for_comes_once_it_is_compiled_and_the_old_goes_on_meanwhile(served: Served) -> None:
    with served.socket() as socket:
        socket.send(
            json.dumps({"ask": 5, "methods": ["xgradcam", "layercam"], "layer": None, "targets": [2]})
        )
        methods, prepared = [], []
        for number in range(2000):
            answer = answer_to(socket, number, jpeg())
            methods.append([each["method"] for each in answer.header["maps"]])
            prepared.append(answer.header["compiling"])
            if answer.header["ask"] == 5:
                break
    assert methods[-1] == ["xgradcam", "layercam"]
    assert [each["target"]["label"] for each in answer.header["maps"]] == ["blue", "blue"]
    assert (methods[0], prepared[0]) == (["gradcam"], "xgradcam, layercam")
    assert prepared[-1] is None


@pytest.mark.long
def test_four_methods_on_the_page_are_one_run_of_the_network(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = ["gradcam", "gradcam++", "hirescam", "layercam"]
    runs: list[int] = []
    run = TensorFlowGraph.run

    def counted(graph: TensorFlowGraph, pictures: Pictures, targets: Ids, strengths: Numbers) -> GraphOutputs:
        runs.append(len(pictures))
        return run(graph, pictures, targets, strengths)

    pixels = noise(6)
    with served.socket() as socket:
        socket.send(json.dumps({"ask": 4, "methods": methods}))
        number = 0
        while answer_to(socket, number, jpeg()).header["ask"] != 4:
            number += 1
            assert number < 2000
            time.sleep(0.01)  # a loop without a pause would take the processor from what is compiled
        monkeypatch.setattr(TensorFlowGraph, "run", counted)
        answer = answer_to(socket, 5000, jpeg(pixels, ".png"))
    assert runs == [1]
    assert [each["method"] for each in answer.header["maps"]] == methods
    for found, method in zip(answer.maps, methods, strict=True):
        expected = Explainer(served.service.model, method).explain(pixels)
        np.testing.assert_allclose(found, np.rint(expected.heatmap * 255), atol=1)


def test_a_wish_that_cannot_be_had_is_told_once_and_the_old_goes_on(served: Served) -> None:
    with served.socket() as socket:
        socket.send(json.dumps({"ask": 9, "methods": ["gradcan"]}))
        told = said(socket)
        assert told["ask"] == 9
        assert told["refused"].startswith("unknown method 'gradcan'. Did you mean gradcam")
        assert answer_to(socket, 2, jpeg()).header["maps"][0]["method"] == "gradcam"
        assert answer_to(socket, 3, jpeg()).header["ask"] == 9


def test_the_newest_frame_wins(served: Served) -> None:
    with served.socket() as socket:
        for number in range(40):
            send_frame(socket, number, jpeg())
        answered: list[int] = []
        while not answered or answered[-1] != 39:
            answered.append(read_answer(socket.recv(10)).header["frame"])
    assert answered == sorted(set(answered))


@pytest.mark.long
def test_visitors_get_their_own_answers_only(served: Served) -> None:
    def visit_with(seed: int) -> set[str]:
        expected = Explainer(served.service.model).explain(noise(seed))
        labels = set()
        with served.socket() as socket:
            for number in range(25):
                answer = answer_to(socket, number, jpeg(noise(seed), ".png"))
                assert answer.header["frame"] == number
                np.testing.assert_allclose(answer.maps[0], np.rint(expected.heatmap * 255), atol=1)
                labels.add(answer.header["top"][0][1])
        assert labels == {expected.top[0].label}
        return labels

    with ThreadPoolExecutor(6) as pool:
        assert len(list(pool.map(visit_with, range(6)))) == 6


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("", "JSON with ask, next, here or teach"),
        ("hello", "JSON with ask, next, here or teach"),
        ("[]", "JSON with ask, next, here or teach"),
        ("7", "JSON with ask, next, here or teach"),
        ("[" * 5000, "JSON with ask, next, here or teach"),
        ('{"ask": 1}', "methods: Field required"),
        ('{"ask": -1, "methods": ["gradcam"]}', "ask: Input should be greater than or equal to 0"),
        (
            '{"ask": 1, "methods": ["gradcam"], "share": 2}',
            "share: Input should be less than or equal to 0.99",
        ),
        ('{"ask": 1, "methods": []}', "methods: List should have at least 1 item"),
        ('{"ask": 1, "methods": ["a","b","c","d","e"]}', "methods: List should have at most 4 items"),
        ('{"ask": 1, "methods": ["gradcam"], "more": 1}', "more: Extra inputs are not permitted"),
        (
            '{"ask": 1, "methods": ["gradcam"], "targets": ["os:system"]}',
            "the target 'os:system' cannot be used",
        ),
        ('{"ask": 1, "methods": ["gradcam"], "layer": "a,b,c,d,e"}', "at most 4 layers can be fused"),
        ('{"next": 1}', "this server has no camera of its own"),
        (b"", "the frame has no picture"),
        (b"\x01\x02\x03\x04", "the frame has no picture"),
        (b"\x01\x00\x00\x00garbage", "this is no picture that can be read"),
        (b"\x01\x00\x00\x00" + jpeg()[:200], "the picture is damaged"),
        (b"\x01\x00\x00\x00" + png_that_claims(9000, 9000), "at most 1 million can be taken"),
    ],
)
def test_a_message_that_makes_no_sense_is_told_and_the_socket_stays(
    served: Served, message: str | bytes, told: str
) -> None:
    with served.socket() as socket:
        socket.send(message)
        assert told in said(socket)["error"]
        assert answer_to(socket, 3, jpeg()).header["frame"] == 3


def closed_with(socket: ClientConnection) -> int | None:
    """Read until the server closes the socket, and return the code that it gave."""
    try:
        while True:
            socket.recv(10)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def test_a_huge_message_closes_the_socket(served: Served) -> None:
    with served.socket() as socket:
        socket.send(bytes(MOST_MESSAGE_BYTES + 1))
        assert closed_with(socket) == 1009
    assert is_alive(served)


def test_nothing_but_nonsense_closes_the_socket(served: Served) -> None:
    with served.socket() as socket:
        with suppress(ConnectionClosed):  # it need not wait for all of them
            for _ in range(40):
                socket.send("nonsense")
        assert closed_with(socket) == 1007
    assert is_alive(served)


def test_a_flood_is_read_no_faster_than_may_be(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "_RATE", 20.0)
    monkeypatch.setattr(visit, "_BURST", 5.0)
    with served.socket() as socket:
        began = time.monotonic()
        for _ in range(24):
            socket.send('{"here": true}')
        assert answer_to(socket, 1, jpeg()).header["frame"] == 1
        assert time.monotonic() - began > 0.9
    assert is_alive(served)


def test_a_truncated_message_harms_nobody(served: Served) -> None:
    with sockets.create_connection(("127.0.0.1", served.port), timeout=5) as raw:
        raw.sendall(
            b"GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert b"101" in raw.recv(1000)
        raw.sendall(b"\x82\xfe\x40\x00\x00\x00\x00\x00half of it")
    with sockets.create_connection(("127.0.0.1", served.port), timeout=5) as raw:
        raw.sendall(b"\x00\xff garbage \r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400")
    assert is_alive(served)


def test_one_who_says_nothing_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "IDLE_SECONDS", 0.3)
    with Served(small_service()) as served, served.socket() as socket, at_most(3):
        assert closed_with(socket) == 1001


def test_no_more_visitors_than_may_be() -> None:
    with Served(small_service(), ServerSettings(visitors=2)) as served:
        with served.socket(), served.socket() as second:
            assert answer_to(second, 1, jpeg()).header["frame"] == 1
            reply = served.refused_socket()
            assert (reply.status, reply.detail) == (
                503,
                "2 visitors are connected, which is the maximum.",
            )
        until(lambda: "live_gradcam_visitors 0" in served.get("/metrics").body.decode())
        with served.socket() as socket:
            assert answer_to(socket, 1, jpeg()).header["frame"] == 1


def test_one_who_does_not_read_slows_nobody(served: Served) -> None:
    with served.socket() as stuck, served.socket() as other:
        stop = threading.Event()

        def send_and_never_read() -> None:
            number = 0
            while not stop.wait(0.02):
                send_frame(stuck, number, jpeg())
                number += 1

        thread = threading.Thread(target=send_and_never_read)
        thread.start()
        try:
            answered = [answer_to(other, number, jpeg()).header["frame"] for number in range(50)]
        finally:
            stop.set()
            thread.join()
        assert answered == list(range(50))


def test_leaving_ends_it_within_a_second_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    served = Served(small_service())
    with served, served.socket() as socket:
        answer_to(socket, 1, jpeg())
        served.wait_until_idle()
        with at_most(2):
            served.__exit__(None, None, None)
    assert [thread.name for thread in set(threading.enumerate()) - before] == []


# Networks that are no classifiers


def test_values_are_told_as_numbers_with_units_and_no_probability() -> None:
    network = headed_network(2, activation="tanh")
    with Served(small_service(network, ["x [px]", "y"])) as served:
        pixels = noise(3)
        found = served.explain("?target=y&test=true", jpeg(pixels, ".png"), "image/png").json
        assert (found["test"], found["untested"]) == (None, "no test: the output is no probability")
        expected = Explainer(served.service.model, target="y").explain(pixels)
        assert (found["task"], found["finite"], found["lowers"]) == ("values", True, False)
        assert [(each["label"], each["unit"], each["probability"]) for each in found["top"]] == [
            ("x", "px", None),
            ("y", "", None),
        ]
        assert [each["value"] for each in found["top"]] == pytest.approx(
            [each.value for each in expected.top]
        )
        np.testing.assert_allclose(found["heatmap"], expected.heatmap, atol=2e-4)
        lowered = served.explain("?target=y%20-", jpeg(pixels, ".png"), "image/png").json
        assert (lowered["target"]["label"], lowered["lowers"]) == ("y", True)
        setup = served.get("/setup").json
        assert (setup["labels"], setup["values"]) == (["x", "y"], True)
        with served.socket() as socket:
            socket.send(json.dumps({"ask": 1, "methods": ["gradcam"], "targets": ["0 -"]}))
            header = answer_to(socket, 1, jpeg(pixels, ".png")).header
        assert header["task"] == "values"
        assert [row[:3] + row[4:] for row in header["top"]] == [[0, "x", None, "px"], [1, "y", None, ""]]
        target = header["maps"][0]["target"]
        assert (target["label"], target["probability"], target["lowers"]) == ("x −", None, True)


def test_nan_is_null_and_the_json_is_valid() -> None:
    network = headed_network(3, activation="softmax")
    dense = network.layers[-1]
    dense.set_weights([dense.get_weights()[0], np.full(3, np.nan, np.float32)])
    with Served(small_service(network, None)) as served:
        reply = served.explain("?test=true", jpeg(noise(3)))
        assert reply.status == 200
        found = json.loads(reply.body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert (found["top"], found["finite"], found["has_evidence"]) == ([], False, False)
        assert found["target"]["probability"] is None
        assert (found["test"], found["untested"]) == (None, "no test: there is no heat")
        assert np.count_nonzero(found["heatmap"]) == 0
        with served.socket() as socket:
            header = answer_to(socket, 1, jpeg(noise(3))).header
        assert (header["top"], header["finite"], header["maps"][0]["evidence"]) == ([], False, False)


# One visitor harms no other


def test_bombs_on_one_socket_slow_no_other(served: Served) -> None:
    bomb = png_of(100, deflated(60))
    stop = threading.Event()
    told: list[str] = []

    def hostile() -> None:
        with served.socket() as socket:
            while not stop.is_set():
                send_frame(socket, 1, bomb)
                told.append(said(socket)["error"])

    thread = threading.Thread(target=hostile)
    thread.start()
    try:
        with served.socket() as socket:
            answer_to(socket, 0, jpeg())
            with at_most(4):  # each bomb alone would hold up the others for 0.3 s
                for number in range(20):
                    answer_to(socket, number, jpeg())
    finally:
        stop.set()
        thread.join()
    assert set(told) == {"the picture is damaged: it holds more data than its pixels need."}


def test_uploads_that_are_broken_off_leave_no_line_in_the_log(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    head = b"POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 90000\r\n\r\n"
    for _ in range(10):
        with sockets.create_connection(("127.0.0.1", served.port), timeout=5) as raw:
            raw.sendall(head + bytes(30_000))
    assert is_alive(served)
    assert [record.getMessage() for record in caplog.records] == []


def test_twenty_slow_uploads_keep_no_other_program_out(served: Served) -> None:
    head = b"POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 90000\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(20):
            raw = stack.enter_context(sockets.create_connection(("127.0.0.1", served.port), timeout=5))
            raw.sendall(head + b"\xff\xd8\xff")
        assert [served.explain().status for _ in range(5)] == [200] * 5


def test_refusals_of_all_kinds_are_counted() -> None:
    with Served(small_service(), ServerSettings(visitors=1), token=TOKEN) as served:
        known = f"Bearer {TOKEN}"
        served.get("/setup")
        served.get("/setup", Host="evil.example")
        served.get("/setup", Origin="http://evil.example")
        served.get("/explain?alpha=2", jpeg(), Authorization=known, Content_Type="image/jpeg")
        served.get("/explain?method=no", jpeg(), Authorization=known, Content_Type="image/jpeg")
        with served.socket(f"?token={TOKEN}"):
            served.refused_socket(f"?token={TOKEN}")
        text = served.get("/metrics", Authorization=known).body.decode()
    for status in (400, 401, 403, 421, 422, 503):
        assert f'live_gradcam_refused_total{{status="{status}"}} 1.0' in text, status


def test_a_parameter_out_of_range_is_told_in_one_text(served: Served) -> None:
    reply = served.explain("?alpha=2")
    assert (reply.status, reply.json) == (422, {"detail": "alpha: Input should be less than or equal to 1."})
    document = served.get("/openapi.json").json
    described = document["paths"]["/explain"]["post"]["responses"]["422"]["content"]["application/json"]
    assert described["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/setup", "/metrics", "/page/main.js", "/docs", "/openapi.json"]
)
def test_head_works_where_get_does(served: Served, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.request("HEAD", path)
    reply = connection.getresponse()
    assert (reply.status, reply.read()) == (200, b"")
    assert int(reply.headers["content-length"]) > 0
    connection.request("HEAD", "/explain")
    assert connection.getresponse().status == 405
    connection.close()


@pytest.mark.parametrize("name", ["a\0b", "\x1b]0;title\x07", "a\nb", "a\x7f", "\u2028"])
@pytest.mark.parametrize("which", ["method", "layer", "target"])
def test_a_name_with_control_characters_has_one_answer(served: Served, which: str, name: str) -> None:
    told = "a name of a method, a layer or a class holds no control characters."
    reply = served.explain(f"?{which}={quote(name)}")
    assert (reply.status, reply.detail) == (400, told)
    key, value = {"method": ("methods", [name]), "layer": ("layer", name), "target": ("targets", [name])}[
        which
    ]
    ask: dict[str, Any] = {"ask": 1, "methods": ["gradcam"], key: value}
    with served.socket() as socket:
        socket.send(json.dumps(ask))
        assert said(socket) == {"error": told}


@pytest.mark.parametrize(
    "message",
    [
        '{"ask": 1, "methods": ["gradcam"], "layer": "\\ud800"}',
        '{"ask": 1, "methods": ["gradcam"], "\\ud800\\u001b": 1}',
        '{"ask": 1, "methods": ["\\udfff"]}',
    ],
)
def test_half_a_surrogate_pair_is_told_and_the_socket_stays(served: Served, message: str) -> None:
    with served.socket() as socket:
        socket.send(message)
        assert "\x1b" not in said(socket)["error"]
        assert answer_to(socket, 3, jpeg()).header["frame"] == 3


@pytest.mark.runs
@pytest.mark.long
def test_twelve_pages_that_are_loaded_at_once_are_complete(served: Served) -> None:
    files = [f"/page/{path.name}" for path in PAGE.iterdir()]

    def load(_: int) -> list[int]:
        return [served.get(path).status for path in ("/", *files, "/setup")]

    with ThreadPoolExecutor(12) as pool:
        pages = list(pool.map(load, range(12)))
    assert {status for page in pages for status in page} == {200}


@pytest.mark.parametrize("size", [(6500, 100), (100, 6500), (100_000, 10)])
def test_a_picture_far_longer_than_wide_is_refused_everywhere(served: Served, size: tuple[int, int]) -> None:
    data = jpeg(np.zeros((size[1], size[0], 3), np.uint8), ".png")
    told = f"the picture has {size[0]}×{size[1]} pixels, and its longer side may be at most 64 times the shorter one"
    reply = served.explain("", data, "image/png")
    assert (reply.status, reply.detail.startswith(told)) == (413, True)
    with served.socket() as socket:
        send_frame(socket, 1, data)
        assert said(socket)["error"].startswith(told)


@pytest.mark.long
@pytest.mark.parametrize("fit", ["wide", "scan"])
def test_a_long_picture_is_refused_where_the_work_grows_with_it(fit: Fit) -> None:
    with Served(small_service(fit=fit)) as served:
        data = jpeg(np.zeros((20, 100, 3), np.uint8), ".png")
        reply = served.explain("", data, "image/png")
        assert reply.status == 413
        assert f"at most 4 times the shorter one here (--fit {fit})" in reply.detail
        with served.socket() as socket:
            send_frame(socket, 1, data)
            assert f"at most 4 times the shorter one here (--fit {fit})" in said(socket)["error"]
            assert answer_to(socket, 2, jpeg(noise(1, 20, 60))).header["frame"] == 2
