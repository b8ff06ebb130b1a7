"""Dull causes: properties of the photographs that tell the classes apart by themselves, whatever they show.

If all photographs of one class are darker, a network may learn the light. So each property is given alone to a
classifier, a small decision tree, and its accuracy on photographs that were left out of the fit (five parts, each with
all classes) is compared with that of naming the largest class always.

What chance gives: if a property says nothing about the class, a photograph that was left out is given its own class
with a probability of at most the largest class's share, s, and the number of right ones among N is about
Binomial(N, s). A property is reported if its accuracy is `LEAST_GAIN` above s, and if so many are right with a
probability below `LEVEL` ÷ the number of properties (Bonferroni: the probability of any false report is at most
`LEVEL`). The parts share most of their photographs, so that the number varies more than the binomial distribution says.
So what is barely improbable is measured again: the classes are permuted `_PERMUTATIONS` times, and the number of right
ones has to be as improbable for a normal distribution with the mean and the variance of those.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from live_gradcam.audit.findings import CauseFinding
from live_gradcam.errors import LiveGradcamError
from live_gradcam.frame import Pixels
from live_gradcam.number_format import percent_text
from live_gradcam.sources.file_kind import kind_of_file

LEVEL = 0.05
"""Probability that anything at all is reported though no property says anything."""

LEAST_GAIN = 0.1
"""Properties that do not raise the accuracy by this much explain nothing."""

PARTS = 5
"""Parts of the cross-validation."""

TELLING = 0.5
"""A property tells the classes apart if its accuracy goes this part of the way from the baseline to 1. One that beats
the baseline by less tells a little."""

FEWEST = 20
"""With fewer photographs nothing is reported."""

_PERMUTATIONS = 100

_CLEAR = 1e-4
"""What is by this factor more improbable than it has to be is not measured again."""

_LEAF = 5
"""Photographs in each leaf of the tree, at least."""

_SIDE = 512
"""Longer side in pixels at which light and blur are measured, so that they do not tell the size of the file."""

_MAKE, _MODEL = 0x010F, 0x0110

_MISSING = "the audit needs scikit-learn, which is not installed. Type: pip install 'live-gradcam[audit]'"

Columns = npt.NDArray[np.float64]
"""(N, columns) float64: what a property is of N photographs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoProperties:
    """What can be said of a photograph without looking at what it shows: numbers and words that JSON can hold."""

    width: int
    """In pixels, upright."""

    height: int
    brightness: float
    """Mean of the luma, in [0, 255]."""

    contrast: float
    """Standard deviation of the luma."""

    sharpness: float
    """log(1 + variance of the Laplacian of the luma); small if it is blurred."""

    blue: float
    """Mean of the channel, in [0, 255]."""

    green: float
    red: float

    saturation: float
    """Mean saturation, in [0, 255]."""

    file_type: str
    """Such as `JPEG`, by its content; empty if unknown."""

    camera: str
    """Maker and model in its EXIF block; empty if there is none."""

    file_size: int
    """In bytes."""


@dataclass(frozen=True, slots=True)
class _Cause:
    """How a property is called, and what to do if it tells the classes apart."""

    name: str
    remedy: str


_CAUSES = {
    "brightness": _Cause("brightness", "photograph them in the same light"),
    "contrast": _Cause("contrast", "photograph them in the same light"),
    "sharpness": _Cause("blur", "photograph them with the same focus and from the same distance"),
    "width": _Cause("width", "use the same size for all"),
    "height": _Cause("height", "use the same size for all"),
    "aspect": _Cause("aspect", "hold the camera the same way for all"),
    "colour": _Cause("mean colour", "photograph them in the same light and before the same backgrounds"),
    "saturation": _Cause("saturation", "use the same camera settings for all"),
    "file_type": _Cause("file type", "save all in one format"),
    "camera": _Cause("camera", "photograph every class with every camera"),
    "file_size": _Cause("file size", "save all with the same program and quality"),
}


