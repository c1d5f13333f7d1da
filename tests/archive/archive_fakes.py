"""What the tests of the archive share: clips of the phantom, tables without timings, worker processes."""

import json
import os
from pathlib import Path

from pyarrow import parquet

from scr_live.archive.kept import TABLES
from scr_live.archive.tables import TIMINGS
from scr_live.frames import Frame, Picture
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.recorder import Recorder
from scr_live.sources.phantom import parse_phantom, render

WORKER = "scr_live.archive.worker"


class Heard:
    """A Hearer that remembers."""

    def __init__(self, on_moved=None):
        self.on_moved = on_moved or (lambda: None)
        self.lost_of, self.results = [], {}

    def moved(self, job, frames, expected):
        self.on_moved()

    def lost(self, job, cause):
        self.lost_of.append((job.id, cause))

    def ended(self, ended):
        self.results[ended.job.id] = ended


def phantom_clip(path, *, start=0, frames=20, size="128x96"):
    """A clip of a synthetic colon, 25 frames a second, that begins somewhere in one flight."""
    options = parse_phantom(f"phantom:seed=0,size={size},duration=20")
    with Recorder(path, RecorderOptions(nominal_fps=options.fps, force=True)) as recorder:
        for index in range(frames):
            image = render(options, start + index)[0]
            frame = Frame(image, index, index / options.fps, captured_at=0.0)
            recorder.write(Picture(frame, None, frame.image))
    return path


def rows_of(out, name):
    """The rows of a table as dicts, but for the timings."""
    rows = parquet.read_table(Path(out) / f"{name}.parquet").to_pylist()
    return [{key: value for key, value in row.items() if key not in TIMINGS} for row in rows]


def tables_of(out):
    """All tables, but for the timings."""
    return {name: rows_of(out, name.removesuffix(".parquet")) for name in TABLES}


def results_in(out):
    """The result files by the id of their video, each with when it was written."""
    return {
        json.loads(path.read_text())["id"]: path.stat().st_mtime_ns
        for path in (Path(out) / "results").glob("*.json")
    }


def processes_with(word):
    """Numbers of the processes with this word in their command line."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [
        pid
        for pid in found
        if word.encode() in _about(pid, "cmdline") and b"State:\tZ" not in _about(pid, "status")
    ]


def descend_from(pids, ancestor):
    """Those of the processes that have this one among their parents."""
    return [pid for pid in pids if ancestor in _parents(pid)]


def workers_of(parent=None):
    """Numbers of the worker processes that a process has started."""
    return [pid for pid in processes_with(WORKER) if _parents(pid)[:1] == [parent or os.getpid()]]


def _parents(pid):
    found = []
    while pid > 1 and (status := _about(pid, "status")):
        pid = int(status.partition(b"PPid:\t")[2].split()[0])
        found.append(pid)
    return found


def _about(pid, name):
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended
        return b""
