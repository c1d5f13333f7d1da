"""What is done on CUDA, done on the CPU: binding, replay and the way back from a graph that is refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_models import SIZE, write_card, write_export, write_model

import scr_live
from scr_live.engines import opening
from scr_live.engines.opening import open_engine
from scr_live.errors import EngineUnavailableError, InferenceError
from scr_live.gpu import Gpu
from scr_live.shipped import read_model

onnxruntime = pytest.importorskip("onnxruntime")
engines = pytest.importorskip("scr_live.engines.onnx_runtime")

ROOT = Path(scr_live.__file__).parents[1]
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


@pytest.fixture
def model(tmp_path):
    return read_model(write_export(tmp_path))


def pictures(rng, count=3):
    return rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


class Cuda:
    """onnxruntime-gpu on a machine where it works, as far as its callers see; a CPU computes."""

    def __init__(self, monkeypatch, refuses=()):
        self.asked = []
        self.refuses = refuses
        self.whole = onnxruntime.InferenceSession
        monkeypatch.setattr(onnxruntime, "InferenceSession", self.session)
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
        monkeypatch.setattr(engines, "_CUDA_MEMORY", "cpu")
        monkeypatch.setattr(opening, "visible_gpu", lambda: Gpu("Test GPU", "8.9", "CUDA 13.0"))

    def session(self, path, options, *, providers, enable_fallback):
        if providers == [CPU]:
            return self.whole(path, options, providers=providers, enable_fallback=enable_fallback)
        ((first, settings), second) = providers
        assert (first, second, enable_fallback) == (CUDA, CPU, 0)
        self.asked.append((path, settings))
        if settings["enable_cuda_graph"] in self.refuses:
            raise RuntimeError("This session cannot use the graph feature.\nMore of it.")
        return OnCuda(self.whole(path, options, providers=[CPU], enable_fallback=0))


class OnCuda:
    """A session that says it is on CUDA."""

    def __init__(self, session):
        self.session = session

    def get_providers(self):
        return [CUDA, CPU]

    def __getattr__(self, name):
        return getattr(self.session, name)


def test_bound_buffers_give_the_answers_of_a_plain_run(model, rng):
    session = onnxruntime.InferenceSession(str(model.path), providers=[CPU])
    bound = engines.BoundRun(session, "cpu")
    for picture in pictures(rng)[:, None]:
        (plain,) = session.run(None, {"image": picture})
        assert np.array_equal(bound(picture), plain)


def test_on_cuda_the_half_file_is_taken_and_replayed_as_a_graph(model, monkeypatch, rng):
    cuda = Cuda(monkeypatch)
    with open_engine("onnxruntime", model) as engine:
        assert (engine.info.device, engine.info.precision) == ("CUDA", "fp16")
        assert engine.info.reason == "named by --engine"
        first, second, third = pictures(rng)
        answers = [engine.infer(first), engine.infer(second), engine.infer(third)]
        assert np.array_equal(engine.infer(first), answers[0])  # and is not what the third left
        assert not np.array_equal(answers[0], answers[2])
    ((path, settings),) = cuda.asked
    assert path.endswith("tiny-fp16.onnx")
    assert settings == {"enable_cuda_graph": "1", "use_tf32": "0"}


def test_a_graph_that_is_refused_is_told_and_done_without(model, monkeypatch, rng):
    cuda = Cuda(monkeypatch, refuses="1")
    with open_engine("onnxruntime", model, precision="fp32") as engine:
        assert (engine.info.device, engine.info.precision) == ("CUDA", "fp32")
        told = "without a CUDA graph (This session cannot use the graph feature)"
        assert engine.info.reason == f"named by --engine; {told}"
        engine.infer(pictures(rng)[0])
    assert [settings["enable_cuda_graph"] for _, settings in cuda.asked] == ["1", "0"]


def test_cuda_that_refuses_everything_ends_on_the_cpu_with_the_cause(model, monkeypatch):
    Cuda(monkeypatch, refuses="01")
    with open_engine("onnxruntime", model) as engine:
        assert (engine.info.device, engine.info.precision) == ("CPU", "fp32")
        assert "on CUDA: This session cannot use the graph feature" in engine.info.reason


def test_auto_takes_cuda_where_it_works_before_the_cpu(model, monkeypatch):
    Cuda(monkeypatch)
    with open_engine("auto", model) as engine:
        assert (engine.info.backend, engine.info.device) == ("onnxruntime", "CUDA")
        assert "tensorrt skipped" in engine.info.reason


def test_without_a_half_file_cuda_computes_in_fp32_and_says_why(monkeypatch, tmp_path):
    Cuda(monkeypatch)
    with open_engine("onnxruntime", read_model(write_model(tmp_path))) as engine:
        assert (engine.info.device, engine.info.precision) == ("CUDA", "fp32")
        assert "there is no fp16 file" in engine.info.reason


def test_a_file_that_leaves_sides_open_is_run_without_a_graph(monkeypatch, tmp_path, rng):
    Cuda(monkeypatch)
    with open_engine("onnxruntime", read_model(write_open_model(tmp_path))) as engine:
        assert "without a CUDA graph (its input or output leaves a side open)" in engine.info.reason
        assert engine.infer(pictures(rng)[0]).shape == (SIZE, SIZE)


def write_open_model(folder):
    """The tiny model with a batch of any size."""
    import onnx  # noqa: PLC0415 - tiny_models has it

    path = write_model(folder)
    graph = onnx.load(path)
    for value in (*graph.graph.input, *graph.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(graph, path)
    card = {**read_card_values(path), "sha256": ""}
    write_card(path, card)
    return path


def read_card_values(path):
    import json  # noqa: PLC0415

    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def test_an_answer_on_cuda_that_is_not_a_number_is_an_inference_error(monkeypatch, tmp_path, rng):
    Cuda(monkeypatch)
    model = read_model(write_model(tmp_path, fill=float("nan")))
    with open_engine("onnxruntime", model) as engine, pytest.raises(InferenceError, match="from nan to nan"):
        engine.infer(pictures(rng)[0])


def test_the_engine_itself_never_changes_the_device(model, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    with pytest.raises(EngineUnavailableError, match=r"without CUDA.*scr-live\[cuda\]"):
        engines.OnnxRuntimeEngine(model, device="CUDA")


QUIET = """
import sys
from pathlib import Path
import numpy as np
from scr_live.engines.onnx_runtime import OnnxRuntimeEngine
from scr_live.shipped import read_model
with OnnxRuntimeEngine(read_model(Path(sys.argv[1]))) as engine:
    engine.infer(np.zeros((engine.info.input_size, engine.info.input_size, 3), np.uint8))
"""


def test_no_identifier_of_this_machine_is_written_for_the_vendor(model, tmp_path):
    """Its builds for Linux make one in the user's cache folder and report with it unless told not to."""
    home = tmp_path / "home"
    home.mkdir()
    places = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"), str(home))
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT")}  # not CI
    subprocess.run(
        [sys.executable, "-c", QUIET, str(model.path)],
        env={**kept, **places, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        timeout=50,
    )
    assert list(home.iterdir()) == []
