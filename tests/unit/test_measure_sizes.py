"""scripts/measure_sizes.py: what it refuses, and its table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "measure_sizes.py"
if not SCRIPT.exists():
    pytest.skip("scripts are not part of a wheel", allow_module_level=True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--sizes", "large"), "--sizes must be whole numbers with commas; found 'large'"),
        ((), "name at least one image set with --data"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_made(tmp_path, options, says):
    out = tmp_path / "sizes.json"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--out", out, *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, out.exists()) == (2, False)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_table_shows_what_was_measured_and_a_dash_for_the_rest(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    from measure_sizes import table  # noqa: PLC0415 - on its path only now

    row = {"size": 288, "precision": "int8", "accuracy": {"dice": {"value": 0.8971}, "dice_small": None}}
    last = table([row]).splitlines()[-1]
    assert last == "| 288 | int8 | 0.897 | - | - | - | - | - |"


def test_the_committed_figure_has_a_row_for_every_size_and_precision():
    rows = json.loads((SCRIPT.parents[1] / "figures" / "sizes.json").read_text(encoding="utf-8"))["rows"]
    assert len({(row["size"], row["precision"]) for row in rows}) == len(rows) == 10
    assert all(row["accuracy"]["pictures"] == 396 and row["time"]["infer_ms"]["median"] > 0 for row in rows)
