"""Whatever is wrong: one paragraph, exit code 1 or 2, no traceback, nothing left behind.

That no thread stays is checked after every test by the fixture in tests/conftest.py.
"""

import importlib.util
import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_models import write_model

FAST = ("--engine", "constant", "--no-display")


def complaint(done, code):
    """Check the form of an error and return its text."""
    assert done.code == code, done
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("Error: ")
    assert lines[0].endswith((".", ")"))
    assert "Traceback" not in done.err
    return lines[0]


@pytest.fixture
def room(tmp_path, monkeypatch):
    """An empty folder to work in, and afterwards the check that nothing was added to it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.rate, frame.pts = 44100, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


# --- sources --------------------------------------------------------------------------------------------


SOURCES = {
    "missing": (lambda path, clip: None, "found nothing there"),
    "folder without pictures": (lambda path, clip: path.mkdir(), "Expected pictures"),
    "text": (lambda path, clip: path.write_text("hello\n" * 99), "found something that is none"),
    "empty": (lambda path, clip: path.write_bytes(b""), "an empty file"),
    "index missing": (
        lambda path, clip: path.write_bytes(clip.read_bytes().partition(b"moov")[0]),
        "broken off",
    ),
    "sound": (lambda path, clip: sound(path), "found only: audio"),
    "playlist": (
        lambda path, clip: path.write_text(f"#EXTM3U\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n"),
        "playlists are not followed",
    ),
    "list of files": (
        lambda path, clip: path.write_text(f"ffconcat version 1.0\nfile '{clip}'\n"),
        "playlists are not followed",
    ),
    "session description": (
        lambda path, clip: path.write_text(
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
            "a=rtpmap:96 H264/90000\n"
        ),
        "playlists are not followed",
    ),
    "gif in name only": (lambda path, clip: path.write_bytes(b"GIF89a" + bytes(9)), "video file"),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_file_that_is_no_video(case, cli, make_clip, room):
    make, words = SOURCES[case]
    make(room / "clip.mp4", make_clip(room / "good.mp4", 3))
    before = sorted(room.iterdir())
    done = cli("run", "--source", "clip.mp4", "--record", "out.mp4", "--stats", "s.json", *FAST)
    text = complaint(done, 1)
    assert words in text
    assert "clip.mp4" in text
    assert sorted(room.iterdir()) == before


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("a" * 300 + ".mp4", "too long"),
        ("a" * 300 + ".png", "found none"),
        ("nix*.png", "found none"),
        ("/dev/video99", "Expected a camera"),
        ("99", "Expected a camera"),
        ("ftp://host/x", "starts with one of"),
        ("file:///etc/passwd", "starts with one of"),
        ("/dev/zero", "pipe or device"),
        (".", "Expected pictures"),
    ],
    ids=lambda value: value[:12],
)
def test_a_source_that_is_none(source, words, cli, room):
    assert words in complaint(cli("run", "--source", source, "--record", "out.mp4", *FAST), 1)
    assert list(room.iterdir()) == []


@pytest.mark.parametrize("scheme", ["http", "rtsp", "tcp"])
def test_an_address_where_nobody_listens(scheme, cli, room, free_port):
    address = f"{scheme}://user:secret@127.0.0.1:{free_port}/x"
    text = complaint(cli("run", "--source", address, "--record", "out.mp4", "--open-timeout", 2, *FAST), 1)
    assert "cannot be reached" in text
    assert "secret" not in text
    assert list(room.iterdir()) == []


def test_a_pipe_does_not_block(cli, room):
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes here")
    os.mkfifo(room / "clip.mp4")
    assert "pipe" in complaint(cli("run", "--source", "clip.mp4", *FAST), 1)


@pytest.mark.parametrize("size", [(1, 1), (7680, 4320)], ids=str)
def test_frames_of_any_size_go_through(size, cli, make_clip, room):
    width, height = size
    picture = np.full((height, width, 3), 80, np.uint8)
    options = {"codec": "libx264", "options": {"preset": "ultrafast"}}
    if size == (1, 1):
        options = {"codec": "ffv1", "pix_fmt": "yuv444p"}
    make_clip(room / "clip.mkv", [picture], width=width, height=height, **options)
    done = cli("run", "--source", "clip.mkv", "--record", "out.mp4", *FAST)
    assert done.code == 0, done.err
    assert "1 captured, 1 inferred" in done.out
    with av.open("out.mp4") as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (max(2, width), max(2, height))


# --- models and engines ---------------------------------------------------------------------------------


def test_a_model_that_is_not_there(cli, make_clip, room):
    done = cli("run", "--source", make_clip(room / "clip.mp4", 3), "--model", "nix.onnx", "--no-display")
    assert "No model 'nix.onnx'" in complaint(done, 1)


MODELS = {
    "damaged": (lambda model: model.write_bytes(b"rubbish" * 50), "not the file its card describes"),
    "no card": (lambda model: model.with_suffix(".json").unlink(), "has no card"),
    "no json": (lambda model: model.with_suffix(".json").write_text("{"), "cannot be read as JSON"),
    "no hash, damaged": (
        lambda model: (
            model.write_bytes(b"rubbish" * 50),
            model.with_suffix(".json").write_text('{"name": "tiny", "input_size": 16}'),
        ),
        "Expected a valid ONNX file",
    ),
    "wrong size": (
        lambda model: model.with_suffix(".json").write_text('{"name": "tiny", "input_size": 32}'),
        "its card promises one input",
    ),
    "wrong output": (
        lambda model: model.with_suffix(".json").write_text(
            '{"name": "tiny", "input_size": 16, "output_channel": 3}'
        ),
        "polyps in channel 3",
    ),
}


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("case", MODELS)
def test_a_model_that_does_not_fit(case, engine, cli, make_clip, room):
    if importlib.util.find_spec(engine) is None:  # importing OpenVINO here would start its telemetry
        pytest.skip(f"{engine} is not installed")
    spoil, words = MODELS[case]
    clip, model = make_clip(room / "clip.mp4", 3), write_model(room)
    spoil(model)
    before = sorted(room.iterdir())
    options = ("--engine", engine, "--record", "out.mp4", "--no-display")
    assert words in complaint(cli("run", "--source", clip, "--model", model, *options), 1)
    assert sorted(room.iterdir()) == before


def test_a_model_that_answers_nan_ends_a_file(cli, make_clip, room):
    clip, model = make_clip(room / "clip.mp4", 3), write_model(room, fill=float("nan"))
    done = cli("run", "--source", clip, "--model", model, "--record", "out.mp4", "--no-display")
    text = complaint(done, 1)
    assert "from nan to nan" in text
    assert "Pipeline stage: infer" in text
    assert not (room / "out.mp4").exists()


@pytest.mark.parametrize("engine", ["nonsense", "tensor-rt", "", "OPENVINO"])
def test_an_engine_that_does_not_exist(engine, cli, make_clip, room):
    done = cli("run", "--source", make_clip(room / "clip.mp4", 3), "--engine", engine, "--no-display")
    assert "Expected auto or one of: openvino" in complaint(done, 2)


def test_an_engine_whose_extra_is_missing(cli, make_clip, room, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "scr_live.engines.onnx_runtime", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    clip, model = make_clip(room / "clip.mp4", 3), write_model(room)
    options = ("--engine", "onnxruntime", "--model", model, "--record", "out.mp4", "--no-display")
    assert 'pip install "scr-live[onnxruntime]"' in complaint(cli("run", "--source", clip, *options), 1)
    assert not (room / "out.mp4").exists()


# --- outputs --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (("--record", "nix/out.mp4"), "The folder nix does not exist", 1),
        (("--record", "folder"), "folder is a folder", 1),
        (("--record", "old.mp4"), "--force", 1),
        (("--record", "clip.mp4", "--force"), "--record and --source name the same file", 2),
        (("--record", "./folder/../clip.mp4", "--force"), "name the same file", 2),
        (("--record", "link.mp4", "--force"), "name the same file", 2),
        (("--record", "out.avi"), "'out.avi' is not", 2),
        (("--record", "out"), "'out' is not", 2),
        (("--record", "a" * 300 + ".mp4"), "too long", 1),
        (("--record", "/dev/null"), "", 2),
        (("--stats", "nix/s.json"), "no folder nix", 1),
        (("--stats", "folder"), "is a folder", 1),
        (("--stats", "clip.mp4"), "clip.mp4 exists and is no earlier result", 1),
        (("--record", "out.mp4", "--stats", "out.mp4"), "--stats and --record name the same file", 2),
        (("--record", "out.mp4", "--stats", "/dev/full"), "No space left on device", 1),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else None,
)
def test_an_output_that_cannot_be(options, words, code, cli, make_clip):
    clip = make_clip(Path("clip.mp4"), 3)
    content = clip.read_bytes()
    (folder := clip.parent / "folder").mkdir()
    (old := clip.parent / "old.mp4").write_text("old")
    (clip.parent / "link.mp4").symlink_to("clip.mp4")
    assert words in complaint(cli("run", "--source", "clip.mp4", *options, *FAST), code)
    assert clip.read_bytes() == content
    assert old.read_text() == "old"
    assert list(folder.iterdir()) == []
    left = {path.name for path in clip.parent.iterdir()} - {"clip.mp4", "folder", "old.mp4", "link.mp4"}
    assert left == ({"out.mp4"} if "/dev/full" in options else set())


FULL = """
import resource, sys
from scr_live.cli import main
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main())
"""


def test_a_disk_that_fills_up_keeps_what_was_recorded(start, finish, make_clip, room, rng):
    pytest.importorskip("resource")
    noise = [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(40)]
    make_clip(room / "clip.mp4", noise)
    options = ("--source", "clip.mp4", "--record", "out.mp4", "--stats", "s.json", *FAST)
    text = complaint(finish(start("20000", "run", *options, code=FULL)), 1)
    assert "File too large" in text
    assert "are safe and readable" in text
    assert sorted(path.name for path in room.iterdir()) == ["clip.mp4", "out.mp4", "s.json"]
    with av.open("out.mp4") as container:
        assert 0 < sum(1 for _ in container.decode(video=0)) < 40


def test_a_disk_that_is_full_already(start, finish, make_clip, room):
    pytest.importorskip("resource")
    make_clip(room / "clip.mp4", 40)
    options = ("--source", "clip.mp4", "--record", "out.mp4", "--stats", "s.json", *FAST)
    text = complaint(finish(start("100", "run", *options, code=FULL)), 1)
    assert "Recording to out.mp4 failed" in text
    assert "Cannot write s.json: File too large" in text
    assert [path.name for path in room.iterdir()] == ["clip.mp4"]


# --- options --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--threshold", "1.5", "between 0 and 1"),
        ("--threshold", "0", "between 0 and 1"),
        ("--threshold", "nan", "between 0 and 1"),
        ("--max-frames", "0", "at least 1"),
        ("--max-frames", "-3", "at least 1"),
        ("--size", "12", "WIDTHxHEIGHT"),
        ("--size", "0x0", "WIDTHxHEIGHT"),
        ("--fps", "-1", "--fps must be from 0.01 to 1000"),
        ("--fps", "inf", "--fps must be from 0.01 to 1000"),
        ("--fps", "1e-9", "--fps must be from 0.01 to 1000"),
        ("--quality", "52", "0 (best) to 51"),
        ("--quality", "-1", "0 (best) to 51"),
        ("--encoder", "nonsense", "does not work on this machine"),
        ("--encoder", "mpeg4", "libx264"),
        ("--decoder", "pigeon", "Decoders that do: software"),
        ("--precision", "int4", "auto, fp32, bf16, fp16"),
        ("--transport", "pigeon", "tcp or udp"),
        ("--open-timeout", "0", "--open-timeout must be more than 0"),
        ("--open-timeout", "1e30", "--open-timeout must be more than 0 and at most 3600 seconds"),
        ("--read-timeout", "nan", "--read-timeout must be more than 0"),
        ("--max-overlay-age", "-1", "from 0"),
        ("--max-overlay-age", "inf", "from 0"),
        ("--threads", str(4 * (os.cpu_count() or 1) + 1), "--threads must be from 0"),
        ("--threads", "3000000000", "--threads must be from 0"),
        ("--source", "", "--source is empty"),
    ],
)
def test_an_option_with_a_wrong_value(option, value, words, cli, make_clip):
    make_clip(Path("clip.mp4"), 3)
    done = cli("run", "--source", "clip.mp4", "--record", "out.mp4", option, value, *FAST)
    assert words in complaint(done, 2)
    assert not Path("out.mp4").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("run",),
        ("run", "--source", "x", "--nonsense"),
        ("run", "--source", "x", "--max-frames", "many"),
        ("run", "--source", "x", "--threads", "-1"),
        ("evaluate",),
        ("evaluate", "--data", "x", "--bootstrap", "-1"),
        ("evaluate-video", "x"),
        ("tune",),
    ],
    ids=" ".join,
)
def test_a_command_line_that_cannot_be_parsed(arguments, cli):
    done = cli(*arguments)
    assert done.code == 2
    assert "--help" in done.err
    assert "Traceback" not in done.err
