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
    from scr_live.sinks.switched import SwitchedRecorder
    from scr_live.sinks.window import Window
    from scr_live.sources.tap import PacketTap

RAW = "raw-recorder"

_LIVE_KINDS = ("camera", "stream")

_PACKETS_SHOW_ALL = (
    "--record-raw copies the packets of a camera or stream as they are, names and dates beside the field "
    "included. Add --keep-margins if these may be kept, or leave --record-raw out and use --record."
)

_NOT_ASKED_FOR = (
    "This run was told no place to record to. Start it with --record-to FOLDER, or with --record FILE, to "
    "start recordings from here."
)
_WHOLE = "A file is recorded as a whole or not at all: start the run with --record FILE, or without."
_NO_LATER_OF_A_FILE = (
    "--record-to is for recordings that a person starts and stops while a camera, a stream or --realtime "
    "goes on; this source is read as fast as it can be. Name the file of its recording with --record."
)


class Recordings:
    """The annotated recording, and the raw one beside it: each may be missing.

    Made before the source is opened, so that a bad path costs nothing; `begin` needs what is known of the
    source.
    """

    def __init__(self, config: RunConfig, journal: Journal) -> None:
        from scr_live.sinks.raw import raw_recording_for  # noqa: PLC0415 - imports av
        from scr_live.sinks.recorder import Recorder  # noqa: PLC0415 - imports av
        from scr_live.sinks.targets import fresh  # noqa: PLC0415 - imports av
        from scr_live.sources.opening import kind_of  # noqa: PLC0415 - beside the others

        self._config = config
        self._journal = journal
        self._source_path = Path(config.source)
        self._annotated: Recorder | SwitchedRecorder | None = None
        self.switch: SwitchedRecorder | None = None
        """Starts and stops recordings; None: nobody can, see `fixed_because`."""
        self.fixed_because = ""
        self._raw: RawRecording | None = None
        self._deidentified: list[Deidentified] = []
        if config.record is not None:
            Recorder(config.record, config.recording, source_path=self._source_path)
        elif config.record_later is not None:  # what must be known now; there may be room when it begins
            Recorder(fresh(config.record_later), replace(config.recording, room_s=0.0))
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
        """Return the sinks of the run. OptionError: nothing could be recorded of what is to be."""
        from scr_live.pipeline.live import RECORDER, NamedSink  # noqa: PLC0415 - imports cv2

        self._annotated = self._recorder(info)
        sinks = []
        if self._annotated is not None:
            kept = self._kept(self._annotated)
            sinks.append(NamedSink(RECORDER, kept, channel="to-disk", switch=self.switch))
        if self._raw is not None:
            self._raw.about(nominal_fps=info.fps, is_live=info.is_live, size=(info.width, info.height))
            sinks.append(NamedSink(RAW, self._kept(self._raw, raw=True), channel="to-raw-disk"))
        return sinks

    def _recorder(self, info: SourceInfo) -> "Recorder | SwitchedRecorder | None":
        """Return what takes the annotated pictures; None: nothing does."""
        from scr_live.sinks.recorder import Recorder  # noqa: PLC0415 - imports av
        from scr_live.sinks.switched import SwitchedRecorder  # noqa: PLC0415 - beside the others
        from scr_live.sinks.targets import fresh  # noqa: PLC0415 - imports av

        config = self._config
        options = replace(config.recording, nominal_fps=info.fps, is_live=info.is_live)

        def begin(path: Path, *, force: bool = False) -> Recorder:
            return Recorder(
                path,
                replace(options, force=force),
                source_path=self._source_path,
                size=(info.width, info.height),
                journal=self._journal,
            )

        later = config.record_later
        if later is not None and config.record is None and not info.is_live:
            raise OptionError(_NO_LATER_OF_A_FILE)
        first = None if config.record is None else begin(config.record, force=options.force)
        if later is None or not info.is_live or not (config.serve or config.display):
            self.fixed_because = _NOT_ASKED_FOR if info.is_live else _WHOLE
            return first
        self.switch = SwitchedRecorder(begin, lambda: fresh(later), first=first, journal=self._journal)
        return self.switch

    def _kept(self, sink: "Sink", *, raw: bool = False) -> "Sink":
        """Return the sink as it is to be fed: without margins unless they are wanted."""
        if self._config.keep_margins:
            return sink
        from scr_live.app.deidentified import Deidentified  # noqa: PLC0415 - imports cv2
        from scr_live.overlays import ScoreLabel  # noqa: PLC0415 - imports cv2

        is_idle = None if raw or self.switch is None else self._is_idle
        deidentified = Deidentified(sink, ScoreLabel().plates, raw=raw, is_idle=is_idle)
        self._deidentified.append(deidentified)
        return deidentified

    def _is_idle(self) -> bool:
        return self.switch is not None and self.switch.is_idle

    def state(self) -> "RecordingState | None":
        """How the annotated recording does; None: there is none at present."""
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

        def finish(one: "Recorder | SwitchedRecorder | RawRecording") -> None:
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

    def _all(self) -> "Sequence[Recorder | SwitchedRecorder | RawRecording]":
        return [one for one in (self._annotated, self._raw) if one is not None]


def open_screen(  # noqa: PLR0913 - whatever a window is about
    config: RunConfig,
    controls: Controls,
    info: SourceInfo,
    stack: contextlib.ExitStack,
    *,
    journal: Journal,
    switch: "SwitchedRecorder | None" = None,
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
            switch=switch,
        )
        return stack.enter_context(window), ()
    except NoDisplayError as error:
        return None, (f"{error} The run goes on without a window.",)
