"""What is explained: the zoo, users' models, preprocessing, labels and the target layer."""

import os

# Read by TensorFlow when it is loaded. It no longer stops all of its lines (native.py stops the rest).
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The thread that waits for a convolution computes a part of it: for the default network 17% less of the processor.
os.environ.setdefault("TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD", "1")
