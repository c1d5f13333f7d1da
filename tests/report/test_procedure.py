import json
from datetime import timedelta
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_logs import (
    NOON,
    at_half_speed,
    closed,
    ended,
    opened,
    recorded,
    started,
    told,
    updated,
    write_log,
)

from scr_live.events import EventKind
from scr_live.report.procedure import procedure
from scr_live.report.reading import read_events
from scr_live.report.spans import Span, covered_s


@pytest.fixture
def tell(tmp_path):
    return lambda *events: procedure(read_events(write_log(tmp_path / "events.jsonl", *events)))


def quality(at_s, now, before):
    return told("quality-changed", at_s, quality=now, before=before)


def test_where_nothing_was_told_of_quality_it_was_good(tell):
    assert tell(started(), ended(100)).assessable_share() == 1


def test_what_was_not_good_is_not_assessable_and_counts_once(tell):
    one = tell(
        started(),
        quality(10, "blurred", "good"),
        quality(20, "covered", "blurred"),
        told("signal-lost", 25, cause="cable"),
        quality(30, "good", "covered"),
        told("signal-back", 40, lost_s=15.0, attempts=2),
        told("input-changed", 90, signal="black", before="ok"),
        ended(100),
    )
    assert one.quality == [Span(10, 20, "blurred"), Span(20, 30, "covered")]
    assert one.signal == [Span(25, 40, "cable")]
    assert one.input == [Span(90, 100, "black", is_open=True)]
    assert one.assessable_share() == pytest.approx(0.6)
    assert one.assessable_share(0, 50) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("figures", "share"),
    [
        ({"captured": 200, "inferred": 50}, 0.25),
        ({"captured": 200, "inferred": 300}, 1.0),
        ({"captured": 200, "inferred": -3}, 0.0),
        ({"captured": 0, "inferred": 0}, None),
        ({"captured": -200, "inferred": 50}, None),
        ({"captured": 200}, None),
        ({"captured": "many", "inferred": 50}, None),
    ],
)
def test_the_share_that_the_model_judged(tell, figures, share):
    one = tell(started(), told("run-ended", 10, cause="end", **figures))
    assert one.judged_share == share


def test_a_log_without_an_end_does_not_tell_what_the_model_judged(tell):
    assert tell(started()).judged_share is None


def test_a_log_without_length_has_no_share(tell):
    one = tell(started())
    assert (one.assessable_share(), one.end_s) == (None, 0)


def test_the_length_is_that_of_the_video_not_of_the_work_on_it(tell):
    events = at_half_speed(started(), quality(20, "blurred", "good"), closed(1, 30), ended(40))
    one = tell(*events)
    assert one.end_s == 40
    assert one.quality == [Span(20, 40, "blurred", is_open=True)]
    assert one.assessable_share() == pytest.approx(0.5)


def test_a_signal_that_is_lost_for_good_counts_although_a_sighting_closes_at_the_end(tell):
    """As an older log has it: its end has no place, and the sighting only that where it was seen last."""
    lost = told("signal-lost", 60, cause="cable")
    one = tell(started(), opened(1, 50), lost, closed(1, 660, last_s=59.0, stream_s=59.0), ended(660))
    assert (one.end_s, one.signal) == (660, [Span(60, 660, "cable", is_open=True)])
    old = tell(
        started(),
        opened(1, 50),
        lost,
        closed(1, 660, last_s=59.0, stream_s=59.0),
        ended(660, stream_s=None),
    )
    assert (old.end_s, old.signal) == (one.end_s, one.signal)
    assert old.assessable_share() == pytest.approx(60 / 660)


def test_no_share_is_less_than_nothing(tell):
    """Sums of tenths are a little off."""
    events = [quality(0.3, "blurred", "good"), quality(5.4, "covered", "blurred"), ended(9.4)]
    assert tell(started(), *events).assessable_share(0.3, 9.4) == 0


def test_ai_off_lasts_until_it_is_back_however_often_it_fails(tell):
    fail = [told("ai-failed", at_s, engine="a", cause="broken") for at_s in (10, 11, 12)]
    one = tell(started(), *fail, told("ai-back", 20, engine="a", failures=3), ended(100))
    assert one.ai == [Span(10, 20, "broken")]
    assert one.without_ai_s == 10


def test_what_fails_for_several_causes_is_off_once_for_the_first_of_them(tell):
    fail = [told("ai-failed", at_s, engine="a", cause=cause) for at_s, cause in ((10, "hung"), (12, "gone"))]
    lost = [told("signal-lost", at_s, cause=cause) for at_s, cause in ((30, "cable"), (33, "readers hang"))]
    back = [told("ai-back", 20, engine="a", failures=2), told("signal-back", 40)]
    one = tell(started(), *fail, back[0], *lost, back[1], ended(100))
    assert (one.ai, one.signal) == ([Span(10, 20, "hung")], [Span(30, 40, "cable")])


def test_the_withdrawal_clock(tell):
    one = tell(started(), told("withdrawal-started", 30), told("withdrawal-ended", 90), ended(100))
    assert one.withdrawals == [Span(30, 90, "")]
    assert tell(started(), told("withdrawal-started", 30), ended(100)).withdrawals[0].is_open


