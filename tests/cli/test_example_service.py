"""The example of a service: its config file is one, and systemd understands its unit."""

import shutil
import subprocess
from pathlib import Path

import pytest

import scr_live

EXAMPLE = Path(scr_live.__file__).parents[1] / "examples" / "systemd"

pytestmark = pytest.mark.skipif(not EXAMPLE.is_dir(), reason="examples are in the checkout only")


def test_the_config_file_holds_options_that_exist(cli):
    options = ("--source", "phantom:size=64x48", "--engine", "constant", "--max-frames", 1)
    done = cli("run", "--config", EXAMPLE / "room.toml", *options)
    assert (done.code, done.err) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_understands_the_unit():
    done = subprocess.run(
        ["systemd-analyze", "verify", EXAMPLE / "scr-live.service"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
