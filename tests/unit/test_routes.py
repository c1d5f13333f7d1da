"""How much the channels of a run hold."""

import pytest

from scr_live.pipeline.channel import Overflow
from scr_live.pipeline.routes import Routes
from scr_live.pipeline.stages import NamedSink
from scr_live.sources import SourceInfo


def routes(width, height, *, is_live):
    info = SourceInfo("phantom", "phantom", width, height, 25.0, is_live=is_live)
    return Routes(info, [NamedSink("recorder", None, "to-disk")], has_screen=True)


@pytest.mark.parametrize(("is_live", "overflow"), [(True, Overflow.DROP_OLDEST), (False, Overflow.BLOCK)])
def test_live_drops_at_every_channel_and_files_at_none(is_live, overflow):
    assert {channel.overflow for channel in routes(640, 480, is_live=is_live).all} == {overflow}


def test_live_the_model_gets_the_newest_frame_only():
    assert routes(640, 480, is_live=True).model.capacity == 1


@pytest.mark.parametrize("size", [(1, 1), (640, 480), (1920, 1080), (7680, 4320), (30000, 30000)])
@pytest.mark.parametrize("is_live", [True, False])
def test_what_waits_in_one_channel_stays_below_half_a_gigabyte_or_is_two_pictures(size, is_live):
    width, height = size
    for channel in routes(width, height, is_live=is_live).all:
        assert channel.capacity <= 2 or channel.capacity * width * height * 3 < 500e6


def test_two_seconds_of_full_hd_wait_for_a_disk():
    assert routes(1920, 1080, is_live=True).sinks["recorder"].capacity >= 50
