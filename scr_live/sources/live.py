"""What cameras and streams share: pictures as they arrive, and no read that blocks for ever.

Nobody waits for FFmpeg itself: two threads of reading.py do, and the consumer waits for their pictures with
a time-out of its own.
"""

from collections.abc import Iterator
from threading import Lock
from time import monotonic

import av

from scr_live.errors import SourceError, SourceUnreadableError
from scr_live.frames import Frame
from scr_live.sources import SourceInfo, VideoSource
from scr_live.sources.hardware import give_up
from scr_live.sources.reading import LiveTarget, Reader, silent, undecoded

__all__ = ["LiveSource", "LiveTarget"]

RELEASE_S = 1.0
"""What leaving the `with` waits for the device or connection to be let go."""


class LiveSource(VideoSource):
    """Pictures as they arrive; those not taken in time are dropped, counted in `dropped`.

    A source that knows its own length (a recording behind an address) is not live: it drops nothing, and its
    end is an end. The end of a live one is a SourceLostError. Silence is a SourceTimeoutError: of packets, or
    of pictures for the longer time of `undecoded_timeout_s`, since a decoder that is behind may have to wait
    for a key frame. A picture is handed out only if it was decoded within LONGEST_DELAY_S of its arrival.
    """

    def __init__(self, target: LiveTarget) -> None:
        self._target = target
        self._reader = reader = Reader(target)
        self._lock = Lock()  # of the iteration: one consumer at a time
        try:
            self._first: Frame | None = self._take_first()
        except BaseException as error:
            self._release()
            for warning in self.warnings:  # there will be no source to ask for them
                error.add_note(warning)
            raise
        height, width = self._first.image.shape[:2]
        fps, duration_s = reader.fps, reader.duration_s
        self._info = SourceInfo(
            target.kind,
            target.name,
            width=width,
            height=height,
            fps=fps,
            is_live=reader.is_live,
            frame_count=round(duration_s * fps) if duration_s and fps else None,
            duration_s=duration_s,
        )

    @property
    def info(self) -> SourceInfo:
        """What is known since the first picture."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """Sentences for the person who runs this."""
        return self._reader.troubles.warnings

    @property
    def decode_errors(self) -> int:
        """Packets that could not be decoded, and pictures that were decoded with visible damage."""
        return self._reader.troubles.decode_errors

    @property
    def dropped(self) -> int:
        """Pictures that nobody took in time, or that could not be decoded in time."""
        return self._reader.dropped

    @property
    def receives(self) -> bool:
        """Whether packets come at present, though pictures may not."""
        return self._reader.receives

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._lock:
                frame = self._next()
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """End the iteration at once, from any thread; no call of the tap is running then, and none comes.

        The device is free when the `with` has been left.
        """
        self._reader.close()

    def __exit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        self.close()
        if not self._reader.wait_gone(RELEASE_S) and self._reader.is_overdue:
            self._reader.troubles.warn(
                f"{self._target.name} did not let go within {RELEASE_S:g} s; its driver or the name look-up "
                "hangs. It is left behind and ends with the program."
            )

    def _next(self) -> Frame | None:
        if self._reader.frames.is_closed():
            return None
        if self._first is not None:
            frame, self._first = self._first, None
            return frame
        decoded = self._take()
        return None if decoded is None else self._reader.builder.build(decoded)

    def _take_first(self) -> Frame:
        timeout_s = self._target.open_timeout_s + self._target.read_timeout_s
        try:
            decoded = self._reader.frames.take(timeout_s)
        except SourceError:
            raise
        except TimeoutError as error:
            raise self._why_nothing(timeout_s) from error
        if decoded is None:
            raise SourceUnreadableError(
                f"Expected video from {self._target.name}, but it ended before one picture could be decoded. "
                "Check what it sends; H.264 over RTSP or MPEG-TS works best."
            )
        return self._reader.builder.build(decoded)

    def _take(self) -> av.VideoFrame | None:
        """Wait for a picture: while packets come, and not longer than the patience."""
        reader = self._reader
        patience_s = max(reader.silence_s, self._target.undecoded_timeout_s)
        began_at = monotonic()
        gives_up_at = began_at + patience_s
        while True:
            # A reader that waited for room has heard nothing in the meantime: that is no silence.
            silent_at = max(reader.due_at, began_at + reader.silence_s)
            try:
                return reader.frames.take(max(min(silent_at, gives_up_at) - monotonic(), 0.0))
            except SourceError:
                raise
            except TimeoutError as error:
                if reader.is_overdue and monotonic() >= silent_at:
                    raise silent(self._target.name, reader.silence_s) from error
                if monotonic() >= gives_up_at:
                    raise self._undecoded(patience_s) from error

    def _why_nothing(self, timeout_s: float) -> SourceError:
        if self._reader.receives:
            return self._undecoded(timeout_s)
        return silent(self._target.name, timeout_s)

    def _undecoded(self, timeout_s: float) -> SourceError:
        give_up(self._target.device)  # it may be what hangs: whoever opens again does so in software
        return undecoded(self._target.name, timeout_s)
