"""Pictures in a folder, of a glob, or a single one, played like a video."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from time import perf_counter

from scr_live.errors import SourceNotFoundError, SourceUnreadableError
from scr_live.frames import USUAL_FPS, Frame, Image
from scr_live.image_files import IMAGE_SUFFIXES, read_rgb
from scr_live.natural import natural_key
from scr_live.sources import SourceInfo, VideoSource


class ImagesSource(VideoSource):
    """Pictures of one size in natural order (img2 before img10), at a nominal rate."""

    def __init__(self, spec: str, *, fps: float | None = None, loop: bool = False) -> None:
        self._paths = find_pictures(spec)
        self._fps = fps or USUAL_FPS
        self._loop = loop
        self._index = 0
        self._closed = Event()
        height, width = read_picture(self._paths[0]).shape[:2]
        self._info = SourceInfo(
            kind="images",
            name=spec,
            width=width,
            height=height,
            fps=self._fps,
            is_live=False,
            frame_count=len(self._paths),
            duration_s=len(self._paths) / self._fps,
        )

    @property
    def info(self) -> SourceInfo:
        """Size of the first picture, number of pictures, nominal rate."""
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        while not self._closed.is_set() and (self._loop or self._index < len(self._paths)):
            index = self._index
            self._index += 1
            image = self._read(self._paths[index % len(self._paths)])
            yield Frame(image, index, index / self._fps, perf_counter())

    def close(self) -> None:
        """End the iteration after the picture that is being read."""
        self._closed.set()

    def _read(self, path: Path) -> Image:
        image = read_picture(path)
        height, width = image.shape[:2]
        if (width, height) != (self._info.width, self._info.height):
            raise SourceUnreadableError(
                f"Expected pictures of one size, {self._info.width}x{self._info.height} like the first one "
                f"({self._paths[0].name}), found {width}x{height} in {path}. Resize them, or run each size "
                "by itself."
            )
        return image


def find_pictures(spec: str) -> list[Path]:
    """List the pictures of a folder, a glob or a path, in natural order; a SourceError if there are none."""
    path = Path(spec)
    if os.path.isdir(spec):  # noqa: PTH112  see below
        found = [entry for entry in path.iterdir() if entry.suffix.lower() in IMAGE_SUFFIXES]
        if not found:
            raise SourceUnreadableError(
                f"Expected pictures ({', '.join(IMAGE_SUFFIXES)}) in the folder {spec}, found none. Give a "
                "folder that has some directly inside, or a video file."
            )
    elif os.path.exists(spec):  # noqa: PTH110  Path.exists raises for a name that is too long
        found = [path]
    else:
        found = [Path(name) for name in glob.glob(spec)]  # noqa: PTH207  Path.glob takes no absolute patterns
        found = [entry for entry in found if entry.suffix.lower() in IMAGE_SUFFIXES]
        if not found:
            raise SourceNotFoundError(
                f"Expected pictures at {spec}, found none. Check the path; quote a pattern so that the shell "
                "leaves it alone."
            )
    return sorted(found, key=natural_key)


def read_picture(path: Path) -> Image:
    """Read one picture as (h, w, 3) RGB; a SourceError if it is none."""
    try:
        image = read_rgb(path)
    except OSError as error:
        raise SourceUnreadableError(
            f"Expected a readable picture at {path}, but reading failed: {error.strerror}."
        ) from error
    if image is None:
        raise SourceUnreadableError(
            f"Expected a picture at {path}, found something that cannot be decoded as one. Remove it, or "
            "copy it again."
        )
    return image
