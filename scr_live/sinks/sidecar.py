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

_SHORTEST_S: Final = 0.5
"""A cue that is gone before it is read helps nobody."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What stands below the video for a while."""

    first_s: float
    last_s: float
    text: str


@dataclass(slots=True)
class _Track:
    path: Path
    first_s: float
    """Of the stream: where the recording beside it begins."""
    last_s: float = inf


class Sidecar:
    """out.vtt beside out.mp4, and one beside each further file. `heard` is a journal's listener.

    It never blocks and never raises. A track is written whole when its recording begins, after each sighting
    that closes, and at the end: a killed run leaves all that were closed. What cannot be written ends no run:
    `problem` says so. A raw recording, which does not say where in the stream it begins, gets none.
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
        is_ours = event.kind in (EventKind.SIGHTING_CLOSED, EventKind.RECORDING_STARTED)
        if is_ours and not self._hearing.put(event):
            self._problem = self._problem or "Tracks of sightings are incomplete: the disk is too slow."

    def __enter__(self) -> Self:
        self._hearing = Hearing(self._work, self._write_all, name="sidecar")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._hearing.close():
            self._problem = self._problem or "Tracks of sightings are incomplete: the disk did not answer."

    def _work(self, event: Event) -> None:
        if event.kind == EventKind.RECORDING_STARTED:
            self._begin(event)
        elif (cue := cue_of(event)) is not None:
            self._cues.append(cue)
            for track in self._tracks:
                if _lies_in(cue, track):
                    self._write(track)

    def _begin(self, event: Event) -> None:
        if event.stream_s is None:
            return
        if self._tracks:
            self._tracks[-1].last_s = event.stream_s
        recording = Path(str(event.facts.get("path")))
        try:
            check_track(recording, force=self._force)
        except SinkError as error:
            self._problem = self._problem or str(error)
            return
        self._tracks.append(_Track(track_path(recording), event.stream_s))
        self._write(self._tracks[-1])

    def _write_all(self) -> None:
        for track in self._tracks:
            self._write(track)

    def _write(self, track: _Track) -> None:
        cues = [_moved(cue, track) for cue in self._cues if _lies_in(cue, track)]
        try:
            write_text(track.path, webvtt(cues))
        except SinkError as error:
            self._problem = self._problem or str(error)


def track_path(recording: Path) -> Path:
    """Where players look for it."""
    return recording.with_suffix(".vtt")


def check_track(recording: Path, *, force: bool) -> None:
    """Refuse a track that cannot or must not be written beside `recording`."""
    path = track_path(recording)
    try:
        if path.exists() and not path.is_file():
            raise OutputUnwritableError(f"{path} is no ordinary file; record elsewhere.")
        if path.exists() and not force:
            raise OutputExistsError(
                f"{path} exists already; name the recording otherwise, or overwrite both with --force."
            )
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise OutputUnwritableError(f"Nothing can be written in {path.parent}; record elsewhere.")
    except SinkError:
        raise
    except OSError as error:
        raise OutputUnwritableError(f"Cannot write {path}: {error.strerror}.") from error


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
