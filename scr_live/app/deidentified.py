"""A sink that keeps the margins of pictures, with names and dates in them, from another one."""

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from scr_live.frames import Picture
from scr_live.margins.pictures import Deidentifier, Plates
from scr_live.sinks import Sink


class Deidentified(Sink):
    """Hands on every picture with black around the field; the inner sink stays whose it is.

    It follows the field by itself, so that neither a model that fails nor one that is late lets a name pass.
    Pictures of sightings do not come by here: see `sighting_pictures`.
    """

    def __init__(
        self,
        sink: Sink,
        plates: Plates | None = None,
        *,
        raw: bool = False,
        is_idle: Callable[[], bool] | None = None,
    ) -> None:
        """raw: the sink takes the frames instead of what is shown, so these are what is cleaned.

        is_idle: says when the sink needs no picture: the field is followed all the same, so that a recording
        that begins later knows it.
        """
        self._sink = sink
        self._is_idle = is_idle or _never
        self._margins = Deidentifier(plates)
        self._raw = raw
        self._pictures = 0
        self._hidden = 0

    @property
    def problems(self) -> list[str]:
        """Says so if much of what was kept is black: a few pictures before an examination are as usual."""
        if self._hidden <= _USUALLY_HIDDEN * self._pictures:
            return []
        black = f"{self._hidden} of {self._pictures} recorded pictures are black: "
        return [
            f"{black}no endoscopic field stood out in them. --keep-margins records everything that comes in."
        ]

    @property
    def written(self) -> int:
        """What the inner sink says that it wrote, or else how many pictures it was handed."""
        return int(getattr(self._sink, "written", self._pictures))

    def write(self, picture: Picture) -> None:
        """Hand on what may be kept of the picture."""
        self._margins.follow(picture)
        if self._is_idle():
            return
        self._sink.write(self._frame_of(picture) if self._raw else self._margins.picture(picture))
        self._pictures += 1
        self._hidden += self._margins.hides_all

    def _frame_of(self, picture: Picture) -> Picture:
        kept = self._margins.picture(replace(picture, image=picture.frame.image))
        return replace(kept, frame=replace(picture.frame, image=kept.image))

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sink.__exit__(kind, error, trace)


_USUALLY_HIDDEN: Final = 0.1


def _never() -> bool:
    return False