def properties_of(path: Path, pixels: Pixels) -> PhotoProperties:
    """Return the properties of a photograph.

    Args:
        path: its file. What cannot be read of it (a camera in a damaged EXIF block) is empty.
        pixels: (H, W, 3) uint8 BGR: its decoded content.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    blue, green, red = (float(each) for each in small.reshape(-1, 3).mean(axis=0))
    kind = kind_of_file(path)
    return PhotoProperties(
        width=width,
        height=height,
        brightness=float(luma.mean()),
        contrast=float(luma.std()),
        sharpness=math.log1p(float(cv2.Laplacian(luma, cv2.CV_64F).var())),
        blue=blue,
        green=green,
        red=red,
        saturation=float(cv2.cvtColor(small, cv2.COLOR_BGR2HSV)[..., 1].mean()),
        file_type="" if kind is None else kind.name,
        camera=_camera_of(path),
        file_size=path.stat().st_size,
    )


def dull_causes(classes: Sequence[str], properties: Sequence[PhotoProperties]) -> tuple[CauseFinding, ...]:
    """Return the properties that tell the classes apart, the most telling first.

    Args:
        classes: the class of each photograph.
        properties: of each photograph.

    Raises:
        LiveGradcamError: scikit-learn is missing.
    """
    return telling(classes, {name: _columns(name, properties) for name in _CAUSES} if properties else {})


def telling(classes: Sequence[str], columns: Mapping[str, Columns]) -> tuple[CauseFinding, ...]:
    """Return those of several properties that tell the classes apart, the most telling first.

    Args:
        classes: the class of each of N photographs.
        columns: property → (N, columns) float64. One with a single value for all photographs is never reported.

    Raises:
        LiveGradcamError: scikit-learn is missing.
    """
    labels, counts = np.unique(np.asarray(classes, dtype=object), return_counts=True)
    tried = {name: each for name, each in columns.items() if len(each) and np.ptp(each, axis=0).any()}
    if len(labels) < 2 or len(classes) < FEWEST or counts.min() < 2 or not tried:
        return ()
    numbers = np.searchsorted(labels, np.asarray(classes, dtype=object))
    baseline = float(counts.max() / counts.sum())
    found = []
    for name, values in tried.items():
        parts = min(PARTS, int(counts.min()))
        right = _left_out_right(values, numbers, parts)
        accuracy = right / len(numbers)
        if accuracy < baseline + LEAST_GAIN:
            continue
        level, chance = LEVEL / len(tried), chance_of(right, len(numbers), baseline)
        if chance < _CLEAR * level or (
            chance < level and _permuted_chance_of(right, values, numbers, parts) < level
        ):
            found.append(_finding(name, accuracy, baseline))
    return tuple(sorted(found, key=lambda each: (-each.accuracy, each.name)))


def tells_little(cause: CauseFinding) -> bool:
    """Return whether a property beats chance, and does not tell the classes apart: 40% of four equal classes."""
    return cause.accuracy - cause.baseline < TELLING * (1 - cause.baseline) - 1e-9


def chance_of(right: int, count: int, share: float) -> float:
    """Return the probability that Binomial(count, share) is at least `right`."""
    from scipy.stats import binom  # here, because it takes a while to load

    return float(binom.sf(right - 1, count, share))


def _permuted_chance_of(right: int, values: Columns, numbers: npt.NDArray[np.intp], parts: int) -> float:
    """Return the probability of so many right ones if the classes are permuted."""
    from scipy.stats import norm

    random = np.random.default_rng(0)
    counts = [_left_out_right(values, random.permutation(numbers), parts) for _ in range(_PERMUTATIONS)]
    return float(norm.sf((right - np.mean(counts)) / max(float(np.std(counts)), 1e-9)))


def _left_out_right(values: Columns, numbers: npt.NDArray[np.intp], parts: int) -> int:
    """Return how many photographs are given their own class by trees that were fitted to others."""
    try:
        from sklearn.model_selection import StratifiedKFold
        from sklearn.tree import DecisionTreeClassifier
    except ImportError as error:
        raise LiveGradcamError(_MISSING) from error
    leaves = 2 * (int(numbers.max()) + 1) + 2
    right = 0
    for rest, part in StratifiedKFold(parts, shuffle=True, random_state=0).split(values, numbers):
        tree = DecisionTreeClassifier(min_samples_leaf=_LEAF, max_leaf_nodes=leaves, random_state=0)
        tree.fit(values[rest], numbers[rest])
        right += int((tree.predict(values[part]) == numbers[part]).sum())
    return right


def _finding(name: str, accuracy: float, baseline: float) -> CauseFinding:
    cause = _CAUSES.get(name, _Cause(name, "make it the same for all classes"))
    found = CauseFinding(name=cause.name, accuracy=accuracy, baseline=baseline, sentence="")
    share, chance = percent_text(accuracy), percent_text(baseline)
    said = (
        f"tells a little about the classes: {share} are right, {chance} by chance. To be sure,"
        if tells_little(found)
        else f"alone tells the classes apart in {share} of the photographs (largest class: {chance}):"
    )
    return replace(found, sentence=f"{cause.name} {said} {cause.remedy}.")


def _columns(name: str, properties: Sequence[PhotoProperties]) -> Columns:
    """Return a property of all photographs as columns; a category has one column for each of its values."""
    if name == "aspect":
        return np.array([[each.width / each.height] for each in properties])
    if name == "colour":
        return np.array([[each.blue, each.green, each.red] for each in properties])
    values = [getattr(each, name) for each in properties]
    if isinstance(values[0], str):
        kinds = {value: number for number, value in enumerate(sorted(set(values)))}
        return np.eye(len(kinds))[[kinds[value] for value in values]]
    return np.array(values, np.float64).reshape(-1, 1)


def _camera_of(path: Path) -> str:
    try:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            block = image.getexif()
            words = (str(block.get(tag) or "").strip("\0 ") for tag in (_MAKE, _MODEL))
            return " ".join(" ".join(words).split())
    except Exception:  # a damaged block may raise anything, and a format without one is none of Pillow's
        return ""
