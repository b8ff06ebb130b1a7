"""Layers and activation functions of Keras 2 that Keras 3 lacks or defines differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras

from live_gradcam.errors import ModelError
from live_gradcam.models.keras2.stored_layer import class_of
from live_gradcam.models.type_names import Json, KerasTensor, Layer, Shape, Tensor, Tensors

_registered = keras.saving.register_keras_serializable(package="live_gradcam")


class Unchanged(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Returns its input: a layer without effect in inference."""

    def __init__(self, **settings: object) -> None:
        super().__init__(name=settings.get("name"), dtype=settings.get("dtype"))
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the inputs' shape."""
        return input_shape


@_registered
class RandomHeight(Unchanged):
    """Stretches the height of pictures in training only, so it has no effect here."""


@_registered
class RandomWidth(Unchanged):
    """Stretches the width of pictures in training only, so it has no effect here."""


@_registered
class StochasticDepth(Unchanged):
    """Leaves out residual branches in training only, so it has no effect here (ConvNeXt)."""


@_registered
class LayerScale(keras.layers.Layer):  # type: ignore[misc]
    """Multiplies each channel by a weight (ConvNeXt)."""

    def __init__(self, init_values: float = 1e-6, projection_dim: int = 1, **settings: object) -> None:
        super().__init__(**settings)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: tuple[int, ...]) -> None:  # noqa: ARG002
        """Make the weights `gamma` (channels,)."""
        start = keras.initializers.Constant(self.init_values)
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=start, name="gamma")

    def call(self, x: Tensor) -> Tensor:
        """Return x · gamma."""
        return x * self.gamma

    def get_config(self) -> dict[str, object]:
        """Return its settings."""
        own = {"init_values": self.init_values, "projection_dim": self.projection_dim}
        return dict(super().get_config()) | own


@_registered
class CustomScaleLayer(keras.layers.Layer):  # type: ignore[misc]
    """Adds a scaled residual branch: first + second · scale (Inception-ResNet V2)."""

    def __init__(self, scale: float = 1.0, **settings: object) -> None:
        super().__init__(**settings)
        self.scale = scale

    def call(self, inputs: list[Tensor]) -> Tensor:
        """Return the sum."""
        return inputs[0] + inputs[1] * self.scale

    def get_config(self) -> dict[str, object]:
        """Return its settings."""
        return dict(super().get_config()) | {"scale": self.scale}


@_registered
class ThresholdedReLU(keras.layers.Layer):  # type: ignore[misc]
    """Returns x where x > theta, else 0."""

    def __init__(self, theta: float = 1.0, **settings: object) -> None:
        super().__init__(**settings)
        self.theta = float(theta)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the values above the threshold."""
        return inputs * keras.ops.cast(inputs > self.theta, inputs.dtype)

    def get_config(self) -> dict[str, object]:
        """Return its settings."""
        return dict(super().get_config()) | {"theta": self.theta}


@_registered
class Scale(keras.layers.Layer):  # type: ignore[misc]
    """Multiplies and shifts each channel, as converted Caffe networks do after batch normalisation."""

    def __init__(self, axis: int = -1, **settings: object) -> None:
        for training in ("weights", "momentum", "beta_init", "gamma_init"):
            settings.pop(training, None)
        super().__init__(**settings)
        self.axis = axis

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the weights `gamma` and `beta` (channels,)."""
        channels = (input_shape[self.axis],)
        self.gamma = self.add_weight(shape=channels, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=channels, initializer="zeros", name="beta")

    def call(self, x: Tensor) -> Tensor:
        """Return gamma · x + beta."""
        shape = [1] * len(x.shape)
        shape[self.axis] = -1
        return keras.ops.reshape(self.gamma, shape) * x + keras.ops.reshape(self.beta, shape)

    def get_config(self) -> dict[str, object]:
        """Return its settings."""
        return dict(super().get_config()) | {"axis": self.axis}


