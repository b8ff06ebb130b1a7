"""Labels in NumPy's files, as `np.save("classes.npy", encoder.classes_)` writes them."""

from __future__ import annotations

import io

import numpy as np

from live_gradcam.models.label_entries import Entry, LabelFault


def array_entries(content: bytes) -> list[Entry]:
    """Return the entries of a NumPy file: a list of texts or numbers, as `np.save("classes.npy", classes)` writes it.

    Raises:
        LabelFault: it is of another kind, or holds Python objects, which are a pickle.
    """
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, kind = read(stream)
        left = len(content) - stream.tell()
        if kind.hasobject:
            raise LabelFault(
                "it is a NumPy file of Python objects, which can run code when it is read. Save it as "
                "numpy.save(FILE, names.astype(str))"
            )
        if len(shape) != 1 or kind.kind not in "USiu" or kind.itemsize * shape[0] > left:
            raise LabelFault("it is a NumPy file, but no list of names")
        array = np.frombuffer(content, kind, shape[0], stream.tell())
    except LabelFault:
        raise
    except Exception:  # NumPy's parser of headers lets through whatever Python's own raises
        raise LabelFault("it is a NumPy file that is damaged") from None
    try:
        return [Entry(each.decode() if isinstance(each, bytes) else str(each)) for each in array.tolist()]
    except UnicodeDecodeError:
        raise LabelFault("it is a NumPy file of bytes that are no UTF-8 text") from None
