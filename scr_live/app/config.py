"""Everything a run can be told, and what is refused before anything is opened."""

from dataclasses import dataclass, field
from pathlib import Path

from scr_live.app.picture_folder import check_no_output_in, folder_beside
from scr_live.engines.opening import check_names, check_threads, check_threshold
from scr_live.errors import OptionError
from scr_live.files import check_distinct, check_results
from scr_live.shipped import DEFAULT_MODEL
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.sidecar import check_no_track, track_path
from scr_live.sinks.web.options import ServeOptions
from scr_live.sources.options import LONGEST_WAIT_S, SourceOptions
from scr_live.tracking.alerts import AlertRule


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything `scr-live run` can be told."""

    source: str
    source_options: SourceOptions = field(default_factory=SourceOptions)
    record: Path | None = None
    record_later: Path | None = None
    """Name, with {time} in it, of recordings that a person starts in a live run; None: nobody can."""
    record_raw: Path | None = None
    """What came in, without marks, beside it."""
    keep_margins: bool = False
    """Recordings and snapshots show what lies around the field, too: names, dates, a second picture."""
    recording: RecorderOptions = field(default_factory=RecorderOptions)
    model: str = DEFAULT_MODEL
    engine: str = "auto"
    precision: str = "auto"
    threads: int = 0
    isolate: bool | None = None
    """The engine in a process of its own; None: live alone."""
    ai_timeout_s: float = 10.0
    """An isolated engine that takes longer for a picture is ended and opened anew."""
    threshold: float | None = None
    """None: what the model's card recommends."""
    display: bool = True
    stats: Path | None = None
    max_frames: int | None = None
    max_overlay_age_s: float = 0.3
    tracking: bool = True
    """Whether regions are followed from frame to frame; never in a folder of images."""
    alert_after_s: float = 0.5
    faint: bool = True
    """Whether what is not announced yet is drawn."""
    events: Path | None = None
    """JSON lines of what happens; pictures of the sightings come beside it."""
    serve: ServeOptions | None = None
    """The page in a browser; None: there is none."""


def check(config: RunConfig) -> None:
    """Raise an OptionError or SinkError for what cannot be meant or cannot be written."""
    if not config.source:
        raise OptionError("--source is empty. Give a file, a camera, an address, a folder or phantom.")
    check_names(config.engine, config.precision)
    check_threads(config.threads)
    check_threshold(config.threshold)
    if not 0 < config.ai_timeout_s <= LONGEST_WAIT_S:
        raise OptionError(
            f"--ai-timeout must be more than 0 and at most {LONGEST_WAIT_S} seconds; found "
            f"{config.ai_timeout_s}."
        )
    if not 0 <= config.max_overlay_age_s < float("inf"):
        raise OptionError(
            f"--max-overlay-age must be a number of seconds from 0; found {config.max_overlay_age_s}."
        )
    AlertRule(config.alert_after_s)  # it refuses what cannot be meant
    if config.max_frames is not None and config.max_frames < 1:
        raise OptionError(f"--max-frames must be at least 1; found {config.max_frames}.")
    _check_recording(config)
    _check_track(config)
    check_results({"--stats": config.stats})
    outputs = _outputs(config)
    check_distinct({**outputs, "--source": Path(config.source)})
    if config.events is not None and config.tracking:
        check_no_output_in(folder_beside(config.events), outputs)


def _outputs(config: RunConfig) -> dict[str, Path | None]:
    """What is written, by the option that names it or a file beside it."""
    tracked = _tracked(config)
    return {
        "--stats": config.stats,
        "--events": config.events,
        "--record": config.record,
        "--record-raw": config.record_raw,
        "the recordings that a person starts": config.record_later,
        "the track of sightings beside --record": None if tracked is None else track_path(tracked),
    }


def _check_recording(config: RunConfig) -> None:
    """Refuse what would be heeded by nobody: whoever asks for a safe recording must not have none."""
    if config.record is None and config.record_later is not None and not (config.serve or config.display):
        raise OptionError(
            "--record-to is for recordings that a person starts, and nobody could: give --serve, or leave "
            "--no-display out. To record from the start, name the file with --record."
        )
    if config.record is not None or config.record_later is not None or config.record_raw is not None:
        return
    asked = {
        "--segment": config.recording.segment is not None,
        "--record-fallback": config.recording.fallback is not None,
        "--record-safety frame": config.recording.safety == "frame",
    }
    for option, is_asked in asked.items():
        if is_asked:
            raise OptionError(
                f"{option} is about a recording, and none is made. Name its file with --record, or a folder "
                "for those that are started later with --record-to."
            )


def _check_track(config: RunConfig) -> None:
    """Refuse another's track where that of the recording belongs."""
    if (tracked := _tracked(config)) is not None:
        check_no_track(tracked, force=config.recording.force)


def _tracked(config: RunConfig) -> Path | None:
    """The recording that gets a track, if its name is known by now; numbered ones show later."""
    is_known = config.events is not None and config.recording.segment is None
    return config.record if is_known else None
