"""The composition root: one frozen config becomes the objects of a run; below it nobody sees options."""

from scr_live.app.config import RunConfig
from scr_live.app.outcome import Outcome, Started
from scr_live.app.run import run_video

__all__ = ["Outcome", "RunConfig", "Started", "run_video"]
