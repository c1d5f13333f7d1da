"""Imports go one way, and what is heavy is imported only where it is at home."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import scr_live

PACKAGE = Path(scr_live.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = (
    ("errors", "frames", "controls", "events", "heap", "machine", "natural", "service"),
    ("files", "file_lock", "gpu", "image_files", "card", "geometry", "planes", "processes"),
    ("manifest",),
    ("content", "shipped", "phantom", "network", "convert.semantic_warp"),
    ("margins", "convert.to_tensorrt"),
    ("engines", "sources", "sinks", "overlays", "tracking"),
    ("predictor",),
    ("pipeline", "evaluation", "faults", "repair", "report"),
    ("app", "convert", "training", "soak"),
    ("archive", "bench"),
    ("console", "diagnosis"),
    ("cli",),
    ("__main__",),
)
"""From the lowest up. A room imports from lower layers and from itself, never from a room beside it."""

CARVED_OUT = ("convert.semantic_warp", "convert.to_tensorrt")
"""Rooms of their own although they lie in another's folder: engines use them at run time, without torch."""

STRANGERS = {
    "training": ("engines", "pipeline", "sources", "sinks"),
    "convert": ("pipeline", "sources", "sinks"),
    "pipeline": ("network", "shipped"),
    "evaluation": ("network", "sinks"),
}
"""What these do without, although it is below them."""

AT_HOME = {
    "torch": ("engines/pytorch.py", "network/", "convert/", "training/"),
    "safetensors": ("network/",),
    "onnx": ("convert/",),
    "tensorrt": ("convert/to_tensorrt/", "convert/semantic_warp/"),
    "tensorrt_rtx": ("convert/to_tensorrt/",),
    "cuda": ("gpu.py",),
    "platformdirs": ("engines/engine_cache.py",),
    "openvino": ("engines/openvino.py", "engines/openvino_rows.py", "bench/"),
    "onnxruntime": ("engines/onnx_runtime.py", "convert/"),
    "av": ("sources/", "sinks/", "repair/", "soak/parts.py"),
    "typer": (
        "cli/__init__.py",
        "cli/archive.py",
        "cli/bench.py",
        "cli/config.py",
        "cli/options.py",
        "cli/signals.py",
        "cli/recording.py",
        "cli/repair.py",
        "cli/report.py",
        "cli/run.py",
        "cli/serving.py",
        "cli/evaluate.py",
        "cli/evaluate_video.py",
        "cli/doctor.py",
        "cli/train.py",
        "cli/ablate.py",
        "cli/export.py",
        "cli/soak.py",
    ),
    "matplotlib": ("report/plots.py", "evaluation/video/plot.py", "bench/plot.py"),
    "rich": ("console/",),
    "pyarrow": ("archive/tables.py",),
    "ray": ("archive/on_ray.py",),
    "fastapi": ("sinks/web/app.py",),
    "starlette": ("sinks/web/",),
    "pydantic": ("sinks/web/schemas.py",),
    "uvicorn": ("sinks/web/worker.py", "sinks/web/protocols.py"),
    "h11": ("sinks/web/protocols.py",),
    "prometheus_client": ("sinks/web/metrics.py",),
}
"""The only places that import these."""

STANDARD_LIBRARY_ONLY = (
    "errors.py",
    "controls.py",
    "events.py",
    "heap.py",
    "natural.py",
    "service.py",
    "faults/schedule.py",
    "pipeline/channel.py",
    "pipeline/crew.py",
    "sources/handoff.py",
)


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


def room_of(name):
    """engines/opening.py -> engines; the `__main__` of a room is an entry like the command line."""
    parts = name.removesuffix(".py").split("/")
    return parts[-1] if parts[-1] == "__main__" else room_at(parts)


def room_at(parts):
    """The room of a module by the parts of its name below scr_live: ("engines", "opening") -> engines."""
    carved_out = ".".join(parts[:2])
    return carved_out if carved_out in CARVED_OUT else parts[0]


def imports_of(path, *, for_types=False):
    """Names of all imported modules, those within functions included; `for_types`: also those for types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not for_types:
            unseen.update(map(id, ast.walk(node)))
    found = set()
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def rooms_imported_by(path):
    parts = [name.split(".") for name in imports_of(path) if name.startswith("scr_live.")]
    return {room_at(part[1:]) for part in parts} - {"__version__"}


def level_of(room):
    levels = [level for level, rooms in enumerate(LAYERS) if room in rooms]
    assert len(levels) == 1, f"{room} needs one place among the layers"
    return levels[0]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path):
    room = room_of(name_of(path))
    if room == "__init__":
        assert rooms_imported_by(path) == set()
        return
    own = {room} if room in CARVED_OUT else {room, name_of(path).split("/")[0]}
    too_high = {other for other in rooms_imported_by(path) - own if level_of(other) >= level_of(room)}
    assert not too_high, f"{name_of(path)} is below or beside {too_high}"


@pytest.mark.parametrize("room", STRANGERS)
def test_these_do_without_each_other(room):
    met = set().union(*(rooms_imported_by(path) for path in (PACKAGE / room).rglob("*.py")))
    assert met.isdisjoint(STRANGERS[room])


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_is_heavy_is_imported_at_home_only(path):
    vendors = {name.split(".")[0] for name in imports_of(path, for_types=True)}
    astray = {vendor for vendor in vendors & set(AT_HOME) if not name_of(path).startswith(AT_HOME[vendor])}
    assert not astray


@pytest.mark.parametrize("name", STANDARD_LIBRARY_ONLY)
def test_these_need_the_standard_library_only(name):
    roots = {imported.split(".")[0] for imported in imports_of(PACKAGE / name, for_types=True)}
    assert roots <= set(sys.stdlib_module_names) | {"scr_live"}


def test_what_travels_knows_no_vendor():
    roots = {imported.split(".")[0] for imported in imports_of(PACKAGE / "frames.py", for_types=True)}
    assert roots <= set(sys.stdlib_module_names) | {"scr_live", "numpy"}


def test_a_package_and_its_command_line_load_nothing_heavy():
    packages = [f"scr_live.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")]
    code = f"""
import importlib, sys
for name in ["scr_live.cli", "scr_live.app", *{packages!r}]:
    importlib.import_module(name)
heavy = ("torch", "cv2", "av", "openvino", "onnxruntime", "onnx", "matplotlib", "pyarrow", "ray")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def tracked_texts():
    if not (PACKAGE.parent / ".git").exists():
        pytest.skip("this is no git checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    files = [PACKAGE.parent / name for name in listing.stdout.split("\0") if name]
    return {
        path: path.read_text(encoding="utf-8")
        for path in files
        if path.suffix in ("", ".py", ".md", ".toml", ".json", ".csv") and path.is_file()
    }


SOMEBODYS_PLACE = re.compile(r"(?<![\w.])/(?:home|root|Users|work|workspace|mnt)/\w")


def test_no_file_names_a_place_on_somebodys_machine(tracked_texts):
    found = {
        path.name: place[0] for path, text in tracked_texts.items() if (place := SOMEBODYS_PLACE.search(text))
    }
    assert found == {}


def test_nothing_is_left_to_be_done(tracked_texts):
    word = re.compile(r"\b(TO" + "DO|FIX" + "ME)\\b")
    pardoned = {"pyproject.toml"}  # it says that there are none
    found = {path.name: left[0] for path, text in tracked_texts.items() if (left := word.search(text))}
    assert set(found) <= pardoned
