"""The contents of a file of an explained network: its graph, its metadata, and the results that are expected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

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
from live_gradcam.question import Question
from live_gradcam.version import __version__

_PICTURES = 6
"""On how many pictures a file is compared with TensorFlow: alone, in pairs, and in threes."""

_LONGEST_SECONDS = 1800.0
"""After how long the process that writes the file counts as stuck: VGG16 takes a minute on two idle cores."""


class FileContents:
    """The contents of a file: a model's graph for one question, metadata, and the results that are expected.

    Args:
        model: loaded.
        settings: the settings of the explanation.
    """

    def __init__(self, model: Model, settings: ExplainSettings) -> None:
        self.model = model
        self._settings = settings
        height, width = model.input_size
        engine = engine_for([model], settings)
        question = Question(methods=(settings.method,), layer=settings.layer, targets=(settings.target,))
        engine.compile(question, (width, height))
        (part,) = engine.parts.of(question, (width, height))
        facts = engine.graphs[part.key].facts
        self._facts: GraphFacts = facts
        (self._aim,) = engine.parts.aims(part, question)
        self._labels: Labels = engine.labels_of()
        self._spec: GraphSpec = replace(part.spec, layers=paths_in(facts.layer))
        self._pictures = check_pictures(_PICTURES, height, width)
        answers = [engine.answer(picture, question).explanations[0] for picture in self._pictures]
        if not any(answer.heatmap.any() for answer in answers):
            model.warn_once("no picture of the check has any heat, so the heat maps are compared as zeros.")
        self._expected: dict[str, npt.NDArray[Any]] = {
            "heatmap": np.stack([answer.heatmap for answer in answers]),
            "class_id": np.array([getattr(answer.target, "class_id", -1) for answer in answers], np.int64),
        }

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
        from live_gradcam.explain.openvino.freezing import write_frozen  # these load TensorFlow
        from live_gradcam.explain.tensorflow_graph import TensorFlowGraph

        ports = {}
        for number in batches:
            try:
                graph: TensorFlowGraph = self._trace(number)
            except LiveGradcamError as error:
                if number == 1:
                    raise
                return FileResult(refused=str(error), fixed_batch=True)
            ports[str(number)] = asdict(write_frozen(graph, folder / f"graph-{number}.pb", OUTPUTS))
            if "scores" not in self._expected:
                self._expected["scores"] = self._scores(graph, number)
        request = FileRequest(
            suffix=suffix,
            batches=list(batches),
            metadata=self._metadata(batches),
            descriptions=self._descriptions(batches),
            ports=ports,
            relative=self._facts.task == "values",
        )
        (folder / "request.json").write_text(json.dumps(asdict(request)), encoding="utf-8")
        pictures = np.ascontiguousarray(self._pictures[..., ::-1])
        np.savez(folder / "examples.npz", allow_pickle=False, image=pictures, **self._expected)
        module = "live_gradcam.explain.export.file_writing"
        try:
            conversion.run_apart(module, [str(folder)], lambda: False, "trial", longest=_LONGEST_SECONDS)
        except conversion.FailedError as error:
            return FileResult(refused=str(error))
        return FileResult(**json.loads((folder / "result.json").read_text(encoding="utf-8")))

    def _trace(self, number: int) -> Any:  # noqa: ANN401 - a TensorFlowGraph
        from live_gradcam.explain.geometry_by_gradients import Places  # these load TensorFlow
        from live_gradcam.explain.tensorflow_graph import trace

        model = replace(self.model, preprocessing=replace(self.model.preprocessing, takes_rgb=True))
        build = partial(_outputs, aim=self._aim, extent=self._facts.geometry.extent)
        places = Places() if self._spec.lays_maps else None
        return trace(model, self._spec, places=places, pictures=number, outputs=build)

    def _scores(self, graph: Any, number: int) -> npt.NDArray[np.float32]:  # noqa: ANN401
        """Return TensorFlow's scores of the check's pictures, (6, classes)."""
        import tensorflow as tf

        pictures = tf.constant(self._pictures[..., ::-1])
        unused = tf.zeros((number, 1, 2), tf.int32), tf.zeros((number, 1))
        parts = [
            graph.function(pictures[at : at + number], *unused)[0].numpy()
            for at in range(0, _PICTURES, number)
        ]
        scores = np.concatenate(parts)
        if not np.isfinite(scores).all():
            raise ModelError(
                f"{self.model.name} gives NaN or infinity for pictures of the check, so nothing can be compared. Check "
                "its weights, and that --preprocess scales pixels as in training."
            )
        return scores

    def _metadata(self, batches: Sequence[int]) -> dict[str, str]:
        settings, facts = self._settings, self._facts
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
            "labels": list(self._labels),
            "units": list(self._labels.units),
            "input_size": list(self.model.input_size),
            "map_extent": list(facts.geometry.upright.extent),
        }
        return given | {name: json.dumps(value, ensure_ascii=False) for name, value in lists.items() if value}

    def _descriptions(self, batches: Sequence[int]) -> dict[str, str]:
        height, width = self.model.input_size
        many = "N" if len(batches) > 1 else "1"
        values = self._facts.task == "values"
        return {
            "file": f"{self.model.name} with {self._spec.methods[0].name} at {self._facts.layer}: a picture in, scores "
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
    raw, evidence = found["raw"][:, 0, 0], found["evidence"][:, 0, 0]
    left, top, right, bottom = extent
    mirrored = [axis for axis, turned in ((1, top > bottom), (2, left > right)) if turned]
    raw = tf.reverse(raw, mirrored) if mirrored else raw
    positive = tf.where(evidence[:, None, None], tf.nn.relu(raw), 0.0)
    heat = tf.math.divide_no_nan(positive, tf.reduce_max(positive, axis=(1, 2), keepdims=True))
    own = builder.own
    scores = own.values if own.probabilities is None else own.probabilities
    return tf.cast(scores, tf.float32), heat, tf.cast(found["target_ids"][:, 0], tf.int64)
