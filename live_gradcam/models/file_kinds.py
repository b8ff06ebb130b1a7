"""Recognises the format of a model file or folder by its content; the name decides only where the content cannot."""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from pathlib import Path

from live_gradcam.errors import ModelError
from live_gradcam.models.model_file import Kind, ModelFileKind, quoted
from live_gradcam.models.protobuf_messages import kind_of_message

MODEL_SUFFIXES = frozenset(
    (
        ".keras .h5 .hdf5 .hdf .model .pb .pbtxt .savedmodel .tflite .lite .onnx .pt .pth .ckpt .index .safetensors "
        ".pkl .pickle .joblib .mlmodel .mlpackage .zip"
    ).split()
)
"""Suffixes of model files: a text with one of them means a file, whether it exists or not."""

_HEAD = 8192
_HDF5 = b"\x89HDF\r\n\x1a\n"
_TABLE_END = bytes.fromhex("57fb808b247547db")
"""The last eight bytes of a TensorFlow checkpoint's index, which is a LevelDB table."""

_TORCH_MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF", b"BM")
_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ")
_MODELS_IN_FOLDERS = frozenset({"hdf5", "keras zip", "keras folder", "saved model", "graph"})
_MOST_LISTED = 4


def kind_of(path: Path) -> ModelFileKind:
    """Recognise a file or folder.

    Args:
        path: an existing file or folder. A folder with exactly one model means that model; `saved_model.pb` means its
            folder.

    Raises:
        ModelError: it cannot be read, or is a folder with no model or several.
    """
    try:
        if path.is_dir():
            return _kind_of_folder(path)
        return _kind_of_file(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelError(
            f"cannot read the model {path}: {reason}. Check its name and permissions."
        ) from error


def is_checkpoint_prefix(path: Path) -> bool:
    """Whether a path is the prefix of a TensorFlow checkpoint: its file names without `.index` and `.data-…`."""
    try:
        return path.with_name(f"{path.name}.index").is_file() and not path.exists()
    except (OSError, ValueError):  # too long for a file name, or no valid one
        return False


def _kind_of_folder(folder: Path) -> ModelFileKind:
    found = _whole_folder(folder)
    if found is not None:
        return found
    children = sorted(folder.iterdir())
    inside = []
    for child in children:
        if child.name.startswith((".", "__MACOSX")):
            continue
        if child.is_dir():
            within = _whole_folder(child)
            inside += [within] if within is not None else []
        elif child.stat().st_size:
            found = _kind_of_file(child)
            inside += [found] if found.kind in _MODELS_IN_FOLDERS else []
    # A file of weights beside a whole model is no second model.
    whole = [
        each
        for each in inside
        if each.kind in _MODELS_IN_FOLDERS and not each.path.name.endswith(".weights.h5")
    ] or inside
    if len(whole) == 1:
        return whole[0]
    if whole:
        names = ", ".join(each.path.name for each in whole[:_MOST_LISTED])
        more = ", …" if len(whole) > _MOST_LISTED else ""
        raise ModelError(f"the folder {folder} holds {len(whole)} models: {names}{more}. Name one of them.")
    if (found := next(filter(None, map(_named, children)), None)) is not None:
        return found
    raise ModelError(
        f"the folder {folder} holds no model. A SavedModel folder holds saved_model.pb; "
        "else name a .keras, .h5 or .pb file."
    )


def _named(path: Path) -> ModelFileKind | None:
    """Return the format of a file that cannot be loaded but has a message of its own; None for any other file."""
    if path.is_dir() or not path.stat().st_size:
        return None
    found = _kind_of_file(path)
    return found if found.kind not in ("unknown", "json", "picture", "python", "xml", "html") else None


def _whole_folder(folder: Path) -> ModelFileKind | None:
    if (folder / "saved_model.pb").is_file() or (folder / "saved_model.pbtxt").is_file():
        return ModelFileKind("saved model", folder)
    if (folder / "config.json").is_file() and (folder / "model.weights.h5").is_file():
        return ModelFileKind("keras folder", folder)
    if (folder / "Manifest.json").is_file() and folder.suffix == ".mlpackage":
        return ModelFileKind("coreml", folder)
    return None


def _kind_of_file(path: Path) -> ModelFileKind:
    size = path.stat().st_size
    if size == 0:
        return ModelFileKind("empty", path)
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, size - 8))
        tail = file.read(8)
    kind = _by_signature(path, head, tail)
    if kind is not None:
        return kind
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    # A graph with a first node of 60, 91 or 123 bytes begins with a line break and one of these characters.
    if (text[:1] in (b"<", b"{", b"[") and not _is_binary(head)) or _is_text(head):
        return _kind_of_text(path, text)
    return kind_of_message(path, head)


