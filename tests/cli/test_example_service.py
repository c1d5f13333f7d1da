"""The example of a service: its config file is one, and systemd understands its unit."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import scr_live
from scr_live.pipeline.options import PipelineOptions

EXAMPLE = Path(scr_live.__file__).parents[1] / "examples" / "systemd"

pytestmark = pytest.mark.skipif(not EXAMPLE.is_dir(), reason="examples are in the checkout only")


def test_the_config_file_holds_options_that_exist(cli, tmp_path):
    options = ("--source", "phantom:size=64x48", "--engine", "constant", "--max-frames", 1)
    files = ("--record", tmp_path / "room.mp4", "--events", tmp_path / "room.jsonl")
    done = cli("run", "--config", EXAMPLE / "room.toml", *options, *files)
    assert (done.code, done.err) == (0, "")
    left = {path.name for path in tmp_path.iterdir()}  # the video in pieces, as the file says
    assert left == {"room-0001.mp4", "room-0001.vtt", "room.jsonl", "room-sightings"}


@pytest.fixture
def unit():
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(EXAMPLE / "scr-live.service", encoding="utf-8")
    return parser


def test_a_source_that_is_off_at_the_start_is_waited_for_without_end(unit):
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Service"]["RestartPreventExitStatus"] == "2"


def test_a_stuck_stage_and_then_the_files_have_time_to_end(unit):
    finish_s = 10.0  # the patience of scr_live.sinks.finishing
    assert int(unit["Service"]["TimeoutStopSec"]) > PipelineOptions().stage_grace_s + finish_s


def test_the_folder_of_the_config_file_to_go_on_in_may_be_written_to(unit):
    config = (EXAMPLE / "room.toml").read_text(encoding="utf-8")
    (line,) = [line for line in config.splitlines() if "record-fallback = " in line]
    assert line.partition('"')[2].rstrip('"') in unit["Service"]["ReadWritePaths"].removeprefix("-").split()


def test_what_is_installed_is_the_checkout_not_a_package_of_an_index():
    assert "pip install .\n" in (EXAMPLE / "README.md").read_text(encoding="utf-8")


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
