"""Choosing a source by what the user wrote."""

import os
import re
from dataclasses import replace
from pathlib import Path

from scr_live.errors import SourceUnreadableError
from scr_live.image_files import IMAGE_SUFFIXES
from scr_live.sources import VideoSource
from scr_live.sources.options import STREAM_SCHEMES, SourceOptions

__all__ = ["SourceOptions", "kind_of", "open_source"]

_GLOB = re.compile(r"[*?\[]")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")  # two letters at least: C:\ is a drive
_CAMERA = re.compile(r"\d{1,3}|/dev/video\d+|camera:.+")


def open_source(spec: str, options: SourceOptions | None = None) -> VideoSource:
    """Open what `spec` names: a file, camera, stream address, pictures, or `phantom`.

    Raises a SourceError that says what was expected there, within the time-outs, and leaves nothing open.
    """
    options = options or SourceOptions()
    source = _open(spec, options)
    if options.realtime and not source.info.is_live:
        from scr_live.sources.pacing import Paced

        return Paced(source)
    return source


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
def _open(spec: str, options: SourceOptions) -> VideoSource:
    match kind_of(spec):
        case "phantom":
            from scr_live.sources.phantom import PhantomSource, parse_phantom

            phantom = parse_phantom(spec)
            return PhantomSource(replace(phantom, duration_s=None) if options.loop else phantom)
        case "camera":
            from scr_live.sources.camera import open_camera

            return open_camera(spec, options)
        case "stream":
            from scr_live.sources.stream import open_stream

            return open_stream(spec, options)
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
