"""The way of the imports: who may know whom, and that the check for it can fail."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "live_gradcam"

# cli → commands → pipeline | audit → session | archive | server → live → teach → metrics → explain → models
# | sources | render | sinks → values
VALUES = frozenset(
    (
        "cache_files closeable config errors escaping explanation faithfulness file_names frame heatmap media_file "
        "fixed_choices name_suggestions number_format plugins prediction question redaction rendered_picture "
        "report_photos stream_address "
        "run_statistics setting setting_choices setting_types settings_json source_address statistics_file "
        "taught_head timing translations version viewer_input"
    ).split()
)
GROUND = VALUES | {"concurrency", "process"}
ROOMS = frozenset({"explain", "metrics", "models", "sources", "render", "sinks", "teach"})
LOOPS = frozenset({"archive", "audit", "camera_widget", "notebook", "pipeline", "session", "server"})
MAY_IMPORT = {
    **dict.fromkeys(GROUND, GROUND),
    **dict.fromkeys(ROOMS, GROUND),
    "explain": GROUND | {"models"},
    "metrics": GROUND | {"explain", "models"},
    "teach": GROUND | {"explain", "metrics", "models", "sources"},  # folders of pictures and clips
    "settings_check": GROUND | ROOMS,
    "live": GROUND | ROOMS,
    "session": GROUND | ROOMS | {"live"},
    "pipeline": GROUND | ROOMS | {"live", "session", "settings_check"},
    "notebook": GROUND | ROOMS,
    "camera_widget": GROUND | ROOMS | {"server"},  # the page's answers and modules
    "archive": GROUND | ROOMS,  # a loop over files: nobody watches
    "audit": GROUND | ROOMS | {"archive", "session"},  # the frames of saved sessions
    "server": GROUND | ROOMS,
    "commands": GROUND | ROOMS | LOOPS | {"settings_check"},
    "cli": GROUND | ROOMS | LOOPS | {"commands"},
    "__main__": frozenset({"cli", "process"}),
}
"""Room → the rooms it may import, beside itself. A room is a folder or a module at the top of the package."""

FACE = "__init__"  # names everything, and loads it when it is asked for
MAY_IMPORT_TENSORFLOW = frozenset({"models", "explain", "teach"})
TENSORFLOW = frozenset({"tensorflow", "keras"})
VAGUE = frozenset({"base", "common", "core", "helper", "helpers", "misc", "util", "utils"})
MOST_LINES = 300


@cache
def nodes(code: str) -> tuple[ast.AST, ...]:
    """Return all nodes of a module's syntax tree."""
    return tuple(ast.walk(ast.parse(code)))


