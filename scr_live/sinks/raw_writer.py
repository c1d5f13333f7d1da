"""The files of a raw recording, as its writer's thread makes them."""

from typing import TYPE_CHECKING

import av

from scr_live.errors import OutputUnwritableError, SinkError
from scr_live.events import EventKind, Journal
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.raw_part import Arrival, RawPart, Template
from scr_live.sinks.space import DiskWatch
from scr_live.sinks.targets import Names, Start, reason

if TYPE_CHECKING:
    from pathlib import Path


class RawWriter:
    """Puts packets into the right file. One thread at a time; what is read from it may be read from any.

    It raises nothing: what it survived, and what ended it, stands in `problems`, the latter in `failure` too.
    """

    def __init__(
        self, options: RecorderOptions, *, names: Names, start: Start, journal: Journal, disk: DiskWatch
    ) -> None:
        self._options = options
        self._names = names
        self._journal = journal
        self._disk = disk
        self._suffix = names.first.suffix
        self._start = start
        self._folder = start.folder
        self._template: Template | None = None
        self._part: RawPart | None = None
        self._cause = "start"
        self._bytes_before = 0
        self._packets_before = 0
        self.path = start.folder / names.first.name
        self.paths: list[Path] = []
        self.problems = [start.problem] if start.problem else []
        self.failure: SinkError | None = None

    @property
    def packets(self) -> int:
        """How many all files hold."""
        part = self._part
        return self._packets_before + (part.muxer.packets if part else 0)

    def begin(self, template: Template) -> None:
        """A source was opened: the next packet begins a file."""
        self.end()
        self._template = template
        self._cause = "reconnect" if self.paths else "start"

    def put(self, arrival: Arrival) -> None:
        """Write a packet; a new file waits for a key frame."""
        if self.failure is not None or self._template is None:
            return
        try:
            self._put(arrival, self._template)
        except (OSError, av.FFmpegError) as error:
            self._go_on_elsewhere(error, [arrival])

    def end(self) -> None:
        """Finish the open file, if there is one."""
        try:
            self._finish_part()
        except (OSError, av.FFmpegError) as error:
            self._go_on_elsewhere(error, [])
            self.end()

    def _go_on_elsewhere(self, error: OSError | av.FFmpegError, arrivals: list[Arrival]) -> None:
        """Go on in the fallback, if there is one, with what the disk had not confirmed."""
        failed, template = self._part, self._template
        self._fail(error)
        if self.failure is not None or template is None:
            return
        unsafe = failed.unsafe if failed else []
        try:
            for arrival in [*unsafe, *(each for each in arrivals if each not in unsafe)]:
                self._put(arrival, template)
        except (OSError, av.FFmpegError) as second:
            self._fail(second)
            return
        if failed is not None and unsafe:
            failed.keep_only_safe()
            if not failed.safe_packets and failed.path in self.paths:
                self.paths.remove(failed.path)

    def _put(self, arrival: Arrival, template: Template) -> None:
        is_key = arrival.packet.is_keyframe
        if is_key and self._is_full():
            self._finish_part()
            self._cause = "segment"
        if is_key and self._part is None:
            self._part = self._begin_part(template)
        if self._part is not None:
            self._part.put(arrival)
            written = self._bytes_before + self._part.muxer.file.size
            self._disk.watch(self._folder, written, journal=self._journal)

    def _is_full(self) -> bool:
        part, segment = self._part, self._options.segment
        if part is None or segment is None:
            return False
        too_long = segment.duration_s is not None and part.duration_s >= segment.duration_s
        too_large = segment.size_bytes is not None and part.size_with_next_group > segment.size_bytes
        return too_long or too_large

    def _finish_part(self) -> None:
        if self._part is None:
            return
        self._part.finish()
        part, self._part = self._part, None
        self._bytes_before += part.muxer.file.size
        self._packets_before += part.muxer.packets
        self._journal.tell(
            EventKind.RECORDING_ENDED,
            path=str(part.path),
            frames=part.muxer.packets,
            bytes=part.muxer.file.size,
        )

    def _begin_part(self, template: Template) -> RawPart:
        if self._cause == "start" and self._start.problem:
            cause, self._cause = self._start.problem, "fallback"
            self._journal.tell(EventKind.RECORDING_FAILED, path=str(self._names.first), cause=cause)
        suffix = template.suffix_for(self._suffix)
        self.path, may_replace = self._names.next(self._folder, suffix=suffix)
        if suffix != self._suffix and not self.paths:
            self.problems.append(
                f"The raw recording is {self.path}: {self._suffix} files cannot hold {template.codec}."
            )
        part = RawPart(self.path, template, self._options, force=may_replace)
        self.paths.append(self.path)
        self._journal.tell(EventKind.RECORDING_STARTED, path=str(self.path), cause=self._cause)
        return part

    def _fail(self, error: OSError | av.FFmpegError) -> None:
        """Leave the open file readable; go on in the fallback, if there is one, from the next key frame."""
        part, self._part = self._part, None
        self._journal.tell(EventKind.RECORDING_FAILED, path=str(self.path), cause=reason(error))
        problem = f"The raw recording {self.path} failed: {reason(error)}."
        if part is not None:
            problem += f" {self._abandon(part)}"
        fallback = self._options.fallback
        if fallback is None or self._folder == fallback:
            problem += " Free space, or choose another place."
            self.failure = OutputUnwritableError(problem)
        else:
            self._folder = fallback
            self._cause = "fallback"
            problem += f" It goes on in {fallback}."
        self.problems.append(problem)

    def _abandon(self, part: RawPart) -> str:
        """Cut the file back to what is readable; say what that is."""
        part.abandon()
        self._bytes_before += part.muxer.file.size
        safe = part.safe_packets
        if part.muxer.packets_safe and part.muxer.file.is_in_place:
            self._packets_before += safe
        else:
            self.paths.remove(part.path)
        return part.muxer.kept(safe)
