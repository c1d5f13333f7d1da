"""What reaches the terminal."""

import pytest

from scr_live import console
from scr_live.errors import SourceNotFoundError


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
