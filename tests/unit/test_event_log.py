import json
import math
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from events_manual import OF_EVERY_LINE, ROOT, manual

import scr_live
from scr_live.errors import OutputExistsError, OutputUnwritableError
from scr_live.events import Event, EventKind, Journal
from scr_live.sinks import event_log
from scr_live.sinks.event_log import EventLog, check_events_path


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def start(log):
    """A run that never starts leaves no log."""
    log.heard(Event(EventKind.RUN_STARTED, datetime.now(UTC), 0.0))


def child(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_header_and_then_each_event_as_it_is_told(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        journal = Journal(log.heard)
        journal.tell(EventKind.RUN_STARTED, stream_s=0.0, source="a", fps=25.0)
        journal.tell(EventKind.SIGNAL_LOST, cause="cable")
    header, started, lost = lines_of(path)
    assert (header["event"], header["schema"], header["version"]) == ("log-started", 1, scr_live.__version__)
    assert [header["seq"], started["seq"], lost["seq"]] == [0, 1, 2]
    assert (started["event"], started["stream_s"], started["fps"]) == ("run-started", 0.0, 25.0)
    assert (lost["stream_s"], lost["cause"]) == (None, "cable")
    assert log.problem == ""


def test_what_json_has_no_word_for(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        facts = {
            "nan": math.nan,
            "inf": -math.inf,
            "half": np.float32(0.5),
            "three": np.int64(3),
            "name": "\udcff\n",
            "path": Path("a"),
        }
        log.heard(Event(EventKind.RUN_STARTED, datetime.now(UTC), math.inf, facts))
    told = lines_of(path)[1]
    assert [told[name] for name in ("stream_s", *facts)] == [None, None, None, 0.5, 3, "\udcff\n", "a"]


def test_a_line_is_in_the_file_at_once(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.heard(Event(EventKind.AI_FAILED, datetime.now(UTC), 1.0))
        until = time.monotonic() + 5
        while len(lines_of(path)) < 2 and time.monotonic() < until:
            time.sleep(0.005)
        assert lines_of(path)[1]["event"] == "ai-failed"


def test_what_was_told_survives_a_killed_process(tmp_path):
    path = tmp_path / "events.jsonl"
    code = """
import sys, time
from pathlib import Path
from scr_live.events import EventKind, Journal
from scr_live.sinks.event_log import EventLog
path = Path(sys.argv[1])
with EventLog(path) as log:
    journal = Journal(log.heard)
    for number in range(200):
        journal.tell(EventKind.SIGHTING_OPENED, stream_s=float(number), sighting=number)
    while path.read_bytes().count(b"\\n") < 201:
        time.sleep(0.005)
    print("told", flush=True)
    time.sleep(60)
"""
    with child(code, path) as process:
        assert process.stdout.readline() == "told\n"
        process.send_signal(signal.SIGKILL)
    assert [line["seq"] for line in lines_of(path)] == list(range(201))


@pytest.mark.skipif(os.name != "posix", reason="limits of a process")
def test_a_full_disk_is_told_once_and_ends_nothing(tmp_path):
    path = tmp_path / "events.jsonl"
    code = """
import resource, sys
from pathlib import Path
from scr_live.events import EventKind, Journal
from scr_live.sinks.event_log import EventLog
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
with EventLog(Path(sys.argv[1])) as log:
    journal = Journal(log.heard)
    journal.tell(EventKind.RUN_STARTED, stream_s=0.0)
    for number in range(100):
        journal.tell(EventKind.AI_FAILED, stream_s=float(number), cause="x" * 60)
print(log.problem)
"""
    with child(code, path) as process:
        problem = process.stdout.read()
    assert process.returncode == 0
    assert problem.count("\n") == 1
    assert "are incomplete: File too large." in problem
    assert len(lines_of(path)) > 5  # each of them is whole


def test_lines_that_are_missing_are_counted_when_there_is_room_again(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    write_all = event_log._write_all
    full = [True, True, False]

    def write(number, data):
        if b"ai-failed" in data and full.pop(0):
            write_all(number, data[:20])  # a part of the line is on the disk already
            raise OSError(28, "No space left on device")
        if b"lines-lost" in data and full[0]:
            raise OSError(28, "No space left on device")
        write_all(number, data)

    monkeypatch.setattr(event_log, "_write_all", write)
    with EventLog(path) as log:
        start(log)
        for number in range(3):
            log.heard(Event(EventKind.AI_FAILED, datetime.now(UTC), float(number)))
    *_, lost, last = lines_of(path)
    assert (lost["event"], lost["lines"], last["seq"]) == ("lines-lost", 2, 4)
    assert log.problem == f"The events in {path} are incomplete: No space left on device."


def test_a_disk_that_stands_still_holds_up_nobody(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    write_all = event_log._write_all
    moves = threading.Event()

    def write(number, data):
        assert b"log-started" in data or moves.wait(10)
        write_all(number, data)

    monkeypatch.setattr(event_log, "_write_all", write)
    with EventLog(path, waiting=3) as log:
        start(log)
        for number in range(20):
            log.heard(Event(EventKind.AI_FAILED, datetime.now(UTC), float(number)))
        assert "too slow" in log.problem
        moves.set()
    told = lines_of(path)[1:]
    missing = sum(line.get("lines", 0) for line in told)
    assert missing >= 16
    assert missing + sum(line["event"] == "ai-failed" for line in told) == 20


def test_the_disk_has_each_line_soon_after(tmp_path, monkeypatch):
    path, synced = tmp_path / "events.jsonl", queue.Queue()
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (synced.put(path.read_bytes()), fsync(number)))
    with EventLog(path) as log:
        log.heard(Event(EventKind.AI_FAILED, datetime.now(UTC), 1.0))
        while b"ai-failed" not in synced.get(timeout=20):
            pass
    assert event_log._SYNC_PAUSE_S < 1


def test_a_line_after_one_that_could_not_be_taken_back_is_whole(tmp_path, monkeypatch):
    """Nor does a later failure cut off what was written since."""
    path = tmp_path / "events.jsonl"
    write_all, ftruncate = event_log._write_all, os.ftruncate
    fails = [True, False, True, False]

    def write(number, data):
        if b"ai-failed" in data and fails.pop(0):
            write_all(number, data[:20])
            raise OSError(5, "Input/output error")
        write_all(number, data)

    def truncate(number, size):
        if len(fails) == 3:
            raise OSError(5, "Input/output error")
        ftruncate(number, size)

    monkeypatch.setattr(event_log, "_write_all", write)
    monkeypatch.setattr(os, "ftruncate", truncate)
    with EventLog(path) as log:
        start(log)
        for number in range(4):
            log.heard(Event(EventKind.AI_FAILED, datetime.now(UTC), float(number)))
    whole, torn = [], []
    for line in path.read_text().splitlines():
        try:
            whole.append(json.loads(line))
        except ValueError:
            torn.append(line)
    assert len(torn) == 1
    assert [line["event"] for line in whole] == [
        "log-started",
        "run-started",
        *["lines-lost", "ai-failed"] * 2,
    ]
    assert [line["seq"] for line in whole if line["event"] == "ai-failed"] == [3, 5]


def test_a_file_that_was_removed_is_told(tmp_path):
    with EventLog(tmp_path / "events.jsonl") as log:
        start(log)
        log.path.unlink()
    assert "was removed or replaced" in log.problem


def test_a_file_that_came_into_being_meanwhile_is_kept(tmp_path):
    log = EventLog(tmp_path / "events.jsonl")
    log.path.write_text("precious")
    with pytest.raises(OutputExistsError, match="meanwhile"), log:
        pass


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is a folder; name a file in it"),
        ("no/events.jsonl", "there is no folder"),
        ("pipe", "is no ordinary file"),
        ("n" * 300, "too long"),
        ("link", "is a link that leads nowhere; remove it"),
        ("ring", "is a link that leads nowhere; remove it"),
    ],
)
def test_what_cannot_be_written_to_is_refused(tmp_path, name, words):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nothing")
    (tmp_path / "ring").symlink_to("ring")
    for force in (True, False):
        with pytest.raises(OutputUnwritableError, match=words):
            check_events_path(tmp_path / name, force)


def test_the_manual_knows_every_event_and_its_facts():
    told = dict(
        re.findall(r"^    [A-Z_]+ = \"([a-z-]+)\"\n    \"\"\"(.*?)\"\"\"", source(), re.MULTILINE | re.DOTALL)
    )
    rows = manual()
    assert set(rows) == {*EventKind, "log-started", "lines-lost"}
    assert set(told) == set(EventKind)
    for kind in set(told) - {"sighting-updated"}:  # as sighting-opened
        words = set(re.findall(r"[a-z0-9_]+", told[kind])) - OF_EVERY_LINE
        assert rows[kind] <= words, kind
        assert {word for word in words if "_" in word} <= rows[kind], kind


def source():
    return (ROOT / "scr_live/events.py").read_text(encoding="utf-8")
