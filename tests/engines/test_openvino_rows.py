"""GridSample rewritten as gathers of rows answers what OpenVINO's own GridSample does."""

from itertools import islice, product
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from scr_live.bench.layers import profile
from scr_live.engines.openvino import (
    OpenVinoEngine,
    float_precision,
    openvino,
    opset,
    read_onnx,
    settings_for,
    shared_core,
)
from scr_live.engines.openvino_rows import sample_by_rows
from scr_live.shipped import find_model

SAMPLE = Path(__file__).parents[2] / "assets" / "sample_videos" / "phantom.mp4"
BILINEAR = {"align_corners": False, "mode": "bilinear", "padding_mode": "zeros"}


def graph_of(shape, grid_shape, *, splits=False, **options):
    """Answers features sampled at a grid, plus one: the sampling is not the end of the graph."""
    features, grid = opset.parameter(shape, np.float32), opset.parameter(grid_shape, np.float32)
    places = opset.concat(list(opset.split(grid, opset.constant(-1), 2).outputs()), -1) if splits else grid
    sampled = opset.grid_sample(features, places, {**BILINEAR, **options})
    plus_one = opset.add(sampled, opset.constant(np.float32(1)))
    return openvino.Model([plus_one], [features, grid], "sampling")


def answer(graph, *inputs):
    compiled = shared_core().compile_model(graph, "CPU", settings_for("fp32", 1))
    return compiled.create_infer_request().infer(list(inputs))[0].copy()


def grid_at(x, y, *, height, width):
    """The places of pixels, (n,) each, as GridSample takes them: (1, 1, n, 2)."""
    pixels = np.stack((x, y), axis=-1)[None, None]
    return (pixels + 0.5) * 2 / np.array([width, height]) - 1


def both(shape, grid, **options):
    features = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    grid = grid.astype(np.float32)
    expected = answer(graph_of(shape, grid.shape, **options), features, grid)
    rewritten = graph_of(shape, grid.shape, **options)
    count = sample_by_rows(rewritten)
    assert (count == 0) == any(node.get_type_name() == "GridSample" for node in rewritten.get_ops())
    return count, expected, answer(rewritten, features, grid)


@pytest.mark.parametrize("splits", [False, True])
@pytest.mark.parametrize("shape", [(1, 48, 11, 7), (1, 3, 2, 2), (1, 8, 5, 32)])
def test_samples_inside_and_outside_are_the_same(shape, splits):
    grid = np.random.default_rng(1).uniform(-1.6, 1.6, (1, 9, 13, 2))
    count, expected, found = both(shape, grid, splits=splits)
    assert count == 1
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("edge", [-1.0, -0.75, -0.5, 0.0, 0.25, 1.0])
def test_the_border_fades_to_zero_as_it_does(edge):
    height, width = 6, 9
    x = np.array([edge, width - 1 - edge, edge, 4.0])
    y = np.array([2.5, edge, height - 1 - edge, height - 1 - edge])
    _, expected, found = both((1, 4, height, width), grid_at(x, y, height=height, width=width))
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_what_lies_far_outside_is_zero():
    far = np.array([-1e30, 1e30, -np.inf, np.inf, 50.0])
    grid = np.stack((far, np.zeros_like(far)), axis=-1)[None, None]
    _, _, found = both((1, 4, 6, 9), grid)
    np.testing.assert_array_equal(found, np.ones_like(found))


@pytest.mark.parametrize("channels", [1, 4, 48])
def test_a_place_that_is_no_number_samples_nothing(channels):
    grid = np.random.default_rng(1).uniform(-1, 1, (1, 9, 13, 2))
    grid[0, 2, 3:9] = np.nan
    grid[0, 5, 4, 0] = np.nan
    _, expected, found = both((1, channels, 6, 9), grid)
    told = ~np.isnan(grid).any(axis=-1)[0]
    np.testing.assert_allclose(found[..., told], expected[..., told], atol=2e-5)
    lost = found[..., ~told]
    assert np.all(np.isnan(lost) | (lost == 1))


