"""Keeps converted graphs on disk, so that a network is converted and tried once for each machine and version.

A kept graph is a folder: `graph.xml` and `graph.bin` (OpenVINO's format), `record.json` (its tensors, the facts about
the network, the trial), `known.npz` (a picture whose maps are known), perhaps `head.npz`, and what OpenVINO compiled.
A graph that was refused has only the record, with the reason.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from platformdirs import user_cache_path

from live_gradcam.cache_files import write_whole
from live_gradcam.errors import reason_of
from live_gradcam.explain.map_geometry import Geometry
from live_gradcam.explain.runtime import GraphFacts, PooledHead
from live_gradcam.fixed_choices import Task

logger = logging.getLogger(__name__)

MOST_KEPT = 40
"""How many graphs are kept; the ones unused for longest are deleted first. One of the default network takes 37 MB."""

MOST_BYTES = 2_000_000_000
"""How many bytes all of them may have."""

NETWORK = "graph.xml"
KNOWN = "known.npz"
"""A picture with the maps that the trial found for it in each number format."""

HEAD = "head.npz"
"""Weights and bias of the head, if the record's facts have one."""

_ABANDONED_SECONDS = 3600.0
"""Age of a folder without a name whose program was killed."""

_RECORD = "record.json"


@dataclass(frozen=True, slots=True)
class FixedOutput:
    """The value of an output for one picture, which is the same for all pictures."""

    shape: list[int]
    dtype: str
    values: list[Any]
    """All elements, row by row."""


ARGUMENTS = ("pictures", "targets", "strengths", "kernel", "bias")
"""The arguments of `CompiledGraph.run`, in the order of the graph's placeholders; the last two only with slots."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The tensors of a graph's arguments and results."""

    inputs: dict[str, str]
    """Argument of `CompiledGraph.run` → name of the tensor; arguments that nothing depends on are left out."""

    outputs: dict[str, str]
    """Field of `GraphOutputs` → name of the tensor."""

    fixed: dict[str, FixedOutput]
    """Fields that are the same for all pictures, or have no element."""

    @staticmethod
    def from_json(stored: dict[str, Any]) -> Ports:
        """Return the ports that `asdict` made this of.

        Raises:
            KeyError, TypeError: it is something else.
        """
        fixed = {name: FixedOutput(**each) for name, each in stored["fixed"].items()}
        return Ports(dict(stored["inputs"]), dict(stored["outputs"]), fixed)


