"""The networks that are explained: loading by name or from a file, preprocessing, labels, and the task."""

import os

# TensorFlow reads both when it is imported. The first silences most of its messages; `stderr_filter` stops the rest.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A thread that waits for a convolution computes part of it: 17% less processor time for the default network.
os.environ.setdefault("TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD", "1")
