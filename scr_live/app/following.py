"""What follows the regions of a run from frame to frame, and keeps pictures of the sightings."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from scr_live.app.config import RunConfig
from scr_live.controls import Controls
from scr_live.events import Journal
from scr_live.frames import Quality
from scr_live.sources import SourceInfo
from scr_live.tracking.alerts import AlertRule

_PICTURES = "-sightings"
"""What the folder of the pictures is called after the events' file."""


class Following:
    """A context manager that closes the sightings which are still open; leave it once the pipeline has ended.

    A folder of images is no video: nothing connects one with the next.
    """

    def __init__(
        self, config: RunConfig, info: SourceInfo, journal: Journal, controls: Controls | None = None
    ) -> None:
        """controls: its alert rule counts, from frame to frame."""
        from scr_live.tracking.following import Tracking  # noqa: PLC0415 - imports cv2

        self._stack = ExitStack()
        self._pictures = None
        self.tracking: Tracking | None = None
        if not config.tracking or info.kind == "images":
            return
        if config.events is not None:
            from scr_live.app.sighting_pictures import SightingPictures  # noqa: PLC0415 - imports cv2

            self._pictures = SightingPictures(pictures_of(config.events), keep_margins=config.keep_margins)
        controls = controls or Controls()
        controls.alert_after_s = config.alert_after_s
        self.tracking = Tracking(
            rule=lambda: AlertRule(controls.alert_after_s or 0.0),
            journal=journal,
            save_snapshot=self._pictures,
        )

    @property
    def problems(self) -> list[str]:
        """What went wrong with the pictures of the sightings."""
        return [] if self._pictures is None else list(self._pictures.problems)

    @property
    def sightings(self) -> int | None:
        """How many were announced; None: nothing was followed."""
        return None if self.tracking is None else self.tracking.sightings

    @property
    def qualities(self) -> dict[str, int] | None:
        """How many frames were of which quality, by its name; None: nothing was followed."""
        if self.tracking is None:
            return None
        counts = dict(self.tracking.qualities)  # the inference thread may be left behind in it
        return {quality.name.lower(): counts.get(quality, 0) for quality in Quality}

    def __enter__(self) -> Self:
        if self._pictures is not None:
            self._stack.enter_context(self._pictures)
        if self.tracking is not None:
            self._stack.callback(self.tracking.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def pictures_of(events: Path) -> Path:
    """Where the pictures of the sightings lie, beside the file of the events."""
    return events.with_name(events.stem + _PICTURES)
