"""A WebVTT track beside a recording: players show each sighting as a subtitle, and list it as a chapter."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from scr_live.errors import OutputExistsError, OutputUnwritableError, SinkError
from scr_live.events import Event, EventKind, Fact
from scr_live.files import write_text
from scr_live.sinks.hearing import Hearing
from scr_live.sinks.stretches import stretches

_SHORTEST_S: Final = 0.5
"""A cue that is gone before it is read helps nobody."""
_KEPT_S: Final = 600.0
"""For so long after its end a recording's track still takes sightings that close late."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What stands below the video for a while."""

    first_s: float
    last_s: float
    text: str


@dataclass(slots=True)
class _Track:
    recording: Path
    first_s: float
    cause: str
    is_ours: bool
    """False: another's lies there, and is left as it is."""
    ended_s: float | None = None
    """Of its last picture; None: it goes on, or did not say."""
    last_s: float = inf
    is_stale: bool = True
    """What it holds is not in the file yet."""


class Sidecar:
    """out.vtt beside out.mp4, and one beside each further file. `heard` is a journal's listener.

    It never blocks and never raises. A track is written whole when its recording begins, after each sighting
    that closes, and when the next file begins: a killed run leaves all that were closed. The track of a
    recording that ended long ago is left alone, be it deleted or elsewhere by then. What cannot be written
    ends no run: `problem` says so. A raw recording that does not say where it begins gets none.
    """

    def __init__(self, *, force: bool = False) -> None:
        self._force = force
        self._problem = ""
        self._tracks: list[_Track] = []
        self._cues: list[Cue] = []

    @property
    def problem(self) -> str:
        """Why a track is incomplete, as a sentence; empty: none is."""
        return self._problem

    def heard(self, event: Event) -> None:
        """Let it be written, if it is a sighting that closed or a recording that began."""
        is_ours = event.kind in (
            EventKind.SIGHTING_CLOSED,
            EventKind.RECORDING_STARTED,
            EventKind.RECORDING_ENDED,
        )
        if is_ours and not self._hearing.put(event):
            self._problem = self._problem or "Tracks of sightings are incomplete: the disk is too slow."

    def __enter__(self) -> Self:
        self._hearing = Hearing(self._work, self._write, name="sidecar")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._hearing.close():
            self._problem = self._problem or "Tracks of sightings are incomplete: the disk did not answer."

    def _work(self, event: Event) -> None:
        if event.kind == EventKind.RECORDING_STARTED:
            self._begin(event)
        elif event.kind == EventKind.RECORDING_ENDED:
            self._end(event)
        elif self._tracks and (cue := cue_of(event)) is not None:
            self._cues.append(cue)
            for track in self._tracks:
                track.is_stale = track.is_stale or _lies_in(cue, track)
        self._write()

    def _begin(self, event: Event) -> None:
        if event.stream_s is None:
            return
        recording, cause = Path(str(event.facts.get("path"))), str(event.facts.get("cause"))
        self._tracks.append(_Track(recording, event.stream_s, cause, is_ours=self._may_have(recording)))
        self._tracks.sort(key=lambda track: track.first_s)
        self._place()
        self._forget()

    def _end(self, event: Event) -> None:
        """What is seen after it is in no file, until a recording begins again."""
        recording = Path(str(event.facts.get("path")))
        for track in self._tracks:
            if track.recording == recording:
                track.ended_s = event.stream_s
        self._place()

    def _place(self) -> None:
        begun = ((track.recording, track.first_s, track.cause) for track in self._tracks)
        ended = {track.recording: track.ended_s for track in self._tracks if track.ended_s is not None}
        for track, stretch in zip(self._tracks, stretches(begun, ended), strict=True):
            track.is_stale = track.is_stale or track.last_s != stretch.last_s
            track.last_s = stretch.last_s

    def _may_have(self, recording: Path) -> bool:
        try:
            check_track(recording, force=self._force)
        except SinkError as error:
            self._problem = self._problem or str(error)
            return False
        return True

    def _forget(self) -> None:
        """Leave alone what ended long ago, and the sightings in it."""
        oldest_s = self._tracks[-1].first_s - _KEPT_S
        self._tracks = [track for track in self._tracks if track.last_s > oldest_s]
        first_s = self._tracks[0].first_s
        self._cues = [cue for cue in self._cues if cue.last_s > first_s]

    def _write(self) -> None:
        """Write every track that holds something new; what fails is tried again with the next event."""
        for track in self._tracks:
            if not (track.is_stale and track.is_ours):
                continue
            cues = [_moved(cue, track) for cue in self._cues if _lies_in(cue, track)]
            try:
                write_text(track_path(track.recording), webvtt(cues))
                track.is_stale = False
            except SinkError as error:
                self._problem = self._problem or str(error)


