"""A process that opens films and plays them to the end: so that a crash, a hang or a flood of memory can be seen.

Reads the names of files, one a line, and answers each with a line of JSON: `frames` or `error` or `surprise`, and
`seconds` and the most memory of the process so far, `megabytes`.
"""

from __future__ import annotations

import itertools
import json
import logging
import sys
import time
from pathlib import Path

from programs import most_memory

from live_gradcam.errors import LiveGradcamError
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.sources.film_display import video_info
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.video import VideoSource

MOST_FRAMES = 300


def played(path: Path) -> dict[str, object]:
    """Open a film, play it, go back in it, and tell how it went."""
    try:
        video_info(path)
        with open_source(path) as source:
            times = [frame.time for frame in itertools.islice(source, MOST_FRAMES)]
            if times != sorted(set(times)):
                return {"surprise": f"times do not rise: {times[:5]} …"}
            if isinstance(source, VideoSource):
                source.seek(times[len(times) // 2])
                source.step_back(times[-1])
            return {"frames": len(times)}
    except LiveGradcamError as error:
        return {"error": str(error)}
    except Exception as error:
        return {"surprise": repr(error)}


def main() -> None:
    """Answer until there is nothing more to read."""
    logging.disable(logging.CRITICAL)
    with native_stderr_filtered():
        for line in sys.stdin:
            began = time.monotonic()
            answer = played(Path(line.rstrip("\n")))
            answer["seconds"] = time.monotonic() - began
            answer["megabytes"] = most_memory() / 1024
            print(json.dumps(answer), flush=True)  # noqa: T201 - it is how it answers


if __name__ == "__main__":
    main()
