import json

import pytest
from report_logs import HEADER, NOON, ended, started, told, write_log

from scr_live.errors import DataError
from scr_live.events import EventKind, Journal
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
    assert (reading.version, reading.problems) == ("0.1.0", [])
    first, last = reading.events
    assert (first.event, first.text("source"), first.number("threshold")) == ("run-started", "a", 0.5)
    assert (last.stream_s, last.number("captured"), last.number("nothing"), last.text("nothing")) == (
        2.5,
        50.0,
        None,
        "",
    )


def test_events_come_by_time_and_equal_ones_as_they_stand(path):
    write_log(path, ended(9), started(), told("a", 5, n=1), told("a", 5, n=2))
    assert [(one.event, one.number("n")) for one in read_events(path).events] == [
        ("run-started", None),
        ("a", 1),
        ("a", 2),
        ("run-ended", None),
    ]


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
    with pytest.raises(DataError, match="directory"):
        read_events(tmp_path)


def test_numbers_that_are_none(path):
    event = told("a", 1, big=10**400, true=True, text="1", nan=float("nan"), inf=float("inf"), huge=1e300)
    event["stream_s"] = -1
    one = read_events(write_log(path, event)).events[0]
    assert [one.number(name) for name in ("big", "true", "text", "nan", "inf", "huge")] == [None] * 6
    assert one.stream_s is None


def test_a_time_without_a_zone_is_utc(path):
    event = {**told("a", 1), "at": NOON.replace(tzinfo=None).isoformat()}
    assert read_events(write_log(path, event)).events[0].at == NOON
