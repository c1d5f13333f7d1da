"""What `run` prints."""

from collections.abc import Callable, Mapping, Sequence
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

from scr_live.console.background import Background
from scr_live.console.output import bar, counted, say
from scr_live.events import EventKind
from scr_live.frames import Ai

if TYPE_CHECKING:
    from scr_live.app import Outcome, Started
    from scr_live.engines import EngineInfo
    from scr_live.events import Event, Fact
    from scr_live.pipeline.stats import Progress as RunProgress
    from scr_live.pipeline.stats import RunStats
    from scr_live.pipeline.timing import Latency


_PLACES: Final = {
    "source": "before they were captured",
    "to-model": "not shown to the model, which was busy",
    "to-compose": "before drawing",
    "to-screen": "before the screen",
    "to-disk": "before the recorder",
    "to-raw-disk": "before the raw recorder",
}
"""Where frames are dropped, in words; the names are those of `--stats`."""
_SAID_BY_ITSELF: Final = (
    EventKind.RUN_STARTED,
    EventKind.RUN_ENDED,
    EventKind.RECORDING_ENDED,
    EventKind.SIGHTING_UPDATED,
    EventKind.QUALITY_CHANGED,
)
"""What start and summary tell; everything else is worth a line when it happens."""
_EXPECTED_FILES: Final = ("start", "segment")
"""Causes to begin a file of the recording that are no news."""


class RunView:
    """A progress bar with rate and remaining time on files; a status line on live sources.

    Any thread may make the calls, and none of them waits for the terminal.
    """

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._latest: RunProgress | None = None
        self._lines: Background[Callable[[], None]] = Background(_call, _say_lost)

    def started(self, facts: "Started") -> None:
        """Say what was opened, then start the bar."""
        self._lines.put(lambda: self._begin(facts))

    def progress(self, now: "RunProgress") -> None:
        """Move the bar."""
        is_waiting, self._latest = self._latest is not None, now
        if not is_waiting:
            self._lines.put(self._move)

    def note(self, text: str) -> None:
        """Pass on a sentence."""
        self._lines.put(lambda: say(text))

    def heard(self, event: "Event") -> None:
        """Say what has happened, if it is news: a listener for the journal of a run."""
        is_expected = event.facts.get("cause") in _EXPECTED_FILES
        if event.kind in _SAID_BY_ITSELF or (event.kind is EventKind.RECORDING_STARTED and is_expected):
            return
        self.note(event_line(event))

    def tell_outcome(self, outcome: "Outcome") -> None:
        """Print the summary."""
        self._lines.put(lambda: self._end(outcome))

    def __enter__(self) -> Self:
        self._lines.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.put(self._stop)
        self._lines.close()

    def _begin(self, facts: "Started") -> None:
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

    def _move(self) -> None:
        now, self._latest = self._latest, None
        if now is not None and self._bar is not None:
            self._bar.update(self._task, completed=now.composed, facts="  ".join(_facts(now)))

    def _end(self, outcome: "Outcome") -> None:
        self._stop()
        tell_outcome(outcome)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _call(job: Callable[[], None]) -> None:
    job()


def _say_lost(count: int) -> None:
    say(f"note     the terminal was too slow: {counted(count, 'line')} left out")


def _facts(now: "RunProgress") -> list[str]:
    """What stands beside the bar."""
    facts = [f"{now.fps:5.1f} fps", f"marks in {_frames(now.marked)}"]
    if now.dropped:
        facts.append(f"{now.dropped} dropped")
    if now.status:
        facts.append(now.status)
    if now.marks_age_s is not None:
        facts.append(f"marks {1000 * now.marks_age_s:.0f} ms old")
    if now.recording and now.recording.hours_left is not None:
        facts.append(f"disk for {now.recording.hours_left:.1f} h")
    return facts


def event_line(event: "Event") -> str:
    """When, what, and the facts: 14:03:07  signal lost; cause: it was unplugged."""
    kind = event.kind.replace("-", " ")
    if event.kind in (EventKind.SIGHTING_OPENED, EventKind.SIGHTING_CLOSED):
        facts = _sighting_facts(event.facts)
    else:
        known = {name: value for name, value in event.facts.items() if value is not None}
        facts = [f"{name.replace('_', ' ')}: {value}" for name, value in known.items()]
    return "; ".join([f"{event.at.astimezone():%H:%M:%S}  {kind}", *facts])