def test_a_sighting_is_put_together(tell):
    one = tell(
        started(),
        opened(3, 10),
        updated(3, 11, area_px=500.0, score=0.97),
        closed(3, 15, first_s=9.5, snapshot="three.jpg"),
        ended(60),
    ).sightings[0]
    assert (one.number, one.first_s, one.last_s, one.frames) == (3, 9.5, 14.0, 50)
    assert (one.best_score, one.largest_area_px, one.largest_field_share) == (0.97, 1200.0, 0.041)
    assert (one.first_at, one.last_at) == (NOON + timedelta(seconds=9.5), NOON + timedelta(seconds=14))
    assert (one.areas, one.snapshot, one.is_closed) == ([(10.0, 400.0), (11.0, 500.0)], "three.jpg", True)


@pytest.mark.parametrize("closed_at_s", [15, 600])
def test_the_clock_of_a_sighting_is_that_of_its_last_frame_whenever_it_is_closed(closed_at_s, tell):
    seen = closed(1, closed_at_s, last_s=12.5, stream_s=12.5)
    one = tell(started(), opened(1, 10), updated(1, 12), seen, ended(700)).sightings[0]
    assert (one.last_s, one.last_at) == (12.5, NOON + timedelta(seconds=12.5))


def test_the_clock_of_a_sighting_in_a_run_slower_than_its_video(tell):
    """The last event while it was seen tells the time; from there on, life and video go on alike."""
    events = at_half_speed(started(), opened(1, 10), updated(1, 12), closed(1, 14), ended(20))
    one = tell(*events).sightings[0]
    assert (one.first_s, one.last_s) == (9.5, 13.0)
    assert (one.first_at, one.last_at) == (NOON + timedelta(seconds=19.5), NOON + timedelta(seconds=25))


def test_the_files_of_a_recording_hold_the_video_one_after_another(tell):
    one = tell(
        started(),
        recorded("/a/out.mp4", 0),
        recorded("raw.mp4", 0),
        recorded("raw.mkv", 0, stream_s=None),
        recorded("/a/out-0002.mp4", 600, cause="segment"),
        recorded("/b/out-0003.mp4", 599.6, cause="fallback"),
        ended(900),
    )
    assert [(one.path.name, one.first_s, one.last_s) for one in one.recordings] == [
        ("out.mp4", 0, 599.6),
        ("raw.mp4", 0, inf),
        ("out-0003.mp4", 599.6, 600),
        ("out-0002.mp4", 600, inf),
    ]
    assert one.recording("out-0003.mp4").first_s == 599.6
    assert one.recording("other.mp4") is None


def test_a_sighting_that_the_end_cut_off_is_kept(tell):
    one = tell(started(), opened(1, 10), updated(1, 12)).sightings[0]
    assert (one.first_s, one.last_s, one.is_closed, one.frames) == (9.5, 12.0, False, None)


def test_a_sighting_of_which_only_the_end_was_written(tell):
    one = tell(started(), closed(1, 15, first_s=10.0), ended(60)).sightings[0]
    assert (one.first_s, one.areas, one.is_closed) == (10.0, [], True)


def test_facts_that_make_no_sense_break_nothing(tell):
    events = [
        opened("three", 5),
        opened(None, 5),
        opened(1, 5, first_s=-9.0, score="high", area_px=[1]),
        closed(2, 6, first_s=1e11, frames="x"),
        told("quality-changed", 7),
        told("signal-back", 8),
    ]
    one = tell(*events)
    assert [(seen.number, seen.first_s, seen.last_s) for seen in one.sightings] == [(1, 0, 5), (2, 5, 5)]
    assert one.quality == [Span(7, 8, "not told", is_open=True)]


def test_an_event_without_its_place_is_placed_by_the_clock(tell):
    lost = {**told("signal-lost", 10, cause="x"), "stream_s": None}
    back = {**told("signal-back", 99), "stream_s": None}
    one = tell(started(), told("ai-back", 8), lost, told("ai-back", 20), back, ended(100))
    assert one.signal == [Span(10, 99, "x")]


def test_covered_time():
    spans = [Span(5, 7, ""), Span(0, 3, ""), Span(2, 4, ""), Span(6, 6.5, "")]
    assert covered_s(spans, 1, 6) == 4


def test_a_log_of_two_runs_without_numbers_is_a_log(tell):
    strange = json.dumps({"event": "run-started", "at": "2026-01-01 00:00:00"})
    assert tell(strange, strange).sightings == []


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
)
NAMES = (
    "sighting",
    "first_s",
    "last_s",
    "area_px",
    "score",
    "frames",
    "quality",
    "signal",
    "duration_s",
    "cause",
)
EVENTS = st.fixed_dictionaries(
    {"event": st.sampled_from(list(EventKind)), "at": st.datetimes().map(str)},
    optional={"stream_s": VALUES, "seq": VALUES, **dict.fromkeys(NAMES, VALUES)},
)


@given(st.lists(EVENTS, max_size=12))
@settings(max_examples=150, deadline=None)
def test_whatever_a_log_holds_is_put_together(tmp_path_factory, events):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    one = procedure(read_events(write_log(path, *map(json.dumps, events))))
    share = one.assessable_share()
    assert share is None or -1e-6 <= share <= 1
    assert all(0 <= seen.first_s <= seen.last_s <= one.end_s for seen in one.sightings)
    for spans in (*one.gaps.values(), one.withdrawals):
        assert all(0 <= span.first_s <= span.last_s <= one.end_s for span in spans)
