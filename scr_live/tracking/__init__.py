"""From frames to sightings: steady masks, identities, alerts, the quality of the input."""

from scr_live.tracking.alerts import AlertRule
from scr_live.tracking.following import Tracking, TrackingOptions

__all__ = ["AlertRule", "Tracking", "TrackingOptions"]
