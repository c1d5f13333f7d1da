"""The journal: every event is counted, the latest are kept, listeners hear each one."""

import json
import threading
from datetime import UTC, datetime

from scr_live.events import KEPT, EventKind, Journal

NOON = datetime(2026, 1, 2, 12, 0, 0, 500_000, tzinfo=UTC)


def test_an_event_is_kept_with_its_time_place_and_facts():
    journal = Journal(clock=lambda: NOON)
    journal.tell(EventKind.SIGNAL_LOST, stream_s=1.23456, cause="unplugged")
    assert json.loads(json.dumps(journal.events[0].as_dict())) == {
        "event": "signal-lost",
        "at": "2026-01-02T12:00:00.500+00:00",
        "stream_s": 1.235,
        "cause": "unplugged",
    }


def test_all_are_counted_and_the_latest_kept():
    journal = Journal()
    for number in range(KEPT + 5):
        journal.tell(EventKind.AI_FAILED, cause=str(number))
    journal.tell(EventKind.AI_BACK)
    assert journal.counts == {"ai-failed": KEPT + 5, "ai-back": 1}
    assert len(journal.events) == KEPT
    assert journal.events[0].facts["cause"] == "6"


def test_listeners_hear_every_event_of_every_thread():
    heard = []
    journal = Journal(heard.append)
    threads = [
        threading.Thread(target=lambda: [journal.tell(EventKind.AI_BACK) for _ in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 800
    assert journal.counts == {"ai-back": 800}


def test_the_clock_is_utc():
    journal = Journal()
    journal.tell(EventKind.RUN_ENDED)
    assert journal.events[0].at.tzinfo is UTC
