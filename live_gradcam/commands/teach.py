"""`teach`: teach a classifier your own things in front of the camera, and see what it really learned."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_gradcam.commands import positional_source
from live_gradcam.commands.options import given, takes_settings
from live_gradcam.config import FilePath, Settings
from live_gradcam.errors import SettingsError, SinkError, SourceError
from live_gradcam.escaping import shown
from live_gradcam.number_format import counted
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.setting import in_output

if TYPE_CHECKING:
    from live_gradcam.explain.engine import Engine
    from live_gradcam.pipeline import MakeTeacher
    from live_gradcam.taught_head import TaughtHead
    from live_gradcam.teach.teacher import Teacher

_WITHOUT = ("beside", "save_session", "snapshot")
_SUFFIX = ".keras"

_MOST_FOLDERS, _MOST_OF_A_FOLDER = 100, 2000
"""The most classes of a folder, and the most pictures of each that are learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachSettings:
    """The settings of `teach` besides those of `live`."""

    out: FilePath = in_output(
        "taught.keras",
        "Model file to write, with the key w and at the end; names of the classes are written beside it.",
        metavar="FILE.keras",
    )
    examples: FilePath | None = in_output(
        None,
        "Folder that keeps the pictures, so that you can go on later.",
        metavar="FOLDER",
        usual="NAME-examples beside the model file",
    )
    lesson: bool = in_output(
        False,
        "Lead through a lesson in six steps: what a classifier learns that saw each thing in front of one background "
        "only. With --source demo no camera is needed.",
    )


@takes_settings(TeachSettings, Settings, without=_WITHOUT)
def teach(
    context: typer.Context,
    bare: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE|FOLDER",
            help="The camera or other source, the same as --source; or a folder with a folder of pictures or clips for "
            "each class, which are learned without a window.",
            show_default=False,
        ),
    ] = None,
    **typed: Any,  # noqa: ANN401 - each of its setting's kind
) -> None:
    """Teach a classifier your own things: hold 1 to 9 in the window while the camera sees them."""
    own = TeachSettings(**given(TeachSettings, typed))
    out = Path(own.out)
    if out.suffix != _SUFFIX:
        raise SettingsError(f"--out is '{shown(out)}': a taught model is saved as NAME{_SUFFIX}.")

    from live_gradcam.teach.class_folders import is_folder_of_classes
    from live_gradcam.teach.fitting import refuse_without_library

    refuse_without_library()
    folder = Path(bare[0]) if bare and len(bare) == 1 else None
    if folder is not None and is_folder_of_classes(folder):
        if own.lesson:
            raise SettingsError(
                f"--lesson needs a window and a camera, and {shown(folder)} is a folder of pictures. "
                "Leave out one of them."
            )
        settings = Settings(**given(Settings, typed))
        _refuse(out, overwrite=settings.overwrite)
        _teach_folder(folder, settings, out)
        return
    if folder is not None and folder.is_dir():
        raise SourceError(
            f"{shown(folder)} has no folders with pictures: put the pictures of each class into a folder of its own, "
            "of two classes at least."
        )
    typed = {**typed, "source": positional_source.source_of(context, bare, typed["source"])}
    settings = Settings(**given(Settings, typed))
    examples = out.with_name(f"{out.stem}-examples") if own.examples is None else Path(own.examples)
    if own.lesson and examples.exists():
        raise SinkError(
            f"{shown(examples)} exists already, and the lesson begins with nothing taught. "
            "Choose another --out, or remove that folder."
        )
    if not examples.exists():  # else this goes on with what that file was fitted to
        _refuse(out, overwrite=settings.overwrite)
    _teach_live(settings, out, examples, lesson=own.lesson)


def _refuse(out: Path, *, overwrite: bool) -> None:
    """Refuse to replace a file.

    Raises:
        SinkError: it exists, and may not be replaced.
    """
    if out.exists() and not overwrite:
        raise SinkError(f"{shown(out)} exists already. Choose another name, or allow it: --overwrite.")


