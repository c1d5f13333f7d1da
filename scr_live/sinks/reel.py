"""The files of one recording: when the next begins, how each ends, where it goes on after a failure."""

import threading
from functools import partial
from pathlib import Path

import av

from scr_live.errors import OutputUnwritableError, SinkError
from scr_live.events import EventKind, Journal
from scr_live.sinks.finishing import Finisher, Patience
from scr_live.sinks.movie import Movie, Shot
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.targets import Names, Start, reason


class Reel:
    """Takes every shot of a recording and puts it into the right file; no seam loses or doubles one.

    One thread at a time, but `close()` may come from another while `put()` hangs, and what is read from it
    may be read from any. A file that is full is ended in a thread of its own. `put()` and `close()` raise a
    SinkError when the recording has ended for good; that, and what it survived, stands in `problems`.
    """

    def __init__(
        self, encoder: str, options: RecorderOptions, *, names: Names, start: Start, journal: Journal
    ) -> None:
        self._encoder = encoder
        self._options = options
        self._names = names
        self._start = start
        self._journal = journal
        self._movie: Movie | None = None
        self._finishers = [Finisher()]
        self._bytes_before = 0
        self._inside = threading.Lock()
        self._listing = threading.Lock()
        self._closed = self._is_left_behind = False
        self.folder = start.folder
        self.path = start.folder / names.first.name
        """The file that is written to."""
        self.paths: list[Path] = []
        """All files that were begun and hold something."""
        self.problems = [start.problem] if start.problem else []

    @property
    def bytes(self) -> int:
        """How much was written, over all files; the index of a file that ends beside the next not counted."""
        movie = self._movie
        return self._bytes_before + (movie.muxer.file.size if movie else 0)

    def put(self, shot: Shot) -> None:
        """Add the next shot, to the open file or to a new one."""
        with self._inside:
            if self._closed:
                raise SinkError(f"The recording {self.path} has ended already; open another one.")
            try:
                self._feed([shot], self._cause_to_cut(shot))
            except (OSError, av.FFmpegError) as error:
                self._go_on_elsewhere(error, shot)
            finally:
                if self._is_left_behind:
                    self.problems += map(str, self._end(Patience()))

    def close(self) -> None:
        """End all files. SinkError: one failed, and there was nowhere else to save its end.

        It takes as long as the disk may not answer, once: what hangs is left as it is, which is readable.
        """
        patience = Patience()
        self._closed = True
        failed: list[SinkError] = []
        if self._inside.acquire(timeout=patience.left_s):
            try:
                failed += self._end(patience)
                self._names.release()
            finally:
                self._inside.release()
        else:  # nobody may touch a muxer while a thread is in it; should it come back, it ends the file
            self._is_left_behind = True
            failed += [self._unended(self.path), *self._wait_for_finishers(patience)]
        self.problems += map(str, failed)
        for problem in failed:
            raise problem

    def _end(self, patience: Patience) -> list[SinkError]:
        """End the open file, and wait for those whose end is under way. Returns what failed."""
        movie, self._movie = self._movie, None
        failed: list[SinkError] = []
        if movie is not None:
            self._finishers.append(Finisher())
            self._finishers[-1].begin(lambda: failed.extend(self._finish(movie)), movie.path)
        failed += self._wait_for_finishers(patience)
        if movie is not None:
            self._bytes_before += movie.muxer.file.size
        return failed

    def _wait_for_finishers(self, patience: Patience) -> list[SinkError]:
        failed = []
        for finisher in self._finishers:
            try:
                finisher.wait(patience)
            except TimeoutError:
                failed.append(self._unended(finisher.path))
        return failed

    def _unended(self, path: Path) -> SinkError:
        """Tell that a file could not be ended, and return the error that says so."""
        cause = "the disk has not answered"
        self._journal.tell(EventKind.RECORDING_FAILED, path=str(path), cause=cause)
        return OutputUnwritableError(
            f"The recording {path} was not ended: {cause}. What is on it is readable, and `scr-live repair` "
            "makes an ordinary video of that."
        )

    def _cause_to_cut(self, shot: Shot) -> str:
        """Say why `shot` begins a new file; empty: it does not."""
        movie, segment = self._movie, self._options.segment
        if movie is None:
            return self._cause_to_start(shot)
        if shot.size != movie.size:
            return "size"
        too_long = segment and segment.duration_s and movie.lasts_s(shot) >= segment.duration_s
        too_large = segment and segment.size_bytes and movie.size_with_next > segment.size_bytes
        return "segment" if too_long or too_large else ""

    def _cause_to_start(self, shot: Shot) -> str:
        if not self._start.problem:
            return "start"
        self._journal.tell(
            EventKind.RECORDING_FAILED,
            stream_s=shot.stream_s,
            path=str(self._names.first),
            cause=self._start.problem,
        )
        return "fallback"

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
        self._finishers[-1].begin(partial(self._finish_beside, movie), movie.path)
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
        self.problems += map(str, self._finish(movie))

    def _finish(self, movie: Movie) -> list[SinkError]:
        """End a file; return why it failed, unless the fallback could take what it had not saved."""
        try:
            movie.end()
            movie.seal()
        except (OSError, av.FFmpegError) as error:
            problem = self._abandon(movie, error)
            refuge = self._refuge_from(movie.path.parent)
            if refuge is not None and self._rescue(movie, refuge, problem):
                return []
            return [problem]
        self._tell_end(movie)
        return []

    def _rescue(self, failed: Movie, folder: Path, problem: SinkError) -> bool:
        """Put the last shots of a file that failed at its end into one of their own."""
        shots = failed.unsafe
        if shots:
            try:
                movie = self._begin(shots[0], folder, cause="fallback")
            except SinkError:
                return False
            try:
                for shot in shots:
                    movie.add(shot)
                movie.end()
                movie.seal()
            except (OSError, av.FFmpegError) as error:
                self._abandon(movie, error)
                return False
            self._tell_end(movie)
            problem = OutputUnwritableError(f"{problem} What it had not saved is in {movie.path}.")
        self._cut_to_safe(failed)
        self.problems.append(str(problem))
        return True

    def _cut_to_safe(self, failed: Movie) -> None:
        """Leave out of a file that failed what is in another one now: no picture is there twice."""
        kept = failed.frames - len(failed.unsafe)
        failed.keep_only(kept)
        if not kept:
            self._list_instead(failed.path, None)

    def _list_instead(self, path: Path, other: Path | None) -> None:
        with self._listing:  # files may fail in several threads
            if path in self.paths and path != other:
                place = self.paths.index(path)
                self.paths[place : place + 1] = [] if other is None else [other]

    def _refuge_from(self, folder: Path) -> Path | None:
        """Where to go on if `folder` fails; None: nowhere."""
        fallback = self._options.fallback
        return None if folder == fallback else fallback

    def _go_on_elsewhere(self, error: OSError | av.FFmpegError, shot: Shot) -> None:
        """Leave the open file readable and go on in the fallback, with all that was not safe. Or raise."""
        failed = self._movie
        problem = self._give_up(error)
        refuge = self._refuge_from(self.folder)
        if refuge is None:
            raise problem from error
        self.folder = refuge
        self._finishers.append(Finisher())  # the other folder's disk may never answer again
        shots = failed.unsafe if failed else []
        try:
            self._feed([*shots, *([] if shot in shots else [shot])], "fallback")
        except (OSError, av.FFmpegError) as second:
            raise self._give_up(second) from second
        if failed is not None:
            self._cut_to_safe(failed)
        self.problems[-1] = f"{problem} It went on in {self.path}."

    def _give_up(self, error: OSError | av.FFmpegError) -> SinkError:
        """Leave the open file, if there is one, readable; return the error that says so."""
        movie, self._movie = self._movie, None
        if movie is not None:
            problem = self._abandon(movie, error)
            self._bytes_before += movie.muxer.file.size
        elif isinstance(error, SinkError):
            problem = error
        else:
            problem = OutputUnwritableError(f"Recording cannot go on: {reason(error)}.")
        self.problems.append(str(problem))
        return problem

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
        file = movie.muxer.file
        is_kept = movie.muxer.packets_safe and file.is_in_place
        self._list_instead(movie.path, file.path if is_kept else None)
        self._journal.tell(
            EventKind.RECORDING_FAILED,
            stream_s=movie.last.stream_s,
            path=str(movie.path),
            cause=reason(error),
        )
        if isinstance(error, SinkError):
            return error
        advice = (
            ""
            if self._refuge_from(movie.path.parent)
            else " Free space or choose another place, then record again."
        )
        kept = movie.muxer.kept(min(movie.muxer.packets_safe, movie.frames - len(movie.unsafe)))
        return OutputUnwritableError(
            f"Recording to {movie.path} failed at its frame {movie.frames}: {reason(error)}. {kept}{advice}"
        )

    def _tell_end(self, movie: Movie) -> None:
        self._journal.tell(
            EventKind.RECORDING_ENDED,
            stream_s=movie.last.stream_s,
            path=str(movie.path),
            frames=movie.frames,
            bytes=movie.muxer.file.size,
        )
