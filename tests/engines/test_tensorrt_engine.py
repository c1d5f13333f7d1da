"""The whole engine, from an ONNX file to its answer, on the fakes of the vendor's libraries."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from gpu_fakes import FakeCudart, FakeTensorRt, FakeTensorRtRtx, install
from tiny_models import SIZE, write_model

from scr_live.card import file_sha256
from scr_live.engines.tensorrt import TensorRtEngine, choose
from scr_live.errors import CardError, EngineUnavailableError, InferenceError, ModelNotFoundError
from scr_live.manifest import Artifact, Manifest, read_manifest, write_manifest
from scr_live.shipped import find_model, read_model


class Machine:
    """A fake GPU with both libraries, and an export of one model in three files."""

    def __init__(self, monkeypatch, folder):
        self.monkeypatch, self.folder = monkeypatch, folder
        self.export = folder / "export" / "tiny"
        self.export.mkdir(parents=True)
        self.cache = folder / "cache"
        self.change()

    def change(self, *, tensorrt="10.13.3.9", **gpu):
        """Another GPU or library, as after an exchange or update."""
        self.cudart = FakeCudart(**gpu)
        self.trt = FakeTensorRt(self.cudart, version=tensorrt)
        self.rtx = FakeTensorRtRtx(self.cudart)
        install(self.monkeypatch, self.cudart, tensorrt=self.trt, tensorrt_rtx=self.rtx)

    def model(self, *variants):
        """The fp32 file, and others that the manifest names: (precision, form)."""
        path = write_model(self.export)
        artifacts = [self._artifact(path.name, "fp32", "native")]
        for precision, form in variants:
            name = f"tiny-{precision}-{form}.onnx"
            graph = onnx.load(path)
            graph.doc_string = name  # no two files of an export are the same
            onnx.save(graph, self.export / name)
            artifacts.append(self._artifact(name, precision, form))
        write_manifest(self.export, Manifest("tiny", "0" * 64, {}, tuple(artifacts)))
        return read_model(path)

    def export_engine(self, engine, **changes):
        """Put an engine file beside the model, as `scr-live export --engine tensorrt` does."""
        (built,) = self.cache.glob("*.engine")
        facts = json.loads(built.with_name(f"{built.name}.json").read_text())["built_for"]
        (self.export / "tiny.engine").write_bytes(built.read_bytes())
        artifact = self._artifact("tiny.engine", facts["precision"], facts["form"])
        artifact = replace(artifact, kind=engine.info.backend, opset=None, builder=facts)
        manifest = read_manifest(self.export)
        artifacts = (*manifest.artifacts, replace(artifact, **changes))
        write_manifest(self.export, replace(manifest, artifacts=artifacts))

    def open(self, model, **options):
        return TensorRtEngine(model, reason="named by --engine", cache=self.cache, **options)

    def _artifact(self, name, precision, form):
        path = self.export / name
        return Artifact(name, "onnx", form, precision, file_sha256(path), path.stat().st_size, SIZE, 17)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    return Machine(monkeypatch, tmp_path)


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


# --- running --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["tensorrt", "tensorrt-rtx"])
def test_the_engine_answers_and_says_what_it_is(machine, image, library):
    told = []
    with machine.open(machine.model(("fp16", "native")), library=library, progress=told.append) as engine:
        answer = engine.infer(image)
        info = engine.info
    assert np.allclose(answer, image.mean(axis=-1) / 255)
    assert (info.backend, info.device, info.precision, info.input_size) == (
        library,
        "NVIDIA Fake 1",
        "fp16",
        SIZE,
    )
    assert (
        dict(info.versions)["driver"].endswith("CUDA 13.0)") or dict(info.versions)["driver"] == "CUDA 13.0"
    )
    assert info.model_sha256 == file_sha256(machine.export / "tiny-fp16-native.onnx")
    for words in ("named by --engine", "the cache held none", "as a CUDA graph"):
        assert words in info.reason
    assert any("may take minutes" in text for text in told)
    assert machine.cudart.live == {}


def test_the_answer_belongs_to_the_caller(machine, image):
    with machine.open(machine.model()) as engine:
        first = engine.infer(image)
        kept = first.copy()
        engine.infer(255 - image)
        assert np.array_equal(first, kept)
    assert np.array_equal(first, kept)  # and not to memory that was freed


def test_a_closed_engine_refuses_and_closing_twice_is_closing_once(machine, image):
    engine = machine.open(machine.model())
    for _ in range(2):
        engine.__exit__(None, None, None)
    with pytest.raises(InferenceError, match="tensorrt engine is closed"):
        engine.infer(image)


def test_what_is_no_input_is_refused(machine, image):
    with machine.open(machine.model()) as engine:
        for wrong in (image[:-1], image[None], image.astype(np.float32)):
            with pytest.raises(InferenceError, match=r"takes \(16, 16, 3\) uint8"):
                engine.infer(wrong)


def test_a_card_of_another_size_is_refused_and_nothing_is_left_on_the_gpu(machine):
    model = machine.model()
    machine.trt.size = 2 * SIZE
    with pytest.raises(CardError, match="its card promises"):
        machine.open(model)
    assert machine.cudart.live == {}


def test_many_opens_and_closes_leave_nothing_on_the_gpu(machine, image):
    model = machine.model()
    for _ in range(5):
        with machine.open(model) as engine:
            engine.infer(image)
    assert machine.cudart.live == {}
    assert len(machine.trt.built) == 1


# --- which engine ---------------------------------------------------------------------------------------


def reopened(machine, model, **options):
    with machine.open(model, **options) as engine:
        return engine.info.reason


def test_the_second_time_the_engine_comes_from_the_cache(machine):
    model = machine.model()
    reopened(machine, model)
    assert "engine from the cache" in reopened(machine, model)
    assert len(machine.trt.built) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tensorrt": "11.4.0.106"}, "was built for version 10.13.3.9, here it is 11.4.0.106"),
        ({"capability": (9, 0)}, "was built for compute capability 8.9, here it is 9.0"),
        ({"driver": 13010}, "was built for driver"),
    ],
    ids=["library", "gpu", "driver"],
)
def test_after_a_change_of_the_machine_the_engine_is_built_again_and_why_is_said(machine, change, words):
    model = machine.model()
    reopened(machine, model)
    machine.change(**change)
    assert words in reopened(machine, model)
    assert len(machine.trt.built) == 1


def test_another_model_of_the_same_name_is_another_engine(machine):
    reopened(machine, machine.model())
    path = machine.export / "tiny.onnx"
    write_model(machine.export, fill=0.5)
    (machine.export / "manifest.json").unlink()
    assert "was built for the model file" in reopened(machine, read_model(path))
    assert len(machine.trt.built) == 2


@pytest.mark.parametrize("library", ["tensorrt", "tensorrt-rtx"])
def test_an_exported_engine_that_fits_is_taken_and_nothing_is_built(machine, library):
    model = machine.model()
    with machine.open(model, library=library) as engine:
        machine.export_engine(engine)
    for path in machine.cache.iterdir():
        path.unlink()
    assert "the exported engine tiny.engine" in reopened(machine, model, library=library)
    assert len(machine.trt.built + machine.rtx.built) == 1


def test_an_exported_engine_of_another_gpu_is_not_loaded_and_why_is_said(machine):
    model = machine.model()
    with machine.open(model) as engine:
        machine.export_engine(engine)
    machine.change(capability=(7, 5))
    reason = reopened(machine, model)
    assert "the exported tiny.engine was built for compute capability 8.9, here it is 7.5" in reason
    assert "built now" in reason


def test_an_rtx_engine_serves_another_gpu_of_the_same_kind_as_it_is(machine):
    model = machine.model()
    with machine.open(model, library="tensorrt-rtx") as engine:
        machine.export_engine(engine)
    machine.change(capability=(12, 0), driver=13020)
    assert "the exported engine" in reopened(machine, model, library="tensorrt-rtx")
    machine.change(capability=(7, 5))
    assert "for compute capability 8.0 and newer, here it is 7.5" in reopened(
        machine, model, library="tensorrt-rtx"
    )


def test_an_exported_engine_that_was_exchanged_is_not_loaded(machine):
    model = machine.model()
    with machine.open(model) as engine:
        machine.export_engine(engine)
    (machine.export / "tiny.engine").write_bytes(b"plan of somebody else")
    assert "is not the file that its manifest describes" in reopened(machine, model)
    assert b"plan of somebody else" not in machine.trt.loaded


def test_a_cached_engine_that_no_longer_loads_is_named_with_its_place(machine):
    model = machine.model()
    reopened(machine, model)
    (built,) = machine.cache.glob("*.engine")
    machine.trt.refuses = True
    with pytest.raises(EngineUnavailableError, match="Delete this file") as caught:
        machine.open(model)
    assert str(built) in str(caught.value)
    assert machine.cudart.live == {}


# --- which file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("library", "variants", "precision", "taken"),
    [
        ("tensorrt", [("fp16", "native"), ("fp16", "plugin")], "auto", ("fp16", "plugin", "")),
        ("tensorrt", [("fp16", "native")], "auto", ("fp16", "native", "no plugin form")),
        ("tensorrt", [("fp32", "plugin")], "auto", ("fp32", "plugin", "no fp16 file")),
        ("tensorrt", [("int8", "plugin")], "int8", ("int8", "plugin", "")),
        ("tensorrt-rtx", [("fp16", "native"), ("fp16", "plugin")], "auto", ("fp16", "native", "")),
        ("tensorrt-rtx", [("fp16", "plugin")], "auto", ("fp32", "native", "no fp16 file")),
        ("tensorrt-rtx", [("fp16", "native")], "fp32", ("fp32", "native", "")),
    ],
)
def test_each_library_takes_the_best_file_it_can_and_says_what_is_missing(
    machine, library, variants, precision, taken
):
    choice = choose(machine.model(*variants), library=library, precision=precision)
    best_precision, best_form, said = taken
    assert (choice.precision, choice.form) == (best_precision, best_form)
    assert said in choice.said
    assert bool(choice.said) == bool(said)


def test_a_precision_that_was_asked_for_and_is_not_there_is_no_other_one(machine):
    with pytest.raises(ModelNotFoundError, match="export"):
        choose(machine.model(("fp16", "plugin")), library="tensorrt", precision="int8")


def test_a_precision_that_no_engine_has_is_refused(machine):
    with pytest.raises(EngineUnavailableError, match=r"fp16, fp32, int8, not in bf16.*--precision auto"):
        choose(machine.model(), library="tensorrt", precision="bf16")


def test_an_onnx_file_from_elsewhere_is_taken_as_it_is(tmp_path):
    model = read_model(write_model(tmp_path))
    assert choose(model, library="tensorrt").model == model


# --- what is missing ------------------------------------------------------------------------------------


def test_without_a_gpu_it_is_unavailable_and_nothing_is_built(machine):
    machine.change(driver=0)
    with pytest.raises(EngineUnavailableError, match=r"No NVIDIA driver.*--engine openvino"):
        machine.open(machine.model())
    assert not machine.cache.exists()


@pytest.mark.parametrize("library", ["tensorrt", "tensorrt-rtx"])
def test_on_this_machine_it_opens_or_says_what_is_missing_and_what_to_do(library, tmp_path):
    told = ""
    try:
        with TensorRtEngine(find_model("scr-net-lite0"), library=library, cache=tmp_path):
            pass
    except EngineUnavailableError as error:
        told = str(error)
    assert not told or "`" in told  # a command
    assert "\n" not in told
