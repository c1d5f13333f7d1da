"""A phantom as a clip of a camera's size, rendered before anything is measured."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from scr_live.bench.pictures import enlarged
from scr_live.errors import OptionError
from scr_live.frames import Frame, Picture
from scr_live.phantom.options import PhantomOptions, parse_phantom
from scr_live.phantom.render import render
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.recorder import Recorder

SIZE: Final = (1920, 1080)
"""Of a phantom that names no size of its own."""
LONGEST_S: Final = 600.0


def render_clip(spec: str, path: Path, *, progress: Callable[[float], None] = lambda _: None) -> None:
    """Write `phantom:...` to an mp4: in the size that it names, else rendered small and enlarged to SIZE."""
    options = replace(parse_phantom(spec), is_live=False)
    count = options.frame_count
    if count is None or (options.duration_s or 0) > LONGEST_S:
        raise OptionError(
            f"A phantom that is to be rendered must end, after {LONGEST_S:g} s at most: {spec}."
        )
    names_size = "size=" in spec.replace(" ", "")
    recording = RecorderOptions(quality=20, nominal_fps=options.fps, force=True)
    with Recorder(path, recording) as recorder:
        for index in range(count):
            recorder.write(_picture(options, index, names_size=names_size))
            progress((index + 1) / count)


def _picture(options: PhantomOptions, index: int, *, names_size: bool) -> Picture:
    image, _ = render(options, index)
    image = image if names_size else enlarged(image, *SIZE)
    frame = Frame(image, index, index / options.fps, captured_at=0.0)
    return Picture(frame, None, frame.image)
