"""Choosing a source by what the user wrote."""

import os
import re
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from scr_live.errors import SourceTimeoutError, SourceUnreadableError
from scr_live.events import Journal
from scr_live.image_files import IMAGE_SUFFIXES
from scr_live.sources import VideoSource
from scr_live.sources.options import STREAM_SCHEMES, SourceOptions
from scr_live.sources.v4l2 import stable_spec

if TYPE_CHECKING:
    from scr_live.sources.tap import PacketTap, TapSwitch  # it is PyAV's neighbour

__all__ = ["SourceOptions", "kind_of", "open_lasting_source", "open_source"]

_GLOB = re.compile(r"[*?\[]")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")  # two letters at least: C:\ is a drive
_CAMERA = re.compile(r"\d{1,3}|/dev/video\d+|/dev/v4l/by-(id|path)/.+|camera:.+")


LEAST_PATIENCE_S = 1.5
"""What a lost source gets to answer in when it is first opened again: the next attempt may have more luck."""


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
    kind = kind_of(spec)
    if options.on_loss == "exit" or kind not in ("camera", "stream"):
        return open_source(spec, options, tap=tap)
    from scr_live.sources.reconnect import Reconnecting
    from scr_live.sources.tap import TapSwitch

    switch = None if tap is None else TapSwitch(tap)
    opener = _Opener(spec, kind, options, switch)
    source = opener.first()
    if not source.info.is_live:
        return source
    return Reconnecting(source, opener.again, options=options, journal=journal, tap=switch)


class _Opener:
    """Opens a camera or stream, again with little patience at first, and with more whenever that ran out."""

    def __init__(self, spec: str, kind: str, options: SourceOptions, switch: "TapSwitch | None") -> None:
        self._spec = spec
        self._kind = kind
        self._options = options
        self._switch = switch
        self._patience_s = LEAST_PATIENCE_S

    def first(self) -> VideoSource:
        """Open it with all the patience that there is."""
        return self._open(self._options)

    def again(self) -> VideoSource:
        """Open it once more."""
        try:
            return self._open(_hasty(self._kind, self._options, self._patience_s))
        except SourceTimeoutError:
            self._patience_s = min(2 * self._patience_s, self._options.open_timeout_s)
            raise

    def _open(self, options: SourceOptions) -> VideoSource:
        began_at = monotonic()
        source = open_source(self._spec, options, tap=None if self._switch is None else self._switch.line())
        self._patience_s = max(LEAST_PATIENCE_S, 2 * (monotonic() - began_at))
        return source


def _hasty(kind: str, options: SourceOptions, patience_s: float) -> SourceOptions:
    """Return the options for opening with that much patience, of all that there is."""
    patience_s = min(patience_s, options.open_timeout_s)
    if kind == "camera":
        return replace(options, open_timeout_s=patience_s)
    # A stream may have to wait long for its next key frame; what must not last is silence.
    return replace(options, connect_timeout_s=patience_s)


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

            return FileSource(Path(spec), loop=options.loop, decoder=options.decoder)
        case _:
            raise SourceUnreadableError(
                f"Expected an address that starts with one of {', '.join(STREAM_SCHEMES)}, found "
                f"{spec.partition('://')[0]}://. Use one of these, or the plain path of a file."
            )
