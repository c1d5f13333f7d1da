"""Which engine `auto` takes, and what it says of those it passed over. No GPU is needed for that."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_models import write_export, write_model

from scr_live.card import file_sha256
from scr_live.engines import opening
from scr_live.engines.opening import open_engine
from scr_live.errors import EngineUnavailableError, ModelError, ModelNotFoundError
from scr_live.gpu import Gpu
from scr_live.manifest import read_manifest, write_manifest
from scr_live.shipped import Model, find_model, read_model

GPU = Gpu("Test GPU", "8.9", "CUDA 13.0")


@pytest.fixture
def model(tmp_path):
    return read_model(write_export(tmp_path))


@pytest.fixture
def with_gpu(monkeypatch):
    """A machine with a GPU, and with nothing installed that could use it."""
    monkeypatch.setattr(opening, "visible_gpu", lambda: GPU)
    for package in ("tensorrt", "tensorrt_rtx", "cuda"):
        monkeypatch.setitem(sys.modules, package, None)


@pytest.fixture
def without_gpu(monkeypatch):
    monkeypatch.setattr(opening, "visible_gpu", lambda: None)


@pytest.mark.usefixtures("without_gpu")
def test_without_a_gpu_auto_takes_the_fastest_on_a_cpu_and_says_so(model):
    with open_engine("auto", model) as engine:
        assert engine.info.backend == "openvino"
        assert engine.info.reason == "no NVIDIA GPU was found: the fastest on a CPU"


COSTS_NOTHING = """
import sys
from pathlib import Path
from scr_live.card import file_sha256
from scr_live.engines import opening
from scr_live.shipped import read_model
opening.visible_gpu = lambda: None
with opening.open_engine("auto", read_model(Path(sys.argv[1]))):
    heavy = ("torch", "tensorrt", "tensorrt_rtx", "onnxruntime", "cuda")
    print([name for name in heavy if name in sys.modules])
"""


def test_without_a_gpu_auto_imports_nothing_that_would_use_one(model):
    done = subprocess.run(
        [sys.executable, "-c", COSTS_NOTHING, str(model.path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.usefixtures("with_gpu")
def test_with_a_gpu_every_engine_that_was_passed_over_is_told_with_its_cause(model):
    with open_engine("auto", model) as engine:
        reason = engine.info.reason
        assert engine.info.backend == "openvino"
    for name in ("tensorrt", "tensorrt-rtx", "onnxruntime on CUDA"):
        assert f"{name} skipped: " in reason
    assert "\n" not in reason


@pytest.mark.usefixtures("with_gpu")
def test_a_damaged_model_is_told_as_such_and_not_as_a_missing_engine(model, tmp_path):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(b"rubbish " * 50)
    with pytest.raises(ModelError, match=r"OpenVINO cannot load .*damaged\.onnx"):
        open_engine("auto", Model(path, model.card, ""))


@pytest.mark.parametrize(("precision", "backend"), [("int8", "openvino"), ("bf16", "openvino")])
@pytest.mark.usefixtures("without_gpu")
def test_auto_computes_in_the_precision_that_was_asked_for(precision, backend, model):
    try:
        engine = open_engine("auto", model, precision=precision)
    except EngineUnavailableError as error:
        pytest.skip(str(error))  # no bf16 here
    with engine:
        assert (engine.info.backend, engine.info.precision) == (backend, precision)


@pytest.mark.usefixtures("without_gpu")
def test_a_precision_that_was_not_exported_is_told_with_the_command_that_does(tmp_path):
    model = read_model(write_model(tmp_path))
    with pytest.raises(ModelNotFoundError, match="scr-live export --ckpt WEIGHTS --precision int8"):
        open_engine("openvino", model, precision="int8")
    with pytest.raises(EngineUnavailableError, match=r"in precision int8.*scr-live export") as caught:
        open_engine("auto", model, precision="int8")
    assert str(caught.value).count("no int8 file") == 1  # not once for each engine


def test_a_file_that_is_not_quantised_is_not_called_int8(tmp_path):
    engines = pytest.importorskip("scr_live.engines.openvino")
    plain = read_model(write_model(tmp_path))
    with pytest.raises(EngineUnavailableError, match=r"no layer of .*tiny\.onnx in int8"):
        engines.OpenVinoEngine(plain, precision="int8")


def test_int8_is_told_where_a_quantised_file_is_named_itself(model):
    with open_engine("openvino", model.variant(precision="int8")) as engine:
        assert engine.info.precision == "int8"
    with open_engine("openvino", model.variant(precision="int8"), precision="fp32") as engine:
        assert engine.info.precision == "fp32"  # its neighbour


def test_int8_is_refused_where_the_processor_computes_it_wrongly(tmp_path, monkeypatch):
    model = read_model(write_export(tmp_path, int8_limit=127))
    engines = pytest.importorskip("scr_live.engines.openvino")
    monkeypatch.setattr(engines, "int8_is_exact", lambda: False)
    for file, precision in ((model, "int8"), (model.variant(precision="int8"), "auto")):
        with pytest.raises(EngineUnavailableError, match=r"overflow.*Export it again.*--engine onnxruntime"):
            open_engine("openvino", file, precision=precision)
    with open_engine("openvino", model):
        pass


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="the processor is asked through /proc")
def test_overflow_is_seen_just_where_there_is_no_vnni():
    engines = pytest.importorskip("scr_live.engines.openvino")
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    if "avx2" not in flags:
        pytest.skip("neither the overflow nor VNNI is to be expected on this processor")
    assert engines.int8_is_exact() == any(name in flags for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


# --- ONNX Runtime on CUDA -------------------------------------------------------------------------------


@pytest.fixture
def onnxruntime():
    return pytest.importorskip("onnxruntime")


@pytest.mark.usefixtures("without_gpu", "onnxruntime")
def test_onnxruntime_without_a_gpu_says_that_it_runs_on_the_cpu(model):
    with open_engine("onnxruntime", model) as engine:
        assert engine.info.device == "CPU"
        assert engine.info.reason == "named by --engine; no NVIDIA GPU was found, so on the CPU"


@pytest.mark.usefixtures("with_gpu")
def test_onnxruntime_that_is_built_without_cuda_runs_on_the_cpu_and_says_why(onnxruntime, model, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with open_engine("onnxruntime", model) as engine:
        assert (engine.info.device, engine.info.precision) == ("CPU", "fp32")
        assert "CUDA skipped, so on the CPU: This onnxruntime is built without CUDA" in engine.info.reason


@pytest.fixture
def cuda_that_does_not_load(with_gpu, onnxruntime, monkeypatch):
    """What onnxruntime-gpu does without CUDA's libraries: it lists CUDA, and gives a session on the CPU."""
    whole = onnxruntime.InferenceSession

    def session(path, options, *, providers, enable_fallback):
        assert enable_fallback == 0
        return whole(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    listed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)
    complaint = "Failed to load libcublas.so.13: no such file"
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: sys.stdout.write(complaint), raising=False)


