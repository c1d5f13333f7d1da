"""What viewers cost a run, and what they see: rates, delays, ages, memory; and what a hung server costs.

    python scripts/measure_serving.py --out figures/serving.json [--seconds 20] [--viewers 0 1 10 50]

A numbered 1080p clip is played at its own pace by `scr-live run --serve` with an engine that answers at once.
Viewers are WebSockets on loopback, in one process, that answer every picture and show none. What a page shows
is read in Chromium, from the page's own canvas, where it and playwright are. All of it shares one machine.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from serving_parts import SIZE, Served, in_browser, make_clip, percentiles, served, watch

from scr_live.machine import machine_facts
from scr_live.sinks.web.jpeg import QUALITY, encoded

VIEWERS: Final = (0, 1, 10, 50)
WINDOWS: Final = ((1920, 1080), (1280, 720), (1180, 820))
"""Of the page: a screen, a small one, a tablet that lies."""
MOST_VIEWERS: Final = 50
_LOOKS: Final = 6


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--minute", type=float, default=60.0, help="how long fifty viewers stay")
    parser.add_argument("--viewers", type=int, nargs="*", default=VIEWERS)
    parser.add_argument("--parts", nargs="*", default=["jpeg", "viewers", "browser", "minute", "hang"])
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # and what it has started, too
    before = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        clip, picture = make_clip(Path(folder))
        parts = {
            "jpeg": lambda: encoding(picture),
            "viewers": lambda: [viewed(clip, count, options.seconds) for count in options.viewers],
            "browser": lambda: [in_browser(clip, options.seconds, window=window) for window in WINDOWS],
            "minute": lambda: viewed(clip, MOST_VIEWERS, options.minute),
            "hang": lambda: [hanging(clip, options.seconds, hangs=hangs) for hangs in (False, True)],
        }
        figures: dict[str, Any] = {"size": SIZE, "seconds": options.seconds}
        for name in options.parts:
            figures[name] = parts[name]()
            print(f"{name}: {json.dumps(figures[name])}", file=sys.stderr)
    figures["load_average"] = {"before": before, "after": os.getloadavg()}
    figures["machine"] = machine_facts()
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def encoding(picture: np.ndarray) -> dict[str, float]:
    """What one JPEG takes."""
    times = []
    for _ in range(30):
        began = time.thread_time()
        jpeg = encoded(picture)
        times.append(1000 * (time.thread_time() - began))
    return {"quality": QUALITY, "cpu_ms_p50": round(float(np.median(times)), 2), "bytes": len(jpeg)}


def viewed(clip: Path, count: int, seconds: float) -> dict[str, Any]:
    """One run with so many viewers."""
    with served(clip, f"viewers-{count}") as run:
        seen, memory = asyncio.run(_watched(run, count, seconds))
    return {
        "viewers": count,
        "seconds": seconds,
        **run.told(),
        "server_memory_mb": memory,
        **_summary(seen, seconds),
    }


def hanging(clip: Path, seconds: float, *, hangs: bool) -> dict[str, Any]:
    """One run with a viewer; its server is stopped, and whatever replaces it, or is not."""
    over = threading.Event()

    def stop_all() -> None:
        while not over.wait(0.2):
            try:
                os.kill(run.server_pid, signal.SIGSTOP)
            except (RuntimeError, OSError):
                continue  # the next one is on its way

    with served(clip, f"hangs-{hangs}") as run:
        stopper = threading.Thread(target=stop_all)
        viewer = threading.Thread(target=_view, args=(run.port, seconds if not hangs else 0.5))
        viewer.start()
        if hangs:
            viewer.join()
            stopper.start()
        time.sleep(seconds)
        over.set()
    viewer.join()
    return {"hangs": hangs, **run.told()}


def _view(port: int, seconds: float) -> None:
    asyncio.run(watch(port, seconds))


async def _watched(
    run: Served, count: int, seconds: float
) -> tuple[list[list[tuple[int, float, float]]], list[float]]:
    """What each viewer got, and the server's memory on the way."""
    memory = [run.server_memory_mb]

    async def look_now_and_then() -> None:
        for _ in range(_LOOKS):
            await asyncio.sleep(seconds / _LOOKS)
            memory.append(run.server_memory_mb)

    *seen, _ = await asyncio.gather(*(watch(run.port, seconds) for _ in range(count)), look_now_and_then())
    return seen, memory


def _summary(seen: list[list[tuple[int, float, float]]], seconds: float) -> dict[str, Any]:
    """Return rates, and ages on arrival: as the server says, and the way, but for the quickest viewer's."""
    if not seen:
        return {}
    captured: dict[int, float] = {}
    for pictures in seen:
        for index, age_s, at in pictures:
            captured[index] = min(captured.get(index, np.inf), at - age_s)
    ages = [1000 * (at - captured[index]) for pictures in seen for index, _, at in pictures]
    rates = [len(pictures) / seconds for pictures in seen]
    return {
        "viewer_fps": {"mean": round(float(np.mean(rates)), 1), "least": round(min(rates), 1)},
        "age_ms": percentiles(ages),
    }


if __name__ == "__main__":
    main()
