"""The sightings of a run as the page shows them, each with a picture out of the video."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

MOST: Final = 200
MOST_BYTES: Final = 64_000_000


class SightingList:
    """Hears the events of a run, and keeps the newest sightings; used by one thread."""

    def __init__(self) -> None:
        self._all: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._pictures: OrderedDict[int, bytes] = OrderedDict()
        self._bytes = 0

    def hear(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Take an event; most are about something else."""
        if not kind.startswith("sighting-"):
            return
        number = int(facts["sighting"])
        known = self._all.setdefault(
            number,
            {"number": number, "first_s": facts.get("first_s"), "score": 0.0, "largest_field_share": 0.0},
        )
        share = facts.get("largest_field_share", facts.get("field_share")) or 0.0
        known |= {
            "last_s": facts.get("last_s", facts.get("stream_s")),
            "open": kind != "sighting-closed",
            "score": max(known["score"], facts.get("score") or 0.0),
            "largest_field_share": max(known["largest_field_share"], share),
        }
        while len(self._all) > MOST:
            self._forget(next(iter(self._all)))

    def keep_picture(self, number: int, jpeg: bytes) -> None:
        """Take a picture of the sighting, in place of the one before."""
        if number not in self._all:
            return
        self._drop_picture(number)
        self._pictures[number] = jpeg
        self._bytes += len(jpeg)
        while self._bytes > MOST_BYTES and len(self._pictures) > 1:
            self._drop_picture(next(iter(self._pictures)))

    def picture(self, number: int) -> bytes | None:
        """Return its picture as JPEG, if there is one."""
        return self._pictures.get(number)

    def as_list(self) -> list[dict[str, Any]]:
        """Return them as the page gets them, newest first."""
        return [
            {**known, "snapshot": f"/api/sightings/{number}.jpg" if number in self._pictures else None}
            for number, known in reversed(self._all.items())
        ]

    def _forget(self, number: int) -> None:
        del self._all[number]
        self._drop_picture(number)

    def _drop_picture(self, number: int) -> None:
        self._bytes -= len(self._pictures.pop(number, b""))