def imported(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Give (line, full dotted name) of everything that a module imports, wherever in it and however."""
    home = [package.name, *path.relative_to(package).parent.parts]
    for node in nodes(path.read_text("utf-8")):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                anchor = home[: len(home) + 1 - level] if level else []
                stem = ".".join([*anchor, *([module] if module else [])])
                yield from ((node.lineno, f"{stem}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def breaches(package: Path) -> list[str]:
    """Return one line for each breach of the architecture in a package."""
    found = []
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        room = inside.parts[0].removesuffix(".py")
        lines = path.read_text("utf-8").count("\n")
        if lines > MOST_LINES:
            found.append(f"{inside.as_posix()}: {lines} lines, and {MOST_LINES} are the most")
        found += [
            f"{inside.as_posix()}: '{part}' is no noun for what is in it"
            for part in inside.with_suffix("").parts
            if part in VAGUE
        ]
        if room == FACE:
            continue
        if room not in MAY_IMPORT:
            found.append(f"{inside.as_posix()}: '{room}' has no place among the rooms")
            continue
        for line, name in imported(path, package):
            fault = fault_of(room, name, package.name)
            if fault is not None:
                found.append(f"{inside.as_posix()}:{line}: {fault}")
    return found


def fault_of(room: str, name: str, package: str) -> str | None:
    """Return what is wrong with importing `name` in a room; None where nothing is."""
    top, *rest = name.split(".")
    if top in TENSORFLOW and room not in MAY_IMPORT_TENSORFLOW:
        return f"{room} imports {top}"
    if top != package or not rest:
        return None
    if rest[0] not in MAY_IMPORT:
        return f"{room} imports {rest[0]} through the package's face"
    if rest[0] != room and rest[0] not in MAY_IMPORT[room]:
        return f"{room} imports {rest[0]}"
    return None


@pytest.mark.long
def test_the_package_keeps_to_its_architecture() -> None:
    assert breaches(PACKAGE) == []


def test_the_check_sees_the_package_and_its_imports() -> None:
    names = {name for path in PACKAGE.rglob("*.py") for _, name in imported(path, PACKAGE)}
    assert "live_gradcam.frame.Frame" in names
    assert any(name.startswith("tensorflow") for name in names)


@pytest.mark.parametrize(
    ("module", "code", "breach"),
    [
        ("sources/video.py", "from live_gradcam.sinks.window import Window", "1: sources imports sinks"),
        ("sources/video.py", "from ..sinks import window", "1: sources imports sinks"),
        ("sources/deep/video.py", "from ...sinks import window", "1: sources imports sinks"),
        ("render/heat.py", "import live_gradcam.explain.explainer", "1: render imports explain"),
        ("render/heat.py", "def f():\n    from live_gradcam import models", "2: render imports models"),
        ("sinks/window.py", "from live_gradcam.pipeline import run", "1: sinks imports pipeline"),
        (
            "models/zoo.py",
            "from live_gradcam.explain.target_layer import layer_at",
            "1: models imports explain",
        ),
        (
            "explain/input_fitting.py",
            "from live_gradcam.render.single_picture import draw",
            "1: explain imports render",
        ),
        ("frame.py", "from live_gradcam.sources.source import Source", "1: frame imports sources"),
        ("pipeline.py", "from live_gradcam.commands import live", "1: pipeline imports commands"),
        ("pipeline.py", "import live_gradcam.server.page", "1: pipeline imports server"),
        ("pipeline.py", "from live_gradcam.archive.stages import flow", "1: pipeline imports archive"),
        ("archive/video.py", "import live_gradcam.pipeline", "1: archive imports pipeline"),
        ("archive/video.py", "from live_gradcam.live.loops import run_live", "1: archive imports live"),
        ("commands/live.py", "from live_gradcam import cli", "1: commands imports cli"),
        ("commands/live.py", "import tensorflow as tf", "1: commands imports tensorflow"),
        ("pipeline.py", "from keras.layers import Dense", "1: pipeline imports keras"),
        ("timing.py", "import importlib\nimportlib.import_module('keras')", "2: timing imports keras"),
        (
            "sinks/window.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import live_gradcam.sources.source",
            "3: sinks imports sources",
        ),
        (
            "sources/video.py",
            "from live_gradcam import draw",
            "1: sources imports draw through the package's face",
        ),
        ("plots.py", "", " 'plots' has no place among the rooms"),
        ("render/utils.py", "", " 'utils' is no noun for what is in it"),
        ("render/common/heat.py", "", " 'common' is no noun for what is in it"),
        ("render/heat.py", "x = 1\n" * 301, " 301 lines, and 300 are the most"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, module: str, code: str, breach: str) -> None:
    path = tmp_path / "live_gradcam" / module
    path.parent.mkdir(parents=True)
    path.write_text(code, "utf-8")
    assert breaches(tmp_path / "live_gradcam") == [f"{module}:{breach}"]


@pytest.mark.parametrize(
    ("module", "code"),
    [
        (
            "__init__.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from live_gradcam import cli",
        ),
        (
            "cli.py",
            "from live_gradcam.version import __version__\nfrom live_gradcam.commands.live import live",
        ),
        ("commands/live.py", "from live_gradcam.pipeline import run\nfrom live_gradcam.models import zoo"),
        ("explain/explainer.py", "import tensorflow as tf\nfrom live_gradcam.models.model import Model"),
        (
            "sources/demo/demo.py",
            "from live_gradcam.frame import Frame\nfrom live_gradcam.sources.demo.desk import Desk",
        ),
    ],
)
def test_what_is_allowed_is_no_breach(tmp_path: Path, module: str, code: str) -> None:
    path = tmp_path / "live_gradcam" / module
    path.parent.mkdir(parents=True)
    path.write_text(code, "utf-8")
    assert breaches(tmp_path / "live_gradcam") == []


def graph_of(package: Path) -> dict[str, set[str]]:
    """Return module → the modules of the package that it imports, wherever in it."""
    modules = {
        ".".join((package.name, *path.relative_to(package).with_suffix("").parts)): path
        for path in package.rglob("*.py")
        if path.name != "__init__.py"
    }
    found: dict[str, set[str]] = {}
    for module, path in modules.items():
        names = [name for _, name in imported(path, package)]
        found[module] = {
            each for name in names for each in (name, name.rpartition(".")[0]) if each in modules
        }
        found[module].discard(module)
    return found


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that import themselves by way of others."""

    def reached(begin: str) -> set[str]:
        seen: set[str] = set()
        ahead = [*graph[begin]]
        while ahead:
            module = ahead.pop()
            if module not in seen:
                seen.add(module)
                ahead += graph[module]
        return seen

    return sorted(module for module in graph if module in reached(module))


def classes_of_one_name(package: Path) -> dict[str, list[str]]:
    """Return name → modules of each class name that several modules define."""
    found: dict[str, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        for node in nodes(path.read_text("utf-8")):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(path.relative_to(package).as_posix())
    return {name: paths for name, paths in found.items() if len(paths) > 1}


CONCRETE = ("Source", "Recorder", "Window", "Snapshot", "Snapshots", "Null", "RecordingView", "EarlierView")
"""Endings of the names of concrete sources, sinks and views."""

PROTOCOLS = frozenset({"Source", "Sink"})


def concrete_tests(package: Path) -> list[str]:
    """Return one line for each `isinstance` on a concrete source, sink or view outside its room."""
    homes: dict[str, str] = {}
    for path in package.rglob("*.py"):
        room = path.relative_to(package).parts[0]
        if room in ("sources", "sinks", "session", "live"):
            for node in nodes(path.read_text("utf-8")):
                if (
                    isinstance(node, ast.ClassDef)
                    and node.name.endswith(CONCRETE)
                    and node.name not in PROTOCOLS
                ):
                    homes[node.name] = room
    found = []
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0]
        for node in nodes(path.read_text("utf-8")):
            match node:
                case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
                    names = {each.id for each in ast.walk(kinds) if isinstance(each, ast.Name)}
                    found += [
                        f"{path.relative_to(package).as_posix()}:{node.lineno}: {name}"
                        for name in sorted(names)
                        if homes.get(name, room) != room
                    ]
    return found


SMALL = frozenset(
    {
        "process.opencv_environment",  # OpenCV reads it while it is imported, so it comes before all else
        "server.time_slices",  # asks two queues of the server, so it stands above them
    }
)
"""Modules of under 80 lines with one importer, beside commands, which have a file each."""


def fragments(package: Path) -> list[str]:
    """Return the modules of under 80 lines that one other module imports: they belong to that one."""
    graph = graph_of(package)
    importers = Counter(each for imports in graph.values() for each in imports)
    small = [
        module
        for module in graph
        if importers[module] == 1
        and len(package.parent.joinpath(*module.split(".")).with_suffix(".py").read_text().splitlines()) < 80
    ]
    names = sorted(module.partition(".")[2] for module in small)
    return [name for name in names if not name.startswith("commands.")]


def test_a_small_module_is_needed_by_more_than_one_other() -> None:
    assert set(fragments(PACKAGE)) <= SMALL


def test_a_fragment_is_found(tmp_path: Path) -> None:
    package = tmp_path / "live_gradcam"
    for module, code in {
        "render/heat.py": "from live_gradcam.render import small, both",
        "render/label.py": "from live_gradcam.render import both, large",
        "render/small.py": "x = 1\n",
        "render/both.py": "x = 1\n",
        "render/large.py": "x = 1\n" * 80,
    }.items():
        path = package / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, "utf-8")
    assert fragments(package) == ["render.small"]


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circles(graph_of(PACKAGE)) == []