@pytest.mark.parametrize(
    "options", [{"align_corners": True}, {"mode": "nearest"}, {"padding_mode": "border"}], ids=str
)
def test_other_kinds_of_sampling_stay_as_they_are(options):
    grid = np.random.default_rng(1).uniform(-1.6, 1.6, (1, 3, 4, 2))
    count, expected, found = both((1, 4, 6, 9), grid, **options)
    assert count == 0
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(2, 4, 6, 9), (1, 4, 1, 9)])
def test_several_pictures_and_single_lines_stay_as_they_are(shape):
    assert sample_by_rows(graph_of(shape, (shape[0], 3, 4, 2))) == 0


def part_of_a_grid(kind, features, places):
    """A node of (1, 5, 6, 1) places: some of these no input moves, or only by its shape."""
    if kind == "moved":
        batch = opset.reshape(features, opset.constant([1, 1, -1, 1]), special_zero=False)
        picked = opset.gather(batch, opset.constant(np.arange(30)), opset.constant(2))
        return opset.reshape(picked, opset.constant([1, 5, 6, 1]), special_zero=False)
    constant = opset.constant(places.astype(np.float32))
    if kind == "constant":
        return constant
    shape = opset.convert(opset.shape_of(features), "f32")
    channels = opset.gather(shape, opset.constant(1), opset.constant(0))
    return opset.multiply(constant, opset.divide(channels, opset.constant(np.float32(4))))


@pytest.mark.parametrize("kinds", [*product(("moved", "constant", "by the shape"), repeat=2)], ids=str)
def test_parts_of_a_grid_may_be_constant(kinds):
    """OpenVINO folds these before it compiles, and not every formula survives that."""
    rng = np.random.default_rng(3)
    image = rng.uniform(-1.6, 1.6, (1, 4, 6, 9)).astype(np.float32)
    places = rng.uniform(-1.6, 1.6, (2, 1, 5, 6, 1))
    answers = []
    for rewrites in (False, True):
        features = opset.parameter(image.shape, np.float32)
        parts = [part_of_a_grid(kind, features, each) for kind, each in zip(kinds, places, strict=True)]
        sampled = opset.grid_sample(features, opset.concat(parts, -1), BILINEAR)
        graph = openvino.Model([opset.add(sampled, opset.constant(np.float32(1)))], [features], "parts")
        assert not rewrites or sample_by_rows(graph) == 1
        answers.append(answer(graph, image))
    np.testing.assert_allclose(answers[1], answers[0], atol=2e-5)


def test_a_grid_of_parts_whose_sides_are_open_but_for_the_last():
    features, grid = opset.parameter((1, 4, 6, 9), np.float32), opset.parameter((1, -1, -1, 2), np.float32)
    halves = list(opset.split(grid, opset.constant(-1), 2).outputs())
    places = opset.reshape(opset.concat(halves, -1), opset.constant([1, 3, 4, 2]), special_zero=False)
    graph = openvino.Model([opset.grid_sample(features, places, BILINEAR)], [features, grid], "open")
    assert sample_by_rows(graph) == 1


@pytest.mark.parametrize(("precision", "within"), [("fp32", 1e-4), ("int8", 0.02)])
def test_the_shipped_network_is_opened_so_and_finds_the_same(precision, within):
    """In int8 a value that differs by 1e-7 may be rounded to the next step."""
    if float_precision(shared_core(), "auto") != "fp32":
        pytest.skip("This CPU computes in bf16, where the network is opened as it is.")
    model = find_model("scr-net-lite0").variant(precision=precision)
    side = model.card.input_size
    with av.open(str(SAMPLE)) as clip:
        picture = next(islice(clip.decode(video=0), 120, None)).to_ndarray(format="rgb24")
    image = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    as_it_is = shared_core().compile_model(read_onnx(model.path), "CPU", settings_for("fp32", 0))
    expected = as_it_is.create_infer_request().infer([model.card.to_input(image)])[0]
    with OpenVinoEngine(model, precision=precision) as engine:
        found = engine.infer(image)
    assert expected.max() > 0.5, "the picture shows a polyp"
    np.testing.assert_allclose(found.squeeze(), expected.squeeze(), atol=within)
    kinds = [layer.kind for layer in profile(model, precision=precision, threads=0, runs=1).layers]
    assert "GridSample" not in kinds
    assert "Gather" in kinds
