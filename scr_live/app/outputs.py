"""Where the pictures of a run go: recordings and a window."""

import contextlib
import threading
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from scr_live.app.config import RunConfig
from scr_live.controls import Controls
from scr_live.errors import NoDisplayError, OptionError
from scr_live.events import Journal
from scr_live.sources import SourceInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scr_live.app.deidentified import Deidentified
    from scr_live.pipeline.live import NamedSink
    from scr_live.sinks import Sink
    from scr_live.sinks.raw import RawRecording
    from scr_live.sinks.recorder import Recorder, RecordingState
    from scr_live.sinks.window import Window
    from scr_live.sources.tap import PacketTap

RAW = "raw-recorder"

_LIVE_KINDS = ("camera", "stream")

_PACKETS_SHOW_ALL = (
    "--record-raw copies the packets of a camera or stream as they are, names and dates beside the field "
    "included. Add --keep-margins if these may be kept, or leave --record-raw out and use --record."
)


class Recordings:
    """The annotated recording, and the raw one beside it: each may be missing.

    Made before the source is opened, so that a bad path costs nothing; `begin` needs what is known of the
    source.
    """

    def __init__(self, config: RunConfig, journal: Journal) -> None:
        from scr_live.sinks.raw import raw_recording_for  # noqa: PLC0415 - imports av
        from scr_live.sinks.recorder import Recorder  # noqa: PLC0415 - imports av
        from scr_live.sources.opening import kind_of  # noqa: PLC0415 - beside the others

        self._config = config
        self._journal = journal
        self._source_path = Path(config.source)
        self._annotated: Recorder | None = None
        self._raw: RawRecording | None = None
        self._deidentified: list[Deidentified] = []
        if config.record is not None:
            Recorder(config.record, config.recording, source_path=self._source_path)
        if config.record_raw is not None:
            kind = kind_of(config.source)
            if kind in _LIVE_KINDS and not config.keep_margins:
                raise OptionError(_PACKETS_SHOW_ALL)
            self._raw = raw_recording_for(
                kind,
                config.record_raw,
                config.recording,
                source_path=self._source_path,
                journal=journal,
            )

    @property
    def tap(self) -> "PacketTap | None":
        """What the source is to hand its packets to."""
        return None if self._raw is None else self._raw.tap

    def begin(self, info: SourceInfo) -> "list[NamedSink]":
        """Return the sinks of the run."""
        from scr_live.pipeline.live import RECORDER, NamedSink  # noqa: PLC0415 - imports cv2
        from scr_live.sinks.recorder import Recorder  # noqa: PLC0415 - imports av

        sinks = []
        if self._config.record is not None:
            self._annotated = Recorder(
                self._config.record,
                replace(self._config.recording, nominal_fps=info.fps, is_live=info.is_live),
                source_path=self._source_path,
                size=(info.width, info.height),
                journal=self._journal,
            )
            sinks.append(NamedSink(RECORDER, self._kept(self._annotated), channel="to-disk"))
        if self._raw is not None:
            self._raw.about(nominal_fps=info.fps, is_live=info.is_live, size=(info.width, info.height))
            sinks.append(NamedSink(RAW, self._kept(self._raw, raw=True), channel="to-raw-disk"))
        return sinks

    def _kept(self, sink: "Sink", *, raw: bool = False) -> "Sink":
        """Return the sink as it is to be fed: without margins unless they are wanted."""
        if self._config.keep_margins:
            return sink
        from scr_live.app.deidentified import Deidentified  # noqa: PLC0415 - imports cv2
        from scr_live.overlays import ScoreLabel  # noqa: PLC0415 - imports cv2

        deidentified = Deidentified(sink, ScoreLabel().plates, raw=raw)
        self._deidentified.append(deidentified)
        return deidentified

    def state(self) -> "RecordingState | None":
        """How the annotated recording does; None: there is none."""
        return None if self._annotated is None else self._annotated.state()

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that hold something, the annotated ones first."""
        return tuple(path for one in self._all() for path in one.paths)

    @property
    def problems(self) -> tuple[str, ...]:
        """What the recordings survived; complete once they are closed."""
        return tuple(problem for one in (*self._all(), *self._deidentified) for problem in one.problems)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish both, whatever the reason for leaving, at once: a disk that hangs costs its time once."""
        errors: list[BaseException] = []

        def finish(one: "Recorder | RawRecording") -> None:
            try:
                one.__exit__(kind, error, trace)
            except BaseException as failed:  # noqa: BLE001 - raised below, in the thread that can tell
                errors.append(failed)

        threads = [threading.Thread(target=finish, args=(one,), daemon=True) for one in self._all()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for more in errors[1:]:
            errors[0].add_note(str(more))
        if errors:
            raise errors[0]

    def _all(self) -> "Sequence[Recorder | RawRecording]":
        return [one for one in (self._annotated, self._raw) if one is not None]


def open_screen(
    config: RunConfig,
    controls: Controls,
    info: SourceInfo,
    stack: contextlib.ExitStack,
    journal: Journal,
) -> tuple["Window | None", tuple[str, ...]]:
    """A window, or one sentence that says why there is none."""
    if not config.display:
        return None, ()
    from scr_live.margins.pictures import Deidentifier  # noqa: PLC0415 - imports cv2
    from scr_live.overlays import ScoreLabel  # noqa: PLC0415 - imports cv2
    from scr_live.sinks.window import Window  # noqa: PLC0415 - imports cv2

    margins = None if config.keep_margins else Deidentifier(ScoreLabel().plates)
    try:
        window = Window(
            "scr-live",
            controls,
            snapshot_dir=Path.cwd(),
            is_live=info.is_live,
            margins=margins,
            journal=journal,
        )
        return stack.enter_context(window), ()
    except NoDisplayError as error:
        return None, (f"{error} The run goes on without a window.",)
