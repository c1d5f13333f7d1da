"""A picture of each sighting: its best frame with its contour, without margins unless they are wanted."""

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np

from scr_live.errors import OutputUnwritableError
from scr_live.frames import Frame, Image, Polyp, Prediction
from scr_live.geometry import Box, Placement
from scr_live.margins.mask import MarginMask, blacken
from scr_live.overlays import ContourOverlay
from scr_live.pipeline.channel import Channel, Overflow

_WAITING: Final = 16
_PATIENCE_S: Final = 2.0
_JPEG_QUALITY: Final = 92


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    path: Path
    frame: Frame
    polyp: Polyp


class SightingPictures:
    """Writes JPEG files into a folder, in a thread of its own: nobody waits for the disk.

    OutputUnwritableError: the folder cannot be made. What goes wrong later stands in `problems`.
    """

    def __init__(self, folder: Path, *, keep_margins: bool) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputUnwritableError(
                f"The folder {folder} for pictures of sightings cannot be made: {error.strerror or error}."
            ) from error
        self._folder = folder
        self._keep_margins = keep_margins
        self._jobs: Channel[_Job] = Channel("to-sighting-pictures", _WAITING, Overflow.DROP_OLDEST)
        self._thread = threading.Thread(target=self._run, name="sighting-pictures", daemon=True)
        self.problems: list[str] = []

    def __call__(self, number: int, frame: Frame, polyp: Polyp, _placement: Placement) -> Path:
        """Have the picture of this sighting written; return its path, relative to the folder's parent."""
        path = self._folder / f"sighting-{number:04d}.jpg"
        self._jobs.put(_Job(path, frame, replace(polyp, announced=True)))
        return Path(self._folder.name) / path.name

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._jobs.close()
        self._thread.join(_PATIENCE_S)
        if self._thread.is_alive():
            self.problems.append(f"Pictures of sightings in {self._folder} were not all written in time.")

    def _run(self) -> None:
        for job in self._jobs:
            try:
                job.path.write_bytes(self._encoded(job))
            except (OSError, cv2.error) as error:
                self.problems.append(f"The picture {job.path} was not written: {error}.")

    def _encoded(self, job: _Job) -> bytes:
        picture = self._cleaned(job.frame.image)
        ContourOverlay()(picture, _only(job))
        _, data = cv2.imencode(
            ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        )
        return data.tobytes()

    def _cleaned(self, image: Image) -> Image:
        return image.copy() if self._keep_margins else blacken(image, MarginMask().update(image))


def _only(job: _Job) -> Prediction:
    """A prediction that says nothing but this region."""
    nothing = Placement(box=Box.whole(job.frame.image), size=1)
    return Prediction(
        job.frame.index, (job.polyp,), np.zeros((1, 1), np.float32), nothing, 0.0, job.frame.captured_at
    )
