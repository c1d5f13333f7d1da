import json
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
import pytest

from scr_live.errors import OptionError
from scr_live.phantom import lens
from scr_live.phantom.flight import LAP_S
from scr_live.phantom.render import VISIBLE_DISTANCE, _colon, _look_around, scene
from scr_live.sources.phantom import PhantomOptions, PhantomSource, parse_phantom, render

TINY = PhantomOptions(width=96, height=80, seed=3)
CLEAN = replace(TINY, polyps=0)


@pytest.fixture(scope="module")
def with_polyp():
    """Find a frame of TINY that shows a polyp well: (index, image, truth)."""
    flight = scene(TINY.seed, TINY.polyps).flight
    for growth in flight.growths:
        index = round(flight.time_at(growth.base[2] - 0.9) * TINY.fps)
        image, truth = render(TINY, index)
        if any(polyp.visible_area_px > 100 for polyp in truth.polyps):
            return index, image, truth
    pytest.fail("no polyp of this colon can be seen well")


def test_equal_options_give_equal_pixels():
    first, _ = render(TINY, 12)
    scene.cache_clear()
    _colon.cache_clear()
    again, _ = render(TINY, 12)
    assert np.array_equal(first, again)


def test_seeds_and_moments_differ():
    image, _ = render(TINY, 12)
    assert not np.array_equal(image, render(TINY, 13)[0])
    assert np.abs(image.astype(int) - render(replace(TINY, seed=4), 12)[0]).mean() > 5


def test_a_frame_is_rgb_bytes_of_the_size_asked_for():
    image, truth = render(replace(CLEAN, width=97, height=63), 0)
    assert image.shape == (63, 97, 3)
    assert image.dtype == np.uint8
    assert truth.mask.shape == (63, 97)


def test_mucosa_is_reddish_and_neither_black_nor_burnt():
    image, _ = render(CLEAN, 40)
    field = image[lens.octagon(CLEAN.width, CLEAN.height) == 1].astype(float)
    red, green, blue = field.mean(axis=0)
    assert red > green > blue
    assert 50 < field.mean() < 200


def test_outside_the_octagon_all_is_black():
    image, _ = render(CLEAN, 5)
    outside = lens.octagon(CLEAN.width, CLEAN.height) == 0
    outside[:, : int(CLEAN.width * 0.2)] = False  # there the caption may stand
    assert outside.mean() > 0.05
    assert image[outside].max() == 0


def test_boxes_and_areas_describe_the_mask(with_polyp):
    _, image, truth = with_polyp
    assert truth.mask.shape == image.shape[:2]
    assert truth.mask.sum() == sum(polyp.visible_area_px for polyp in truth.polyps)
    covered = np.zeros_like(truth.mask)
    for polyp in truth.polyps:
        x, y, width, height = polyp.box
        inside = truth.mask[y : y + height, x : x + width]
        assert inside.any(axis=0).all()
        assert inside.any(axis=1).all()
        covered[y : y + height, x : x + width] = True
    assert not (truth.mask & ~covered).any()


def test_the_mask_lies_on_the_polyp(with_polyp):
    """Seen from the same place, the colon without polyps is farther away there, and the same elsewhere."""
    index, _, truth = with_polyp
    stage = scene(TINY.seed, TINY.polyps)
    pose = stage.flight.pose(index / TINY.fps)
    bare = replace(stage, flight=replace(stage.flight, growths=()))
    distance, wall = (_look_around(s, pose, TINY)[0].distance for s in (stage, bare))
    mask = cv2.resize(truth.mask.astype(np.uint8), distance.shape[::-1], interpolation=cv2.INTER_AREA)
    core = cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0
    assert core.any()
    assert (distance < wall)[core].all()
    near = cv2.dilate(mask, np.ones((9, 9), np.uint8)) > 0
    seen = lens.octagon(TINY.width, TINY.height)[::2, ::2] > 0
    same = np.isclose(distance, wall) | (distance > VISIBLE_DISTANCE)
    assert same[seen & ~near].all()


def test_the_mask_stays_inside_the_octagon():
    for index in range(20, 200, 30):
        mask = PhantomSource(TINY).truth(index).mask
        assert not mask[lens.octagon(TINY.width, TINY.height) == 0].any()


def test_truth_of_a_frame_needs_no_rendering_of_others(with_polyp):
    index, _, truth = with_polyp
    alone = PhantomSource(TINY).truth(index)
    assert np.array_equal(alone.mask, truth.mask)
    assert alone.polyps == truth.polyps


def test_without_polyps_the_truth_is_empty():
    for index in (0, 90, 200):
        truth = PhantomSource(CLEAN).truth(index)
        assert truth.polyps == ()
        assert not truth.mask.any()


def test_the_number_of_polyps_follows_the_option():
    assert len(scene(3, 3).flight.growths) == round(3 * LAP_S / 10)


def test_a_polyp_keeps_its_identity_and_comes_and_goes():
    options = replace(TINY, width=64, height=48)
    seen = [{p.polyp_id for p in PhantomSource(options).truth(i).polyps} for i in range(0, 250, 10)]
    assert set.union(*seen) >= {0, 1}
    assert any(not ids for ids in seen), "there are stretches without any polyp"
    first = [0 in ids for ids in seen]
    assert not first[-1], "the first polyp is passed within ten seconds"


