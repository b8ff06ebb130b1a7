"""The server fuzzed from its own OpenAPI document: whatever is sent, the answer is one that the document names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from served import Served, answer_to, jpeg, small_service

ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


def picture_files(ending: str) -> st.SearchStrategy[bytes]:
    """Pictures of all kinds, whole and damaged, and what is none."""

    def pictures(height: int, width: int, shade: int) -> bytes:
        return jpeg(np.full((height, width, 3), shade, np.uint8), ending)

    whole = st.builds(pictures, st.integers(1, 64), st.integers(1, 64), st.integers(0, 255))
    torn = st.builds(lambda data, part: data[: int(len(data) * part)], whole, st.floats(0, 1))
    return whole | torn | st.binary(max_size=200)


for _media_type, _ending in ENDINGS.items():
    schemathesis.openapi.media_type(_media_type, picture_files(_ending))


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(small_service()) as served:
        yield served


OPERATIONS = ("/explain", "/healthz", "/metrics", "/setup")


@pytest.mark.parametrize(
    ("path", "mode", "expected"),
    # Only one takes anything that could be wrong.
    [
        *((path, GenerationMode.POSITIVE, 200) for path in OPERATIONS),
        pytest.param("/explain", GenerationMode.NEGATIVE, 422, marks=pytest.mark.hostile),
    ],
)
@pytest.mark.long
def test_every_answer_is_one_that_the_document_names(
    served: Served, path: str, mode: GenerationMode, expected: int
) -> None:
    schema = schemathesis.openapi.from_url(served.url("/openapi.json"))
    operation = schema[path]["POST" if path == "/explain" else "GET"]

    statuses = set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def check(case: schemathesis.Case[Any]) -> None:
        # The document cannot say which names are methods and classes, nor which files are whole: a request that is
        # well formed may be refused.
        statuses.add(case.call_and_validate(excluded_checks=[positive_data_acceptance]).status_code)

    check()
    assert expected in statuses
    with served.socket() as socket:
        assert answer_to(socket, 1, jpeg()).header["frame"] == 1


def test_the_document_names_no_operation_that_is_not_fuzzed(served: Served) -> None:
    paths = set(served.get("/openapi.json").json["paths"])
    assert paths == {*OPERATIONS, "/video.mjpg"}  # which is the server's camera, and never ends
