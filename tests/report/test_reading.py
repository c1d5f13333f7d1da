import json
import os
from datetime import timedelta

import pytest
from report_logs import HEADER, NOON, at_half_speed, closed, ended, opened, started, told, write_log

from scr_live import __version__
from scr_live.errors import DataError
from scr_live.events import EventKind, Journal
from scr_live.report import reading as room
from scr_live.report.reading import read_events
from scr_live.sinks.event_log import EventLog


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def test_what_was_written_is_read(path):
    with EventLog(path) as log:
        journal = Journal(log.heard)
        journal.tell(EventKind.RUN_STARTED, stream_s=0.0, source="a", threshold=0.5)
        journal.tell(EventKind.RUN_ENDED, stream_s=2.5, captured=50, recorded=50, cause="end")
    reading = read_events(path)
    assert (reading.version, reading.problems) == (__version__, [])
    first, last = reading.events
    assert (first.event, first.text("source"), first.number("threshold")) == ("run-started", "a", 0.5)
    assert (last.stream_s, last.number("captured"), last.number("nothing"), last.text("nothing")) == (
        2.5,
        50.0,
        None,
        "",
    )


def test_events_come_by_their_numbers_since_a_clock_may_be_set_back(path):
    events = [told("a", at_s, n=at_s) for at_s in (7, 8, 5, 6)]
    write_log(path, *(dict(one, seq=seq) for seq, one in zip((2, 1, 3, 4), events, strict=True)))
    assert [one.number("n") for one in read_events(path).events] == [8, 7, 5, 6]


@pytest.mark.parametrize("seqs", [(1, 2, 1, 2), (1, None, 2, 3), (1, 2.5, 3, 4)])
def test_events_without_good_numbers_come_by_time(seqs, path):
    """Such as two logs in one file."""
    events = [told("a", at_s, n=n) for n, at_s in enumerate((9, 5, 5, 1))]
    write_log(path, *(dict(one, seq=seq) for seq, one in zip(seqs, events, strict=True)))
    assert [one.number("n") for one in read_events(path).events] == [3, 1, 2, 0]


def places(path, *events):
    return [one.place_s for one in read_events(write_log(path, *events)).events]


def test_an_event_without_its_place_lies_by_the_clock_behind_the_last_with_one(path):
    lost = {"stream_s": None}
    events = [told("a", 3, **lost), told("b", 8), told("c", 20, **lost), told("d", 30)]
    assert places(path, *events) == [0, 8, 20, 30]
    late = told("e", 50, stream_s=33.0)
    assert places(path, told("b", 8), told("c", 40, **lost), late, told("d", 52, **lost)) == [8, 33, 33, 35]


def test_a_sighting_that_closes_says_nothing_of_where_the_stream_is(path):
    """It is told when its track is given up, and its place is where it was seen last."""
    events = [told("signal-lost", 10), closed(1, 610, last_s=9.0, stream_s=9.0), ended(610, stream_s=None)]
    assert places(path, started(), *events) == [0, 10, 9, 610]


@pytest.mark.parametrize("kind", ["recording-started", "recording-ended", "recording-failed"])
def test_nor_does_what_becomes_of_a_recording(kind, path):
    """A file that holds the rescued end of another is told late; one that ended tells its last picture."""
    late = told(kind, 60, stream_s=20.0, path="out-0002.mp4", cause="fallback")
    events = [told("signal-lost", 50), late, told("ai-failed", 61, stream_s=None), ended(62, stream_s=None)]
    assert places(path, started(), *events) == [0, 50, 20, 61, 62]


def test_a_clock_that_was_set_back_moves_no_event(path):
    hour_ago = (NOON - timedelta(hours=1)).isoformat()
    events = [told("b", 5), told("c", 0, at=hour_ago, stream_s=None), told("d", 0, at=hour_ago, stream_s=9.0)]
    assert places(path, started(), *events) == [0, 5, 5, 9]


def test_places_of_a_run_slower_than_its_video_are_those_of_the_video(path):
    events = at_half_speed(started(), opened(1, 10), closed(1, 20), ended(30))
    assert places(path, *events) == [0, 10, 19, 30]


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "sighting-op',
        "[1, 2]",
        "\x00\x00",
        '{"event": 3, "at": "2026-01-02T12:00:00+00:00"}',
        '{"event": "ai-failed", "at": "yesterday"}',
        '{"event": "ai-failed"}',
        "[" * 100_000,
        '{"n": ' + "9" * 5000 + "}",
        '{"event": "a", "at": "2026-01-02T12:00:00+00:00", "n": "' + "x" * (3 << 20) + '"}',
    ],
)
def test_a_damaged_line_is_left_out_and_told(path, line):
    reading = read_events(write_log(path, started(), line, ended(9)))
    assert [one.event for one in reading.events] == ["run-started", "run-ended"]
    assert "1 line is damaged and left out." in reading.problems


