"""Fixed choices: the texts that a setting can have, and their meaning."""

from __future__ import annotations

from typing import Literal

Fit = Literal["crop", "wide", "scan", "stretch", "pad"]
"""The part of a frame that the network sees: the central square; the whole frame at its own aspect; the whole frame
squeezed to a square; the whole frame with borders."""

Score = Literal["logit", "probability"]
"""The score to differentiate: the logit y^c before the softmax, or the class probability."""

Task = Literal["classes", "multi-label", "values"]
"""The meaning of a network's outputs: scores of classes, one of them right; scores of labels; or plain numbers."""

Fusion = Literal["mean", "max", "product"]
"""How the maps of several layers are combined, after each was divided by its maximum. The product keeps what all layers
show."""

Smooth = Literal["none", "augment"]
"""`augment` averages the maps of flipped and enlarged copies of the picture."""

Following = Literal["on", "off"]
"""Whether the heat moves with the picture between two explanations."""

Scale = Literal["stable", "frame"]
"""How heat is normalised: by a slowly moving maximum, or by each map's own maximum."""

View = Literal["one", "side", "methods", "targets", "models", "channels", "concepts", "history", "proof"]
"""The layout of the picture. `one`: one heat map. `side`: the camera beside it. `methods`, `targets`, `models`: the
same frame under up to four methods, the most probable classes, or two models. `channels`: the strongest channels
beside the heat map. `concepts`: the concepts of the layer, each in its colour, and a legend. `history`: the last minute
below it. `proof`: the same moment as it is, with only its hottest part, and without that part."""

Runtime = Literal["auto", "tensorflow", "openvino"]
"""The library that computes the graphs; `auto` takes the faster one."""

Precision = Literal["auto", "f32", "bf16"]
"""The number format that OpenVINO computes in; `auto` takes bfloat16 where it is faster and agrees with float32."""

Lang = Literal["en", "zh"]
"""The language of ImageNet's class names: English, or Simplified Chinese."""
