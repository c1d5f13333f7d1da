"""Which stretch of the video each file of a recording holds."""

from math import inf
from pathlib import Path

import pytest

from scr_live.sinks.stretches import Stretch, stretches


def held(*begun):
    return {
        one.path.name: (one.first_s, one.last_s) for one in stretches((Path(p), *rest) for p, *rest in begun)
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("out.mp4", "out-0002.mp4"),
        ("out-0001.mp4", "out-0002.mp4"),
        ("out-9999.mp4", "out-10000.mp4"),
        ("a/out.mp4", "b/out-0003.mp4"),
        ("rec-20260102-120000.mp4", "rec-20260102-120000-0002.mp4"),
        ("patient-1234.mp4", "patient-1234-0002.mp4"),
        ("patient-1234-0002.mp4", "patient-1234-0003.mp4"),
        ("raw.mp4", "raw-0002.mkv"),
    ],
)
def test_a_file_ends_where_the_next_of_its_recording_begins(first, second):
    found = held((first, 0.0, "start"), (second, 10.0, "size"))
    assert list(found.values()) == [(0.0, 10.0), (10.0, inf)]


@pytest.mark.parametrize(
    "other", [("raw-0002.mp4", 10.0, "size"), ("raw/out.mp4", 0.0, "start"), ("outer.mp4", 5.0, "size")]
)
def test_a_file_of_another_recording_ends_none(other):
    assert stretches([(Path("out.mp4"), 0.0, "start"), (Path(other[0]), *other[1:])])[0].last_s == inf


def test_what_is_rescued_late_lies_where_it_begins():
    found = held(("o.mp4", 0.0, "start"), ("o-0002.mp4", 600.0, "segment"), ("o-0003.mp4", 599.6, "fallback"))
    assert found == {"o.mp4": (0.0, 599.6), "o-0003.mp4": (599.6, 600.0), "o-0002.mp4": (600.0, inf)}


def test_what_is_rescued_from_the_beginning_stands_for_the_file_that_failed():
    found = held(("o.mp4", 0.0, "start"), ("o-0002.mp4", 0.0, "fallback"))
    assert found == {"o.mp4": (0.0, 0.0), "o-0002.mp4": (0.0, inf)}


def test_a_stretch_holds_what_it_shows_any_of():
    one = Stretch(Path("a"), 10.0, 20.0)
    assert [one.holds(*span) for span in ((0, 9), (0, 11), (12, 13), (19, 30), (20, 30))] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_file_that_nothing_follows_ends_with_its_last_picture():
    begun = [(Path("a-20260102-120000.mp4"), 0.0, "start"), (Path("a-20260102-120100.mp4"), 60.0, "start")]
    first, second = stretches(begun, {begun[0][0]: 30.0})
    assert (first.last_s, second.last_s) == (30.0, inf)
    assert not first.holds(40.0, 45.0)


def test_a_file_that_is_followed_ends_where_the_next_begins():
    begun = [(Path("out.mp4"), 0.0, "start"), (Path("out-0002.mp4"), 10.0, "segment")]
    first, second = stretches(begun, {Path("out.mp4"): 9.96, Path("out-0002.mp4"): 20.0})
    assert (first.last_s, second.last_s) == (10.0, 20.0)
