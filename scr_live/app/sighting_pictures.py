"""A picture of each sighting: its best frame with its contour, without margins unless they are wanted."""

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.app.picture_folder import check_folder, clear_folder, picture_name
from scr_live.errors import OutputUnwritableError, SinkError
from scr_live.files import make_folder, write_bytes
from scr_live.frames import Frame, Image, Mask, Polyp, Prediction, Quality, Signal
from scr_live.geometry import Box, Placement
from scr_live.margins.mask import FieldMask, MarginMask, blacken
from scr_live.overlays import ContourOverlay
from scr_live.predictor import Follower
from scr_live.sinks.hearing import Hearing

_ROOM_BYTES: Final = 1 << 27  # 21 pictures of 1080p, 5 of 2160p
_JPEG_QUALITY: Final = 92


@dataclass(frozen=True, slots=True, eq=False)
class MaskedFrame(Frame):
    """A frame that says what of it may be kept."""

    mask: FieldMask | None = None
    """None: nothing."""


class MarginsFollowed:
    """A Follower that has another one work on masked frames, so that pictures of any of them can be cleaned.

    It sees every frame that was inferred: a look at one frame alone may take a page for a field.
    After a loss of the signal it may be another scope's.
    """

    def __init__(self, inner: Follower) -> None:
        self._inner = inner
        self._margins = MarginMask()

    def update(
        self, frame: Frame, network_input: NDArray[np.uint8], probability: Mask, placement: Placement
    ) -> tuple[Mask, Quality]:
        """Have it done."""
        return self._inner.update(frame, network_input, probability, placement)

    def follow(self, frame: Frame, polyps: tuple[Polyp, ...], placement: Placement) -> tuple[Polyp, ...]:
        """Have it done with the frame masked."""
        mask = self._margins.update(frame.image)
        masked = MaskedFrame(
            frame.image, frame.index, frame.pts_s, frame.captured_at, frame.signal, mask=mask
        )
        return self._inner.follow(masked, polyps, placement)

    def pass_by(self, frame: Frame) -> None:
        """Tell the other; after a loss of the signal begin anew."""
        if frame.signal is Signal.LOST:
            self._margins = MarginMask()
        self._inner.pass_by(frame)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    path: Path
    frame: Frame
    polyp: Polyp


class SightingPictures:
    """Writes JPEG files into a folder, in a thread of its own: nobody waits for the disk.

    A picture that finds too many others waiting is not taken. Without margins a frame is black but for what
    both its mask and a look at it alone show; one without a mask is black altogether.
    SinkError: the folder cannot be written to, or holds pictures of an earlier run; with `force` these are
    removed before the first is written, or at a good end: a run that never starts leaves them. What goes
    wrong later stands in `problems`.
    """

    def __init__(
        self, folder: Path, *, keep_margins: bool, force: bool = False, room_bytes: int = _ROOM_BYTES
    ) -> None:
        check_folder(folder, force=force)
        make_folder(folder)
        self._folder = folder
        self._keep_margins = keep_margins
        self._is_to_clear = force
        self._ended_well = False
        self._room_bytes = room_bytes
        self._lock = threading.Lock()
        self._asked = 0
        self._waiting = self._waiting_bytes = 0
        self._cause = self._uncleared = ""
        self.dropped = 0
        """Pictures that were not taken."""
        self.unwritten = 0
        """Pictures that were taken, and are not in the folder."""

    @property
    def problems(self) -> list[str]:
        """One sentence if pictures are missing, with the first cause, or earlier ones cannot be removed."""
        if not self.dropped + self.unwritten:
            return [self._uncleared] if self._uncleared else []
        counts = f"{self.unwritten} could not be written and {self.dropped} found too many others waiting"
        asked = f"Of {self._asked} pictures of sightings in {self._folder}"
        return [f"{asked}, {counts}: {self._cause}."]

    def __call__(self, number: int, frame: Frame, polyp: Polyp, _placement: Placement) -> Path | None:
        """Have the picture of this sighting written; return its path, relative to the folder's parent.

        None: it is not taken.
        """
        path = self._folder / picture_name(number)
        is_taken = self._take(_Job(path, frame, replace(polyp, announced=True)))
        return Path(self._folder.name) / path.name if is_taken else None

    def __enter__(self) -> Self:
        self._hearing = Hearing(self._work, self._finish, name="sighting-pictures")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended_well = error is None
        if not self._hearing.close():
            with self._lock:
                self._fail("the disk did not answer at the end of the run", pictures=self._waiting)

    def _take(self, job: _Job) -> bool:
        size = job.frame.image.nbytes
        with self._lock:
            self._asked += 1
            has_room = not self._waiting or self._waiting_bytes + size <= self._room_bytes
            if has_room and self._hearing.put(job):
                self._waiting += 1
                self._waiting_bytes += size
                return True
            self.dropped += 1
            self._cause = self._cause or "the disk is too slow"
            return False

    def _work(self, job: _Job) -> None:
        cause = ""
        try:
            self._clear()
            write_bytes(job.path, self._encoded(job))
        except Exception as error:  # noqa: BLE001 - whatever one picture fails of, the next is to be tried
            cause = str(error).rstrip(".") or type(error).__name__
        with self._lock:
            self._waiting -= 1
            self._waiting_bytes -= job.frame.image.nbytes
            if cause:
                self._fail(cause)

    def _clear(self) -> None:
        if self._is_to_clear:
            clear_folder(self._folder)
            self._is_to_clear = False

    def _finish(self) -> None:
        try:
            if self._ended_well:
                self._clear()
        except SinkError as error:
            self._uncleared = str(error)

    def _fail(self, cause: str, *, pictures: int = 1) -> None:
        self.unwritten += pictures
        self._cause = self._cause or cause

    def _encoded(self, job: _Job) -> bytes:
        picture = self._cleaned(job.frame)
        ContourOverlay()(picture, _only(job))
        is_encoded, data = cv2.imencode(
            ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        )
        if not is_encoded:
            raise OutputUnwritableError(f"{job.path} cannot be made a JPEG file")
        return data.tobytes()

    def _cleaned(self, frame: Frame) -> Image:
        if self._keep_margins:
            return frame.image.copy()
        known = frame.mask if isinstance(frame, MaskedFrame) else None
        return blacken(blacken(frame.image, known), MarginMask().update(frame.image))


def _only(job: _Job) -> Prediction:
    """A prediction that says nothing but this region."""
    nothing = Placement(box=Box.whole(job.frame.image), size=1)
    return Prediction(
        job.frame.index, (job.polyp,), np.zeros((1, 1), np.float32), nothing, 0.0, job.frame.captured_at
    )