@_registered
class LocallyConnected2D(keras.layers.Layer):  # type: ignore[misc]
    """A convolution with separate weights at each position (`implementation=1`, channels last)."""

    def __init__(
        self,
        filters: int,
        kernel_size: tuple[int, int],
        strides: tuple[int, int] = (1, 1),
        activation: Activation | None = None,
        use_bias: bool = True,
        padding: str = "valid",
        data_format: str | None = None,
        implementation: int = 1,
        **settings: object,
    ) -> None:
        super().__init__(**settings)
        if (padding, data_format or "channels_last", implementation) != ("valid", "channels_last", 1):
            raise ModelError(
                f"layer '{self.name}' (LocallyConnected2D) is supported only with padding 'valid', channels last and "
                f"implementation 1, not with {padding}, {data_format}, {implementation}. Write a function that "
                "returns the network, and use --model module:function."
            )
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def _places(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        rows, columns = (
            (length - size) // step + 1
            for length, size, step in zip(input_shape[1:3], self.kernel_size, self.strides, strict=True)
        )
        return rows, columns

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make `kernel` (places, kernel height · kernel width · channels, filters) and `bias`."""
        rows, columns = self._places(input_shape)
        size = self.kernel_size[0] * self.kernel_size[1] * input_shape[-1]
        self.kernel = self.add_weight(shape=(rows * columns, size, self.filters), name="kernel")
        if self.use_bias:
            self.bias = self.add_weight(shape=(rows, columns, self.filters), initializer="zeros", name="bias")

    def call(self, x: Tensor) -> Tensor:
        """Return (N, rows, columns, filters)."""
        rows, columns = self._places(x.shape)
        patches = keras.ops.image.extract_patches(x, self.kernel_size, self.strides, padding="valid")
        flat = keras.ops.reshape(patches, (-1, rows * columns, self.kernel.shape[1]))
        mixed = keras.ops.einsum("npk,pkf->npf", flat, self.kernel)
        mixed = keras.ops.reshape(mixed, (-1, rows, columns, self.filters))
        return self.activation(mixed + self.bias if self.use_bias else mixed)

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> Shape:
        """Return (N, rows, columns, filters)."""
        return (input_shape[0], *self._places(input_shape), self.filters)

    def get_config(self) -> dict[str, object]:
        """Return its settings."""
        return dict(super().get_config()) | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }


@_registered
class EinsumDense(keras.layers.EinsumDense):  # type: ignore[misc]
    """Keras's layer, which takes lengths that `output_shape` leaves open from its inputs, as in Keras 2."""

    def compute_output_spec(self, inputs: Tensors, *arguments: object, **named: object) -> KerasTensor:
        """Return the shape and dtype of the output."""
        return keras.Operation.compute_output_spec(self, inputs, *arguments, **named)


FORMER_LAYERS = {
    each.__name__: each
    for each in (
        CustomScaleLayer,
        EinsumDense,
        LayerScale,
        LocallyConnected2D,
        RandomHeight,
        RandomWidth,
        Scale,
        StochasticDepth,
        ThresholdedReLU,
    )
}
"""Class name → class."""


Activation = str | Callable[[Tensor], Tensor]


@_registered  # type: ignore[untyped-decorator]
def hard_sigmoid(x: Tensor) -> Tensor:
    """Return clip(0.2·x + 0.5, 0, 1), the definition of Keras 2; in Keras 3 it is clip(x/6 + 0.5, 0, 1)."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


@_registered  # type: ignore[untyped-decorator]
def hard_swish(x: Tensor) -> Tensor:
    """Return x · clip(x + 3, 0, 6) / 6, which Keras 2 lacks but many files contain."""
    return x * keras.ops.relu6(x + 3.0) / 6.0


_FUNCTIONS: dict[str, Activation] = {
    "FixedSwish": "silu",
    "Swish": "silu",
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": hard_swish,
    "hswish": hard_swish,
    "mish": "mish",
    "relu6": "relu6",
    "swish": "silu",
    "swish_activation": "silu",
}
"""Name in a file → activation function, where Keras 3 lacks the name or defines it differently."""


def activation_from(stored: Json, make_layer: Callable[[Json], Layer], *, layer: str) -> Activation | None:
    """Return a stored activation function.

    Args:
        stored: a name, or an object with `class_name`: a function, or a layer that is used as one.
        make_layer: builds a layer from such an object.
        layer: name of the layer that uses it, for messages.

    Raises:
        ModelError: it is a function of the user's own.
    """
    if stored is None:
        return None
    if isinstance(stored, Mapping):
        config = stored.get("config")
        if class_of(stored) != "function" and not isinstance(config, str):
            known = keras.saving.get_registered_object(class_of(stored))
            if known is None and class_of(stored) in _FUNCTIONS:
                return _FUNCTIONS[class_of(stored)]
            return make_layer(stored)  # type: ignore[no-any-return]  # a keras.layers.Layer can be called
        stored = config if isinstance(config, str) else stored.get("class_name")
    name = str(stored).rpartition(">")[2].rpartition(".")[2].removesuffix("_v2")
    found: Activation | None = next(
        filter(None, map(keras.saving.get_registered_object, (str(stored), name))), None
    )
    if found is not None:
        return found
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    try:
        keras.activations.get(name)
    except ValueError as error:
        if name[:1].isupper() and hasattr(keras.layers, name):
            return make_layer({"class_name": name, "config": {}})  # type: ignore[no-any-return]
        raise ModelError(
            f"layer '{layer}' uses the activation function '{name}', which Keras does not have: it is defined in the "
            "code that made the file. Write a function there that returns the network, and use --model "
            "module:function."
        ) from error
    return name
