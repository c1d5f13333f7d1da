"""What follows the regions of a run from frame to frame, and keeps pictures of the sightings."""

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from scr_live.app.config import RunConfig
from scr_live.app.picture_folder import check_folder, folder_beside
from scr_live.controls import Controls
from scr_live.events import Journal
from scr_live.frames import Quality
from scr_live.sources import SourceInfo
from scr_live.tracking.alerts import AlertRule

if TYPE_CHECKING:
    from scr_live.app.guarded import Guarded
    from scr_live.app.sighting_pictures import SightingPictures
    from scr_live.predictor import Follower
    from scr_live.tracking.following import Tracking


class Following:
    """A context manager that closes the sightings which are still open; leave it once the pipeline has ended.

    A folder of images is no video: nothing connects one with the next.
    """

    def __init__(
        self, config: RunConfig, info: SourceInfo, journal: Journal, controls: Controls | None = None
    ) -> None:
        """controls: its alert rule counts, from frame to frame."""
        follows = config.tracking and info.kind != "images"
        self._stack = ExitStack()
        self._pictures = _pictures(config) if follows else None
        self._tracker = _tracker(config, journal, self._pictures, controls or Controls()) if follows else None
        self._guarded = None if self._tracker is None else _guarded(config, self._tracker)
        self.tracking: Follower | None = self._guarded
        """What is to see every answer; None: nothing is followed."""

    @property
    def problems(self) -> list[str]:
        """What went wrong with the following, and with the pictures of the sightings."""
        return [
            problem for one in (self._guarded, self._pictures) if one is not None for problem in one.problems
        ]

    @property
    def sightings(self) -> int | None:
        """How many were announced; None: nothing was followed."""
        return None if self._tracker is None else self._tracker.sightings

    @property
    def qualities(self) -> dict[str, int] | None:
        """How many frames were of which quality, by its name; None: nothing was followed."""
        if self._tracker is None:
            return None
        counts = dict(self._tracker.qualities)  # the inference thread may be left behind in it
        return {quality.name.lower(): counts.get(quality, 0) for quality in Quality}

    def __enter__(self) -> Self:
        if self._pictures is not None:
            self._stack.enter_context(self._pictures)
        if self._tracker is not None:
            self._stack.callback(self._tracker.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def check_pictures(config: RunConfig) -> None:
    """Raise a SinkError if pictures of sightings cannot or must not be written where they would be."""
    if config.events is not None and config.tracking:
        check_folder(folder_beside(config.events), force=config.recording.force)


def _pictures(config: RunConfig) -> "SightingPictures | None":
    if config.events is None:
        return None
    from scr_live.app.sighting_pictures import SightingPictures  # noqa: PLC0415 - imports cv2

    return SightingPictures(
        folder_beside(config.events), keep_margins=config.keep_margins, force=config.recording.force
    )


def _tracker(
    config: RunConfig, journal: Journal, pictures: "SightingPictures | None", controls: Controls
) -> "Tracking":
    from scr_live.tracking.following import Tracking  # noqa: PLC0415 - imports cv2

    controls.alert_after_s = config.alert_after_s
    return Tracking(
        rule=lambda: AlertRule(controls.alert_after_s or 0.0), journal=journal, save_snapshot=pictures
    )


def _guarded(config: RunConfig, tracker: "Tracking") -> "Guarded":
    from scr_live.app.guarded import Guarded  # noqa: PLC0415 - imports cv2

    if config.keep_margins or config.events is None:
        return Guarded(tracker)
    from scr_live.app.sighting_pictures import MarginsFollowed  # noqa: PLC0415 - imports cv2

    return Guarded(MarginsFollowed(tracker))
