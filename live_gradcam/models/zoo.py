"""The zoo: the networks that can be loaded by name."""

from __future__ import annotations

import io
import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.error import URLError

import keras

from live_gradcam.errors import ModelError, reason_of
from live_gradcam.models.efficientnet_lite import LITE0, LITE_NETWORKS, LiteNetwork, build
from live_gradcam.models.inputs import feed_for
from live_gradcam.models.labels import imagenet_labels
from live_gradcam.models.model import Model
from live_gradcam.models.network_copies import resizer
from live_gradcam.models.preprocessing import preprocessing_named
from live_gradcam.models.type_names import Network
from live_gradcam.name_suggestions import unknown_name


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """One network of the zoo."""

    name: str
    """The name that `--model` takes."""

    builder: str | None
    """Name of its function in `keras.applications`; None for the default network."""

    preprocessing: str
    """Name of its preprocessing; `none` where the network scales the pixels itself."""

    size: int
    """Side of its square input in pixels."""

    layer: str | None = None
    """Path of the layer that is explained by default; None: the last feature map."""

    covering: bool = True
    """As `Model.covering`; tests/explain/test_geometry_by_gradients.py measures it."""


_LITE = {
    lite.name: (lite, ZooEntry(lite.name, None, "efficientnet-lite", lite.side)) for lite in LITE_NETWORKS
}

_SIZES_OF_V2 = {"b0": 224, "b1": 240, "b2": 260, "b3": 300, "s": 384, "m": 480, "l": 480}

_ENTRIES = {
    entry.name: entry
    for entry in (
        ZooEntry("vgg16", "VGG16", "imagenet-caffe", 224, "block5_conv3"),
        ZooEntry("vgg19", "VGG19", "imagenet-caffe", 224, "block5_conv4"),
        *(ZooEntry(f"resnet{n}", f"ResNet{n}", "imagenet-caffe", 224) for n in (50, 101, 152)),
        *(ZooEntry(f"resnet{n}v2", f"ResNet{n}V2", "tf", 224) for n in (50, 101, 152)),
        ZooEntry("mobilenet", "MobileNet", "tf", 224),
        ZooEntry("mobilenetv2", "MobileNetV2", "tf", 224),
        ZooEntry("mobilenetv3-small", "MobileNetV3Small", "none", 224),
        ZooEntry("mobilenetv3-large", "MobileNetV3Large", "none", 224),
        *(ZooEntry(f"densenet{n}", f"DenseNet{n}", "torch", 224) for n in (121, 169, 201)),
        ZooEntry("inception-v3", "InceptionV3", "tf", 299, covering=False),
        ZooEntry("inception-resnet-v2", "InceptionResNetV2", "tf", 299, covering=False),
        ZooEntry("xception", "Xception", "tf", 299),
        ZooEntry("nasnet-mobile", "NASNetMobile", "tf", 224, covering=False),
        ZooEntry("nasnet-large", "NASNetLarge", "tf", 331, covering=False),
        *(
            ZooEntry(f"efficientnet-b{n}", f"EfficientNetB{n}", "none", size)
            for n, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
        ),
        *(
            ZooEntry(f"efficientnetv2-{kind}", f"EfficientNetV2{kind.upper()}", "none", size)
            for kind, size in _SIZES_OF_V2.items()
        ),
        *(
            ZooEntry(f"convnext-{kind.lower()}", f"ConvNeXt{kind}", "none", 224)
            for kind in ("Tiny", "Small", "Base", "Large", "XLarge")
        ),
    )
}

CATALOGUE = (*(entry for _, entry in _LITE.values()), *_ENTRIES.values())
"""Every network that `--model` takes by name. The first is the default; those of EfficientNet-Lite need no download."""

ZOO = tuple(entry.name for entry in CATALOGUE)
"""The names of the networks in `CATALOGUE`."""


def entry_like(name: str) -> ZooEntry | None:
    """Return the `keras.applications` entry of a name; case, hyphens and underscores do not count."""
    wanted = _folded(name)
    return next(
        (entry for entry in _ENTRIES.values() if wanted in (_folded(entry.name), _folded(entry.builder))),
        None,
    )


