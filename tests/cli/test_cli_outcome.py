"""What a run says at its end: nothing that went wrong may look like success."""

import json

import numpy as np


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