@pytest.mark.usefixtures("cuda_that_does_not_load")
def test_cuda_that_does_not_load_is_told_and_the_cpu_used(model, capfd):
    with open_engine("onnxruntime", model) as engine:
        assert (engine.info.device, engine.info.precision) == ("CPU", "fp32")
        assert "CUDA skipped, so on the CPU" in engine.info.reason
        assert "Failed to load libcublas.so.13" in engine.info.reason
    assert capfd.readouterr().out == ""


@pytest.mark.usefixtures("cuda_that_does_not_load")
def test_auto_goes_on_where_cuda_does_not_load(model):
    with open_engine("auto", model) as engine:
        assert engine.info.backend == "openvino"
        assert "onnxruntime on CUDA skipped: ONNX Runtime could not load CUDA" in engine.info.reason


@pytest.mark.usefixtures("with_gpu")
def test_auto_goes_on_where_cuda_fails_on_the_first_picture(onnxruntime, model, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])

    def refuse(*_, **__):
        raise RuntimeError("CUDA failure 209: no kernel image is available")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    with open_engine("auto", model) as engine:
        assert "on CUDA: CUDA failure 209: no kernel image" in engine.info.reason


def test_a_half_file_on_a_cpu_is_told_to_be_computed_in_fp32(onnxruntime, model):
    with open_engine("onnxruntime", model, precision="fp16") as engine:
        assert engine.info.precision == "fp32"
        assert "fp16 file is computed in fp32 on a CPU" in engine.info.reason


def test_a_file_in_plugin_form_is_run_in_its_native_form(model, tmp_path):
    manifest = read_manifest(tmp_path)
    path = tmp_path / "tiny-plugin.onnx"
    path.write_bytes(b"what TensorRT alone reads")
    plugin = replace(manifest.artifacts[0], file=path.name, form="plugin", sha256=file_sha256(path))
    write_manifest(tmp_path, replace(manifest, artifacts=(*manifest.artifacts, plugin)))
    named = find_model(str(path))
    assert (named.form, named.precision) == ("plugin", "fp32")
    with open_engine("openvino", named) as engine:
        assert engine.info.model_sha256 == model.sha256
