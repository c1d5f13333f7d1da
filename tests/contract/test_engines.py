"""What every engine promises, whatever runs the network. A new engine is one more entry of RUNNABLE."""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tiny_models import SIZE, expected, write_card, write_export, write_model

import scr_live
from scr_live.card import ModelCard
from scr_live.engines.isolated import open_isolated
from scr_live.engines.opening import ENGINES as NAMES
from scr_live.engines.opening import check_names, open_engine
from scr_live.errors import (
    CardError,
    EngineUnavailableError,
    InferenceError,
    ModelError,
    ModelNotFoundError,
    OptionError,
    UnknownEngineError,
)
from scr_live.shipped import DEFAULT_MODEL, Model, find_model, find_weights, read_model

ROOT = Path(scr_live.__file__).parents[1]
PACKAGE_OF = {"openvino": "openvino", "onnxruntime": "onnxruntime", "pytorch": "torch"}
ONNX_ENGINES = ("openvino", "onnxruntime")

RUNNABLE = [
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
    ("onnxruntime", "fp32"),
    ("onnxruntime", "int8"),
    ("pytorch", "fp32"),
    ("pytorch", "bf16"),
    ("constant", "fp32"),
]
"""What can run on a machine without a GPU."""
ISOLATED = [("constant", "fp32", "isolated")]
"""In a process of its own, which is the same for all: others take longer to start."""


def installed(engine):
    return engine not in PACKAGE_OF or importlib.util.find_spec(PACKAGE_OF[engine]) is not None


def model_for(engine, folder):
    """Something the engine runs: a tiny export, or untrained weights."""
    if not installed(engine):
        pytest.skip(f"{PACKAGE_OF[engine]} is not installed")
    if engine == "constant":
        return None
    return read_model(write_export(folder) if engine != "pytorch" else write_weights(folder))


def write_weights(folder):
    """Untrained weights of the plain network, which needs no other package than torch."""
    import torch  # noqa: PLC0415 - an extra

    from scr_live.network.config import PLAIN  # noqa: PLC0415
    from scr_live.network.scr_net import ScrNet  # noqa: PLC0415
    from scr_live.network.weights import save_weights  # noqa: PLC0415

    torch.manual_seed(1)
    path = folder / "untrained.safetensors"
    save_weights(path, ScrNet(PLAIN).state_dict())
    write_card(path, {"name": "untrained", "input_size": 32, "network": PLAIN.as_dict()})
    return path


def opened(name, precision, folder, *, opener=open_engine):
    try:
        return opener(name, model_for(name, folder), precision=precision, threads=1)
    except EngineUnavailableError as error:
        if precision != "bf16":  # which depends on the processor
            raise
        pytest.skip(str(error))


@pytest.fixture(params=[*RUNNABLE, *ISOLATED], ids="-".join)
def engine(request, tmp_path):
    name, precision, *isolated = request.param
    with opened(name, precision, tmp_path, opener=open_isolated if isolated else open_engine) as engine:
        assert (engine.info.backend, engine.info.precision) == (name, precision)
        yield engine


def noise(engine, seed=0):
    size = engine.info.input_size
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


# --- the contract ---------------------------------------------------------------------------------------


def test_the_info_is_complete_and_stays(engine):
    info = engine.info
    assert info.backend in NAMES
    assert info.device
    assert info.precision in ("fp32", "bf16", "fp16", "int8")
    assert info.input_size > 0
    assert info.reason
    assert all(name and version for name, version in info.versions)
    engine.infer(noise(engine))
    assert engine.info == info


def test_the_answer_is_a_probability_map(engine):
    size = engine.info.input_size
    answer = engine.infer(noise(engine))
    assert answer.shape == (size, size)
    assert answer.dtype == np.float32
    assert 0 <= answer.min() <= answer.max() <= 1


def test_the_answer_belongs_to_the_caller(engine):
    first = engine.infer(noise(engine, 1))
    kept = first.copy()
    engine.infer(noise(engine, 2))
    assert np.array_equal(first, kept)
    first[:] = 0.25
    assert np.array_equal(engine.infer(noise(engine, 1)), kept)


