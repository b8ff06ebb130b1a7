"""Writes an explained network as one file for other programs: ONNX, or OpenVINO's own format."""
