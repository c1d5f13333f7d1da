"""The measurement that the figures come from, in short: what a kill leaves must be what is promised."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import scr_live

SCRIPT = Path(scr_live.__file__).parents[1] / "scripts" / "measure_kills.py"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.skipif(not SCRIPT.exists(), reason="the scripts are not part of a wheel")
def test_killed_runs_leave_recordings_that_play_and_seek(tmp_path):
    out = tmp_path / "kills.json"
    source = "phantom:live=1,duration=endless,size=96x96"
    command = [sys.executable, SCRIPT, "--kills", 1, "--longest", 0.8, "--source", source, "--out", out]
    environment = {"PYTHONPATH": str(SCRIPT.parents[1])}
    subprocess.run([str(part) for part in command], check=True, env=environment, stdout=subprocess.DEVNULL)
    report = json.loads(out.read_text())
    assert report["machine"]["cpu"]
    for safety, allowed in (("second", 25), ("frame", 1)):
        (kill,) = report["kills"][safety]
        assert kill["taken"] > 5
        assert kill["repaired"] >= kill["readable"] > 0
        assert kill["seeks"]
        assert 0 <= kill["lost_of_taken"] <= allowed
        assert report["summary"][safety]["repaired_and_seeking"] == 1