def test_times_are_exact_and_the_end_is_known():
    options = replace(CLEAN, fps=30000 / 1001, duration_s=0.2)
    with PhantomSource(options) as source:
        assert source.info.frame_count == 6
        assert source.info.duration_s == 6 / options.fps
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(6))
    assert [frame.pts_s for frame in frames] == [i / options.fps for i in range(6)]
    assert not frames[0].image.flags.writeable


def test_an_endless_flight_goes_round_the_ring():
    options = replace(CLEAN, duration_s=None)
    assert PhantomSource(options).info.frame_count is None
    assert [frame.index for frame in islice(PhantomSource(options), 3)] == [0, 1, 2]
    late, _ = render(options, round(40 * LAP_S * options.fps))
    assert late.max() > 100


def test_a_live_source_is_paced_and_skips_nothing():
    source = PhantomSource(replace(CLEAN, is_live=True, fps=20, duration_s=None))
    assert source.info.is_live
    frames = list(islice(source, 4))
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert all(b.captured_at - a.captured_at >= 1 / 20 for a, b in pairwise(frames))


def test_close_ends_the_wait_for_the_next_live_frame():
    source = PhantomSource(replace(CLEAN, is_live=True, fps=0.001, duration_s=None))
    first, ended = Event(), Event()

    def read():
        for _ in source:
            first.set()
        ended.set()

    reader = Thread(target=read)
    reader.start()
    assert first.wait(20)
    source.close()
    assert ended.wait(20), "the next frame is due in a thousand seconds"
    reader.join()


@pytest.mark.parametrize(
    "spec",
    [
        "phantom:seed=0",
        "phantom:seed=3,polyps=0",
        "phantom:seed=1,polyps=2,size=320x256,duration=2.5,fps=29.97002997,live=1",
        "phantom:seed=0,duration=endless",
        "phantom:seed=2,duration=20,scenario=pan,margins=text",
    ],
)
def test_its_name_says_how_to_get_it_again(spec):
    options = parse_phantom(spec)
    assert PhantomSource(options).info.name == spec


def test_nothing_comes_after_close():
    source = PhantomSource(CLEAN)
    source.close()
    assert list(source) == []


def test_a_spec_is_read():
    assert parse_phantom("phantom") == PhantomOptions()
    assert parse_phantom("phantom:seed=3,polyps=0,size=320x256,duration=2.5,fps=50,live=1") == PhantomOptions(
        seed=3, polyps=0, width=320, height=256, duration_s=2.5, fps=50.0, is_live=True
    )
    assert parse_phantom("phantom:duration=endless").duration_s is None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("camera", "phantom"),
        ("phantom:colour=red", "no option 'colour=red'"),
        ("phantom:seed", "key=value"),
        ("phantom:seed=x", "whole number"),
        ("phantom:seed=-1", "0 or more"),
        ("phantom:seed=1,seed=2", "twice"),
        ("phantom:size=640", "640x512"),
        ("phantom:size=8x8", "between 32 and 4096"),
        ("phantom:fps=nan", "fps"),
        ("phantom:fps=0", "fps"),
        ("phantom:duration=0", "endless"),
        ("phantom:polyps=99", "between 0 and 10"),
        ("phantom:live=maybe", "1 or 0"),
    ],
)
def test_a_wrong_spec_is_refused(spec, says):
    with pytest.raises(OptionError, match=says):
        parse_phantom(spec)


@pytest.fixture(scope="module")
def sample():
    """The shipped clip's ground truth: (JSON, masks)."""
    folder = Path(__file__).parents[2] / "assets" / "sample_videos"
    truth = json.loads((folder / "phantom.json").read_text(encoding="utf-8"))
    with np.load(folder / "phantom_masks.npz") as data:
        masks = np.unpackbits(data["packed"], axis=2)[:, :, : int(data["width"])] > 0
    return truth, masks


def test_the_sample_clips_tables_and_masks_agree(sample):
    truth, masks = sample
    areas = np.zeros(truth["frame_count"], int)
    for polyp in truth["polyps"]:
        assert polyp["visible"][0][0] == polyp["rows"][0][0]
        for frame, x, y, width, height, area in polyp["rows"]:
            areas[frame] += area
            assert masks[frame, y : y + height, x : x + width].sum() >= area
    assert np.array_equal(areas, masks.sum(axis=(1, 2)))
    empty = [i for first, last in truth["frames_without_polyp"] for i in range(first, last + 1)]
    assert empty == np.flatnonzero(areas == 0).tolist()


def test_the_sample_clip_is_what_the_code_renders_now(sample):
    """Fails when the look or the anatomy changed and scripts/make_sample_clip.py was not run."""
    truth, masks = sample
    source = PhantomSource(parse_phantom(truth["source"]))
    for index in (60, 120):
        now = source.truth(index).mask
        assert (now & masks[index]).sum() / (now | masks[index]).sum() > 0.97