@dataclass(frozen=True, slots=True)
class HalfCheck:
    """How far bfloat16 agrees with float32 on the pictures of a check."""

    pictures: int
    same_class: int
    """In how many pictures the most probable class is the same."""

    same_peak: int
    """In how many pictures every map's peak lies within one cell of the other's."""

    correlation: float
    """The least correlation of two maps (Pearson)."""

    @property
    def passed(self) -> bool:
        """Whether bfloat16 may be taken without being asked for."""
        return self.same_class == self.same_peak == self.pictures and self.correlation >= 0.999

    def describe(self) -> str:
        """Return the figures in one line."""
        return (
            f"same class in {self.same_class} and same peak in {self.same_peak} of {self.pictures} pictures, "
            f"correlation of the maps at least {self.correlation:.4f}"
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """What the trial of a converted graph found."""

    refused: str = ""
    """Why the graph cannot be used; "" if it can."""

    error: float = 0.0
    """Largest difference of a map from TensorFlow's, in parts of the peak."""

    milliseconds: dict[str, float] = field(default_factory=dict)
    """Shortest of several runs, by `tensorflow`, `f32` and `bf16`."""

    half: HalfCheck | None = None
    """The check of bfloat16; None where the processor does not compute in it."""

    @staticmethod
    def from_json(stored: dict[str, Any]) -> Trial:
        """Return the trial that `asdict` made this of.

        Raises:
            KeyError, TypeError: it is something else.
        """
        half = stored["half"]
        return Trial(**{**stored, "half": None if half is None else HalfCheck(**half)})


@dataclass(frozen=True, slots=True)
class GraphRecord:
    """Everything about a kept graph except its operations and weights."""

    ports: Ports
    facts: GraphFacts
    operations: int
    trial: Trial


class GraphStore:
    """One folder for each graph.

    Args:
        folder: the folders' folder; None: one in the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or user_cache_path("live-gradcam", appauthor=False) / "graphs"

    def find(self, key: str) -> tuple[Path, GraphRecord] | None:
        """Return folder and record of a graph; None if it is not kept, or damaged."""
        folder = self._folder / key
        try:
            record = read_record(folder)
            if not record.trial.refused and not (folder / NETWORK).is_file():
                return None
            with suppress(OSError):  # a cache that is only read has no order
                os.utime(folder)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return folder, record

    @contextmanager
    def new(self) -> Iterator[Path]:
        """Return a new folder for a graph that is being converted; it is deleted unless `keep` takes it.

        Raises:
            OSError: the folder cannot be made.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self._folder, prefix=".", suffix=".part"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, key: str, folder: Path, record: GraphRecord) -> Path:
        """Take the folder of a converted graph, and return its place. Another program sees the whole folder or none.

        Raises:
            OSError: it cannot be kept.
        """
        write_record(folder, record)
        place = self._folder / key
        shutil.rmtree(place, ignore_errors=True)
        folder.rename(place)
        self._thin_out()
        return place

    def drop(self, key: str) -> None:
        """Delete a graph that turned out to be damaged."""
        shutil.rmtree(self._folder / key, ignore_errors=True)

    def _thin_out(self) -> None:
        """Delete the graphs unused for longest, until few enough and small enough ones are left."""
        folders = {path: _age_and_size(path) for path in self._folder.iterdir()}
        size = 0
        kept = sorted(
            (each for each in folders if not each.name.startswith(".")), key=lambda each: folders[each]
        )
        for number, path in enumerate(kept):
            size += folders[path][1]
            if number and (number >= MOST_KEPT or size > MOST_BYTES):
                shutil.rmtree(path, ignore_errors=True)
        for path, (age, _) in folders.items():
            if path.name.startswith(".") and age > _ABANDONED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def no_room(error: OSError) -> str:
    """Return the line for a converted graph that cannot be written."""
    return f"there is no room for the converted graph ({error.strerror or reason_of(error)})."


def _age_and_size(folder: Path) -> tuple[float, int]:
    """Return the seconds since a folder was used, and the bytes of its files; zeros if it has just been deleted."""
    try:
        return time.time() - folder.stat().st_mtime, sum(file.stat().st_size for file in folder.iterdir())
    except OSError:
        return 0.0, 0


def write_record(folder: Path, record: GraphRecord) -> None:
    """Write the record of a graph into its folder. Another program sees the whole record, or the one before.

    Raises:
        OSError: it cannot be written.
    """
    head = record.facts.head
    if head is not None:
        write_whole(folder / HEAD, lambda file: np.savez(file, weights=head.weights, bias=head.bias))
    stored = asdict(replace(record, facts=replace(record.facts, head=None)))
    content = json.dumps({**stored, "head": head is not None}).encode()
    write_whole(folder / _RECORD, lambda file: file.write(content))


def read_record(folder: Path) -> GraphRecord:
    """Read the record of a graph from its folder.

    Raises:
        OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError: there is none, or it is damaged.
    """
    stored = json.loads((folder / _RECORD).read_bytes())
    facts = stored["facts"]
    geometry = facts["geometry"]
    return GraphRecord(
        ports=Ports.from_json(stored["ports"]),
        facts=GraphFacts(
            layer=str(facts["layer"]),
            task=cast("Task | None", facts["task"]),
            units=int(facts["units"]),
            layer_steps=tuple((str(path), tuple(shape)) for path, shape in facts["layer_steps"]),
            geometry=Geometry(tuple(geometry["extent"]), tuple(geometry["seen"])),
            head=_read_head(folder / HEAD) if stored["head"] else None,
            features=int(facts["features"]),
        ),
        operations=int(stored["operations"]),
        trial=Trial.from_json(stored["trial"]),
    )


def _read_head(path: Path) -> PooledHead:
    with np.load(path, allow_pickle=False) as stored:
        return PooledHead(stored["weights"], stored["bias"])
