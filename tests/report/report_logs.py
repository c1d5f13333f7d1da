"""Event logs as a run writes them, and as a disk leaves them."""

import json
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
HEADER = {"event": "log-started", "schema": 1, "version": "0.1.0", "at": NOON.isoformat(), "seq": 0}
BOX = {"x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0}


def told(event, at_s, **facts):
    """An event where stream and clock agree."""
    at = (NOON + timedelta(seconds=at_s)).isoformat()
    return {"event": event, "at": at, "stream_s": float(at_s), **facts}


def at_half_speed(*events):
    """The same in a run that takes twice as long as its video."""
    delays = [datetime.fromisoformat(event["at"]) - NOON for event in events]
    return [
        {**event, "at": (NOON + 2 * delay).isoformat()} for event, delay in zip(events, delays, strict=True)
    ]


def write_log(path, *events, header=HEADER):
    """Lines with their numbers; text goes in as it is."""
    lines = [] if header is None else [json.dumps(header)]
    for seq, event in enumerate(events, 1):
        lines.append(event if isinstance(event, str) else json.dumps({"seq": seq, **event}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def started(**more):
    settings = {"source": "tower.mp4", "width": 1920, "height": 1080, "fps": 25.0, "engine": "openvino"}
    return told("run-started", 0, **settings, model="scr", threshold=0.5, **more)


def ended(at_s, **more):
    return told("run-ended", at_s, captured=25 * at_s, recorded=25 * at_s, cause="end", **more)


def opened(number, at_s, **more):
    seen = {"score": 0.7, "area_px": 400.0, "field_share": 0.01, **BOX}
    return told("sighting-opened", at_s, sighting=number, **{"first_s": at_s - 0.5, **seen, **more})


def updated(number, at_s, **more):
    return {**opened(number, at_s, **more), "event": "sighting-updated"}


def closed(number, at_s, **more):
    """Told a second after it was seen, with the place where it was."""
    facts = {"score": 0.93, "area_px": 900.0, "field_share": 0.03, "frames": 50, "snapshot": None, **BOX}
    largest = {"largest_area_px": 1200.0, "largest_field_share": 0.041}
    seen = {"first_s": at_s - 5.0, "last_s": at_s - 1.0, "stream_s": at_s - 1.0}
    return told("sighting-closed", at_s, sighting=number, **{**facts, **largest, **seen, **more})


def recorded(path, at_s, **more):
    return told("recording-started", at_s, **{"path": str(path), "cause": "start", **more})
