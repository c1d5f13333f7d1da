"""What `run` prints."""

from collections.abc import Sequence
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from scr_live.console.output import bar, counted, say
from scr_live.events import EventKind

if TYPE_CHECKING:
    from scr_live.app import Outcome, Started
    from scr_live.engines import EngineInfo
    from scr_live.events import Event
    from scr_live.pipeline.stats import Progress as RunProgress
    from scr_live.pipeline.stats import RunStats
    from scr_live.pipeline.timing import Latency


_SAID_BY_ITSELF: Final = (
    EventKind.RUN_STARTED,
    EventKind.RUN_ENDED,
    EventKind.RECORDING_STARTED,
    EventKind.RECORDING_ENDED,
)
"""What start and summary tell; everything else is worth a line when it happens."""


class RunView:
    """A progress bar with rate and remaining time on files; a status line on live sources."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._heard: SimpleQueue[Event] = SimpleQueue()

    def started(self, facts: "Started") -> None:
        """Say what was opened, then start the bar."""
        source, engine = facts.source, facts.engine
        rate = f"{source.fps:.2f} fps" if source.fps else "variable rate"
        say(f"source   {source.name}: {source.width}x{source.height}, {rate}, {_liveness(source.is_live)}")
        model = f"model {facts.model}" if facts.model else "no model"
        say(f"engine   {_engine(engine)}; {model}, threshold {facts.threshold:g}")
        for note in facts.notes:
            say(f"note     {note}")
        total = facts.expected_frames
        columns = [SpinnerColumn(), MofNCompleteColumn(), TextColumn("{task.fields[facts]}")]
        if total:
            columns[1:1] = [BarColumn(), TaskProgressColumn()]
            columns.append(TimeRemainingColumn())
        self._bar = bar(*columns)
        self._bar.start()
        self._task = self._bar.add_task("run", total=total, facts="")

    def progress(self, now: "RunProgress") -> None:
        """Move the bar, and say what has happened."""
        self._say_heard()
        if self._bar is None:
            return
        facts = [f"{now.fps:5.1f} fps", f"polyp in {_frames(now.polyp_frames)}"]
        if now.dropped:
            facts.append(f"{now.dropped} dropped")
        if now.marks_age_s is not None:
            facts.append(f"{now.ai}, marks {1000 * now.marks_age_s:.0f} ms old")
        if now.status:
            facts.append(now.status)
        if now.recording and now.recording.hours_left is not None:
            facts.append(f"disk for {now.recording.hours_left:.1f} h")
        self._bar.update(self._task, completed=now.composed, facts="  ".join(facts))

    def note(self, text: str) -> None:
        """Pass on a sentence."""
        say(text)

    def heard(self, event: "Event") -> None:
        """Keep what happened for the next progress: a thread of the video must not wait for a terminal."""
        self._heard.put(event)

    def tell_outcome(self, outcome: "Outcome") -> None:
        """Print the summary."""
        self._stop()
        tell_outcome(outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._say_heard()
        if self._bar is not None:
            self._bar.stop()

    def _say_heard(self) -> None:
        while not self._heard.empty():
            event = self._heard.get()
            if event.kind not in _SAID_BY_ITSELF:
                say(event_line(event))


def event_line(event: "Event") -> str:
    """When, what, and the facts: 14:03:07  signal lost; cause: it was unplugged."""
    facts = [f"{name.replace('_', ' ')}: {value}" for name, value in event.facts.items() if value is not None]
    kind = event.kind.replace("-", " ")
    return "; ".join([f"{event.at.astimezone():%H:%M:%S}  {kind}", *facts])


def tell_outcome(outcome: "Outcome") -> None:
    """Print the summary of a run."""
    stats = outcome.stats
    rows = [("frames", f"{stats.captured} captured, {stats.inferred} inferred, {_delivered(outcome)}")]
    if stats.placeholders:
        rows.append(("no signal", f"{_frames(stats.placeholders)} shown in place of missing ones"))
    dropped = {name: count for name, count in stats.dropped.items() if count}
    rows += [
        ("engine", _engine(stats.engine)),
        ("dropped", ", ".join(f"{count} at {name}" for name, count in dropped.items()) or "none"),
        ("polyps", _marked(stats)),
        ("speed", f"{stats.fps:.1f} frames a second over {stats.duration_s:.1f} s"),
        ("inference", _latency(stats.stages.get("engine"))),
        ("annotation delay", _latency(stats.annotation_delay)),
        ("video delay", _latency(stats.video_delay)),
    ]
    if stats.ai_failures:
        rows.append(("model failures", f"{stats.ai_failures}, the last: {stats.last_ai_failure}"))
    if outcome.recordings:
        rows.append(("recording", ", ".join(map(str, outcome.recordings))))
    _tell_rows([*rows, *(("note", note) for note in outcome.notes)])


def _tell_rows(rows: Sequence[tuple[str, str]]) -> None:
    """Print one line a row; nothing is cut off, wherever the output goes."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        say(f"{name:<{width}}  {' '.join(value.splitlines())}")


def _engine(info: "EngineInfo") -> str:
    return f"{info.backend} on {info.device} in {info.precision} ({info.reason})"


def _liveness(is_live: bool) -> str:  # noqa: FBT001 - one plain argument
    return "live" if is_live else "not live: no frame is dropped"


def _delivered(outcome: "Outcome") -> str:
    stats = outcome.stats
    return f"{stats.shown} shown, {stats.recorded} recorded"


def _marked(stats: "RunStats") -> str:
    if not stats.inferred:
        return "not known: no frame was inferred"
    return f"marked in {_frames(stats.polyp_frames)} ({stats.polyp_frames / stats.inferred:.1%})"


def _frames(count: int) -> str:
    return counted(count, "frame")


def _latency(figures: "Latency | None") -> str:
    if figures is None or not figures.count:
        return "not measured"
    names = ("p50", "p95", "p99", "max")
    return ", ".join(f"{name} {getattr(figures, name):.1f} ms" for name in names)
