"""Choosing a source by what the user wrote."""

import os
import re
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from scr_live.errors import SourceUnreadableError
from scr_live.events import Journal
from scr_live.image_files import IMAGE_SUFFIXES
from scr_live.sources import VideoSource
from scr_live.sources.options import STREAM_SCHEMES, SourceOptions
from scr_live.sources.v4l2 import stable_spec

if TYPE_CHECKING:
    from scr_live.sources.tap import PacketTap  # it is PyAV's neighbour

__all__ = ["SourceOptions", "kind_of", "open_lasting_source", "open_source"]

_GLOB = re.compile(r"[*?\[]")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")  # two letters at least: C:\ is a drive
_CAMERA = re.compile(r"\d{1,3}|/dev/video\d+|/dev/v4l/by-(id|path)/.+|camera:.+")


LEAST_PATIENCE_S = 1.5
"""What a lost source gets to answer in when it is opened again: then the next attempt may have more luck."""


def open_source(
    spec: str, options: SourceOptions | None = None, *, tap: "PacketTap | None" = None
) -> VideoSource:
    """Open what `spec` names: a file, camera, stream address, pictures, or `phantom`.

    tap: gets the packets of a camera or stream; other sources leave it alone.
    Raises a SourceError that says what was expected there, within the time-outs, and leaves nothing open.
    """
    options = options or SourceOptions()
    source = _open(spec, options, tap)
    if options.realtime and not source.info.is_live:
        from scr_live.sources.pacing import Paced

        return Paced(source)
    return source


def open_lasting_source(
    spec: str, options: SourceOptions, *, journal: Journal, tap: "PacketTap | None" = None
) -> VideoSource:
    """Open what `spec` names; a camera or stream that is lost later comes back, unless on_loss is "exit".

    The first opening fails as that of `open_source` does.
    """
    spec = stable_spec(spec)
    began_at = monotonic()
    source = open_source(spec, options, tap=tap)
    kind = kind_of(spec)
    if options.on_loss == "exit" or not source.info.is_live or kind not in ("camera", "stream"):
        return source
    from scr_live.sources.reconnect import Reconnecting

    again = _again(kind, options, opened_in_s=monotonic() - began_at)
    return Reconnecting(source, lambda: open_source(spec, again, tap=tap), options=options, journal=journal)


def _again(kind: str, options: SourceOptions, *, opened_in_s: float) -> SourceOptions:
    """Return the options for opening again: with less patience, but enough for what it took at first."""
    patience_s = max(LEAST_PATIENCE_S, 2 * opened_in_s)
    if kind == "camera":
        return replace(options, open_timeout_s=min(patience_s, options.open_timeout_s))
    # A stream may have to wait long for its next key frame; what must not last is silence.
    return replace(options, connect_timeout_s=min(patience_s, options.open_timeout_s))


def kind_of(spec: str) -> str:
    """Say which kind of source a spec names, by its form and by what lies at the path."""
    if spec == "phantom" or spec.startswith("phantom:"):
        return "phantom"
    if _CAMERA.fullmatch(spec):
        return "camera"
    if scheme := _SCHEME.match(spec):
        return "stream" if scheme[1].lower() in STREAM_SCHEMES else "unknown"
    # os.path and not Path: a name that is too long is no directory, and no reason to raise.
    if os.path.isdir(spec) or Path(spec).suffix.lower() in IMAGE_SUFFIXES:  # noqa: PTH112
        return "images"
    if _GLOB.search(spec) and not os.path.exists(spec):  # noqa: PTH110
        return "images"
    return "file"


# ruff: noqa: PLC0415  the heavy imports stand in the case that needs them
def _open(spec: str, options: SourceOptions, tap: "PacketTap | None") -> VideoSource:
    match kind_of(spec):
        case "phantom":
            from scr_live.sources.phantom import PhantomSource, parse_phantom

            phantom = parse_phantom(spec)
            return PhantomSource(replace(phantom, duration_s=None) if options.loop else phantom)
        case "camera":
            from scr_live.sources.camera import open_camera

            return open_camera(spec, options, tap=tap)
        case "stream":
            from scr_live.sources.stream import open_stream

            return open_stream(spec, options, tap=tap)
        case "images":
            from scr_live.sources.images import ImagesSource

            return ImagesSource(spec, fps=options.fps, loop=options.loop)
        case "file":
            from scr_live.sources.file import FileSource

            return FileSource(Path(spec), loop=options.loop)
        case _:
            raise SourceUnreadableError(
                f"Expected an address that starts with one of {', '.join(STREAM_SCHEMES)}, found "
                f"{spec.partition('://')[0]}://. Use one of these, or the plain path of a file."
            )
