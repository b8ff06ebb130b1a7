"""Rendering: from a frame and its explanations to a finished picture."""
