"""What the answers of the API look like, for /openapi.json."""

from typing import Literal

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """Why there is no other answer."""

    detail: str


class Source(BaseModel):
    """Where the video comes from."""

    name: str
    kind: str
    live: bool
    width: int
    height: int
    fps: float | None


class Frames(BaseModel):
    """Counted since the start."""

    captured: int
    inferred: int
    composed: int
    recorded: int
    dropped: int = Field(description="At all channels together.")
    marked: int


class Recording(BaseModel):
    """How the annotated recording does that is on, or that failed last."""

    file: str
    frames: int
    bytes: int
    elapsed_s: float = Field(description="How long it lasts, over all its files.")
    free_bytes: int | None = Field(description="On its disk; null: not known yet.")
    hours_left: float | None = Field(description="At the rate of the last minute; null: not known yet.")
    problem: str = Field(description="What it survived, or what ended it; empty: nothing.")


class Delays(BaseModel):
    """In milliseconds, over the last five seconds. null: nothing was measured in them."""

    video_p50: float | None
    video_p99: float | None
    annotation_p50: float | None
    annotation_p99: float | None


class ControlsNow(BaseModel):
    """What can be changed, as it is now."""

    overlay: bool
    threshold: float
    alert_after_s: float | None = Field(description="null: this run does not follow regions.")
    recording: bool | None = Field(
        description="Whether one is on; null: it cannot be started or ended from here, see `recording_fixed`."
    )
    saved: str | None = Field(default=None, description="Name of the snapshot that was asked for.")


class Status(BaseModel):
    """How the run stands."""

    source: Source
    engine: str
    model: str
    signal: Literal["ok", "lost", "frozen", "black", "saturated"]
    ai: Literal["on", "behind", "late", "off", "starting", "none"] = Field(
        description="none: there is no signal, so nothing to judge."
    )
    status: str = Field(description="What is written on the picture; empty: all is well.")
    marks_age_s: float | None
    elapsed_s: float
    fps: float
    frames: Frames
    recording: Recording | None
    recording_fixed: str = Field(
        description="Why no recording can be started or ended from here; empty: it can."
    )
    delays_ms: Delays | None
    controls: ControlsNow
    withdrawal_s: float | None
    viewers: int
    run: Literal["going", "ended", "gone"] = Field(description="gone: its process has left without a word.")


class Sighting(BaseModel):
    """A region that was announced; times in seconds of the video."""

    number: int
    first_s: float | None
    last_s: float | None
    open: bool
    score: float
    largest_field_share: float
    snapshot: str | None
