"""How it is explained."""

import live_gradcam.models  # noqa: F401 - what it sets for TensorFlow must be set before that is loaded