def _teach_live(settings: Settings, out: Path, examples: Path, *, lesson: bool) -> None:
    from live_gradcam.pipeline import run_with
    from live_gradcam.teach.examples_folder import ExamplesFolder
    from live_gradcam.teach.learn_thread import LearnThread

    folder = ExamplesFolder(examples)
    made: list[Teacher] = []
    with LearnThread() as thread:

        def make(engine: Engine) -> Teacher:
            from live_gradcam.teach.feature_extractor import FeatureExtractor
            from live_gradcam.teach.teacher import Teacher

            made.append(
                Teacher(
                    FeatureExtractor(engine, engine.models[0].input_size),
                    save=lambda head: _saved(engine, head, out),
                    do=thread.do,
                    folder=folder,
                )
            )
            return made[0]

        if lesson:
            _run_lesson(settings, make)
        else:
            run_with(settings, typer.echo, make)
        if made:
            typer.echo("writing what is not written yet …")
            made[0].finish()
            thread.finish()
            if made[0].state.failure:
                raise SinkError(made[0].state.failure)
    if made and made[0].state.saved is not None:
        typer.echo(
            f"saved {shown(out)} ({', '.join(map(shown, made[0].head.labels))}); pictures in {shown(examples)}"
        )
    else:
        typer.echo("nothing was saved: two classes are needed")


def _run_lesson(settings: Settings, make: MakeTeacher) -> None:
    """Lead through the lesson; the demo plays what the viewer would hold in front of a camera."""
    from live_gradcam.pipeline import run_with
    from live_gradcam.teach.lesson_guide import LessonGuide

    if settings.source != "demo":
        run_with(settings, typer.echo, make, lesson=LessonGuide())
        return
    from live_gradcam.sources.camera.camera_feed import DEFAULT_FPS, DEFAULT_SIZES
    from live_gradcam.sources.demo.lesson_demo import LessonDemo

    with LessonDemo(size=settings.size or DEFAULT_SIZES[0], fps=settings.camera_fps or DEFAULT_FPS) as demo:
        props = demo.props
        labels = (props.thing_names[0].removeprefix("the "), props.thing_names[1].removeprefix("the "))
        guide = LessonGuide(props.thing_names, props.background_names, names=labels, show=demo.show)
        run_with(settings, typer.echo, make, lesson=guide, open_source=lambda _: demo)


def _saved(engine: Engine, head: TaughtHead, out: Path) -> str:
    with native_stderr_filtered():  # it may be the first that loads TensorFlow
        from live_gradcam.teach.saved_model import save_taught_model

        save_taught_model(engine.models[0].loaded(), head, out)
    return out.name


def _teach_folder(folder: Path, settings: Settings, out: Path) -> None:
    """Learn the classes of a folder, and write the model file."""
    from live_gradcam.teach.class_folders import class_folders

    classes = class_folders(folder)
    typer.echo(f"{counted(len(classes), 'class')} in {shown(folder)}")

    import numpy as np

    from live_gradcam.commands.progress import EvaluateProgress  # it loads OpenCV
    from live_gradcam.explain.loading import load_engine
    from live_gradcam.metrics.changed_pictures import seen_part
    from live_gradcam.taught_head import NOTHING_TAUGHT
    from live_gradcam.teach.class_folders import bursts_in
    from live_gradcam.teach.examples import Examples, burst_of
    from live_gradcam.teach.feature_extractor import FeatureExtractor
    from live_gradcam.teach.learner import findings_about, lesson_from

    engine = load_engine(settings, (640, 480), typer.echo, head=NOTHING_TAUGHT)
    try:
        size = engine.models[0].input_size
        extractor = FeatureExtractor(engine, size)
        examples = Examples(most_examples=_MOST_OF_A_FOLDER, most_classes=_MOST_FOLDERS)
        with EvaluateProgress(quiet=False) as progress:
            progress.begin(sum(len(each.files) for each in classes))
            for each in classes:
                for pictures in bursts_in(each.files):
                    seen = [extractor.seen(seen_part(picture, settings.fit, size)[0]) for picture in pictures]
                    burst = burst_of(extractor, np.stack(seen), time.time())
                    examples = examples.with_burst(each.name, burst)
                    progress.advance(1)
        missing = [each.name for each in classes if each.name not in examples.labels]
        if missing:
            raise SourceError(f"no picture of '{shown(missing[0])}' can be read: nothing was learned.")
        lesson = lesson_from(examples)
        found = findings_about(lesson, examples, extractor)
        for name in examples.labels:
            typer.echo(f"{shown(name)}: {counted(examples.count(name), 'picture')}")
        if found.tried:
            share = f"{found.right} of {found.tried} ({found.right / found.tried:.0%})"
            typer.echo(f"right on {share} of the pictures that were left out of the learning")
        for pair in found.learned.by_background:
            typer.echo(shown(f"{pair.finding}: look closer with `live-gradcam audit`"))
        _saved(engine, lesson.head, out)
        typer.echo(f"saved {shown(out)}")
    finally:
        engine.close()
