"""Rebuilds networks from the configurations and weights of files that Keras 1 or 2 (tf.keras 1.13 to 2.15) saved."""
