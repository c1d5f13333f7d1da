"""The files of one recording: when the next begins, how each ends, where it goes on after a failure."""

from functools import partial
from pathlib import Path

import av

from scr_live.errors import OutputUnwritableError, SinkError
from scr_live.events import EventKind, Journal
from scr_live.sinks.finishing import Finisher
from scr_live.sinks.movie import Movie, Shot
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.targets import Names, reason


class Reel:
    """Takes every shot of a recording and puts it into the right file; no seam loses or doubles one.

    One thread at a time, but what is read from it may be read from any. A file that is full is ended in a
    thread of its own. `put()` and `close()` raise a SinkError when the recording has ended for good; what it
    survived stands in `problems`.
    """

    def __init__(
        self, path: Path, encoder: str, options: RecorderOptions, *, names: Names, journal: Journal
    ) -> None:
        self._encoder = encoder
        self._options = options
        self._names = names
        self._journal = journal
        self._movie: Movie | None = None
        self._finishers = [Finisher()]
        self._bytes_before = 0
        self.folder = path.parent
        self.path = names.first
        """The file that is written to."""
        self.paths: list[Path] = []
        """All files that were begun and hold something."""
        self.problems: list[str] = []

    @property
    def bytes(self) -> int:
        """How much was written, over all files; the index of a file that ends beside the next not counted."""
        movie = self._movie
        return self._bytes_before + (movie.muxer.file.size if movie else 0)

    def put(self, shot: Shot) -> None:
        """Add the next shot, to the open file or to a new one."""
        try:
            self._feed([shot], self._cause_to_cut(shot))
        except (OSError, av.FFmpegError) as error:
            problem, rest = self._give_up(error, [shot])
        else:
            return
        try:
            self._feed(rest, "fallback")
        except (OSError, av.FFmpegError) as error:
            self.problems.append(str(problem))
            self._give_up(error, [])
        self.problems.append(f"{problem} It went on in {self.path}.")

    def close(self) -> None:
        """End all files. SinkError: the last one failed, and there was nowhere else to save its end."""
        movie, self._movie = self._movie, None
        failed: list[SinkError | None] = []
        if movie is not None:
            self._finishers.append(Finisher())
            self._finishers[-1].begin(lambda: failed.append(self._finish(movie)))
        for finisher in self._finishers:
            try:
                finisher.wait()
            except TimeoutError as error:
                failed.append(
                    OutputUnwritableError(
                        f"A file of the recording was not ended: {reason(error)}. What is on the disk is "
                        "readable, and `scr-live repair` makes an ordinary video of it."
                    )
                )
        if movie is not None:
            self._bytes_before += movie.muxer.file.size
        for problem in failed:
            if problem is not None:
                raise problem

    def _cause_to_cut(self, shot: Shot) -> str:
        """Say why `shot` begins a new file; empty: it does not."""
        movie, segment = self._movie, self._options.segment
        if movie is None:
            return "start"
        if shot.size != movie.size:
            return "size"
        too_long = segment and segment.duration_s and movie.lasts_s(shot) >= segment.duration_s
        too_large = segment and segment.size_bytes and movie.size_with_next > segment.size_bytes
        return "segment" if too_long or too_large else ""

    def _feed(self, shots: list[Shot], cause: str) -> None:
        for shot in shots:
            cause = cause or self._cause_to_cut(shot)
            if cause:
                self._hand_over()
                self._movie = self._begin(shot, self.folder, cause=cause)
                self.path = self._movie.path
            if self._movie is not None:
                self._movie.add(shot)
            cause = ""

    def _hand_over(self) -> None:
        """Let the open file be ended beside the recording, which waits only if the one before is not yet."""
        movie = self._movie
        if movie is None:
            return
        if self._options.safety == "frame":
            movie.end()  # nothing is held back, so it is quick, and two files never hold one frame each
        self._finishers[-1].begin(partial(self._finish_beside, movie))
        self._bytes_before += movie.muxer.file.size
        self._movie = None

    def _begin(self, shot: Shot, folder: Path, *, cause: str) -> Movie:
        path, may_replace = self._names.next(folder)
        try:
            movie = Movie(path, self._encoder, self._options, first=shot, force=may_replace)
        except (OSError, av.FFmpegError) as error:
            raise self._unbegun(path, shot, error) from error
        self.paths.append(path)
        self._journal.tell(EventKind.RECORDING_STARTED, stream_s=shot.stream_s, path=str(path), cause=cause)
        return movie

    def _finish_beside(self, movie: Movie) -> None:
        problem = self._finish(movie)
        if problem is not None:
            self.problems.append(str(problem))

    def _finish(self, movie: Movie) -> SinkError | None:
        """End a file; return why it failed, unless the fallback could take what it had not saved."""
        try:
            movie.end()
            movie.seal()
        except (OSError, av.FFmpegError) as error:
            problem = self._abandon(movie, error)
            refuge = self._refuge_from(movie.path.parent)
            return problem if refuge is None else self._rescue(movie.unsafe, refuge, problem)
        self._tell_end(movie)
        return None

    def _rescue(self, shots: list[Shot], folder: Path, problem: SinkError) -> SinkError | None:
        """Put the last shots of a file that failed at its end into one of their own."""
        if shots:
            try:
                movie = self._begin(shots[0], folder, cause="fallback")
            except SinkError:
                return problem
            try:
                for shot in shots:
                    movie.add(shot)
                movie.end()
                movie.seal()
            except (OSError, av.FFmpegError) as error:
                self._abandon(movie, error)
                return problem
            self._tell_end(movie)
            problem = OutputUnwritableError(f"{problem} What it had not saved is in {movie.path}.")
        self.problems.append(str(problem))
        return None

    def _refuge_from(self, folder: Path) -> Path | None:
        """Where to go on if `folder` fails; None: nowhere."""
        fallback = self._options.fallback
        return None if folder == fallback else fallback

    def _give_up(self, error: OSError | av.FFmpegError, shots: list[Shot]) -> tuple[SinkError, list[Shot]]:
        """Leave the open file readable; return what is to be saved elsewhere, or raise if nowhere."""
        movie, self._movie = self._movie, None
        unsafe: list[Shot] = []
        if movie is not None:
            problem = self._abandon(movie, error)
            self._bytes_before += movie.muxer.file.size
            unsafe = movie.unsafe
        else:
            problem = (
                error
                if isinstance(error, SinkError)
                else OutputUnwritableError(f"Recording cannot go on: {reason(error)}.")
            )
        refuge = self._refuge_from(self.folder)
        if refuge is None:
            raise problem from error
        self.folder = refuge
        self._finishers.append(Finisher())  # the other folder's disk may never answer again
        return problem, [*unsafe, *(shot for shot in shots if shot not in unsafe)]

    def _unbegun(self, path: Path, shot: Shot, error: OSError | av.FFmpegError) -> SinkError:
        """Return the error that says that a file could not be begun."""
        self._journal.tell(
            EventKind.RECORDING_FAILED, stream_s=shot.stream_s, path=str(path), cause=reason(error)
        )
        if isinstance(error, SinkError):
            return error
        return OutputUnwritableError(f"Recording to {path} cannot begin: {reason(error)}.")

    def _abandon(self, movie: Movie, error: OSError | av.FFmpegError) -> SinkError:
        """Cut the file back to what is readable, and return the error that says so."""
        movie.abandon()
        file, safe = movie.muxer.file, movie.muxer.packets_safe
        is_kept = safe > 0 and file.is_in_place
        if not is_kept:
            self.paths.remove(movie.path)
        self._journal.tell(
            EventKind.RECORDING_FAILED,
            stream_s=movie.last.stream_s,
            path=str(movie.path),
            cause=reason(error),
        )
        if isinstance(error, SinkError):
            return error
        kept = (
            f"Its first {safe} frames are safe and readable in {file.path}"
            if is_kept
            else "Nothing of it was kept"
        )
        advice = (
            ""
            if self._refuge_from(movie.path.parent)
            else " Free space or choose another place, then record again."
        )
        return OutputUnwritableError(
            f"Recording to {movie.path} failed at its frame {movie.frames}: {reason(error)}. {kept}.{advice}"
        )

    def _tell_end(self, movie: Movie) -> None:
        self._journal.tell(
            EventKind.RECORDING_ENDED,
            stream_s=movie.last.stream_s,
            path=str(movie.path),
            frames=movie.frames,
            bytes=movie.muxer.file.size,
        )