def track_path(recording: Path) -> Path:
    """Where players look for it."""
    return recording.parent / f"{recording.stem}.vtt"


def check_track(recording: Path, *, force: bool) -> None:
    """Refuse a track that cannot or must not be written beside `recording`."""
    check_no_track(recording, force=force)
    folder = recording.parent
    try:
        is_writable = folder.is_dir() and os.access(folder, os.W_OK)
    except OSError as error:
        raise OutputUnwritableError(f"Cannot write {track_path(recording)}: {error.strerror}.") from error
    if not is_writable:
        raise OutputUnwritableError(f"Nothing can be written in {folder}; record elsewhere.")


def check_no_track(recording: Path, *, force: bool) -> None:
    """Refuse to replace what lies where the track of `recording` belongs."""
    path = track_path(recording)
    try:
        is_there, is_ordinary = path.exists(), path.is_file()
    except OSError:  # no such name, or a folder that may not be looked into: nothing is replaced there
        return
    if is_there and not is_ordinary:
        raise OutputUnwritableError(f"{path} is no ordinary file; record elsewhere.")
    if is_there and not force:
        raise OutputExistsError(
            f"{path} exists already; name the recording otherwise, or overwrite both with --force."
        )


def cue_of(event: Event) -> Cue | None:
    """What a sighting that closed looks like in the track; None: it does not say when it was."""
    first_s, last_s = _number(event.facts.get("first_s")), _number(event.facts.get("last_s"))
    if first_s is None or last_s is None:
        return None
    parts = []
    if (score := _number(event.facts.get("score"))) is not None:
        parts.append(f"score {score:.2f}")
    if (share := _number(event.facts.get("largest_field_share"))) is not None:
        parts.append(f"largest {100 * share:.1f} % of the field")
    first_s = max(0.0, first_s)
    number = _number(event.facts.get("sighting"))
    name = "sighting" if number is None else f"sighting {number:.0f}"
    text = f"{name}: {', '.join(parts)}" if parts else name
    return Cue(first_s, max(last_s, first_s + _SHORTEST_S), text)


def webvtt(cues: Sequence[Cue]) -> str:
    """The whole file; cues by their beginning, as the format asks for."""
    ordered = sorted(cues, key=lambda cue: cue.first_s)
    blocks = [f"{_stamp(cue.first_s)} --> {_stamp(cue.last_s)}\n{cue.text}\n" for cue in ordered]
    return "\n".join(["WEBVTT\n", *blocks])


def _lies_in(cue: Cue, track: _Track) -> bool:
    return cue.last_s > track.first_s and cue.first_s < track.last_s


def _moved(cue: Cue, track: _Track) -> Cue:
    """In the time of the recording, and within it."""
    first_s, last_s = max(cue.first_s, track.first_s), min(cue.last_s, track.last_s)
    return Cue(first_s - track.first_s, last_s - track.first_s, cue.text)


def _stamp(seconds: float) -> str:
    """00:01:02.300."""
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _number(value: Fact) -> float | None:
    if value is None or isinstance(value, str):
        return None
    number = float(value)
    return number if isfinite(number) else None
