"""What reaches the terminal."""

import io
import threading
from datetime import UTC, datetime

import pytest
from rich.console import Console
from run_figures import run_progress, run_stats

from scr_live import console
from scr_live.app import Outcome, Started
from scr_live.engines import EngineInfo
from scr_live.errors import SourceNotFoundError
from scr_live.events import Event, EventKind
from scr_live.frames import Ai
from scr_live.pipeline.channel import Counts
from scr_live.sources import SourceInfo


@pytest.mark.parametrize("nasty", ["\x1b[2J", "\x07", "\x9b31m", "\x00"])
def test_control_characters_of_a_name_do_not_reach_the_terminal(nasty, capsys):
    console.tell_error(SourceNotFoundError(f"No video at a{nasty}b.mp4."))
    told = capsys.readouterr().err
    assert nasty not in told
    assert repr(nasty)[1:-1] in told


def test_other_letters_and_square_brackets_stay(capsys):
    console.tell_error(SourceNotFoundError("No video at Größe [bold]ç日本.mp4."))
    assert "Größe [bold]ç日本.mp4." in capsys.readouterr().err


def test_an_error_is_one_paragraph_whatever_it_quotes(capsys):
    console.tell_error(SourceNotFoundError("No video at a\rb\nc.mp4."))
    assert capsys.readouterr().err == "Error: No video at a b c.mp4.\n"


def screen_of(monkeypatch, **options):
    screen = io.StringIO()
    monkeypatch.setattr(console.output, "_out", Console(file=screen, **options))
    return screen


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_counting_leaves_nothing_where_no_bar_can_be_drawn(monkeypatch, term):
    monkeypatch.setenv("TERM", term)
    screen = screen_of(monkeypatch, force_terminal=term == "dumb")
    with console.CountView("pictures") as view:
        view.update(1, 2)
    assert screen.getvalue() == ""


def test_counting_is_seen_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    screen = screen_of(monkeypatch, force_terminal=True, width=80)
    with console.CountView("pictures") as view:
        view.update(1, 2)
    assert "pictures" in screen.getvalue()
    assert "1/2" in screen.getvalue()


def test_a_run_tells_a_log_file_its_facts_and_no_empty_line(capsys):
    facts = Started(
        source=SourceInfo("file", "a.mp4", 64, 48, fps=25.0, is_live=False),
        engine=EngineInfo("openvino", "CPU", "fp32", 64),
        model="scr-net-lite0",
        threshold=0.5,
        expected_frames=3,
        notes=("a [note]",),
    )
    with console.RunView() as view:
        view.started(facts)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["source", "engine", "note"]


def event(kind, **facts):
    return Event(kind, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 1.0, facts)


@pytest.mark.parametrize(
    ("kind", "cause", "is_told"),
    [
        (EventKind.SIGNAL_LOST, "unplugged", True),
        (EventKind.RECORDING_STARTED, "start", False),
        (EventKind.RECORDING_STARTED, "segment", False),
        (EventKind.RECORDING_STARTED, "fallback", True),
        (EventKind.RECORDING_STARTED, "size", True),
        (EventKind.RUN_ENDED, "stop", False),
    ],
)
def test_what_is_news_has_a_line(kind, cause, is_told, capsys):
    with console.RunView() as view:
        view.heard(event(kind, cause=cause))
    assert (cause in capsys.readouterr().out) == is_told


def test_progress_that_nobody_reads_is_not_kept_and_pushes_out_nothing(monkeypatch):
    gate, told = threading.Event(), []

    def say(line, **_):
        assert gate.wait(20)
        told.append(line)

    monkeypatch.setattr(console.run, "say", say)
    with console.RunView() as view:
        view.note("first")
        for _ in range(5000):
            view.progress(run_progress())
        view.note("last")
        gate.set()
    assert told == ["first", "last"]


def outcome(**figures):
    return Outcome(run_stats(**figures), (), ())


def rows(capsys):
    lines = capsys.readouterr().out.splitlines()
    return {line.partition("  ")[0]: line.partition("  ")[2].strip() for line in lines}


LIVE = SourceInfo("camera", "0", 64, 48, fps=25.0, is_live=True)


def test_the_summary_of_a_live_run_tells_found_from_marked(capsys):
    answers = {Ai.ON: 40, Ai.BEHIND: 30, Ai.LATE: 20, Ai.OFF: 10}
    figures = {"inferred": 50, "polyp_frames": 38, "composed": 100, "marked": 29, "ai_answers": answers}
    console.tell_outcome(outcome(source=LIVE, **figures))
    told = rows(capsys)
    assert told["polyps"] == "found in 38 frames (76.0% of those inferred), marked in 29 frames (29.0%)"
    assert told["marks"] == (
        "40 with their own, 30 with those of an earlier frame, 20 with none, the latest being too old, "
        "10 with none, the model being off"
    )


@pytest.mark.parametrize(("captured", "of"), [(181, "those inferred"), (13, "the frames")])
def test_what_could_be_judged_is_of_the_frames_that_the_model_saw(captured, of, capsys):
    stats = run_stats(captured=captured, inferred=13)
    qualities = {"good": 12, "blurred": 1, "dark": 0}
    console.tell_outcome(Outcome(stats, (), (), sightings=0, qualities=qualities))
    assert rows(capsys)["could be judged"] == f"92.3% of {of} (1 blurred not)"


def lost(count):
    return Counts(100, 100 - count, count, 0, 0, 1, 0.0, 0.0)


def test_all_captured_frames_are_accounted_for(capsys):
    channels = {"to-model": lost(30), "to-disk": lost(2)}
    figures = {"captured": 100, "inferred": 60, "ai_skipped": 7, "ai_failures": 3, "channels": channels}
    console.tell_outcome(outcome(source=LIVE, **figures))
    told = rows(capsys)
    assert told["frames"].startswith("100 captured, 60 inferred, 10 not, as the model failed, ")
    assert told["dropped"] == "30 not shown to the model, which was busy, 2 before the recorder"
