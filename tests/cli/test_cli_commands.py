"""Every command, doing what it says."""

import csv
import io
import json
import os
import sys

import av
import cv2
import numpy as np
import pytest
from tiny_models import write_export, write_model

import scr_live
from scr_live.shipped import DEFAULT_MODEL, find_model, read_model

HEAVY = ("torch", "cv2", "av", "openvino", "onnxruntime", "onnx")
LATENCY = {"p50", "p95", "p99", "max"}


def pictures_in(path):
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


# --- help -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [(), ("run",), ("evaluate",), ("evaluate-video",), ("tune",), ("doctor",)], ids=str
)
def test_every_command_has_help(command, cli):
    done = cli(*command, "--help")
    assert done.code == 0
    assert "Usage" in done.out
    assert done.err == ""


def test_help_says_what_it_is_not(cli):
    assert "not a medical device" in cli("--help").out


def test_help_says_what_happens_without_an_option(cli):
    text = " ".join(cli("evaluate", "--help").out.replace("│", " ").split())
    assert "Without: all" in text
    assert "Without: the model card's" in text


def test_help_loads_nothing_heavy(start, finish):
    code = f"""
import sys
from scr_live.cli import main
for command in ([], ["run"], ["evaluate"], ["evaluate-video"], ["tune"], ["doctor"]):
    sys.argv = ["scr-live", *command, "--help"]
    assert main() == 0
print("LOADED", [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = finish(start(code=code))
    assert done.code == 0, done.err
    assert "LOADED []" in done.out


def test_the_version(cli):
    done = cli("--version")
    assert (done.code, done.out.strip()) == (0, f"scr-live {scr_live.__version__}")


def test_it_is_a_module_and_a_script(start, finish):
    assert finish(start("--version")).out.startswith("scr-live ")
    assert finish(start("nonsense")).code == 2


# --- run ------------------------------------------------------------------------------------------------


def test_a_clip_becomes_a_recording_and_figures(cli, make_clip, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 12)
    out, stats = tmp_path / "out.mp4", tmp_path / "stats.json"
    done = cli("run", "--source", clip, "--record", out, "--stats", stats, "--no-display", "--threads", 1)
    assert done.code == 0, done.err
    assert done.err == ""
    for words in ("12 captured, 12 inferred", "12 recorded", "openvino on CPU", "the fastest", str(out)):
        assert words in done.out.replace("\n", " ")
    assert pictures_in(out) == pytest.approx([index / 25 for index in range(12)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "out.mp4", "stats.json"]

    figures = json.loads(stats.read_text())
    source = figures["source"]
    assert {key: source[key] for key in ("kind", "width", "height", "fps", "live")} == {
        "kind": "file",
        "width": 64,
        "height": 48,
        "fps": 25.0,
        "live": False,
    }
    engine = figures["engine"]
    assert {"backend", "device", "precision", "model", "model_sha256"} <= set(engine)
    assert engine["backend"] == "openvino"
    quantised = find_model(DEFAULT_MODEL).variant(precision="int8")
    assert (engine["model"], engine["precision"]) == (DEFAULT_MODEL, "int8")
    assert engine["model_sha256"] == quantised.sha256
    frames = figures["frames"]
    assert [frames[key] for key in ("captured", "inferred", "shown", "recorded")] == [12, 12, 0, 12]
    assert frames["dropped"]
    assert not any(frames["dropped"].values())
    assert figures["duration_s"] > 0
    assert figures["fps"] > 0
    delays = figures["latency_ms"]
    for figure in (delays["video_delay"], delays["annotation_delay"], *delays["stages"].values()):
        assert set(figure) >= LATENCY
        assert figure["p50"] <= figure["p95"] <= figure["p99"] <= figure["max"]
    assert delays["stages"]
    assert 0 <= figures["polyp_frames"] <= 12
    assert figures["machine"]["cores"] >= 1


def test_a_model_of_ones_own_marks_what_it_finds(cli, make_clip, tmp_path):
    bright = np.full((48, 64, 3), 90, np.uint8)
    bright[16:32, 16:48] = 250
    clip = make_clip(tmp_path / "clip.mp4", [bright] * 5)
    model = write_model(tmp_path, threshold=0.7)
    out, stats = tmp_path / "out.mp4", tmp_path / "stats.json"
    done = cli("run", "--source", clip, "--model", model, "--record", out, "--stats", stats, "--no-display")
    assert done.code == 0, done.err
    assert "threshold 0.7" in done.out
    assert json.loads(stats.read_text())["polyp_frames"] == 5
    with av.open(str(out)) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(shown.astype(int) - bright).max() > 60  # a contour


@pytest.mark.parametrize("engine", ["onnxruntime", "constant"])
def test_another_engine_is_named_in_the_figures(engine, cli, make_clip, tmp_path):
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
    clip, stats = make_clip(tmp_path / "clip.mp4", 3), tmp_path / "stats.json"
    model = write_model(tmp_path)
    arguments = ("--engine", engine, "--model", model, "--stats", stats, "--no-display")
    assert cli("run", "--source", clip, *arguments).code == 0
    assert json.loads(stats.read_text())["engine"]["backend"] == engine


@pytest.mark.parametrize("command", ["run", "evaluate"])
def test_the_figures_name_the_file_that_was_run_and_why(command, cli, make_clip, image_set, tmp_path):
    model, figures = read_model(write_export(tmp_path)), tmp_path / "figures.json"
    options = ("--model", model.path, "--engine", "openvino", "--precision", "int8")
    if command == "run":
        source = ("--source", make_clip(tmp_path / "clip.mp4", 3), "--no-display", "--stats", figures)
    else:
        source = ("--data", image_set, "--json", figures)
    done = cli(command, *source, *options)
    assert done.code == 0, done.err
    assert "openvino on CPU in int8" in done.out
    assert "named by --engine" in done.out
    written = json.loads(figures.read_text())
    digest = model.variant(precision="int8").sha256
    assert (written["engine"] if command == "run" else written)["model_sha256"] == digest


def test_a_precision_without_a_file_is_told_with_the_command_that_writes_it(cli, make_clip, tmp_path):
    clip, model = make_clip(tmp_path / "clip.mp4", 3), write_model(tmp_path)
    options = ("--model", model, "--engine", "openvino", "--precision", "int8", "--no-display")
    done = cli("run", "--source", clip, *options)
    assert done.code == 1
    assert "scr-live export --ckpt WEIGHTS --precision int8" in done.err


def test_a_loop_ends_after_so_many_frames(cli, make_clip, tmp_path):
    clip, out = make_clip(tmp_path / "clip.mp4", 5), tmp_path / "out.mp4"
    options = ("--loop", "--max-frames", 23, "--engine", "constant", "--no-display")
    assert cli("run", "--source", clip, "--record", out, *options).code == 0
    times = pictures_in(out)
    assert len(times) == 23
    assert times == pytest.approx([index / 25 for index in range(23)], abs=0.001)


def test_force_replaces_a_recording(cli, make_clip, tmp_path):
    clip, out = make_clip(tmp_path / "clip.mp4", 4), make_clip(tmp_path / "out.mp4", 9)
    options = ("--record", out, "--force", "--engine", "constant", "--no-display")
    assert cli("run", "--source", clip, *options).code == 0
    assert len(pictures_in(out)) == 4


def test_pictures_and_the_phantom_are_sources_too(cli, tmp_path):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((48, 64, 3), 90, np.uint8))
    options = ("--engine", "constant", "--no-display")
    assert "3 captured, 3 inferred" in cli("run", "--source", tmp_path, *options).out
    done = cli("run", "--source", "phantom:size=64x48", "--max-frames", 2, *options)
    assert "2 captured" in done.out


def test_a_machine_without_a_display_goes_on_without_a_window(cli, make_clip, tmp_path, monkeypatch):
    if not sys.platform.startswith("linux"):
        pytest.skip("only X11 can be missing")
    monkeypatch.delenv("DISPLAY", raising=False)
    done = cli("run", "--source", make_clip(tmp_path / "clip.mp4", 3), "--engine", "constant")
    assert done.code == 0
    assert "goes on without a window" in done.out
    assert "3 captured, 3 inferred" in done.out


def test_a_file_that_is_cut_short_is_played_as_far_as_it_goes(cli, make_clip, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 60, container_options={"movflags": "faststart"})
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    out, stats = tmp_path / "out.mp4", tmp_path / "stats.json"
    options = ("--record", out, "--stats", stats, "--engine", "constant", "--no-display")
    done = cli("run", "--source", clip, *options)
    assert done.code == 0
    assert "cut short" in done.out
    assert 0 < len(pictures_in(out)) < 60
    assert "cut short" in json.loads(stats.read_text())["input"]["warnings"][0]


def test_results_may_go_to_no_file_at_all(cli, make_clip, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 3)
    done = cli("run", "--source", clip, "--stats", "/dev/null", "--engine", "constant", "--no-display")
    assert done.code == 0


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_name_that_the_terminal_cannot_show_does_no_harm(encoding, start, finish, make_clip, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 3)
    try:
        clip = clip.rename(tmp_path / os.fsdecode(b"[bold] %d\xc3\xa4\xff.mp4"))
    except OSError:
        pytest.skip("this file system takes no such name")
    options = ("--record", tmp_path / "[red]\u6a21.mp4", "--engine", "constant", "--no-display")
    done = finish(start("run", "--source", clip, *options, PYTHONIOENCODING=encoding))
    assert done.code == 0, done.err
    assert "3 recorded" in done.out
    assert "[red]" in done.out


# --- evaluate -------------------------------------------------------------------------------------------


@pytest.fixture
def image_set(tmp_path):
    """Two pictures of 16x16: 64 bright pixels, half of them polyp; and a dull one without polyp."""
    folder = tmp_path / "set"
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    dull = np.full((16, 16, 3), 90, np.uint8)
    bright, mask, empty = dull.copy(), np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint8)
    bright[4:12, 4:12] = 230
    mask[4:12, 8:16] = 255
    for name, picture, truth in (("a, b.png", bright, mask), ("c.png", dull, empty)):
        cv2.imwrite(str(folder / "images" / name), picture)
        cv2.imwrite(str(folder / "masks" / name), truth)
    (folder / "splits.csv").write_text('dataset,id,split\nset,"a, b",val\nset,c,train\n')
    return folder


def test_evaluate_writes_what_was_counted_by_hand(cli, image_set, tmp_path):
    means, table = tmp_path / "means.json", tmp_path / "rows.csv"
    model = write_model(tmp_path, threshold=0.6)
    options = ("--model", model, "--precision", "fp32", "--json", means, "--csv", table)
    done = cli("evaluate", "--data", image_set, *options)
    assert done.code == 0, done.err
    written = json.loads(means.read_text())
    wanted = {
        "images": 2,
        "negatives": 1,
        "dice": 0.5,
        "iou": 1 / 3,
        "sensitivity": 0.5,
        "specificity": (160 / 192 + 1) / 2,
        "marked_negatives": 0,
    }
    assert {key: written[key] for key in wanted} == pytest.approx(wanted)
    assert "0.500" in done.out
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [row["image"] for row in rows] == ["a, b.png", "c.png"]
    assert [row["dice"] for row in rows] == ["0.500000", ""]


def test_evaluate_takes_the_split_that_was_asked_for(cli, image_set, tmp_path):
    means = tmp_path / "means.json"
    done = cli("evaluate", "--data", image_set, "--split", "val", "--engine", "constant", "--json", means)
    assert done.code == 0, done.err
    written = json.loads(means.read_text())
    assert (written["images"], written["split"], written["dice"], written["missed_share"]) == (1, "val", 0, 1)


def test_evaluate_takes_several_sets_and_all_its_options(cli, image_set, tmp_path):
    clean = tmp_path / "clean"
    (clean / "images").mkdir(parents=True)
    cv2.imwrite(str(clean / "images" / "a.png"), np.full((16, 16, 3), 90, np.uint8))
    files = {name: tmp_path / f"r.{name}" for name in ("json", "md", "jpg")}
    options = ("--sweep", "--bootstrap", "20", "--worst-count", "2", "--engine", "constant")
    outputs = ("--json", files["json"], "--markdown", files["md"], "--worst", files["jpg"])
    done = cli("evaluate", "--data", image_set, "--data", clean, *options, *outputs)
    assert done.code == 0, done.err
    assert [part["set"] for part in json.loads(files["json"].read_text())["sets"]] == ["set", "clean"]
    assert all(path.stat().st_size for path in files.values())
    for word in ("set", "clean", "all", "Over thresholds", "Recommended threshold", "Calibration"):
        assert word in done.out


def test_evaluate_tells_its_figures_and_then_what_it_could_not_write(cli, image_set, tmp_path):
    means, table = tmp_path / "means.json", tmp_path / "table.md"
    (tmp_path / "table.md.partial").mkdir()
    outputs = ("--json", means, "--markdown", table)
    done = cli("evaluate", "--data", image_set, "--engine", "constant", *outputs)
    assert done.code == 1
    assert "negatives marked" in done.out
    assert f"Cannot write {table}" in done.err
    assert len(done.err.splitlines()) == 1
    assert means.is_file()


@pytest.mark.parametrize(
    ("break_it", "options", "words"),
    [
        (lambda s: (s / "masks" / "c.png").unlink(), (), "c.png has no mask"),
        (
            lambda s: cv2.imwrite(str(s / "masks" / "c.png"), np.zeros((4, 6))),
            (),
            "c.png is 6x4, its picture",
        ),
        (lambda s: (s / "images" / "c.png").write_bytes(b"no"), (), "c.png cannot be read as a picture"),
        (lambda s: (s / "splits.csv").unlink(), ("--split", "val"), "--split val needs a splits.csv"),
        (lambda s: None, ("--split", "tset"), "Splits it has: train, val"),
        (lambda s: (s / "images").rename(s / "pictures"), (), "is no image set"),
    ],
    ids=["no mask", "mask size", "damaged", "no splits", "unknown split", "no images"],
)
def test_evaluate_names_what_is_wrong_with_a_set(break_it, options, words, cli, image_set):
    break_it(image_set)
    means = image_set / "means.json"
    done = cli("evaluate", "--data", image_set, "--engine", "constant", "--json", means, *options)
    assert done.code == 1
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert not means.exists()


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (("--json", "nix/means.json"), "no folder nix", 1),
        (("--json", "same", "--csv", "same"), "--json and --csv name the same file", 2),
        (("--threshold", "0"), "--threshold must lie between 0 and 1", 2),
        (("--engine", "nonsense"), "Unknown engine 'nonsense'", 2),
        (("--data", "nix"), "nix is no image set", 1),
        (("--worst", "r.gif"), "--worst must name a picture", 2),
        (("--bootstrap", "999999999"), "--bootstrap must be from 0", 2),
    ],
)
def test_evaluate_refuses_wrong_options(options, words, code, cli, image_set):
    done = cli("evaluate", "--data", image_set, "--engine", "constant", *options)
    assert (done.code, len(done.err.splitlines())) == (code, 1)
    assert words in done.err


# --- doctor ---------------------------------------------------------------------------------------------


def test_doctor_looks_at_everything(start, finish):
    done = finish(start("doctor"))
    assert done.code == 0, done.out + done.err
    assert done.err == ""
    lines = done.out.splitlines()
    for name in (
        "model",
        "engine openvino",
        "engine onnxruntime",
        "engine pytorch",
        "recording",
        "decoding",
        "window",
    ):
        assert any(name in line for line in lines), name
    assert any("hash is right" in line for line in lines)
    assert any("openvino" in line and "one frame inferred" in line for line in lines)


def test_doctor_fails_where_the_default_run_would(start, finish):
    code = "import sys; sys.modules['openvino'] = None; from scr_live.cli import main; sys.exit(main())"
    done = finish(start("doctor", code=code))
    assert done.code == 1
    assert "pip install openvino" in done.out
