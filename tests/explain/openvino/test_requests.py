"""Requests of a compiled graph: what happens to the others if one fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from live_gradcam.explain.openvino.requests import Requests
from live_gradcam.explain.openvino.store import FixedOutput, Ports
from live_gradcam.explain.runtime import FIELDS

PORTS = Ports(
    inputs={"pictures": "in", "targets": "aims"},
    outputs={"top_values": "out"},
    fixed={name: FixedOutput([1], "float32", [0.0]) for name in FIELDS if name != "top_values"},
)


class FakeRequest:
    """A request that adds its picture's first value and target; a picture of 99 fails."""

    def __init__(self) -> None:
        self.running = False
        self._tensors = {"in": np.zeros((1, 2)), "aims": np.zeros((1, 1)), "out": np.zeros((1, 1))}

    def get_tensor(self, name: str) -> Any:
        class Tensor:
            data = self._tensors[name]

        return Tensor

    def start_async(self) -> None:
        assert not self.running, "it still runs"
        self.running = True

    def cancel(self) -> None:
        """Wish for an end, which `wait` sees."""

    def wait(self) -> None:
        self.running = False
        value = self._tensors["in"][0, 0]
        if value == 99:
            raise RuntimeError("out of memory")
        self._tensors["out"][...] = value + self._tensors["aims"][0, 0]


class FakeNetwork:
    def __init__(self) -> None:
        self.requests: list[FakeRequest] = []

    def create_infer_request(self) -> FakeRequest:
        self.requests.append(FakeRequest())
        return self.requests[-1]


def run(requests: Requests, values: list[float], targets: int | None = None) -> list[float]:
    pictures = np.array([[each, 0.0] for each in values])
    aims = np.full((len(values) if targets is None else targets, 1), 0.5)
    return list(requests.run(pictures, aims, np.zeros((len(values), 1))).top_values.ravel())  # type: ignore[arg-type]


@pytest.mark.parametrize("failing", [0, 1, 2, 4])
def test_if_one_request_fails_none_still_runs(failing: int) -> None:
    network = FakeNetwork()
    requests = Requests(network, PORTS, streams=3)
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    values[failing] = 99.0
    with pytest.raises(RuntimeError, match="out of memory"):
        run(requests, values)
    assert not any(each.running for each in network.requests)
    assert run(requests, [1.0, 2.0, 3.0, 4.0]) == [1.5, 2.5, 3.5, 4.5]


def test_arguments_of_another_length_leave_no_request_running() -> None:
    network = FakeNetwork()
    requests = Requests(network, PORTS, streams=3)
    with pytest.raises(IndexError):
        run(requests, [1.0, 2.0, 3.0], targets=1)
    assert not any(each.running for each in network.requests)
    assert run(requests, [7.0]) == [7.5]