def test_the_image_is_only_read_and_may_be_any_view(engine):
    image = noise(engine, 3)
    image.flags.writeable = False
    turned = np.ascontiguousarray(image[::-1])[::-1]
    assert not turned.flags.c_contiguous
    assert np.array_equal(engine.infer(image), engine.infer(turned))


def test_what_is_no_input_is_refused(engine):
    image = noise(engine)
    for wrong in (image[:-1], image[..., :2], image[None], image.astype(np.float32)):
        with pytest.raises(InferenceError, match=r"takes \(\d+, \d+, 3\) uint8"):
            engine.infer(wrong)


def test_closing_twice_is_closing_once(engine):
    engine.__exit__(None, None, None)
    engine.__exit__(None, None, None)


def test_a_closed_engine_says_so(engine):
    image = noise(engine)
    engine.infer(image)
    engine.__exit__(None, None, None)
    with pytest.raises(InferenceError, match=rf"{engine.info.backend} engine is closed.*Open it anew"):
        engine.infer(image)


def test_another_thread_than_the_opener_may_use_it(engine):
    image = noise(engine)
    here = engine.infer(image)
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(engine.infer, image).result()
        closed_there = pool.submit(engine.__exit__, None, None, None)
        closed_there.result()
    assert np.array_equal(here, there)


def test_two_engines_at_once_do_not_disturb_each_other(engine, tmp_path):
    image = noise(engine)
    alone = engine.infer(image)
    (tmp_path / "other").mkdir()
    with opened(engine.info.backend, engine.info.precision, tmp_path / "other") as other:
        other.infer(noise(engine, 1))
        assert np.array_equal(engine.infer(image), alone)
        assert np.array_equal(other.infer(image), alone)
    assert np.array_equal(engine.infer(image), alone)


def test_an_engine_answers_bit_by_bit_the_same_in_a_process_of_its_own(tmp_path):
    with opened("openvino", "fp32", tmp_path) as here:
        with opened("openvino", "fp32", tmp_path, opener=open_isolated) as there:
            assert there.info == here.info
            for seed in range(3):
                image = noise(here, seed)
                assert np.array_equal(there.infer(image), here.infer(image))
            with pytest.raises(InferenceError) as told:
                there.infer(image[:-1])
        with pytest.raises(InferenceError) as expected_words:
            here.infer(image[:-1])
    assert str(told.value) == str(expected_words.value)


