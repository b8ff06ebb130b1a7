"""How predictions are explained: the engine, compiled graphs, targets and methods."""

import live_gradcam.models  # noqa: F401 - it sets TensorFlow's options, which must precede its import
