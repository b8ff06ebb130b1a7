"""The kinds of model files, and the message for each kind that cannot be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal[
    "empty", "truncated zip", "git lfs", "html", "xml", "hdf5", "keras zip", "keras folder", "nested zip", "archive",
    "saved model", "keras metadata", "fingerprint",
    "graph", "graph text", "meta graph", "checkpoint", "tflite", "onnx", "pytorch", "torchscript",
    "safetensors", "tfjs", "pickle", "coreml", "openvino", "caffe", "gguf", "numpy", "architecture", "json", "picture",
    "python", "unknown",
]  # fmt: skip
"""The format of a file or folder."""


@dataclass(frozen=True, slots=True)
class ModelFileKind:
    """The format of a file or folder, as `kind_of` recognises it."""

    kind: Kind

    path: Path
    """The file or folder itself, or the only model in a folder."""

    detail: str = ""
    """Members of an archive, or the first characters of an unknown file, for messages."""


IN_A_FUNCTION = "write a function that builds the network and returns it, and use --model module:function"
_EXPORT = "Use the Keras file or SavedModel that it was made from"

READ: frozenset[Kind] = frozenset({"hdf5", "keras zip", "keras folder", "saved model", "graph", "graph text"})
"""The formats that can be loaded; a SavedModel only as a folder."""

_REFUSALS: dict[Kind, str] = {
    "empty": "is empty. Download or save it again.",
    "truncated zip": "is incomplete: its last part is missing. Download it again.",
    "git lfs": "is a Git LFS pointer, not the model. Fetch the model: git lfs pull, or the page's download button.",
    "html": "is a web page, not a model. Open the address in a browser and use the page's own download button.",
    "xml": "is XML, often an error message of a server, not a model. Look into it and download the model again.",
    "tflite": "is a TensorFlow Lite model, which has no gradients to explain. " + _EXPORT + ".",
    "onnx": "is an ONNX model. "
    + _EXPORT
    + ", or convert it (pip install onnx2tf; onnx2tf -i FILE -o FOLDER) and take the FOLDER.",
    "pytorch": "is a PyTorch checkpoint. Build the network in Keras with its weights, or export it to ONNX and "
    "convert that to a SavedModel (onnx2tf).",
    "torchscript": "is a TorchScript model. Export the PyTorch network to ONNX, and convert that to a SavedModel "
    "(onnx2tf).",
    "safetensors": f"holds weights only (safetensors), not the network: {IN_A_FUNCTION}.",
    "checkpoint": "is a TensorFlow checkpoint: weights only, not the network. Give the folder that holds "
    "saved_model.pb, if there is one; else save all of it with model.save('NAME.keras') or tf.saved_model.save, or "
    f"{IN_A_FUNCTION}.",
    "keras metadata": "holds Keras's notes on a SavedModel, not the network. "
    "Give the folder that holds saved_model.pb, with its folder 'variables'.",
    "fingerprint": "holds the fingerprint of a SavedModel, not the network. "
    "Give the folder that holds saved_model.pb, with its folder 'variables'.",
    "tfjs": "is a TensorFlow.js model. Export it as Keras instead (Teachable Machine: Tensorflow, Keras), or convert "
    "it: tensorflowjs_converter --input_format=tfjs_layers_model --output_format=keras FILE model.h5",
    "pickle": "is a Python pickle (joblib), which is not read: it can run any code. Save the network with "
    "model.save('NAME.keras').",
    "coreml": "is a Core ML model. " + _EXPORT + ".",
    "openvino": "is an OpenVINO model. " + _EXPORT + ".",
    "caffe": "is a Caffe model. Convert it to a Keras file or a SavedModel first.",
    "gguf": "is a GGUF file, a language model; a Keras or TensorFlow network that takes pictures is needed.",
    "numpy": f"holds NumPy arrays, not a network: {IN_A_FUNCTION}.",
    "meta graph": "is a TensorFlow 1 graph without its weights (.meta). Freeze it with its checkpoint "
    "(freeze_graph.py), or export a SavedModel.",
    "architecture": "holds the network without its weights. Save all of it with model.save('NAME.keras'), "
    f"or {IN_A_FUNCTION}.",
    "json": "is JSON, but no model. A .keras or .h5 file or a SavedModel folder is needed.",
    "picture": "is a picture, not a model: --source FILE explains pictures.",
    "python": "is Python code. Name a function in it that returns a keras.Model: --model module:function.",
}
"""Format that cannot be loaded → the message after the path: what the file is, and what to do."""

_PARTS: dict[Kind, str] = {
    "checkpoint": "the weights",
    "keras metadata": "Keras's notes",
    "fingerprint": "the fingerprint",
}
"""Format of a file inside a SavedModel → what the file holds."""


def _saved_model_around(path: Path) -> Path | None:
    """Return the SavedModel folder that a file belongs to; None if it belongs to none."""
    folder = path.parent.parent if path.parent.name == "variables" else path.parent
    there = any((folder / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt"))
    return folder if there else None


def refusal(found: ModelFileKind) -> str:
    """Return the message for a file that cannot be loaded: what it is, and what to do."""
    path = found.path
    if found.kind in _PARTS and (whole := _saved_model_around(path)) is not None:
        return f"{path} holds {_PARTS[found.kind]} of a SavedModel, not all of it. Give its folder: --model {whole}"
    if found.kind in _REFUSALS:
        return f"{path} {_REFUSALS[found.kind]}"
    if found.kind == "saved model":
        return (
            f"{path} is the graph of a SavedModel under another name. Name it saved_model.pb, beside its folder "
            "'variables', and use the folder that holds both."
        )
    if found.kind in ("archive", "nested zip"):
        holds = f" of {found.detail}" if found.detail else ""
        return (
            f"{path} is an archive{holds}. Unpack it, and use the model in it or the folder: --model FOLDER."
        )
    return (
        f"{path} is no model of a known kind: it begins with '{found.detail}'. A .keras or .h5 file, a SavedModel "
        "folder or a frozen .pb graph is needed; if it was downloaded, download it again."
    )


def quoted(text: str) -> str:
    """Return the first characters of a text for a message, with control characters escaped."""
    return repr(text[:24].strip())[1:-1]
