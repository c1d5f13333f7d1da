"""The fakes have no name that the vendor's libraries lack: what passes on them can be called for real."""

from types import SimpleNamespace

import pytest
from gpu_fakes import CudaError, FakeCudart, FakeTensorRt, FakeTensorRtRtx

USED = {
    "Builder": ("create_network", "create_builder_config", "build_serialized_network"),
    "IBuilderConfig": ("progress_monitor", "clear_flag", "create_timing_cache", "get_timing_cache"),
    "OnnxParser": ("parse", "num_errors", "get_error"),
    "ParserError": ("node_name", "node_operator", "desc"),
    "Runtime": ("deserialize_cuda_engine",),
    "ICudaEngine": (
        "create_execution_context",
        "num_io_tensors",
        "get_tensor_name",
        "get_tensor_shape",
        "get_tensor_dtype",
        "get_tensor_mode",
    ),
    "IExecutionContext": ("set_tensor_address", "execute_async_v3"),
    "IProgressMonitor": ("phase_start", "step_complete", "phase_finish"),
    "ILogger": ("log",),
    "TensorIOMode": ("INPUT", "OUTPUT"),
    "BuilderFlag": ("TF32",),
    "NetworkDefinitionCreationFlag": ("STRONGLY_TYPED",),
}
USED_OF_RTX = {
    "Runtime": ("get_engine_validity",),
    "ICudaEngine": ("create_runtime_config",),
    "IRuntimeConfig": ("create_runtime_cache", "set_runtime_cache"),
    "IRuntimeCache": ("serialize", "deserialize"),
    "IExecutionContext": ("is_stream_capturable",),
    "EngineValidity": ("INVALID",),
    "EngineInvalidityDiagnostics": ("__members__",),
    "IBuilderConfig": ("num_compute_capabilities", "set_compute_capability"),
    "ComputeCapability": ("SM75",),
}


def imported(name):
    return pytest.importorskip(name, reason=f"{name} is not installed", exc_type=ImportError)


def lacking(module, used):
    return [
        f"{owner}.{name}"
        for owner, names in used.items()
        for name in names
        if not hasattr(getattr(module, owner, None), name)
    ]


def test_the_runtime_of_cuda_has_all_that_is_called():
    real = imported("cuda.bindings.runtime")
    names = [name for name in dir(FakeCudart) if name.startswith("cuda")]
    assert len(names) > 20
    assert [name for name in names if not hasattr(real, name)] == []
    assert {error.name: error.value for error in CudaError} == {
        error.name: int(getattr(real.cudaError_t, error.name)) for error in CudaError
    }
    for name, value in vars(FakeCudart).items():
        if isinstance(value, SimpleNamespace):
            assert {key: int(getattr(getattr(real, name), key)) for key in vars(value)} == vars(value)


@pytest.mark.parametrize(
    ("name", "used", "fake"),
    [
        ("tensorrt", [USED], FakeTensorRt),
        ("tensorrt_rtx", [USED, USED_OF_RTX], FakeTensorRtRtx),
    ],
)
def test_the_library_has_all_that_is_called(name, used, fake):
    real = imported(name)
    assert [name for each in used for name in lacking(real, each)] == []
    public = [key for cls in fake.__mro__[:-2] for key in vars(cls) if not key.startswith("_")]
    assert [key for key in public if not hasattr(real, key)] == []


def test_the_severities_are_numbered_as_the_log_takes_them():
    severity = imported("tensorrt_rtx").ILogger.Severity
    names = ("INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE")
    assert [int(getattr(severity, name)) for name in names] == [0, 1, 2, 3, 4]