def test_bytes_that_are_no_text_are_damage(path):
    write_log(path, started(), ended(9))
    path.write_bytes(path.read_bytes() + b'\xff\xfe{"event"\n')
    assert read_events(path).problems == ["1 line is damaged and left out."]


def test_a_killed_run_is_told(path):
    problems = read_events(write_log(path, started())).problems
    assert any("killed" in problem for problem in problems)


@pytest.mark.parametrize("has_headers", [True, False])
def test_of_several_runs_in_one_log_the_last_is_read_and_that_is_said(has_headers, path):
    runs = [
        [started(), opened(1, 5), ended(9)],
        [started(), opened(1, 7)],
        [started(), opened(1, 8), ended(9)],
    ]
    texts = [
        write_log(path, *events, header=HEADER if has_headers else None).read_text(encoding="utf-8")
        for events in runs
    ]
    path.write_text("".join(texts), encoding="utf-8")
    reading = read_events(path)
    assert [one.place_s for one in reading.events] == [0, 8, 9]
    assert "The log holds 3 runs, one after another; only the last is told." in reading.problems
    assert len(reading.problems) == (1 if has_headers else 2)


def test_a_header_again_after_damage_begins_no_other_run(path):
    write_log(path, started(), ended(9))
    path.write_text("{\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    reading = read_events(path)
    assert (len(reading.events), reading.problems) == (2, ["1 line is damaged and left out."])


def test_lost_events_are_told_by_their_numbers(path):
    write_log(path, started(), told("a", 1, seq=4), told("a", 1, seq=6), ended(9, seq=7))
    problems = read_events(path).problems
    assert problems == ["Events are missing in the log, by their numbers: 2 to 3, 5."]


@pytest.mark.parametrize("header", [None, '{"event": "log-sta'])
def test_a_log_without_its_header_is_read_all_the_same(path, header):
    write_log(path, *([header] if header else []), started(), ended(9), header=None)
    reading = read_events(path)
    assert len(reading.events) == 2
    assert any("schema 1 is assumed" in problem for problem in reading.problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("hello\n", "is no event log"),
        ('{"event": "opened", "at": "2026-01-02T12:00:00+00:00"}\n', "is no event log"),
        (json.dumps({**HEADER, "schema": 2}), "has schema 2, and this version of scr-live reads up to 1"),
        (json.dumps({**HEADER, "schema": 10**400}), "has schema 1000"),
        (json.dumps({**HEADER, "schema": "one"}), "has the schema 'one'; expected a number"),
        (json.dumps({**HEADER, "schema": None}), "expected a number"),
    ],
)
def test_what_is_no_log_is_refused(path, text, words):
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_events(path)


def test_a_log_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_events(tmp_path / "no.jsonl")
    with pytest.raises(DataError, match="is a folder, a device or a pipe"):
        read_events(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices by name")
def test_what_might_never_end_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(DataError, match="is a folder, a device or a pipe"):
            read_events(tmp_path / path)


@pytest.mark.parametrize("limit", ["MOST_LINES", "MOST_BYTES"])
def test_a_log_that_is_too_long_is_read_in_part_and_says_so(limit, path, monkeypatch):
    write_log(path, started(), *(told("a", 1, n=number) for number in range(100)), ended(9))
    monkeypatch.setattr(room, limit, {"MOST_LINES": 10, "MOST_BYTES": 1500}[limit])
    reading = read_events(path)
    assert 5 < len(reading.events) < 20
    problem = f"The log is too long for a page: what comes after {len(reading.events) + 1} lines is left out."
    assert reading.problems == [problem]


def test_a_line_without_an_end_is_not_held_in_memory(path, monkeypatch):
    monkeypatch.setattr(room, "MOST_BYTES", 4 << 20)
    with path.open("wb") as stream:
        stream.write(json.dumps(HEADER).encode() + b"\n")
        stream.truncate(1 << 40)  # nothing but zeros, which take no room
    problems = read_events(path).problems
    assert "1 line is damaged and left out." in problems
    assert any("too long" in problem for problem in problems)


def test_lists_and_tables_are_no_facts(path):
    deep = "[" * 950 + "]" * 950
    line = json.dumps(told("a", 1, table={"n": 1})).replace('{"n": 1}', deep)
    one = read_events(write_log(path, line, started(), told("a", 2, table={"n": 1}))).events
    assert [told.text("table") for told in one] == [""] * len(one)


def test_numbers_that_are_none(path):
    event = told("a", 1, big=10**400, true=True, text="1", nan=float("nan"), inf=float("inf"), huge=1e300)
    event["stream_s"] = -1
    one = read_events(write_log(path, event)).events[0]
    assert [one.number(name) for name in ("big", "true", "text", "nan", "inf", "huge")] == [None] * 6
    assert one.stream_s is None


def test_a_time_without_a_zone_is_utc(path):
    event = {**told("a", 1), "at": NOON.replace(tzinfo=None).isoformat()}
    assert read_events(write_log(path, event)).events[0].at == NOON
