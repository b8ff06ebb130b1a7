"""Says why a SavedModel folder cannot be loaded."""

from __future__ import annotations

from pathlib import Path

from live_gradcam.errors import reason_of

_LFS = b"version https://git-lfs"


def why_not_loaded(folder: Path, error: Exception) -> str:
    """Return why a SavedModel was not loaded, and what to do then."""
    text = str(error)
    if not (folder / "variables").is_dir():
        return (
            "its folder 'variables' is missing, which holds the weights. Copy the whole folder: saved_model.pb, "
            "variables/variables.index and variables/variables.data-…"
        )
    missing = _missing_shard(folder)
    if missing:
        return missing
    if "Op type not registered" in text:
        kind = text.partition("'")[2].partition("'")[0]
        return (
            f"it uses the operation '{kind}', which this TensorFlow does not have. Import the library that brings it "
            "in a function that returns the network: --model module:function."
        )
    return (
        f"{reason_of(error).rstrip('.')}. Its variables may be damaged or of another model: export it again."
    )


def _missing_shard(folder: Path) -> str:
    """Return what is wrong with the files of the variables; empty where they are all there."""
    files = sorted(each for each in (folder / "variables").iterdir() if each.name.startswith("variables."))
    for each in files:
        with each.open("rb") as file:
            if file.read(len(_LFS)) == _LFS:
                return f"its variables/{each.name} is a Git LFS pointer, not the weights. Fetch them: git lfs pull"
    for part in ("index", "data-"):
        if not any(each.name.startswith(f"variables.{part}") for each in files):
            return (
                f"its folder 'variables' has no variables.{part}{'…' if part == 'data-' else ''}, which is one of the "
                "files that hold the weights. Copy the whole folder."
            )
    return ""