def test_no_two_modules_define_classes_of_one_name() -> None:
    assert classes_of_one_name(PACKAGE) == {}


def test_only_its_own_room_asks_which_source_sink_or_view_something_is() -> None:
    assert concrete_tests(PACKAGE) == []


def test_a_circle_a_second_class_and_a_test_for_a_concrete_source_are_found(tmp_path: Path) -> None:
    package = tmp_path / "live_gradcam"
    for module, code in {
        "sources/video.py": "from live_gradcam.sources import stream\nclass VideoSource: ...",
        "sources/stream.py": "def f():\n    from live_gradcam.live.loops import run\nclass Feed: ...",
        "live/loops.py": "import live_gradcam.sources.video\nisinstance(1, int | VideoSource)\nclass Feed: ...",
        "frame.py": "class Frame: ...",
    }.items():
        path = package / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, "utf-8")
    names = ["live.loops", "sources.stream", "sources.video"]
    assert circles(graph_of(package)) == [f"live_gradcam.{name}" for name in names]
    assert classes_of_one_name(package) == {"Feed": ["live/loops.py", "sources/stream.py"]}
    assert concrete_tests(package) == ["live/loops.py:2: VideoSource"]


THREADS = frozenset(
    {"Thread", "Timer", "ThreadPoolExecutor", "ProcessPoolExecutor", "start_new_thread"}
    | {"to_thread", "run_in_executor", "ThreadingHTTPServer"}
)
THREAD_ROOM = "concurrency"
MAY_START_THREADS = {
    "server/app.py": "asyncio.to_thread: what would hold up the event loop, in a pool that the loop shuts down",
    "server/camera_stream.py": "asyncio.to_thread: likewise, to encode a JPEG that a coroutine waits for",
    "server/teaching.py": "asyncio.to_thread: likewise, to take an example",
    "server/heat_testing.py": "asyncio.to_thread: likewise, to cover parts of a picture",
    "server/report_pages.py": "asyncio.to_thread: likewise, to read the report and its photographs",
}
"""Module → why it may start threads by other means than `WorkerThread`."""


