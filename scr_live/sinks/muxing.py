"""A video container that stays readable while it grows: packets in, a file that survives out."""

import contextlib
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av

from scr_live import __version__
from scr_live.sinks.crash_safe import CrashSafeFile
from scr_live.sinks.options import Safety
from scr_live.sinks.syncing import Syncer, pause_for

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet

MUXERS: Final = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
LAST_WORDS: Final = 1000
"""Bytes that the end of a container takes, besides `INDEX_ENTRY` bytes a packet."""
INDEX_ENTRY: Final = 32

_MARKS: Final = 1000
"""Of packets not yet on the disk: where each ends."""
_FIRST_HYBRID: Final = (61, 7, 100)  # FFmpeg 7.1: fragments while writing, an ordinary mp4 once closed


class SafeMuxer:
    """One open container with one stream, which the maker adds to `container` before `start()`.

    One thread at a time; every method but `abandon()` may raise OSError or av.FFmpegError. Either `end()` and
    `seal()`, or `abandon()`.
    """

    def __init__(self, path: Path, *, safety: Safety, force: bool, note: str) -> None:
        self.packets = 0
        self.packets_safe = 0
        """Packets that can be read even if the process dies now."""
        self.packets_synced = 0
        """Packets that are known to be on the disk, where even a failing one keeps them."""
        self._marks: deque[tuple[int, int]] = deque(maxlen=_MARKS)
        self._synced_size = 0
        self._ended = False
        self._syncer: Syncer | None = None
        self._pause_s = pause_for(safety)
        self.file = CrashSafeFile(path, force=force)
        try:
            muxer = MUXERS[path.suffix.lower()]
            self.container: OutputContainer = av.open(
                self.file, "w", format=muxer, container_options=_muxer_options(muxer, safety)
            )
            self.container.metadata.update(title=note, comment=note)
        except BaseException:
            self.file.abandon()
            raise

    def start(self) -> None:
        """Write the head; the stream is complete now."""
        self.container.start_encoding()
        self._syncer = Syncer(self.file.sync, pause_s=self._pause_s)

    def put(self, packet: "Packet[Any]") -> None:
        """Write a packet. Muxers hold each until the next tells how long it lasts: all but one are safe.

        It returns as soon as the system has the bytes; an error of the disk comes with a later packet.
        """
        size = self.file.size
        self._check()
        self.container.mux_one(packet)
        if self.file.size > size:
            if self.packets:
                self._mark_safe()
            if self._syncer is not None:
                self._syncer.written()
        self.packets += 1
        self._note_synced()

    def end(self) -> None:
        """Write the index and what was held back; a process that dies from here on costs no frame."""
        if not self._ended:
            self._ended = True
            self.container.close()
            if self.packets:
                self._mark_safe()
            if self._syncer is not None:
                self._syncer.written()

    def seal(self) -> None:
        """Make an ordinary video of it, put all of it on the disk, and close. This waits for the disk."""
        if self._syncer is not None:
            self._syncer.close()
        self._check()
        self.file.finish()
        self._note_synced()

    def abandon(self) -> None:
        """After an error: keep what is safe and release everything. Raises nothing."""
        if self._syncer is not None:
            self._syncer.close(last=True)
        self._note_synced()
        self.file.abandon()
        with contextlib.suppress(OSError, ValueError, av.FFmpegError):
            self.container.close()

    def keep_only(self, packets: int) -> None:
        """Cut an abandoned file back to so many packets, of those not known to be on the disk."""
        if packets == self.packets_synced:
            self.file.cut(self._synced_size)
        for count, size in self._marks:
            if count == packets:
                self.file.cut(size)

    def kept(self, packets: int) -> str:
        """Say what is left of an abandoned file that keeps so many packets."""
        if not (packets and self.file.is_in_place):
            return "Nothing of it was kept."
        if packets > self.packets_synced:
            return (
                f"Its first {packets} frames are readable in {self.file.path}; the disk has confirmed "
                f"{self.packets_synced} of them."
            )
        return f"Its first {packets} frames are safe and readable in {self.file.path}."

    def _mark_safe(self) -> None:
        self.packets_safe = self.packets
        self.file.mark_safe()
        self._marks.append((self.packets, self.file.size))

    def _note_synced(self) -> None:
        while self._marks and self._marks[0][1] <= self.file.synced_size:
            self.packets_synced, self._synced_size = self._marks.popleft()

    def _check(self) -> None:
        if self._syncer is not None:
            self._syncer.check()


def made_by(what: str) -> str:
    """Return what a file says of itself: `what` is Annotated, say."""
    return f"{what} by scr-live {__version__}. Research software, not a medical device."


def _muxer_options(muxer: str, safety: Safety) -> dict[str, str]:
    """Every frame is in the file as soon as the next one is there; in mkv, to the second, a few of them."""
    if muxer == "matroska":
        return {"flush_packets": "1", "cluster_time_limit": "1" if safety == "frame" else "200"}
    hybrid = av.library_versions["libavformat"] >= _FIRST_HYBRID
    kind = "hybrid_fragmented" if hybrid else "frag_keyframe+empty_moov+default_base_moof"
    return {"movflags": f"{kind}+frag_every_frame", "flush_packets": "1"}
