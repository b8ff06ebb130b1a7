"""The contents of a file of an explained network: its graph, its metadata, and the results that are expected."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from live_gradcam.config import ExplainSettings
from live_gradcam.errors import LiveGradcamError, ModelError
from live_gradcam.explain.export.file_writing import OUTPUTS, FileRequest, FileResult
from live_gradcam.explain.graph_spec import GraphSpec, paths_in
from live_gradcam.explain.loading import engine_for
from live_gradcam.explain.openvino import conversion
from live_gradcam.explain.openvino.check_pictures import check_pictures
from live_gradcam.explain.runtime import FIELDS, GraphFacts
from live_gradcam.explain.targets import Aim
from live_gradcam.models.labels import Labels
from live_gradcam.models.model import Model
from live_gradcam.models.type_names import Tensor
from live_gradcam.question import Question, TargetSpec
from live_gradcam.version import __version__

if TYPE_CHECKING:
    from live_gradcam.explain.tensorflow_graph import GraphFunction, TensorFlowGraph

PICTURES = 6
"""On how many pictures a file is compared with TensorFlow: alone, in pairs, and in threes."""

_LONGEST_SECONDS = 1800.0
"""After how long the process that writes the file counts as stuck: VGG16 takes a minute on two idle cores."""


class FileContents:
    """The contents of a file: a model's graph for one question, metadata, and the results that are expected.

    Args:
        model: loaded.
        settings: the settings of the explanation.
    """

    outputs: ClassVar[tuple[str, ...]] = OUTPUTS
    """The file's results, in their order."""

    def __init__(self, model: Model, settings: ExplainSettings) -> None:
        self.model = model
        self._settings = settings
        height, width = model.input_size
        engine = engine_for([model], settings)
        question = Question(methods=(settings.method,), layer=settings.layer, targets=(settings.target,))
        engine.compile(question, (width, height))
        (part,) = engine.parts.of(question, (width, height))
        self.facts: GraphFacts = engine.graphs[part.key].facts
        self.labels: Labels = engine.labels_of()
        questions = [replace(question, targets=(target,)) for target in self._targets()]
        self.aims: list[Aim] = [engine.parts.aims(part, each)[0] for each in questions]
        self._spec: GraphSpec = replace(part.spec, layers=paths_in(self.facts.layer))
        self._pictures = check_pictures(PICTURES, height, width)
        answers = [
            engine.answer(picture, asked).explanations[0]
            for picture, asked in zip(self._pictures, questions, strict=True)
        ]
        if not any(answer.heatmap.any() for answer in answers):
            model.warn_once("no picture of the check has any heat, so the heat maps are compared as zeros.")
        self._expected: dict[str, npt.NDArray[Any]] = {
            "heatmap": np.stack([answer.heatmap for answer in answers]),
            "class_id": np.array([getattr(answer.target, "class_id", -1) for answer in answers], np.int64),
        }

    def _targets(self) -> list[TargetSpec]:
        """Return the target for each picture of the check."""
        return [self._settings.target] * PICTURES

    @property
    def shapes(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """`image` and each output → number format, and shape without the number of pictures."""
        arrays = {"image": self._pictures, **{name: self._expected[name] for name in OUTPUTS}}
        return {name: (array.dtype.name, array.shape[1:]) for name, array in arrays.items()}

    def attempt(self, batches: Sequence[int], folder: Path, suffix: str) -> FileResult:
        """Trace the graph for some numbers of pictures, and write and try the file in a folder.

        Raises:
            LiveGradcamError: the graph cannot be traced or frozen.
            OSError: the folder cannot be written to.
        """
        from live_gradcam.explain.openvino.freezing import write_frozen  # this loads TensorFlow

        ports = {}
        for number in batches:
            try:
                graph = self._trace(number)
            except LiveGradcamError as error:
                if number == 1:
                    raise
                return FileResult(refused=str(error), fixed_batch=True)
            ports[str(number)] = asdict(write_frozen(graph, folder / f"graph-{number}.pb", self.outputs))
            if "scores" not in self._expected:
                self._expect(graph, number)
        request = FileRequest(
            suffix=suffix,
            batches=list(batches),
            metadata=self._metadata(batches),
            descriptions=self._descriptions(batches),
            ports=ports,
            outputs=list(self.outputs),
            relative=self.facts.task == "values",
        )
        (folder / "request.json").write_text(json.dumps(asdict(request)), encoding="utf-8")
        np.savez(folder / "examples.npz", allow_pickle=False, **self._given(), **self._expected)
        module = "live_gradcam.explain.export.file_writing"
        try:
            conversion.run_apart(module, [str(folder)], lambda: False, "trial", longest=_LONGEST_SECONDS)
        except conversion.FailedError as error:
            return FileResult(refused=str(error))
        return FileResult(**json.loads((folder / "result.json").read_text(encoding="utf-8")))

    def _trace(self, number: int) -> TensorFlowGraph:
        from live_gradcam.explain.geometry_by_gradients import Places  # these load TensorFlow
        from live_gradcam.explain.tensorflow_graph import trace

        model = replace(self.model, preprocessing=replace(self.model.preprocessing, takes_rgb=True))
        places = Places() if self._spec.lays_maps else None
        return trace(model, self._spec, places=places, pictures=number, outputs=self._build())

    def _build(self) -> GraphFunction:
        """Return what builds the outputs."""
        return partial(_outputs, aim=self.aims[0], extent=self.facts.geometry.extent)

    def _given(self) -> dict[str, npt.NDArray[Any]]:
        """Return the inputs of the check, by name."""
        return {"image": np.ascontiguousarray(self._pictures[..., ::-1])}

    def _expect(self, graph: TensorFlowGraph, number: int) -> None:
        """Add what the traced graph for some number of pictures returns for the check's pictures.

        Raises:
            ModelError: there is NaN or infinity among the scores.
        """
        import tensorflow as tf

        given = self._given()
        aims = given.get("aims", np.zeros((PICTURES, 1, 2), np.int32))
        strengths = given.get("strengths", np.zeros((PICTURES, 1), np.float32))
        parts = []
        for at in range(0, PICTURES, number):
            part = slice(at, at + number)
            results = graph.function(*map(tf.constant, (given["image"][part], aims[part], strengths[part])))
            parts.append([tensor.numpy() for tensor in results])
        found = dict(zip(self.outputs, map(np.concatenate, zip(*parts, strict=True)), strict=True))
        if not np.isfinite(found["scores"]).all():
            raise ModelError(
                f"{self.model.name} gives NaN or infinity for pictures of the check, so nothing can be compared. Check "
                "its weights, and that --preprocess scales pixels as in training."
            )
        self._expected = found | self._expected

    def _metadata(self, batches: Sequence[int]) -> dict[str, str]:
        settings, facts = self._settings, self.facts
        given = {
            "live_gradcam": __version__,
            "model": self.model.name,
            "task": facts.task or "values",
            "method": self._spec.methods[0].name,
            "layer": facts.layer,
            "target": "the most probable" if settings.target is None else str(settings.target),
            "score": settings.score,
            "fusion": settings.fusion,
            "smooth": settings.smooth,
            "preprocessing": f"{self.model.preprocessing.name}, inside the file",
            "colour_order": "RGB",
            "fit": "crop",
            "batch": "any" if len(batches) > 1 else "1",
        }
        lists = {
            "labels": list(self.labels),
            "units": list(self.labels.units),
            "input_size": list(self.model.input_size),
            "map_extent": list(facts.geometry.upright.extent),
        }
        return given | {name: json.dumps(value, ensure_ascii=False) for name, value in lists.items() if value}

    def _descriptions(self, batches: Sequence[int]) -> dict[str, str]:
        height, width = self.model.input_size
        many = "N" if len(batches) > 1 else "1"
        values = self.facts.task == "values"
        return {
            "file": f"{self.model.name} with {self._spec.methods[0].name} at {self.facts.layer}: a picture in, scores "
            "and heat map out. Labels and settings are in the metadata.",
            "image": f"({many}, {height}, {width}, 3) uint8 RGB, not preprocessed: the central part of a picture.",
            "scores": "The network's values, in the order of the labels."
            if values
            else "The probability of each label, in [0, 1].",
            "heatmap": "The evidence for the output class_id at each place, in [0, 1]; zeros if there is none.",
            "class_id": "The index of the label that the heat map explains.",
        }


def _outputs(
    builder: Any,  # noqa: ANN401 - a GraphBuilder, whose module loads TensorFlow
    images: Tensor,
    aims: Tensor,
    strengths: Tensor,
    *,
    aim: Aim,
    extent: tuple[float, float, float, float],
) -> tuple[Tensor, ...]:
    """Build the outputs of a file.

    Args:
        builder: builds the graph.
        images: (N, H, W, 3) uint8 RGB, for a model whose preprocessing takes RGB.
        aims: not used: the target is fixed.
        strengths: not used.
        aim: the target.
        extent: where the map lies on the input; a mirrored map is turned back.

    Returns:
        Scores (N, C) float32, heat maps (N, h, w) float32 as `Explanation.heatmap`, and class ids (N,) int64.
    """
    import tensorflow as tf

    del aims, strengths
    count = images.shape[0]
    target = tf.constant([[[aim.class_id, aim.rival]]] * count, tf.int32)
    built = builder.outputs(images, target, tf.constant([[aim.strength]] * count, tf.float32))
    found = dict(zip(FIELDS, built, strict=True))
    heat, _ = heat_of(found, extent)
    return scores_of(builder), heat, tf.cast(found["target_ids"][:, 0], tf.int64)


def heat_of(found: Mapping[str, Tensor], extent: tuple[float, float, float, float]) -> tuple[Tensor, Tensor]:
    """Return heat maps (N, h, w) float32 as `Explanation.heatmap`, and the maxima (N,) float32 of the raw maps.

    Args:
        found: a graph's outputs by name, for one method and target.
        extent: where the map lies on the input; a mirrored map is turned back.
    """
    import tensorflow as tf

    raw, evidence = found["raw"][:, 0, 0], found["evidence"][:, 0, 0]
    left, top, right, bottom = extent
    mirrored = [axis for axis, turned in ((1, top > bottom), (2, left > right)) if turned]
    raw = tf.reverse(raw, mirrored) if mirrored else raw
    positive = tf.where(evidence[:, None, None], tf.nn.relu(raw), 0.0)
    peaks = tf.reduce_max(positive, axis=(1, 2))
    return tf.math.divide_no_nan(positive, peaks[:, None, None]), peaks


def scores_of(builder: Any) -> Tensor:  # noqa: ANN401 - a GraphBuilder, whose module loads TensorFlow
    """Return the probabilities (N, C) float32 of a graph that was built; or its values, if it is no classifier."""
    import tensorflow as tf

    own = builder.own
    return tf.cast(own.values if own.probabilities is None else own.probabilities, tf.float32)
