"""An event log where an older one lies: it goes when the run has started, and not before."""

import contextlib
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scr_live.errors import OutputExistsError
from scr_live.events import Event, EventKind, Journal
from scr_live.sinks import event_log
from scr_live.sinks.event_log import EventLog


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_an_existing_file_is_kept_unless_forced(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("precious")
    with pytest.raises(OutputExistsError, match="--force"):
        EventLog(path)
    assert path.read_text() == "precious"


def started(log):
    Journal(log.heard).tell(EventKind.RUN_STARTED, stream_s=0.0)


@pytest.mark.parametrize("fails", [True, False])
def test_an_older_log_is_kept_by_a_run_that_never_starts(fails, tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("precious")
    with contextlib.suppress(RuntimeError), EventLog(path, force=True) as log:
        log.heard(Event(EventKind.SIGNAL_LOST, datetime.now(UTC), None))
        if fails:
            raise RuntimeError
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]
    assert log.problem == ""


@pytest.mark.parametrize("force", [False, True])
def test_a_run_that_never_starts_leaves_no_log_that_the_next_one_stumbles_over(force, tmp_path):
    path = tmp_path / "events.jsonl"
    with contextlib.suppress(RuntimeError), EventLog(path, force=force) as log:
        log.heard(Event(EventKind.SIGNAL_LOST, datetime.now(UTC), None))
        raise RuntimeError
    assert not path.exists()
    assert log.problem == ""
    with EventLog(path) as log:
        started(log)
    assert [line["event"] for line in lines_of(path)] == ["log-started", "run-started"]


def test_what_another_put_in_place_of_a_log_stays_there(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path):
        path.unlink()
        path.write_text("precious")
    assert path.read_text() == "precious"


def test_an_older_log_is_replaced_once_the_run_has_started(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(event_log, "sync_folder", synced.append)
    path, link = tmp_path / "logs" / "earlier.jsonl", tmp_path / "events.jsonl"
    path.parent.mkdir()
    path.write_text("precious")
    link.symlink_to(path)
    with EventLog(link, force=True) as log:
        log.heard(Event(EventKind.SIGNAL_LOST, datetime.now(UTC), None))
        started(log)
    assert [line["event"] for line in lines_of(path)] == ["log-started", "signal-lost", "run-started"]
    assert link.is_symlink()
    assert set(tmp_path.rglob("*")) == {path.parent, path, link}
    assert synced[-1] == path.parent  # where the name is that changed
    assert log.problem == ""


def test_a_run_that_has_started_keeps_its_log_even_if_that_line_is_lost(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    path.write_text("precious")
    write_all = event_log._write_all
    moves = threading.Event()

    def write(number, data):
        assert b"log-started" in data or moves.wait(10)
        write_all(number, data)

    monkeypatch.setattr(event_log, "_write_all", write)
    with EventLog(path, force=True, waiting=1) as log:
        while not log._untaken:
            log.heard(Event(EventKind.SIGNAL_LOST, datetime.now(UTC), None))
        started(log)
        moves.set()
    kinds = [line["event"] for line in lines_of(path)]
    assert kinds[0] == "log-started"
    assert "lines-lost" in kinds
    assert "run-started" not in kinds


def test_an_older_log_that_cannot_be_replaced_is_kept_beside_the_new_one(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    path.write_text("precious")

    def busy(self, target):
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    with EventLog(path, force=True) as log:
        started(log)
    (other,) = set(tmp_path.iterdir()) - {path}
    assert path.read_text() == "precious"
    assert [line["event"] for line in lines_of(other)] == ["log-started", "run-started"]
    assert "cannot be replaced (Device or resource busy)" in log.problem
    assert str(other) in log.problem
