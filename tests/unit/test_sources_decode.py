"""A decoder in a hurry leaves out what no other picture needs, counts it, and damages nothing."""

import av
import pytest

from scr_live.sources.decode import PacketDecoder, Troubles


def decode(clip, *, hurries_from):
    decoder = PacketDecoder("clip", Troubles(), is_live=True)
    frames = []
    with av.open(clip) as container:
        for number, packet in enumerate(container.demux(video=0)):
            decoder.hurries = hurries_from <= number < 30
            frames.extend(decoder.decode(packet))
    return decoder, frames


@pytest.fixture
def numbers_of(number_in):
    return lambda frames: [number_in(frame.to_ndarray(format="rgb24")) for frame in frames]


def test_pictures_that_no_other_one_needs_are_left_out(tmp_path, make_clip, numbers_of):
    options = {"g": "60", "bf": "2", "x264-params": "scenecut=0:b-adapt=0"}
    clip = make_clip(tmp_path / "b.ts", 60, options=options)
    decoder, frames = decode(clip, hurries_from=10)
    numbers = numbers_of(frames)
    left_out = set(range(60)) - set(numbers)
    assert numbers == sorted(numbers)
    assert 5 <= len(left_out) == decoder.skipped
    assert min(left_out) >= 8
    assert max(left_out) < 34
    assert not any(frame.is_corrupt for frame in frames)


def test_where_each_picture_is_needed_none_is_left_out(tmp_path, make_clip, numbers_of):
    clip = make_clip(tmp_path / "p.ts", 40, options={"g": "40", "bf": "0"})
    decoder, frames = decode(clip, hurries_from=5)
    assert numbers_of(frames) == list(range(40))
    assert decoder.skipped == 0


def test_interlaced_video_keeps_all_its_fields(tmp_path, make_clip):
    options = {"g": "40", "bf": "2", "x264-params": "tff=1:scenecut=0:b-adapt=0"}
    clip = make_clip(tmp_path / "i.ts", 40, options=options)
    decoder, frames = decode(clip, hurries_from=10)
    assert len(frames) == 40
    assert decoder.skipped == 0
