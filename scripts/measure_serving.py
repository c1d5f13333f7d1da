"""What viewers cost a run: its rate and video delay with 0, 1, 10 and 50 of them, and what they see.

    python scripts/measure_serving.py --out figures/serving.json [--seconds 20] [--viewers 0 1 10 50]

A 1080p clip is played at its own pace by `scr-live run --serve` with an engine that answers at once;
viewers are WebSockets on loopback that answer every picture, and at last Chromium, where it and playwright
are. The age of a picture counts from its capture; on top of what the server says comes the way to the
viewer, as far as it is longer than that to the quickest one.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from websockets.asyncio.client import connect

from scr_live.machine import machine_facts
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import render
from scr_live.sinks.web.jpeg import QUALITY, encoded

SIZE = (1920, 1080)
FRAMES = 50
VIEWERS = (0, 1, 10, 50)
PAGE = re.compile(r"http://127\.0\.0\.1:(\d+)/")


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--viewers", type=int, nargs="*", default=VIEWERS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip, picture = make_clip(Path(folder))
        figures = {
            "size": SIZE,
            "seconds": options.seconds,
            "jpeg": encoding(picture),
            "viewers": [measured(clip, count, options.seconds) for count in options.viewers],
            "browser": in_browser(clip, options.seconds),
            "load_average": os.getloadavg(),
            "machine": machine_facts(),
        }
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


def make_clip(folder: Path) -> tuple[Path, np.ndarray]:
    """Encode two seconds of the phantom in 1080p; return the clip and its first picture."""
    path, phantom = folder / "clip.mp4", PhantomOptions(width=640, height=360)
    first = None
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"preset": "veryfast"})
        stream.width, stream.height = SIZE
        for index in range(FRAMES):
            image = cv2.resize(render(phantom, index)[0], SIZE, interpolation=cv2.INTER_CUBIC)
            first = image if first is None else first
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path, first


def encoding(picture: np.ndarray) -> dict[str, float]:
    """What one JPEG takes."""
    times = []
    for _ in range(30):
        began = time.thread_time()
        jpeg = encoded(picture)
        times.append(1000 * (time.thread_time() - began))
    return {"quality": QUALITY, "cpu_ms_p50": round(float(np.median(times)), 2), "bytes": len(jpeg)}


@contextlib.contextmanager
def running(clip: Path, stats: Path) -> Iterator[tuple[int, int]]:
    """A run that is served: its process and port."""
    command = [sys.executable, "-u", "-m", "scr_live", "run", "--source", str(clip), "--realtime", "--loop"]
    command += ["--engine", "constant", "--no-display", "--serve", "127.0.0.1:0", "--stats", str(stats)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        try:
            port = next(int(found[1]) for line in run.stdout if (found := PAGE.search(line)))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:  # the server is up
                answer.read()
            yield run.pid, port
        finally:
            run.send_signal(signal.SIGTERM)
            run.communicate()


def measured(clip: Path, count: int, seconds: float) -> dict[str, object]:
    """One run with so many viewers."""
    stats = clip.with_name(f"{count}.json")
    with running(clip, stats) as (pid, port):
        memory = [resident_mb(server_of(pid))]
        seen = asyncio.run(watched(port, count, seconds, lambda: memory.append(resident_mb(server_of(pid)))))
    print(f"{count} viewers measured", file=sys.stderr)
    told = json.loads(stats.read_text(encoding="utf-8"))
    delay = told["latency_ms"]["video_delay"]
    return {
        "viewers": count,
        "run_fps": told["fps"],
        "run_dropped": sum(told["frames"]["dropped"].values()),
        "video_delay_ms": {name: delay[name] for name in ("p50", "p99", "max")},
        "server_memory_mb": [round(one, 1) for one in memory],
        **summary(seen, seconds),
    }


async def watched(
    port: int, count: int, seconds: float, look: Callable[[], None]
) -> list[list[tuple[int, float, float]]]:
    """(index, age when sent, when received) of every picture, a list a viewer."""

    async def view() -> list[tuple[int, float, float]]:
        pictures = []
        async with connect(f"ws://127.0.0.1:{port}/ws/video", compression=None, open_timeout=60) as socket:
            while time.perf_counter() < until:
                message = await socket.recv()
                pictures.append((*struct.unpack("!Qd", message[:16]), time.perf_counter()))
                await socket.send("ok")
        return pictures

    async def look_now_and_then() -> None:
        for _ in range(4):
            await asyncio.sleep(seconds / 4)
            look()

    until = time.perf_counter() + seconds
    *seen, _ = await asyncio.gather(*(view() for _ in range(count)), look_now_and_then())
    return seen


def summary(seen: list[list[tuple[int, float, float]]], seconds: float) -> dict[str, object]:
    """Return rates, and ages on arrival."""
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
        "age_ms": {f"p{share}": round(float(np.percentile(ages, share)), 1) for share in (50, 95, 99)},
    }


DRAW = """seconds => new Promise(done => {
  const seen = [], socket = new WebSocket(`ws://${location.host}/ws/video`);
  const canvas = document.createElement('canvas'), began = performance.now();
  socket.binaryType = 'arraybuffer';
  socket.onmessage = async ({ data }) => {
    const at = performance.now(), age = new DataView(data).getFloat64(8);
    const picture = await createImageBitmap(new Blob([data.slice(16)], { type: 'image/jpeg' }));
    canvas.width = picture.width; canvas.height = picture.height;
    canvas.getContext('2d').drawImage(picture, 0, 0); picture.close();
    const now = performance.now();
    seen.push(1000 * age + now - at);
    if (now - began > 1000 * seconds) { socket.close(); done(seen); } else socket.send('ok');
  };
})"""


def in_browser(clip: Path, seconds: float) -> dict[str, object] | None:
    """What Chromium draws, and how old it is then; None: there is none."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not everybody has it
    except ImportError:
        return None
    if chromium is None:
        return None
    with running(clip, clip.with_name("browser.json")) as (_, port), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(bypass_csp=True).new_page()
        page.goto(f"http://127.0.0.1:{port}/healthz")
        ages = page.evaluate(DRAW, seconds)
        browser.close()
    return {
        "fps": round(len(ages) / seconds, 1),
        "age_drawn_ms": {f"p{share}": round(float(np.percentile(ages, share)), 1) for share in (50, 95, 99)},
    }


def server_of(pid: int) -> int:
    """Return the server's process, of all that a run has started."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text(encoding="ascii").split():
            if b"sinks.web.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise RuntimeError(f"process {pid} has no server")


def resident_mb(pid: int) -> float:
    """Return how much memory it takes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
