"""What `scr-live archive` can be told, and what is refused before anything is looked at."""

from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from scr_live.engines.opening import check_names, check_threshold
from scr_live.errors import OptionError
from scr_live.machine import usable_cores
from scr_live.shipped import DEFAULT_MODEL
from scr_live.sinks.options import RecorderOptions
from scr_live.tracking.alerts import AlertRule

MOST_WORKERS_PER_CORE: Final = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """What the results depend on: the same for all videos of an archive, and kept with the results."""

    model: str = DEFAULT_MODEL
    engine: str = "auto"
    precision: str = "auto"
    threshold: float | None = None
    """None: what the model's card recommends."""
    tracking: bool = True
    alert_after_s: float = 0.5
    record: bool = False
    """An annotated recording of each video."""
    keep_margins: bool = False
    """Recordings show what lies around the field, too."""
    quality: int = 20
    """Of the recordings, 0 (best) to 51."""

    def as_dict(self) -> dict[str, str | int | float | bool | None]:
        """For JSON; `Settings(**...)` makes them of it again."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ArchiveConfig:
    """Everything that the command can be told."""

    source: Path
    """A folder, or a manifest: a text or CSV file with a path a line."""
    out: Path
    settings: Settings = field(default_factory=Settings)
    workers: int = 0
    """Videos at a time; 0: one a core, or on Ray as many as its cores allow."""
    threads: int = 0
    """Of the engine, for each video; 0: the cores, shared out among the workers."""
    ray: str | None = None
    """Address of a Ray cluster, or local; None: processes of this machine."""
    retry_failed: bool = False
    force: bool = False
    """Remove earlier results and begin anew."""


def check(config: ArchiveConfig) -> None:
    """Raise an OptionError for what cannot be meant, or for an extra that is missing."""
    settings = config.settings
    check_names(settings.engine, settings.precision)
    check_threshold(settings.threshold)
    AlertRule(settings.alert_after_s)  # it refuses what cannot be meant
    RecorderOptions(quality=settings.quality)  # so does this
    if settings.keep_margins and not settings.record:
        raise OptionError("--keep-margins is about recordings, and none are made. Add --record.")
    most = MOST_WORKERS_PER_CORE * usable_cores()
    for option, value in (("--workers", config.workers), ("--threads", config.threads)):
        if value < 0 or (config.ray is None and value > most):
            raise OptionError(
                f"{option} must be from 0 (by the cores) to {most}, {MOST_WORKERS_PER_CORE} for each core of "
                f"this machine; found {value}."
            )
    if config.ray is not None and not config.ray:
        raise OptionError("--ray is empty. Give the address of a cluster, auto, or local.")
    if config.force and config.retry_failed:
        raise OptionError(
            "--force does everything anew, those that failed included: leave out --retry-failed."
        )
    if find_spec("pyarrow") is None:
        raise OptionError(
            "scr-live archive writes its results with pyarrow, of the extra `archive`, which is missing: "
            "pip install 'scr-live[archive]'."
        )
    if config.ray is not None and find_spec("ray") is None:
        raise OptionError("--ray needs the extra `ray`, which is missing: pip install 'scr-live[ray]'.")


def shared_out(workers: int, threads: int, *, videos: int) -> tuple[int, int]:
    """How many workers of this machine, and how many engine threads each: no more than there are cores."""
    cores = usable_cores()
    workers = min(workers or cores, max(videos, 1))
    return workers, threads or max(1, cores // workers)
