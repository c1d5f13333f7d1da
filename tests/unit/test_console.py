"""What reaches the terminal."""

import io

import pytest
from rich.console import Console

from scr_live import console
from scr_live.app import Started
from scr_live.engines import EngineInfo
from scr_live.errors import SourceNotFoundError
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