def _sighting_facts(facts: Mapping[str, "Fact"]) -> list[str]:
    share = facts.get("largest_field_share", facts.get("field_share"))
    size = f"{100 * share:.1f} % of the field" if isinstance(share, float) else "size not known"
    last = f" to {facts['last_s']} s" if "last_s" in facts else " s"
    return [
        f"number {facts.get('sighting')}",
        f"from {facts.get('first_s')}{last}",
        f"score {facts.get('score')}",
        size,
    ]


def tell_outcome(outcome: "Outcome") -> None:
    """Print the summary of a run."""
    stats = outcome.stats
    unanswered = (
        f", {stats.ai_skipped + stats.ai_failures} not, as the model failed" if stats.ai_failures else ""
    )
    inferred = f"{stats.inferred} inferred{unanswered}"
    rows = [("frames", f"{stats.captured} captured, {inferred}, {_delivered(outcome)}")]
    if stats.placeholders:
        rows.append(("no signal", f"{_frames(stats.placeholders)} shown in place of missing ones"))
    dropped = [f"{count} {_PLACES.get(name, name)}" for name, count in stats.dropped.items() if count]
    rows += [
        ("engine", _engine(stats.engine)),
        ("dropped", ", ".join(dropped) or "none"),
        ("polyps", _marked(stats)),
        *_followed(outcome),
        ("speed", f"{stats.fps:.1f} frames a second over {stats.duration_s:.1f} s"),
        ("inference", _latency(stats.stages.get("engine"))),
        ("annotation delay", _delay(stats, stats.annotation_delay)),
        ("video delay", _delay(stats, stats.video_delay)),
    ]
    if stats.source.is_live and stats.inferred:
        rows.append(("marks", _answers(stats)))
    if stats.marks_failed:
        rows.append(
            ("marks failed", f"in {_frames(stats.marks_failed)}: an overlay raises an error, see the log")
        )
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
    pictures = stats.composed - stats.placeholders
    marked = f"marked in {_frames(stats.marked)} ({stats.marked / max(pictures, 1):.1%})"
    if stats.marked == stats.polyp_frames and pictures == stats.inferred:
        return marked
    share = stats.polyp_frames / stats.inferred
    return f"found in {_frames(stats.polyp_frames)} ({share:.1%} of those inferred), {marked}"


def _followed(outcome: "Outcome") -> list[tuple[str, str]]:
    """The sightings, and how much of the video could be judged."""
    if outcome.sightings is None or not outcome.qualities:
        return []
    total = sum(outcome.qualities.values())
    bad = {name: count for name, count in outcome.qualities.items() if count and name != "good"}
    told = ", ".join(f"{count} {name}" for name, count in bad.items())
    whole = "the frames" if total == outcome.stats.captured else "those inferred"
    share = f"{outcome.qualities['good'] / total:.1%} of {whole}" if total else "not known"
    return [
        ("sightings", str(outcome.sightings)),
        ("could be judged", f"{share} ({told} not)" if told else share),
    ]


def _answers(stats: "RunStats") -> str:
    """How many pictures went out with marks of their own, of an earlier frame, or with none."""
    words = {
        Ai.ON: "with their own",
        Ai.BEHIND: "with those of an earlier frame",
        Ai.LATE: "with none, the latest being too old",
        Ai.OFF: "with none, the model being off",
        Ai.STARTING: "before the first answer",
    }
    told = [f"{stats.ai_answers[ai]} {what}" for ai, what in words.items() if stats.ai_answers.get(ai)]
    return ", ".join(told)


def _frames(count: int) -> str:
    return counted(count, "frame")


def _delay(stats: "RunStats", figures: "Latency") -> str:
    """A file's frames wait for each other: their delays say how long the channels are, and nothing else."""
    return _latency(figures) if stats.source.is_live else "not live"


def _latency(figures: "Latency | None") -> str:
    if figures is None or not figures.count:
        return "not measured"
    names = ("p50", "p95", "p99", "max")
    return ", ".join(f"{name} {getattr(figures, name):.1f} ms" for name in names)
