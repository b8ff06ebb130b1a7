"""Why a camera cannot be opened; OpenCV does not distinguish missing, busy and forbidden."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path


def node_of(number: int) -> Path:
    """Return a camera's device file on Linux."""
    return Path(f"/dev/video{number}")


def is_there(number: int, platform: str = sys.platform) -> bool:
    """Return whether a camera may exist; False only if it certainly does not."""
    return not platform.startswith("linux") or node_of(number).exists()


def why_not(number: int, platform: str = sys.platform) -> str:
    """Return why a camera could not be opened.

    Args:
        number: the camera's number.
        platform: as `sys.platform` names it.

    Returns:
        One line: the reason and what to do.
    """
    name = f"camera {number}"
    if platform == "darwin":
        return (
            f"{name} could not be opened: there is none, or this program may not use it. Allow it in System "
            "Settings > Privacy & Security > Camera, or try --source demo."
        )
    if platform == "win32":
        return (
            f"{name} could not be opened: there is none, another program uses it, or it is switched off in "
            "Settings > Privacy & security > Camera. Try --source demo."
        )
    node = node_of(number)
    if not node.exists():
        return f"there is no {name} ({node} does not exist). Plug one in, or try --source demo."
    try:
        os.close(os.open(node, os.O_RDWR | os.O_NONBLOCK))
    except PermissionError:
        return (
            f"permission to use {name} ({node}) is denied. Join the group it belongs to, most often with "
            "'sudo usermod -aG video $USER', and log in again; or try --source demo."
        )
    except OSError as error:
        if error.errno != errno.EBUSY:
            return f"{name} ({node}) could not be opened: {error.strerror}. Try --source demo."
    else:
        # Most webcams have a second node that gives no pictures.
        return (
            f"{name} ({node}) is in use by another program, or gives no pictures. Close that program, name "
            "another camera, or try --source demo."
        )
    return f"{name} ({node}) is in use by another program. Close that one, or try --source demo."