OPENED_OFTEN = """
import os, sys
from pathlib import Path
import numpy as np
from scr_live.engines.opening import open_engine
from scr_live.shipped import read_model

name, precision, path = sys.argv[1:]
model = read_model(Path(path))
image = np.zeros((model.card.input_size, model.card.input_size, 3), np.uint8)

def resident_mib():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

def open_and_close(times):
    for _ in range(times):
        with open_engine(name, model, precision=precision, threads=1) as engine:
            engine.infer(image)
    return resident_mib()

settled = open_and_close(10)
print(open_and_close(25) - settled)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the resident memory is read from /proc")
@pytest.mark.parametrize(
    ("name", "precision", "most_mib"),
    [("openvino", "int8", 2.5), ("onnxruntime", "fp32", 1.5), ("pytorch", "fp32", 30)],
)
def test_opening_and_closing_often_leaves_no_memory_behind(name, precision, most_mib, tmp_path):
    """most_mib: half or less of what is seen if nothing is closed (5.8, 3.1 and 123 MiB)."""
    path = model_for(name, tmp_path).path
    done = subprocess.run(
        [sys.executable, "-c", OPENED_OFTEN, name, precision, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert float(done.stdout) < most_mib


# --- the same numbers -----------------------------------------------------------------------------------


CARDS = [
    ModelCard(
        "tiny",
        SIZE,
        layout=layout,
        dtype=dtype,
        color=color,
        output=output,
        mean=(100.0, 110.0, 120.0) if dtype == "float32" else (0.0, 0.0, 0.0),
        std=(50.0, 60.0, 70.0) if dtype == "float32" else (1.0, 1.0, 1.0),
        output_channel=channel,
    )
    for layout, dtype, color, (output, channel) in product(
        ("NHWC", "NCHW"),
        ("uint8", "float32"),
        ("RGB", "BGR"),
        (("probability", 0), ("logits", 0), ("class_logits", 0), ("class_logits", 2)),
    )
]


def card_id(card):
    return "-".join((card.layout, card.dtype, card.color, card.output, str(card.output_channel)))


@pytest.mark.parametrize("card", CARDS, ids=card_id)
@pytest.mark.parametrize("name", ONNX_ENGINES)
def test_every_card_is_prepared_as_plain_numpy_does(name, card, tmp_path, rng):
    model_for(name, tmp_path)
    options = {**card.as_dict(), "name": "other"}
    model = read_model(write_model(tmp_path, **{k: v for k, v in options.items() if k != "input_size"}))
    image = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    with open_engine(name, model, precision="fp32", threads=1) as engine:
        answer = engine.infer(image)
    assert np.abs(answer - expected(image, card)).max() < 1e-5


MASK_TOLERANCE = {"fp32": 1e-5, "fp16": 2e-3, "bf16": 1e-2, "int8": 1e-2}


@pytest.mark.parametrize(
    ("name", "precision"), [*product(ONNX_ENGINES, MASK_TOLERANCE), ("auto", "auto")], ids=str
)
def test_an_export_gives_the_same_mask_in_every_engine_and_precision(name, precision, tmp_path, rng):
    try:
        engine = opened(name, precision, tmp_path)
    except EngineUnavailableError as error:
        pytest.skip(str(error))  # a precision that the engine or the processor does not have
    image = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    image[:4, :4], image[4:8, 4:8] = 255, 0
    with engine:
        answer = engine.infer(image)
        tolerance = MASK_TOLERANCE[engine.info.precision if precision == "auto" else precision]
    exact = expected(image, ModelCard("tiny", SIZE))
    assert np.abs(answer - exact).max() < tolerance
    unsure = np.abs(exact - 0.5) <= tolerance
    assert np.array_equal((answer > 0.5) | unsure, (exact > 0.5) | unsure)


INT8 = 0.2


def picture_of(model):
    """A smooth picture: what networks answer to noise says little."""
    size = model.card.input_size
    y, x = np.mgrid[:size, :size] / size
    planes = (0.6 + 0.3 * np.sin(5 * x + 2 * y), 0.35 + 0.2 * np.cos(4 * y), 0.3 + 0.1 * x)
    return (np.stack(planes, axis=-1) * 255).astype(np.uint8)


def answer_of(name, precision, model):
    try:
        engine = open_engine(name, model, precision=precision, threads=1)
    except (EngineUnavailableError, ModelNotFoundError) as error:
        pytest.skip(str(error))
    with engine:
        return engine.infer(picture_of(model))


@pytest.fixture(scope="module")
def reference():
    """What OpenVINO answers in fp32 for the shipped model."""
    return answer_of("openvino", "fp32", find_model(DEFAULT_MODEL))


@pytest.mark.parametrize(
    ("name", "precision", "tolerance"),
    [
        ("onnxruntime", "fp32", 1e-4),
        ("onnxruntime", "fp16", 0.05),
        ("onnxruntime", "int8", INT8),
        ("openvino", "bf16", 0.1),
        ("openvino", "int8", INT8),
        ("openvino", "auto", 0.1),
    ],
)
def test_the_shipped_model_answers_alike_everywhere(name, precision, tolerance, reference):
    difference = np.abs(answer_of(name, precision, find_model(DEFAULT_MODEL)) - reference)
    if tolerance is not INT8:  # single pixels on a steep border move far with 8 bits
        assert difference.max() < tolerance
    assert difference.mean() < tolerance / 10


def test_the_weights_answer_like_the_export(reference):
    pytest.importorskip("torch")
    try:
        weights = find_weights(DEFAULT_MODEL)
    except ModelError as error:
        pytest.skip(str(error))
    assert np.abs(answer_of("pytorch", "auto", weights) - reference).max() < 0.01


# --- choosing -------------------------------------------------------------------------------------------


def test_auto_takes_the_fastest_and_says_so(tmp_path):
    with open_engine("auto", read_model(write_model(tmp_path))) as engine:
        assert engine.info.backend == "openvino"
        assert "fastest" in engine.info.reason


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({"int8_loss": 0.004}, True),
        ({"int8_loss": -0.001}, True),
        ({"int8_loss": 0.006}, False),
        ({"int8_loss": None}, False),
        ({"int8_loss": 0.0, "precisions": ("fp32", "fp16")}, False),
    ],
    ids=["little lost", "nothing lost", "too much lost", "never measured", "no such file"],
)
def test_auto_takes_int8_where_the_export_measured_that_it_costs_next_to_nothing(tmp_path, options, taken):
    model = read_model(write_export(tmp_path, **options))
    with open_engine("openvino", model, threads=1) as engine:
        assert (engine.info.precision == "int8") is taken
        assert (engine.info.model_sha256 == model.sha256) is not taken


def test_auto_passes_int8_over_with_the_reason_where_it_would_be_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(openvino_engine(), "int8_is_exact", lambda: False)
    model = read_model(write_export(tmp_path, int8_loss=0.0, int8_limit=127))
    with open_engine("openvino", model, threads=1) as engine:
        assert engine.info.precision != "int8"
        assert "int8 skipped" in engine.info.reason
        assert "overflow" in engine.info.reason


def test_weights_that_leave_room_run_in_int8_on_any_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(openvino_engine(), "int8_is_exact", lambda: False)
    model = read_model(write_export(tmp_path))
    image = np.full((SIZE, SIZE, 3), 255, np.uint8)  # the largest products there are
    with open_engine("openvino", model, precision="int8", threads=1) as engine:
        assert engine.info.precision == "int8"
        assert (
            np.abs(engine.infer(image) - expected(image, ModelCard("tiny", SIZE))).max()
            < MASK_TOLERANCE["int8"]
        )


def test_auto_passes_a_damaged_int8_file_over_with_the_reason(tmp_path):
    path = write_export(tmp_path, int8_loss=0.0)
    with (tmp_path / "tiny-int8.onnx").open("ab") as file:
        file.write(b"more")
    with open_engine("openvino", read_model(path), threads=1) as engine:
        assert engine.info.precision != "int8"
        assert "int8 skipped" in engine.info.reason


@pytest.mark.parametrize("kind", ["bytes without a sign", "floats that are rounded"])
def test_room_that_cannot_be_seen_is_not_believed(tmp_path, monkeypatch, kind):
    module = openvino_engine()
    monkeypatch.setattr(module, "int8_is_exact", lambda: False)
    path = write_export(tmp_path).with_name("tiny-int8.onnx")
    graph = onnx.load(path)
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if kind == "bytes without a sign" and tensor.name in ("bytes", "zero"):
            tensor.CopyFrom(numpy_helper.from_array((values.astype(int) + 128).astype(np.uint8), tensor.name))
        elif kind == "floats that are rounded" and tensor.name == "bytes":
            tensor.CopyFrom(numpy_helper.from_array((values * 0.004).astype(np.float32), "floats"))
    if kind == "floats that are rounded":
        quantise = helper.make_node("QuantizeLinear", ["floats", "step", "zero"], ["bytes"])
        graph.graph.node.insert(0, quantise)
    onnx.save(graph, path)
    with pytest.raises(EngineUnavailableError, match=r"overflow|computes no layer"):
        module.OpenVinoEngine(Model(path, ModelCard("tiny", SIZE), ""), precision="int8", threads=1)


def openvino_engine():
    return pytest.importorskip("scr_live.engines.openvino")


def test_a_named_engine_says_who_named_it(tmp_path):
    with open_engine("openvino", read_model(write_model(tmp_path)), threads=1) as engine:
        assert "--engine" in engine.info.reason


@pytest.mark.parametrize("name", ["tensor-rt", "", "OpenVINO"])
def test_an_unknown_engine_is_named_with_those_that_exist(name):
    for ask in (lambda: check_names(name, "auto"), lambda: open_engine(name, None)):
        with pytest.raises(
            UnknownEngineError, match="openvino, onnxruntime, tensorrt, tensorrt-rtx, pytorch"
        ) as caught:
            ask()
        assert caught.value.exit_code == 2


def test_auto_runs_weights_by_pytorch_and_says_why(tmp_path):
    with open_engine("auto", model_for("pytorch", tmp_path), threads=1) as engine:
        assert engine.info.backend == "pytorch"
        assert "weights" in engine.info.reason


def test_an_unknown_precision_is_named_with_those_that_exist():
    with pytest.raises(OptionError, match=r"'int4'.*auto, fp32, bf16, fp16, int8"):
        open_engine("constant", None, precision="int4")


@pytest.mark.parametrize(("name", "precision"), [("onnxruntime", "bf16"), ("pytorch", "int8")])
def test_a_precision_the_engine_does_not_have_is_refused(name, precision, tmp_path):
    with pytest.raises(EngineUnavailableError, match=rf"not in {precision}.*--precision auto"):
        open_engine(name, model_for(name, tmp_path), precision=precision)


def test_a_precision_the_processor_does_not_have_is_refused_with_those_it_has(tmp_path):
    model = read_model(write_model(tmp_path))
    refusals = []
    for precision in ("fp32", "bf16", "fp16"):
        try:
            with open_engine("openvino", model, precision=precision) as engine:
                assert engine.info.precision == precision
        except EngineUnavailableError as error:
            refusals.append(str(error))
    assert len(refusals) < 3
    assert all("fp32" in text and "--precision auto" in text for text in refusals)


@pytest.mark.parametrize("threads", [-1, 4 * (os.cpu_count() or 1) + 1, 3_000_000_000])
def test_threads_beyond_all_sense_are_refused(threads, tmp_path):
    with pytest.raises(OptionError, match="--threads must be from 0"):
        open_engine("onnxruntime", read_model(write_model(tmp_path)), threads=threads)


def test_without_a_model_there_is_a_sentence():
    with pytest.raises(OptionError, match="--model"):
        open_engine("openvino", None)


BLOCKED = """
import sys
for package in {blocked!r}:
    sys.modules[package] = None
