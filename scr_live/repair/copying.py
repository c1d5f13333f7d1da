"""Copying the pictures of a file that was cut off: which are whole, and with times that a muxer takes."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import av

from scr_live.errors import OptionError, SourceUnreadableError
from scr_live.repair.structure import Beginning, Structure
from scr_live.sinks.muxing import MUXERS
from scr_live.sinks.targets import reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

_HOLE: Final = bytes(16)


@contextlib.contextmanager
def opened(path: Path, found: Structure) -> "Iterator[VideoStream]":
    """Open what can be read of the file. SourceUnreadableError: that holds no picture.

    Nothing else is opened, whatever the file says.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(Beginning(path, found.readable))
            container = stack.enter_context(
                av.open(file, "r", format=found.container, metadata_errors="replace")
            )
        except (OSError, av.FFmpegError) as error:
            raise SourceUnreadableError(
                f"{path} cannot be read as a video ({reason(error)}): it was cut off before its first "
                "picture."
            ) from error
        if not container.streams.video or container.streams.video[0].codec_context is None:
            raise SourceUnreadableError(f"{path} holds no video, or was cut off before its first picture.")
        yield container.streams.video[0]


@contextlib.contextmanager
def created(draft: Path, stream: "VideoStream") -> "Iterator[tuple[OutputContainer, VideoStream]]":
    """Begin a file for the pictures of `stream`. OptionError: this kind of file cannot hold them."""
    muxer = MUXERS[draft.suffix.lower()]
    with av.open(str(draft), "w", format=muxer) as output:
        try:
            copy = output.add_stream_from_template(stream, opaque=True)
        except ValueError as error:
            raise OptionError(
                f"{draft.suffix} files cannot hold {stream.codec_context.name}. Name an .mkv file with --out."
            ) from error
        output.metadata.update(cast("InputContainer", stream.container).metadata)
        yield output, copy


def whole_packets(stream: "VideoStream", *, is_whole: bool) -> "Iterator[Packet[Any]]":
    """Yield the pictures up to the first that was cut off; those since the last key frame tell which.

    is_whole: the file is; nothing was.
    """
    group: list[Packet[Any]] = []
    try:
        for packet in cast("InputContainer", stream.container).demux(stream):
            if packet.is_corrupt:  # the file ends within it
                break
            if not packet.size:  # the demuxer's end
                continue
            if packet.is_keyframe:
                yield from _timed(group)
                group = []
            group.append(packet)
    except av.FFmpegError:
        pass  # what follows is no video any more
    except OSError as error:
        raise SourceUnreadableError(
            f"The file cannot be read to its end: {reason(error)}. Copy what can be read of it to another "
            "disk and repair the copy."
        ) from error
    yield from _timed(group if is_whole else _decodable(stream, group))


def fit(packet: "Packet[Any]", *, after: int | None) -> int:
    """Make times that a muxer takes: decoding times rise, and no picture is shown before it is decoded.

    Returns the decoding time, which is the next packet's `after`.
    """
    dts = packet.dts if packet.dts is not None else packet.pts or 0
    if after is not None:
        dts = max(dts, after + 1)
        if not packet.duration:
            packet.duration = dts - after  # counts for the last one only
    packet.dts = dts
    packet.pts = dts if packet.pts is None else max(packet.pts, dts)
    return dts


def _decodable(stream: "VideoStream", group: "list[Packet[Any]]") -> "list[Packet[Any]]":
    """Leave out what does not decode at the end: a disk without power may leave holes where pictures were."""
    context = cast("VideoCodecContext", av.CodecContext.create(stream.codec_context.name, "r"))
    context.extradata = stream.codec_context.extradata
    context.options = {"err_detect": "explode"}
    good = 0
    for index, packet in enumerate(group, start=1):
        data = bytes(packet)
        with contextlib.suppress(av.FFmpegError):
            context.decode(av.Packet(data))  # a copy, since decoding changes the times
            if not data.endswith(_HOLE):
                good = index
    return group[:good]


def _timed(group: "list[Packet[Any]]") -> "list[Packet[Any]]":
    """Say when to decode where the file does not (Matroska): in the order of showing, as late as can be."""
    shown = [packet.pts for packet in group if packet.pts is not None]
    if len(shown) < len(group) or all(packet.dts is not None for packet in group):
        return group
    in_order = sorted(shown)
    ahead = max(dts - pts for dts, pts in zip(in_order, shown, strict=True))
    for packet, dts in zip(group, in_order, strict=True):
        packet.dts = dts - ahead
    return group
