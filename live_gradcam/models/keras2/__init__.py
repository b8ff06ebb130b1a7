"""Rebuilds networks from the configurations and weights that Keras 2 (tf.keras 1.13 to 2.15) stored."""