from scr_live.engines.opening import open_engine
from scr_live.errors import EngineUnavailableError
from scr_live.shipped import read_model
from pathlib import Path
try:
    with open_engine({name!r}, read_model(Path({model!r}))) as engine:
        print(engine.info.backend, engine.info.reason, sep="|")
except EngineUnavailableError as error:
    print(error)
"""


def without(blocked, name, model, *, first_on_path=None):
    code = BLOCKED.format(blocked=blocked, name=name, model=str(model))
    path = [str(each) for each in (first_on_path, ROOT) if each]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=50
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "package", "command"),
    [
        ("openvino", "openvino", "`pip install openvino`"),
        ("onnxruntime", "onnxruntime", '`pip install "scr-live[onnxruntime]"`'),
        ("pytorch", "torch", '`pip install "scr-live[train]"`'),
    ],
)
def test_an_engine_without_its_package_gives_the_command_that_installs_it(name, package, command, tmp_path):
    text = without([package], name, write_model(tmp_path))
    assert command in text
    assert "\n" not in text


@pytest.mark.parametrize("package", ["openvino", "onnxruntime", "torch"])
def test_a_package_that_does_not_load_is_told_with_its_own_words(package, tmp_path):
    name = {"torch": "pytorch"}.get(package, package)
    (tmp_path / f"{package}.py").write_text(
        "raise OSError('libcudart.so.12: cannot open shared object file')"
    )
    text = without([], name, write_model(tmp_path), first_on_path=tmp_path)
    assert f"{name} engine needs" in text
    assert "cannot be loaded here (libcudart.so.12: cannot open shared object file)" in text
    assert "`pip install" in text


def test_auto_falls_back_and_says_why(tmp_path):
    model_for("onnxruntime", tmp_path)
    backend, reason = without(["openvino"], "auto", write_model(tmp_path)).split("|")
    assert backend == "onnxruntime"
    assert "openvino" in reason


def test_auto_without_any_engine_gives_both_commands(tmp_path):
    text = without(["openvino", "onnxruntime"], "auto", write_model(tmp_path))
    assert "No engine works here" in text
    assert "`pip install openvino`" in text
    assert "scr-live[onnxruntime]" in text
    assert "\n" not in text


# --- models that do not fit -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ONNX_ENGINES)
@pytest.mark.parametrize(
    "content", [b"", b"rubbish " * 50, "half of a real one"], ids=["empty", "rubbish", "cut short"]
)
def test_a_damaged_file_is_a_model_error_and_nothing_else_is_said(name, content, tmp_path, capfd):
    card = model_for(name, tmp_path).card
    path = tmp_path / "damaged.onnx"
    whole = (tmp_path / "tiny.onnx").read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)
    with pytest.raises(ModelError, match=r"cannot load .*damaged\.onnx") as caught:
        open_engine(name, Model(path, card, ""))
    assert "valid ONNX file" in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ONNX_ENGINES)
@pytest.mark.parametrize(
    ("real", "claimed"),
    [
        ({}, {"dtype": "float32"}),
        ({"dtype": "float32"}, {"dtype": "uint8"}),
        ({"layout": "NCHW"}, {"layout": "NHWC"}),
        ({}, {"input_size": 2 * SIZE}),
    ],
    ids=["float claimed", "uint8 claimed", "layout", "size"],
)
def test_a_card_that_describes_another_input_is_refused_when_opened(name, real, claimed, tmp_path):
    model_for(name, tmp_path)
    path = write_model(tmp_path, **real)
    card = {**read_model(path).card.as_dict(), **claimed}
    write_card(path, card)
    with pytest.raises(CardError, match=r"takes .*its card promises one input"):
        open_engine(name, read_model(path))


@pytest.mark.parametrize("name", ONNX_ENGINES)
@pytest.mark.parametrize(
    ("real", "claimed", "words"),
    [
        ({}, {"output_channel": 1}, "polyps in channel 1"),
        ({"output": "logits"}, {"output": "probability"}, "output: logits"),
        ({}, {"output": "class_logits"}, "single plane"),
        ({"fill": float("nan")}, {}, "from nan to nan"),
        ({"fill": float("inf")}, {}, "to inf"),
    ],
    ids=["channel", "logits called probability", "one class", "nan", "inf"],
)
def test_an_answer_that_is_no_probability_is_an_inference_error(name, real, claimed, words, tmp_path):
    model_for(name, tmp_path)
    path = write_model(tmp_path, **real)
    write_card(path, {**read_model(path).card.as_dict(), **claimed})
    with open_engine(name, read_model(path)) as engine, pytest.raises(InferenceError, match=words):
        engine.infer(np.full((SIZE, SIZE, 3), 250, np.uint8))


def test_weights_that_answer_no_number_are_an_inference_error(tmp_path):
    model = model_for("pytorch", tmp_path)
    from scr_live.network.config import NetworkConfig  # noqa: PLC0415 - needs torch
    from scr_live.network.scr_net import ScrNet  # noqa: PLC0415
    from scr_live.network.weights import load_weights, save_weights  # noqa: PLC0415

    network = ScrNet(NetworkConfig(**model.card.network))
    load_weights(network, model.path)
    state = network.state_dict()
    state["fuse.0.1.running_var"].fill_(-1.0)  # finite, as a file must be, and its root is no number
    save_weights(model.path, state)
    write_card(model.path, {**model.card.as_dict(), "sha256": ""})
    engine = open_engine("pytorch", read_model(model.path), threads=1)
    with engine, pytest.raises(InferenceError, match="from nan to nan"):
        engine.infer(noise(engine))
