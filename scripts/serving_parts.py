"""A run that is served, and who watches it: parts of measure_serving.py."""

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
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from websockets.asyncio.client import connect

from scr_live.phantom.counter import COLUMNS, ROWS, counter_box, number_of, write_counter
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import render

SIZE: Final = (1920, 1080)
FPS: Final = 25
FRAMES: Final = 250
"""Of the clip, which is played again and again: its counter tells pictures of ten seconds apart."""
SETTLES_S: Final = 4

_RENDERED = PhantomOptions(width=640, height=360)
_PAGE = re.compile(r"http://127\.0\.0\.1:(\d+)/")
_HEAD = struct.Struct("!Qd")
_LOOK = Path(__file__).parent / "serving_look.js"


@dataclass(frozen=True)
class Served:
    """A run and its page."""

    pid: int
    port: int
    stats: Path

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def server_pid(self) -> int:
        """Of the page's server, of all processes that the run has started."""
        for children in Path(f"/proc/{self.pid}/task").glob("*/children"):
            for child in children.read_text(encoding="ascii").split():
                if b"sinks.web.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        raise RuntimeError(f"process {self.pid} has no server")

    @property
    def server_memory_mb(self) -> float:
        """What the server holds in memory."""
        pages = int(Path(f"/proc/{self.server_pid}/statm").read_text(encoding="ascii").split()[1])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)

    def told(self) -> dict[str, Any]:
        """What the run says of itself once it has ended."""
        told = json.loads(self.stats.read_text(encoding="utf-8"))
        delay = told["latency_ms"]["video_delay"]
        return {
            "run_fps": told["fps"],
            "run_dropped": sum(told["frames"]["dropped"].values()),
            "video_delay_ms": {name: delay[name] for name in ("p50", "p99", "max")},
        }


def make_clip(folder: Path) -> tuple[Path, np.ndarray]:
    """Encode ten seconds of the phantom in 1080p, numbered; return the clip and its first picture."""
    path, first = folder / "clip.mp4", None
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options={"preset": "veryfast"})
        stream.width, stream.height = SIZE
        for index in range(FRAMES):
            image = cv2.resize(render(_RENDERED, index)[0], SIZE, interpolation=cv2.INTER_CUBIC)
            write_counter(image, index)
            first = image if first is None else first
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path, first


@contextlib.contextmanager
def served(clip: Path, name: str) -> Iterator[Served]:
    """Play the clip at its own pace, with an engine that answers at once, until the block is left."""
    stats = clip.with_name(f"{name}.json")
    command = [sys.executable, "-u", "-m", "scr_live", "run", "--source", str(clip), "--realtime", "--loop"]
    command += ["--engine", "constant", "--no-display", "--serve", "127.0.0.1:0", "--stats", str(stats)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        try:
            port = next(int(found[1]) for line in run.stdout if (found := _PAGE.search(line)))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:  # the server is up
                answer.read()
            yield Served(run.pid, port, stats)
        finally:
            run.send_signal(signal.SIGTERM)
            run.communicate()


async def watch(port: int, seconds: float) -> list[tuple[int, float, float]]:
    """(index, age when sent, when received) of every picture that a viewer gets who answers at once."""
    pictures, until = [], time.perf_counter() + seconds
    async with connect(f"ws://127.0.0.1:{port}/ws/video", compression=None, open_timeout=60) as socket:
        while time.perf_counter() < until:
            message = await socket.recv()
            pictures.append((*_HEAD.unpack(message[: _HEAD.size]), time.perf_counter()))
            await socket.send("ok")
    return pictures


def began_at(served: Served) -> float:
    """When the first frame of the run was due, in time.perf_counter(): all others are due at its pace."""
    with ThreadPoolExecutor(1) as thread:  # playwright has the loop of this one
        pictures = thread.submit(asyncio.run, watch(served.port, 1.0)).result()
    return min(received - age_s - index / FPS for index, age_s, received in pictures)


def percentiles(values_ms: list[float]) -> dict[str, float]:
    """Return what is usual, and what is rare."""
    return {f"p{share}": round(float(np.percentile(values_ms, share)), 1) for share in (50, 95, 99)}


def in_browser(clip: Path, seconds: float, *, window: tuple[int, int]) -> dict[str, Any] | None:
    """What a real page shows, read back from its own canvas by the number in the picture; None: no Chromium.

    Ages count from when a frame was due to the page's own frame that shows it.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not everybody has it
    except ImportError:
        return None
    if chromium is None:
        return None
    with served(clip, f"browser-{window[0]}") as run, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        size = {"width": window[0], "height": window[1]}
        page = browser.new_context(bypass_csp=True, viewport=size).new_page()  # playwright evaluates strings
        page.add_init_script(path=_LOOK)
        page.goto(run.url)
        page.wait_for_function("document.querySelector('#picture').dataset.frame > 50")
        page.wait_for_timeout(1000 * SETTLES_S)  # a browser that starts takes the machine for itself
        before = began_at(run)
        ahead_s = _clock_of(page)
        x, y, width, height = counter_box(*SIZE)
        box = [x / SIZE[0], y / SIZE[1], width / SIZE[0], height / SIZE[1]]
        told = page.evaluate("([box, seconds]) => look(box, seconds)", [box, seconds])
        after = began_at(run)
        version = browser.version
        browser.close()
    seen = [
        (number, at / 1000 + ahead_s - min(before, after))
        for at, cells in told["seen"]
        if (number := number_of(np.reshape(cells, (ROWS, COLUMNS)))) is not None
    ]
    return {
        "window": window,
        "chromium": version,
        "shown_px": told["shown"],
        "sent_px": told["sent"],
        "page_frames_per_s": round(told["frames"] / seconds, 1),
        **_seen(seen, seconds),
        "unreadable": len(told["seen"]) - len(seen),
        "pace_slipped_ms": round(1000 * abs(after - before), 1),
        **run.told(),
    }


def _seen(seen: list[tuple[int, float]], seconds: float) -> dict[str, Any]:
    """Rate, lost pictures, steps back and age, of numbers and the time since the run's first frame."""
    indices, ages_ms = [], []
    for number, at_s in seen:
        newest = int(at_s * FPS)
        index = newest - (newest - number) % FRAMES
        indices.append(index)
        ages_ms.append(1000 * (at_s - index / FPS))
    steps = np.diff(indices)
    return {
        "fps": round(len(indices) / seconds, 1),
        "lost": int(np.sum(np.maximum(steps - 1, 0))),
        "out_of_turn": int(np.sum(steps < 1)),
        "age_ms": percentiles(ages_ms),
    }


def _clock_of(page: Any) -> float:  # noqa: ANN401 - playwright is not there for everybody
    """How far time.perf_counter() is ahead of the page's clock, of the quickest of many questions."""
    asked = []
    for _ in range(50):
        began = time.perf_counter()
        told = page.evaluate("performance.now()") / 1000
        ended = time.perf_counter()
        asked.append((ended - began, (began + ended) / 2 - told))
    return min(asked)[1]
