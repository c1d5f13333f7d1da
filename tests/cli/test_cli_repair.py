import av
import pytest


@pytest.fixture
def clip(make_clip, tmp_path):
    """A fragmented file, cut off within its last picture."""
    path = make_clip(
        tmp_path / "room.mp4",
        30,
        options={"bf": "0"},
        container_options={"movflags": "frag_every_frame+empty_moov"},
    )
    path.write_bytes(path.read_bytes()[:-150])
    return path


def test_it_says_what_it_found_and_what_it_made(cli, clip, tmp_path):
    done = cli("repair", clip)
    assert (done.code, done.err) == (0, "")
    out = tmp_path / "room-repaired.mp4"
    with av.open(str(out)) as container:
        count = sum(1 for _ in container.decode(video=0))
    found, made = done.out.splitlines()
    assert found.startswith("found     a recording that was cut off within a picture; its last ")
    assert made == f"repaired  {out}: {count} frames, {count / 25:.2f} s"


def test_a_whole_file_is_said_to_be_whole(cli, clip, tmp_path):
    cli("repair", clip, "--out", tmp_path / "first.mp4")
    done = cli("repair", tmp_path / "first.mp4", "--out", tmp_path / "second.mp4")
    assert "nothing to repair" in done.out
    assert (tmp_path / "second.mp4").exists()


def test_mistakes_are_one_paragraph(cli, clip, tmp_path):
    (tmp_path / "room-repaired.mp4").touch()
    done = cli("repair", clip)
    assert done.code == 1
    assert "--force" in done.err
    assert cli("repair", clip, "--force").code == 0
    done = cli("repair", tmp_path / "nowhere.mp4")
    assert (done.code, done.out) == (1, "")
    assert "There is no file" in done.err
    assert cli("repair", clip, "--out", tmp_path / "out.avi").code == 2
