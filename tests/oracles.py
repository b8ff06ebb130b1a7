"""What the methods' papers say, written down again in NumPy, in float64, place by place.

Nothing here is taken from the package. The equations' indices are loops; the networks are plain functions, and
their gradients are central differences. Maps are (h, w); activations and gradients (h, w, K); pictures (H, W, 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Score = Callable[[Array], Array]
"""A batch of arrays to a score for each."""


def relu(values: Array) -> Array:
    return np.maximum(values, 0.0)


def softplus(values: Array) -> Array:
    return np.asarray(np.log1p(np.exp(-np.abs(values))) + np.maximum(values, 0.0))


def convolved(batch: Array, kernel: Array, bias: Array, stride: int) -> Array:
    """Slide a kernel (a, b, in, out) over (N, H, W, in), without padding."""
    rows, columns = kernel.shape[:2]
    height = (batch.shape[1] - rows) // stride + 1
    width = (batch.shape[2] - columns) // stride + 1
    result = np.tile(bias, (len(batch), height, width, 1)).astype(np.float64)
    for a in range(rows):
        for b in range(columns):
            seen = batch[:, a : a + stride * height : stride, b : b + stride * width : stride]
            result += seen @ kernel[a, b]
    return result


@dataclass(frozen=True, slots=True, eq=False)
class SmoothNetwork:
    """Convolution, softplus (the layer that is explained), convolution, tanh, flatten, dense: nothing has a kink."""

    weights: tuple[Array, ...]
    """Kernel and bias of the first convolution (stride 2), of the second, and of the dense layer."""

    target: int
    """The class that is explained."""

    def features(self, batch: Array) -> Array:
        return softplus(convolved(batch, self.weights[0], self.weights[1], 2))

    def scores_from(self, features: Array) -> Array:
        hidden = np.tanh(convolved(features, self.weights[2], self.weights[3], 1))
        logits = hidden.reshape(len(features), -1) @ self.weights[4] + self.weights[5]
        return np.asarray(logits[:, self.target])

    def scores(self, batch: Array) -> Array:
        return self.scores_from(self.features(batch))


def finite_differences(score: Score, at: Array, step: float = 1e-5) -> Array:
    """Return the gradient of a score at one array, by central differences."""
    flat = at.reshape(-1)
    nudges = step * np.eye(flat.size)
    above = score((flat + nudges).reshape(-1, *at.shape))
    below = score((flat - nudges).reshape(-1, *at.shape))
    return np.asarray((above - below) / (2 * step)).reshape(at.shape)


def weighted_sum(weights: Array, activations: Array) -> Array:
    """Return Σ_k w_k A^k."""
    total = np.zeros(activations.shape[:2])
    for k, weight in enumerate(weights):
        total += weight * activations[..., k]
    return total


def gradcam(activations: Array, gradients: Array) -> Array:
    """Selvaraju et al. 2016, equations 1 and 2, before the ReLU."""
    places = activations.shape[0] * activations.shape[1]
    weights = [gradients[..., k].sum() / places for k in range(activations.shape[2])]
    return weighted_sum(np.array(weights), activations)


def gradcam_pp(activations: Array, gradients: Array, score: float) -> Array:
    """Chattopadhay et al. 2017, equation 19 with the derivatives of Y = exp(S), and 5; before the ReLU."""
    height, width, channels = activations.shape
    weights = np.zeros(channels)
    for k in range(channels):
        for i in range(height):
            for j in range(width):
                slope = gradients[i, j, k]
                first = np.exp(score) * slope
                second = np.exp(score) * slope**2
                third = np.exp(score) * slope**3
                alpha = second / (2 * second + (activations[..., k] * third).sum())
                weights[k] += alpha * max(first, 0.0)
    return weighted_sum(weights, activations)


def hirescam(activations: Array, gradients: Array) -> Array:
    """Draelos and Carin 2020."""
    total = np.zeros(activations.shape[:2])
    for k in range(activations.shape[2]):
        total += gradients[..., k] * activations[..., k]
    return total


def elementwise(activations: Array, gradients: Array) -> Array:
    """Pillai and Pirsiavash 2021, clipped before the sum, as pytorch-grad-cam does."""
    total = np.zeros(activations.shape[:2])
    for k in range(activations.shape[2]):
        total += relu(gradients[..., k] * activations[..., k])
    return total


def xgradcam(activations: Array, gradients: Array) -> Array:
    """Fu et al. 2020, equation 8, before the ReLU."""
    weights = np.zeros(activations.shape[2])
    for k in range(len(weights)):
        shares = activations[..., k] / activations[..., k].sum()
        weights[k] = (shares * gradients[..., k]).sum()
    return weighted_sum(weights, activations)


def layercam(activations: Array, gradients: Array) -> Array:
    """Jiang et al. 2021, equations 6 to 8, before the ReLU."""
    total = np.zeros(activations.shape[:2])
    for k in range(activations.shape[2]):
        total += relu(gradients[..., k]) * activations[..., k]
    return total


def principal(points: Array) -> Array:
    """Return X v₁ for points (n, K), its sign such that the sum over all points and dimensions weighs positive."""
    _, _, directions = np.linalg.svd(points, full_matrices=False)
    along = points @ directions[0]
    return np.asarray(along if along @ points.sum(axis=1) >= 0 else -along)


def eigengradcam(activations: Array, gradients: Array) -> Array:
    """Gildenblat 2021: centred, then the first right singular vector."""
    height, width, channels = activations.shape
    points = (activations * gradients).reshape(-1, channels)
    return principal(points - points.mean(axis=0)).reshape(height, width)


def curvature(score: Score, at: Array, step: float = 1e-3) -> Array:
    """Return H A, the Hessian's product with the array itself, by central differences of the gradient."""
    above, below = (finite_differences(score, at * (1 + sign * step)) for sign in (1, -1))
    return np.asarray((above - below) / (2 * step))


