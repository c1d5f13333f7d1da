"""Registration with TensorRT's own Python bindings, where they are installed, and what the plugin answers.

Without TensorRT's libraries the bindings load on three small ones that are made here. Into a venv of its own:
    pip install --no-deps tensorrt-cu13 tensorrt-cu13-bindings tensorrt-lean-cu13-libs
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from host_kernel import compiler

from scr_live.convert.semantic_warp import KERNEL_NAMES, PTX, launch, plugin
from scr_live.errors import EngineUnavailableError

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("plugin_probe.py")
SHAPES = [[1, 48, 22, 22], [2, 16, 224, 224], [1, 3, 7, 5], [70_000, 1, 1, 1]]

STAND_INS = {
    "nvinfer": """
        void* getPluginRegistry();
        void* getBuilderPluginRegistry(int) { return getPluginRegistry(); }
        void* createInferBuilder_INTERNAL(void*, int) { return nullptr; }""",
    "nvinfer_plugin": "bool initLibNvInferPlugins(void*, char const*) { return true; }",
    "nvonnxparser": """
        void* createNvOnnxParser_INTERNAL(void*, void*, int) { return nullptr; }
        void* createNvOnnxParserRefitter_INTERNAL(void*, void*, int) { return nullptr; }
        int getNvOnnxParserVersion() { return 0; }""",
}
"""What the bindings take from each library beside what TensorRT's lean one has."""


def folder_of(package):
    found = importlib.util.find_spec(package)
    return None if found is None else Path(found.submodule_search_locations[0])


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """A folder to be searched first; None: TensorRT is there as a whole."""
    if folder_of("tensorrt") is None:
        pytest.skip("needs TensorRT's Python bindings (package tensorrt-cu13)")
    if folder_of("tensorrt_libs") is not None:
        return None
    lean = folder_of("tensorrt_lean_libs")
    if lean is None:
        pytest.skip("needs TensorRT's libraries, or its lean ones (package tensorrt-lean-cu13-libs)")
    (lean_library,) = lean.glob("libnvinfer_lean.so.*")
    major = lean_library.name.rpartition(".")[2]
    folder = tmp_path_factory.mktemp("libraries")
    for name, functions in STAND_INS.items():
        library = f"lib{name}.so.{major}"
        command = [compiler(), "-shared", "-fPIC", "-xc++", "-", "-o", str(folder / library)]
        options = [f"-Wl,-soname,{library}", "-Wl,--no-as-needed"]
        if name == "nvinfer":
            options += ["-xnone", str(lean_library), f"-Wl,-rpath,{lean}"]
        source = f'extern "C" {{ {functions} }}'
        subprocess.run([*command, *options], input=source, text=True, check=True)
    return folder


@pytest.fixture(scope="module")
def probed(libraries):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if libraries is not None:
        environment["LD_LIBRARY_PATH"] = str(libraries)
    done = subprocess.run(
        [sys.executable, str(PROBE), json.dumps(SHAPES)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index("{") :])  # after the bindings' own lines


def test_the_plugin_is_found_where_the_parser_looks_for_it(probed):
    assert probed["creator"] == ["SemanticWarp", "scr", "1"]
    assert probed["inputs"] == ["up", "low", "flow"]
    assert probed["outputs"] == 1


def test_registering_twice_changes_nothing(probed):
    assert probed["registered_once"]


def test_it_answers_in_the_type_of_its_inputs(probed):
    assert probed["output_types"] == {"fp32": ["FLOAT"], "fp16": ["HALF"]}
    assert sorted(probed["types"]) == [["FLOAT"] * 4, ["HALF"] * 4]
    assert probed["layouts"] == [["LINEAR"] * 4] * 2


@pytest.mark.parametrize("precision", KERNEL_NAMES)
def test_the_launch_is_the_one_of_geometry(probed, precision):
    for (batch, channels, height, width), found in zip(SHAPES, probed["launches"][precision], strict=True):
        expected = launch.geometry(batch, channels, height=height, width=width)
        assert tuple(found[f"grid_{axis}"] for axis in "xyz") == expected.grid
        assert tuple(found[f"block_{axis}"] for axis in "xyz") == expected.block
        assert tuple(found["integers"]) == expected.args
        assert found["kinds"] == ["SymInt32"] * 4
        assert found["shared_mem"] == 0
        assert found["kernel"] == KERNEL_NAMES[precision]
        assert found["ptx"] == PTX.read_text()


def test_a_tensorrt_without_such_plugins_is_refused():
    old = ModuleType("json")  # a package that has no module `plugin`
    old.__version__ = "8.6"
    with pytest.raises(EngineUnavailableError, match=r"needs TensorRT 10\.13 or newer.*found json 8\.6"):
        plugin.register(old)
