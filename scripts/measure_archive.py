"""Measure an archive of short clips with one and two workers, killed and resumed; write figures/archive.json.

    python scripts/measure_archive.py

Twenty clips of the phantom, each of another seed, are rendered first (--clips keeps them). Then the same
archive is done with one worker, with two, and with two that are killed twice by SIGKILL and go on: all tables
but for the timings must be alike. Run it on a quiet machine: it times.
"""

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

CLIP: Final = "phantom:seed={seed},size=640x512,duration={seconds},fps=25,polyps=6"
COUNT: Final = 20
PATIENCE_S: Final = 200.0


def main() -> None:
    """Render, time, kill, compare, write."""
    from scr_live.files import write_json  # noqa: PLC0415 - the clips are rendered without it
    from scr_live.machine import machine_facts  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, help="folder that keeps the clips; without: a temporary one")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each clip")
    parser.add_argument("--model", default="scr-net-lite0")
    parser.add_argument("--only-render", action="store_true", help="make the clips, and measure nothing")
    parser.add_argument("--out", type=Path, default=Path("figures/archive.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = options.clips or Path(folder) / "clips"
        render_clips(clips, seconds=options.seconds)
        if options.only_render:
            return
        runs = {}
        for name, figures in measured(clips, Path(folder), options.model):
            print(name, figures, flush=True)
            runs[name] = figures
    one, two = (runs[name]["frames_per_s"] for name in ("one_worker", "two_workers"))
    report = {
        "clips": CLIP.format(seed="0..19", seconds=options.seconds),
        "model": options.model,
        **runs,
        "two_workers_to_one": round(two / one, 3),
        "frames_per_s_per_core": round(two / 2, 2),
        "largest_process_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6),
        "machine": machine_facts(),
    }
    write_json(options.out, report)
    print(report)


def render_clips(folder: Path, *, seconds: float) -> None:
    """Make the clips that are not there yet."""
    from scr_live.frames import Frame, Picture  # noqa: PLC0415
    from scr_live.overlays import ContourOverlay  # noqa: F401, PLC0415 - cv2 comes before av
    from scr_live.sinks.recorder import Recorder, RecorderOptions  # noqa: PLC0415
    from scr_live.sources.phantom import parse_phantom, render  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(COUNT):
        path = folder / f"clip{seed}-{seconds:g}s.mp4"
        if path.exists():
            continue
        options = parse_phantom(CLIP.format(seed=seed, seconds=seconds))
        partial = path.with_name(f".partial-{path.name}")
        with Recorder(partial, RecorderOptions(nominal_fps=options.fps, force=True)) as recorder:
            for index in range(options.frame_count or 0):
                frame = Frame(render(options, index)[0], index, index / options.fps, captured_at=0.0)
                recorder.write(Picture(frame, None, frame.image))
        partial.replace(path)


def measured(clips: Path, folder: Path, model: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Time one worker and two, then kill and resume; all tables are compared with the first."""
    tables = {}
    for name, workers in (("one_worker", 1), ("two_workers", 2)):
        out = folder / name
        seconds = archive(clips, out, workers=workers, model=model)
        tables[name] = tables_of(out)
        frames = sum(row["frames"] for row in tables[name]["videos.parquet"])
        sightings = len(tables[name]["sightings.parquet"])
        figures = {"seconds": round(seconds, 2), "frames": frames, "sightings": sightings}
        yield name, {**figures, "frames_per_s": round(frames / seconds, 2)}
    out = folder / "killed"
    kept = [kill_after(clips, out, done=done, model=model) for done in (COUNT // 3, 2 * COUNT // 3)]
    archive(clips, out, workers=2, model=model)
    tables["killed"] = tables_of(out)
    same = all(one == tables["one_worker"] for one in tables.values())
    after = written(out)
    twice = sum(after[name] != at for before in kept for name, at in before.items())
    if not same or twice:
        raise SystemExit(f"the tables differ, or {twice} videos were done twice")
    yield (
        "killed_and_resumed",
        {
            "kept_at_each_kill": [len(before) for before in kept],
            "done_twice": twice,
            "tables_are_alike": same,
        },
    )


def command(clips: Path, out: Path, *, workers: int, model: str) -> list[str]:
    """The command, in this interpreter."""
    options = ["--out", str(out), "--workers", str(workers), "--model", model]
    return [sys.executable, "-m", "scr_live", "archive", str(clips), *options]


def archive(clips: Path, out: Path, *, workers: int, model: str) -> float:
    """Do it to the end; return how many seconds it took, the start of all processes included."""
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own command
        command(clips, out, workers=workers, model=model), check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started


def kill_after(clips: Path, out: Path, *, done: int, model: str) -> dict[str, int]:
    """Kill a run once so many videos are done in all; return what is there then, and when it was written."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        command(clips, out, workers=2, model=model), stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + PATIENCE_S
    try:
        while len(written(out)) < done:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"nothing to be killed (exit code {process.poll()})")
            time.sleep(0.01)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
    return written(out)


def written(out: Path) -> dict[str, int]:
    """The result files, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "results").glob("*.json")}


def tables_of(out: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows, but for the timings."""
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    from scr_live.archive.kept import TABLES  # noqa: PLC0415
    from scr_live.archive.tables import TIMINGS  # noqa: PLC0415

    return {
        name: [
            {key: value for key, value in row.items() if key not in TIMINGS}
            for row in parquet.read_table(out / name).to_pylist()
        ]
        for name in TABLES
    }


if __name__ == "__main__":
    main()
