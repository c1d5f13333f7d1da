"""Kill a recording process at random times and count what is lost; write figures/kills.json.

    python scripts/measure_kills.py --kills 20

Each child runs `scr-live run` on a live phantom and notes, without a buffer, every frame as it is captured
and as the recorder has taken it; then SIGKILL. What can be read is counted, repaired, and read again. Lost
are frames behind the last one that can be read: of those captured (a person may have seen them), and of
those that the recorder had taken. Lost power is another matter: this machine stays on.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

SAFETIES: Final = ("second", "frame")
SOURCE: Final = "phantom:live=1,duration=endless"
SHORTEST_S: Final = 0.7
"""From the first picture in the recorder to the earliest kill."""
PATIENCE_S: Final = 60.0


def main() -> None:
    """Be the child, or kill and measure."""
    if sys.argv[1:2] == ["--child"]:
        sidecar, safety, *arguments = sys.argv[2:]
        sys.exit(run_child(Path(sidecar), safety, arguments))
    from scr_live.files import write_json  # noqa: PLC0415 - the child imports as `scr-live` does
    from scr_live.machine import machine_facts  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="of each safety")
    parser.add_argument("--source", default=SOURCE)
    parser.add_argument("--longest", type=float, default=4.0, help="seconds to the latest kill")
    parser.add_argument("--suffix", default=".mp4")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("figures/kills.json"))
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)  # noqa: S311 - no secret
    moments = [rng.uniform(SHORTEST_S, arguments.longest) for _ in range(arguments.kills)]
    runs = {
        safety: list(kill_often(moments, safety, arguments.source, suffix=arguments.suffix))
        for safety in SAFETIES
    }
    summary = {safety: summary_of(kills) for safety, kills in runs.items()}
    write_json(
        arguments.out,
        {"source": arguments.source, "summary": summary, "kills": runs, "machine": machine_facts()},
    )
    print(summary)


def kill_often(moments: list[float], safety: str, source: str, *, suffix: str) -> Iterator[dict[str, Any]]:
    """Run, kill and examine a recording for each moment."""
    for number, after_s in enumerate(moments, start=1):
        with tempfile.TemporaryDirectory() as folder:
            path, sidecar = Path(folder) / f"out{suffix}", Path(folder) / "told"
            run_and_kill(path, sidecar, safety, source=source, after_s=after_s)
            result = {"after_s": round(after_s, 2), **examine(path, sidecar)}
        print(safety, number, result)
        yield result


def run_and_kill(path: Path, sidecar: Path, safety: str, *, source: str, after_s: float) -> None:
    """Start a recording in a process of its own and kill it so long after its first picture."""
    sidecar.touch()
    command = ["run", "--source", source, "--record", path, "--engine", "constant", "--no-display"]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, __file__, "--child", sidecar, safety, *command],
        stdin=subprocess.PIPE,  # by which the child sees that nobody is left to kill it
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while b"r" not in sidecar.read_bytes():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the recording did not begin (exit code {process.poll()})")
            time.sleep(0.005)
        time.sleep(after_s)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def examine(path: Path, sidecar: Path) -> dict[str, Any]:
    """Count what was captured, taken and kept, before and after the repair."""
    from scr_live.errors import ScrLiveError  # noqa: PLC0415
    from scr_live.repair.repairing import repair  # noqa: PLC0415

    captured_at, taken = told_by(sidecar)
    captured = sorted(captured_at)
    readable = readable_in(path) if path.exists() else 0
    try:
        out = repair(path).path
    except ScrLiveError as error:
        return {
            "captured": len(captured),
            "taken": len(taken),
            "readable": readable,
            "repair": str(error),
            "lost_of_captured": captured[-1] + 1,
            "lost_of_taken": len(taken),
            "lost_s": round(captured_at[captured[-1]] - captured_at[captured[0]], 3),
        }
    pictures = pictures_of(out)
    last = taken[len(pictures) - 1] if len(pictures) <= len(taken) else captured[-1]
    return {
        "captured": len(captured),
        "taken": len(taken),
        "readable": readable,
        "repaired": len(pictures),
        "seeks": seeks(out, pictures),
        "lost_of_captured": captured[-1] - last,
        "lost_of_taken": max(0, len(taken) - len(pictures)),
        "lost_s": round(captured_at[captured[-1]] - captured_at[last], 3),
    }


def told_by(sidecar: Path) -> tuple[dict[int, float], list[int]]:
    """Read when each frame was captured, and which the recorder had taken."""
    captured_at: dict[int, float] = {}
    taken: list[int] = []
    for line in sidecar.read_text().splitlines():
        kind, index, *at = line.split()
        if kind == "c":
            captured_at[int(index)] = float(at[0])
        else:
            taken.append(int(index))
    return captured_at, taken


def pictures_of(path: Path) -> dict[float, int]:
    """Decode all: time in seconds -> a number that stands for the pixels."""
    import av  # noqa: PLC0415

    with av.open(str(path)) as container:
        return {picture.time or 0.0: hash(bytes(picture.planes[0])) for picture in container.decode(video=0)}


def readable_in(path: Path) -> int:
    """How many pictures a player shows of what was left: it passes over a last packet that is half there."""
    import av  # noqa: PLC0415

    count = 0
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            with contextlib.suppress(av.error.InvalidDataError):
                count += len(packet.decode())
    return count


def seeks(path: Path, pictures: dict[float, int]) -> bool:
    """Whether each second can be gone to and shows there what it shows in passing."""
    import av  # noqa: PLC0415

    with av.open(str(path)) as container:
        for second in range(int(max(pictures)) + 1):
            container.seek(second * av.time_base)
            picture = next(container.decode(video=0))
            time_s = picture.time or 0.0
            if time_s > second or hash(bytes(picture.planes[0])) != pictures.get(time_s):
                return False
    return True


def summary_of(kills: list[dict[str, Any]]) -> dict[str, Any]:
    """The most and the mean of what was lost, and how many could be read."""
    lost = {
        f"{which}_{name}": round(figure([kill[which] for kill in kills]), 2)
        for which in ("lost_of_captured", "lost_of_taken", "lost_s")
        for name, figure in (("max", max), ("mean", fmean))
    }
    return {
        "kills": len(kills),
        "readable": sum(kill["readable"] > 0 for kill in kills),
        "repaired_and_seeking": sum(kill.get("seeks", False) for kill in kills),
        **lost,
    }


def run_child(sidecar: Path, safety: str, arguments: list[str]) -> int:
    """Run the command line with a source and a recorder that tell of each frame."""
    from scr_live import cli  # noqa: PLC0415
    from scr_live.frames import Frame, Picture  # noqa: PLC0415
    from scr_live.overlays import ContourOverlay  # noqa: F401, PLC0415 - cv2 comes before av
    from scr_live.sinks import recorder  # noqa: PLC0415
    from scr_live.sources.phantom import PhantomSource  # noqa: PLC0415

    threading.Thread(target=end_with_parent, name="end-with-parent", daemon=True).start()
    told = os.open(sidecar, os.O_WRONLY | os.O_APPEND)

    class TellingRecorder(recorder.Recorder):
        def __init__(self, path: Path, options: recorder.RecorderOptions, **kwargs: Any) -> None:  # noqa: ANN401
            super().__init__(path, replace(options, safety=safety), **kwargs)

        def write(self, picture: Picture) -> None:
            super().write(picture)
            os.write(told, f"r {picture.frame.index}\n".encode())

    frames_of = PhantomSource.__iter__

    def telling_frames(source: PhantomSource) -> Iterator[Frame]:
        for frame in frames_of(source):
            os.write(told, f"c {frame.index} {frame.captured_at}\n".encode())
            yield frame

    recorder.Recorder = TellingRecorder  # type: ignore[misc]
    PhantomSource.__iter__ = telling_frames  # type: ignore[method-assign]
    sys.argv = ["scr-live", *arguments]
    return cli.main()


def end_with_parent() -> None:
    """Wait until the other end of the standard input is closed, by whatever."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
