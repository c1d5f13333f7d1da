"""What a run says at its end: nothing that went wrong may look like success."""

import json
import os

import numpy as np
import pytest


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
    assert json.loads(stats.read_text())["frames"]["captured"] == 50
