"""Send what the network sees somewhere else: here each change of the class on top, with its frame, to a text file.

    python examples/own_sink.py photo.jpg diary.txt

A sink may also switch a relay, post to a message queue, or feed another window. It has a thread of its own, so it may
take its time. As a plug-in, the same class makes `live-gradcam --sink diary:diary.txt` work: docs/plugins.md.
"""

import sys
from pathlib import Path

import live_gradcam as lg


class Diary(lg.Sink):
    """Writes a line when another class comes on top."""

    name = "diary"

    def __init__(self, rest: str) -> None:
        self.file, self.last = Path(rest), ""
        self.file.write_text("", "utf-8")

    def write(self, rendered: lg.Rendered) -> None:
        """Take one picture: `rendered.pixels` is the picture, `rendered.explanation` what is known about it."""
        top = () if rendered.explanation is None else rendered.explanation.top
        if top and top[0].label != self.last:
            self.last = top[0].label
            with self.file.open("a", encoding="utf-8") as file:
                file.write(f"frame {rendered.frame.index}: {self.last}\n")


if __name__ == "__main__":
    lg.run(source=sys.argv[1], sinks=[Diary(sys.argv[2])], window=False)
