"""Recording: H.264 in MP4 (MOV, MKV) with the source's own times, readable at any moment."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from scr_live.errors import OptionError, OutputExistsError, OutputUnwritableError, SinkError
from scr_live.frames import Picture
from scr_live.sinks.encoding import RecorderOptions, choose_encoder
from scr_live.sinks.movie import MUXERS, Movie

__all__ = ["Recorder", "RecorderOptions"]


class Recorder:
    """A Sink that records each picture at the time its frame was shown.

    The constructor checks path and encoder and creates nothing. The file has its name from the first complete
    picture on; closed cleanly it is an ordinary video, killed at any moment it is a readable one. Pictures
    with an odd side get their last row or column twice (4:2:0 needs even sides). All pictures of a recording
    have one size.
    """

    def __init__(
        self, path: Path, options: RecorderOptions | None = None, *, source_path: Path | None = None
    ) -> None:
        self._options = options or RecorderOptions()
        _check_path(path, force=self._options.force, source_path=source_path)
        self._path = path
        self._encoder = choose_encoder(self._options.encoder)
        self._movie: Movie | None = None
        self._ended = False
        self.frames_written = 0

    @property
    def path(self) -> Path:
        """Where the recording is, from its first complete picture on."""
        return self._path

    def write(self, picture: Picture) -> None:
        """Encode one picture. OutputUnwritableError: the disk failed; what it holds is readable."""
        if self._ended:
            raise SinkError(f"The recording {self._path} has ended already; open another one.")
        try:
            if self._movie is None:
                self._movie = Movie(self._path, self._encoder, self._options, image=picture.image)
            self._movie.add(picture)
        except (OSError, av.FFmpegError) as error:
            raise self._fail(error) from error
        self.frames_written += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the recording, whatever the reason for leaving."""
        if self._ended:
            return
        self._ended = True
        if self._movie is None:
            return
        try:
            self._movie.finish()
        except SinkError:
            self._movie.abandon()
            raise
        except (OSError, av.FFmpegError) as cause:
            raise self._fail(cause) from cause

    def _fail(self, error: OSError | av.FFmpegError) -> SinkError:
        """Cut the file back to what is readable, and return the error to raise."""
        if isinstance(error, SinkError):
            return error
        self._ended = True
        movie = self._movie
        if movie is None:
            return OutputUnwritableError(f"Recording to {self._path} cannot begin: {_reason(error)}.")
        movie.abandon()
        kept = (
            f"The first {movie.frames_safe} frames are safe and readable in {movie.file.path}"
            if movie.frames_safe and movie.file.is_in_place
            else "Nothing of it was kept"
        )
        return OutputUnwritableError(
            f"Recording to {self._path} failed at frame {self.frames_written + 1}: {_reason(error)}. {kept}. "
            "Free space or choose another place, then record again."
        )


def _check_path(path: Path, *, force: bool, source_path: Path | None) -> None:
    """Refuse what cannot or must not be written, before anything is opened."""
    try:
        _check_target(path, force=force, source_path=source_path)
    except SinkError:
        raise
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise OutputUnwritableError(f"Recording to {path} is not possible: {_reason(error)}.") from error


def _check_target(path: Path, *, force: bool, source_path: Path | None) -> None:
    folder = path.parent
    if path.is_dir():
        raise OutputUnwritableError(
            f"{path} is a folder; name a file in it, such as {path / 'recording.mp4'}."
        )
    if path.suffix.lower() not in MUXERS:
        raise OptionError(
            f"A recording is named *{', *'.join(MUXERS)}; {path.name!r} is not. "
            f"Try {path.with_suffix('.mp4').name}."
        )
    if not folder.is_dir():
        raise OutputUnwritableError(f"The folder {folder} does not exist; create it, or record elsewhere.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputUnwritableError(f"The folder {folder} cannot be written to; record elsewhere.")
    if not path.exists():
        return
    if source_path is not None and source_path.exists() and path.samefile(source_path):
        raise OptionError(f"{path} is the source itself; record to another file.")
    if not path.is_file():
        raise OutputUnwritableError(f"{path} is no ordinary file; record elsewhere.")
    if not force:
        raise OutputExistsError(f"{path} exists already; choose another name, or overwrite it with --force.")


def _reason(error: OSError | av.FFmpegError) -> str:
    return error.strerror or str(error)
