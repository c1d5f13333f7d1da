"""Pictures of the run as JPEG: as a whole, in the sizes that somebody shows, and what sightings are of."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import cv2
import numpy as np

from scr_live.frames import Image
from scr_live.processes.wire import Message
from scr_live.sinks.web.hub import ENOUGH, Shown

QUALITY: Final = 80
HALVED: Final = (2, 1, 0)
"""How often a picture is halved, for any number of viewers. Other shares take ten times as long to make."""
_AROUND: Final = 0.5
"""Of a sighting's longer side, that is shown on each side of it."""
_SMALLEST: Final = 96


class Camera:
    """Takes pictures and events in the order in which they come; used by one thread."""

    def __init__(self) -> None:
        self._count = 0
        self._best: dict[int, float] = {}
        """Scores of the sightings that are open."""
        self._wanted: dict[int, Mapping[str, Any]] = {}

    def hear(self, facts: Mapping[str, Any]) -> None:
        """Take an event: of a sighting at its best the next picture is kept."""
        if facts["event"] == "sighting-closed":
            self._best.pop(facts["sighting"], None)
        elif facts["event"] in ("sighting-opened", "sighting-updated"):
            number, score = facts["sighting"], facts["score"] or 0.0
            if score > self._best.get(number, -1.0):
                self._best[number] = score
                self._wanted[number] = facts

    def take(self, message: Message, widths: Iterable[int] = ()) -> tuple[Shown, list[tuple[int, bytes]]]:
        """Return the picture as viewers get it, and those of sightings that are cut out of it.

        widths: of the places where it is shown; 0, or none at all: the whole size.
        """
        image = message.array()
        facts = message.facts
        self._count += 1
        *smaller, largest = (halved(image, times) for times in _times(image.shape[1], widths))
        sizes = {one.shape[1]: encoded(one) for one in smaller}
        shown = Shown(self._count, facts["index"], facts["captured_at"], encoded(largest), sizes)
        wanted, self._wanted = self._wanted, {}
        return shown, [(number, encoded(_cut(image, of, facts["scale"]))) for number, of in wanted.items()]


def encoded(image: Image) -> bytes:
    """Return an RGB image as JPEG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def halved(image: Image, times: int) -> Image:
    """Return the picture with half its width and height, and so on."""
    for _ in range(times):
        height, width = image.shape[:2]
        size = (max(1, width // 2), max(1, height // 2))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return image


def _times(width: int, wanted: Iterable[int]) -> list[int]:
    """Return how often to halve for all who want so many pixels, the smallest picture first."""
    found = {
        next((times for times in HALVED if 0 < ENOUGH * pixels <= width >> times), 0) for pixels in wanted
    }
    return sorted(found or {0}, reverse=True)


def _cut(image: Image, facts: Mapping[str, Any], scale: float) -> Image:
    """Return what is around the box of a sighting."""
    x, y, width, height = (scale * facts[name] for name in ("x", "y", "width", "height"))
    side = max(_SMALLEST, (1 + 2 * _AROUND) * max(width, height))
    rows, columns = image.shape[:2]
    left, top = max(0, round(x + (width - side) / 2)), max(0, round(y + (height - side) / 2))
    right, bottom = min(columns, round(left + side)), min(rows, round(top + side))
    return np.ascontiguousarray(image[top:bottom, left:right]) if right > left and bottom > top else image
