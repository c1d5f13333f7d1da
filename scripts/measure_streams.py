"""A stream server is killed and started again, twenty times in one run: how soon is it seen, and over.

The pictures carry their number in the machine's clock, so a picture that is shown twice, or shown late, is
found out. `python scripts/measure_streams.py`: MPEG-TS over TCP, RTSP over TCP and RTSP over UDP.
"""

import argparse
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self

from scr_live.engines.constant import ConstantEngine
from scr_live.events import Journal
from scr_live.files import write_json
from scr_live.frames import Picture, Signal
from scr_live.heap import keep_memory_level, resident_bytes
from scr_live.machine import machine_facts
from scr_live.pipeline.live import NamedSink, run
from scr_live.sources.opening import open_lasting_source
from scr_live.sources.options import SourceOptions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "peers"))
from live_pictures import BITS, age_s, number_in
from process import Peer

FPS = 25
PATIENCE_S = 30.0
WARM_UP = 3
"""Losses after which the allocator's pools are filled."""


@dataclass
class Observer:
    """A sink that notes what a person would see: which picture, how old, and whether it is said to live."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    living: int = 0
    placeholders: int = 0
    shown_again: int = 0
    """Living pictures that are no newer than the one before."""
    oldest_s: float = 0.0
    signal: Signal | None = None
    since: float = 0.0
    _last: int | None = None

    def write(self, picture: Picture) -> None:
        """Look at one picture."""
        signal = picture.frame.signal
        if signal is Signal.LOST:
            self.placeholders += 1
        else:
            self._look(picture)
        with self.changed:
            if signal is not self.signal:
                self.signal, self.since = signal, time.monotonic()
                self.changed.notify_all()

    def wait_for(self, signal: Signal, began_at: float) -> float:
        """Return how long after `began_at` the picture said so, in seconds."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.signal is signal, PATIENCE_S):
                raise TimeoutError(f"the picture never became {signal}")
            return self.since - began_at

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def _look(self, picture: Picture) -> None:
        number = number_in(picture.frame.image)
        if self._last is not None and not 0 < (number - self._last) % 2**BITS < 2 ** (BITS - 1):
            self.shown_again += 1
        self._last = number
        self.living += 1
        self.oldest_s = max(self.oldest_s, age_s(picture.frame.image, FPS))


def measure(  # noqa: PLR0913  what varies from stream to stream
    script: str, url: str, *, times: int, transport: str, away_s: float, size: str, frozen: bool
) -> dict[str, object]:
    """Kill (or stop) the server so many times in one run; after `away_s` it comes back on the same port."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    observer, journal, stop = Observer(), Journal(), threading.Event()
    detect: list[float] = []
    recover: list[float] = []
    rss_mb: list[float] = []
    with Peer(script, port=port, fps=FPS, size=size) as peer:
        options = SourceOptions(transport="udp" if transport == "udp" else "tcp")
        with open_lasting_source(url, options, journal=journal) as source, ConstantEngine(size=64) as engine:

            def watch() -> None:
                run(source, engine, sinks=[NamedSink("observer", observer)], journal=journal, stop=stop)

            thread = threading.Thread(target=watch, name="run")
            thread.start()
            try:
                observer.wait_for(Signal.OK, 0.0)
                for _ in range(times):
                    time.sleep(2.0)
                    peer.freeze() if frozen else peer.kill()
                    detect.append(observer.wait_for(Signal.LOST, time.monotonic()))
                    time.sleep(away_s)
                    peer.thaw() if frozen else peer.start()
                    recover.append(observer.wait_for(Signal.OK, time.monotonic()))
                    rss_mb.append(round(resident_bytes() / 1e6, 1))
            finally:
                stop.set()
                thread.join()
    return {
        "stream": url.partition(":")[0] + (f" over {transport}" if url.startswith("rtsp") else ""),
        "picture": size,
        "server": "frozen" if frozen else "killed",
        "times": times,
        "away_s": away_s,
        "recoveries": len(recover),
        "detect_s": _spread(detect),
        "recover_s": _spread(recover),
        "living_pictures": observer.living,
        "placeholders": observer.placeholders,
        "shown_again_as_new": observer.shown_again,
        "oldest_picture_s": round(observer.oldest_s, 3),
        "rss_mb_after_each": rss_mb,
        "rss_growth_after_warm_up": round(
            median(rss_mb[-3:]) / median(rss_mb[WARM_UP : WARM_UP + 3] or rss_mb) - 1, 4
        ),
        "events": journal.counts,
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {"median": round(ordered[len(ordered) // 2], 3), "max": round(ordered[-1], 3)}


def main() -> None:
    """Measure each kind of stream, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--away", type=float, default=1.5, help="seconds for which the server is gone")
    parser.add_argument("--size", default="640x512")
    parser.add_argument("--port", type=int, default=18554)
    parser.add_argument("--out", type=Path, default=Path("figures/streams.json"))
    options = parser.parse_args()
    arenas = keep_memory_level()  # as `scr-live run` does
    streams = [
        ("ts_server.py", f"tcp://127.0.0.1:{options.port}", "tcp"),
        ("rtsp_server.py", f"rtsp://127.0.0.1:{options.port + 1}/live", "tcp"),
        ("rtsp_server.py", f"rtsp://127.0.0.1:{options.port + 2}/live", "udp"),
    ]
    runs = []
    for (script, url, transport), frozen in [*((stream, False) for stream in streams), (streams[0], True)]:
        runs.append(
            measure(
                script,
                url,
                times=options.times,
                transport=transport,
                away_s=options.away,
                size=options.size,
                frozen=frozen,
            )
        )
        print(runs[-1])
    write_json(options.out, {"runs": runs, "arenas": arenas, "machine": machine_facts()})


if __name__ == "__main__":
    main()