def _by_signature(path: Path, head: bytes, tail: bytes) -> ModelFileKind | None:
    """Return the format that the first or last bytes of a file show."""
    # A user block of 512 bytes, or a power of two times as many, may come before HDF5.
    if any(head.startswith(_HDF5, offset) for offset in (0, 512, 1024, 2048, 4096)):
        return ModelFileKind("hdf5", path)
    if head.startswith(b"PK"):
        return _kind_of_zip(path)
    if head.startswith(b"version https://git-lfs"):
        return ModelFileKind("git lfs", path)
    simple: list[tuple[bool, Kind]] = [
        (head[4:8] == b"TFL3", "tflite"),
        (tail == _TABLE_END or ".data-0000" in path.name, "checkpoint"),
        (head.startswith(b"GGUF"), "gguf"),
        (head.startswith(b"\x93NUMPY"), "numpy"),
        (_TORCH_MAGIC in head[:32], "pytorch"),
        (head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"), "pickle"),
        (head.startswith((b"ZF0x", b"\x78\x9c", b"\x78\x01", b"\x78\xda")), "pickle"),
        (head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 100_000_000, "safetensors"),
        (head.startswith(_PICTURES), "picture"),
        (head.startswith(_ARCHIVES), "archive"),
    ]
    kind = next((kind for holds, kind in simple if holds), None)
    if kind is None and head[257:262] == b"ustar":
        kind = "pytorch" if _is_torch_tar(path) else "archive"
    return None if kind is None else ModelFileKind(kind, path)


def _is_torch_tar(path: Path) -> bool:
    """Whether a tar file is a checkpoint that `torch.save` wrote before PyTorch 0.1.10."""
    try:
        with tarfile.open(path) as archive:
            first = archive.next()
    except tarfile.TarError:
        return False
    return first is not None and first.name in ("sys_info", "pickle", "tensors", "storages")


def _kind_of_zip(path: Path) -> ModelFileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, ValueError):
        return ModelFileKind("truncated zip", path)
    if "config.json" in names and any(name.endswith((".h5", ".npz")) for name in names):
        return ModelFileKind("keras zip", path)
    if any(re.fullmatch(r"[^/]+/code/.*", name) for name in names):
        return ModelFileKind("torchscript", path)
    if any(re.fullmatch(r"([^/]+/)?data\.pkl", name) for name in names):
        return ModelFileKind("pytorch", path)
    if names and all(name.endswith(".npy") for name in names):
        return ModelFileKind("numpy", path)
    if "config.json" in {name.rpartition("/")[2] for name in names} and any(
        name.endswith("/model.weights.h5") for name in names
    ):
        return ModelFileKind("nested zip", path)
    shown = [name for name in names if not name.startswith("__MACOSX") and not name.endswith("/")]
    more = ", …" if len(shown) > _MOST_LISTED else ""
    return ModelFileKind("archive", path, ", ".join(shown[:_MOST_LISTED]) + more)


def _is_binary(head: bytes) -> bool:
    """Whether a file that begins with a line break is a graph, in which the first node's length and name follow."""
    return (
        head[:1] == b"\n"
        and head[2:3] == b"\n"
        and bool(re.match(rb"[^\x00]*?\x12.[A-Za-z]", head[4:260], re.DOTALL))
    )


def _is_text(head: bytes) -> bool:
    try:
        return head[:-4].decode("utf-8").isprintable() or not re.search(rb"[\x00-\x08\x0e-\x1f]", head)
    except UnicodeDecodeError:
        return False


_TEXTS: tuple[tuple[str, Kind], ...] = (
    (r"<!doctype html|<html|<head|<body|<!--", "html"),
    (r"<\?xml[^>]*>\s*(<!--.*?-->\s*)?<net\b|<net\b", "openvino"),
    (r"<", "xml"),
    (r"(node|library|versions) *\{", "graph text"),
    (r"saved_model_schema_version *:|meta_graphs *\{", "saved model"),
    (r"model_checkpoint_path *:", "checkpoint"),
    (r"(name *: *\".*\"\s+)?(layer|layers|input) *[:{]", "caffe"),
    (r"(backend|class_name|config) *:", "architecture"),
)


def _kind_of_text(path: Path, text: bytes) -> ModelFileKind:
    words = text.decode("utf-8", "replace")
    if words[:1] == "{":
        return ModelFileKind(_kind_of_json(path), path)
    for pattern, kind in _TEXTS:
        if re.match(pattern, words, re.IGNORECASE | re.DOTALL):
            return ModelFileKind(kind, path.parent if path.name == "saved_model.pbtxt" else path)
    if path.suffix == ".py":
        return ModelFileKind("python", path)
    return ModelFileKind("unknown", path, quoted(words))


def _kind_of_json(path: Path) -> Kind:
    if path.stat().st_size > 2**28:
        return "json"
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError):
        return "json"
    if {"modelTopology", "weightsManifest"} & content.keys():
        return "tfjs"
    return "architecture" if {"class_name", "config"} <= content.keys() else "json"
