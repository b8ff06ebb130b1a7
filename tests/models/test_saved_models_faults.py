"""What is wrong with a SavedModel's files is said as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

import live_gradcam as lg

DATA = "variables.data-00000-of-00001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    module = tf.Module()
    module.kernel = tf.Variable(tf.ones((3, 3, 3, 2)))
    module.call = tf.function(
        lambda image: tf.reduce_mean(tf.nn.conv2d(image, module.kernel, 1, "SAME"), (1, 2)),
        input_signature=[tf.TensorSpec((None, 8, 8, 3))],
    )
    tf.saved_model.save(module, str(tmp_path / "saved"), {"serving_default": module.call})
    return tmp_path / "saved"


def refusal(folder: Path) -> str:
    with pytest.raises(lg.ModelError) as caught:
        lg.load_model(folder)
    return str(caught.value).removeprefix(f"cannot load the SavedModel {folder}: ")


def test_variables_that_are_a_git_lfs_pointer_are_told(folder: Path) -> None:
    (folder / "variables" / DATA).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:31bf\nsize 78885616\n"
    )
    assert (
        refusal(folder)
        == f"its variables/{DATA} is a Git LFS pointer, not the weights. Fetch them: git lfs pull"
    )


@pytest.mark.parametrize(
    ("name", "said"), [(DATA, "variables.data-…"), ("variables.index", "variables.index")]
)
def test_a_file_of_the_variables_that_is_missing_is_named(folder: Path, name: str, said: str) -> None:
    (folder / "variables" / name).unlink()
    assert refusal(folder) == (
        f"its folder 'variables' has no {said}, which is one of the files that hold the weights. Copy the whole folder."
    )
