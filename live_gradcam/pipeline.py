"""The pipeline of a run: opens the source, the models and the sinks, and starts the loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live_gradcam.config import FilePath, Settings
from live_gradcam.errors import SinkError
from live_gradcam.explain.concept_answers import ConceptAnswers, Waits
from live_gradcam.explain.methods.method import method_of
from live_gradcam.live.choice import Menu
from live_gradcam.live.initial_view import initial_view, turned_by_hand
from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.live.loops import run_file, run_live
from live_gradcam.live.outputs import Outputs, Run, open_outputs
from live_gradcam.live.run_controller import RunController
from live_gradcam.live.run_setup import (
    Preloading,
    Tell,
    about,
    half_of_opencvs_threads,
    has_window,
    how_it_ends,
    load,
    menu_of,
    refuse_outputs,
)
from live_gradcam.live.spare_tests import PAUSE_SECONDS, SpareTests
from live_gradcam.live.teaching_view import TeachingView
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.process.lifecycle import requests_ignored
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.session.saving_view import refuse_session_folder, view_maker
from live_gradcam.setting import keywords_of, refuse_unknown_keywords, settings_of
from live_gradcam.settings_check import refuse_typos
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.sources.opening import open_sources
from live_gradcam.sources.source import Source, is_live
from live_gradcam.statistics_file import write_report
from live_gradcam.taught_head import NOTHING_TAUGHT
from live_gradcam.teach.lesson_guide import LessonGuide
from live_gradcam.teach.taught_answers import TaughtAnswers
from live_gradcam.teach.teacher import Teacher

if TYPE_CHECKING:
    from live_gradcam.explain.engine import Engine
    from live_gradcam.explain.question_switch import Answers

logger = logging.getLogger(__name__)

MakeTeacher = Callable[["Engine"], Teacher]
"""Makes what is taught, from the engine whose first model has the features."""

NO_OUTPUTS = Outputs()

_STILL_FPS = 5
"""A file with a lower frame rate counts as single pictures: heat is neither tracked nor smoothed between them."""


@keywords_of(Settings)
def run(*, tell: Tell | None = None, **settings: Any) -> Run:  # noqa: ANN401 - the fields of Settings
    """Capture, explain, show and record, as the command line does.

    The run ends with the source, after `frames` or `duration`, when the viewer quits or closes the window, or on
    Ctrl-C. The recording is finished in each case.

    Args:
        tell: receives each message; None: messages are logged.
        settings: fields of `Settings`, such as `source=0, model="vgg16", record="out.mp4"`. `source` may be an open
            `Source`, and `sinks` may hold open `Sink`s: both are closed at the end. `method` may be a function of your
            own (`CamFunction`).

    Raises:
        LiveGradcamError: the run is impossible; the message says why, and what to do.
        TypeError: there is no such setting.
    """
    refuse_unknown_keywords("run", settings, settings_of(Settings), described="run")
    if callable(method := settings.get("method")):
        settings["method"] = method_of(method).name
    return run_with(Settings(**settings), tell or logger.info)


def run_with(
    chosen: Settings,
    say: Tell,
    teach: MakeTeacher | None = None,
    *,
    lesson: LessonGuide | None = None,
    open_source: Callable[[Settings], Source] = open_sources,
) -> Run:
    """Do what `run` does, for settings that are complete.

    Args:
        chosen: the settings of the run.
        say: receives each message.
        teach: makes what the viewer teaches in the window; None: nothing is taught.
        lesson: leads the viewer through a lesson; None: the viewer teaches freely.
        open_source: opens the source that the settings name.

    Raises:
        LiveGradcamError: as in `run`.
    """
    done = Run(RunStatistics())
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        # Check typos, files and the display before anything slow.
        refuse_typos(chosen)
        refuse_outputs(chosen)
        if chosen.save_session is not None:
            refuse_session_folder(Path(chosen.save_session))
        background = stack.enter_context(ExitStack())  # ends last, when all files are finished
        stack.enter_context(Preloading(chosen))
        source = stack.enter_context(open_source(chosen))
        done.source = source.name
        windowed = has_window(chosen, source, say)
        say(source.describe())
        sinks = SinkGroup()
        done.failures = sinks.failures
        stack.callback(_finish, sinks, done, chosen.stats)
        # Called with the first picture; `engine` exists by then.
        told = cache(lambda: about(chosen, source, engine))
        outputs = open_outputs(chosen, source, sinks, done, told, stack, say, windowed=windowed)
        engine = load(chosen, source.size, say, None if teach is None else NOTHING_TAUGHT)
        background.callback(engine.close)
        teacher = None if teach is None else teach(engine)
        done.model, done.method = engine.models[0].name, chosen.method.casefold()
        if ending := how_it_ends(chosen, source, windowed=windowed):
            say(ending)
        if outputs.recorder is not None:
            told()  # before the loop, because hashing the weights of a large model takes a moment
        asked = engine if teacher is None else TaughtAnswers(engine, teacher)
        answers = ProvedAnswers(asked, chosen.fit, [model.input_size for model in engine.models])
        play(
            source,
            answers,
            sinks,
            chosen,
            done.statistics,
            menu=menu_of(engine, chosen),
            outputs=outputs,
            tester=answers,
            teacher=teacher,
            lesson=lesson,
        )
        if not windowed:  # nobody waits
            background.callback(engine.settle)
    return done


def play(
    source: Source,
    answers: Answers,
    sinks: SinkGroup,
    settings: Settings,
    statistics: RunStatistics,
    *,
    menu: Menu | None = None,
    outputs: Outputs = NO_OUTPUTS,
    tester: ProvedAnswers | None = None,
    teacher: Teacher | None = None,
    lesson: LessonGuide | None = None,
) -> None:
    """Run the loop until the source, the viewer or the settings end it.

    Args:
        source: the open source; a live one is closed at the end.
        answers: answers questions about frames.
        sinks: the open sinks; they stay open.
        settings: the first question, the appearance, and the end of the run.
        statistics: counts everything.
        menu: what the viewer can choose from; None: the method of the settings only.
        outputs: what the viewer's keys write to.
        tester: begins the masking tests in spare time; None: there are none.
        teacher: is taught in the window; None: nothing is taught.
        lesson: leads the viewer; None: nothing does.
    """
    still = not source.live and (source.fps is None or source.fps < _STILL_FPS)
    in_window = sinks.window is not None
    frames = {
        "live": source.live,
        "still": still,
        "slides": turned_by_hand(source, settings, in_window=in_window),
        # A recording or snapshot that the settings ask for has the source's own size.
        "legible": in_window and outputs.recorder is None and settings.snapshot is None,
        # Nobody waits for a file without a window.
        "proves": bool(settings.faithfulness) and not source.live and not in_window,
    }
    tests = None if tester is None else SpareTests(tester, statistics, pause=0.0 if still else PAUSE_SECONDS)
    view = initial_view(
        settings,
        menu or Menu(methods=(settings.method,)),
        **frames,
        make=view_maker(settings, **frames)
        if teacher is None
        else partial(TeachingView, teaching=teacher, lesson=lesson),
    )
    with ExitStack() as stack:
        stack.callback(_close_session, view, sinks)
        show = RunController(
            source,
            sinks,
            view,
            settings,
            statistics,
            snapshots=outputs.snapshots,
            clips=outputs.clips,
            make_recorder=outputs.make_recorder,
            recorder=outputs.recorder,
        )
        answers = stack.enter_context(
            ConceptAnswers(answers, _waits(source, still=still, in_window=in_window))
        )
        if is_live(source):
            stack.enter_context(half_of_opencvs_threads())
            run_live(source, answers, show, statistics, tests)
        else:
            run_file(source, answers, show, statistics, tests)


def _waits(source: Source, *, still: bool, in_window: bool) -> Waits:
    """Return which answers wait for a fit of concepts: of a camera none, of pictures that are independent all."""
    if source.live:
        return "never"
    if still:
        return "single"
    return "first" if in_window else "always"


def _close_session(view: InteractiveView, sinks: SinkGroup) -> None:
    with requests_ignored():
        view.close()
    if view.failure is not None:
        sinks.failures.append(view.failure)
        logger.warning("%s", view.failure)


def _finish(sinks: SinkGroup, done: Run, stats: FilePath | None) -> None:
    """Finish the recording and write the statistics; a second Ctrl-C does not interrupt them."""
    with requests_ignored():
        sinks.close()
        if stats is None:
            return
        try:
            write_report(done.report(), Path(stats))
        except SinkError as error:
            done.failures.append(str(error))
            logger.warning("%s", error)
