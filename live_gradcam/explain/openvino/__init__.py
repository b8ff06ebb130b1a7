"""OpenVINO as a second runtime: runs the graphs that TensorFlow traced, faster on most processors."""
