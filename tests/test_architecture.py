"""The plan of the house, checked: who may import whom, and what loading the command line costs."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import scr_live
import scr_live.sinks
import scr_live.sources

PACKAGE = Path(scr_live.__file__).parent
ROOT = PACKAGE.parent
VENDORS = frozenset(
    {"av", "cv2", "numpy", "onnx", "onnxruntime", "openvino", "rich", "safetensors", "torch", "typer"}
)
HEAVY = ("torch", "cv2", "av", "openvino", "onnxruntime", "onnx")

# From the ground up; a module may import from its own layer and from those below. The longest name counts.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("scr_live", "scr_live.errors", "scr_live.frames", "scr_live.controls"),
    ("scr_live.content", "scr_live.geometry", "scr_live.card"),
    (
        "scr_live.sources",
        "scr_live.engines",
        "scr_live.sinks",
        "scr_live.overlays",
        "scr_live.phantom",
        "scr_live.network",
        "scr_live.shipped",
        "scr_live.files",
        "scr_live.machine",
    ),
    ("scr_live.pipeline", "scr_live.evaluation", "scr_live.convert", "scr_live.training"),
    ("scr_live.app", "scr_live.console", "scr_live.diagnosis"),
    ("scr_live.cli",),
    ("scr_live.__main__",),
)

# These stand beside each other: an adapter knows nothing of another kind of adapter.
STRANGERS = (
    ("scr_live.sources", ("scr_live.engines", "scr_live.sinks", "scr_live.overlays", "scr_live.network")),
    ("scr_live.engines", ("scr_live.sources", "scr_live.sinks", "scr_live.overlays")),
    ("scr_live.sinks", ("scr_live.sources", "scr_live.engines", "scr_live.overlays", "scr_live.network")),
    ("scr_live.overlays", ("scr_live.sources", "scr_live.engines", "scr_live.sinks", "scr_live.network")),
    ("scr_live.network", ("scr_live.sources", "scr_live.engines", "scr_live.sinks", "scr_live.overlays")),
    ("scr_live.training", ("scr_live.pipeline", "scr_live.sources", "scr_live.sinks")),
    ("scr_live.convert", ("scr_live.pipeline", "scr_live.sources", "scr_live.sinks")),
    (
        "scr_live.pipeline",
        ("scr_live.training", "scr_live.convert", "scr_live.evaluation", "scr_live.network"),
    ),
    (
        "scr_live.evaluation",
        ("scr_live.training", "scr_live.convert", "scr_live.pipeline", "scr_live.sources"),
    ),
)

MAY_IMPORT_TORCH = ("scr_live.engines.pytorch", "scr_live.network", "scr_live.convert", "scr_live.training")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Every module that is imported anywhere in a file, except for its types alone."""
    yield from _imports(ast.parse(path.read_text(encoding="utf-8")))


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"relative import of {node.module}"
        yield from (_module_of(node.module or "", alias.name) for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def _module_of(module: str, name: str) -> str:
    """`from package import module` imports the module, `from module import name` does not."""
    path = ROOT.joinpath(*module.split("."), name)
    return f"{module}.{name}" if path.with_suffix(".py").is_file() or path.is_dir() else module


MODULES = {module_name(path): frozenset(imports_of(path)) for path in sorted(PACKAGE.rglob("*.py"))}


def belongs_to(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def layer_of(module: str) -> int:
    named = [
        (len(package), index)
        for index, layer in enumerate(LAYERS)
        for package in layer
        if module == package or (package != "scr_live" and belongs_to(module, package))
    ]
    assert named, f"{module} has no layer yet: give it one in LAYERS"
    return max(named)[1]


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    ours = [name for name in MODULES[module] if belongs_to(name, "scr_live")]
    upwards = [name for name in ours if layer_of(name) > layer_of(module)]
    assert upwards == []


@pytest.mark.parametrize(
    ("package", "strangers"), STRANGERS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_neighbours_do_not_know_each_other(package, strangers):
    met = {
        (module, name)
        for module, imported in MODULES.items()
        if belongs_to(module, package)
        for name in imported
        for stranger in strangers
        if belongs_to(name, stranger)
    }
    assert met == set()


def test_torch_stays_in_its_rooms():
    users = {
        module for module, imported in MODULES.items() if any(belongs_to(name, "torch") for name in imported)
    }
    assert users
    assert [user for user in users if not any(belongs_to(user, room) for room in MAY_IMPORT_TORCH)] == []


@pytest.mark.parametrize("module", ["scr_live.pipeline.channel", "scr_live.pipeline.crew"])
def test_the_machinery_of_threads_is_standard_library(module):
    allowed = {"scr_live.errors", "scr_live.pipeline.channel"}
    foreign = {
        name for name in MODULES[module] - allowed if name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert foreign == set()


@pytest.mark.parametrize(
    ("module", "vendors"),
    [
        ("scr_live.errors", set()),
        ("scr_live.controls", set()),
        ("scr_live.frames", {"numpy"}),
        ("scr_live.card", {"numpy"}),
        ("scr_live.pipeline.stats", set()),
        ("scr_live.pipeline.timing", {"numpy"}),
    ],
)
def test_what_travels_knows_no_vendor(module, vendors):
    assert {name.partition(".")[0] for name in MODULES[module]} & VENDORS <= vendors


PACKAGES = [name for name in MODULES if (ROOT.joinpath(*name.split(".")) / "__init__.py").is_file()]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_itself_loads_no_vendor(package):
    assert {name.partition(".")[0] for name in MODULES[package]} & VENDORS <= {"numpy"}


def test_the_command_line_loads_nothing_heavy():
    code = f"import sys, scr_live.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=50
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def tracked_texts() -> dict[str, str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    texts = {}
    for name in names.splitlines():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".json", ".yml", ".csv", ""} and path.is_file():
            texts[name] = path.read_text(encoding="utf-8", errors="replace")
    return texts


HOMES = re.compile(r"(?<![\w.])/(?:home|root|Users|work|mnt|opt|workspace)/\w")


def test_no_file_names_a_place_on_somebodys_machine(tracked_texts):
    found = {name: match[0] for name, text in tracked_texts.items() if (match := HOMES.search(text))}
    assert found == {}


def test_nothing_is_left_to_do(tracked_texts):
    word = "TO" + "DO"
    exempt = {"pyproject.toml"}  # it says that there are none
    assert [
        name for name, text in tracked_texts.items() if re.search(rf"\b{word}\b", text) and name not in exempt
    ] == []
