"""A run that never was, as the server's process hears of it."""

import json

import numpy as np

from scr_live.sinks.web.hub import Hub, Shown, Told
from scr_live.sinks.web.jpeg import encoded

STATUS = {
    "source": {"name": "clip.mp4", "kind": "file", "live": True, "width": 64, "height": 48, "fps": 25.0},
    "engine": "constant on CPU in fp32",
    "model": "",
    "signal": "ok",
    "ai": "on",
    "status": "",
    "marks_age_s": 0.02,
    "elapsed_s": 4.0,
    "fps": 25.0,
    "frames": {"captured": 9, "inferred": 9, "composed": 9, "recorded": 0, "dropped": 1, "marked": 3},
    "recording": {
        "file": "out.mp4",
        "frames": 9,
        "bytes": 10,
        "elapsed_s": 0.4,
        "free_bytes": 5000,
        "hours_left": 2.5,
        "problem": "",
    },
    "delays_ms": {"video_p50": 20.0, "video_p99": 30.0, "annotation_p50": 40.0, "annotation_p99": 50.0},
    "controls": {"overlay": True, "threshold": 0.5, "alert_after_s": 0.5, "recording": False},
    "recording_fixed": "",
    "withdrawal_s": None,
    "run": "going",
}
METRICS = {
    "placeholders": 0,
    "dropped_at": {"to-model": 1},
    "ai_failures": 2,
    "events": {"sighting-opened": 3, "signal-back": 1},
    "restarts": 0,
    "delays": {
        "video": {"counts": [1] * 14, "count": 2, "sum_s": 0.5},
        "annotation": {"counts": [0] * 14, "count": 0, "sum_s": 0.0},
    },
}
PLACE = {"x": 10, "y": 10, "width": 20, "height": 20}


def image(number=0):
    return np.full((48, 64, 3), number % 256, np.uint8)


def shown(number, jpeg=None):
    return Shown(number, 100 + number, 0.0, encoded(image(number)) if jpeg is None else jpeg)


def event(kind, seq=1, **facts):
    told = {"event": kind, "at": "2026-01-01T00:00:00.000+00:00", "stream_s": 1.0, **facts}
    return Told(seq, kind, json.dumps(told)), told


class AnsweringHub(Hub):
    """A run that does at once what it is told, and remembers it."""

    def __init__(self):
        self.sent = []
        super().__init__(self._obey)
        self.tell_status(STATUS, METRICS)
        self.answers = {"controls": STATUS["controls"]}

    def _obey(self, kind, **facts):
        self.sent.append((kind, facts))
        if kind == "control" and self.answers is not None:
            self.answer(facts["number"], {"number": facts["number"], **self.answers})
        if kind == "look":
            self.show(shown(1 + (self.picture.number if self.picture else 0)))
