"""One file of a recording being written: the encoder, and which pictures are not safe yet."""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from scr_live.sinks.encoding import TICKS_PER_S, configure
from scr_live.sinks.muxing import INDEX_ENTRY, LAST_WORDS, SafeMuxer, made_by
from scr_live.sinks.options import RecorderOptions

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_KEPT_BYTES: Final = 250_000_000
"""Of pictures that the disk has not confirmed: more than two seconds at 1080p."""
_KEY_FRAME: Final = 1  # AV_PICTURE_TYPE_I
_ANY_KIND: Final = 0


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A picture as the encoder takes it, and its place in the whole recording."""

    image: "VideoFrame"
    ticks: int
    interval: int
    """How long it lasts if none follows, in ticks."""
    stream_s: float
    """Its position in the video."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.image.width, self.image.height


class Movie:
    """An open file whose first frame is at time 0. One thread at a time.

    Every method but `abandon()` may raise OSError or av.FFmpegError. Either `end()` and `seal()`, or
    `abandon()`.
    """

    def __init__(
        self, path: Path, encoder: str, options: RecorderOptions, *, first: Shot, force: bool
    ) -> None:
        self.path = path
        self.size = first.size
        """Width and height of its pictures."""
        self.frames = 0
        """Pictures added."""
        self._keeps = options.fallback not in (None, path.parent)  # some memory: not without a reason
        self._recent: deque[Shot] = deque()
        self.last = first
        """The picture added last."""
        self._first_ticks = first.ticks
        self._last_key: int | None = None
        self._ended = False
        self._largest_packet = 0
        self.muxer = SafeMuxer(path, safety=options.safety, force=force, note=made_by(options.made))
        try:
            self._stream = self._add_stream(encoder, options)
            self.muxer.start()
        except BaseException:
            self.muxer.abandon()
            raise

    def add(self, shot: Shot) -> None:
        """Encode one picture and write what is ready."""
        if self._keeps:
            self._recent.append(shot)
        self.last = shot
        self.frames += 1
        for packet in self._stream.encode(self._timed(shot)):
            self._put(packet)

    def end(self) -> None:
        """Encode what is held back and write the index; twice is once."""
        if self._ended:
            return
        self._ended = True
        for packet in self._stream.encode(None):
            self._put(packet)
        self.muxer.end()

    def seal(self) -> None:
        """Make sure of it on the disk."""
        self.muxer.seal()

    def abandon(self) -> None:
        """After an error: keep what is safe and release everything. Raises nothing."""
        self.muxer.abandon()

    @property
    def unsafe(self) -> list[Shot]:
        """What was added and is not known to be on the disk, oldest first: to be saved in the fallback.

        Without a fallback nothing; with a disk that takes longer than usual, what there is memory for.
        """
        count = self.frames - self.muxer.packets_synced
        return list(self._recent)[-count:] if count else []

    def keep_only(self, frames: int) -> None:
        """Once abandoned: cut the file back to the first so many frames, since the others are elsewhere."""
        if frames < self.muxer.packets_safe:
            self.muxer.keep_only(frames)

    def lasts_s(self, shot: Shot) -> float:
        """Say how long the file is when `shot` begins."""
        return (shot.ticks - self._first_ticks) / TICKS_PER_S

    @property
    def size_with_next(self) -> int:
        """Bytes that the file would have if it ended after one more picture: estimated, rather too high."""
        coming = (self.frames - self.muxer.packets_safe + 1) * self._largest_packet
        entries = (self.frames + 1) * INDEX_ENTRY
        return self.muxer.file.size + coming + entries + LAST_WORDS

    def _timed(self, shot: Shot) -> "VideoFrame":
        frame = shot.image
        frame.time_base = Fraction(1, TICKS_PER_S)
        frame.pts = shot.ticks - self._first_ticks
        is_key = self._last_key is None or frame.pts - self._last_key >= TICKS_PER_S
        frame.pict_type = _KEY_FRAME if is_key else _ANY_KIND  # by time: a slow camera can be searched too
        if is_key:
            self._last_key = frame.pts
        return frame

    def _put(self, packet: "Packet[VideoStream]") -> None:
        packet.duration = self.last.interval  # counts for the last one only; the encoder's is a guess
        self.muxer.put(packet)
        self._largest_packet = max(self._largest_packet, packet.size)
        while len(self._recent) > self.frames - self.muxer.packets_synced or self._has_too_many():
            self._recent.popleft()

    def _has_too_many(self) -> bool:
        """Whether more wait for a slow disk than memory is for; those not even in the file stay."""
        width, height = self.size
        fit = _KEPT_BYTES // (width * height * 3 // 2)
        return len(self._recent) > max(fit, self.frames - self.muxer.packets_safe)

    def _add_stream(self, encoder: str, options: RecorderOptions) -> "VideoStream":
        rate = Fraction(options.fps).limit_denominator(1001)
        stream = cast("VideoStream", self.muxer.container.add_stream(encoder, rate=rate))
        configure(stream.codec_context, encoder, options, size=self.size)
        stream.time_base = Fraction(1, TICKS_PER_S)
        return stream
