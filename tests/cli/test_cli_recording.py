"""Where recordings go that a person starts: what is refused, and how it is said."""

import pytest

LIVE = ("run", "--source", "phantom:live=1,size=64x48,duration=0.4", "--engine", "constant", "--no-display")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--record", "a.mp4", "--record-to", "."), "exclude one another"),
        (("--record-to", "."), "nobody could: give --serve"),
        (("--record-safety", "frame"), "or a folder for those that are started later with --record-to"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_opened(
    options, words, cli, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = cli(*LIVE, *options)
    assert done.code == 2
    assert words in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_at_the_start(cli, tmp_path):
    done = cli(*LIVE, "--serve", "127.0.0.1:0", "--record-to", tmp_path / "rec")
    assert done.code == 1
    assert "does not exist; create it" in done.err


def test_a_folder_can_stand_in_the_config_beside_what_recordings_have(cli, tmp_path):
    (tmp_path / "rec").mkdir()
    (tmp_path / "room.toml").write_text('record-to = "rec"\nsegment = "10min"\nserve = "127.0.0.1:0"\n')
    done = cli(*LIVE, "--config", tmp_path / "room.toml")
    assert done.code == 0, done.err
    assert list((tmp_path / "rec").iterdir()) == []