def shapley_cam(activations: Array, gradients: Array, product: Array) -> Array:
    """Cai 2025, before the ReLU; `product` is H A."""
    weights = np.zeros(activations.shape[2])
    for k in range(len(weights)):
        weights[k] = np.mean(gradients[..., k] - product[..., k] / 2)
    return weighted_sum(weights, activations)


def cam(activations: Array, weights: Array) -> Array:
    """Zhou et al. 2016, equation 2, from the dense layer's own weights to the class, (K,)."""
    return weighted_sum(weights, activations)


def eigencam(activations: Array) -> Array:
    """Muhammad and Yeasin 2020, equations 2 and 3."""
    height, width, channels = activations.shape
    return principal(activations.reshape(-1, channels)).reshape(height, width)


def kpcacam(activations: Array) -> Array:
    """Karmani et al. 2024: kernel PCA with the sigmoid kernel, γ = 1/K, c₀ = 1."""
    height, width, channels = activations.shape
    points = activations.reshape(-1, channels)
    points = points - points.mean(axis=0)
    count = len(points)
    kernel = np.zeros((count, count))
    for p in range(count):
        for q in range(count):
            kernel[p, q] = np.tanh((points[p] @ points[q]) / channels + 1.0)
    without_mean = np.eye(count) - np.full((count, count), 1 / count)
    eigenvalues, vectors = np.linalg.eigh(without_mean @ kernel @ without_mean)
    component = np.sqrt(eigenvalues.max()) * vectors[:, eigenvalues.argmax()]
    if component @ points.sum(axis=1) < 0:
        component = -component
    return np.asarray(component).reshape(height, width)


def fem(activations: Array) -> Array:
    """Fuad et al. 2020, with two standard deviations."""
    total = np.zeros(activations.shape[:2])
    for k in range(activations.shape[2]):
        channel = activations[..., k]
        total += channel.mean() * (channel > channel.mean() + 2 * channel.std())
    return total


def upsampled(coarse: Array, height: int, width: int) -> Array:
    """Stretch (h, w) to (H, W) bilinearly: cells' middles lie over cells' middles, and the border is repeated."""
    fine = np.zeros((height, width))
    rows, columns = coarse.shape
    for i in range(height):
        for j in range(width):
            y = min(max((i + 0.5) * rows / height - 0.5, 0.0), rows - 1.0)
            x = min(max((j + 0.5) * columns / width - 0.5, 0.0), columns - 1.0)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            upper = coarse[top, left] * (1 - x + left) + coarse[top, right] * (x - left)
            lower = coarse[bottom, left] * (1 - x + left) + coarse[bottom, right] * (x - left)
            fine[i, j] = upper * (1 - y + top) + lower * (y - top)
    return fine


def scorecam(picture: Array, features: Array, score: Score, baseline: Array) -> Array:
    """Wang et al. 2019, algorithm 1, before the ReLU."""
    height, width = picture.shape[:2]
    increases = []
    for k in range(features.shape[2]):
        mask = upsampled(features[..., k], height, width)
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        increases.append(float(score((picture * mask[..., None])[None])[0] - score(baseline[None])[0]))
    exponentials = np.exp(increases)
    return weighted_sum(exponentials / exponentials.sum(), features)


