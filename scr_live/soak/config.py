"""What a soak can be told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scr_live.engines.opening import check_names, check_threads
from scr_live.errors import OptionError
from scr_live.files import check_results
from scr_live.phantom.options import PhantomOptions
from scr_live.shipped import DEFAULT_MODEL
from scr_live.sources.options import FASTEST_FPS, SLOWEST_FPS

LONGEST_MIN: Final = 7 * 24 * 60
QUICKEST_SAMPLES_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class SoakConfig:
    """Everything `scr-live soak` can be told."""

    minutes: float
    seed: int = 0
    fault_every_s: float = 5.0
    """Mean pause from one fault to the next, of the source and of the engine each."""
    width: int = 640
    height: int = 480
    fps: float = 30.0
    engine: str = "constant"
    model: str = DEFAULT_MODEL
    precision: str = "auto"
    threads: int = 0
    record: Path | None = None
    """Folder for the recording."""
    report: Path | None = None
    sample_every_s: float = 5.0

    @property
    def duration_s(self) -> float:
        """How long it takes."""
        return 60 * self.minutes

    @property
    def quiet_s(self) -> float:
        """Without faults, at the beginning: what opens has opened by then."""
        return min(5.0, self.duration_s / 10)


def check(config: SoakConfig) -> None:
    """Raise an OptionError or SinkError before an hour is spent."""
    if not 0 < config.minutes <= LONGEST_MIN:
        raise OptionError(
            f"--minutes must be more than 0 and at most {LONGEST_MIN}; found {config.minutes:g}."
        )
    if not 0 < config.fault_every_s <= config.duration_s:
        raise OptionError(
            f"--fault-every must be more than 0 s and at most the whole soak; found {config.fault_every_s:g}."
        )
    if not QUICKEST_SAMPLES_S <= config.sample_every_s <= config.duration_s:
        raise OptionError(
            f"--sample-every must be at least {QUICKEST_SAMPLES_S:g} s and at most the whole soak; found "
            f"{config.sample_every_s:g}."
        )
    if not SLOWEST_FPS <= config.fps <= FASTEST_FPS:
        raise OptionError(f"--fps must be from {SLOWEST_FPS} to {FASTEST_FPS}; found {config.fps:g}.")
    PhantomOptions(width=config.width, height=config.height, seed=config.seed)  # raises what is wrong with it
    check_names(config.engine, config.precision)
    check_threads(config.threads)
    check_results({"--report": config.report})
    if config.record is not None and not config.record.is_dir():
        raise OptionError(f"--record: there is no folder {config.record}. Create it, or name another one.")
