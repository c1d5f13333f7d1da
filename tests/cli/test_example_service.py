"""The example of a service: its config file is one, and systemd understands its unit."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import scr_live

EXAMPLE = Path(scr_live.__file__).parents[1] / "examples" / "systemd"

pytestmark = pytest.mark.skipif(not EXAMPLE.is_dir(), reason="examples are in the checkout only")


def test_the_config_file_holds_options_that_exist(cli, tmp_path):
    options = ("--source", "phantom:size=64x48", "--engine", "constant", "--max-frames", 1)
    done = cli("run", "--config", EXAMPLE / "room.toml", *options, "--record", tmp_path / "room.mp4")
    assert (done.code, done.err) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["room-0001.mp4"]  # in pieces, as the file says


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_understands_the_unit(tmp_path):
    unit = (EXAMPLE / "scr-live.service").read_text(encoding="utf-8")
    copy = tmp_path / "scr-live.service"
    copy.write_text(unit.replace("/opt/scr-live/bin/scr-live", sys.executable), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", copy],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
