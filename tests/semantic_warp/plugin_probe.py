"""Registers the plugin with TensorRT's Python bindings and prints what came of it, as JSON.

Run as a program, so that libraries that stand in for TensorRT's stay out of the tests' process. Without a GPU
there is no builder: the expressions of shapes are TensorRT's own, and a class here computes them.
"""

import json
import sys
import warnings

import tensorrt

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of escapes in its docstrings
    import tensorrt.plugin as trtp
    from tensorrt_bindings.plugin import _lib
    from tensorrt_bindings.plugin._tensor import SymIntExpr

from scr_live.convert.semantic_warp import plugin

OPERATIONS = {
    tensorrt.DimensionOperation.PROD: lambda a, b: a * b,
    tensorrt.DimensionOperation.CEIL_DIV: lambda a, b: -(-a // b),
    tensorrt.DimensionOperation.MIN: min,
}


class Numbers:
    """Does what IExprBuilder does, on numbers."""

    def constant(self, value):
        return value

    def operation(self, operation, first, second):
        return OPERATIONS[operation](first, second)


def number(value):
    expression = trtp.ShapeExpr()
    expression._int_expr, expression._is_dummy = value, False
    return expression


def tensor(kind, extents):
    shape = trtp.ShapeExprs(4, _is_dummy=True)
    shape._exprs = [number(extent) for extent in extents]
    return trtp.TensorDesc(shape, kind)


def launched(definition, kind, extents):
    batch, _, height, width = extents
    up, low, out = (tensor(kind, extents) for _ in range(3))
    flow = tensor(kind, (batch, 2, height, width))
    SymIntExpr._exprBuilder = Numbers()
    try:
        name, ptx, start, integers = definition.aot_impl_func(up, low, flow, (out,), 0)
        names = ("grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z", "shared_mem")
        return {
            "kernel": name,
            "ptx": ptx,
            **{each: getattr(start, each)._expr for each in names},
            "integers": [one._expr for one in integers],
            "kinds": [type(one).__name__ for one in integers],
        }
    finally:
        SymIntExpr._exprBuilder = None


def main():
    plugin.register(tensorrt)
    first = _lib.QDP_REGISTRY["scr::SemanticWarp"]
    plugin.register(tensorrt)
    creator = tensorrt.get_plugin_registry().get_creator("SemanticWarp", "1", "scr")
    built = creator.create_plugin(
        "SemanticWarp",
        "scr",
        tensorrt.PluginFieldCollection([]),
        tensorrt.TensorRTPhase.BUILD,
        tensorrt.QuickPluginCreationRequest.STRICT_AOT,
    )
    kinds = {"fp32": tensorrt.float32, "fp16": tensorrt.float16}
    low = tensor(tensorrt.float16, (1, 2, 3, 4))
    tuned = first.autotune_func(low, low, low, (low,))
    result = {
        "version": tensorrt.__version__,
        "registered_once": _lib.QDP_REGISTRY["scr::SemanticWarp"] is first,
        "creator": [creator.name, creator.plugin_namespace, creator.plugin_version],
        "inputs": first.input_tensor_names,
        "outputs": built.get_num_outputs(),
        "output_types": {
            name: [each.name for each in built.get_output_data_types([kind] * 3, [4] * 3)]
            for name, kind in kinds.items()
        },
        "types": [[each.name for each in one.types] for all_ in tuned for one in all_._get_combinations()],
        "layouts": [
            [each.name for each in one.layouts] for all_ in tuned for one in all_._get_combinations()
        ],
        "launches": {
            name: [launched(first, kind, extents) for extents in json.loads(sys.argv[1])]
            for name, kind in kinds.items()
        },
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
