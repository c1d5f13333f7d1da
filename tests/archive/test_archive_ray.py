"""An archive on Ray: a cluster of this machine, whose workers are killed."""

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from archive_fakes import Heard, descend_from, phantom_clip, processes_with, results_in, tables_of
from tiny_models import write_model

import scr_live
from scr_live.archive.config import ArchiveConfig, Settings
from scr_live.archive.judging import Job
from scr_live.archive.running import archive
from scr_live.machine import usable_cores

pytest.importorskip("pyarrow", reason="needs pyarrow, of the extra `archive`")
pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray, of the extra `ray`"),
    pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc"),
    pytest.mark.timeout(180),
]

ROOT = Path(scr_live.__file__).parents[1]
TASK = "ray::judged_on_ray"


@pytest.fixture
def config(tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    phantom_clip(videos / "clip0.mp4", frames=500)  # long enough to be seen in work
    shutil.copy(videos / "clip0.mp4", videos / "clip1.mp4")
    settings = Settings(model=str(write_model(tmp_path, fill=0.9)), engine="openvino", alert_after_s=0.2)
    return ArchiveConfig(videos, tmp_path / "out", settings)


@pytest.fixture
def in_work(config):
    """The command on a cluster of its own, and the number of the process that works on a video."""
    options = ["--model", config.settings.model, "--engine", "openvino", "--alert-after", "0.2"]
    command = ["archive", config.source, "--out", config.out, *options, "--ray", "local", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "scr_live", *map(str, command)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not (working := descend_from(processes_with(TASK), process.pid)):
            assert process.poll() is None, process.stderr.read()
        cluster = descend_from(processes_with("ray"), process.pid)
        yield process, working[0]
        while not set(cluster).isdisjoint(processes_with("ray")):
            pass  # it ends a moment after its driver; the limit of the test ends this
    finally:
        process.kill()
        process.wait()


def test_a_killed_worker_costs_one_more_attempt_and_the_tables_are_those_without_ray(
    config, in_work, tmp_path
):
    process, worker = in_work
    os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=150)
    assert process.returncode == 0, err
    assert out.count("is tried again") == 1
    assert "1 worker lost" in out
    here = ArchiveConfig(config.source, tmp_path / "here", config.settings)
    archive(here)
    assert tables_of(config.out) == tables_of(here.out)


def test_a_first_signal_ends_it_soon_and_leaves_no_process_behind(config, in_work):
    process, _ = in_work
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Stopped as asked, with {len(results_in(config.out))} of 2 videos done." in " ".join(err.split())
    assert "Traceback" not in err


def refused(config, *options):
    """Run the command, which has to end with exit code 2; return its error in one line."""
    command = ["archive", config.source, "--out", config.out, "--engine", "constant", *options]
    done = subprocess.run(
        [sys.executable, "-m", "scr_live", *map(str, command)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def test_a_cluster_that_is_not_there_is_one_sentence(config):
    assert "--ray 127.0.0.1:1 cannot be reached" in refused(config, "--ray", "127.0.0.1:1")


def test_what_no_node_has_cores_for_is_refused_before_the_first_task(config):
    error = refused(config, "--ray", "local", "--threads", usable_cores() + 1)
    assert f"Each video takes {usable_cores() + 1} cores of one node (--threads)" in error
    assert f"the largest node of the Ray cluster local has {usable_cores()}" in error
    assert f"Give --threads from 1 to {usable_cores()}" in error
    assert results_in(config.out) == {}


@pytest.fixture
def cluster(free_port, monkeypatch):
    """The address of a cluster of two cores that was there before; with a token that only the test knows."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # the names of its sockets must be short
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=2"]
    process = subprocess.Popen(
        [
            *ray,
            f"--port={free_port}",
            "--node-ip-address=127.0.0.1",
            f"--temp-dir={folder}",
            "--include-dashboard=false",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout:
            if "Ray runtime started" in line:
                break
        yield f"127.0.0.1:{free_port}"
    finally:
        process.terminate()
        process.communicate(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def test_no_more_videos_are_in_work_on_a_cluster_than_were_asked_for(config, cluster):
    options = ["--model", config.settings.model, "--engine", "openvino", "--ray", cluster, "--workers", "1"]
    command = ["archive", config.source, "--out", config.out, *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "scr_live", *map(str, command)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = set()
    try:
        while process.poll() is None:
            seen.add(len(processes_with(TASK)))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)  # a look at all processes takes much of a core
    finally:
        process.kill()
        out, err = process.communicate()
    assert "2 done, 0 failed" in out, err
    assert seen == {0, 1}


def test_of_an_error_in_a_worker_the_cause_is_told_and_not_where_it_was_raised(config):
    """Ray's account of it has many lines, and the number of the process in the first."""
    from scr_live.archive.on_ray import RayCluster  # noqa: PLC0415 - an extra

    heard = Heard()
    broken = Job("a", str(config.source / "clip0.mp4"), config.settings, threads="one")
    RayCluster("local", threads=1)([broken], heard, threading.Event())
    ((name, cause),) = heard.lost_of
    assert name == "a"
    assert re.match(r"\w*[eE]rror: ", cause)
    assert "judged_on_ray" not in cause
    assert cause in heard.results["a"].results["video"]["error"]