def started_threads(package: Path) -> list[str]:
    """Return one line for each place outside `concurrency/` that starts a thread by hand."""
    found = []
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        if inside.parts[0] == THREAD_ROOM or inside.as_posix() in MAY_START_THREADS:
            continue
        for node in nodes(path.read_text("utf-8")):
            match node:
                case ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name) if name in THREADS:
                    found.append(f"{inside.as_posix()}:{node.lineno}: {name}")
    return found


def test_only_one_room_starts_threads() -> None:
    assert started_threads(PACKAGE) == []


def test_every_exception_for_threads_is_needed() -> None:
    for module in MAY_START_THREADS:
        names = {
            node.attr
            for node in nodes((PACKAGE / module).read_text("utf-8"))
            if isinstance(node, ast.Attribute)
        }
        assert names & THREADS == {"to_thread"}, module


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import threading\nthreading.Thread(target=print).start()", "2: Thread"),
        ("import threading\n\nclass Reader(threading.Thread): ...", "3: Thread"),
        ("from threading import Timer as Later", "1: Timer"),
        ("import asyncio\nasyncio.to_thread(print)", "2: to_thread"),
        ("from concurrent.futures import ThreadPoolExecutor", "1: ThreadPoolExecutor"),
    ],
)
def test_a_thread_started_by_hand_is_found(tmp_path: Path, code: str, name: str) -> None:
    for module in ("sinks/recorder.py", "concurrency/worker_thread.py", "server/app.py"):
        path = tmp_path / "live_gradcam" / module
        path.parent.mkdir(parents=True)
        path.write_text(code, "utf-8")
    assert started_threads(tmp_path / "live_gradcam") == [f"sinks/recorder.py:{name}"]
