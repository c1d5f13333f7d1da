"""What a program that reads the log of a run gets."""

import json
import threading
from datetime import datetime
from pathlib import Path

import pytest
import typer
from run_figures import ENGINE, SOURCE, run_progress, run_stats

from scr_live import console
from scr_live.app import Outcome, Started
from scr_live.console import JsonView
from scr_live.errors import InferenceError, SourceNotFoundError
from scr_live.events import EventKind, Journal
from scr_live.frames import Ai

NOW = run_progress(
    captured=3,
    inferred=2,
    composed=3,
    recorded=1,
    elapsed_s=1.23456,
    fps=float("nan"),
    marked=1,
    status="AI late",
    ai=Ai.LATE,
)


class Reader:
    """Takes lines, and stops reading while its gate is shut."""

    def __init__(self):
        self.data = b""
        self.gate = threading.Event()
        self.gate.set()
        self.waits = threading.Event()

    def write(self, data):
        if not self.gate.is_set():
            self.waits.set()
        assert self.gate.wait(20)
        self.data += data

    @property
    def told(self):
        return [json.loads(line) for line in self.data.decode().splitlines()]


def test_every_line_is_an_object_with_a_name_and_a_time():
    reader = Reader()
    with JsonView(reader.write) as view:
        journal = Journal(view.heard)
        view.note("building\nan engine")
        view.started(Started(SOURCE, ENGINE, "m", 0.5, None, ("a note",)))
        view.progress(NOW)
        journal.tell(EventKind.SIGNAL_LOST, cause="unplugged")
        view.tell_outcome(Outcome(run_stats(), (Path("out.mp4"),), (), InferenceError("never")))
    told = reader.told
    assert [line["event"] for line in told] == ["note", "opened", "progress", "signal-lost", "outcome"]
    assert all(datetime.fromisoformat(line["at"]).tzinfo is not None for line in told)
    note, opened, progress, lost, outcome = told
    assert note["text"] == "building\nan engine"
    assert opened["source"]["width"] == 64
    assert opened["notes"] == ["a note"]
    assert progress["ai"] == "AI late"
    assert progress["fps"] is None  # JSON has no word for NaN
    assert progress["elapsed_s"] == 1.235
    assert lost["cause"] == "unplugged"
    assert (outcome["recordings"], outcome["failure"]) == (["out.mp4"], "never")
    assert outcome["stats"]["frames"]["captured"] == 0


def test_progress_is_told_now_and_then():
    reader, now = Reader(), 0.0
    with JsonView(reader.write, progress_every_s=5.0, clock=lambda: now) as view:
        for now in (10.0, 12.0, 14.9, 15.0, 19.0, 20.5):  # noqa: B007
            view.progress(NOW)
    assert len(reader.told) == 3


def test_an_error_is_told_on_its_way_out():
    reader = Reader()
    error = SourceNotFoundError("No video at x.")
    error.add_note("Pipeline stage: capture")
    with pytest.raises(SourceNotFoundError), JsonView(reader.write):
        raise error
    (told,) = reader.told
    assert (told["event"], told["error"], told["exit_code"]) == ("error", "SourceNotFoundError", 1)
    assert (told["text"], told["notes"]) == ("No video at x.", ["Pipeline stage: capture"])


@pytest.mark.parametrize("error", [KeyboardInterrupt(130), typer.Exit(130)])
def test_an_interrupt_is_told_as_one(error):
    reader = Reader()
    with pytest.raises(type(error)), JsonView(reader.write):
        raise error
    assert reader.told[0]["text"] == "interrupted"


def test_nobody_waits_for_a_reader_that_does_not_read():
    reader = Reader()
    with JsonView(reader.write) as view:
        reader.gate.clear()
        view.note("first")
        assert reader.waits.wait(20)
        for number in range(1500):
            view.note(str(number))
        reader.gate.set()
    told = reader.told
    assert told[0]["text"] == "first"
    assert (told[1]["event"], told[1]["lines"]) == ("lines-lost", 500)
    assert told[2]["text"] == "500"
    assert told[-1]["text"] == "1499"


def test_a_closed_pipe_ends_nothing():
    tries = []

    def write(data):
        tries.append(data)
        raise BrokenPipeError

    with JsonView(write) as view:
        view.note("a")
        view.note("b")
    assert len(tries) == 2


def test_it_prints_to_standard_output_at_once(capfd):
    with console.JsonView() as view:
        view.note("größer")
    assert json.loads(capfd.readouterr().out)["text"] == "größer"


def test_lines_of_several_threads_stay_whole():
    reader = Reader()
    with JsonView(reader.write) as view:
        threads = [
            threading.Thread(target=lambda: [view.note("x" * 50) for _ in range(50)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [line["text"] for line in reader.told] == ["x" * 50] * 200
