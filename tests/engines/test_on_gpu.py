"""What only a GPU can show: built, serialised, loaded, and the same answers as on the CPU.

`pytest -m gpu`; skipped, with the reason, where GPU, driver or library is missing.
"""

import numpy as np
import pytest

from scr_live.engines.cuda import Stream
from scr_live.engines.openvino import OpenVinoEngine
from scr_live.engines.tensorrt import FORMS, TensorRtEngine, _variant
from scr_live.errors import EngineUnavailableError, ModelNotFoundError
from scr_live.gpu import find_gpu, load_cudart
from scr_live.shipped import find_model, model_names

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

LIBRARIES = ("tensorrt", "tensorrt-rtx")
TOLERANCES = {  # largest and mean difference, share of pixels that change sides
    "fp32": (5e-3, 1e-5, 1e-4),
    "fp16": (0.25, 2e-3, 2e-3),
    "int8": (1.0, 2e-2, 2e-2),
}


@pytest.fixture(autouse=True)
def _a_gpu_is_there():
    try:
        find_gpu()
    except EngineUnavailableError as error:
        pytest.skip(str(error))


def opened(model, folder, **options):
    try:
        return TensorRtEngine(model, cache=folder, **options)
    except (EngineUnavailableError, ModelNotFoundError) as error:
        pytest.skip(str(error))


def pictures(size):
    y, x = np.mgrid[:size, :size] / size
    planes = (0.6 + 0.3 * np.sin(5 * x + 2 * y), 0.35 + 0.2 * np.cos(4 * y), 0.3 + 0.1 * x)
    smooth = (np.stack(planes, axis=-1) * 255).astype(np.uint8)
    bump = np.exp(-((x - 0.4) ** 2 + (y - 0.5) ** 2) / 0.01)[..., None] * (60, 20, 10)
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return [smooth, np.clip(smooth + bump, 0, 255).astype(np.uint8), noise]


def free_bytes():
    cudart = load_cudart()
    cudart.cudaDeviceSynchronize()
    return cudart.cudaMemGetInfo()[1]


@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", model_names())
def test_the_answers_are_those_of_the_cpu_and_the_second_engine_is_the_first(
    name, library, precision, tmp_path
):
    model = find_model(name)
    shown = pictures(model.card.input_size)
    with OpenVinoEngine(model, precision="fp32") as reference:
        wanted = np.stack([reference.infer(picture) for picture in shown])
    with opened(model, tmp_path, library=library, precision=precision) as engine:
        found = np.stack([engine.infer(picture) for picture in shown])
        assert engine.info.precision == precision
        assert "as a CUDA graph" in engine.info.reason
    errors = np.abs(found - wanted)
    flips = ((found >= 0.5) != (wanted >= 0.5)).mean()
    largest, mean, flipped = TOLERANCES[precision]
    assert (errors.max() <= largest, errors.mean() <= mean, flips <= flipped) == (True, True, True), (
        f"largest {errors.max():.3g}, mean {errors.mean():.3g}, flipped {flips:.3g}"
    )
    with opened(model, tmp_path, library=library, precision=precision) as again:
        assert "from the cache" in again.info.reason
        assert np.array_equal(again.infer(shown[0]), found[0])


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_both_forms_of_the_warp_answer_alike(precision, tmp_path, monkeypatch):
    model = find_model("scr-net-lite0")
    shown, answers = pictures(model.card.input_size), {}
    for form in FORMS["tensorrt"]:
        try:
            _variant(model, precision, form)
        except ModelNotFoundError as error:
            pytest.skip(str(error))
        monkeypatch.setitem(FORMS, "tensorrt", (form,))
        with opened(model, tmp_path, precision=precision) as engine:
            answers[form] = np.stack([engine.infer(picture) for picture in shown])
    assert np.abs(answers["plugin"] - answers["native"]).mean() < TOLERANCES[precision][1]


@pytest.mark.parametrize("library", LIBRARIES)
def test_opening_and_closing_does_not_eat_the_gpus_memory(library, tmp_path):
    model = find_model("scr-net-lite0")
    picture = pictures(model.card.input_size)[0]
    free = []
    for _ in range(6):
        with opened(model, tmp_path, library=library) as engine:
            engine.infer(picture)
        free.append(free_bytes())
    assert min(free[2:]) >= free[1] - (8 << 20)


def test_a_stream_copies_and_replays(rng):
    with Stream(load_cudart()) as stream:
        source, back = stream.host_array((1000,), np.float32), stream.host_array((1000,), np.float32)
        memory = stream.device_memory(source.nbytes)
        replay = stream.capture(lambda: (stream.upload(source, memory), stream.download(memory, back)))
        for _ in range(3):
            source[...] = rng.random(1000, dtype=np.float32)
            replay()
            stream.synchronize()
            assert np.array_equal(back, source)


def test_too_much_memory_is_unavailable_and_the_stream_goes_on():
    with Stream(load_cudart()) as stream:
        with pytest.raises(EngineUnavailableError, match="memory on the GPU"):
            stream.device_memory(1 << 50)
        stream.device_memory(16)
        stream.synchronize()
