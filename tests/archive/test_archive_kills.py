"""An archive whose workers, or whose own process, are killed."""

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from archive_fakes import WORKER, Heard, phantom_clip, processes_with, results_in, tables_of, workers_of
from tiny_models import write_model

import scr_live
from scr_live.archive.config import ArchiveConfig, Settings
from scr_live.archive.judging import Job
from scr_live.archive.local import LocalWorkers
from scr_live.archive.running import archive

pytest.importorskip("pyarrow", reason="needs pyarrow, of the extra `archive`")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc")

ROOT = Path(scr_live.__file__).parents[1]

# Kills itself with the n-th call of a function, before or after it.
DYING = """
import importlib, os, signal, sys
name, count, when = {name!r}, {count}, {when!r}
module, _, target = name.partition(":")
owner, _, attribute = target.rpartition(".")
place = importlib.import_module(module)
place = getattr(place, owner) if owner else place
inner, calls = getattr(place, attribute), []

def dying(*args, **kwargs):
    calls.append(1)
    if len(calls) == count and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = inner(*args, **kwargs)
    if len(calls) == count and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(place, attribute, dying)
from scr_live.cli import main
sys.argv = ["scr-live", *{arguments!r}]
sys.exit(main())
"""


@pytest.fixture
def jobs(make_clip, tmp_path):
    """The first takes more than a second, so that something can happen to it."""
    clips = [make_clip(tmp_path / f"{number}.mp4", 40) for number in (1, 2)]
    paths = {"0.mp4": "phantom:seed=0,size=128x96,duration=2"} | {clip.name: str(clip) for clip in clips}
    return [Job(name, path, Settings(engine="constant"), 1) for name, path in paths.items()]


def test_a_killed_worker_costs_its_video_one_more_attempt_and_no_other(jobs):
    killed = []

    def kill_once():
        if not killed:
            killed.extend(workers_of())
            os.kill(killed[0], signal.SIGKILL)

    heard = Heard(kill_once)
    LocalWorkers(1)(jobs, heard, threading.Event())
    assert len(killed) == 1
    assert heard.lost_of == [("0.mp4", "the worker process was ended by SIGKILL")]
    assert {name: ended.attempts for name, ended in heard.results.items()} == {
        "0.mp4": 2,
        "1.mp4": 1,
        "2.mp4": 1,
    }
    frames = {name: ended.results["video"]["frames"] for name, ended in heard.results.items()}
    assert frames == {"0.mp4": 50, "1.mp4": 40, "2.mp4": 40}
    assert workers_of() == []


def test_a_video_that_loses_its_worker_twice_has_failed_and_the_others_go_on(jobs):
    killed = set()

    def kill_two():
        for pid in set(workers_of()) - killed:
            if len(killed) < 2:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)

    heard = Heard(kill_two)
    LocalWorkers(1)(jobs, heard, threading.Event())
    assert len(killed) == 2
    assert (
        "lost 2 times: the worker process was ended by SIGKILL"
        in heard.results["0.mp4"].results["video"]["error"]
    )
    assert heard.results["1.mp4"].results["video"]["frames"] == 40
    assert heard.results["2.mp4"].results["video"]["frames"] == 40


def test_a_worker_that_hangs_is_ended_and_its_video_tried_again(jobs):
    stopped = []

    def stop_once():
        if not stopped:
            stopped.extend(workers_of())
            os.kill(stopped[0], signal.SIGSTOP)

    heard = Heard(stop_once)
    LocalWorkers(1, still_s=1.0)(jobs[:1], heard, threading.Event())
    assert len(stopped) == 1
    assert heard.lost_of == [("0.mp4", "the worker process did not get on, and was ended")]
    assert workers_of() == []


def test_a_listener_that_fails_leaves_no_worker_behind(jobs):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        LocalWorkers(2)(jobs, Heard(fail), threading.Event())
    assert workers_of() == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An archive that nobody interrupts: what all others must come to."""
    folder = tmp_path_factory.mktemp("whole")
    videos = folder / "videos"
    videos.mkdir()
    for number in range(3):
        phantom_clip(videos / f"clip{number}.mp4", start=40 * number)
    settings = Settings(
        model=str(write_model(folder, fill=0.9)), engine="openvino", alert_after_s=0.2, record=True
    )
    config = ArchiveConfig(videos, folder / "out", settings, workers=2)
    archive(config)
    return config


@pytest.fixture
def config(whole, tmp_path):
    return replace(whole, out=tmp_path / "out", workers=1)


def killed_run(config, name, count, when):
    """Run the command, killed with a call of a function; return what it left in its results."""
    arguments = ["archive", config.source, "--out", config.out, "--workers", "1", "--record"]
    arguments += ["--model", config.settings.model, "--engine", "openvino", "--alert-after", "0.2"]
    code = DYING.format(name=name, count=count, when=when, arguments=[str(one) for one in arguments])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return results_in(config.out)


@pytest.mark.parametrize(
    ("place", "finished"),
    [
        (("scr_live.archive.local:LocalWorkers.__call__", 1, "before"), 0),
        (("scr_live.archive.kept:write_json", 1, "before"), 0),  # the settings
        (("scr_live.archive.kept:OutFolder.write", 2, "before"), 1),
        (("scr_live.archive.kept:write_json", 3, "before"), 1),  # its recording has its name already
        (("scr_live.archive.kept:write_json", 3, "after"), 2),
        (("scr_live.archive.tables:write_bytes", 2, "before"), 3),
        (("scr_live.archive.tables:write_bytes", 3, "after"), 3),
    ],
)
def test_a_killed_archive_goes_on_where_it_was(config, whole, place, finished):
    before = killed_run(config, *place)
    assert len(before) == finished
    report = archive(config)
    assert (report.is_complete, report.done_now) == (True, 3 - finished)
    assert before.items() <= results_in(config.out).items()
    assert len(list((config.out / "recordings").iterdir())) == 3
    assert tables_of(config.out) == tables_of(whole.out)


def test_a_result_that_is_only_half_there_counts_for_nothing(config):
    archive(config)
    path = next((config.out / "results").glob("clip1*"))
    path.write_bytes(path.read_bytes()[:100])
    assert archive(config).done_now == 1


def test_a_first_signal_ends_it_soon(make_clip, tmp_path):
    videos, out = tmp_path / "videos", tmp_path / "out"
    videos.mkdir()
    for number in range(40):
        make_clip(videos / f"clip{number}.mp4", 40)
    command = ["archive", videos, "--out", out, "--engine", "constant", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "scr_live", *map(str, command)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if re.match(r"1/40 ", line):
            break
    workers = workers_of(process.pid)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=40)
    assert process.returncode == 1
    done = len(results_in(out))
    assert 1 <= done < 40
    assert f"Stopped as asked, with {done} of 40 videos done." in " ".join(err.split())
    assert "Traceback" not in err
    assert len(workers) == 1
    assert set(workers).isdisjoint(processes_with(WORKER))
    assert not (out / "videos.parquet").exists()
