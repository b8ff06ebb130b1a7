"""Damages model files: bytes, settings, sizes. Each damage follows from a seed."""

from __future__ import annotations

import copy
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf
from programs import most_memory

from live_gradcam.models.inlining import inlined

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2, 3.5, 1e30, 10**9, 10**12, -(10**9), "", "x", "channels_first", "/", "é" * 50, "A" * 5000,
    [], [1], [0, 0], [10**6, 10**6], [None, None], {}, {"class_name": "Dense"}, {"class_name": "Nothing", "config": {}},
    {"module": "os", "class_name": "system", "config": {"command": "true"}, "registered_name": None},
    [None, 10**5, 10**5, 3], [None, 0, 0, 3], [[]], {"a": {"b": {"c": []}}},
)  # fmt: skip


def small_network() -> Any:
    """A network with many kinds of layers, and few weights."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Rescaling(1 / 255, name="rescaling")(image)
    x = layers.RandomFlip("horizontal", name="flip")(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    x = layers.BatchNormalization(name="bn")(x)
    y = layers.SeparableConv2D(4, 3, padding="same", name="separable")(layers.ZeroPadding2D(name="pad")(x))
    y = layers.Cropping2D(1, name="crop")(y)
    x = layers.Add(name="add")([x, y])
    inner = keras.Sequential(
        [keras.Input((16, 16, 4)), layers.Conv2D(4, 1), layers.MaxPooling2D()], name="inner"
    )
    x = layers.Concatenate(name="join")([inner(x), layers.AveragePooling2D(2, name="pool")(x)])
    x = layers.UpSampling2D(name="up")(x)
    x = layers.Dropout(0.2, name="drop")(layers.GlobalAveragePooling2D(name="gap")(x))
    return keras.Model(image, layers.Dense(3, activation="softmax", name="head")(x), name="small")


class Originals:
    """Whole files of each kind, made once."""

    def __init__(self, folder: Path) -> None:
        network = small_network()
        self.zip = folder / "whole.keras"
        self.hdf5 = folder / "whole.h5"
        self.saved_model = folder / "saved"
        self.graph = folder / "whole.pb"
        network.save(self.zip)
        network.save(self.hdf5)
        network.export(self.saved_model, format="tf_saved_model", verbose=False)
        traced = tf.function(network).get_concrete_function(tf.TensorSpec((None, 16, 16, 3)))
        self.graph.write_bytes(inlined(traced).SerializeToString())


def damage(originals: Originals, folder: Path, seed: int) -> Path:
    """Write a damaged model to a folder and return its path."""
    chance = random.Random(seed)
    kind = ("settings zip", "settings hdf5", "bytes", "bytes", "shapes", "members", "graph", "saved")[
        seed % 8
    ]
    if kind == "settings zip":
        return _zip_with(originals, folder, _settings(originals, chance), chance)
    if kind == "settings hdf5":
        path = folder / "m.h5"
        path.write_bytes(originals.hdf5.read_bytes())
        with h5py.File(path, "r+") as file:
            settings = json.loads(file.attrs["model_config"])
            file.attrs["model_config"] = json.dumps(_damaged(settings, chance))
        return path
    if kind == "bytes":
        source = chance.choice([originals.zip, originals.hdf5, originals.graph])
        path = folder / f"m{source.suffix}"
        path.write_bytes(_bytes(source.read_bytes(), chance))
        return path
    if kind == "shapes":
        return _shapes(originals, folder, chance)
    if kind == "members":
        return _members(originals, folder, chance)
    if kind == "graph":
        return _graph(originals, folder, chance)
    return _saved(originals, folder, chance)


def _settings(originals: Originals, chance: random.Random) -> Any:
    with zipfile.ZipFile(originals.zip) as archive:
        return _damaged(json.loads(archive.read("config.json")), chance)


def _zip_with(originals: Originals, folder: Path, settings: Any, chance: random.Random) -> Path:
    path = folder / chance.choice(["m.keras", "m.h5", "m"])
    with zipfile.ZipFile(originals.zip) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, json.dumps(settings) if name == "config.json" else old.read(name))
    return path


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def _damaged(settings: Any, chance: random.Random) -> Any:
    settings = copy.deepcopy(settings)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        places = list(_places(settings))
        holder, key = chance.choice(places)
        action = chance.random()
        if action < 0.6:
            holder[key] = copy.deepcopy(chance.choice(VALUES))
        elif action < 0.75 and isinstance(holder, dict):
            del holder[key]
        elif action < 0.85 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif isinstance(holder[key], str):
            holder[key] = holder[key][::-1]
        elif isinstance(holder[key], int) and not isinstance(holder[key], bool):
            holder[key] = holder[key] * chance.choice([-1, 7, 10**6, 10**9])
        else:
            other, place = chance.choice(places)
            holder[key] = copy.deepcopy(other[place])
    return settings


def _bytes(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    action = chance.random()
    if action < 0.3:
        return bytes(changed[: chance.randrange(len(changed))])
    # Structure stands near the beginning and the end; weights lie between.
    for _ in range(chance.choice([1, 4, 32])):
        area = chance.choice(
            [(0, 256), (0, 4096), (0, len(changed)), (max(0, len(changed) - 2048), len(changed))]
        )
        changed[chance.randrange(area[0], min(area[1], len(changed)))] = chance.randrange(256)
    if action > 0.9:
        start = chance.randrange(len(changed))
        del changed[start : start + chance.randrange(64)]
    return bytes(changed)


def _shapes(originals: Originals, folder: Path, chance: random.Random) -> Path:
    """Give datasets another shape, dtype or name, or huge ones that take no place."""
    path = folder / "m.h5"
    path.write_bytes(originals.hdf5.read_bytes())
    with h5py.File(path, "r+") as file:
        found: list[str] = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        name = chance.choice(found)
        shape = file[name].shape
        action = chance.randrange(6)
        if action == 0:
            del file[name]
        elif action == 1:
            del file[name]
            file.create_dataset(name, shape=(*shape, 10**9), dtype="f4", chunks=(*(1 for _ in shape), 1024))
        elif action == 2:
            del file[name]
            file[name] = np.zeros([length + 1 for length in shape], "f4")
        elif action == 3:
            del file[name]
            file[name] = np.array([b"text"] * 3)
        elif action == 4:
            file.move(name, f"{name}_moved")
        else:
            file.create_dataset(
                f"{name}_huge", shape=(10**7, 10**4), dtype="f8", chunks=(1000, 100), compression="gzip"
            )
    return path


def _members(originals: Originals, folder: Path, chance: random.Random) -> Path:
    """Leave members of a zip out, empty them, or let them unpack to gigabytes."""
    path = folder / "m.keras"
    action = chance.randrange(5)
    with zipfile.ZipFile(originals.zip) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        victim = chance.choice(old.namelist())
        for name in old.namelist():
            data = old.read(name)
            if name != victim:
                new.writestr(name, data)
            elif action == 1:
                new.writestr(name, b"")
            elif action == 2:
                new.writestr(name, data[: len(data) // 2])
            elif action == 3:
                with new.open(name, "w") as member:
                    for _ in range(300):
                        member.write(bytes(2**20))
            elif action == 4:
                new.writestr(f"{name}x", data)
    return path


def _graph(originals: Originals, folder: Path, chance: random.Random) -> Path:
    definition = tf.compat.v1.GraphDef.FromString(originals.graph.read_bytes())
    _damage_nodes(definition.node, chance)
    path = folder / "m.pb"
    path.write_bytes(definition.SerializeToString())
    return path


def _damage_nodes(nodes: Any, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 1, 3])):
        node = chance.choice(nodes)
        action = chance.randrange(7)
        if action == 0 and node.input:
            del node.input[chance.randrange(len(node.input))]
        elif action == 1 and node.input:
            node.input[chance.randrange(len(node.input))] = chance.choice(nodes).name
        elif action == 2:
            node.op = chance.choice(
                ["Nothing", "Conv2D", "MatMul", "ReadFile", "Placeholder", "While", "Const", ""]
            )
        elif action == 3 and node.attr:
            del node.attr[chance.choice(sorted(node.attr))]
        elif action == 4:
            node.name = chance.choice(["", chance.choice(nodes).name, "a b", "\n"])
        elif node.op == "Const":
            tensor = node.attr["value"].tensor
            tensor.tensor_shape.dim.add(size=chance.choice([0, -1, 7, 10**9, 10**15]))
        elif node.attr:
            node.attr[chance.choice(sorted(node.attr))].type = chance.randrange(1, 30)


def _saved(originals: Originals, folder: Path, chance: random.Random) -> Path:
    import shutil

    path = folder / "saved"
    shutil.copytree(originals.saved_model, path)
    files = [each for each in path.rglob("*") if each.is_file() and each.stat().st_size]
    victim = chance.choice(files)
    action = chance.random()
    if action < 0.2:
        victim.unlink()
    elif action < 0.5:
        from tensorflow.core.protobuf import saved_model_pb2

        saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
        graph = saved.meta_graphs[0].graph_def
        functions = [function.node_def for function in graph.library.function if function.node_def]
        _damage_nodes(chance.choice([graph.node, *functions]), chance)
        (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    else:
        victim.write_bytes(_bytes(victim.read_bytes(), chance))
    return path


def main() -> None:
    """Load and explain damaged files, and print what became of each as a line of JSON.

    `python damaged_files.py FIRST LAST`, where another process watches the time and survives a crash.
    """
    import os
    import sys
    import tempfile
    import time

    import live_gradcam as lg

    first, last = map(int, sys.argv[1:3])
    frame = np.random.default_rng(0).integers(0, 256, (24, 24, 3)).astype(np.uint8)
    out = os.fdopen(os.dup(1), "w", buffering=1)
    with tempfile.TemporaryDirectory() as whole:
        originals = Originals(Path(whole))
        lg.Explainer(lg.load_model(originals.zip)).explain(frame)
        lg.Explainer(lg.load_model(originals.saved_model)).explain(frame)
        out.write(json.dumps({"ready": most_memory()}) + "\n")
        for seed in range(first, last):
            with tempfile.TemporaryDirectory() as folder:
                path = damage(originals, Path(folder), seed)
                out.write(json.dumps({"begun": seed}) + "\n")
                began, said, error = time.process_time(), None, None
                try:
                    lg.Explainer(lg.load_model(path)).explain(frame)
                except lg.LiveGradcamError as refusal:
                    said = str(refusal).replace(folder, "")
                except BaseException as surprise:  # whatever it is, it is a fault
                    error = f"{type(surprise).__name__}: {surprise}"[:500]
                seconds = time.process_time() - began  # of the processor: other programs are no fault
            result = {"seed": seed, "said": said, "error": error, "seconds": seconds, "memory": most_memory()}
            out.write(json.dumps(result) + "\n")
            keras.backend.clear_session()
        out.write(json.dumps({"peak": most_memory()}) + "\n")


if __name__ == "__main__":
    main()
