"""Every way to turn activations and gradients into a heat map."""