def entry_of(network_name: str) -> ZooEntry | None:
    """Return the entry of a network from its name in Keras, such as `mobilenetv2_1.00_224`."""
    return entry_like(re.sub(r"_\d\.\d\d_\d+$", "", network_name))


def lite_named(name: str) -> LiteNetwork | None:
    """Return the size of EfficientNet-Lite that a name means; None if it means none."""
    return next((lite for lite in LITE_NETWORKS if _folded(lite.name) == _folded(name)), None)


def load(name: str) -> Model:
    """Return a network of the zoo with its ImageNet weights.

    Raises:
        ModelError: there is no network of that name, or its weights are missing and cannot be downloaded.
    """
    lite = lite_named(name)
    if lite is not None:
        return as_entry(_LITE[lite.name][1], build(lite))
    entry = entry_like(name)
    if entry is None:
        raise ModelError(
            unknown_name(
                "model", name, ZOO, "`live-gradcam models` lists them; a model file or folder works too."
            )
        )
    return as_entry(entry, _download(entry))


def as_entry(entry: ZooEntry, network: Network) -> Model:
    """Return a network as a `Model`, with the preprocessing, labels, layer and size of its entry."""
    return Model(
        network=network,
        name=entry.name,
        preprocessing=preprocessing_named(entry.preprocessing),
        labels=imagenet_labels(),
        input_size=(entry.size, entry.size),
        layer=entry.layer,
        resize=resizer(network, entry.name),
        feed=feed_for(network, None, model=entry.name),
        covering=entry.covering,
    )


def _builder(entry: ZooEntry) -> Callable[..., Network]:
    builder: Callable[..., Network] = getattr(keras.applications, str(entry.builder))
    return builder


def with_random_weights(name: str, seed: int) -> Model:
    """Return a network of the zoo with random weights, to measure its speed without a download.

    Args:
        name: name of the network; the default network keeps its trained weights.
        seed: seed of the random weights.

    Raises:
        ModelError: there is no network of that name.
    """
    entry = entry_like(name)
    if entry is None:
        return load(name)  # the default network, or the error for an unknown name
    keras.utils.set_random_seed(seed)
    return as_entry(entry, _builder(entry)(weights=None))


def _download(entry: ZooEntry) -> Network:
    """Build a network with Keras's own weights, which Keras downloads once.

    Raises:
        ModelError: the weights are not on disk and cannot be downloaded.
    """
    try:
        return _builder(entry)(weights="imagenet")
    except Exception as error:
        url = re.search(r"https?://\S+?\.(?:h5|keras)", str(error))
        if url is None:
            raise ModelError(f"{entry.name} cannot be loaded: {reason_of(error)}") from error
        home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
        place = home / "models"
        if REFUSED in str(error):
            raise ModelError(
                f"the weights of {entry.name} are not on this machine. With a network "
                f"`live-gradcam --model {entry.name}` fetches them once; without one, fetch {url[0]} elsewhere and put "
                f"it into {place}; or use {LITE0.name}, which needs no download."
            ) from error
        raise ModelError(
            f"the weights of {entry.name} are not on this machine and cannot be downloaded. "
            f"On a machine with a network fetch {url[0]} and put it into {place}; "
            f"or use {LITE0.name}, which needs no download."
        ) from error


def _folded(name: str | None) -> str:
    return re.sub(r"[^a-z0-9]", "", (name or "").casefold())


REFUSED = "nothing is downloaded now"
"""Message of a download that `no_downloads` refused."""


class _RefusingOpener(urllib.request.OpenerDirector):
    def open(self, *_: object, **__: object) -> NoReturn:
        raise URLError(REFUSED)


@contextmanager
def no_downloads() -> Iterator[None]:
    """Make every download by Keras fail at once; files on disk are still read."""
    urllib.request.install_opener(_RefusingOpener())
    try:
        with redirect_stdout(io.StringIO()):  # Keras announces the download before it fails
            yield
    finally:
        urllib.request.install_opener(urllib.request.build_opener())
