"""What a run says at its end: nothing that went wrong may look like success."""

import json
import os
import sys

import av
import numpy as np
import pytest
from tiny_models import write_model

from scr_live.shipped import DEFAULT_MODEL


def test_a_damaged_file_is_called_damaged(cli, make_clip, tmp_path, rng):
    pictures = [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(30)]
    clip, stats = make_clip(tmp_path / "clip.mp4", pictures, options={"g": "30"}), tmp_path / "stats.json"
    data = bytearray(clip.read_bytes())
    data[len(data) // 3 : len(data) * 2 // 3] = bytes(len(data) * 2 // 3 - len(data) // 3)
    clip.write_bytes(data)
    done = cli("run", "--source", clip, "--stats", stats, "--engine", "constant", "--no-display")
    assert done.code == 0
    told = json.loads(stats.read_text())["input"]
    assert told["decode_errors"] > 0
    (note,) = told["warnings"]
    assert f"{told['decode_errors']} damaged packets or frames" in note
    assert "of about 30 announced frames could be decoded" in note
    assert note in done.out


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_recording_that_was_removed_meanwhile_is_no_success(cli, make_clip, tmp_path, monkeypatch):
    clip, out, stats = make_clip(tmp_path / "clip.mp4", 50), tmp_path / "out.mp4", tmp_path / "stats.json"
    removed = []

    def progress(_view, _now):
        if out.exists():
            removed.append(out.unlink())

    monkeypatch.setattr("scr_live.console.RunView.progress", progress)
    options = ("--realtime", "--engine", "constant", "--no-display", "--record", out, "--stats", stats)
    done = cli("run", "--source", clip, *options)
    assert len(removed) == 1
    assert done.code == 1
    assert "removed or replaced while it was being written" in done.err
    assert str(out) in done.err
    notes = [line for line in done.out.splitlines() if line.startswith("note ")]
    assert not any("removed or replaced" in note for note in notes)  # the error says it
    # It is noticed while it happens; where nobody else takes the pictures, the run ends with it.
    told = json.loads(stats.read_text())
    assert told["frames"]["captured"] >= told["frames"]["recorded"] > 0
    assert told["events"]["counts"]["recording-failed"] == 1


def test_a_live_model_that_never_answers_is_no_success(cli, make_clip, tmp_path):
    clip, out, stats = make_clip(tmp_path / "clip.mp4", 30, fps=100), tmp_path / "o.mp4", tmp_path / "s.json"
    model = write_model(tmp_path, fill=float("nan"))
    options = ("--realtime", "--model", model, "--no-display", "--record", out, "--stats", stats)
    done = cli("run", "--source", clip, *options)
    assert done.code == 1
    assert "The model never gave an answer; the last failure: " in done.err
    assert "from nan to nan" in done.err
    assert "Traceback" not in done.err
    assert "note              The model never gave an answer" in done.out
    assert "marked in" not in done.out
    with av.open(str(out)) as container:
        recorded = sum(1 for _ in container.decode(video=0))
    assert recorded == json.loads(stats.read_text())["frames"]["recorded"] > 0


def test_an_engine_without_a_model_names_none(cli, make_clip, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 3)
    done = cli("run", "--source", clip, "--engine", "constant", "--no-display")
    assert "no model" in done.out
    assert DEFAULT_MODEL not in done.out


def test_one_frame_is_one_frame(cli, make_clip, tmp_path):
    bright = np.full((48, 64, 3), 90, np.uint8)
    bright[16:32, 16:48] = 250
    clip, model = make_clip(tmp_path / "clip.mp4", [bright]), write_model(tmp_path, threshold=0.7)
    done = cli("run", "--source", clip, "--model", model, "--no-display")
    assert "marked in 1 frame (100.0%)" in done.out


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only X11 can be missing")
def test_a_missing_display_is_told_once(cli, make_clip, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    done = cli("run", "--source", make_clip(tmp_path / "clip.mp4", 3), "--engine", "constant")
    assert done.out.count("goes on without a window") == 1


def test_a_phantom_is_named_with_its_options(cli):
    source = "phantom:seed=3,polyps=0,size=64x48,duration=0.1"
    assert (
        f"source   {source}: 64x48"
        in cli("run", "--source", source, "--engine", "constant", "--no-display").out
    )
