"""TensorRT's side: the node scr::SemanticWarp becomes the compiled kernel, which is embedded in the engine.

A "quickly deployable" plugin, ahead of time: it is needed where an engine is built, and not where one is run.
"""

import importlib
import warnings
from types import GenericAlias, ModuleType
from typing import Any, Final

from scr_live.convert.semantic_warp.launch import THREADS_PER_BLOCK, grid_of
from scr_live.convert.semantic_warp.ptx import KERNEL_NAMES, PTX
from scr_live.errors import EngineUnavailableError

NAMESPACE: Final = "scr"
NAME: Final = "SemanticWarp"
VERSION: Final = "1"
PLUGIN_ID: Final = f"{NAMESPACE}::{NAME}"

_INPUTS: Final = ("up", "low", "flow")
_TYPES: Final = ", ".join(["FP32|FP16"] * 4)  # up, low, flow, out: all of one type


def register(tensorrt: ModuleType) -> None:
    """Make the plugin known to TensorRT, once a process; further calls do nothing.

    tensorrt: the imported package. EngineUnavailableError: its version has no plugins with compiled kernels.
    """
    plugins = _plugins_of(tensorrt)
    if hasattr(getattr(plugins.op, NAMESPACE, None), NAME):
        return
    tensor = plugins.TensorDesc

    def describe(up: Any, low: Any, flow: Any) -> Any:  # noqa: ANN401, ARG001 - classes of the vendor's
        return low.like()

    def tune(up: Any, low: Any, flow: Any, outputs: Any) -> Any:  # noqa: ANN401, ARG001
        return [plugins.AutoTuneCombination(_TYPES, "LINEAR")]

    def implement(up: Any, low: Any, flow: Any, outputs: Any, tactic: Any) -> Any:  # noqa: ANN401, ARG001
        name = {tensorrt.float32: KERNEL_NAMES["fp32"], tensorrt.float16: KERNEL_NAMES["fp16"]}[low.dtype]
        return name, PTX.read_text(encoding="ascii"), *_start(plugins, low.shape_expr)

    # TensorRT reads the signatures: annotations with its own classes, which are not known before it is here.
    inputs = dict.fromkeys(_INPUTS, tensor)
    outputs = {"outputs": GenericAlias(tuple, (tensor,))}
    kernel = GenericAlias(tuple, (str, str, plugins.KernelLaunchParams, plugins.SymIntExprs))
    describe.__annotations__ = {**inputs, "return": tensor}
    tune.__annotations__ = {**inputs, **outputs, "return": GenericAlias(list, (plugins.AutoTuneCombination,))}
    implement.__annotations__ = {**inputs, **outputs, "tactic": int, "return": kernel}
    plugins.register(PLUGIN_ID)(describe)
    plugins.autotune(PLUGIN_ID)(tune)
    plugins.aot_impl(PLUGIN_ID)(implement)


def _start(plugins: Any, shape: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """The launch and the integers for a (b, c, h, w) of symbols; `launch.geometry` is that for numbers."""
    extents = (shape[0], shape[1], shape[2], shape[3])
    start = plugins.KernelLaunchParams()
    start.grid_x, start.grid_y, start.grid_z = grid_of(extents, divide_up=plugins.cdiv, least=plugins.min)
    start.block_x = THREADS_PER_BLOCK
    return start, plugins.SymIntExprs.from_tuple([plugins.SymInt32(extent) for extent in extents])


def _plugins_of(tensorrt: ModuleType) -> Any:  # noqa: ANN401
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its docstrings' escapes, which it cannot mend
            plugins = importlib.import_module(f"{tensorrt.__name__}.plugin")
    except ImportError as missing:
        plugins, reason = None, f" ({missing})"
    else:
        reason = ""
    if not hasattr(plugins, "KernelLaunchParams"):
        raise EngineUnavailableError(
            f"The plugin {PLUGIN_ID} needs TensorRT 10.13 or newer with its Python module `plugin`{reason}; "
            f"found {tensorrt.__name__} {tensorrt.__version__}. Install it with `pip install "
            '"scr-live[tensorrt]"`, or build from the native form of the model.'
        )
    return plugins
