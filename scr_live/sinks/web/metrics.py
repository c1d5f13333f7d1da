"""How a run stands, for Prometheus."""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from scr_live.sinks.web.hub import Hub
from scr_live.sinks.web.told import BUCKETS_S

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_AI = ("on", "behind", "late", "off", "starting", "none")
_SIGNALS = ("ok", "lost", "frozen", "black", "saturated")


def exposition(hub: Hub) -> bytes:
    """Return the text of /metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_RunCollector(hub))
    return generate_latest(registry)


class _RunCollector(Collector):
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Any]:
        hub = self._hub
        yield _gauge("viewers", "Who watches the video now.", hub.viewers)
        yield _gauge("run_up", "1 while the run goes on.", hub.state == "going")
        yield _counter("viewer_pictures", "Pictures sent to viewers.", hub.sent_pictures)
        if hub.status:
            yield from _of_status(hub.status)
            yield from _of_metrics(hub.metrics)


def _of_status(status: Mapping[str, Any]) -> Iterator[Any]:
    frames = CounterMetricFamily("scr_live_frames", "Frames by what became of them.", labels=["state"])
    for state, count in status["frames"].items():
        if state != "dropped":
            frames.add_metric([state], count)
    yield frames
    yield _gauge("fps", "Composed pictures a second, over the last seconds.", status["fps"])
    yield _gauge("elapsed_seconds", "Since the run started.", status["elapsed_s"])
    yield _states("ai", "How the model keeps up.", status["ai"], _AI)
    yield _states("signal", "What the input is.", status["signal"], _SIGNALS)
    if status["marks_age_s"] is not None:
        yield _gauge("marks_age_seconds", "Of the marks on the latest picture.", status["marks_age_s"])
    recording = status["recording"]
    yield _gauge("recording", "1 while pictures are recorded.", _is_recording(status))
    if recording is not None:
        yield _gauge("recording_bytes", "Of all files of the recording.", recording["bytes"])
        yield _gauge("recording_has_problem", "1 if the recording has had one.", bool(recording["problem"]))
        yield _gauge("recording_seconds", "How long the recording lasts.", recording["elapsed_s"])
        if recording["free_bytes"] is not None:
            yield _gauge("disk_free_bytes", "On the disk of the recording.", recording["free_bytes"])


def _is_recording(status: Mapping[str, Any]) -> bool:
    switched = status["controls"]["recording"]
    return status["recording"] is not None if switched is None else bool(switched)


def _of_metrics(metrics: Mapping[str, Any]) -> Iterator[Any]:
    events = metrics["events"]
    dropped = CounterMetricFamily("scr_live_dropped", "Items dropped, by channel.", labels=["channel"])
    for channel, count in metrics["dropped_at"].items():
        dropped.add_metric([channel], count)
    yield dropped
    told = CounterMetricFamily("scr_live_events", "What happened, by kind.", labels=["kind"])
    for kind, count in events.items():
        told.add_metric([kind], count)
    yield told
    yield _counter("sightings", "Regions that were announced.", events.get("sighting-opened", 0))
    yield _counter("reconnects", "How often a lost signal came back.", events.get("signal-back", 0))
    yield _counter("ai_failures", "How often the model failed.", metrics["ai_failures"])
    yield _counter("no_signal_pictures", "Shown in place of missing frames.", metrics["placeholders"])
    yield _counter("server_restarts", "How often this server was started again.", metrics["restarts"])
    for name, delay in metrics["delays"].items():
        yield _histogram(name, delay)


def _histogram(name: str, delay: Mapping[str, Any]) -> HistogramMetricFamily:
    edges = [str(edge) for edge in BUCKETS_S]
    buckets = [*zip(edges, delay["counts"], strict=True), ("+Inf", delay["count"])]
    family = HistogramMetricFamily(
        f"scr_live_{name}_delay_seconds",
        {
            "video": "From the capture of a frame until it was shown, or handed to the first output.",
            "annotation": "From the capture of a frame until the contours of that frame were there.",
        }[name],
    )
    family.add_metric([], buckets, delay["sum_s"])
    return family


def _states(name: str, text: str, now: str, states: tuple[str, ...]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"scr_live_{name}", f"{text} 1 for the state it is in.", labels=["state"])
    for state in states:
        family.add_metric([state], float(state == now))
    return family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"scr_live_{name}", text, value=float(value))


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"scr_live_{name}", text, value=float(value))