def ablationcam(features: Array, score_from: Score) -> Array:
    """Desai and Ramaswamy 2020, equations 5 and 6, before the ReLU, for a score that is positive."""
    unchanged = float(score_from(features[None])[0])
    assert unchanged > 0, "the paper takes the score for positive"
    weights = []
    for k in range(features.shape[2]):
        without = features.copy()
        without[..., k] = 0
        weights.append((unchanged - float(score_from(without[None])[0])) / unchanged)
    return weighted_sum(np.array(weights), features)


def smoothgradcam_pp(features: Array, gradients: list[Array]) -> Array:
    """Omeiza et al. 2019, before the ReLU, from the gradients of the noisy copies."""
    height, width, channels = features.shape
    first, second, third = (
        np.asarray(sum(each**power for each in gradients) / len(gradients)) for power in (1, 2, 3)
    )
    weights = np.zeros(channels)
    for k in range(channels):
        total = features[..., k].sum()
        for i in range(height):
            for j in range(width):
                alpha = second[i, j, k] / (2 * second[i, j, k] + total * third[i, j, k])
                weights[k] += alpha * max(first[i, j, k], 0.0)
    return weighted_sum(weights, features)


def reciprocam(features: Array, score_from: Score) -> Array:
    """Byun and Lee 2022, before the division."""
    scores = np.zeros(features.shape[:2])
    for i in range(features.shape[0]):
        for j in range(features.shape[1]):
            alone = np.zeros_like(features)
            alone[i, j] = features[i, j]
            scores[i, j] = float(score_from(alone[None])[0])
    return np.asarray(scores - scores.min())


def strongest_colour(gradient: Array) -> Array:
    """Simonyan et al. 2013: the largest magnitude of the three colours."""
    height, width, _ = gradient.shape
    return np.array([[max(abs(gradient[i, j])) for j in range(width)] for i in range(height)])


def integrated_gradients(picture: Array, baseline: Array, score: Score, intervals: int = 16) -> Array:
    """Sundararajan et al. 2017, equation 1, the integral by Simpson's rule, summed over the colours."""
    weights = np.ones(2 * intervals + 1)
    weights[1::2], weights[2:-1:2] = 4, 2
    weights /= 6 * intervals
    integral = np.zeros_like(picture)
    for number, weight in enumerate(weights):
        point = baseline + number / (2 * intervals) * (picture - baseline)
        integral += weight * finite_differences(score, point)
    return np.asarray(((picture - baseline) * integral).sum(axis=-1))


@dataclass(frozen=True, slots=True, eq=False)
class RectifiedNetwork:
    """Convolution (stride 2), ReLU (the layer that is explained), convolution, ReLU6, flatten, dense."""

    weights: tuple[Array, ...]
    """As of `SmoothNetwork`."""

    target: int
    """The class that is explained."""

    def guided_gradient(self, picture: Array) -> Array:
        """Springenberg et al. 2014: back through each layer by hand, only what is positive through a ReLU."""
        below = convolved(picture[None], self.weights[0], self.weights[1], 2)
        above = convolved(relu(below), self.weights[2], self.weights[3], 1)
        signal = self.weights[4][:, self.target].reshape(above.shape)
        signal = signal * (signal > 0) * (above > 0) * (above < 6)
        signal = spread(signal, self.weights[2], 1, below.shape)
        signal = signal * (signal > 0) * (below > 0)
        return np.asarray(spread(signal, self.weights[0], 2, (1, *picture.shape))[0])

    def features_and_gradients(self, picture: Array) -> tuple[Array, Array]:
        """Return the layer's activation and the score's true gradient there."""
        features = relu(convolved(picture[None], self.weights[0], self.weights[1], 2))
        above = convolved(features, self.weights[2], self.weights[3], 1)
        signal = self.weights[4][:, self.target].reshape(above.shape) * (above > 0) * (above < 6)
        return features[0], spread(signal, self.weights[2], 1, features.shape)[0]


def spread(signal: Array, kernel: Array, stride: int, shape: tuple[int, ...]) -> Array:
    """Take a gradient (N, h, w, out) back through a convolution to its input, whose shape is given."""
    result = np.zeros(shape)
    for n, i, j, o in np.ndindex(*signal.shape):
        rows, columns = (
            slice(i * stride, i * stride + len(kernel)),
            slice(j * stride, j * stride + kernel.shape[1]),
        )
        result[n, rows, columns] += signal[n, i, j, o] * kernel[..., o]
    return result


def assert_same_map(actual: Any, expected: Array, *, of_peak: float = 1e-4) -> None:
    """Fail where a map differs from the oracle's by more than that fraction of the peak."""
    peak = np.abs(expected).max()
    assert peak > 0, "the oracle's own map is empty: nothing would be compared"
    np.testing.assert_allclose(np.asarray(actual, np.float64), expected, rtol=0, atol=of_peak * peak)
