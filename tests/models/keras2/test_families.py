"""Every network family of `keras.applications` as Keras 2 saved it: the same predictions, the same heat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

keras2_networks = pytest.importorskip("keras2_networks", reason="tf-keras writes the files of Keras 2")

import tf_keras  # noqa: E402
from keras2_networks import (  # noqa: E402
    L,
    assert_same_heat,
    assert_same_predictions,
    feature_maps_of_old,
    pictures,
    randomised,
    read_back,
)

Network = Any
A = tf_keras.applications

FAMILIES: dict[str, tuple[Callable[..., Network], dict[str, Any]]] = {
    "convnext": (A.ConvNeXtTiny, {}),
    "densenet": (A.DenseNet121, {}),
    "efficientnet": (A.EfficientNetB0, {}),
    "efficientnet v2": (A.EfficientNetV2B0, {}),
    "inception": (A.InceptionV3, {}),
    "inception-resnet": (A.InceptionResNetV2, {}),
    "mobilenet": (A.MobileNet, {"alpha": 0.25}),
    "mobilenet v2": (A.MobileNetV2, {"alpha": 0.35}),
    "mobilenet v3 large": (A.MobileNetV3Large, {}),
    "mobilenet v3 small": (A.MobileNetV3Small, {}),
    "nasnet": (A.NASNetMobile, {}),
    "regnet x": (A.RegNetX002, {}),
    "regnet y": (A.RegNetY002, {}),
    "resnet": (A.ResNet50, {}),
    "resnet v2": (A.ResNet50V2, {}),
    "resnet rs": (A.ResNetRS50, {}),
    "vgg": (A.VGG16, {}),
    "xception": (A.Xception, {}),
}
"""Name → builder and settings of the smallest network."""


def alone(builder: Callable[..., Network], settings: dict[str, Any], size: int) -> Network:
    return builder(
        weights=None, input_shape=(size, size, 3), classes=7, classifier_activation=None, **settings
    )


def base_of(builder: Callable[..., Network], settings: dict[str, Any], size: int) -> Network:
    return builder(weights=None, input_shape=(size, size, 3), include_top=False, **settings)


def sequential_transfer(builder: Callable[..., Network], settings: dict[str, Any], size: int) -> Network:
    base = base_of(builder, settings, size)
    base.trainable = False
    return tf_keras.Sequential([base, L.GlobalAveragePooling2D(), L.Dense(3)])


def functional_transfer(builder: Callable[..., Network], settings: dict[str, Any], size: int) -> Network:
    base = base_of(builder, settings, size)
    for layer in base.layers[: len(base.layers) // 2]:
        layer.trainable = False
    image = tf_keras.Input((size, size, 3))
    x = L.RandomRotation(0.1)(L.RandomFlip()(image))
    kind = A.vgg16 if builder is A.VGG16 else A.mobilenet_v2
    x = base(kind.preprocess_input(x), training=False)
    x = L.Dropout(0.2)(L.GlobalAveragePooling2D()(x))
    return tf_keras.Model(image, L.Dense(3)(x))


KINDS = (alone, sequential_transfer, functional_transfer)


@pytest.fixture(autouse=True)
def forgotten_networks() -> Iterator[None]:
    yield
    tf_keras.backend.clear_session()


def _compare(
    family: str, kind: Callable[..., Network], size: int, folder: Path, suffixes: tuple[str, ...]
) -> None:
    old = randomised(kind(*FAMILIES[family], size))
    maps = feature_maps_of_old(old)
    for suffix in suffixes:
        path = folder / f"network{suffix}"
        assert_same_predictions(old, read_back(old, path), pictures((size, size, 3)))
        layer = maps[-1] if suffix == ".h5" else maps[len(maps) * 3 // 4]
        assert_same_heat(old, path, layer)


@pytest.mark.keras2
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.replace("_", " "))
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_predicts_and_explains_as_in_keras_2(
    family: str, kind: Callable[..., Network], tmp_path: Path
) -> None:
    # tf-keras cannot write the `...` of VGG's preprocessing to JSON of its own format.
    suffixes = (".h5",) if (family, kind) == ("vgg", functional_transfer) else (".h5", ".keras")
    size = {"nasnet": 224, "resnet rs": 160}.get(family, 96)
    _compare(family, kind, size, tmp_path, suffixes)


@pytest.mark.keras2
@pytest.mark.long
def test_the_commonest_transfer_network_predicts_and_explains_as_in_keras_2(tmp_path: Path) -> None:
    _compare("mobilenet v2", sequential_transfer, 32, tmp_path, (".h5",))
