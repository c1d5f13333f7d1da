"""Making an ordinary, seekable video of a recording that was cut off. No picture is encoded anew."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import av

from scr_live.errors import (
    OutputExistsError,
    OutputUnwritableError,
    SinkError,
    SourceNotFoundError,
    SourceUnreadableError,
)
from scr_live.repair.copying import created, fit, opened, whole_packets
from scr_live.repair.structure import Structure, structure_of
from scr_live.sinks.crash_safe import PARTIAL_MARK, partial_name, sync_folder
from scr_live.sinks.space import check_room
from scr_live.sinks.targets import check_target, reason

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_PARTIAL: Final = re.compile(re.escape(PARTIAL_MARK) + r"[0-9a-f]+$")
_ANOTHER: Final = "another name with --out"
_CLEAN_END: Final = 32
"""Bytes that a container may write behind the last picture, or around it."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was found, and what was made of it."""

    path: Path
    frames: int
    duration_s: float
    was_whole: bool
    """There was nothing to repair: it is a copy."""
    dropped_bytes: int
    """Of the end, which was damaged: a picture that was not whole."""
    undecodable: int
    """Pictures within that cannot be decoded, in the original neither."""


def repair(
    path: Path,
    out: Path | None = None,
    *,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Repaired:
    """Copy the pictures of `path` into a new file with an index; `path` is only read.

    The new file has its name once all of it was decoded. progress: pictures decoded, and of how many.
    Raises SourceError for what cannot be repaired and SinkError for what cannot be written.
    """
    found = _checked_structure(path)
    out = out or default_out(path)
    check_target(out, force=force, source_path=path, instead=_ANOTHER)
    check_room(out.parent, found.size, what="The repaired file")
    draft = partial_name(out)
    try:
        copied = _copy(path, found, draft)
        frames, duration_s = _check(path, found, draft, copied, progress=progress)
        _publish(draft, out, force=force)
    except (OSError, av.FFmpegError) as error:
        if isinstance(error, SinkError | SourceUnreadableError):
            raise
        raise OutputUnwritableError(f"{out} cannot be written: {reason(error)}.") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return Repaired(
        path=out,
        frames=frames,
        duration_s=duration_s,
        was_whole=found.is_whole,
        dropped_bytes=copied.dropped_bytes,
        undecodable=copied.packets - frames,
    )


def default_out(path: Path) -> Path:
    """Return NAME-repaired.mp4 beside the recording."""
    return path.with_name(f"{_PARTIAL.sub('', path.stem)}-repaired.mp4")


@dataclass(frozen=True, slots=True)
class _Copied:
    packets: int
    dropped_bytes: int


def _checked_structure(path: Path) -> Structure:
    """Refuse what no pictures can be found in, each with its reason."""
    if not path.exists():
        raise SourceNotFoundError(f"There is no file {path}. Name the recording that was cut off.")
    if not path.is_file():
        raise SourceUnreadableError(f"{path} is no file. Name the recording that was cut off.")
    try:
        found = structure_of(path)
    except OSError as error:
        raise SourceUnreadableError(f"{path} cannot be read: {reason(error)}.") from error
    if not found.size:
        raise SourceUnreadableError(f"{path} is empty: it was cut off before its first picture.")
    if found.container is None:
        raise SourceUnreadableError(
            f"{path} is neither an MP4, MOV nor MKV file; only these can be repaired."
        )
    if not found.has_index:
        raise SourceUnreadableError(
            f"{path} has no index, so nothing tells where its pictures are. scr-live writes the index before "
            "the first picture: either this was cut off before that, or another program made it. Some tools "
            "rebuild the index by that of a whole file from the same device; scr-live does not."
        )
    return found


def _copy(path: Path, found: Structure, draft: Path) -> _Copied:
    """Copy every picture that is whole."""
    packets = end = 0
    with opened(path, found) as stream, created(draft, stream) as (output, copy):
        last_dts: int | None = None
        for packet in whole_packets(stream, is_whole=found.is_whole):
            end = (packet.pos or 0) + packet.size
            last_dts = fit(packet, after=last_dts)
            packet.stream = copy
            output.mux_one(packet)
            packets += 1
    if not packets:
        raise SourceUnreadableError(f"{path} was cut off before its first picture was whole.")
    left = 0 if found.is_whole else found.size - end
    return _Copied(packets, left if left > _CLEAN_END else 0)


def _check(
    path: Path, found: Structure, draft: Path, copied: _Copied, *, progress: Callable[[int, int], None] | None
) -> tuple[int, float]:
    """Decode the copy; return how many pictures there are, and how long it is in seconds."""
    with av.open(str(draft)) as container:
        frames = 0
        for frames in _decoded(container.streams.video[0]):
            if progress is not None:
                progress(frames, copied.packets)
        duration_s = (container.duration or 0) / av.time_base
    if frames != copied.packets:
        with opened(path, found) as stream:
            before = sum(1 for _ in _decoded(stream))
        if before != frames:
            raise SinkError(
                f"The copy of {path} has {frames} pictures where the original has {before}; nothing was kept."
            )
    return frames, duration_s


def _decoded(stream: "VideoStream") -> Iterator[int]:
    """Count the pictures that decode, passing over those that do not."""
    stream.thread_type = "AUTO"
    count = 0
    for packet in cast("InputContainer", stream.container).demux(stream):
        with contextlib.suppress(av.FFmpegError):
            for _ in packet.decode():
                count += 1
                yield count


def _publish(draft: Path, out: Path, *, force: bool) -> None:
    """Put the copy on the disk and give it its name."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    if out.exists() and not force:
        raise OutputExistsError(f"{out} came into being meanwhile and is left as it is; choose {_ANOTHER}.")
    draft.replace(out)
    sync_folder(out.parent)
